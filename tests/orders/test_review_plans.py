"""What runs every second walks what is due, not all that ever was: SQLite without statistics chooses by the shape of a query."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from tests.conftest import Cast
from tests.payouts.stories import fund, owe
from wxbot.orders.reconcile import reconcile_due
from wxbot.payouts.place_orders import order_due
from wxbot.runtime import Runtime
from wxbot.worker import run_task, run_until_quiet


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """PostgreSQL chooses by its statistics."""
    return sqlite_url


def test_the_tasks_of_every_second_use_the_indexes_of_what_is_due_T15(runtime: Runtime, cast: Cast) -> None:
    owe(runtime, fund(runtime), cast.ming.openid)
    plans: dict[str, str] = {}

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if statement.startswith("SELECT") and " ORDER BY " in statement:
            rows = connection.connection.cursor().execute("EXPLAIN QUERY PLAN " + statement, parameters)
            plans[statement] = " ".join(str(row[-1]) for row in rows)

    event.listen(runtime.database.engine, "before_cursor_execute", note)
    try:
        order_due(runtime)
        reconcile_due(runtime)
        run_task(runtime, "payouts.settle")
    finally:
        event.remove(runtime.database.engine, "before_cursor_execute", note)
    used = " ".join(plans.values())
    for index in ("ix_payouts_due", "ix_orders_due", "ix_orders_unnoticed"):
        assert index in used, plans
    assert "TEMP B-TREE" not in used
    run_until_quiet(runtime)
