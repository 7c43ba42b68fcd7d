"""Do the bank's books agree? Every total checked from the single orders (wechat-protocol appendix D.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Protocol

from wxbot.simulator.pay_orders import PayOrder


class Beside(Protocol):
    """Orders of another kind that move the same balance and are kept elsewhere: merchant transfers."""

    def received_fen(self, openid: str) -> int: ...

    def sums(self) -> dict[str, int]: ...

    def by_status(self) -> Counter[str]: ...

    def as_orders(self) -> list[PayOrder]: ...

    def broken_invariants(self) -> Iterator[str]: ...


class Books(Protocol):
    """What of a bank is checked here."""

    balance_fen: int
    frozen_fen: int
    paid_fen: int
    returned_fen: int
    funded_fen: int
    orders: dict[str, PayOrder]
    flows: list[dict[str, Any]]
    beside: list[Beside]


def faults_in_books(books: Books) -> Iterator[str]:
    """One sentence for everything that does not add up; none means that the books agree to the fen."""
    orders = list(books.orders.values())
    others: Counter[str] = Counter()
    for beside in books.beside:
        others.update(beside.sums())
        yield from beside.broken_invariants()
    if books.balance_fen + books.frozen_fen + books.paid_fen != books.funded_fen:
        yield "balance + frozen + paid is not what was funded"
    if books.balance_fen < 0:
        yield "the balance is negative"
    frozen_fen = sum(one.amount_fen - one.paid_fen for one in orders if one.holds_money)
    if frozen_fen + others["frozen_fen"] != books.frozen_fen:
        yield "frozen is not the sum of the open orders"
    if sum(one.paid_fen for one in orders) + others["paid_fen"] != books.paid_fen:
        yield "paid is not the sum of the receipts"
    if sum(one.refunded_fen for one in orders) + others["returned_fen"] != books.returned_fen:
        yield "returned is not the sum of the refunds"
    topped_fen = sum(flow["amount_fen"] for flow in books.flows if flow["kind"] == "topup")
    if sum(flow["amount_fen"] for flow in books.flows) + books.funded_fen - topped_fen != books.balance_fen:
        yield "the flows do not add up to the balance"
    for order in orders:
        yield from faults_in_order(order)
    tickets = [one.sp_ticket for one in orders if not one.is_direct]
    if len(set(tickets)) != len(tickets) or len({one.detail_id for one in orders}) != len(orders):
        yield "tickets or packet numbers are not unique"


def faults_in_order(order: PayOrder) -> Iterator[str]:
    """What does not add up in one order."""
    if sum(order.shares) != order.amount_fen:
        yield f"{order.mch_billno}: the shares are not the amount"
    if order.status in ("received", "returned") and order.paid_fen + order.refunded_fen != order.amount_fen:
        yield f"{order.mch_billno}: {order.status} but paid + refunded is not the amount"
    if len({receipt["openid"] for receipt in order.receipts}) != len(order.receipts):
        yield f"{order.mch_billno}: one person received twice"
