"""An evening that pays at once, by packets: every verb and every pass of the sender dies by kill -9 at each of its statements, and
WeChat's answers are lost. The same people win, each has one packet, by one number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.conftest import Cast, simulator_settings
from tests.hall.hosting import Host
from tests.hall.stage import open_hall
from tests.hall.test_killed import VERBS, deaths_of, dies, hold_up
from tests.payouts.stories import at_bank, orders_of, sound
from tests.payouts.test_pay import take
from tests.servers import SimulatedWeChat
from wxbot.hall import sign_in
from wxbot.instant.models import InstantTerms
from wxbot.payouts.models import Payout
from wxbot.runtime import Runtime
from wxbot.worker import run_until_quiet

SEND, ASK = "mmpaymkttransfers/sendredpack", "mmpaymkttransfers/gethbinfo"


@pytest.fixture
def site(simulator: SimulatedWeChat, sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Runtime]:
    """A deployment beside the simulator, with money at the bank."""
    simulator.control("POST", "bank/topup", {"amount_fen": 1_000_000})
    with closing(Runtime(simulator_settings(simulator, sqlite_url, redis_url, tmp_path))) as runtime:
        yield runtime


def gala(site: Runtime, cast: Cast) -> Host:
    """A hall of three prizes of one yuan, sent at once; three people are in it, so all of them win."""
    desk = Host(open_hall(site))
    with site.database.transaction() as session:
        session.get_one(InstantTerms, desk.id).channel = "sendredpack"
    for person in (cast.ming, cast.hong, cast.wang):
        with site.database.transaction() as session:
            entry = sign_in.GuestDetails(f"来宾{person.id}", "")
            sign_in.sign_in(session, desk.id, person.openid, entry, site.database.now(session))
        desk.stage.openids.append(person.openid)
    desk.freeze()
    return desk


def payouts_of(desk: Host) -> list[Payout]:
    with desk.stage.runtime.database.reading() as session:
        return list(session.scalars(select(Payout).order_by(Payout.id)))


def sent_by_the_dying(desk: Host, simulator: SimulatedWeChat, cast: Cast) -> int:
    """Payouts are sent, asked about and paid by workers that each die one statement later; how many died. Time passes what they leased."""
    site, statement = desk.stage.runtime, 1
    while dies(desk, lambda mine: run_until_quiet(mine.stage.runtime), statement) or not is_paid(desk):
        statement += 1
        site.redis.flushdb()  # what a dead sender holds there (F02)
        for person in (cast.ming, cast.hong, cast.wang):
            take(simulator, person, "sendredpack")
        simulator.advance(100)
        site.clock.refresh()
        assert statement < 400, [each.status for each in payouts_of(desk)]
        site.database.close()
    return statement - 1


def is_paid(desk: Host) -> bool:
    return {payout.status for payout in payouts_of(desk)} == {"paid"}


@pytest.mark.proof
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["drop_reply", "drop_request"])
def test_whoever_dies_and_whatever_answer_is_lost_each_winner_has_one_packet(
    site: Runtime, simulator: SimulatedWeChat, cast: Cast, kind: str
) -> None:
    desk, deaths, expected = gala(site, cast), 0, list[int]()
    site.database.close()
    for verb in VERBS:
        deaths += deaths_of(desk, verb)
        if verb is hold_up:
            expected = desk.foretold()
    assert deaths > 40 and [line.guest_no for line in desk.lines(1)] == expected
    payouts = payouts_of(desk)
    assert [payout.status for payout in payouts] == ["approved"] * 3, (
        "asked for in the commit of the confirmation, once each"
    )
    assert [payout.openid for payout in payouts] == [desk.stage.openids[no - 1] for no in expected]

    for call in (SEND, ASK):
        simulator.control("PUT", f"faults/{call}", {"kind": kind, "times": 4})
    site.database.close()
    assert sent_by_the_dying(desk, simulator, cast) > 40
    orders = [order for payout in payouts for order in orders_of(site, payout.id)]
    assert [order.status for order in orders] == ["received"] * 3, "no payout has a second number"
    bank = at_bank(simulator)
    assert {number: row["paid_fen"] for number, row in bank.items()} == {order.mch_billno: 100 for order in orders}
    for person in (cast.ming, cast.hong, cast.wang):
        assert simulator.control("GET", f"people/{person.id}/wallet")["wallet_fen"] == 100
    desk.stage.work()
    assert {award.status for award in desk.stage.awards()} == {"paid"} and len(desk.stage.awards()) == 3
    kinds = [line.kind for line in desk.stage.log()]
    assert [kinds.count(each) for each in ("armed", "entropy", "drawn", "revealed", "confirmed", "paid")] == [1] * 5 + [
        3
    ]
    assert desk.verified() == []
    sound(site)
