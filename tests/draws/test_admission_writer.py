"""Who shares a commit."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from wxbot.db import Database
from wxbot.draws.admission import Admission, Booked
from wxbot.draws.admission_writer import BATCH, Bookings, Waiter
from wxbot.draws.outcomes import Outcome
from wxbot.once import RedisConnection

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)


def test_who_comes_while_another_process_writes_is_in_the_commit_after_it(sqlite_url: str, redis_url: str) -> None:
    """SQLite has one writer at a time: a batch made up before its turn would leave out whoever comes meanwhile."""
    sizes: list[int] = []

    def book(_session: Session, admissions: Sequence[Admission]) -> list[Booked]:
        sizes.append(len(admissions))
        return [Booked(Outcome.ADMITTED)] * len(admissions)

    def waiter(n: int) -> Waiter:
        return Waiter(Admission(1, f"o{n}", None, f"t{n}", "", "::1", "20260301", 1, 1, NOW, book))

    everybody = [waiter(n) for n in range(BATCH + 40)]
    with closing(Database(sqlite_url)) as database, open(f"{database.engine.url.database}-draws-turn", "ab") as other:
        bookings = Bookings(database, RedisConnection(redis_url))
        fcntl.flock(other, fcntl.LOCK_EX)
        bookings.queue(everybody[:1])
        time.sleep(0.1)  # it waits for its turn
        bookings.queue(everybody[1:])
        assert not sizes
        fcntl.flock(other, fcntl.LOCK_UN)
        assert all(each.wait().outcome is Outcome.ADMITTED for each in everybody)
        assert sizes == [BATCH, 40]
