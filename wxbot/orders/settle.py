"""Letting whoever asked for an order follow it: the one loop over the rows that an order leaves when its status changes."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import Table, bindparam, func, select, update
from sqlalchemy.orm import Session

from wxbot.db import changed
from wxbot.orders.models import UNNOTICED, Order
from wxbot.runtime import Runtime

BATCH = 500
"""Orders handed over in one transaction."""

Settle = Callable[[Runtime, Session, Sequence[Order], datetime], Sequence[Order]]
"""What a feature does with changed orders, in the transaction of the loop: its own rows follow, and it returns the orders that
are done with. It is asked at least once, with no orders when none changed. Orders come by id, as answers are written (F67)."""

_orders = cast(Table, Order.__table__)
_SEEN = (
    update(_orders)
    .where(_orders.c.id == bindparam("is_id"), _orders.c.status == bindparam("is_status"))
    .values(is_noticed=True)
)
"""Marks only the status that was seen: an order that changes while it is looked at keeps its mark, and comes again."""


def settle_due(runtime: Runtime, reason_kind: str, settle: Settle, budget_id: int | None = None) -> int:
    """Hand the changed orders of one reason, or those of one of its budgets, to their feature, batch by batch.

    Returns how many were done with. What `settle` raises undoes its batch alone.
    """
    # No plain equality: SQLite would walk the index of all orders ever made for this reason.
    is_ours = func.coalesce(Order.reason_kind, "") == reason_kind
    query = select(Order).where(UNNOTICED, is_ours).order_by(Order.budget_id, Order.id).limit(BATCH)
    if budget_id is not None:
        query = query.where(Order.budget_id == budget_id)
    done, marked = 0, BATCH
    while marked >= BATCH:
        with runtime.database.transaction() as session:
            orders = sorted(session.scalars(query), key=lambda order: order.id)
            seen = settle(runtime, session, orders, runtime.database.now(session))
            marks = [{"is_id": order.id, "is_status": order.status} for order in seen]
            marked = changed(session, _SEEN, marks) if marks else 0
        done += marked
    return done
