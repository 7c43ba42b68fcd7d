"""What an answer of WeChat Pay means for an order: one pure table for all channels (money §5.2).

Three outcomes: done, definitely failed, unknown. Whatever the table does not know is unknown; unknown keeps number,
parameters and money reserved, and only asking settles it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from wxbot.clock import SHANGHAI
from wxbot.orders.channels import CHANNELS, DIRECT, ProviderStatus
from wxbot.orders.models import Order, OrderEnd, OrderStatus
from wxbot.wechat.errors import ErrorRow, NotSent, Unanswered, WeChatError, row_for

SEND_AGAIN_S = (1, 2, 5, 10, 30, 60, 180, 600, 1200, 1800)
"""Waits before the same number is sent again; the smallest gap of one order is 1 s (wechat-protocol §3.1)."""

QUERY_UNKNOWN_S = (1, 60, 180, 600, 1200, 1800)
"""Waits before an unsettled number is asked about again; hourly for a day after the last (money §5.2)."""

QUERY_SELDOM_S = 6 * 3600
"""Wait after that day."""

REFUND_SEEN = timedelta(minutes=5)
"""How long after a packet's end WeChat is asked whether the money came back."""

PROCESSING_WAIT_S = 1200
"""PROCESSING: query after 20 minutes, act on that result (wechat-protocol §3.5)."""

STOPPED_WAIT_S = 60
"""While the lane is stopped one number is tried again this often (money F19b)."""

ASK_HORIZON = timedelta(days=25)
"""gethbinfo covers 30 days; past this age nothing is sent or asked any more, only a person may settle an order (money W4)."""

SECRET_TRIES = 5
"""How often the same number is sent only to be told the secret of a packet that WeChat has placed."""

NOT_FOUND_MANUAL = timedelta(hours=24)
"""A refused number that WeChat does not know for this long goes to a person (money §5.2)."""

PERSON_DAY_CODES = frozenset({"SENDNUM_LIMIT", "RCVDAMOUNT_LIMIT", "DAY_OVER_LIMITED"})
"""Refusals that hold until tomorrow: the same number is sent again then (wechat-protocol §3.5)."""

CODE_CHARS = 64
"""A code or a number of WeChat's is never longer; what is longer is cut, or proves nothing."""

MORNING_HOUR = 8
MORNING_SPREAD_S = 900
"""What waits for the morning begins at 08:00 Beijing time, spread over 15 minutes (money F19)."""


@dataclass(frozen=True)
class Changed:
    """In place of an answer: the stored parameters are not those the order was made with, so nothing was sent (money F72)."""


@dataclass(frozen=True)
class Decision:
    """What one answer says about an order. `after` None: the status stays; `wait_s` None: nothing more is due."""

    after: OrderStatus | None
    step: str | None = None
    wait_s: float | None = None
    err_code: str | None = None
    stops_line: bool = False
    opens_line: bool = False
    alarm: str | None = None
    detail_id: str | None = None
    secret: str | None = None
    openid: str | None = None
    placed_at: datetime | None = None
    evidence: str = ""


def _later(waits: Sequence[int], tries: int) -> float:
    return float(waits[tries - 1]) if 0 < tries <= len(waits) else 3600.0


def _query_wait(order: Order, now: datetime) -> float:
    """Seconds until an unsettled number is asked about again; never past the moment its packet ends."""
    checks = order.checks + 1
    wait_s = _later(QUERY_UNKNOWN_S, checks) if checks <= len(QUERY_UNKNOWN_S) + 24 else QUERY_SELDOM_S
    if order.expires_at is not None:
        until_end_s = (order.expires_at + REFUND_SEEN - now).total_seconds()
        if 0 < until_end_s < wait_s:
            return until_end_s
    return wait_s


def morning_after(moment: datetime, order_id: int) -> datetime:
    """The next morning's time of an order: 08:00 Beijing time of the following day, spread by its id (money F19)."""
    local = moment.astimezone(SHANGHAI)
    morning = local.replace(hour=MORNING_HOUR, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return morning + timedelta(seconds=order_id * 37 % MORNING_SPREAD_S)


def _parse_status(order: Order, answer: Any, *, is_query: bool) -> ProviderStatus:
    """What an answer says, in words that fit into our columns: one that does not must not hold up the others (F11, F89)."""
    told = CHANNELS[order.channel].parse_status(order, answer, is_query=is_query)
    if told.detail_id and len(told.detail_id) > CODE_CHARS:
        told = replace(told, state="unproven", detail_id=None)
    return replace(told, code=told.code[:CODE_CHARS]) if len(told.code) > CODE_CHARS else told


def decide_send(order: Order, answer: Any, now: datetime) -> Decision:
    """The decision on one send. Pure: the same order, answer and time give the same decision."""
    if isinstance(answer, Changed):
        return Decision(
            "manual",
            err_code="FATAL_ERROR",
            alarm="parameters_changed_by_hand",
            evidence="the stored parameters are not those the order was made with; nothing was sent",
        )
    if isinstance(answer, NotSent):
        return Decision("unknown", "send", _later(SEND_AGAIN_S, order.sends), "NOT_SENT", evidence=str(answer))
    if isinstance(answer, Unanswered):
        return Decision(
            "unknown",
            "send",
            _later(SEND_AGAIN_S, order.sends),
            f"UNANSWERED_{answer.reason.upper()}",
            alarm=f"reply_{answer.reason}" if answer.security else None,
            evidence=answer.evidence or str(answer),
        )
    if isinstance(answer, WeChatError):
        return Decision("unknown", "query", 60, "UNREADABLE", evidence=str(answer))
    channel = CHANNELS[order.channel]
    told = _parse_status(order, answer, is_query=False)
    match told.state:
        case "placed" if channel.needs_secret and not told.secret and order.sends < SECRET_TRIES:
            return Decision("unknown", "send", _later(SEND_AGAIN_S, order.sends), "TICKET_MISSING", evidence=told.raw)
        case "placed":
            return _placed(order, told, now)
        case "unproven":
            return Decision(
                "unknown",
                "send",
                _later(SEND_AGAIN_S, order.sends),
                "ECHO_DIFFERS",
                alarm="reply_echo_differs",
                evidence=told.raw,
            )
        case "moving":
            return Decision(
                "unknown",
                "query",
                _later(QUERY_UNKNOWN_S, order.sends + 1),
                told.code or "MOVING",
                detail_id=told.detail_id,
                opens_line=True,
                evidence=told.raw,
            )
        case "refused":
            return _decide_refusal(order, row_for(channel.api, told.code), told.raw, now)
        case end:
            return _ended(order, told, end)


def _placed(order: Order, told: ProviderStatus, now: datetime) -> Decision:
    """WeChat has it. The packet's life runs from the time WeChat tells: an answer that repeats an old order tells its old
    time; a time that cannot be read is taken as early as possible, so that no ticket is trusted too long (F45)."""
    placed_at = order.created_at if told.placed_at is None else min(max(told.placed_at, order.created_at), now)
    return Decision(
        "accepted",
        detail_id=told.detail_id,
        secret=told.secret,
        placed_at=placed_at,
        opens_line=True,
        evidence=told.raw,
    )


def _ended(order: Order, told: ProviderStatus, end: OrderEnd) -> Decision:
    """WeChat says how it ended: received, returned or failed."""
    is_other = order.openid is not None and told.openid is not None and told.openid != order.openid
    alarm = "received_by_another_person" if end == "received" and is_other else None
    if alarm and order.channel in DIRECT:  # not the bill we sent: our person may have got nothing (money F32b)
        return Decision("manual", err_code="ECHO_DIFFERS", alarm=alarm, evidence=told.raw)
    return Decision(
        end, err_code=told.code or None, detail_id=told.detail_id, openid=told.openid, alarm=alarm, evidence=told.raw
    )


def _decide_refusal(order: Order, row: ErrorRow, raw: str, now: datetime) -> Decision:
    if row.stops_lane:
        return Decision("unknown", "send", STOPPED_WAIT_S, row.code, stops_line=True, evidence=raw)
    if row.code == "FATAL_ERROR":
        return Decision("manual", err_code=row.code, alarm="same_number_other_parameters", evidence=raw)
    if row.code == "PROCESSING":
        return Decision("unknown", "query", PROCESSING_WAIT_S, row.code, evidence=raw)
    if row.code in PERSON_DAY_CODES:
        wait_s = (morning_after(now, order.id) - now).total_seconds()
        return Decision("unknown", "send", wait_s, row.code, evidence=raw)
    if row.retry == "same" or row.retry == "later":
        return Decision("unknown", "send", _later(SEND_AGAIN_S, order.sends), row.code, evidence=raw)
    return Decision("unknown", "query", _query_wait(order, now), row.code, evidence=raw)


def decide_query(order: Order, answer: Any, now: datetime) -> Decision:
    """The decision on one answer to a question. Pure. A later NOT_FOUND never undoes what was known (money F15)."""
    if isinstance(answer, WeChatError):
        return _ask_again(order, now, order.err_code or "QUERY_UNANSWERED", str(answer))
    channel = CHANNELS[order.channel]
    told = _parse_status(order, answer, is_query=True)
    match told.state:
        case "refused":
            row = row_for(channel.query_api, told.code)
            if row.code == "NOT_FOUND" and order.status in ("unknown", "sending"):
                return _decide_not_found(order, now, told.raw)
            return _ask_again(order, now, order.err_code or row.code, told.raw)  # why it was refused is not forgotten
        case "unproven":
            alarm = None if order.err_code == "ECHO_DIFFERS" else "reply_echo_differs"
            return _ask_again(order, now, "ECHO_DIFFERS", told.raw, alarm)
        case "received" | "returned" | "failed" as end:
            return _ended(order, told, end)
        case "placed" if order.status == "unknown" and not channel.needs_secret:
            return _placed(order, told, now)
        case "placed" if order.status == "unknown" and order.sp_ticket is None:
            return _missing_secret(order, told, channel.life, now)
        case _:
            code = told.code if order.status == "unknown" and told.code else order.err_code
            return _ask_again(order, now, code, told.raw)


def _missing_secret(order: Order, told: ProviderStatus, life: timedelta, now: datetime) -> Decision:
    """WeChat placed it, only its secret is missing: the same number gives it again (F42), while it is of use."""
    if not order.is_cancel_wanted and now - order.created_at < life * 5 / 6:
        return Decision(None, "send", 0, "TICKET_MISSING", detail_id=told.detail_id, evidence=told.raw)
    return _ask_again(order, now, order.err_code, told.raw)


def _decide_not_found(order: Order, now: datetime, raw: str) -> Decision:
    """NOT_FOUND is not failure: send the same number again, later leave it to a person (money W4, F08).

    What somebody wants back is not sent again: it would come to life, and could be taken before it is cancelled (F82).
    """
    sent_at = order.sent_at or order.created_at
    refused = order.err_code is not None and _is_refusal(CHANNELS[order.channel].api, order.err_code)
    refused = refused or bool(order.is_cancel_wanted)
    if refused and now - sent_at >= NOT_FOUND_MANUAL:
        return Decision("manual", err_code=order.err_code, alarm="needs_a_person", evidence=raw)
    if not refused and now - order.created_at < ASK_HORIZON:
        wait_s = max(0.0, 600 - (now - sent_at).total_seconds())
        return Decision(None, "send", wait_s, "NOT_FOUND", evidence=raw)
    return _ask_again(order, now, order.err_code or "NOT_FOUND", raw)


def _is_refusal(api: str, code: str) -> bool:
    """A documented no to what was asked: sending the same again would only hear it again. PROCESSING is none (W21)."""
    row = row_for(api, code)
    return row.is_known and row.code not in ("PROCESSING", "NOT_FOUND") and row.retry in ("query", "never", "new")


def _ask_again(order: Order, now: datetime, err_code: str | None, raw: str, alarm: str | None = None) -> Decision:
    if order.status == "manual":  # a person asked; the answer settles nothing, so it stays with the person
        return Decision(None, err_code=order.err_code, evidence=raw)
    if now - order.created_at >= ASK_HORIZON:
        return Decision("manual", err_code=err_code, alarm="too_old_to_ask", evidence=raw)
    return Decision(None, "query", _query_wait(order, now), err_code, alarm=alarm, evidence=raw)
