"""The invariants as they run in production: no false alarm while books are busy, no walk through all rows each minute."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, text, update
from sqlalchemy.orm import Session

from tests.campaigns.stories import campaign_of, launched, work
from tests.conftest import Cast
from tests.payouts.stories import fund, owe, payout_of
from tests.servers import SimulatedWeChat
from wxbot import invariants
from wxbot.budget import Budget
from wxbot.campaigns import settle
from wxbot.db import Database
from wxbot.orders import send
from wxbot.orders.channels import PaymentRequest
from wxbot.orders.plan import plan_orders
from wxbot.payouts.models import Programme
from wxbot.runtime import Runtime
from wxbot.shake import load, pool
from wxbot.shake.models import Lottery
from wxbot.vouchers.models import Voucher, VoucherKind
from wxbot.worker import run_until_quiet


def test_busy_books_raise_no_false_alarm_T8(database: Database) -> None:
    """Another worker commits between two questions of one invariant: both see the moment of the first."""
    other = Database(str(database.engine.url.render_as_string(hide_password=False)))

    def two_looks(session: Session) -> int:
        first = session.execute(text("SELECT count(*) FROM budgets")).scalar_one()
        with other.transaction() as writing:
            writing.add(Budget(id=1, budget_fen=5, committed_fen=0, paid_fen=0))
        return int(session.execute(text("SELECT count(*) FROM budgets")).scalar_one() != first)

    assert invariants.check(database, {"I7": two_looks}) == {"I7": 0}
    other.close()


def test_a_budget_that_differs_from_its_accounts_is_found_by_the_quick_look_I7(
    runtime: Runtime, simulator: SimulatedWeChat
) -> None:
    launched(runtime)
    work(runtime)
    assert not any(invariants.check(runtime.database, invariants.QUICK).values())
    with runtime.database.transaction() as session:
        session.execute(update(Budget).values(committed_fen=Budget.committed_fen - 100))
    assert invariants.check(runtime.database, invariants.QUICK)["I7_balances"] == 1
    assert set(invariants.QUICK) <= set(invariants.INVARIANTS) | {"I9_zero", "I9_seals"}


@pytest.mark.on_both
def test_what_runs_every_second_walks_an_index_T15(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    """The plans of the questions that the worker asks again and again; none reads a table of orders or packets whole."""
    campaign_id = launched(runtime)
    work(runtime)
    database = runtime.database
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.startswith(("SELECT", "UPDATE")) and ("FROM orders" in statement or "packets " in statement):
            asked.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    with database.transaction() as session:
        now = database.now(session)
        lottery = session.query(Lottery).one()
        send._due(session, now, 16)
        send.recover_sending(session, now)
        pool.live_stock(session, campaign_id, now)
        pool.has_stock(session, campaign_id, now)
        load._open_bucket(session, lottery, now)
    settle.settle(runtime, campaign_of(runtime, campaign_id))
    event.remove(database.engine, "before_cursor_execute", note)
    assert len(asked) >= 5
    plans = {}
    with database.reading() as session:
        connection = session.connection()
        if not database.is_sqlite:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, parameters in asked:
            explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
            lines = connection.exec_driver_sql(explain + statement, parameters).all()
            plans[statement] = " ".join(str(line[-1]) for line in lines)
    for statement, plan in plans.items():
        assert "Seq Scan" not in plan, statement
        assert "SCAN orders" not in plan.replace("USING", "") or "INDEX" in plan, statement
        assert "SCAN packets" not in plan or "INDEX" in plan, statement
    (unnoticed,) = [plan for statement, plan in plans.items() if "NOT is_noticed" in statement]
    assert "ix_orders_unnoticed" in unnoticed
    (loose,) = [plan for statement, plan in plans.items() if "bucket_id IS NULL" in statement]
    assert "ix_ticket_orders_bucket_id" not in loose


HAND_EDITS = {
    "I2": "UPDATE orders SET next_check_at = NULL",
    "I3_payouts": "UPDATE payouts SET status = 'paid'",
    "I8": "UPDATE quotas SET n = n + 1",
    "I9_awards": "UPDATE ledger_balances SET account = 'owed' WHERE account = 'reserved'",
    "I1_paid": "UPDATE orders SET status = 'received' WHERE reason_kind = 'payout'",
    "F01": "UPDATE payouts SET source_kind = 'voucher', source_id = 1",
}


@pytest.mark.parametrize("name", sorted(HAND_EDITS))
def test_a_hand_edit_of_what_is_owed_is_found_F72(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, name: str
) -> None:
    programme_id = fund(runtime)
    simulator.control("POST", "bank/topup", {"amount_fen": 1000})
    payout_id = owe(runtime, programme_id, cast.ming.openid)
    run_until_quiet(runtime)
    assert not any(invariants.check(runtime.database).values())
    with runtime.database.transaction() as session:
        if name == "I1_paid":  # a second order for the same reason, as only a hand edit can make it
            session.execute(text("DROP INDEX one_live_order"))
            payment_request = PaymentRequest(
                "payout", payout_id, programme_id, 100, payout_of(runtime, payout_id).texts, 2, cast.ming.openid
            )
            plan_orders(session, runtime.settings, "sendredpack", [payment_request], runtime.clock.now())
        if name == "F01":
            lay_voucher(session, cast.ming.openid)
        session.execute(text(HAND_EDITS[name]))
    assert invariants.check(runtime.database, {name: invariants.INVARIANTS[name]})[name] == 1


def lay_voucher(session: Session, openid: str) -> None:
    """A voucher that nobody has decided about."""
    now = datetime.now(UTC)
    kind = {"name": "小票", "amount_rule": "fixed", "programme_id": session.query(Programme).one().id}
    made = VoucherKind(**kind, fixed_fen=100, updated_by=1, updated_at=now)
    session.add(made)
    session.flush()
    session.add(
        Voucher(
            id=1,
            public_id="v1",
            openid=openid,
            kind_id=made.id,
            asked_fen=100,
            amount_fen=100,
            via="h5",
            month="202611",
            submitted_at=now,
        )
    )
    session.flush()


@pytest.mark.on_both
@pytest.mark.parametrize("name", sorted(invariants.INVARIANTS))
def test_every_invariant_runs_on_a_read_only_moment(runtime: Runtime, name: str) -> None:
    assert invariants.check(runtime.database, {name: invariants.INVARIANTS[name]}) == {name: 0}
