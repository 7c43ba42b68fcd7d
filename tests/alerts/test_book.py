"""Who is told of what: once, again after hours, once more when it is over; several workers tell it once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from wxbot.alerts import book
from wxbot.alerts.book import LEASE, SETTLE, Telling
from wxbot.alerts.conditions import Condition
from wxbot.db import Database

T0 = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
REMIND = timedelta(hours=12)
STOPPED = Condition("stopped:v2", "stopped", "付款已停止", "/admin/orders")
WORKER = Condition("worker", "worker", "没有后台任务", "")


def look(
    database: Database, now: datetime, *found: Condition, deliver: bool = True, only: str = ""
) -> list[tuple[str, str]]:
    """One look of one worker; returns what it told."""
    with database.transaction() as session:
        book.keep(session, found, now, only=only, without="" if only else "worker")
    with database.transaction() as session:
        claimed = book.claim(session, now, REMIND)
    if deliver:
        told(database, claimed, now)
    return [(telling.what, telling.key) for telling in claimed]


def told(database: Database, claimed: list[Telling], now: datetime) -> None:
    with database.transaction() as session:
        book.note_told(session, claimed, now)


def test_it_is_told_once_reminded_of_rarely_and_its_end_is_told(database: Database) -> None:
    assert look(database, T0, STOPPED) == [("begun", "stopped:v2")]
    hours = [T0 + timedelta(hours=hour) for hour in range(1, 25)]
    assert [look(database, now, STOPPED) for now in hours] == [
        [("still", "stopped:v2")] if (now - T0) in (REMIND, 2 * REMIND) else [] for now in hours
    ]
    end = hours[-1]
    assert look(database, end + SETTLE / 2) == []
    assert look(database, end + SETTLE * 2) == [("over", "stopped:v2")]
    assert look(database, end + SETTLE * 3) == []
    assert look(database, end + timedelta(hours=1), STOPPED) == [("begun", "stopped:v2")]


def test_what_comes_and_goes_is_one_thing(database: Database) -> None:
    """A line that a probe opens for a few seconds and an error stops again fills no chat."""
    said = []
    for n in range(60):
        said += look(database, T0 + timedelta(seconds=15 * n), *([STOPPED] if n % 4 else []))
    assert said == [("begun", "stopped:v2")]


def test_two_workers_tell_it_once_and_a_dead_one_is_followed_by_another(database: Database) -> None:
    assert look(database, T0, STOPPED, deliver=False) == [("begun", "stopped:v2")]
    assert look(database, T0, STOPPED) == [], "the other one is at it"
    again = T0 + LEASE + timedelta(seconds=1)
    assert look(database, again, STOPPED) == [("begun", "stopped:v2")], "it died before it had told"
    assert look(database, again + LEASE * 2, STOPPED) == []


def test_what_was_over_before_anybody_was_told_is_told_to_nobody(database: Database) -> None:
    assert look(database, T0, STOPPED, deliver=False) == [("begun", "stopped:v2")]
    assert look(database, T0 + SETTLE * 2) == []


def test_each_looker_ends_only_what_it_looks_at(database: Database) -> None:
    """The worker's look must not end what a web process sees of workers, nor the other way round."""
    look(database, T0, STOPPED)
    assert look(database, T0, WORKER, only="worker") == [("begun", "worker")]
    later = T0 + SETTLE * 2
    assert look(database, later, WORKER, only="worker") == []
    assert look(database, later, STOPPED) == []
    with database.reading() as session:
        assert {alert.key for alert in book.current(session)} == {"stopped:v2", "worker"}
    assert look(database, later + SETTLE * 2, only="worker") == [("over", "worker")]
