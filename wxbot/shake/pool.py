"""The pool: how many tickets a campaign needs now (money F45).

A ticket lives 72 hours and a campaign up to 91 days, so orders are placed just in time for the draws that are expected
before the next look, plus a margin. What counts as stock is only what can still be drawn: ordered, ticketed, or loaded
and at least an hour away from its end.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import PACKET_REASON, Campaign, Packet
from wxbot.campaigns.packets import counts, move_packets
from wxbot.campaigns.trouble import write_trouble
from wxbot.orders import found
from wxbot.orders.channels import LOTTERY, PaymentRequest
from wxbot.orders.plan import BudgetSpent, plan_orders
from wxbot.plurals import plural
from wxbot.settings import Settings
from wxbot.shake.models import TicketOrder, Wave
from wxbot.text import Refusal, Text

MARGIN = timedelta(hours=1)
"""A ticket in its last hour is no stock: a person who shakes now may draw minutes later."""

SHORT_WINDOW = timedelta(hours=48)
"""A campaign that ends within this time gets all its packets at once: every ticket outlives it."""

HORIZON = timedelta(hours=24)
"""A longer campaign is stocked for the draws of this time ahead, times 1.2 (F45)."""

LEAD = timedelta(hours=12)
"""Orders are not placed earlier than this before the window opens: a ticket's life would be spent waiting."""

MIN_STOCK = 100
"""One bucket: the smallest stock a running campaign keeps while it has packets."""

ORDER_BATCH = 500
"""Packets turned into orders in one transaction."""


FOUND_ORDERS = Refusal(
    "found_orders",
    Text(
        "微信有恢复备份之前的红包，请财务先在“解冻”页面认定",
        "WeChat knows packets from before the restore; a cashier judges them on the page “Thaw” first",
    ),
)
"""trouble of a campaign whose lost tickets nobody has judged yet: nothing more is ordered for it, nobody draws."""

BUDGET_SPENT = Refusal("budget_spent", Text("预算已用完，不再下单", "The budget is spent, nothing more is ordered"))


@dataclass(frozen=True)
class Need:
    """The pool's decision: how many packets to order now, and why."""

    packets: int
    reason: str


def forecast_draws(packets: int, begin_at: datetime, end_at: datetime, drawn_last_day: int, horizon: timedelta) -> int:
    """Draws expected within `horizon`: the even pace of the window, or yesterday's pace when that was faster."""
    window = max(end_at - begin_at, timedelta(hours=1))
    even = packets * horizon / window
    recent = drawn_last_day * (horizon / timedelta(days=1))
    return int(max(even, recent) * 1.2) + 1


def need(campaign: Campaign, stock: int, planned: int, drawn_last_day: int, now: datetime) -> Need:
    """How many of the planned packets to order now. Pure."""
    if campaign.status not in ("launching", "on") or planned == 0:
        return Need(0, "")
    if now >= campaign.end_at - MARGIN or now < campaign.begin_at - LEAD:
        return Need(0, "")
    left = campaign.end_at - max(now, campaign.begin_at)
    if left <= SHORT_WINDOW:
        return Need(planned, "all: the campaign ends within the life of a ticket")
    draws = forecast_draws(campaign.packet_count, campaign.begin_at, campaign.end_at, drawn_last_day, HORIZON)
    wanted = max(draws, min(MIN_STOCK, campaign.packet_count)) - stock
    if wanted <= 0:
        return Need(0, "")
    return Need(
        min(wanted, planned),
        f"stock {stock}, {draws} {plural(draws, 'draw', 'draws')} expected in {int(HORIZON.total_seconds() / 3600)} h",
    )


def live_stock(session: Session, campaign_id: int, now: datetime) -> int:
    """Packets that can still be drawn: loaded and not in their last hour, or on their way to it."""
    loaded = session.execute(
        select(func.count())
        .select_from(Packet)
        .where(Packet.campaign_id == campaign_id, Packet.status == "loaded", Packet.expires_at > now + MARGIN)
    ).scalar_one()
    by_status = counts(session, campaign_id)
    return int(loaded) + by_status.get("ordered", 0) + by_status.get("ticketed", 0)


def has_stock(session: Session, campaign_id: int, now: datetime) -> bool:
    """Whether a draw could win now: one index look-up, no counting."""
    found = session.execute(
        select(Packet.id)
        .where(Packet.campaign_id == campaign_id, Packet.status == "loaded", Packet.expires_at > now)
        .limit(1)
    ).first()
    return found is not None


def fill(session: Session, settings: Settings, campaign: Campaign, now: datetime) -> int:
    """Order what is needed now, in the caller's transaction; returns how many orders were planned.

    Level-triggered: called again it orders only what is still missing (F76).
    """
    planned = counts(session, campaign.id).get("planned", 0)
    if planned == 0:
        return 0
    drawn = session.execute(
        select(func.count())
        .select_from(Packet)
        .where(
            Packet.campaign_id == campaign.id,
            Packet.bound_at > now - timedelta(days=1),
        )
    ).scalar_one()
    wanted = need(campaign, live_stock(session, campaign.id, now), planned, int(drawn), now)
    if wanted.packets == 0:
        return 0
    lost = found.of_packets(campaign.act_name, campaign.wishing, campaign.remark)
    if session.scalar(select(lost)):  # these tickets may be packets of this campaign (a copy was restored)
        write_trouble(session, campaign, FOUND_ORDERS)
        return 0
    packets = session.scalars(
        select(Packet)
        .where(Packet.campaign_id == campaign.id, Packet.status == "planned")
        .order_by(Packet.id)
        .limit(min(wanted.packets, ORDER_BATCH))
    ).all()
    texts = {name: getattr(campaign, name) for name in ("send_name", "act_name", "wishing", "remark")}
    payment_requests = [
        PaymentRequest(PACKET_REASON, packet.id, campaign.id, packet.amount_fen, texts, attempt=packet.attempts + 1)
        for packet in packets
    ]
    try:
        orders = plan_orders(session, settings, LOTTERY, payment_requests, now)
    except BudgetSpent:
        write_trouble(session, campaign, BUDGET_SPENT)
        return 0
    wave = _wave(session, campaign.id, wanted, len(packets), now)
    for packet in packets:
        moved = move_packets(
            session,
            [packet.id],
            "planned",
            "ordered",
            now,
            order_id=orders[packet.id],
            attempts=packet.attempts + 1,
            expires_at=None,
        )
        if not moved:
            raise RuntimeError(f"packet {packet.id} was moved while it was ordered: nothing of this is kept")
    session.execute(insert(TicketOrder), [{"order_id": orders[packet.id], "wave_id": wave.id} for packet in packets])
    return len(packets)


def _wave(session: Session, campaign_id: int, wanted: Need, packets: int, now: datetime) -> Wave:
    """The wave these orders belong to: the newest one while it is fresh, else a new one."""
    newest = session.execute(
        select(Wave).where(Wave.campaign_id == campaign_id).order_by(Wave.ordinal.desc()).limit(1)
    ).scalar_one_or_none()
    if newest is not None and now - newest.opened_at < MARGIN:
        newest.packets += packets
        return newest
    ordinal = newest.ordinal + 1 if newest else 1
    wave = Wave(campaign_id=campaign_id, ordinal=ordinal, packets=packets, reason=wanted.reason, opened_at=now)
    session.add(wave)
    session.flush()
    return wave
