"""Things that are handed over on the stage, and the log's line that somebody has their prize."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns import lease
from wxbot.campaigns.models import Campaign
from wxbot.hall import journal
from wxbot.hall.absent import winner
from wxbot.hall.evening import Evening
from wxbot.hall.models import Winner
from wxbot.instant import awards
from wxbot.instant.models import Award
from wxbot.runtime import Runtime
from wxbot.text import Refusal, Text
from wxbot.transitions import moved_on

BATCH = 200
"""Lines `paid` written in one transaction."""

NOT_GOODS = Text("这个奖品不是现场领取的实物", "This prize is no thing that is handed over")


def hand_over(session: Session, campaign_id: int, d: int, no: int, now: datetime) -> None:
    """Tick off that a confirmed winner has their thing. Raises Refusal for other prizes, and when it was ticked off already."""
    hall = journal.lock(session, campaign_id)
    line = winner(session, campaign_id, d, no)
    if line.status != "confirmed" or line.handed_at is not None:
        raise moved_on()
    if not hall.is_rehearsal:
        award = session.get(Award, line.award_id)
        if award is None or award.kind != "goods":
            raise Refusal("kind", NOT_GOODS)
        awards.give(session, award, now)
        journal.require_and_append(session, hall, "paid", {"d": d, "no": no}, now)
    line.handed_at = now
    session.flush()


def note_paid(runtime: Runtime, campaign: Campaign) -> int:
    """A step of the worker's: write into the log who has their prize by now; returns how many. Its lines come late and in no order."""
    with runtime.database.reading() as session:
        have = _have(session, campaign.id)
        if not have or not _due(have, journal.evening(session, campaign.id)):
            return 0
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        lease.keep(session, campaign, now)
        hall = journal.lock(session, campaign.id)
        evening = journal.evening(session, campaign.id)
        due = _due(_have(session, campaign.id), evening)[:BATCH]
        bodies = [{"d": d, "no": no} for d, no in due]
        journal.require_and_append_all(session, hall, "paid", bodies, now, evening)
        return len(due)


def _have(session: Session, campaign_id: int) -> list[tuple[int, int]]:
    """(d, number) of winners who have their prize."""
    query = select(Winner.d, Winner.guest_no).join(Award, Award.id == Winner.award_id)
    query = query.where(Winner.campaign_id == campaign_id, Award.status.in_(("paid", "given")))
    return [(row.d, row.guest_no) for row in session.execute(query.order_by(Winner.d, Winner.place))]


def _due(have: list[tuple[int, int]], evening: Evening) -> list[tuple[int, int]]:
    """Those of whom the log does not say so."""
    said = {(each.d, no) for each in evening.selections.values() for no in each.paid}
    return [each for each in have if each not in said]
