"""Stages for the tests of vouchers."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.staff.consoles import NOON, PASSWORD, StillClock, console_settings
from tests.vouchers.stage import STAFF, Stage, lay_stage
from wxbot.runtime import Runtime
from wxbot.staff import accounts


def _stage(database_url: str, redis_url: str, folder: Path) -> Iterator[Stage]:
    with closing(Runtime(console_settings(database_url, redis_url, folder))) as runtime:
        runtime.clock = StillClock(NOON)
        yield lay_stage(runtime)


@pytest.fixture
def stage(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    """A stage on SQLite."""
    yield from _stage(sqlite_url, redis_url, tmp_path)


@pytest.fixture
def both(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    """A stage on each database, where the database decides."""
    yield from _stage(database_url, redis_url, tmp_path)


def _hire(made: Stage) -> Stage:
    for login, (name, role) in STAFF.items():
        accounts.hire(made.runtime.database, f"{login}.test", name, role, PASSWORD, NOON)
    return made


@pytest.fixture
def desk(stage: Stage) -> Stage:
    """A stage with two reviewers, a marketer and a cashier who may sign in."""
    return _hire(stage)


@pytest.fixture
def both_desks(both: Stage) -> Stage:
    """The same, on each database."""
    return _hire(both)
