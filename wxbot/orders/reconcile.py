"""Reconcile: ask WeChat about everything unsettled, then correct our status (money §5.2, T9)."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, update

from wxbot.db import changed
from wxbot.orders import outcome
from wxbot.orders.channels import CHANNELS
from wxbot.orders.models import Order
from wxbot.runtime import Runtime
from wxbot.wechat.errors import WeChatError
from wxbot.wechat.pay import PayAnswer

ASKED = ("unknown", "accepted", "manual")
"""Statuses that may be asked about; manual ones only when a person wants it (nothing else makes them due)."""

CLAIM = timedelta(seconds=90)
"""How far a claimed question is put off, so that two workers do not ask the same; it is asked again when one dies."""


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
            Order.status.in_(ASKED),
            # A number that is too old to be sent again is looked at here, to go to a person.
            or_(Order.next_step == "query", Order.created_at <= now - outcome.ASK_HORIZON),
        )
        ids = session.scalars(select(Order.id).where(is_due).order_by(Order.next_check_at).limit(limit)).all()
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


def _ask(runtime: Runtime, order: Order) -> PayAnswer | WeChatError:
    try:
        return CHANNELS[order.channel].query(runtime.pay, order.mch_billno)
    except WeChatError as error:
        return error


def _settle(runtime: Runtime, answers: Sequence[tuple[Order, PayAnswer | WeChatError]]) -> None:
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        rulings = [outcome.Ruling(order, outcome.judge_query(order, answer, now)) for order, answer in answers]
        outcome.apply(session, rulings, now)


def ask_now(runtime: Runtime, order_id: int, now: datetime) -> bool:
    """A person asks for an early look: the order becomes due; True when it is unsettled."""
    with runtime.database.transaction() as session:
        due = (
            update(Order)
            .where(Order.id == order_id, Order.status.in_(ASKED))
            .values(next_step="query", next_check_at=now)
        )
        return changed(session, due) > 0
