"""Reconcile: ask WeChat about everything unsettled, then correct our status (money §5.2, T9)."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from wxbot.db import changed
from wxbot.logs import get_logger
from wxbot.orders import decide, outcome
from wxbot.orders.channels import CHANNELS
from wxbot.orders.models import Order
from wxbot.runtime import Runtime
from wxbot.wechat.errors import WeChatError

log = get_logger(__name__)

ASKED = ("unknown", "accepted", "manual")
"""Statuses that may be asked about; manual ones only when a person wants it (nothing else makes them due)."""

SEND_OVERDUE = timedelta(minutes=2)
"""A number that should have been sent again so long ago is asked about instead: sending is stopped, or rests over night."""

_MAY_HAVE_LANDED = or_(
    Order.err_code.startswith("UNANSWERED", autoescape=True),
    Order.err_code.in_(("WORKER_DIED", "ECHO_DIFFERS", "TICKET_MISSING", "SYSTEMERROR", "SYSTEM_ERROR")),
)
"""WeChat may have carried it out without our knowing; what it has refused waits for the cause to go."""

CANCELLABLE = tuple(name for name, channel in CHANNELS.items() if channel.can_cancel)
"""Channels at which an order can be taken back."""

CLAIM = timedelta(seconds=90)
"""How far a claimed question is put off, so that two workers do not ask the same; it is asked again when one dies."""


ON_THE_WIRE = CLAIM - timedelta(seconds=30)
"""A question that was claimed stands this far ahead, or farther up to CLAIM, while its answer is awaited."""


def reconcile_due(runtime: Runtime, limit: int = 200) -> int:
    """Ask about orders whose question is due; returns how many were asked. Sending stopped does not stop asking."""
    orders = _claim(runtime, limit)
    if orders:
        with ThreadPoolExecutor(runtime.settings.pay_concurrency, thread_name_prefix="query") as pool:
            answers = list(pool.map(lambda order: _ask(runtime, order), orders))
        _settle(runtime, list(zip(orders, answers, strict=True)))
    return len(orders)


def _claim(runtime: Runtime, limit: int) -> Sequence[Order]:
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        is_due = and_(
            Order.next_check_at <= now,
            func.coalesce(Order.status, "").in_(ASKED),  # so that SQLite walks what is due, not all that is accepted
            # A number that is too old to be sent again is looked at here, to go to a person.
            or_(
                Order.next_step == "query",
                Order.created_at <= now - decide.ASK_HORIZON,
                and_(Order.next_check_at <= now - SEND_OVERDUE, _MAY_HAVE_LANDED),
            ),
        )
        due = select(Order.id).where(is_due).order_by(Order.next_check_at).limit(limit)
        ids = session.scalars(due).all()
        claim = (
            update(Order)
            .where(Order.id.in_(ids), is_due)  # whoever was quicker, asking or sending, has made it undue
            .values(
                next_step="query", next_check_at=now + CLAIM, checks=Order.checks + 1, lease_epoch=Order.lease_epoch + 1
            )
            .returning(Order)
            .execution_options(synchronize_session=False)
        )
        return session.scalars(claim).all() if ids else ()


def _ask(runtime: Runtime, order: Order) -> Any:
    """One question, or first the wish to take the order back; its answer is judged like that of a question."""
    channel = CHANNELS[order.channel]
    try:
        if order.is_cancel_wanted and order.checks % 2:  # every other time, so that the end is asked about, too
            return channel.cancel(runtime, order.mch_billno)
        return channel.query(runtime, order.mch_billno)
    except WeChatError as error:
        return error
    except Exception as error:  # one question that cannot be put holds up no other (F89)
        log.exception("order_not_asked", mch_billno=order.mch_billno)
        return WeChatError(f"{type(error).__name__} while it was asked about")


def _settle(runtime: Runtime, answers: Sequence[tuple[Order, Any]]) -> None:
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        decided_orders = [
            outcome.sealed(runtime.vault, order, decide.decide_query(order, answer, now)) for order, answer in answers
        ]
        outcome.apply(session, decided_orders, now)


def ask_soon(runtime: Runtime, order_id: int, now: datetime) -> bool:
    """Somebody who has the money in hand looks: a placed order becomes due, unless its question is on the wire: that answer counts."""
    check = Order.next_check_at
    is_idle = or_(check.is_(None), check <= now + ON_THE_WIRE, check > now + CLAIM)
    with runtime.database.transaction() as session:
        return make_due(session, order_id, now, Order.status == "accepted", is_idle)


def want_back(session: Session, order_id: int, now: datetime) -> bool:
    """A person wants a placed order back: WeChat is asked at once. False when it is settled or its channel cannot."""
    can_be_taken_back = Order.channel.in_(CANCELLABLE) & (Order.status != "manual")
    return make_due(session, order_id, now, can_be_taken_back, is_cancel_wanted=True, checks=0)


def make_due(session: Session, order_id: int, now: datetime, *where: ColumnElement[bool], **values: Any) -> bool:
    """The one way an unsettled order becomes due at once; `where` narrows it, `values` are written with it. False: it is not so.

    The lease epoch moves on: an answer that is just being read may be older than the reason to ask, and must not put the
    question off again.
    """
    due = update(Order).where(Order.id == order_id, Order.status.in_(ASKED), *where)
    asked = {"next_step": "query", "next_check_at": now, "lease_epoch": Order.lease_epoch + 1}
    return changed(session, due.values(**asked, **values)) > 0
