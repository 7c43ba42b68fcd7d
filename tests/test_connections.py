"""The database's connections: limits that go with every transaction, a pool that doctor compares, a pooler in between."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from tests.deployments import settings_for
from tests.servers import PrivatePostgres
from tests.waiting import until
from wxbot.db import Database
from wxbot.doctor.connections import database_connections
from wxbot.heartbeat import Heartbeat
from wxbot.runtime import Runtime

LIMITS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")


def test_every_transaction_of_postgresql_has_its_limits_and_the_session_none(postgres_server: PrivatePostgres) -> None:
    with closing(Database(postgres_server.admin_url)) as database:
        with database.transaction() as session:
            assert [session.execute(text(f"SHOW {name}")).scalar_one() for name in LIMITS] == ["10s", "30s", "30s"]
        with database.reading() as session:
            assert session.execute(text("SHOW statement_timeout")).scalar_one() == "30s"
            session.execute(text("SET LOCAL statement_timeout = '20ms'"))
            with pytest.raises(OperationalError, match="statement timeout"):
                session.execute(text("SELECT pg_sleep(5)"))
        connection = database.engine.raw_connection()
        assert connection.driver_connection.execute("SHOW statement_timeout").fetchone() == ("0",)  # type: ignore[union-attr]
        connection.close()


def test_a_server_that_leaves_just_before_a_transaction_is_an_error_of_ours_and_soon_over(
    postgres_server: PrivatePostgres,
) -> None:
    """The pool has asked whether the server is there; it goes before BEGIN. Whoever catches SQLAlchemy's errors (a page's 503,
    a task's next try) catches this one, and no other connection of before is used again."""

    def leave(connection: Connection) -> None:
        if not left:
            left.append(True)
            pid = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
            with psycopg.connect(postgres_server.admin_url, autocommit=True) as admin:
                admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))

    left: list[bool] = []
    with closing(Database(postgres_server.admin_url)) as database:
        event.listen(database.engine, "begin", leave, insert=True)
        with pytest.raises(OperationalError) as met, database.transaction():
            pytest.fail("there is no server")
        assert met.value.connection_invalidated
        with database.transaction() as session:
            assert session.execute(text("SHOW statement_timeout")).scalar_one() == "30s"


def test_what_still_works_while_a_database_is_closed_leaves_no_connection_behind(
    postgres_server: PrivatePostgres,
) -> None:
    """A thread that measures the clock, say, may be in the middle of it, or come once more."""

    def backend_of(session: Session) -> int:
        pid: int = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        return pid

    database = Database(postgres_server.admin_url)
    pools = [database.engine.pool]  # kept: what nobody has any more is closed by itself
    with database.transaction() as session:
        backends = [backend_of(session)]
        database.close()
    with database.reading() as session:
        backends.append(backend_of(session))
    pools.append(database.engine.pool)
    with psycopg.connect(postgres_server.admin_url, autocommit=True) as admin:
        are_there = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)"
        until(lambda: admin.execute(are_there, (backends,)).fetchone() == (0,), "both have left")


def test_what_was_rolled_back_is_gone_and_what_was_committed_stays(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TABLE kept (n integer)"))
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        session.execute(text("INSERT INTO kept VALUES (1)"))
        raise ZeroDivisionError
    with database.transaction() as session:
        session.execute(text("INSERT INTO kept VALUES (2)"))
        with session.begin_nested() as inner:
            session.execute(text("INSERT INTO kept VALUES (3)"))
            inner.rollback()
    with database.reading() as session:
        session.execute(text("INSERT INTO kept VALUES (4)"))
    with database.reading() as session:
        assert session.execute(text("SELECT n FROM kept")).scalars().all() == [2]


@pytest.mark.parametrize(("size", "overflow", "verdict"), [(8, 0, "good"), (16, 100, "note"), (200, 0, "bad")])
def test_doctor_compares_the_pools_with_max_connections(
    postgres_server: PrivatePostgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    overflow: int,
    verdict: str,
) -> None:
    monkeypatch.setenv("WXBOT_WEB_WORKERS", "2")
    settings = settings_for(
        "encrypted",
        postgres_server.admin_url,
        "redis://127.0.0.1:1/0",
        tmp_path,
        db_pool_size=size,
        db_pool_overflow=overflow,
    )
    with closing(Runtime(settings)) as runtime:
        found = database_connections(runtime)
    assert found.verdict == verdict
    assert str(3 * size) in found.en
    assert str(3 * (size + overflow)) in found.en
    assert "197" in found.en
    if verdict != "good":
        assert f"max_connections = {3 * (size + overflow) + 10}" in found.mend


def test_doctor_counts_the_workers_of_all_boxes(
    postgres_server: PrivatePostgres, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WXBOT_WEB_WORKERS", "2")
    settings = settings_for("encrypted", postgres_server.admin_url, redis_url, tmp_path)
    with closing(Runtime(settings)) as runtime:
        for host in ("one", "two"):
            monkeypatch.setattr("socket.gethostname", lambda host=host: host)
            Heartbeat(runtime.redis).beat()
        found = database_connections(runtime)
    assert "2 box(es) with 2 web processes each, and 2 worker(s), keep 96 connections" in found.en
