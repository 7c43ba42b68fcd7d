"""Limits: exact with many writers, whole or in part given back, and many names at the cost of one."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.orm import Session

from wxbot import quotas
from wxbot.db import Database

NAMES = [f'tries:1:{n}"{{}}' for n in range(20)]


def test_a_limit_holds_its_count_and_its_amount(database: Database) -> None:
    def take(session: Session, fen: int) -> bool:
        return quotas.take(session, "a", "202603", fen, most=3, most_fen=1_000)

    with database.transaction() as session:
        assert [take(session, fen) for fen in (1_001, 900, 200, 100, 0, 0)] == [False, True, False, True, True, False]
        assert quotas.used(session, "a", "202603") == (3, 1_000)
        assert quotas.used(session, "a", "202604") == (0, 0)
        assert quotas.give_back(session, "a", "202603", 900, n=0)
        assert not quotas.give_back(session, "a", "202603", 101)
        assert quotas.give_back(session, "a", "202603", 100)
        assert quotas.used(session, "a", "202603") == (2, 0)


def test_many_writers_of_many_names_give_each_exactly_its_limit(database: Database) -> None:
    """In any order of names, so that two writers who lock the same rows would wait for each other forever."""

    def writer(seed: int) -> Counter[str]:
        fitted: Counter[str] = Counter()
        for turn in range(6):
            names = random.Random(seed * 100 + turn).sample(NAMES, 15)
            with database.transaction() as session:
                fitted.update(quotas.take_each(session, names, quotas.ALL_TIME, 7))
        return fitted

    with ThreadPoolExecutor(8) as pool:
        fitted = sum(pool.map(writer, range(8)), Counter())
    assert fitted == dict.fromkeys(NAMES, 7)
    with database.transaction() as session:
        assert [quotas.used(session, name, quotas.ALL_TIME) for name in NAMES] == [(7, 0)] * len(NAMES)
        assert quotas.take_each(session, [], quotas.ALL_TIME, 1) == set()
