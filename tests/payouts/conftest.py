"""Desks for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.payouts.desk import Desk, desk_on


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A console with two cashiers, where the database makes no difference."""
    with desk_on(sqlite_url, redis_url, tmp_path) as made:
        yield made


@pytest.fixture
def desks(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    """The same on both databases."""
    with desk_on(database_url, redis_url, tmp_path) as made:
        yield made
