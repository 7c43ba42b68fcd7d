"""Making orders: number, frozen parameters and reserved money, all committed before the first byte leaves."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from wxbot import budget, ledger
from wxbot.clock import shanghai_day
from wxbot.ledger import Posting
from wxbot.orders.channels import CHANNELS, PaymentRequest
from wxbot.orders.models import NEXT, LaneState, Order
from wxbot.settings import Settings
from wxbot.transitions import moving

SERIALS = 100_000_000
"""Eight digits of an order number are a serial (money §5.6)."""


NUMBER = re.compile(r"(?P<day>20\d{6})(?P<epoch>\d)(?P<serial>\d{8})(?P<attempt>\d)", re.ASCII)
"""An order number behind its mch_id."""


class BudgetSpent(Exception):
    """The campaign's budget does not allow another order."""


def lane_state(session: Session, mch_id: str) -> LaneState:
    """The merchant's row, made on first use."""
    lane = session.get(LaneState, mch_id)
    if lane is None:
        lane = LaneState(mch_id=mch_id, second=0, sent_in_second=0, day="", sent_in_day=0, next_serial=1)
        session.add(lane)
        session.flush()
    return lane


def billno(mch_id: str, now: datetime, epoch: int, serial: int, attempt: int) -> str:
    """An order number: mch_id, Shanghai day, epoch(1), serial(8), attempt(1); at most 28 digits (money §5.6, W1).

    The day is that of creation and never changes afterwards (F12, I15).
    """
    number = number_of(mch_id, shanghai_day(now), epoch, serial, attempt)
    if len(number) > 28:
        raise ValueError(f"order number {number} is longer than 28 characters")
    return number


def number_of(mch_id: str, day: date, epoch: int, serial: int, attempt: int) -> str:
    """The number that an order of this day, serial and attempt has."""
    return f"{mch_id}{day:%Y%m%d}{epoch}{serial % SERIALS:08d}{attempt % 10}"


def serial_of(mch_id: str, mch_billno: str) -> int:
    """The serial in an order number of ours; 0 for any other number."""
    parts = NUMBER.fullmatch(mch_billno.removeprefix(mch_id))
    return int(parts["serial"]) if parts else 0


def _take_serials(session: Session, mch_id: str, wanted: int) -> int:
    """The first of `wanted` consecutive serials of the merchant."""
    lane_state(session, mch_id)
    after = session.execute(
        update(LaneState)
        .where(LaneState.mch_id == mch_id)
        .values(next_serial=LaneState.next_serial + wanted)
        .returning(LaneState.next_serial)
        .execution_options(synchronize_session=False)
    ).scalar_one()
    return int(after) - wanted


def fault_of(settings: Settings, channel_name: str, payment_request: PaymentRequest) -> str | None:
    """Why no order could carry this payment_request with the settings of now: WeChat would refuse its texts or its amount. None: it can.

    Ask before plan_orders: one payment_request that cannot be frozen would hold up all others of its transaction (F89).
    """
    try:
        CHANNELS[channel_name].freeze(settings, "0" * 28, payment_request)
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        return str(error) or type(error).__name__
    return None


def row_of(
    settings: Settings, channel_name: str, number: str, payment_request: PaymentRequest, now: datetime
) -> dict[str, Any]:
    """The columns of a planned order: its number and the parameters that never change. Raises what the channel's freeze does."""
    channel = CHANNELS[channel_name]
    params = json.dumps(channel.freeze(settings, number, payment_request), ensure_ascii=False, sort_keys=True)
    return {
        "channel": channel.name,
        "reason_kind": payment_request.reason_kind,
        "reason_id": payment_request.reason_id,
        "attempt": payment_request.attempt,
        "budget_id": payment_request.budget_id,
        "mch_billno": number,
        "params": params,
        "params_sha256": hashlib.sha256(params.encode()).hexdigest(),
        "amount_fen": payment_request.amount_fen,
        "openid": payment_request.openid,
        "status": "planned",
        "fund": payment_request.fund,
        "holding": "in_flight",
        "sends": 0,
        "checks": 0,
        "created_at": now,
        "send_after": now,
        "lease_epoch": 0,
        "is_noticed": True,
        "is_cancel_wanted": False,
    }


def plan_orders(
    session: Session, settings: Settings, channel_name: str, payment_requests: Sequence[PaymentRequest], now: datetime
) -> dict[int, int]:
    """Create planned orders in the caller's transaction; returns reason_id → order id.

    Reserves the money of all of them at once (conditional write) and posts it as in flight; what is owed was committed
    before. Raises BudgetSpent when the budget does not allow it, and the database refuses a second live order for one
    reason (partial unique index).
    """
    if not payment_requests:
        return {}
    totals = Counter[int]()
    for payment_request in payment_requests:
        if payment_request.fund == "reserved":
            totals[payment_request.budget_id] += payment_request.amount_fen
    for budget_id, total in sorted(totals.items()):
        if not budget.reserve(session, budget_id, total):
            raise BudgetSpent(f"budget {budget_id}: the budget does not allow {total} fen more")
    serial = _take_serials(session, settings.mch_id, len(payment_requests))
    rows: list[dict[str, Any]] = []
    for offset, payment_request in enumerate(payment_requests):
        number = billno(settings.mch_id, now, settings.number_epoch, serial + offset, payment_request.attempt)
        rows.append(row_of(settings, channel_name, number, payment_request, now))
    session.execute(insert(Order), rows)
    ledger.post(
        session,
        [
            Posting("ordered", row["mch_billno"], row["fund"], "in_flight", row["amount_fen"], row["budget_id"])
            for row in rows
        ],
        now,
    )
    numbers = [row["mch_billno"] for row in rows]
    found = session.execute(select(Order.reason_id, Order.id).where(Order.mch_billno.in_(numbers)))
    return {int(reason_id): int(order_id) for reason_id, order_id in found}


def cancel_planned(session: Session, budget_id: int, now: datetime, limit: int = 1000) -> int:
    """Cancel orders of a campaign that were never sent; their money is released. Returns how many. Orders for what
    people have won are not among them: their money is no longer the campaign's to take back."""
    planned = (
        select(Order.id)
        .where(Order.budget_id == budget_id, Order.status == "planned", Order.fund == "reserved")
        .limit(limit)
        .with_for_update(skip_locked=True)  # what a sender claims at this moment is not cancelled, and nobody waits
    )
    ids = session.scalars(planned).all()
    return call_off(session, ids, now) if ids else 0


def call_off(session: Session, order_ids: Sequence[int], now: datetime) -> int:
    """End orders that were never sent, in the caller's transaction, which has locked them; returns how many. Nothing is
    sent for them any more, their money is free again (what is owed stays owed), and who asked for them learns of it."""
    ended = {"err_code": "CANCELLED", "holding": Order.fund, "settled_at": now, "is_noticed": False}
    cancel = (
        moving(Order, NEXT, ("planned",), "failed", **ended)
        .where(Order.id.in_(order_ids))
        .returning(Order.mch_billno, Order.amount_fen, Order.budget_id, Order.fund)
        .execution_options(synchronize_session=False)
    )
    cancelled = session.execute(cancel).all()
    released = Counter[int]()
    for order in cancelled:
        if order.fund == "reserved":
            released[order.budget_id] += order.amount_fen
    for budget_id, total in sorted(released.items()):
        budget.release(session, budget_id, total)
    ledger.post(
        session,
        [Posting("failed", o.mch_billno, "in_flight", o.fund, o.amount_fen, o.budget_id) for o in cancelled],
        now,
    )
    return len(cancelled)
