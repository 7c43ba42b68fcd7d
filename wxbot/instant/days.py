"""A campaign's days: what happened on each Shanghai day, written once by the worker when the day is over (task awards.days).

A day counts what happened on it: draws by their moment, awards asked for, paid and forfeited by theirs, whenever they were won.
So days add up to the whole campaign. A day of now is counted by the same function and not kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.clock import day_began, shanghai_day
from wxbot.db import insert_into
from wxbot.draws.models import DrawCount
from wxbot.instant.models import Award, CampaignDay, InstantDraw, RuleVersion
from wxbot.instant.versions import prizes_of
from wxbot.logs import get_logger
from wxbot.runtime import Runtime

log = get_logger(__name__)

SETTLED = timedelta(minutes=5)
"""A day is written so long after its end: the last draws of it are committed by then."""

AT_ONCE = 31
"""Days of one campaign written in one run of the task, after the worker was away for long."""

SUMS = (
    "visits",
    "people",
    "draws",
    "wins",
    "won_fen",
    "tapped",
    "paid",
    "paid_fen",
    "given",
    "forfeited",
    "forfeited_fen",
)
"""The figures of a day; all of them but `people` add up over days."""


@dataclass(frozen=True)
class _Reported:
    """A campaign whose report is not finished: the first day of it that is not written yet."""

    campaign_id: int
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
            log.info("day_written", campaign_id=one.campaign_id, day=kept["day"])
            if kept["is_last"]:
                break
    return done


def _unfinished(session: Session) -> list[_Reported]:
    """Launched campaigns of which a day may be missing."""
    newest = select(func.max(CampaignDay.day)).where(CampaignDay.campaign_id == Campaign.id).scalar_subquery()
    is_over = exists().where(CampaignDay.campaign_id == Campaign.id, CampaignDay.is_last)
    query = select(Campaign.id, Campaign.status, Campaign.updated_at, RuleVersion.published_at, newest.label("newest"))
    first = query.join(RuleVersion, (RuleVersion.campaign_id == Campaign.id) & (RuleVersion.version == 1))
    found = []
    for row in session.execute(first.where(~is_over).order_by(Campaign.id)):
        after = date.fromisoformat(row.newest) + timedelta(days=1) if row.newest else shanghai_day(row.published_at)
        found.append(_Reported(row.id, row.status == "closed", shanghai_day(row.updated_at), after))
    return found


def _counted(session: Session, one: _Reported, day: date) -> dict[str, Any]:
    """The columns of one day's row."""
    begin, end = day_began(day), day_began(day + timedelta(days=1))
    is_owed = Award.status.in_(("open", "collecting"))
    owes = session.scalar(select(Award.id).where(Award.campaign_id == one.campaign_id, is_owed).limit(1)) is not None
    later = select(func.max(Award.settled_at)).where(Award.campaign_id == one.campaign_id)
    settled_at = session.scalar(later)
    is_last = one.is_closed and not owes and one.changed_on <= day and (settled_at is None or settled_at < end)
    return {
        "campaign_id": one.campaign_id,
        "day": day.isoformat(),
        "is_last": is_last,
        "prizes": prizes(session, one.campaign_id, begin, end),
        **figures(session, one.campaign_id, begin, end),
    }


def figures(session: Session, campaign_id: int, begin: datetime, end: datetime) -> dict[str, int]:
    """SUMS of the time from `begin` to before `end`."""
    pages = select(func.sum(DrawCount.n)).where(DrawCount.campaign_id == campaign_id, DrawCount.outcome == "page")
    found: dict[str, Any] = {"visits": session.scalar(pages.where(DrawCount.hour >= begin, DrawCount.hour < end))}
    drawn = select(func.count(InstantDraw.openid.distinct()), func.count(), func.count(InstantDraw.prize_ordinal))
    draws = session.execute(
        drawn.add_columns(func.sum(InstantDraw.amount_fen)).where(*_drawn(campaign_id, begin, end))
    ).one()
    found |= dict(zip(("people", "draws", "wins", "won_fen"), draws, strict=True))
    tapped = select(func.count()).where(Award.campaign_id == campaign_id)
    found["tapped"] = session.scalar(tapped.where(Award.tapped_at >= begin, Award.tapped_at < end))
    ended = select(Award.status, func.count(), func.sum(Award.amount_fen)).where(Award.campaign_id == campaign_id)
    for status, n, fen in session.execute(
        ended.where(Award.settled_at >= begin, Award.settled_at < end).group_by(Award.status)
    ):
        found |= {status: n, f"{status}_fen": fen}
    return {name: int(found.get(name) or 0) for name in SUMS}


def prizes(session: Session, campaign_id: int, begin: datetime, end: datetime) -> list[dict[str, Any]]:
    """Of each prize: how many were given from `begin` to before `end`, and how many were left then."""
    is_within = case((InstantDraw.drawn_at < end, 1), else_=0)
    query = select(InstantDraw.prize_ordinal, func.sum(is_within), func.count())
    query = query.where(*_drawn(campaign_id, begin, None), InstantDraw.prize_ordinal.is_not(None))
    rows = session.execute(query.group_by(InstantDraw.prize_ordinal)).all()
    given = {ordinal: int(within) for ordinal, within, _ in rows}
    since = {ordinal: int(n) - int(within) for ordinal, within, n in rows}
    return [
        {
            "name": prize.name,
            "stock": prize.stock,
            "given": given.get(prize.ordinal, 0),
            "left": prize.left + since.get(prize.ordinal, 0),
        }
        for prize in prizes_of(session, campaign_id)
    ]


def _drawn(campaign_id: int, begin: datetime, end: datetime | None) -> Sequence[ColumnElement[bool]]:
    since = (InstantDraw.campaign_id == campaign_id, InstantDraw.drawn_at >= begin)
    return since if end is None else (*since, InstantDraw.drawn_at < end)


def listed(session: Session, campaign_id: int, now: datetime) -> list[dict[str, Any]]:
    """The report as it is shown: the day of now so far when nothing says that it is over, then the kept days, the newest first."""
    query = select(CampaignDay).where(CampaignDay.campaign_id == campaign_id).order_by(CampaignDay.day.desc())
    kept = list(session.scalars(query))
    lines = [
        {"day": row.day, "is_so_far": False, "prizes": row.prizes, **{name: getattr(row, name) for name in SUMS}}
        for row in kept
    ]
    today = shanghai_day(now)
    if kept and (kept[0].is_last or kept[0].day >= today.isoformat()):
        return lines
    span = (day_began(today), day_began(today + timedelta(days=1)))
    so_far = {"prizes": prizes(session, campaign_id, *span), **figures(session, campaign_id, *span)}
    return [{"day": today.isoformat(), "is_so_far": True, **so_far}, *lines]
