"""WeChat tied a ticket to a person: keep the fact, then let packet, draw, order and ledger follow in one transaction.

The event may come early (before our own load reply), late (after the close), twice or a hundred times, and in any
order; it is a fact each time and is booked once (F33, F35, F38). A bind that contradicts our books is put aside and
raises an alarm, it is never dropped (F39).
"""

from datetime import datetime, timedelta

import redis as redis_client
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from wxbot.campaigns.models import FIRST_MECHANIC, PACKET_REASON, Campaign, Packet
from wxbot.campaigns.packets import move_packet
from wxbot.db import changed, insert_into
from wxbot.draws.admission import BOUND
from wxbot.draws.admission_writer import BOUND_KEPT_S
from wxbot.draws.draw_state import draw_state_of
from wxbot.draws.models import NEXT, Draw
from wxbot.draws.one_winner import drawn_key
from wxbot.logs import get_logger
from wxbot.orders.models import Order
from wxbot.orders.outcome import note_bound
from wxbot.runtime import Runtime
from wxbot.shake.models import BIND_NEXT, Bind, Lottery
from wxbot.transitions import move, moving
from wxbot.wechat.limits import TICKET_LIFE_S
from wxbot.wechat.messages import LotteryBind

log = get_logger(__name__)

MATCH_AT_ONCE = 200
LAPSE_AT_ONCE = 1000
OF_SHAKE = select(Campaign.id).where(Campaign.mechanic == FIRST_MECHANIC)
SETTLED = frozenset({"received", "returned"})


def record(runtime: Runtime, message: LotteryBind, now: datetime) -> None:
    """Book one ShakearoundLotteryBind event (wechat-protocol §1.8); repeating it changes nothing.

    Raises SQLAlchemyError when not even the fact could be stored: the caller then answers 5xx and WeChat sends the
    event again (F40).
    """
    sp_ticket_hash = runtime.vault.index(message.sp_ticket)
    try:
        with runtime.database.transaction() as session:
            bind_id = _keep(session, message, sp_ticket_hash, now)
            matched = _match(session, bind_id, now)
    except SQLAlchemyError:
        log.exception("bind_not_matched", lottery_id=message.lottery_id)
        with runtime.database.transaction() as session:  # the fact alone; match_pending joins it later
            _keep(session, message, sp_ticket_hash, now)
        return
    if matched is not None:
        _tell(runtime, *matched, now)


def _keep(session: Session, message: LotteryBind, sp_ticket_hash: str, now: datetime) -> int:
    """Store the fact once; the key is what was bound to whom, not when it was told (F36)."""
    fact = {"sp_ticket_hash": sp_ticket_hash, "openid": message.openid, "lottery_id": message.lottery_id}
    session.execute(
        insert_into(session, Bind)
        .values(**fact, amount_fen=message.amount_fen, bound_at=message.bound_at, status="pending", created_at=now)
        .on_conflict_do_nothing(index_elements=["sp_ticket_hash", "openid", "lottery_id"])
    )
    row = session.execute(select(Bind.id, Bind.amount_fen).filter_by(**fact)).one()
    if row.amount_fen != message.amount_fen:
        log.error("bind_told_with_another_amount", bind_id=row.id, amount_fen=message.amount_fen, first=row.amount_fen)
    return int(row.id)


def _match(session: Session, bind_id: int, now: datetime) -> tuple[int, str] | None:
    """Join one pending bind to its order, packet and draw; (campaign_id, openid) when this call did it."""
    bind = session.scalar(select(Bind).where(Bind.id == bind_id).with_for_update())
    if bind is None or bind.status != "pending":
        return None
    order = session.scalar(select(Order).where(Order.sp_ticket_hash == bind.sp_ticket_hash))
    if order is None or order.reason_kind != PACKET_REASON:
        return None  # our own load or order reply is still on its way: match_pending looks again (F38)
    packet = session.scalar(select(Packet).where(Packet.id == order.reason_id).with_for_update())
    if packet is None or (packet.order_id == order.id and packet.status == "ordered"):
        return None
    session.refresh(order, with_for_update=True)  # a reconcile that settles it at this moment is waited for
    fault = _contradiction(session, bind, order, packet)
    if fault is None and order.status not in SETTLED:
        fault = _tie(session, bind, order, packet, now)
    if fault is not None:
        move(session, Bind, bind.id, BIND_NEXT, "pending", "quarantined", fault=fault)
        log.error("bind_quarantined", bind_id=bind.id, fault=fault, mch_billno=order.mch_billno)
        return None
    note = _note_on_draw(session, bind, order, packet)
    if note is not None:
        log.error("bind_alarm", bind_id=bind.id, fault=note, mch_billno=order.mch_billno)
    move(session, Bind, bind.id, BIND_NEXT, "pending", "matched", fault=note)
    return order.budget_id, bind.openid


def _contradiction(session: Session, bind: Bind, order: Order, packet: Packet) -> str | None:
    """Why the event cannot be true as far as our books know, or None (F39)."""
    campaign_id = session.scalar(select(Lottery.campaign_id).where(Lottery.lottery_id == bind.lottery_id))
    if campaign_id != order.budget_id:
        return "lottery_differs"
    if bind.amount_fen != order.amount_fen:
        return "amount_differs"
    if order.openid not in (None, bind.openid):
        return "another_person"
    if packet.order_id == order.id and packet.openid not in (None, bind.openid):
        return "another_person"
    return None


def _tie(session: Session, bind: Bind, order: Order, packet: Packet, now: datetime) -> str | None:
    """Packet → bound, the order's money → unclaimed; a fault when the books stand otherwise."""
    if packet.order_id != order.id:
        return "packet_has_another_order"
    if packet.status not in ("ticketed", "loaded", "bound"):
        return f"packet_is_{packet.status}"
    if order.holding != "unclaimed" and not note_bound(session, order.id, bind.openid, now):
        return f"order_is_{order.status}"  # then the packet stays with its order, too
    if packet.status != "bound":
        seen = {"openid": bind.openid, "bound_at": bind.bound_at}
        if not move_packet(session, packet.id, packet.status, "bound", now, **seen):
            raise RuntimeError("a locked packet was moved by someone else")
    return None


def _note_on_draw(session: Session, bind: Bind, order: Order, packet: Packet) -> str | None:
    """The person's draw → bound; a bound draw is written when we know of none. Returns a remark for the books."""
    values = {"packet_id": packet.id, "amount_fen": order.amount_fen, "bound_at": bind.bound_at}
    of_person = select(Draw).where(Draw.campaign_id == order.budget_id, Draw.openid == bind.openid)
    won = session.scalar(of_person.where(Draw.status.in_(("admitted", "bound"))).with_for_update())
    if won is not None and won.status == "bound":
        return None if won.packet_id == packet.id else "second_packet_of_one_person"
    draw = won or session.scalar(of_person.where(Draw.status == "lapsed").order_by(Draw.id.desc()).limit(1))
    if draw is not None and move(session, Draw, draw.id, NEXT, draw.status, "bound", **values):
        return None
    session.add(
        Draw(
            campaign_id=order.budget_id,
            openid=bind.openid,
            status="bound",
            ticket_hash=f"bind{bind.sp_ticket_hash[:60]}",
            admitted_at=bind.bound_at,
            **values,
        )
    )
    session.flush()
    return "without_a_draw"


def _tell(runtime: Runtime, campaign_id: int, openid: str, now: datetime) -> None:
    """Let the pages know at once; Redis may miss it, SQL has it."""
    draw_state_of(runtime).counts.add(campaign_id, "bound", now.timestamp())
    try:
        runtime.redis.set(drawn_key(campaign_id, openid), BOUND, ex=BOUND_KEPT_S)
    except redis_client.RedisError:
        log.warning("bound_not_kept")


def match_pending(runtime: Runtime, now: datetime) -> int:
    """Task: join binds that came before our own books knew their ticket; returns how many were joined now."""
    joined = 0
    after_id = 0
    while True:
        with runtime.database.reading() as session:
            query = select(Bind.id).where(Bind.status == "pending", Bind.id > after_id).order_by(Bind.id)
            bind_ids = session.scalars(query.limit(MATCH_AT_ONCE)).all()
        if not bind_ids:
            return joined
        for bind_id in bind_ids:
            with runtime.database.transaction() as session:
                matched = _match(session, bind_id, now)
            if matched is not None:
                joined += 1
                _tell(runtime, *matched, now)
        after_id = bind_ids[-1]


def lapse(runtime: Runtime, now: datetime) -> int:
    """Task: admitted draws whose 72 hours passed without a bind lapse; the person may then try again. Returns how many."""
    before = now - timedelta(seconds=TICKET_LIFE_S)
    lapsed: int = 0
    while True:
        with runtime.database.transaction() as session:
            old = (
                select(Draw.id)
                .where(Draw.status == "admitted", Draw.admitted_at < before, Draw.campaign_id.in_(OF_SHAKE))
                .order_by(Draw.id)
                .limit(LAPSE_AT_ONCE)
            )
            lapsing = moving(Draw, NEXT, ("admitted",), "lapsed").where(Draw.id.in_(session.scalars(old).all()))
            moved = changed(session, lapsing)
        lapsed += moved
        if moved < LAPSE_AT_ONCE:
            return lapsed
