"""After a restore: an end that may have been put later in what was lost, and what is done until somebody has said so.

A copy that takes the place of a database which can still be read is given the later end at once (`ends_lost`). Any other copy cannot
know of one. The public log of before says it, on screens, phones and in records that people have downloaded; so the desk asks for
it, two people may agree to it once more also when the end that the copy knows has come, and for a while that end closes nothing.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot import lineage
from wxbot.campaigns.models import Campaign
from wxbot.hall import journal
from wxbot.hall.models import HallEvent
from wxbot.instant.changes import RUNNING

HELD = timedelta(hours=1)
"""So long behind a restore, or the thaw that followed, two people have time to put the end later once more."""


def doubted_until(session: Session, campaign: Campaign) -> datetime | None:
    """Until when the end of a running hall may still be put later though it may have come; None where it is known."""
    if campaign.status not in RUNNING:
        return None
    mine = (HallEvent.campaign_id == campaign.id) & (HallEvent.kind == "restored")
    restored_at = session.scalar(select(HallEvent.at).where(mine).order_by(HallEvent.seq.desc()).limit(1))
    if restored_at is None or not journal.evening(session, campaign.id).is_end_doubted:
        return None
    return max(campaign.end_at, restored_at + HELD)


def is_held(session: Session, campaign: Campaign, now: datetime) -> bool:
    """Whether a hall whose end has come is not closed for it yet: the database may be old, or was restored just now."""
    until = doubted_until(session, campaign)
    return lineage.is_frozen(session) or (until is not None and now < until)
