"""A campaign's days: what happened on each Shanghai day, written once by the worker when the day is over (task campaigns.days).

A day counts what happened on it: draws by their moment, what was asked for, received and taken back by theirs, whenever it was
won. So days add up to the whole campaign. A day of now is counted by the same function and not kept. What is counted is the
mechanic's (`CampaignMechanic.days`).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from wxbot import quotas
from wxbot.campaigns import mechanic
from wxbot.campaigns.mechanic import DAY_SUMS
from wxbot.campaigns.models import Campaign
from wxbot.clock import day_began, shanghai_day
from wxbot.db import insert_into
from wxbot.draws.counts import PAGE, visits_of
from wxbot.draws.models import CampaignDay, DrawCount
from wxbot.logs import get_logger
from wxbot.runtime import Runtime

log = get_logger(__name__)

SETTLED = timedelta(minutes=5)
"""A day is written so long after its end: the last draws of it are committed by then."""

AT_ONCE = 31
"""Days of one campaign written in one run of the task, after the worker was away for long."""


@dataclass(frozen=True)
class _Reported:
    """A campaign whose report is not finished: the first day of it that is not written yet."""

    campaign_id: int
    mechanic: str
    is_closed: bool
    changed_on: date
    next_day: date


def write_due(runtime: Runtime) -> int:
    """Write every day that is over and missing, of each launched campaign until nothing of it is owed any more; returns how many."""
    with runtime.database.reading() as session:
        now = runtime.database.now(session)
        waiting = _unfinished(session)
    newest = shanghai_day(now - SETTLED) - timedelta(days=1)
    done = 0
    for one in waiting:
        for n in range(min(AT_ONCE, (newest - one.next_day).days + 1)):
            day = one.next_day + timedelta(days=n)
            with runtime.database.reading() as session:
                kept = _counted(session, one, day)
            with runtime.database.transaction() as session:
                statement = insert_into(session, CampaignDay).values(**kept, written_at=now)
                written = statement.on_conflict_do_nothing(index_elements=["campaign_id", "day"])
                done += session.scalar(written.returning(CampaignDay.campaign_id)) is not None
                if kept["is_last"]:
                    quotas.forget_under(session, visits_of(one.campaign_id))
            log.info("day_written", campaign_id=one.campaign_id, day=kept["day"])
            if kept["is_last"]:
                break
    return done


def _unfinished(session: Session) -> list[_Reported]:
    """Launched campaigns of which a day may be missing."""
    newest = select(func.max(CampaignDay.day)).where(CampaignDay.campaign_id == Campaign.id).scalar_subquery()
    is_over = exists().where(CampaignDay.campaign_id == Campaign.id, CampaignDay.is_last)
    columns = (Campaign.id, Campaign.mechanic, Campaign.status, Campaign.updated_at, Campaign.launched_at)
    query = select(*columns, newest.label("newest")).where(Campaign.launched_at.is_not(None), ~is_over)
    found = []
    for row in session.execute(query.order_by(Campaign.id)):
        after = date.fromisoformat(row.newest) + timedelta(days=1) if row.newest else shanghai_day(row.launched_at)
        closed = row.status == "closed"
        found.append(_Reported(row.id, row.mechanic, closed, shanghai_day(row.updated_at), after))
    return found


def _counted(session: Session, one: _Reported, day: date) -> dict[str, Any]:
    """The columns of one day's row."""
    part, (begin, end) = mechanic.way_of(one.mechanic).days, _span(day)
    settled_at = part.settled_at(session, one.campaign_id)
    is_settled = not part.owes(session, one.campaign_id) and (settled_at is None or settled_at < end)
    return {
        "campaign_id": one.campaign_id,
        "day": day.isoformat(),
        "is_last": one.is_closed and one.changed_on <= day and is_settled,
        **_within(session, one.mechanic, one.campaign_id, begin, end),
    }


def _span(day: date) -> tuple[datetime, datetime]:
    return day_began(day), day_began(day + timedelta(days=1))


def _within(session: Session, name: str, campaign_id: int, begin: datetime, end: datetime) -> dict[str, Any]:
    """DAY_SUMS and the prizes, from `begin` to before `end`."""
    pages = select(func.sum(DrawCount.n)).where(DrawCount.campaign_id == campaign_id, DrawCount.outcome == PAGE)
    visits = session.scalar(pages.where(DrawCount.hour >= begin, DrawCount.hour < end))
    part = mechanic.way_of(name).days
    counted = {"visits": visits} | dict(part.figures(session, campaign_id, begin, end))
    prizes = part.prizes(session, campaign_id, begin, end)
    return {"prizes": prizes, **{name: int(counted.get(name) or 0) for name in DAY_SUMS}}


def listed(session: Session, campaign: Campaign, now: datetime) -> list[dict[str, Any]]:
    """The report as it is shown: the day of now so far when nothing says that it is over, then the kept days, the newest first."""
    query = select(CampaignDay).where(CampaignDay.campaign_id == campaign.id).order_by(CampaignDay.day.desc())
    kept = list(session.scalars(query))
    lines = [
        {"day": row.day, "is_so_far": False, "prizes": row.prizes, **{name: getattr(row, name) for name in DAY_SUMS}}
        for row in kept
    ]
    today = shanghai_day(now)
    if kept and (kept[0].is_last or kept[0].day >= today.isoformat()):
        return lines
    so_far = _within(session, campaign.mechanic, campaign.id, *_span(today))
    return [{"day": today.isoformat(), "is_so_far": True, **so_far}, *lines]
