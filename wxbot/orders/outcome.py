"""What an answer of WeChat Pay means for an order: one pure table (money §5.2), and the one place that applies it.

Three outcomes: done, definitely failed, unknown. Whatever the table does not know is unknown; unknown keeps number,
parameters and money reserved, and only asking settles it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import Table, Update, bindparam, insert, select, update
from sqlalchemy.orm import Session

from wxbot import budget, ledger
from wxbot.clock import SHANGHAI
from wxbot.db import changed
from wxbot.ledger import Posting
from wxbot.logs import get_logger
from wxbot.orders.channels import CHANNELS
from wxbot.orders.models import NEXT, Evidence, Order
from wxbot.transitions import NotAllowed
from wxbot.wechat.errors import NotSent, Unanswered, WeChatError, row_for
from wxbot.wechat.pay import PayAnswer

log = get_logger(__name__)

SEND_AGAIN_S = (1, 2, 5, 10, 30, 60, 180, 600, 1200, 1800)
"""Waits before the same number is sent again; the smallest gap of one order is 1 s (wechat-protocol §3.1)."""

QUERY_UNKNOWN_S = (1, 60, 180, 600, 1200, 1800)
"""Waits before an unsettled number is asked about again; hourly for a day after the last (money §5.2)."""

QUERY_SELDOM_S = 6 * 3600
"""Wait after that day."""

REFUND_SEEN = timedelta(minutes=5)
"""How long after a ticket's end WeChat is asked whether the money came back."""

EVERY_SAME = 20
"""Answers that say the same again are kept as evidence only every so often (money F90)."""

PROCESSING_WAIT_S = 1200
"""PROCESSING: query after 20 minutes, act on that result (wechat-protocol §3.5)."""

STOPPED_WAIT_S = 60
"""While the line is stopped one number is tried again this often (money F19b)."""

ASK_HORIZON = timedelta(days=25)
"""gethbinfo covers 30 days; past this age nothing is sent or asked any more, only a person may settle an order (money W4)."""

TICKET_WORTH = timedelta(hours=60)
"""A ticket that is missing is fetched with its own number only this long: later it could hardly be drawn any more."""

NOT_FOUND_MANUAL = timedelta(hours=24)
"""A refused number that WeChat does not know for this long goes to a person (money §5.2)."""


@dataclass(frozen=True)
class Verdict:
    """What one answer says about an order. `after` None: the status stays; `wait_s` None: nothing more is due."""

    after: str | None
    step: str | None = None
    wait_s: float | None = None
    err_code: str | None = None
    stops_line: bool = False
    alarm: str | None = None
    detail_id: str | None = None
    sp_ticket: str | None = None
    openid: str | None = None
    placed_at: datetime | None = None
    evidence: str = ""


def _later(waits: Sequence[int], tries: int) -> float:
    return float(waits[tries - 1]) if 0 < tries <= len(waits) else 3600.0


def _query_wait(order: Order, now: datetime) -> float:
    """Seconds until an unsettled number is asked about again; never past the moment its ticket ends."""
    checks = order.checks + 1
    wait_s = _later(QUERY_UNKNOWN_S, checks) if checks <= len(QUERY_UNKNOWN_S) + 24 else QUERY_SELDOM_S
    if order.expires_at is not None:
        until_end_s = (order.expires_at + REFUND_SEEN - now).total_seconds()
        if 0 < until_end_s < wait_s:
            return until_end_s
    return wait_s


def judge_send(order: Order, answer: PayAnswer | WeChatError, now: datetime) -> Verdict:
    """The verdict on one send. Pure: the same order, answer and time give the same verdict."""
    if isinstance(answer, NotSent):
        return Verdict("unknown", "send", _later(SEND_AGAIN_S, order.sends), "NOT_SENT", evidence=str(answer))
    if isinstance(answer, Unanswered):
        return Verdict(
            "unknown",
            "send",
            _later(SEND_AGAIN_S, order.sends),
            f"UNANSWERED_{answer.reason.upper()}",
            alarm=f"reply_{answer.reason}" if answer.security else None,
            evidence=answer.evidence or str(answer),
        )
    if isinstance(answer, WeChatError):
        return Verdict("unknown", "query", 60, "UNREADABLE", evidence=str(answer))
    fields = answer.fields
    if answer.return_code == "SUCCESS" and answer.result_code == "SUCCESS":
        proof = CHANNELS[order.channel].proof(fields)
        if proof is not None and _echoes(order, fields):
            placed_at = _placed_at(order, fields.get("send_time", ""), now)
            return Verdict("accepted", detail_id=proof[0], sp_ticket=proof[1], placed_at=placed_at, evidence=answer.raw)
        return Verdict("unknown", "send", _later(SEND_AGAIN_S, order.sends), "ECHO_DIFFERS",
                       alarm="reply_echo_differs", evidence=answer.raw)  # fmt: skip
    return _judge_refusal(order, answer.err_code or "NO_CODE", answer.raw, now)


def _echoes(order: Order, fields: Mapping[str, str]) -> bool:
    """Number and amount of the answer are those of the order (security S65, F11)."""
    return fields.get("mch_billno") == order.mch_billno and fields.get("total_amount") == str(order.amount_fen)


def _placed_at(order: Order, send_time: str, now: datetime) -> datetime:
    """When WeChat took the order: the 72 hours run from there. An answer that repeats an old order tells its old time;
    a time that cannot be read is taken as early as possible, so that no ticket is trusted too long (F45)."""
    try:
        told = datetime.strptime(send_time, "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI)
    except ValueError:
        return order.created_at
    return min(max(told, order.created_at), now)


def _judge_refusal(order: Order, code: str, raw: str, now: datetime) -> Verdict:
    row = row_for("pay", code)
    if row.stops_the_line:
        return Verdict("unknown", "send", STOPPED_WAIT_S, row.code, stops_line=True, evidence=raw)
    if row.code == "FATAL_ERROR":
        return Verdict("manual", err_code=row.code, alarm="same_number_other_parameters", evidence=raw)
    if row.code == "PROCESSING":
        return Verdict("unknown", "query", PROCESSING_WAIT_S, row.code, evidence=raw)
    if row.retry == "same" or row.retry == "later":
        return Verdict("unknown", "send", _later(SEND_AGAIN_S, order.sends), row.code, evidence=raw)
    return Verdict("unknown", "query", _query_wait(order, now), row.code, evidence=raw)


def judge_query(order: Order, answer: PayAnswer | WeChatError, now: datetime) -> Verdict:
    """The verdict on one gethbinfo answer. Pure. Evidence is ranked: a later NOT_FOUND never undoes what was known (F15)."""
    if isinstance(answer, WeChatError):
        return _ask_again(order, now, "QUERY_UNANSWERED", str(answer))
    if answer.return_code != "SUCCESS" or answer.result_code != "SUCCESS":
        row = row_for("query", answer.err_code or "NO_CODE")
        if row.code == "NOT_FOUND" and order.status in ("unknown", "sending"):
            return _judge_not_found(order, now, answer.raw)
        return _ask_again(order, now, row.code, answer.raw)
    if answer.fields.get("mch_billno", order.mch_billno) != order.mch_billno:
        return _ask_again(order, now, "ECHO_DIFFERS", answer.raw)
    detail_id = answer.fields.get("detail_id")
    openid = answer.receiver
    match answer.fields.get("status"):
        case "RECEIVED":
            is_other = order.openid is not None and openid is not None and openid != order.openid
            alarm = "received_by_another_person" if is_other else None
            return Verdict("received", detail_id=detail_id, openid=openid, alarm=alarm, evidence=answer.raw)
        case "REFUND":
            return Verdict("returned", detail_id=detail_id, evidence=answer.raw)
        case "FAILED":
            return Verdict("failed", err_code=answer.fields.get("reason") or "FAILED", evidence=answer.raw)
        case "SENT" if order.sp_ticket is None and order.status == "unknown" and now - order.created_at < TICKET_WORTH:
            # WeChat placed it, only its ticket is missing: the same number gives the ticket again (F42).
            return Verdict(None, "send", 0, "TICKET_MISSING", detail_id=detail_id, evidence=answer.raw)
        case _:
            return _ask_again(order, now, order.err_code, answer.raw)


def _judge_not_found(order: Order, now: datetime, raw: str) -> Verdict:
    """NOT_FOUND is not failure: send the same number again, later leave it to a person (money W4, F08)."""
    sent_at = order.sent_at or order.created_at
    refused = order.err_code is not None and _is_refusal(order.err_code)
    if refused and now - sent_at >= NOT_FOUND_MANUAL:
        return Verdict("manual", err_code=order.err_code, alarm="needs_a_person", evidence=raw)
    if not refused and now - order.created_at < ASK_HORIZON:
        wait_s = max(0.0, 600 - (now - sent_at).total_seconds())
        return Verdict(None, "send", wait_s, "NOT_FOUND", evidence=raw)
    return _ask_again(order, now, order.err_code or "NOT_FOUND", raw)


def _is_refusal(code: str) -> bool:
    """A documented no to what was asked: sending the same again would only hear it again. PROCESSING is none (W21)."""
    row = row_for("pay", code)
    return row.is_known and row.code != "PROCESSING" and row.retry in ("query", "never", "new")


def _ask_again(order: Order, now: datetime, err_code: str | None, raw: str) -> Verdict:
    if order.status == "manual":  # a person asked; the answer settles nothing, so it stays with the person
        return Verdict(None, err_code=order.err_code, evidence=raw)
    if now - order.created_at >= ASK_HORIZON:
        return Verdict("manual", err_code=err_code, alarm="too_old_to_ask", evidence=raw)
    return Verdict(None, "query", _query_wait(order, now), err_code, evidence=raw)


HOLDING = {"accepted": "tickets", "received": "paid", "returned": "reserved", "failed": "reserved"}
"""Status → the ledger account that then holds the order's money."""


@dataclass(frozen=True)
class Ruling:
    """A verdict on an order, with the ticket it brought (hashed and sealed) when there is one."""

    order: Order
    verdict: Verdict
    ticket_hash: str | None = None
    sealed_ticket: str | None = None


def apply(session: Session, rulings: Sequence[Ruling], now: datetime) -> int:
    """Write verdicts inside the caller's transaction: status, ledger, budget, evidence together (F04e).

    Returns how many of the orders were still ours. One that another worker has moved meanwhile (guarded by status and
    lease epoch) is left alone, only the evidence is written (money §5.1). One guarded UPDATE for each order; everything
    else is written for all of them at once.
    """
    rulings = _without_foreign_proof(session, rulings)
    ours = [ruling for ruling in rulings if _write(session, ruling, now)]
    evidence = [
        {"order_id": ruling.order.id, "kind": "reply", "body": ruling.verdict.evidence[:8000], "at": now}
        for ruling in rulings
        if ruling.verdict.evidence and _is_news(ruling)
    ]
    if evidence:
        session.execute(insert(cast(Table, Evidence.__table__)), evidence)
    for ruling in ours:
        if ruling.verdict.alarm:
            log.error(
                "order_alarm",
                alarm=ruling.verdict.alarm,
                mch_billno=ruling.order.mch_billno,
                err_code=ruling.verdict.err_code,
            )
    _move_money(session, [ruling for ruling in ours if ruling.verdict.after in HOLDING], now)
    return len(ours)


def _is_news(ruling: Ruling) -> bool:
    """Whether an answer says something new: a number that is refused alike every minute leaves a bounded trace (F90)."""
    order, verdict = ruling.order, ruling.verdict
    tries = (order.sends or 0) + (order.checks or 0)
    is_same = verdict.after in (None, "unknown") and verdict.err_code == order.err_code and not verdict.alarm
    return not is_same or tries <= EVERY_SAME or tries % EVERY_SAME == 0


def _without_foreign_proof(session: Session, rulings: Sequence[Ruling]) -> Sequence[Ruling]:
    """Replace verdicts whose ticket or packet number belongs to another order of ours: they prove nothing (F11, F32b).

    The unique indexes would refuse them anyway, together with every other verdict of the batch (F89).
    """
    details = [ruling.verdict.detail_id for ruling in rulings if ruling.verdict.detail_id]
    hashes = [ruling.ticket_hash for ruling in rulings if ruling.ticket_hash]
    if not details and not hashes:
        return rulings
    owner: dict[str, int] = {}
    for column, told in ((Order.detail_id, details), (Order.sp_ticket_hash, hashes)):
        if told:
            for proof, order_id in session.execute(select(column, Order.id).where(column.in_(told))):
                owner[str(proof)] = order_id
    kept = []
    for ruling in rulings:
        proofs = [proof for proof in (ruling.verdict.detail_id, ruling.ticket_hash) if proof]
        if any(owner.setdefault(proof, ruling.order.id) != ruling.order.id for proof in proofs):
            after = "unknown" if ruling.order.status == "sending" else None
            kept.append(Ruling(ruling.order, Verdict(after, "query", 600, "FOREIGN_PROOF", alarm="proof_of_another_order",
                                                     evidence=ruling.verdict.evidence)))  # fmt: skip
        else:
            kept.append(ruling)
    return kept


def _write(session: Session, ruling: Ruling, now: datetime) -> bool:
    """The guarded UPDATE of one order; False when another worker was quicker."""
    order, verdict = ruling.order, ruling.verdict
    if verdict.after is not None and verdict.after not in NEXT.get(order.status, frozenset()):
        raise NotAllowed(f"orders: {order.status} → {verdict.after}")
    values = _values(ruling, now)
    guard = {"is_id": order.id, "is_status": order.status, "is_epoch": order.lease_epoch}
    statement = _guarded(tuple(values))
    written: Any = session.execute(statement, guard | {f"to_{name}": value for name, value in values.items()})
    if not written.rowcount:
        log.warning("order_moved_meanwhile", mch_billno=order.mch_billno, status=order.status, after=verdict.after)
    return bool(written.rowcount)


@cache
def _guarded(columns: tuple[str, ...]) -> Update:
    """UPDATE of these columns where id, status and lease epoch are still what was seen; made once for each set."""
    orders = cast(Table, Order.__table__)
    return (
        update(orders)
        .where(
            orders.c.id == bindparam("is_id"),
            orders.c.status == bindparam("is_status"),
            orders.c.lease_epoch == bindparam("is_epoch"),
        )
        .values({name: bindparam(f"to_{name}") for name in columns})
    )


def _values(ruling: Ruling, now: datetime) -> dict[str, Any]:
    """The columns that a verdict sets."""
    order, verdict = ruling.order, ruling.verdict
    values: dict[str, Any] = {"err_code": verdict.err_code, "next_step": verdict.step, "next_check_at": None}
    if verdict.wait_s is not None:
        values["next_check_at"] = now + timedelta(seconds=verdict.wait_s)
    if verdict.after is not None:
        values |= {"status": verdict.after, "is_noticed": False, "lease_until": None}
    if verdict.after in HOLDING:
        values["holding"] = HOLDING[verdict.after]
    if verdict.after in ("received", "returned", "failed"):
        values["settled_at"] = now
    if verdict.detail_id:
        values["detail_id"] = verdict.detail_id
    if verdict.openid:
        values["openid"] = verdict.openid
    if verdict.after == "accepted":
        expires_at = (verdict.placed_at or order.created_at) + CHANNELS[order.channel].life
        values |= {"sp_ticket": ruling.sealed_ticket, "sp_ticket_hash": ruling.ticket_hash, "accepted_at": now,
                   "expires_at": expires_at, "next_step": "query",
                   "next_check_at": expires_at + REFUND_SEEN}  # fmt: skip
    return values


def _move_money(session: Session, rulings: Sequence[Ruling], now: datetime) -> None:
    """Post what the new statuses mean and keep the budgets with it; `order.holding` is where the money stood.

    Budgets before balances, as planning does: two workers must not wait for each other in a circle (F67).
    """
    postings, spent, released = [], Counter[int](), Counter[int]()
    for ruling in rulings:
        order, after = ruling.order, ruling.verdict.after or ""
        amount_fen, budget_id = order.amount_fen, order.budget_id
        postings.append(Posting(after, order.mch_billno, order.holding, HOLDING[after], amount_fen, budget_id))
        if after == "received":
            spent[budget_id] += amount_fen
        elif after in ("returned", "failed"):
            released[budget_id] += amount_fen
    for budget_id in sorted(spent.keys() | released.keys()):
        is_kept = not spent[budget_id] or budget.spend(session, budget_id, spent[budget_id])
        is_kept &= not released[budget_id] or budget.release(session, budget_id, released[budget_id])
        if not is_kept:
            log.error("budget_disagrees", budget_id=budget_id)
    ledger.post(session, postings, now)


def note_bound(session: Session, order_id: int, openid: str, now: datetime) -> bool:
    """WeChat tied this order's ticket to a person: its money is unclaimed now, and asking begins soon.

    Returns False when the order is not waiting for a draw (then the caller quarantines the event).
    """
    order = session.get(Order, order_id)
    if order is None or order.status != "accepted" or order.holding != "tickets":
        return False
    bound = (
        update(Order)
        .where(Order.id == order_id, Order.status == "accepted", Order.holding == "tickets")
        .values(
            holding="unclaimed",
            openid=openid,
            checks=0,
            next_step="query",
            next_check_at=now + timedelta(seconds=60),
            lease_epoch=Order.lease_epoch + 1,
        )
    )
    if not changed(session, bound):
        return False
    ledger.post(
        session, [Posting("bound", order.mch_billno, "tickets", "unclaimed", order.amount_fen, order.budget_id)], now
    )
    return True
