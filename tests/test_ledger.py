"""The ledger and the budgets: what the database itself refuses (I7, I9)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests.replies.test_answers import write_campaign
from tests.rows import fill
from wxbot import budget, ledger
from wxbot.db import Database
from wxbot.hall.models import Hall, HallEvent
from wxbot.ledger import Posting
from wxbot.schema import APPEND_ONLY

NOW = datetime(2026, 3, 15, 4, 0, tzinfo=UTC)


def _post(database: Database, *postings: Posting) -> int:
    with database.transaction() as session:
        return ledger.post(session, postings, NOW)


def test_a_posting_happens_once(database: Database) -> None:
    posting = Posting("ordered", "n1", "reserved", "in_flight", 100, 1)
    assert _post(database, posting) == 1
    assert _post(database, posting, Posting("ordered", "n2", "reserved", "in_flight", 50, 1)) == 1
    with database.reading() as session:
        assert ledger.balances(session, 1)["in_flight"] == 150
        assert ledger.total_posted(session, "ordered") == 150
        assert sum(ledger.balances(session).values()) == 0


@pytest.mark.parametrize("verb", ["UPDATE {} SET COLUMN = COLUMN", "DELETE FROM {}"])
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_evidence_tables_refuse_change_I9(database: Database, table: str, verb: str) -> None:
    """Triggers on both databases refuse UPDATE and DELETE."""
    _post(database, Posting("ordered", "n1", "reserved", "in_flight", 100, 1))
    with database.transaction() as session:
        ledger.seal(session)
        session.execute(
            text(
                "INSERT INTO audit_events (at, actor, action, target, outcome, detail, ip) "
                "VALUES ('2026-03-15 04:00:00', 'a', 'b', '', 'done', '{}', '')"
            )
        )
        session.execute(
            text(
                "INSERT INTO orders (channel, reason_kind, reason_id, attempt, budget_id, mch_billno, params, params_sha256,"
                " amount_fen, status, holding, fund, sends, checks, created_at, lease_epoch, is_noticed) "
                "VALUES ('hbpreorder', 'packet', 1, 1, 1, 'n1', '{}', 'x', 100, 'planned', 'in_flight', 'reserved', 0, 0,"
                " '2026-03-15 04:00:00', 0, true)"
            )
        )
        session.execute(
            text(
                "INSERT INTO order_evidence (order_id, kind, body, at) "
                "SELECT id, 'reply', 'x', '2026-03-15 04:00:00' FROM orders"
            )
        )
        session.execute(
            text(
                "INSERT INTO retention_cuts (table_name, before, first_id, last_id, rows, sha256, at) "
                "VALUES ('notices', '2026-03-15 04:00:00', 1, 1, 1, '', '2026-03-15 04:00:00')"
            )
        )
    campaign_id = write_campaign(database, "on")
    with database.transaction() as session:
        fill(session, Hall, campaign_id=campaign_id, mode="hall", scene="wall")
        fill(session, HallEvent, campaign_id=campaign_id, seq=1, kind="opened")
    statement = verb.format(table).replace("COLUMN", "entry_id" if table == "ledger_seals" else "at")
    with pytest.raises(DBAPIError, match="append-only"), database.transaction() as session:
        session.execute(text(statement))


@pytest.mark.parametrize("values", ["'a', 'b', 'x', 'x', 100", "'a', 'b', 'x', 'y', 0", "'a', 'b', 'x', 'y', -5"])
def test_an_entry_has_two_accounts_and_a_positive_amount_I9(database: Database, values: str) -> None:
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(
            text(
                f"INSERT INTO ledger_entries (kind, ref, debit, credit, amount_fen, at) VALUES ({values}, '2026-03-15')"
            )
        )


def test_unknown_accounts_are_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="no such ledger account"):
        _post(database, Posting("x", "1", "reserved", "petty_cash", 1))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    moves=st.lists(
        st.tuples(
            st.sampled_from(sorted(ledger.ACCOUNTS)),
            st.sampled_from(sorted(ledger.ACCOUNTS)),
            st.integers(1, 10**9),
            st.integers(1, 3),
            st.integers(0, 5),
        ).filter(lambda move: move[0] != move[1]),
        max_size=12,
    )
)
def test_the_projection_is_the_sum_of_the_entries_I9(
    database: Database, moves: list[tuple[str, str, int, int, int]]
) -> None:
    """Any postings, repeats included: accounts sum to zero and agree with the entries."""
    for debit, credit, amount_fen, campaign_id, ref in moves:
        _post(database, Posting("x", str(ref), debit, credit, amount_fen, campaign_id))
    with database.transaction() as session:
        ledger.seal(session)
    with database.reading() as session:
        assert ledger.unbalanced_accounts(session) == []
        assert sum(ledger.balances(session).values()) == 0
        assert ledger.broken_link(session) is None


def test_a_hand_edited_entry_is_found_F72(database: Database) -> None:
    for number in range(5):
        _post(database, Posting("ordered", f"n{number}", "reserved", "in_flight", 100, 1))
    with database.transaction() as session:
        assert ledger.seal(session) == 5
        assert ledger.seal(session) == 0
    with database.transaction() as session:
        trigger = "DROP TRIGGER ledger_entries_no_update"
        session.execute(text(trigger if database.is_sqlite else f"{trigger} ON ledger_entries"))
        session.execute(text("UPDATE ledger_entries SET amount_fen = 101 WHERE ref = 'n2'"))
    with database.reading() as session:
        assert ledger.broken_link(session) == 3
        assert ledger.unbalanced_accounts(session) == [(1, "in_flight"), (1, "reserved")]


def test_parallel_reserves_never_pass_the_budget_F22_T7(database: Database) -> None:
    """64 threads want 100 fen each from a budget of 2,000: exactly 20 get it."""
    with database.transaction() as session:
        budget.open_budget(session, 1, 2000)

    def reserve(_number: int) -> bool:
        with database.transaction() as session:
            return budget.reserve(session, 1, 100)

    with ThreadPoolExecutor(16) as pool:
        granted = list(pool.map(reserve, range(64)))
    assert granted.count(True) == 20


def test_the_database_refuses_an_overspent_budget_I7(database: Database) -> None:
    with database.transaction() as session:
        budget.open_budget(session, 1, 1000)
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(text("UPDATE budgets SET committed_fen = 600, paid_fen = 500"))
    with database.transaction() as session:
        assert budget.reserve(session, 1, 600)
        assert budget.spend(session, 1, 200)
        assert budget.release(session, 1, 400)
        assert not budget.release(session, 1, 1)
        assert not budget.reserve(session, 1, 801)
        assert budget.reserve(session, 1, 800)


def test_an_entry_committed_behind_the_chains_head_is_never_left_without_a_link_F72(database: Database) -> None:
    """PostgreSQL gives ids before it commits: a slow worker's entry appears below one that others have posted already."""
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time: ids are given in the order of commits")
    with database.transaction() as slow:
        with slow.begin_nested():
            ledger.post(slow, [Posting("ordered", "slow", "reserved", "in_flight", 100, 1)], NOW)
        _post(database, Posting("ordered", "quick", "reserved", "in_flight", 100, 2))
        assert ledger.settled_id(database, looks=2) is None
        with ThreadPoolExecutor(1) as pool:
            settled = pool.submit(ledger.settled_id, database, looks=3_000)
            for number in range(20):  # writers of other budgets go on while it waits
                _post(database, Posting("ordered", f"later{number}", "reserved", "in_flight", 100, 3))
            with pytest.raises(TimeoutError):
                settled.result(timeout=1)
            slow.commit()
            up_to = settled.result(timeout=60)
    assert up_to is not None and 2 <= up_to <= 22
    with database.transaction() as session:
        assert ledger.seal(session, up_to=up_to) == up_to
        assert ledger.broken_link(session) is None
    assert ledger.settled_id(database, looks=1) == 22
    with database.transaction() as session:
        assert ledger.seal(session) == 22 - up_to
        assert ledger.broken_link(session) is None


def test_an_entry_that_was_rolled_back_holds_up_no_seal_F72(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        ledger.post(session, [Posting("ordered", "never", "reserved", "in_flight", 100, 1)], NOW)
        raise ZeroDivisionError
    _post(database, Posting("ordered", "n", "reserved", "in_flight", 100, 1))
    assert ledger.settled_id(database, looks=1) is not None
    with database.transaction() as session:
        assert ledger.seal(session) == 1
        assert ledger.broken_link(session) is None


def test_a_missing_link_and_a_late_edit_are_found_F72(database: Database) -> None:
    """An entry behind the head that has no link is a fault; the quick look covers the end, the audit everything."""
    for number in range(6):
        _post(database, Posting("ordered", f"n{number}", "reserved", "in_flight", 100, 1))
    with database.transaction() as session:
        assert ledger.seal(session, up_to=4) == 4
        assert ledger.seal(session) == 2
        assert ledger.sealed_before(session, 2) == 4
        assert ledger.sealed_before(session, 99) == 0
        assert ledger.broken_link(session, 4) is None
    with database.transaction() as session:
        trigger = "DROP TRIGGER ledger_seals_no_delete"
        session.execute(text(trigger if database.is_sqlite else f"{trigger} ON ledger_seals"))
        session.execute(text("DELETE FROM ledger_seals WHERE entry_id = 2"))
    with database.reading() as session:
        assert ledger.broken_link(session) == 2
        assert ledger.broken_link(session, 4) is None
