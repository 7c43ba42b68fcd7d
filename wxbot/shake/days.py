"""The figures of one shake campaign's days, by the rows of its draws and packets (draws/days.py)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from wxbot.campaigns.mechanic import DaysPart
from wxbot.campaigns.models import Packet, PacketStatus
from wxbot.draws.models import Draw

_ENDS: dict[PacketStatus, str] = {"received": "paid", "returned": "forfeited"}
"""Where a packet that was won ends → what the report calls it."""

_MOVING: tuple[PacketStatus, ...] = ("ordered", "ticketed", "loaded", "bound")


def figures(session: Session, campaign_id: int, begin: datetime, end: datetime) -> Mapping[str, int | None]:
    """Tries, packets that WeChat tied to somebody, and how those ended, from `begin` to before `end`. To open a packet is to ask
    for it and to receive it."""
    drawn = select(func.count(Draw.openid.distinct()), func.count()).where(Draw.campaign_id == campaign_id)
    people, draws = session.execute(drawn.where(Draw.admitted_at >= begin, Draw.admitted_at < end)).one()
    won = select(func.count(), func.sum(Packet.amount_fen)).where(Packet.campaign_id == campaign_id)
    wins, won_fen = session.execute(won.where(Packet.bound_at >= begin, Packet.bound_at < end)).one()
    found = {"people": people, "draws": draws, "wins": wins, "won_fen": won_fen}
    ended = select(Packet.status, func.count(), func.sum(Packet.amount_fen)).where(
        *(Packet.campaign_id == campaign_id, Packet.status.in_(_ENDS), Packet.openid.is_not(None)),
        *(Packet.settled_at >= begin, Packet.settled_at < end),
    )
    for status, n, fen in session.execute(ended.group_by(Packet.status)):
        found |= {_ENDS[status]: n, f"{_ENDS[status]}_fen": fen}
    return found | {"tapped": found.get("paid")}


def prizes(session: Session, campaign_id: int, begin: datetime, end: datetime) -> list[dict[str, Any]]:
    """Of each tier: its packets, how many were won from `begin` to before `end`, and how many nobody had won then."""
    is_within = (Packet.bound_at >= begin) & (Packet.bound_at < end)
    won, until = (func.sum(case((condition, 1), else_=0)) for condition in (is_within, Packet.bound_at < end))
    query = select(Packet.tier, func.count(), won, until).where(Packet.campaign_id == campaign_id)
    rows = session.execute(query.group_by(Packet.tier).order_by(func.min(Packet.ordinal)))
    return [{"name": tier, "stock": n, "given": int(given), "left": n - int(out)} for tier, n, given, out in rows]


def owes(session: Session, campaign_id: int) -> bool:
    """Whether a packet is on its way to somebody."""
    moving = select(Packet.id).where(Packet.campaign_id == campaign_id, Packet.status.in_(_MOVING)).limit(1)
    return session.scalar(moving) is not None


def settled_at(session: Session, campaign_id: int) -> datetime | None:
    """When the last packet ended."""
    return session.scalar(select(func.max(Packet.settled_at)).where(Packet.campaign_id == campaign_id))


PART = DaysPart(figures=figures, prizes=prizes, owes=owes, settled_at=settled_at)
