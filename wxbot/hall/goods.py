"""Things that are handed over on the stage, and the log's line that somebody has their prize."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.hall import journal
from wxbot.hall.absent import winner
from wxbot.hall.models import Hall, Winner
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
    with runtime.database.transaction() as session:
        mine = select(Hall).where(Hall.campaign_id == campaign.id)
        if session.scalar(mine) is None:
            return 0
        hall = journal.lock(session, campaign.id)
        paid = {(each.d, no) for each in journal.evening(session, campaign.id).selections.values() for no in each.paid}
        query = select(Winner.d, Winner.guest_no).join(Award, Award.id == Winner.award_id)
        query = query.where(Winner.campaign_id == campaign.id, Award.status.in_(("paid", "given")))
        due = [(d, no) for d, no in session.execute(query.order_by(Winner.d, Winner.place)) if (d, no) not in paid]
        now = runtime.database.now(session)
        for d, no in due[:BATCH]:
            journal.require_and_append(session, hall, "paid", {"d": d, "no": no}, now)
        return len(due[:BATCH])
