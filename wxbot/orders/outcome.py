"""Applying decisions: status, ledger, budget, quota and evidence of an order change together, in one place (F04e)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import Table, Update, bindparam, insert, select, update
from sqlalchemy.orm import Session

from wxbot import budget, ledger, quotas
from wxbot.db import changed
from wxbot.ledger import Posting
from wxbot.logs import get_logger
from wxbot.orders.channels import CHANNELS
from wxbot.orders.decide import REFUND_SEEN, Decision
from wxbot.orders.models import NEXT, Evidence, Order, OrderStatus
from wxbot.transitions import require
from wxbot.vault import Vault

log = get_logger(__name__)

EVERY_SAME = 20
"""Answers that say the same again are kept as evidence only every so often (money F90)."""

FIRST_LOOK_S = 60
"""How long after it was placed a packet to a known person is asked about first: people open them within minutes."""

UNPAID = frozenset({"returned", "failed"})
"""Final statuses after which the money is back where it was taken from."""

MOVES_MONEY = frozenset({"accepted", "received", *UNPAID})


def holding(order: Order, after: OrderStatus) -> str:
    """The ledger account that holds an order's money in a status of MOVES_MONEY."""
    if after in UNPAID:
        return order.fund
    return "paid" if after == "received" else CHANNELS[order.channel].holding


@dataclass(frozen=True)
class DecidedOrder:
    """A decision on an order, with the ticket it brought (hashed and sealed) when there is one."""

    order: Order
    decision: Decision
    ticket_hash: str | None = None
    sealed_ticket: str | None = None


def sealed(vault: Vault, order: Order, decision: Decision) -> DecidedOrder:
    """A decision on an order, its secret sealed and hashed before it reaches a row."""
    if not decision.secret:
        return DecidedOrder(order, decision)
    return DecidedOrder(order, decision, vault.index(decision.secret), vault.seal(decision.secret))


def apply(session: Session, decided_orders: Sequence[DecidedOrder], now: datetime) -> int:
    """Write decisions inside the caller's transaction: status, ledger, budget, evidence together (F04e).

    Returns how many of the orders were still ours. One that another worker has moved meanwhile (guarded by status and
    lease epoch) is left alone, only the evidence is written (money §5.1). One guarded UPDATE for each order; everything
    else is written for all of them at once.
    """
    decided_orders = sorted(
        _without_foreign_proof(session, decided_orders), key=lambda decided_order: decided_order.order.id
    )
    ours = [decided_order for decided_order in decided_orders if _write(session, decided_order, now)]
    evidence = [
        {"order_id": decided_order.order.id, "kind": "reply", "body": decided_order.decision.evidence[:8000], "at": now}
        for decided_order in decided_orders
        if decided_order.decision.evidence and _is_news(decided_order)
    ]
    if evidence:
        session.execute(insert(cast(Table, Evidence.__table__)), evidence)
    for decided_order in ours:
        if decided_order.decision.alarm:
            log.error(
                "order_alarm",
                alarm=decided_order.decision.alarm,
                mch_billno=decided_order.order.mch_billno,
                err_code=decided_order.decision.err_code,
            )
    _move_money(session, [decided_order for decided_order in ours if decided_order.decision.after in MOVES_MONEY], now)
    return len(ours)


def _is_news(decided_order: DecidedOrder) -> bool:
    """Whether an answer says something new: a number that is refused alike every minute leaves a bounded trace (F90)."""
    order, decision = decided_order.order, decided_order.decision
    tries = (order.sends or 0) + (order.checks or 0)
    is_same = decision.after in (None, "unknown") and decision.err_code == order.err_code and not decision.alarm
    return not is_same or tries <= EVERY_SAME or tries % EVERY_SAME == 0


def _without_foreign_proof(session: Session, decided_orders: Sequence[DecidedOrder]) -> Sequence[DecidedOrder]:
    """Replace decisions whose ticket or packet number belongs to another order of ours: they prove nothing (F11, F32b).

    The unique indexes would refuse them anyway, together with every other decision of the batch (F89).
    """
    details = [decided_order.decision.detail_id for decided_order in decided_orders if decided_order.decision.detail_id]
    hashes = [decided_order.ticket_hash for decided_order in decided_orders if decided_order.ticket_hash]
    if not details and not hashes:
        return decided_orders
    owner: dict[str, int] = {}
    for column, told in ((Order.detail_id, details), (Order.sp_ticket_hash, hashes)):
        if told:
            for proof, order_id in session.execute(select(column, Order.id).where(column.in_(told))):
                owner[str(proof)] = order_id
    kept = []
    for decided_order in decided_orders:
        proofs = [proof for proof in (decided_order.decision.detail_id, decided_order.ticket_hash) if proof]
        if any(owner.setdefault(proof, decided_order.order.id) != decided_order.order.id for proof in proofs):
            after: OrderStatus | None = "unknown" if decided_order.order.status == "sending" else None
            kept.append(
                DecidedOrder(
                    decided_order.order,
                    Decision(
                        after,
                        "query",
                        600,
                        "FOREIGN_PROOF",
                        alarm="proof_of_another_order",
                        evidence=decided_order.decision.evidence,
                    ),
                )
            )
        else:
            kept.append(decided_order)
    return kept


def _write(session: Session, decided_order: DecidedOrder, now: datetime) -> bool:
    """The guarded UPDATE of one order; False when another worker was quicker."""
    order, decision = decided_order.order, decided_order.decision
    if decision.after is not None:
        require(Order, NEXT, order.status, decision.after)
    values = _values(decided_order, now)
    guard = {"is_id": order.id, "is_status": order.status, "is_epoch": order.lease_epoch}
    statement = _guarded(tuple(values))
    written: Any = session.execute(statement, guard | {f"to_{name}": value for name, value in values.items()})
    if not written.rowcount:
        log.warning("order_moved_meanwhile", mch_billno=order.mch_billno, status=order.status, after=decision.after)
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


def _values(decided_order: DecidedOrder, now: datetime) -> dict[str, Any]:
    """The columns that a decision sets."""
    order, decision = decided_order.order, decided_order.decision
    values: dict[str, Any] = {"err_code": decision.err_code, "next_step": decision.step, "next_check_at": None}
    if decision.wait_s is not None:
        values["next_check_at"] = now + timedelta(seconds=decision.wait_s)
    if decision.after is not None:
        values |= {"status": decision.after, "is_noticed": False, "lease_until": None}
    if decision.after in MOVES_MONEY:
        values["holding"] = holding(order, decision.after)
    if decision.after == "received" or decision.after in UNPAID:
        values["settled_at"] = now
    if decision.detail_id:
        values["detail_id"] = decision.detail_id
    if decision.openid:
        values["openid"] = decision.openid
    if decision.after == "accepted":
        values |= _accepted_values(decided_order, now)
    return values


def _accepted_values(decided_order: DecidedOrder, now: datetime) -> dict[str, Any]:
    """What is known from now on of a packet that WeChat has placed, and when it is asked about.

    A ticket's fate is told by events until its end; what lies with a known person is asked about from the start.
    """
    order, channel = decided_order.order, CHANNELS[decided_order.order.channel]
    expires_at = (decided_order.decision.placed_at or order.created_at) + channel.life
    first_look = now + timedelta(seconds=FIRST_LOOK_S) if channel.holding == "unclaimed" else expires_at + REFUND_SEEN
    return {
        "sp_ticket": decided_order.sealed_ticket,
        "sp_ticket_hash": decided_order.ticket_hash,
        "accepted_at": now,
        "expires_at": expires_at,
        "next_step": "query",
        "next_check_at": first_look,
        "checks": 0,
    }


def _move_money(session: Session, decided_orders: Sequence[DecidedOrder], now: datetime) -> None:
    """Post what the new statuses mean and keep budgets and quotas with it; `order.holding` is where the money stood.

    Two workers must not wait for each other in a circle (F67): orders, then budgets, then people's days, then balances, each
    kind in its own order. Planning goes from budgets over the lane to balances, claiming from the lane to people's days.
    """
    postings, spent, released = [], Counter[int](), Counter[int]()
    for decided_order in decided_orders:
        order, after = decided_order.order, decided_order.decision.after
        if after is None:
            continue
        amount_fen, budget_id = order.amount_fen, order.budget_id
        postings.append(Posting(after, order.mch_billno, order.holding, holding(order, after), amount_fen, budget_id))
        if after == "received":
            spent[budget_id] += amount_fen
        elif after in UNPAID and order.fund == "reserved":  # what is owed stays committed: it is owed still
            released[budget_id] += amount_fen
    for budget_id in sorted(spent.keys() | released.keys()):
        is_kept = not spent[budget_id] or budget.spend(session, budget_id, spent[budget_id])
        is_kept &= not released[budget_id] or budget.release(session, budget_id, released[budget_id])
        if not is_kept:
            log.error("budget_disagrees", budget_id=budget_id)
    failed = [decided_order.order for decided_order in decided_orders if decided_order.decision.after == "failed"]
    for order in sorted(failed, key=lambda order: order.openid or ""):
        if order.charged_day and order.openid:
            quotas.give_back(session, quotas.person(order.openid), order.charged_day, order.amount_fen)
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
