"""What the console shows of orders and the ledger: pages by key, and sums from kept balances."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.budget import Budget
from wxbot.ledger import Entry
from wxbot.orders import throttle, words
from wxbot.orders.models import Evidence, LaneState, Mark, Order
from wxbot.staff import audit
from wxbot.text import Text

PAGE_ROWS = 50
EXPORT_BATCH = 2_000
OPEN_STATUSES = ("unknown", "manual")
"""Orders whose outcome is open: what the overview warns of."""

DESK_STATUSES = ("manual", "unknown", "planned", "sending", "accepted", "failed", "returned", "received")
"""Statuses of the cashier's tabs, the ones that need a person first; all but the last are counted."""

COUNTED_AT_MOST = 1_000


def orders_for(session: Session, reason_kind: str, reason_id: int) -> Sequence[Order]:
    """All orders for one reason, the newest first."""
    query = select(Order).where(Order.reason_kind == reason_kind, Order.reason_id == reason_id)
    return session.scalars(query.order_by(Order.attempt.desc()).limit(PAGE_ROWS)).all()


def evidence_of(session: Session, order_ids: Sequence[int]) -> dict[int, list[Evidence]]:
    """What was said and answered, per order, the newest first."""
    found: dict[int, list[Evidence]] = {order_id: [] for order_id in order_ids}
    query = select(Evidence).where(Evidence.order_id.in_(order_ids)).order_by(Evidence.id.desc()).limit(200)
    for row in session.scalars(query):
        found[row.order_id].append(row)
    return found


def open_orders(session: Session, status: str, after_id: int = 0) -> Sequence[Order]:
    """Orders of one status, oldest first; one more than a page when there are more."""
    query = select(Order).where(Order.status == status, Order.id > after_id).order_by(Order.id).limit(PAGE_ROWS + 1)
    return session.scalars(query).all()


def latest_orders(session: Session, status: str, before_id: int | None = None) -> Sequence[Order]:
    """Orders of one status, newest first: for those that are over. One more than a page when there are more."""
    query = select(Order).where(Order.status == status).order_by(Order.id.desc()).limit(PAGE_ROWS + 1)
    return session.scalars(query if before_id is None else query.where(Order.id < before_id)).all()


def by_billno(session: Session, mch_billno: str) -> Order | None:
    """The order of a number, None when it is none of ours."""
    return session.scalar(select(Order).where(Order.mch_billno == mch_billno)) if mch_billno else None


def count_open(session: Session, statuses: Sequence[str] = OPEN_STATUSES) -> dict[str, int]:
    """How many orders stand in each status; counting stops at a thousand."""
    counts = {}
    for status in statuses:
        some = select(Order.id).where(Order.status == status).limit(COUNTED_AT_MOST).subquery()
        counts[status] = int(session.execute(select(func.count()).select_from(some)).scalar_one())
    return counts


def budget_names(session: Session, ids: Iterable[int | None]) -> dict[int, str]:
    """What the books call these budgets."""
    query = select(Budget.id, Budget.name).where(Budget.id.in_([budget_id for budget_id in ids if budget_id]))
    return {budget_id: name for budget_id, name in session.execute(query) if name}


def marks_of(session: Session, order_id: int) -> Sequence[Mark]:
    """What cashiers said of a manual order, the newest first; at most one is open."""
    return session.scalars(select(Mark).where(Mark.order_id == order_id).order_by(Mark.id.desc()).limit(50)).all()


def lane_of(session: Session, mch_id: str) -> LaneState | None:
    """The merchant's lane, the stopped one when there are two; None before the first order."""
    return throttle.shown_lane(session, mch_id)


def entries(
    session: Session, *, before_id: int | None = None, budget_id: int | None = None, ref: str = "", kind: str = ""
) -> Sequence[Entry]:
    """Ledger entries, newest first, below `before_id`; one more than a page when there are more."""
    query = select(Entry).order_by(Entry.id.desc()).limit(PAGE_ROWS + 1)
    if ref:
        # (kind, ref) is unique: with the ref alone the few kinds there are make it a handful of look-ups.
        return session.scalars(query.where(Entry.kind.in_(KINDS), Entry.ref == ref)).all()
    if budget_id is not None:
        query = query.where(Entry.budget_id == budget_id)
    if kind:
        query = query.where(Entry.kind == kind)
    if before_id is not None:
        query = query.where(Entry.id < before_id)
    return session.scalars(query).all()


KINDS = (
    "reserved",
    "unreserved",
    "won",
    "forfeited",
    "ordered",
    "accepted",
    "failed",
    "bound",
    "received",
    "returned",
    "released",
    "bill",
)
"""Kinds of ledger entries, in the order in which money usually meets them."""


def entries_after(session: Session, after_id: int, budget_id: int | None) -> Sequence[Entry]:
    """The next entries, oldest first, a batch for an export."""
    query = select(Entry).where(Entry.id > after_id).order_by(Entry.id).limit(EXPORT_BATCH)
    if budget_id is not None:
        query = query.where(Entry.budget_id == budget_id)
    return session.scalars(query).all()


def first_entry_since(session: Session, moment: datetime) -> int:
    """The smallest entry id at or after a moment."""
    return first_since(session, Entry.id, Entry.at, moment)


def first_since(session: Session, ids: Any, times: Any, moment: datetime, *among: Any) -> int:
    """The smallest id at or after a moment, found by halving the ids: for rows (`among` some of them) written in the order of time."""
    low, high = 1, int(session.execute(select(func.max(ids)).where(*among)).scalar_one() or 0) + 1
    while low < high:
        middle = (low + high) // 2
        row = session.execute(select(ids, times).where(ids >= middle, *among).order_by(ids).limit(1)).one_or_none()
        if row is None or row[1] >= moment:
            high = middle
        else:
            low = row[0] + 1
    return low


def posted_since(session: Session, moment: datetime) -> dict[str, int]:
    """Fen posted since a moment, per kind of entry."""
    first = first_entry_since(session, moment)
    query = select(Entry.kind, func.sum(Entry.amount_fen)).where(Entry.id >= first).group_by(Entry.kind)
    return {kind: int(amount) for kind, amount in session.execute(query)}


def stop_told(session: Session, mch_id: str) -> Text | None:
    """Who or what stopped all sending of a merchant, when and why; None while nothing is stopped."""
    lane = lane_of(session, mch_id)
    if lane is None or not lane.stopped_code:
        return None
    stop = audit.latest(session, "merchant_stop", "merchant") if lane.stopped_code == throttle.OPERATOR_STOP else None
    why = str(stop.detail.get("why", "")) if stop is not None else ""
    return words.stop_of(lane.stopped_code, lane.stopped_at, stop.actor if stop else "", why)
