"""A hall that was restored in the middle of its evening: nobody is paid twice, and the evening goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.hall.hosting import Host
from tests.hall.stage import RAIN, OpenHall, open_hall
from tests.restore.copies import Copies, machine
from tests.restore.offices import (
    cashiers,
    found_in,
    hire,
    judge_all,
    open_database,
    pass_time,
    sent_numbers,
    take_everything,
    until_asked,
    until_bill,
    wallets,
    work,
)
from tests.rows import in_one
from tests.servers import SimulatedWeChat
from wxbot import invariants, lineage
from wxbot.hall import games, sign_in
from wxbot.hall.models import RainHit
from wxbot.instant import awards
from wxbot.instant.models import Award, Prize
from wxbot.orders import lost, newest
from wxbot.runtime import Runtime
from wxbot.text import Refusal
from wxbot.thaw import judge
from wxbot.worker import run_until_quiet


@pytest.fixture
def evening(
    runtime: Runtime, simulator: SimulatedWeChat, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[OpenHall, list[Any]]]:
    """A hall with eight people of the simulator, its roster frozen."""
    monkeypatch.setattr(lost, "UNKNOWN_IN_A_ROW", 40)
    monkeypatch.setattr(newest, "NEXT_SERIALS", 10)
    monkeypatch.setattr(lineage, "PATIENCE_S", 0.0)
    quick = {"cash_per_second": 1000, "transfer_per_second": 1000, "transfer_query_per_second": 1000}
    simulator.control("PUT", "bank/limits", quick | {"cash_per_minute": 60_000})
    lineage.look_at_start(runtime)
    hire(runtime)
    people = simulator.control("POST", "people", {"count": 8})["people"]
    hall = open_hall(runtime, ({"stock": 5}, RAIN), terms={"mode": "seed"})
    arrive(hall, people)
    Host(hall).freeze()
    yield hall, people


def arrive(hall: OpenHall, people: list[Any]) -> None:
    for n, person in enumerate(people):
        entry = sign_in.GuestDetails(f"来宾{n}")
        in_one(
            hall.runtime.database, sign_in.sign_in, hall.campaign_id, person["openid"], entry, hall.runtime.clock.now()
        )
        hall.openids.append(person["openid"])


def collect(hall: OpenHall, simulator: SimulatedWeChat, people: list[Any]) -> None:
    """Everybody taps what is theirs, the worker sends it, and they take it."""
    for award in hall.awards():
        if award.status == "open":
            with hall.runtime.database.transaction() as session:
                awards.collect(session, session.get_one(Award, award.id), hall.runtime.database.now(session))
    run_until_quiet(hall.runtime)
    take_everything(simulator, people)
    pass_time(hall.runtime, simulator, 600)


def begin_rain(hall: OpenHall) -> None:
    with hall.runtime.database.transaction() as session:
        games.begin(session, hall.runtime.vault, hall.campaign_id, 2, hall.runtime.database.now(session))


def play_out(hall: OpenHall, simulator: SimulatedWeChat) -> None:
    """Everybody catches everything, and the rain is over."""
    with hall.runtime.database.transaction() as session:
        session.execute(update(RainHit).values(claimed_at=hall.runtime.database.now(session)))
    simulator.advance(60)
    hall.runtime.clock.refresh()
    hall.work()


def say_prize(hall: OpenHall, ordinal: int) -> None:
    """Two cashiers say of all that is left that it was this prize."""
    first, second = cashiers(hall.runtime)
    with hall.runtime.database.reading() as session:
        mine = (Prize.campaign_id == hall.campaign_id) & (Prize.ordinal == ordinal)
        prize_id = session.scalars(select(Prize.id).where(mine)).one()
    for each in found_in(hall.runtime):
        if each.status == "open":
            reason, now = ("prize", prize_id), hall.runtime.clock.now()
            in_one(hall.runtime.database, judge.propose, each.id, reason, "问过本人，确实是这个奖项", first, now)
            in_one(hall.runtime.database, judge.confirm, hall.runtime.settings, each.id, second, now)


def owed_fen(hall: OpenHall) -> dict[str, int]:
    """Person → fen of all their awards."""
    found = dict.fromkeys(hall.openids, 0)
    for award in hall.awards():
        found[award.openid] += award.amount_fen
    return found


def sound(runtime: Runtime) -> None:
    assert {name: n for name, n in invariants.check(runtime.database).items() if n} == {}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("runs", [pytest.param("selection", marks=pytest.mark.proof), "rain"])
def test_what_ran_in_the_copy_and_was_paid_since_is_paid_once(
    runtime: Runtime,
    simulator: SimulatedWeChat,
    copies: Copies,
    tmp_path: Path,
    evening: tuple[OpenHall, list[Any]],
    runs: str,
) -> None:
    hall, people = evening
    before, host = wallets(simulator, people), Host(hall)
    [early] = host.show(k=1)
    host.confirm(1)  # an award that nobody has tapped when the copy is made
    if runs == "selection":
        host.show(k=2)
    else:
        begin_rain(hall)
    copy = copies.take(runtime)

    if runs == "selection":
        host.confirm(2)
    else:
        play_out(hall, simulator)
    collect(hall, simulator, people)
    paid = owed_fen(hall)
    assert wallets(simulator, people) == {who: before[who] + fen for who, fen in paid.items()}
    sent = sent_numbers(simulator)
    runtime.redis.flushall()

    with machine(runtime, copy, tmp_path / "bare") as restored:
        again = OpenHall(restored, hall.campaign_id, hall.slug, list(hall.openids))
        host = Host(again)
        work(restored)
        again.work()
        until_asked(restored)
        assert {each.mch_billno for each in found_in(restored)} == sent
        with pytest.raises(Refusal, match="frozen"):
            host.confirm(2)
        assert judge_all(restored) == 1, "the award that was not tapped in the copy"
        open_database(restored)
        with pytest.raises(Refusal):
            host.confirm(2)
        again.work()
        work(restored)
        assert [award.openid for award in again.awards()] == [hall.openids[early - 1]]
        assert sent_numbers(simulator) == sent, "somebody was paid a second time"

        if runs == "rain":
            with pytest.raises(Refusal, match="unjudged"):  # everybody would be paid for a second rain
                begin_rain(again)
        say_prize(again, 1 if runs == "selection" else 2)
        assert {each.status for each in found_in(restored)} == {"adopted"}
        assert owed_fen(again) == paid
        sound(restored)
        if runs == "selection":
            assert host.open_slots() == 2
        else:
            with pytest.raises(Refusal, match="played"):
                begin_rain(again)
        host.freeze()
        host.show(k=2)
        host.confirm(host.selections()[-1].d)
        collect(again, simulator, people)
        until_bill(restored, simulator)
        collect(again, simulator, people)
        due = owed_fen(again)
        assert sum(due.values()) == sum(paid.values()) + 200
        for _ in range(6):
            pass_time(restored, simulator, 15 * 60)
            take_everything(simulator, people)
        assert wallets(simulator, people) == {who: before[who] + fen for who, fen in due.items()}
        assert host.verified() == []
        sound(restored)
