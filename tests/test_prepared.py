"""Statements that the driver runs itself: the same values, the same errors and the same transaction as any other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from wxbot.db import Database
from wxbot.ledger import Balance, Entry
from wxbot.prepared import Prepared
from wxbot.quotas import Quota

pytestmark = pytest.mark.on_both

ENTRIES: Any = Entry.__table__
QUOTAS: Any = Quota.__table__
NOON = datetime(2026, 3, 1, 20, 0, tzinfo=timezone(timedelta(hours=8)))
POSTED = Prepared(insert(ENTRIES), ("kind", "ref", "debit", "credit", "amount_fen", "budget_id", "at"))
FOUND = Prepared(select(Entry.ref, Entry.amount_fen).where(Entry.at == bindparam("at")).order_by(Entry.ref))
COUNTED = Prepared(insert(QUOTAS), ("name", "period", "n", "fen"))
MORE = Prepared(
    update(QUOTAS).where(Quota.name == bindparam("who"), Quota.n < 3).values(n=QUOTAS.c.n + bindparam("by"))
)
NAMED = Prepared(text("SELECT name, n FROM quotas WHERE name LIKE 'a%' AND name <> :but ORDER BY name"))


def entry(ref: str, fen: int = 5) -> dict[str, object]:
    return {
        "kind": "k",
        "ref": ref,
        "debit": "merchant",
        "credit": "paid",
        "amount_fen": fen,
        "budget_id": None,
        "at": NOON,
    }


def test_rows_have_the_names_of_their_query_and_moments_are_those_of_the_table(database: Database) -> None:
    with database.transaction() as session:
        assert POSTED.changed(session, [entry("b"), entry("a", 7)]) == 2
        found = FOUND.rows(session, {"at": NOON})
        assert [(row.ref, row.amount_fen) for row in found] == [("a", 7), ("b", 5)]
        assert session.scalars(select(Entry.at)).all() == [NOON.astimezone(UTC)] * 2
        assert FOUND.rows(session, {"at": NOON + timedelta(seconds=1)}) == []


def test_a_guarded_write_says_how_many_rows_it_changed(database: Database) -> None:
    with database.transaction() as session:
        COUNTED.changed(session, [{"name": name, "period": "all", "n": 2, "fen": 0} for name in ("a1", "a2", "b")])
        assert [MORE.changed(session, {"who": "a1", "by": 1}) for _ in range(2)] == [1, 0]
        assert NAMED.rows(session, {"but": "a2"}) == [("a1", 3)]


def test_what_the_driver_refuses_is_raised_as_elsewhere_and_shows_no_value(database: Database) -> None:
    with pytest.raises(IntegrityError) as met, database.transaction() as session:
        COUNTED.changed(session, {"name": "secret", "period": "all", "n": -1, "fen": 0})
    assert "secret" not in str(met.value.statement) and met.value.params is None and met.value.hide_parameters
    with pytest.raises((OperationalError, ProgrammingError)), database.transaction() as session:
        Prepared(text("SELECT nothing FROM nowhere")).rows(session, {})


def test_it_belongs_to_the_transaction_of_its_session(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        COUNTED.changed(session, {"name": "a", "period": "all", "n": 1, "fen": 0})
        raise ZeroDivisionError
    with database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Quota)) == 0
        session.execute(delete(Balance))


def test_a_connection_that_its_server_closed_is_not_used_again(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("there is no server that could leave")
    with pytest.raises(OperationalError) as met, database.transaction() as session:
        pid = session.scalar(text("SELECT pg_backend_pid()"))
        with database.transaction() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        NAMED.rows(session, {"but": ""})
    assert met.value.connection_invalidated
    with database.transaction() as session:
        assert NAMED.rows(session, {"but": ""}) == []
