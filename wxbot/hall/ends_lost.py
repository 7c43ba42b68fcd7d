"""A later end to which two people had agreed, read out of the database that a copy takes the place of, and given to the copy."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.hall import changes, journal
from wxbot.hall.evening import Evening
from wxbot.hall.models import Hall, HallEvent
from wxbot.instant.changes import RUNNING, SUBJECT, add_budget, take_over
from wxbot.logs import get_logger
from wxbot.payouts.models import RuleChange
from wxbot.staff.models import Staff

log = get_logger(__name__)


class LostEnd(NamedTuple):
    """One end that was agreed to, as the log said it."""

    until: int
    """Unix seconds."""
    names: list[str]
    """Of the two people, as the log names them."""
    asked: tuple[int, datetime]
    """Who asked, and when."""
    agreed: tuple[int, datetime]
    content_sha256: str | None


def agreed(session: Session) -> Mapping[int, list[LostEnd]]:
    """Campaign → the ends to which two people had put it later, in their order: those that its log and its changes say alike."""
    query = select(RuleChange).where(RuleChange.subject_kind == SUBJECT, RuleChange.status == "approved")
    change_of = {
        (each.subject_id, each.asked["end"]): each
        for each in session.scalars(query.order_by(RuleChange.id))
        if "end" in each.asked
    }
    found: defaultdict[int, list[LostEnd]] = defaultdict(list)
    lines = select(HallEvent.campaign_id, HallEvent.body).where(HallEvent.kind == "prolonged")
    for campaign_id, body in session.execute(lines.order_by(HallEvent.campaign_id, HallEvent.seq)):
        said = json.loads(body)
        change = change_of.get((campaign_id, said["until"]))
        if change is not None and change.decided_by is not None and change.decided_at is not None:
            asked, second = (change.requested_by, change.requested_at), (change.decided_by, change.decided_at)
            found[campaign_id].append(LostEnd(said["until"], said["names"], asked, second, change.content_sha256))
    return found


def put_back(session: Session, hall: Hall, evening: Evening, lost: Sequence[LostEnd], now: datetime) -> None:
    """Put the end of a hall that was restored later again, with log, published rules and what was agreed to. `hall` is locked.

    An end that has passed, or of which the copy does not know both people under these names, is not taken over. None is where the
    last one is such: the log would say an end that nobody doubts, and the desk would no longer ask for the real one (`ends`).
    """
    if not lost or not _are_known(session, lost[-1]):
        return
    campaign = session.get_one(Campaign, hall.campaign_id)
    for each in lost:
        end = max(int(campaign.end_at.timestamp()), int(now.timestamp()), evening.at)
        if campaign.status not in RUNNING or each.until <= end or not _are_known(session, each):
            continue
        proposal = changes.propose(session, campaign, hall, {"end": each.until})
        for kind, body in changes.lines_of(campaign, proposal, each.names):
            journal.require_and_append(session, hall, kind, body, now, evening)
        session.add(
            RuleChange(
                subject_kind=SUBJECT,
                subject_id=campaign.id,
                asked={"end": each.until},
                status="approved",
                requested_by=each.asked[0],
                requested_at=each.asked[1],
                decided_by=each.agreed[0],
                decided_at=each.agreed[1],
                content_sha256=each.content_sha256,
            )
        )
        add_budget(session, campaign, proposal.more_fen, now)
        take_over(session, campaign, proposal, now)
        log.warning("hall_end_put_back", campaign_id=campaign.id, until=each.until)


def _are_known(session: Session, lost: LostEnd) -> bool:
    """Whether the copy knows them as two people; what a damaged database says must not keep its copy from coming up."""
    people = (lost.asked[0], lost.agreed[0])
    are_there = all(session.get(Staff, staff_id) is not None for staff_id in people)
    return are_there and len(set(people)) == len(people) and journal.names_of_two(session, *people) == lost.names
