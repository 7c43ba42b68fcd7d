"""Sending orders: claim and commit, call with no transaction open, commit the outcome.

One coordinator thread claims in batches and writes outcomes in batches; `pay_concurrency` threads do nothing but call
WeChat Pay. A crash at any point leaves orders in `sending` with a lease; when it runs out they are unknown and the same
number is sent again (money F03–F04f).
"""

import hashlib
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from wxbot import lineage
from wxbot.db import changed
from wxbot.logs import get_logger
from wxbot.orders import decide, outcome, person_day, plan, throttle
from wxbot.orders.channels import CHANNELS
from wxbot.orders.models import NEXT, Order
from wxbot.orders.person_day import Due
from wxbot.orders.throttle import Grant, SendLane
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.transitions import moving
from wxbot.wechat.errors import NotSent, WeChatError

log = get_logger(__name__)

LEASE = timedelta(seconds=90)
"""How long a claimed order belongs to its worker: longer than AHEAD calls before it and its own, 25 s each (money F06)."""

RATE_PAUSE_S = 0.1
"""How long the sender waits before it asks for the next second's share of the rate."""

AHEAD = 1
"""Orders claimed ahead for each thread, so that a commit leaves no thread without work. What is claimed is sent even when
the lane is stopped meanwhile, so they are few."""

GATHER_S = 0.01
"""How long a first answer waits for others, so that they share one commit; the threads go on meanwhile."""

STOP_SEEN_S = 0.5
"""A call that begins later than this after its order was claimed looks first whether the lane was stopped meanwhile."""


NO_WITNESS = "no witness could be written, or the database is older than its witness"
"""Why what was claimed is not sent after all; its number stays, and is sent when there is a witness again."""


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
    if not lineage.may_send(runtime):
        return report
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
                if held_by == "frozen":
                    deadline = 0.0  # what is on its way is waited for
                if held_by == "stopped":
                    probes |= {order.id for order in claimed}
                claimed_s = time.monotonic()
                calls.update({pool.submit(_call, runtime, order, claimed_s): order for order in claimed})
            if not calls and held_by == "rate" and time.monotonic() + 1 < deadline:
                time.sleep(RATE_PAUSE_S)
                continue
            if not calls and held_by == "another":
                continue
            if not calls:
                break
            done, running = wait(calls, return_when=FIRST_COMPLETED)
            if running and len(done) < concurrency // 2:
                done, _ = wait(calls, GATHER_S)
            _settle(runtime, [(calls.pop(call), call.result()) for call in done], probes, report)
    return report


def _claim(runtime: Runtime, wanted: int, held_back: HeldBack | None = None) -> tuple[Sequence[Order], str | None]:
    """Take due orders for this worker: planned ones and those whose number is to be sent again; commits `sending`, then
    writes the witness of it.

    The second value says what held back the rest (see limits.Grant); `another` when orders were put off or called off
    instead, and others may be due; `frozen` when nothing may be sent, because of what lineage.py says.
    """
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        claimed: Sequence[Order] = ()
        held_by = None
        for lane in throttle.lanes(session, runtime.settings, now):
            claimed, held_by = _claim_of(session, runtime.settings, lane, wanted, held_back, now)
            if claimed or held_by == "another":
                break
        if not claimed:
            return claimed, held_by
        risen = lineage.advance(session)
        if risen is None:
            session.rollback()
            return (), "frozen"
    serial = max(plan.serial_of(runtime.settings.mch_id, order.mch_billno) for order in claimed)
    if lineage.is_witnessed_claim(runtime, replace(risen, serial=serial)):
        return claimed, held_by
    _settle(runtime, [(order, NotSent(NO_WITNESS)) for order in claimed], set(), SendReport())
    return (), "frozen"


def _claim_of(
    session: Session, settings: Settings, lane: SendLane, wanted: int, held_back: HeldBack | None, now: datetime
) -> tuple[Sequence[Order], str | None]:
    """The due orders of the channels that one error stops together."""
    due = _due(session, now, wanted, lane.channels)
    unsent = [order.id for order in due if not order.sends]
    held = held_back(session, unsent) if held_back and unsent else ()
    if held:  # a transaction of its own: calling off touches budgets, which come before the lane (F67)
        plan.call_off(session, sorted(held), now)
        return (), "another"
    granted = throttle.grant(session, settings, [_newly_sent(order) for order in due], now, lane.key)
    ids = _charged(session, settings, due, granted, lane.key, now)
    if not ids:
        return (), "another" if granted.allowed else granted.held_by
    sending = moving(
        Order,
        NEXT,
        ("planned", "unknown"),
        "sending",
        lease_epoch=Order.lease_epoch + 1,
        lease_until=now + LEASE,
        sends=Order.sends + 1,
        sent_at=now,
        next_step=None,
        next_check_at=None,
    )
    claim = (
        sending.where(Order.id.in_(ids), or_(_IS_PLANNED, _is_due_again(now)))
        .returning(Order)
        .execution_options(synchronize_session=False)
    )
    return sorted(session.scalars(claim), key=lambda order: order.id), granted.held_by


def _newly_sent(order: Due) -> int:
    """What a request newly sends, in fen: nothing when its number was sent before."""
    return 0 if order.sends else order.amount_fen


def _charged(
    session: Session, settings: Settings, due: Sequence[Due], granted: Grant, key: str, now: datetime
) -> list[int]:
    """The orders whose persons may have more today; the others wait for the morning, and their share of the rate is back.

    A probe is the first order that may be sent at all. People are charged in one order by all workers (F67).
    """
    is_probe = granted.held_by == "stopped"
    ids, refused = [], []
    wanted = due if is_probe and granted.allowed else due[: granted.allowed]
    for order in wanted if is_probe else sorted(wanted, key=lambda order: order.openid or ""):
        if person_day.charge(session, settings, order, now):
            ids.append(order.id)
            if is_probe:
                break
        else:
            refused.append(order)
            person_day.defer(session, order, now)
    if refused and not is_probe:
        throttle.give_back(session, settings, [_newly_sent(order) for order in refused])
    if is_probe and refused and not ids:
        throttle.give_probe_back(session, key, now)
    return ids


_IS_PLANNED = Order.status == "planned"


def _is_due_again(now: datetime) -> ColumnElement[bool]:
    is_due = (Order.status == "unknown") & (Order.next_step == "send") & (Order.next_check_at <= now)
    return is_due & (Order.created_at > now - decide.ASK_HORIZON)  # WeChat forgets old numbers (money W4, W22)


def _due(session: Session, now: datetime, wanted: int, channels: Sequence[str] = ()) -> list[Due]:
    """Numbers that are to be sent again, then planned ones; two questions, so that each walks an index and sorts nothing.

    The rows are locked and those of another worker skipped: what is charged here is claimed here.
    """
    mine = [Order.channel.in_(channels)] if channels else []
    again = select(*Due.columns()).where(_is_due_again(now), *mine).order_by(Order.id).limit(wanted)
    due = [Due(*row) for row in session.execute(again.with_for_update(skip_locked=True))]
    if len(due) < wanted:
        is_due = _IS_PLANNED & (Order.send_after <= now)
        planned = (
            select(*Due.columns()).where(is_due, *mine).order_by(Order.send_after, Order.id).limit(wanted - len(due))
        )
        due += [Due(*row) for row in session.execute(planned.with_for_update(skip_locked=True))]
    return due


def _call(runtime: Runtime, order: Order, claimed_s: float) -> Any:
    """One request with the frozen parameters; every way it can end is a value, so that one order holds up no other (F89)."""
    if hashlib.sha256(order.params.encode()).hexdigest() != order.params_sha256:
        return decide.Changed()
    try:
        if time.monotonic() - claimed_s > STOP_SEEN_S and throttle.is_stopped_by_staff(runtime):
            return NotSent("stopped by staff before it was sent")
        return CHANNELS[order.channel].send(runtime, json.loads(order.params))
    except WeChatError as error:
        return error
    except Exception as error:
        log.exception("order_not_sent", mch_billno=order.mch_billno)
        return WeChatError(f"{type(error).__name__} while it was sent")


def _settle(runtime: Runtime, answers: Sequence[tuple[Order, Any]], probes: Set[int], report: SendReport) -> None:
    """Commit the outcomes of several calls in one transaction; only an accepted probe opens a stopped lane again."""
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        decided_orders = [
            outcome.sealed(runtime.vault, order, decide.decide_send(order, answer, now)) for order, answer in answers
        ]
        outcome.apply(session, decided_orders, now)
    stops: dict[str, str] = {}
    opened = set()
    for decided_order in decided_orders:
        decision, key = decided_order.decision, throttle.lane_key(runtime.settings.mch_id, decided_order.order.channel)
        status = decision.after or decided_order.order.status
        report.statuses[status] = report.statuses.get(status, 0) + 1
        report.accepted += decision.after == "accepted"
        if decision.stops_line:
            stops[key] = decision.err_code or "UNKNOWN"
        if decision.opens_line and decided_order.order.id in probes:
            opened.add(key)
    if stops or opened:
        _turn_lines(runtime, stops, opened - stops.keys(), now)


def _turn_lines(runtime: Runtime, stops: Mapping[str, str], opened: Set[str], now: datetime) -> None:
    """Stop lanes, or open them again after their probe went through.

    A transaction of its own: claiming locks the lane before quotas, settling touches them the other way round (F67).
    """
    with runtime.database.transaction() as session:
        for key, code in sorted(stops.items()):
            throttle.stop_lane(session, key, code, now)
        for key in sorted(opened):
            throttle.open_lane(session, key)


def recover_sending(session: Session, now: datetime) -> int:
    """Orders whose worker died while sending become unknown and are due again with the same number (F03)."""
    again = {"err_code": "WORKER_DIED", "next_step": "send", "next_check_at": now, "lease_until": None}
    recovered = moving(Order, NEXT, ("sending",), "unknown", **again).where(
        or_(Order.lease_until < now, Order.lease_until > now + 2 * LEASE)  # the clock was set back (F73)
    )
    return changed(session, recovered)
