"""Letting packets follow their orders, many at once, while their campaign advances."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.orm import Session

from wxbot.campaigns import lease
from wxbot.campaigns.models import PACKET_REASON, Campaign, Packet, PacketStatus
from wxbot.campaigns.packets import move_packet, move_packets
from wxbot.logs import get_logger
from wxbot.orders.models import Order
from wxbot.orders.settle import settle_due
from wxbot.runtime import Runtime

log = get_logger(__name__)

FAILURES_MAX = 3
"""A packet whose orders definitely failed this often in a row is dropped and shown as trouble (money §5.1)."""

REORDER_MARGIN = timedelta(hours=1)
"""A packet that came back is planned again only when its campaign runs at least this much longer."""


def settle(runtime: Runtime, campaign: Campaign) -> int:
    """Apply order changes to the packets of a campaign; returns how many were applied. Raises LeaseLost."""
    return settle_due(runtime, PACKET_REASON, partial(_follow_all, campaign), campaign.id)


def _follow_all(
    campaign: Campaign, _runtime: Runtime, session: Session, orders: Sequence[Order], now: datetime
) -> list[Order]:
    """Move the packets of these orders under the lease, whose row comes first of all that is locked."""
    lease.keep(session, campaign, now)
    by_expiry: dict[datetime, list[int]] = {}
    followed: list[Order] = []
    for order in orders:
        if order.status == "accepted" and order.expires_at is not None:
            by_expiry.setdefault(order.expires_at, []).append(order.reason_id)
        elif not _follow(session, campaign, order, now):
            continue
        followed.append(order)
    for expires_at, packet_ids in sorted(by_expiry.items()):
        move_packets(session, packet_ids, "ordered", "ticketed", now, expires_at=expires_at, failures=0)
    return followed


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
        session,
        packet.id,
        packet.status,
        after,
        now,
        order_id=None,
        expires_at=None,
        failures=failures,
        settled_at=None if runs_on else now,
    )
