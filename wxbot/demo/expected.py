"""What the story promised, held against WeChat's own book: who got how many fen in which wallet, number by number.

The judge knows what clerks pressed and what the bank and the wallets say. Of our own database it uses only which numbers
were placed for which promise, never a status of ours; statuses are compared with the bank's end afterwards.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.demo.actors import World
from wxbot.orders.channels import CONFIRMED
from wxbot.orders.models import Order
from wxbot.payouts.models import PAYOUT_REASON, ListRow, Payout

OVERDUE = "OVERDUE_CLOSE"
"""The bank's reason for a transfer that nobody confirmed in time."""

BankRow = Mapping[str, Any]


@dataclass(frozen=True)
class Owed:
    """One promise: for what (voucher, row, payout), its number there, to whom, how much."""

    kind: str
    number: int
    openid: str
    amount_fen: int


@dataclass
class Judgement:
    """How it came out."""

    ends: Counter[str] = field(default_factory=Counter)
    """Payouts by our own status; `manual` are those that wait for a person."""
    double_paid: int = 0
    lost: int = 0
    mismatches: int = 0
    bank_paid_fen: int = 0
    notes: list[str] = field(default_factory=list)
    """What was wrong, for the person who looks into it."""

    def blame(self, what: str, note: str) -> None:
        """Count one fault."""
        setattr(self, what, getattr(self, what) + 1)
        self.notes.append(f"{what}: {note}")


def payout_of(session: Session, owed: Owed) -> Payout | None:
    """The payout that was made for a promise."""
    if owed.kind == "payout":
        return session.get(Payout, owed.number)
    if owed.kind == "row":
        row = select(ListRow.payout_id).where(ListRow.list_id == owed.number, ListRow.openid == owed.openid)
        payout_id = session.scalar(row.where(ListRow.fault == ""))
        return session.get(Payout, payout_id) if payout_id else None
    return session.scalar(select(Payout).where(Payout.source_kind == owed.kind, Payout.source_id == owed.number))


def bank_end(rows: Sequence[BankRow], amount_fen: int) -> str:
    """How a promise ended by the bank's rows alone: paid, returned, failed, open, absent; `twice` is never right."""
    paid = [row for row in rows if row["paid_fen"]]
    if len(paid) > 1 or any(row["paid_fen"] != amount_fen for row in paid):
        return "twice"
    alive = [row for row in rows if not row["paid_fen"] and not row["refunded_fen"] and not _is_failed(row)]
    if alive:
        return "twice" if paid or len(alive) > 1 else "open"
    if paid:
        return "paid"
    if any(row["refunded_fen"] and not _is_failed(row) for row in rows):
        return "returned"
    return "failed" if rows else "absent"


def _is_failed(row: BankRow) -> bool:
    """Whether it came to nothing for another reason than that the person waited too long."""
    if row["channel"] in CONFIRMED and row["refunded_fen"]:
        return bool(row["reason"] != OVERDUE)
    return bool(row["status"] == "failed")


def judge(
    session: Session, owed: Sequence[Owed], bank: Mapping[str, BankRow], wallets: Mapping[str, Sequence[int]]
) -> Judgement:
    """Compare promises, our numbers, the bank's rows (by number) and the wallets (openid → fen of each receipt)."""
    found = Judgement()
    promised: dict[str, Counter[int]] = defaultdict(Counter)
    known: set[str] = set()
    for each in owed:
        payout = payout_of(session, each)
        if payout is None or (payout.openid, payout.amount_fen) != (each.openid, each.amount_fen):
            found.blame("lost", f"{each} has no payout of its own")
            continue
        orders = session.scalars(
            select(Order)
            .where(Order.reason_kind == PAYOUT_REASON, Order.reason_id == payout.id)
            .order_by(Order.attempt)
        ).all()
        known |= {order.mch_billno for order in orders}
        rows = [bank[order.mch_billno] for order in orders if order.mch_billno in bank]
        end = bank_end(rows, each.amount_fen)
        if any((row["openid"], row["amount_fen"]) != (each.openid, each.amount_fen) for row in rows):
            found.blame("mismatches", f"{each}: the bank has another person or amount")
        if end == "paid":
            promised[each.openid][each.amount_fen] += 1
        _compare(found, each, payout, orders, end)
    for number, row in bank.items():
        if number not in known:
            found.blame("double_paid" if row["paid_fen"] else "mismatches", f"nobody promised {number}")
    _count_wallets(found, promised, wallets)
    found.bank_paid_fen = sum(int(row["paid_fen"]) for row in bank.values())
    return found


def _compare(found: Judgement, owed: Owed, payout: Payout, orders: Sequence[Order], end: str) -> None:
    """Our status against the bank's end of one promise."""
    is_manual = bool(orders) and orders[-1].status == "manual"
    ours = "manual" if is_manual and payout.status == "ordered" else payout.status
    found.ends[ours] += 1
    if end == "twice":
        found.blame("double_paid", f"{owed}: paid more than once, or another amount")
    elif end == "open" or (end == "absent" and ours not in ("manual", "failed", "cancelled")):
        found.blame("lost", f"{owed}: the bank says {end}, we say {ours}")
    elif ours != end and not (end in ("absent", "failed") and ours in ("manual", "failed", "cancelled")):
        found.blame("mismatches", f"{owed}: the bank says {end}, we say {ours}")


def _count_wallets(
    found: Judgement, promised: Mapping[str, Counter[int]], wallets: Mapping[str, Sequence[int]]
) -> None:
    """Each person's wallet holds what the bank paid for promises to them, receipt by receipt."""
    for openid, receipts in wallets.items():
        got, due = Counter(receipts), promised.get(openid, Counter())
        for amount_fen in (got - due).elements():
            found.blame("double_paid", f"{openid} got {amount_fen} fen that nobody promised")
        for amount_fen in (due - got).elements():
            found.blame("lost", f"{openid} never got {amount_fen} fen that the bank paid")
    for openid in promised.keys() - wallets.keys():
        found.blame("lost", f"nobody looked into the wallet of {openid}")


def orders_of(world: World, channel: str = "") -> list[dict[str, Any]]:
    """The bank's own book, of one channel or of all."""
    found: list[dict[str, Any]] = []
    after = 0
    while True:
        page = world.call("GET", f"bank/orders?limit=500&after={after}&channel={channel}")
        found += page["orders"]
        if not page["has_more"]:
            return found
        after = found[-1]["n"]
