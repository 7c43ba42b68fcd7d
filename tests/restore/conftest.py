"""Copies for the tests of this folder, and a merchant with money."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.payouts.desk import Desk, desk_on
from tests.restore.copies import Copies
from tests.servers import SimulatedWeChat
from wxbot import lineage


@pytest.fixture
def copies(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Copies]:
    """Copies of the test's database, on either kind."""
    is_sqlite = database_url.startswith("sqlite")
    made = Copies(None if is_sqlite else request.getfixturevalue("postgres_server"), tmp_path)
    yield made
    made.drop()


@pytest.fixture(autouse=True)
def money(simulator: SimulatedWeChat) -> None:
    """A merchant with money."""
    simulator.control("POST", "bank/topup", {"amount_fen": 10_000_000})


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing witness is missing at once: no box of these tests could repeat it."""
    monkeypatch.setattr(lineage, "PATIENCE_S", 0.0)


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A console with two cashiers."""
    with desk_on(sqlite_url, redis_url, tmp_path) as made:
        yield made
