"""Copies for the tests of this folder, and a merchant with money."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.instant.winners import set_instant
from tests.payouts.desk import Desk, desk_on, openid
from tests.payouts.stories import owe
from tests.restore.copies import Copies
from tests.servers import SimulatedWeChat
from wxbot import lineage
from wxbot.instant.models import Award
from wxbot.orders.channels import Sighting
from wxbot.orders.found import Thaw
from wxbot.orders.lost import keep
from wxbot.orders.numbers import Unknown
from wxbot.witness import Witness


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


@pytest.fixture
def thawing(desk: Desk) -> int:
    """A frozen database whose asking has ended: WeChat knows one payment of what is owed to person 1. Returns the payout."""
    programme_id = desk.fund()
    assert lineage.may_send(desk.runtime)
    payout_id = owe(desk.runtime, programme_id, desk.know(1), 880)
    judging(desk)
    return payout_id


@pytest.fixture
def won(desk: Desk) -> Award:
    """The same where person 1 is owed it as a prize, which they had not asked for when the copy was made."""
    assert lineage.may_send(desk.runtime)
    campaign = set_instant(desk.runtime, channel="sendredpack")
    public_id = campaign.win(openid(1), 880)
    judging(desk)
    return campaign.award(public_id)


def judging(desk: Desk) -> None:
    """Freeze the database; WeChat knows a payment of 8.80 yuan to person 1 that it does not."""
    lineage.freeze_now(desk.runtime, "older", Witness(9, 9))
    seen = Sighting("received", 880, openid(1), "1000041701202611290000000001", desk.now - timedelta(hours=1))
    with desk.runtime.database.transaction() as session:
        thaw = Thaw(
            step="judging",
            frozen_at=desk.now,
            known_until=desk.now - timedelta(days=1),
            first_serial=1,
            next_serial=1001,
            unknown_in_a_row=1000,
            asked=6000,
            refusal="",
        )
        session.add(thaw)
        session.flush()
        keep(session, thaw.id, [Unknown(1, "1900000001202611290000000011", "v2", seen)], desk.now)
