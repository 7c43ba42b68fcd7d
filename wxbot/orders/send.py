"""Sending orders: claim and commit, call with no transaction open, commit the outcome (design, rules 2 and 3).

One coordinator thread claims in batches and writes outcomes in batches; `pay_concurrency` threads do nothing but call
WeChat Pay. A crash at any point leaves orders in `sending` with a lease; when it runs out they are unknown and the same
number is sent again (money F03–F04f).
"""

import json
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session

from wxbot.db import changed
from wxbot.logs import get_logger
from wxbot.orders import limits, outcome
from wxbot.orders.channels import CHANNELS
from wxbot.orders.models import Order
from wxbot.runtime import Runtime
from wxbot.wechat.errors import WeChatError
from wxbot.wechat.pay import PayAnswer

log = get_logger(__name__)

LEASE = timedelta(seconds=90)
"""How long a claimed order belongs to its worker: longer than queue time plus the client's 25 s deadline (money F06)."""

RATE_PAUSE_S = 0.1
"""How long the sender waits before it asks for the next second's share of the rate."""

Answer = PayAnswer | WeChatError


@dataclass
class SendReport:
    """What one run of `send_due` did."""

    sent: int = 0
    accepted: int = 0
    statuses: dict[str, int] = field(default_factory=dict)


def send_due(runtime: Runtime, *, seconds: float = 20.0, limit: int = 1_000_000) -> SendReport:
    """Send every order that is due until none is left, the rate is used up, or `seconds` have passed."""
    report = SendReport()
    deadline = time.monotonic() + seconds
    concurrency = runtime.settings.pay_concurrency
    with ThreadPoolExecutor(concurrency, thread_name_prefix="pay") as pool:
        calls: dict[Future[Answer], Order] = {}
        while True:
            room = min(2 * concurrency - len(calls), limit - report.sent)
            held_by = None
            if time.monotonic() < deadline and room >= concurrency // 2 and room > 0:
                claimed, held_by = _claim(runtime, room)
                report.sent += len(claimed)
                calls.update({pool.submit(_call, runtime, order): order for order in claimed})
            if not calls and held_by == "rate" and time.monotonic() + 1 < deadline:
                time.sleep(RATE_PAUSE_S)
                continue
            if not calls:
                break
            done, _ = wait(calls, return_when=FIRST_COMPLETED)
            _settle(runtime, [(calls.pop(call), call.result()) for call in done], report)
    return report


def _claim(runtime: Runtime, wanted: int) -> tuple[Sequence[Order], str | None]:
    """Take due orders for this worker: planned ones and those whose number is to be sent again; commits `sending`.

    The second value says what held back the rest (see limits.Grant).
    """
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        due = session.scalars(_due(now, wanted)).all()
        granted = limits.grant(session, runtime.settings, len(due), now)
        claimed = []
        for order in due[: granted.allowed]:
            claim = (
                update(Order)
                .where(Order.id == order.id, Order.status == order.status, Order.lease_epoch == order.lease_epoch)
                .values(
                    status="sending", lease_epoch=Order.lease_epoch + 1, lease_until=now + LEASE, sends=Order.sends + 1,
                    sent_at=now, next_step=None, next_check_at=None,
                )
            )  # fmt: skip
            if changed(session, claim):
                claimed.append(order.id)
        if not claimed:
            return (), granted.held_by
        session.expire_all()
        return session.scalars(select(Order).where(Order.id.in_(claimed))).all(), granted.held_by


def _due(now: datetime, wanted: int) -> Select[Order]:
    again = (Order.next_check_at <= now) & (Order.next_step == "send") & (Order.status == "unknown")
    return select(Order).where(or_(Order.status == "planned", again)).order_by(Order.id).limit(wanted)


def _call(runtime: Runtime, order: Order) -> Answer:
    """One request with the frozen parameters; every way it can end is a value."""
    try:
        return CHANNELS[order.channel].send(runtime.pay, json.loads(order.params))
    except WeChatError as error:
        return error


def _settle(runtime: Runtime, answers: Sequence[tuple[Order, Answer]], report: SendReport) -> None:
    """Commit the outcomes of several calls in one transaction."""
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        for order, answer in answers:
            verdict = outcome.judge_send(order, answer, now)
            ticket = verdict.sp_ticket
            outcome.apply(
                session, order, verdict, now,
                ticket_hash=runtime.vault.index(ticket) if ticket else None,
                sealed_ticket=runtime.vault.seal(ticket) if ticket else None,
            )  # fmt: skip
            status = verdict.after or order.status
            report.statuses[status] = report.statuses.get(status, 0) + 1
            if verdict.stops_line:
                limits.stop_line(session, runtime.settings.mch_id, verdict.err_code or "UNKNOWN", now)
            elif verdict.after == "accepted":
                report.accepted += 1
        if report.accepted:
            limits.open_line(session, runtime.settings.mch_id)


def recover_sending(session: Session, now: datetime) -> int:
    """Orders whose worker died while sending become unknown and are due again with the same number (F03)."""
    recovered = (
        update(Order)
        .where(Order.status == "sending", Order.lease_until < now)
        .values(status="unknown", err_code="WORKER_DIED", next_step="send", next_check_at=now, lease_until=None)
    )
    return changed(session, recovered)
