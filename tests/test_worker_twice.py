"""Two workers run one task at the same moment: nothing is doubled, nothing is lost, and neither stumbles."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import event, func, select, text

from tests.conftest import Cast
from tests.orders.test_bill import FOREIGN, NOW, bill
from tests.payouts.stories import fund, orders_of, owe, payout_of
from wxbot import ledger
from wxbot.db import Database
from wxbot.ledger import Posting
from wxbot.orders import plan
from wxbot.orders.bill import book_bill, parse_bill
from wxbot.orders.models import BillDay, BillLine
from wxbot.payouts.place_orders import order_due
from wxbot.runtime import Runtime
from wxbot.worker import run_task


@pytest.fixture
def second_box(runtime: Runtime) -> Iterator[Runtime]:
    """Another worker's runtime on the same database and Redis."""
    with closing(Runtime(runtime.settings)) as made:
        yield made


def waits_for_a_lock(database: Database) -> bool:
    """Whether somebody in this PostgreSQL waits for what another has locked."""
    with database.reading() as session:
        return bool(session.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one())


@pytest.fixture
def other(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url)) as made:
        yield made


def both(verb: Callable[[Database], Any], *boxes: Database) -> list[Any]:
    """The same done by both at once; raises what either raises."""
    barrier = threading.Barrier(len(boxes))

    def run(box: Database) -> Any:
        barrier.wait(30)
        return verb(box)

    with ThreadPoolExecutor(len(boxes)) as threads:
        return list(threads.map(run, boxes))


def test_a_bill_that_two_workers_read_at_once_is_booked_once_T8(database: Database, other: Database) -> None:
    lines = parse_bill(bill(*[(str(n), *FOREIGN[1:]) for n in range(1, 41)]))

    def book(box: Database) -> int:
        with box.transaction() as session:
            return book_bill(session, "20260315", lines, NOW)

    assert sorted(both(book, database, other)) == [0, 40]
    with database.reading() as session:
        assert session.get_one(BillDay, "20260315").faults == 40
        assert session.scalar(select(func.count()).select_from(BillLine)) == 40
        assert ledger.balances(session)["suspense"] == 40 * 500


def test_two_workers_extend_the_chain_at_once(database: Database, other: Database) -> None:
    for turn in range(3):
        with database.transaction() as session:
            posted = [Posting("planned", f"{turn}:{n}", "merchant", "reserved", 1) for n in range(200)]
            assert ledger.post(session, posted, NOW) == 200

        def seal(box: Database) -> int:
            with box.transaction() as session:
                return ledger.seal(session)

        assert max(both(seal, database, other)) == 200
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(ledger.Seal)) == 600
        assert ledger.broken_link(session) is None


@pytest.mark.timeout(120)
def test_a_payout_is_followed_by_one_worker_while_another_places_its_next_order_F21(
    runtime: Runtime, second_box: Runtime, cast: Cast
) -> None:
    """One looks at a payout whose order was called off, and is slow; another follows the same order and places the next
    one. The slow one must not put the payout back: its index would refuse a third order, and with it the whole batch of
    payouts, again and again."""
    if runtime.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time: nothing changes in between")
    payout_id = owe(runtime, fund(runtime), cast.ming.openid)
    assert order_due(runtime) == 1
    (first,) = orders_of(runtime, payout_id)
    with runtime.database.transaction() as session:
        assert plan.call_off(session, [first.id], runtime.database.now(session)) == 1

    def follow_and_order() -> None:
        run_task(second_box, "payouts.settle")
        order_due(second_box)

    with ThreadPoolExecutor(1) as box:
        begun: list[Future[None]] = []

        def be_slow(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if statement.startswith("UPDATE payouts") and not begun:
                begun.append(box.submit(follow_and_order))
                # Until it is done, or waits for a lock of ours.
                while not begun[0].done() and not waits_for_a_lock(second_box.database):
                    wait(begun, timeout=0.05)

        event.listen(runtime.database.engine, "before_cursor_execute", be_slow)
        run_task(runtime, "payouts.settle")
        begun[0].result()
    order_due(runtime)
    orders = orders_of(runtime, payout_id)
    assert [order.status for order in orders] == ["failed", "planned"]
    assert (payout_of(runtime, payout_id).status, payout_of(runtime, payout_id).order_id) == ("ordered", orders[1].id)
