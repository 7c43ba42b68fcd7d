"""Counts for the charts, written by one thread while another wants them written."""

from __future__ import annotations

import time
from threading import Thread

from sqlalchemy import select

from wxbot.clock import from_unix
from wxbot.db import Database
from wxbot.draws.counts import Counts
from wxbot.draws.models import DrawCount

HOUR = 490_000
"""Hours since 1970."""


def test_whoever_has_written_reads_what_another_thread_was_writing(database: Database) -> None:
    counts, seen = Counts(database), []

    def written() -> None:
        counts.write()
        with database.reading() as session:
            seen.append(session.scalar(select(DrawCount.n)))

    with database.transaction() as session:  # in the way of the first writer
        session.add(DrawCount(campaign_id=1, hour=from_unix(HOUR * 3600), outcome="page", channel_code="", n=1))
        session.flush()
        counts.add(1, "page", HOUR * 3600.0)
        first = Thread(target=counts.write)
        first.start()
        while counts._waiting:
            time.sleep(0.001)
        second = Thread(target=written)
        second.start()
        second.join(0.2)
    first.join(10)
    second.join(10)
    assert seen == [2]
