"""Absorb: let packets follow their orders. An order whose status changed is a row left for this door (design, the shape)."""

from datetime import datetime, timedelta

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign, Packet, PacketStatus
from wxbot.campaigns.packets import move_packet, move_packets
from wxbot.db import changed
from wxbot.logs import get_logger
from wxbot.orders.models import Order

log = get_logger(__name__)

FAILURES_MAX = 3
"""A packet whose orders definitely failed this often in a row is dropped and shown as trouble (money §5.1)."""

UNNOTICED = text("NOT is_noticed")
"""Word for word the condition of the partial index: SQLite uses it for nothing else."""

REORDER_MARGIN = timedelta(hours=1)
"""A packet that came back is planned again only when its campaign runs at least this much longer."""


def settle(session: Session, campaign: Campaign, now: datetime, limit: int = 500) -> int:
    """Apply up to `limit` order changes to the packets of a campaign; returns how many were applied.

    An order that changes again while this runs keeps its mark and is looked at again: only the status that was seen
    here is marked as seen.
    """
    orders = session.scalars(
        select(Order)
        .where(Order.budget_id == campaign.id, UNNOTICED, Order.reason_kind == "packet")
        .order_by(Order.id)
        .limit(limit)
    ).all()
    by_expiry: dict[datetime, list[int]] = {}
    followed: dict[str, list[int]] = {}
    for order in orders:
        if order.status == "accepted" and order.expires_at is not None:
            by_expiry.setdefault(order.expires_at, []).append(order.reason_id)
        elif not _follow(session, campaign, order, now):
            continue
        followed.setdefault(order.status, []).append(order.id)
    for expires_at, packet_ids in sorted(by_expiry.items()):
        move_packets(session, packet_ids, "ordered", "ticketed", now, expires_at=expires_at, failures=0)
    return sum(
        changed(session, update(Order).where(Order.id.in_(ids), Order.status == status).values(is_noticed=True))
        for status, ids in followed.items()
    )


def _follow(session: Session, campaign: Campaign, order: Order, now: datetime) -> bool:
    """Move one packet after its order; False when the packet was moved by someone else at this moment."""
    packet = session.get(Packet, order.reason_id)
    if packet is None or packet.order_id != order.id:
        return True
    match order.status:
        case "received" if packet.status in ("bound", "loaded", "ticketed", "ordered"):
            seen = {"openid": order.openid, "bound_at": now} if packet.openid is None else {}
            return move_packet(session, packet.id, packet.status, "received", now, settled_at=now, **seen)
        case "returned" | "failed" if packet.status == "bound":
            return move_packet(session, packet.id, "bound", "returned", now, settled_at=now)
        case "returned" if packet.status in ("ordered", "ticketed", "loaded"):
            return _plan_again(session, campaign, packet, now, failures=0)
        case "failed" if packet.status in ("ordered", "ticketed", "loaded"):
            failures = packet.failures + (order.err_code != "CANCELLED")
            if failures < FAILURES_MAX:
                return _plan_again(session, campaign, packet, now, failures=failures)
            log.error("packet_dropped", packet_id=packet.id, err_code=order.err_code)
            return move_packet(session, packet.id, packet.status, "dropped", now, settled_at=now, failures=failures)
    return True


def _plan_again(session: Session, campaign: Campaign, packet: Packet, now: datetime, failures: int) -> bool:
    """The money is back: plan the packet again while the campaign runs on, else drop it."""
    runs_on = campaign.status in ("launching", "on", "off") and now < campaign.end_at - REORDER_MARGIN
    after: PacketStatus = "planned" if runs_on else "dropped"
    return move_packet(
        session, packet.id, packet.status, after, now,
        order_id=None, bucket_id=None, expires_at=None, failures=failures, settled_at=None if runs_on else now,
    )  # fmt: skip
