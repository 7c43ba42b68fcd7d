"""The fixtures themselves: what they promise to the other tests."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import redis
import requests
from sqlalchemy import select, text

from tests.fresh import FreshDatabase
from tests.rows import everything
from tests.servers import SimulatedWeChat
from wxbot.db import Database
from wxbot.ledger import Entry, Posting, post


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_gets_a_fresh_database_with_the_schema(database: Database, turn: int) -> None:
    with database.transaction() as session:
        assert session.execute(text("SELECT count(*) FROM campaigns")).scalar_one() == 0
        session.execute(text("CREATE TABLE left_behind (turn INTEGER)"))


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_gets_an_empty_redis(redis_url: str, turn: int) -> None:
    with redis.Redis.from_url(redis_url) as connection:
        assert connection.keys() == []
        connection.set("left_behind", turn)


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_gets_an_empty_wechat_with_the_cast(simulator: SimulatedWeChat, cast: Any, turn: int) -> None:
    people = simulator.control("GET", "people")["people"]
    assert {person["nickname"] for person in people} == {"阿明", "小红", "老王", "阿贵"}
    assert {person["nickname"] for person in people if person["is_followed"]} == {"阿明", "小红", "阿贵"}
    assert abs(simulator.control("GET", "clock")["offset_s"]) < 1
    assert simulator.control("GET", "faults")["faults"] == {}
    assert simulator.control("GET", "account")["callback_mode"] == "encrypted"
    simulator.advance(3600)
    simulator.control("PUT", "faults/shakearound", {"kind": "slow", "seconds": 1})
    simulator.control("PUT", "account", {"callback_mode": "plain"})


def test_the_runtime_reaches_the_simulator(runtime: Any) -> None:
    assert runtime.tokens.access_token()


@pytest.mark.browser
def test_the_browser_shows_chinese(browser_page: Any) -> None:
    browser_page.set_content("<h1>摇一摇</h1>")
    assert browser_page.locator("h1").inner_text() == "摇一摇"


def test_the_live_application_answers_the_network(live: Any) -> None:
    assert requests.get(f"{live.url}/healthz", timeout=5).text == "ok"


def _content(url: str) -> dict[str, list[tuple[Any, ...]]]:
    with closing(Database(url)) as database, database.engine.connect() as connection:
        return everything(connection)


@pytest.mark.parametrize(
    "spoil",
    [
        "CREATE TABLE stray (id INT)",
        pytest.param("ALTER TABLE orders ADD COLUMN stray INT", marks=pytest.mark.proof),
        "ALTER TABLE ledger_entries DISABLE TRIGGER USER",
        pytest.param("ANALYZE ledger_entries", marks=pytest.mark.proof),
        pytest.param("DROP TABLE binds", marks=pytest.mark.proof),
    ],
)
def test_a_database_that_was_used_is_as_new(fresh_postgres: FreshDatabase, spoil: str) -> None:
    def book(url: str) -> int:
        with closing(Database(url)) as database, database.transaction() as session:
            post(session, [Posting("bill", "1", "external", "merchant", 1)], datetime.now(UTC))
        with closing(Database(url)) as database, database.reading() as session:
            return session.scalars(select(Entry.id)).one()

    first = fresh_postgres.address()
    new = _content(first)
    booked = book(first)
    left_open = psycopg.connect(first)
    left_open.execute("LOCK TABLE ledger_entries")
    second = fresh_postgres.address()
    left_open.close()
    assert second != first
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(first)
    again = _content(second)
    assert {name: len(rows) for name, rows in again.items()} == {name: len(rows) for name, rows in new.items()}
    assert again["lineage"] != new["lineage"], "the witnesses of another test speak of it"
    assert book(second) == booked, "identities go on"
    with psycopg.connect(second, autocommit=True) as connection:
        connection.execute(spoil.encode())
    third = fresh_postgres.address()
    with psycopg.connect(third) as connection:
        tables = {name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
        columns = {
            name
            for (name,) in connection.execute("SELECT attname FROM pg_attribute WHERE attrelid = 'orders'::regclass")
        }
        refusing = connection.execute(
            "SELECT bool_and(tgenabled = 'O') FROM pg_trigger WHERE NOT tgisinternal"
        ).fetchone()
        known = connection.execute(
            "SELECT count(*) FROM pg_statistic WHERE starelid = 'ledger_entries'::regclass"
        ).fetchone()
    assert tables == new.keys() and "stray" not in columns
    assert (refusing, known) == ((True,), (0,))
    assert book(third) == booked
