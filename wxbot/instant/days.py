"""The figures of one campaign's days, by the rows of its draws and awards (draws/days.py)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from wxbot.campaigns.mechanic import DaysPart
from wxbot.instant.models import Award, InstantDraw
from wxbot.instant.versions import prizes_of


def figures(session: Session, campaign_id: int, begin: datetime, end: datetime) -> Mapping[str, int | None]:
    """Draws, wins, taps on 领取, and how awards ended, from `begin` to before `end`."""
    found: dict[str, int | None] = {}
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
    return found


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


def owes(session: Session, campaign_id: int) -> bool:
    """Whether an award is open."""
    is_owed = Award.status.in_(("open", "collecting"))
    return session.scalar(select(Award.id).where(Award.campaign_id == campaign_id, is_owed).limit(1)) is not None


def settled_at(session: Session, campaign_id: int) -> datetime | None:
    """When the last award ended."""
    return session.scalar(select(func.max(Award.settled_at)).where(Award.campaign_id == campaign_id))


PART = DaysPart(figures=figures, prizes=prizes, owes=owes, settled_at=settled_at)
