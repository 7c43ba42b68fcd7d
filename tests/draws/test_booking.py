"""A batch of admissions costs what the batch is long, not what the campaign has seen; PostgreSQL chooses by its statistics."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from wxbot.db import Database
from wxbot.draws.admission import Admission, Booked
from wxbot.draws.admission_writer import BATCH
from wxbot.draws.one_winner import book
from wxbot.draws.outcomes import Outcome

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
CAMPAIGNS = 5
LONG_TABLES = ("draws", "quotas", "bindings")
BATCHES = 12
"""Enough for the driver to prepare the statements, and for PostgreSQL to go over to a plan for any parameters."""


def admission(place: int, campaign_id: int = 1) -> Admission:
    jump = f"lottery|{place:032}|{place:032}"
    return Admission(campaign_id, f"new{place:028}", jump, f"shake{place}", "1:1", "::1", "20260301", 2, 1, NOW, book)


def fill(database: Database, draws: int, is_known: bool) -> None:
    """Campaigns in which so many people have drawn in all, some of them blocked, and everybody's phone.

    `is_known`: PostgreSQL has looked at the tables since; else it last did when they were empty.
    """
    with database.transaction() as session:
        for statement in (
            "SET LOCAL statement_timeout = 0",
            "INSERT INTO draws (campaign_id, openid, status, ticket_hash, admitted_at)"
            f" SELECT n % {CAMPAIGNS} + 1, md5(n::text), CASE n % 3 WHEN 0 THEN 'bound' WHEN 1 THEN 'lapsed' ELSE 'missed' END,"
            f" md5('shake' || n), now() FROM generate_series(1, {draws}) AS n",
            "INSERT INTO quotas (name, period, n, fen)"
            " SELECT 'tries:' || campaign_id || ':' || openid, 'all', 1, 0 FROM draws",
            "INSERT INTO bindings (openid, phone_sealed, phone_index, name, status, via, proved_at, end_reason)"
            " SELECT openid, '', openid, '', 'active', 'h5', now(), '' FROM draws",
            "INSERT INTO person_marks (kind, subject, mark, phone_sealed, reason, created_at)"
            " SELECT 'openid', openid, 'block', '', '', now() FROM draws WHERE id % 100 = 0",
        ):
            session.execute(text(statement))
        if is_known:
            session.execute(text("ANALYZE"))


def scans(database: Database) -> dict[str, int]:
    """Long table → how often it was read in full so far."""
    with database.transaction() as session:
        session.execute(text("SELECT pg_stat_force_next_flush()"))
    with database.reading() as session:
        rows = session.execute(text("SELECT relname, seq_scan FROM pg_stat_user_tables"))
        return {str(name): int(count) for name, count in rows if name in LONG_TABLES}


def plans_of(database: Database, admissions: list[Admission]) -> list[str]:
    """How PostgreSQL would carry out each statement of a batch, with these parameters."""
    asked: list[tuple[str, Any]] = []

    class Noting(psycopg.Cursor[Any]):
        """What the driver is told."""

        def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
            if "asked" in str(query):
                asked.append((str(query), params))
            return super().execute(query, params, **more)

    with database.transaction() as session:
        driver: Any = session.connection().connection.driver_connection
        before, driver.cursor_factory = driver.cursor_factory, Noting
        book(session, admissions)
        driver.cursor_factory = before
        session.rollback()
    assert asked
    with database.reading() as session:
        explained = [session.connection().exec_driver_sql("EXPLAIN " + each, values) for each, values in asked]
        return ["\n".join(row[0] for row in plan) for plan in explained]


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("draws", "is_known"), [(3_000, False), (20_000, True), pytest.param(200_000, True, marks=pytest.mark.proof)]
)
def test_no_batch_reads_the_draws_of_a_campaign_in_full(database: Database, draws: int, is_known: bool) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite walks its indexes from the batch; it has no statistics to be misled by")
    fill(database, draws, is_known)
    for size in (1, 8, BATCH):
        for plan in plans_of(database, [admission(n) for n in range(size)]):
            assert not re.search(rf"Seq Scan on ({'|'.join(LONG_TABLES)})", plan), plan
    before = scans(database)
    with database.transaction() as session:
        for batch in range(BATCHES):
            booked = book(session, [admission(batch * BATCH + n) for n in range(BATCH)])
            assert all(each.outcome is Outcome.ADMITTED and each.is_new for each in booked)
    assert scans(database) == before


def test_a_batch_says_to_each_what_holds_for_them(database: Database) -> None:
    """Arrays and JSON carry the same: nobody's luck, and texts that either would have to quote."""
    hard = ['a"b', "{c,d}", "NULL", "e\\f", "张三", ""]
    asked = [
        Admission(
            1, f"o{n}{text}", f"l|{text}|s" if n % 2 == 0 else None, f"h{n}", text, text, "20260301", 1, 1, NOW, book
        )
        for n, text in enumerate(hard)
    ]
    with database.transaction() as session:
        first = book(session, asked)
    assert [each.outcome for each in first] == [Outcome.ADMITTED, Outcome.MISSED] * 3
    with database.transaction() as session:
        again = book(session, asked)
    assert again[::2] == [
        Booked(Outcome.ADMITTED, one.handed_out, kept=f"admitted|{one.handed_out}") for one in asked[::2]
    ]
    assert {each.outcome for each in again[1::2]} == {Outcome.MISSED}
    with database.reading() as session:
        rows = session.execute(text("SELECT openid, device_id, ip, handed_out FROM draws ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [(one.openid, one.device_id, one.ip, one.handed_out) for one in asked]
