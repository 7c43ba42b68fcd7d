"""Taking a found order into the books: as if it had been placed here, so that reconcile, bill and budget go on from there."""

from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from wxbot import budget, ledger, quotas
from wxbot.campaigns.models import PACKET_REASON, Campaign, Packet
from wxbot.campaigns.packets import move_packets
from wxbot.clock import shanghai_day
from wxbot.draws.models import Draw
from wxbot.ledger import Posting
from wxbot.money import yuan
from wxbot.orders.channels import CHANNELS, DIRECT, LOTTERY, PaymentRequest
from wxbot.orders.found import FoundOrder
from wxbot.orders.models import DEAD, Evidence, Order
from wxbot.orders.plan import row_of
from wxbot.payouts.create import payment_request_of
from wxbot.payouts.models import PAYOUT_NEXT, Payout
from wxbot.settings import Settings
from wxbot.text import Refusal, Text
from wxbot.transitions import move, moved_on

FOUND = "FOUND"
"""err_code of an order that was found at WeChat, until its first answer."""


def adopt_payout(
    session: Session, settings: Settings, found: FoundOrder, payout_id: int, people: tuple[int, int], now: datetime
) -> Order:
    """This payment was that payout. Raises Refusal."""
    payout = session.get(Payout, payout_id, with_for_update=True)
    if payout is None or payout.status not in ("requested", "approved"):
        raise moved_on()
    is_same = (payout.amount_fen, CHANNELS[payout.channel].version) == (found.amount_fen, found.version)
    if not is_same or found.openid not in (None, payout.openid):
        raise Refusal(
            "differs", Text("收款人、金额或渠道与这笔付款不同", "Person, amount or channel differ from this payout")
        )
    if payout.status == "requested":  # the approval is lost with the rest: one of both cashiers stands for it
        second = next((staff_id for staff_id in people if staff_id != payout.created_by), None)
        if not move(
            session, Payout, payout_id, PAYOUT_NEXT, "requested", "approved", approved_by=second, approved_at=now
        ):
            raise moved_on()
    order = _ordered(session, settings, found, payout.channel, payment_request_of(payout), now)
    moved = move(
        session,
        Payout,
        payout_id,
        PAYOUT_NEXT,
        "approved",
        "ordered",
        order_id=order.id,
        attempts=payout.attempts + 1,
        hold=None,
        due_at=None,
    )
    if not moved:
        raise moved_on()
    return order


def adopt_packet(session: Session, settings: Settings, found: FoundOrder, campaign_id: int, now: datetime) -> Order:
    """This ticket was one of that campaign's packets: packets of one amount are alike. Raises Refusal."""
    campaign = session.get(Campaign, campaign_id, with_for_update=True)
    if campaign is None:
        raise moved_on()
    query = select(Packet).where(
        Packet.campaign_id == campaign_id, Packet.status == "planned", Packet.amount_fen == found.amount_fen
    )
    packet = session.scalar(query.order_by(Packet.id).limit(1).with_for_update())
    if packet is None:
        raise Refusal(
            "no_packet",
            Text(
                f"活动没有待下单的 {yuan(found.amount_fen)} 元红包：活动开始备货后再确认，或认定为别的付款",
                f"The campaign has no packet of {yuan(found.amount_fen)} yuan to order: confirm it once the campaign is being "
                "stocked, or say that it was something else",
            ),
        )
    texts = {name: getattr(campaign, name) for name in ("send_name", "act_name", "wishing", "remark")}
    payment_request = PaymentRequest(
        PACKET_REASON, packet.id, campaign_id, packet.amount_fen, texts, attempt=packet.attempts + 1
    )
    order = _ordered(session, settings, found, LOTTERY, payment_request, now)
    values = {"order_id": order.id, "attempts": packet.attempts + 1, "expires_at": None}
    if not move_packets(session, [packet.id], "planned", "ordered", now, **values):
        raise moved_on()
    if found.openid is not None:
        _note_draw(session, found, found.openid, campaign_id, packet.id)
    return order


def _note_draw(session: Session, found: FoundOrder, openid: str, campaign_id: int, packet_id: int) -> None:
    """The lost draw of who has its money: nobody wins twice in one campaign."""
    won = select(Draw.id).where(
        Draw.campaign_id == campaign_id, Draw.openid == openid, Draw.status.in_(("admitted", "bound"))
    )
    if session.scalar(won) is None:
        at = found.placed_at or found.found_at
        session.add(
            Draw(
                campaign_id=campaign_id,
                openid=openid,
                status="bound",
                packet_id=packet_id,
                ticket_hash=f"found{found.mch_billno}",
                amount_fen=found.amount_fen,
                admitted_at=at,
                bound_at=at,
            )
        )


def _ordered(
    session: Session,
    settings: Settings,
    found: FoundOrder,
    channel_name: str,
    payment_request: PaymentRequest,
    now: datetime,
) -> Order:
    """The order as it must have been placed: number, frozen parameters, reserved money. WeChat is asked about it at once."""
    live = select(Order.id).where(
        Order.reason_kind == payment_request.reason_kind,
        Order.reason_id == payment_request.reason_id,
        Order.status.not_in(DEAD),
    )
    if session.scalar(live) is not None or _is_ours(session, found.mch_billno):
        raise moved_on()
    is_committed = payment_request.fund == "owed"  # when it was won
    if not is_committed and not budget.reserve(session, payment_request.budget_id, payment_request.amount_fen):
        raise Refusal(
            "budget",
            Text(
                "预算不够：请先追加并批准预算（副本之后批准的预算变更也丢失了），再确认",
                "The budget does not cover it: ask for and approve more first (changes approved after the copy are lost, too)",
            ),
        )
    placed_at = min(found.placed_at or found.found_at, now)
    row = row_of(settings, channel_name, found.mch_billno, payment_request, placed_at)
    day = f"{shanghai_day(placed_at):%Y%m%d}"
    is_direct = channel_name in DIRECT and payment_request.openid is not None
    if is_direct:
        quotas.take(
            session, quotas.person(str(payment_request.openid)), day, payment_request.amount_fen
        )  # a fact: no limit refuses it
    row |= {
        "status": "unknown",
        "err_code": FOUND,
        "sends": 1,
        "sent_at": placed_at,
        "charged_day": day if is_direct else None,
        "next_step": "query",
        "next_check_at": now,
    }
    order = Order(**row)
    session.add(order)
    session.flush()
    ledger.post(
        session,
        [Posting("ordered", order.mch_billno, order.fund, "in_flight", order.amount_fen, order.budget_id)],
        now,
    )
    body = f"found at WeChat after a copy was restored: {found.state}, {found.evidence}"
    session.execute(insert(Evidence).values(order_id=order.id, kind="manual", body=body[:8000], at=now))
    return order


def _is_ours(session: Session, mch_billno: str) -> bool:
    return session.scalar(select(Order.id).where(Order.mch_billno == mch_billno)) is not None
