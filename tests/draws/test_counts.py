"""Counts for the charts, written by one thread while another wants them written."""

from __future__ import annotations

import time
from threading import Thread

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from wxbot import quotas
from wxbot.clock import from_unix
from wxbot.db import Database
from wxbot.draws.counts import Counts, visits_of
from wxbot.draws.models import DrawCount
from wxbot.quotas import Quota

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


def test_a_person_is_counted_once_in_a_campaign_where_they_came_first_whichever_process_they_ask(
    database: Database,
) -> None:
    here, there = Counts(database), Counts(database)
    for counts, openid, hour, channel_code in (
        *((here, "oA", 0, "poster"), (here, "oA", 0, "qr"), (here, "oB", 1, "")),
        *((there, "oB", 1, "poster"), (there, "oA", 2, "")),
    ):
        counts.visit(1, openid, (HOUR + hour) * 3600.0, channel_code)
    there.visit(2, "oA", HOUR * 3600.0)
    here.write()
    there.write()
    with database.reading() as session:
        rows = [
            (row.campaign_id, int(row.hour.timestamp()) // 3600 - HOUR, row.channel_code, row.n)
            for row in session.scalars(select(DrawCount).where(DrawCount.outcome == "visitor"))
        ]
        names = set(session.scalars(select(Quota.name)))
        pages = sum(session.scalars(select(DrawCount.n).where(DrawCount.outcome == "page")))
    assert sorted(rows) == [(1, 0, "poster", 1), (1, 1, "", 1), (2, 0, "", 1)] and pages == 6
    assert len(names) == 3 and not [name for name in names if "oA" in name or "oB" in name]
    with database.transaction() as session:
        assert quotas.forget_under(session, visits_of(1)) == 2


def test_visits_that_could_not_be_written_are_written_later_and_no_more_are_kept_than_memory_allows(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wxbot.draws.counts.VISITS_WAITING", 2)
    counts = Counts(database)
    with monkeypatch.context() as broken:
        broken.setattr("wxbot.draws.counts._upsert", _no_database)
        for openid in ("oA", "oB", "oC"):
            counts.visit(1, openid, HOUR * 3600.0)
        with pytest.raises(OperationalError):
            counts.write()
    counts.write()
    with database.reading() as session:
        counted = {row.outcome: row.n for row in session.scalars(select(DrawCount))}
    assert counted == {"page": 3, "visitor": 2}


def _no_database(*_of: object) -> None:
    raise OperationalError("", {}, Exception())
