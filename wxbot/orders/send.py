"""Sending orders: claim and commit, call with no transaction open, commit the outcome (design, rules 2 and 3).

One coordinator thread claims in batches and writes outcomes in batches; `pay_concurrency` threads do nothing but call
WeChat Pay. A crash at any point leaves orders in `sending` with a lease; when it runs out they are unknown and the same
number is sent again (money F03–F04f).
"""

import hashlib
import json
import time
from collections.abc import Callable, Collection, Sequence, Set
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from wxbot.db import changed
from wxbot.logs import get_logger
from wxbot.orders import judge, limits, outcome, person_day, plan
from wxbot.orders.channels import CHANNELS
from wxbot.orders.models import Order
from wxbot.orders.person_day import Due
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.wechat.errors import NotSent, WeChatError

log = get_logger(__name__)

LEASE = timedelta(seconds=90)
"""How long a claimed order belongs to its worker: longer than AHEAD calls before it and its own, 25 s each (money F06)."""

RATE_PAUSE_S = 0.1
"""How long the sender waits before it asks for the next second's share of the rate."""

AHEAD = 1
"""Orders claimed ahead for each thread, so that a commit leaves no thread without work. What is claimed is sent even when
the line is stopped meanwhile, so they are few."""

GATHER_S = 0.01
"""How long a first answer waits for others, so that they share one commit; the threads go on meanwhile."""

STOP_SEEN_S = 0.5
"""A call that begins later than this after its order was claimed looks first whether the line was stopped meanwhile."""


HeldBack = Callable[[Session, Sequence[int]], Collection[int]]
"""Given orders that are about to be sent for the first time: those that must not leave any more. It reads only."""


@dataclass
class SendReport:
    """What one run of `send_due` did."""

    sent: int = 0
    accepted: int = 0
    statuses: dict[str, int] = field(default_factory=dict)


def send_due(
    runtime: Runtime, *, seconds: float = 20.0, limit: int = 1_000_000, held_back: HeldBack | None = None
) -> SendReport:
    """Send every order that is due until none is left, the rate is used up, or `seconds` have passed.

    `held_back` is asked for each order right before its first request: it may have waited over night.
    """
    report = SendReport()
    deadline = time.monotonic() + seconds
    concurrency = runtime.settings.pay_concurrency
    with ThreadPoolExecutor(concurrency, thread_name_prefix="pay") as pool:
        calls: dict[Future[Any], Order] = {}
        probes: set[int] = set()
        while True:
            room = min((1 + AHEAD) * concurrency - len(calls), limit - report.sent)
            held_by = None
            if time.monotonic() < deadline and room >= concurrency // 2 and room > 0:
                claimed, held_by = _claim(runtime, room, held_back)
                report.sent += len(claimed)
                if held_by == "stopped":
                    probes |= {order.id for order in claimed}
                claimed_s = time.monotonic()
                calls.update({pool.submit(_call, runtime, order, claimed_s): order for order in claimed})
            if not calls and held_by == "rate" and time.monotonic() + 1 < deadline:
                time.sleep(RATE_PAUSE_S)
                continue
            if not calls and held_by == "held_back":
                continue
            if not calls:
                break
            done, running = wait(calls, return_when=FIRST_COMPLETED)
            if running and len(done) < concurrency // 2:
                done, _ = wait(calls, GATHER_S)
            _settle(runtime, [(calls.pop(call), call.result()) for call in done], probes, report)
    return report


def _claim(runtime: Runtime, wanted: int, held_back: HeldBack | None = None) -> tuple[Sequence[Order], str | None]:
    """Take due orders for this worker: planned ones and those whose number is to be sent again; commits `sending`.

    The second value says what held back the rest (see limits.Grant); `held_back` when some were called off instead.
    """
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        due = _due(session, now, wanted)
        unsent = [order.id for order in due if not order.sends]
        held = held_back(session, unsent) if held_back and unsent else ()
        if held:  # a transaction of its own: calling off touches budgets, which come before the line (F67)
            plan.call_off(session, sorted(held), now)
            return (), "held_back"
        granted = limits.grant(
            session, runtime.settings, [0 if order.sends else order.amount_fen for order in due], now
        )
        ids = _charged(session, runtime.settings, due[: granted.allowed], now)
        if not ids:
            return (), granted.held_by
        claim = (
            update(Order)
            .where(Order.id.in_(ids), or_(_IS_PLANNED, _is_due_again(now)))
            .values(
                status="sending", lease_epoch=Order.lease_epoch + 1, lease_until=now + LEASE, sends=Order.sends + 1,
                sent_at=now, next_step=None, next_check_at=None,
            )
            .returning(Order)
            .execution_options(synchronize_session=False)
        )  # fmt: skip
        claimed = sorted(session.scalars(claim), key=lambda order: order.id)
        return claimed, granted.held_by


def _charged(session: Session, settings: Settings, due: Sequence[Due], now: datetime) -> list[int]:
    """The orders whose persons may have more today; the others wait for the morning, and their share of the rate is back."""
    refused = [order for order in due if not person_day.charge(session, settings, order, now)]
    if refused:
        limits.give_back(
            session, settings, len(refused), sum(0 if order.sends else order.amount_fen for order in refused)
        )
        for order in refused:
            person_day.defer(session, order, now)
    turned_away = {order.id for order in refused}
    return [order.id for order in due if order.id not in turned_away]


_IS_PLANNED = Order.status == "planned"


def _is_due_again(now: datetime) -> ColumnElement[bool]:
    is_due = (Order.status == "unknown") & (Order.next_step == "send") & (Order.next_check_at <= now)
    return is_due & (Order.created_at > now - judge.ASK_HORIZON)  # WeChat forgets old numbers (money W4, W22)


def _due(session: Session, now: datetime, wanted: int) -> list[Due]:
    """Numbers that are to be sent again, then planned ones; two questions, so that each walks an index and sorts nothing.

    The rows are locked and those of another worker skipped: what is charged here is claimed here.
    """
    again = select(*Due.columns()).where(_is_due_again(now)).order_by(Order.id).limit(wanted)
    due = [Due(*row) for row in session.execute(again.with_for_update(skip_locked=True))]
    if len(due) < wanted:
        is_due = _IS_PLANNED & (Order.send_after <= now)
        planned = select(*Due.columns()).where(is_due).order_by(Order.send_after, Order.id).limit(wanted - len(due))
        due += [Due(*row) for row in session.execute(planned.with_for_update(skip_locked=True))]
    return due


def _call(runtime: Runtime, order: Order, claimed_s: float) -> Any:
    """One request with the frozen parameters; every way it can end is a value, so that one order holds up no other (F89)."""
    if hashlib.sha256(order.params.encode()).hexdigest() != order.params_sha256:
        return judge.Changed()
    try:
        if time.monotonic() - claimed_s > STOP_SEEN_S and limits.is_stopped_by_staff(runtime):
            return NotSent("stopped by staff before it was sent")
        return CHANNELS[order.channel].send(runtime, json.loads(order.params))
    except WeChatError as error:
        return error
    except Exception as error:
        log.exception("order_not_sent", mch_billno=order.mch_billno)
        return WeChatError(f"{type(error).__name__} while it was sent")


def _settle(
    runtime: Runtime, answers: Sequence[tuple[Order, Any]], probes: Set[int], report: SendReport
) -> None:  # fmt: skip
    """Commit the outcomes of several calls in one transaction; only an accepted probe opens a stopped line again."""
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        rulings = [
            outcome.sealed(runtime.vault, order, judge.judge_send(order, answer, now)) for order, answer in answers
        ]
        outcome.apply(session, rulings, now)
    stops, is_open = [], False
    for ruling in rulings:
        verdict = ruling.verdict
        status = verdict.after or ruling.order.status
        report.statuses[status] = report.statuses.get(status, 0) + 1
        report.accepted += verdict.after == "accepted"
        stops += [verdict.err_code or "UNKNOWN"] if verdict.stops_line else []
        is_open |= verdict.opens_line and ruling.order.id in probes
    if stops or is_open:
        _turn_line(runtime, stops, now)


def _turn_line(runtime: Runtime, stops: Sequence[str], now: datetime) -> None:
    """Stop the merchant's line, or open it again after a probe went through.

    A transaction of its own: claiming locks the line before quotas, settling touches them the other way round (F67).
    """
    with runtime.database.transaction() as session:
        for code in stops:
            limits.stop_line(session, runtime.settings.mch_id, code, now)
        if not stops:
            limits.open_line(session, runtime.settings.mch_id)


def recover_sending(session: Session, now: datetime) -> int:
    """Orders whose worker died while sending become unknown and are due again with the same number (F03)."""
    recovered = (
        update(Order)
        .where(
            Order.status == "sending",
            or_(Order.lease_until < now, Order.lease_until > now + 2 * LEASE),  # the clock was set back (F73)
        )
        .values(status="unknown", err_code="WORKER_DIED", next_step="send", next_check_at=now, lease_until=None)
    )
    return changed(session, recovered)
