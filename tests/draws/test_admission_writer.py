"""Who shares a commit, and who is told what became of it."""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from tests.waiting import until
from wxbot.db import Database
from wxbot.draws.admission import BOUND, Admission, BookDraws, Booked
from wxbot.draws.admission_writer import BATCH, Bookings, Waiter
from wxbot.draws.outcomes import Outcome
from wxbot.once import RedisConnection

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)


@pytest.fixture
def bookings(sqlite_url: str, redis_url: str) -> Iterator[Bookings]:
    """Of one process."""
    with closing(Database(sqlite_url)) as database:
        yield Bookings(database, RedisConnection(redis_url))


@contextmanager
def other_writes(sqlite_url: str) -> Iterator[None]:
    """Another process has its turn."""
    with open(f"{sqlite_url.removeprefix('sqlite:///')}-draws-turn", "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        yield


def waiter(n: int, book: BookDraws) -> Waiter:
    return Waiter(Admission(1, f"o{n}", None, f"t{n}", "", "::1", "20260301", 1, 1, NOW, book))


def test_who_comes_while_another_process_writes_is_in_the_commit_after_it(bookings: Bookings, sqlite_url: str) -> None:
    """SQLite has one writer at a time: a batch made up before its turn would leave out whoever comes meanwhile."""
    sizes: list[int] = []

    def book(_session: Session, admissions: Sequence[Admission]) -> list[Booked]:
        sizes.append(len(admissions))
        return [Booked(Outcome.ADMITTED)] * len(admissions)

    everybody = [waiter(n, book) for n in range(BATCH + 40)]
    with other_writes(sqlite_url):
        bookings.queue(everybody[:1])
        time.sleep(0.1)  # it waits for its turn
        bookings.queue(everybody[1:])
        assert not sizes
    assert all(each.wait().outcome is Outcome.ADMITTED for each in everybody)
    assert sizes == [BATCH, 40]


def test_whom_the_database_refuses_is_told_so_alone(bookings: Bookings, sqlite_url: str) -> None:
    def book(session: Session, admissions: Sequence[Admission]) -> list[Booked]:
        if "o3" in [one.openid for one in admissions]:
            session.execute(text("SELECT nothing"))
        return [Booked(Outcome.ADMITTED)] * len(admissions)

    everybody = [waiter(n, book) for n in range(6)]
    with other_writes(sqlite_url):
        bookings.queue(everybody[:2])
        time.sleep(0.1)
        bookings.queue(everybody[2:])
    for n, each in enumerate(everybody):
        if n == 3:
            with pytest.raises(OperationalError):
                each.wait()
        else:
            assert each.wait().outcome is Outcome.ADMITTED


def test_the_threads_end_behind_what_waits_and_begin_again_for_who_comes_later(bookings: Bookings) -> None:
    def book(_session: Session, admissions: Sequence[Admission]) -> list[Booked]:
        return [Booked(Outcome.ADMITTED, kept=BOUND)] * len(admissions)

    before = set(threading.enumerate())
    for n in range(2):
        everybody = [waiter(n * BATCH * 3 + place, book) for place in range(BATCH * 2 + 1)]
        bookings.queue(everybody)
        begun = set(threading.enumerate()) - before
        assert {each.name for each in begun} == {"bookings", "bookings-redis"}
        bookings.end()
        assert all(each.wait().outcome is Outcome.ADMITTED for each in everybody)
        until(lambda: set(threading.enumerate()) <= before, "the end of both threads")
    bookings.end()  # nobody is there any more
