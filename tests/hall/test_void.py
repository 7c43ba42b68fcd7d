"""A selection is void by two people and a reason; struck guests; and after a restore no seed is used twice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.hall.hosting import Host, leap, people, readings_of_the_log
from tests.hall.stage import open_hall
from wxbot import invariants
from wxbot.hall import absent, gaps, guests, journal, selection, steps, void
from wxbot.hall import select as selecting
from wxbot.hall.gaps import LEAP, LEAP_NO
from wxbot.hall.state import public_state
from wxbot.runtime import Runtime
from wxbot.text import Refusal

REASON = "主持人念错了奖项"


def frozen(runtime: Runtime) -> Host:
    """Twelve people, frozen."""
    desk = Host(open_hall(runtime, guests=12, terms={"mode": "seed"}))
    desk.freeze()
    return desk


@pytest.fixture
def desk(runtime: Runtime) -> Host:
    return frozen(runtime)


def agree(desk: Host, d: int, staff_id: int, seen: str = REASON) -> None:
    desk.do(void.agree, desk.stage.runtime.vault, desk.id, d, staff_id, seen)


def test_two_people_and_a_reason_make_it_void(runtime: Runtime, desk: Host) -> None:
    li, wang = people(runtime, "li", "wang")
    desk.show(k=3)
    with pytest.raises(Refusal, match="reason"):
        desk.do(void.ask, desk.id, 1, li, "错")
    with pytest.raises(Refusal, match="status"):
        agree(desk, 1, wang)
    desk.do(void.ask, desk.id, 1, li, REASON)
    with pytest.raises(Refusal, match="four_eyes"):
        agree(desk, 1, li)
    with pytest.raises(Refusal, match="status"):
        agree(desk, 1, wang, "另一个原因")
    agree(desk, 1, wang)
    assert {line.status for line in desk.lines(1)} == {"voided"}
    said = desk.stage.log()[-1].body
    assert said["reason"] == REASON and ["li" in each or "wang" in each for each in said["names"]] == [True, True]
    assert desk.open_slots() == 3
    desk.show(k=3)
    assert desk.verified() == []


def test_a_request_is_withdrawn(runtime: Runtime, desk: Host) -> None:
    [li] = people(runtime, "li")
    desk.show()
    desk.do(void.ask, desk.id, 1, li, REASON)
    desk.do(void.withdraw, desk.id, 1)
    with pytest.raises(Refusal, match="status"):
        desk.do(void.withdraw, desk.id, 1)


def test_nothing_that_was_confirmed_is_void_and_nothing_that_nobody_saw(runtime: Runtime, desk: Host) -> None:
    [li] = people(runtime, "li")
    desk.arm()
    desk.start()
    with pytest.raises(Refusal, match="drawn"):
        desk.do(void.ask, desk.id, 1, li, REASON)
    desk.reveal()
    desk.confirm(1)
    with pytest.raises(Refusal, match="confirmed"):
        desk.do(void.ask, desk.id, 1, li, REASON)


def test_an_armed_selection_that_is_void_keeps_its_number_and_its_seed_is_shown(runtime: Runtime, desk: Host) -> None:
    li, wang = people(runtime, "li", "wang")
    desk.arm()
    desk.do(void.ask, desk.id, 1, li, REASON)
    agree(desk, 1, wang)
    assert desk.arm().d == 2
    said = next(line for line in desk.stage.log() if line.kind == "voided")
    before = selection.seed_before("gala", bytes.fromhex(said.body["seed"]))
    assert before.hex() == desk.stage.hall().commitment
    assert desk.verified() == []


def test_who_is_struck_stands_in_no_later_roster_and_wins_nothing(runtime: Runtime) -> None:
    desk = Host(open_hall(runtime, guests=2, terms={"mode": "seed"}))
    desk.freeze()
    with pytest.raises(Refusal, match="reason"):
        desk.do(guests.strike, desk.id, 1, "because")
    desk.do(guests.strike, desk.id, 1, "staff")
    with pytest.raises(Refusal, match="no"):
        desk.do(guests.strike, desk.id, 1, "staff")
    assert desk.show() == [2]
    desk.confirm(1)
    assert desk.freeze().count == 1
    assert desk.verified() == []


def sound(desk: Host) -> None:
    assert {name: n for name, n in invariants.check(desk.stage.runtime.database).items() if n} == {}


def test_after_a_restore_no_seed_is_used_twice(runtime: Runtime, desk: Host) -> None:
    desk.show()
    desk.confirm(1)
    desk.arm()
    leap(desk)
    with pytest.raises(Refusal, match="not_armed"):
        desk.start()
    with readings_of_the_log(runtime) as armed:
        assert desk.arm().d == 3 + LEAP
    assert len(armed) == 1, "once, however many numbers are passed over"
    desk.start()
    desk.reveal()
    used: list[Any] = [line.body["seed"] for line in desk.stage.log() if line.kind == "drawn"]
    assert len(used) == len(set(used)) == 2
    assert desk.verified() == []


@pytest.mark.parametrize("step", ["arm", "start", "reveal"])
def test_what_the_copy_has_not_settled_is_void_after_a_restore(desk: Host, step: str) -> None:
    """It may have been confirmed and paid after the copy, so nobody can confirm it once more."""
    desk.arm(k=2)
    for verb in {"arm": (), "start": (desk.start,), "reveal": (desk.start, desk.reveal)}[step]:
        verb()
    leap(desk)
    assert [(each.status, each.void_reason) for each in desk.selections()] == [("voided", gaps.REASON)]
    assert {line.status for line in desk.lines(1)} <= {"voided"}
    with pytest.raises(Refusal):
        desk.confirm(1)
    assert (desk.stage.awards(), desk.open_slots()) == ([], 3)
    assert desk.stage.log()[-1].kind == "restored" and desk.verified() == []
    desk.show(k=3)
    desk.confirm(2 + LEAP)
    assert desk.verified() == []
    sound(desk)


def test_who_was_not_confirmed_with_the_others_has_not_won_after_a_restore(desk: Host) -> None:
    """Somebody who was called absent came back; whether they were confirmed after the copy nobody knows."""
    back, there, gone = desk.show(k=3)
    desk.mark(1, back)
    desk.mark(1, gone)
    desk.confirm(1)
    desk.do(absent.take_back, desk.id, 1, back)
    leap(desk)
    assert [line.status for line in desk.lines(1)] == ["voided", "confirmed", "absent"]
    assert desk.confirm(1).nos == () and len(desk.stage.awards()) == 1
    with pytest.raises(Refusal, match="no"):
        desk.do(absent.take_back, desk.id, 1, gone)
    assert desk.open_slots() == 2
    assert {there, gone}.isdisjoint(desk.show(k=2))
    assert desk.verified() == []
    sound(desk)


def test_after_a_restore_nobody_gets_a_number_that_somebody_else_may_have(runtime: Runtime, desk: Host) -> None:
    leap(desk)
    desk.stage.come(2)
    with runtime.database.reading() as session:
        assert public_state(session, desk.stage.hall())["guests"] == 14
    assert [guest.no for guest in desk.stage.guests()][-2:] == [13 + LEAP_NO, 14 + LEAP_NO]
    desk.do(guests.strike, desk.id, 13 + LEAP_NO, "staff")
    with pytest.raises(Refusal, match="no"):
        desk.do(guests.strike, desk.id, 13, "staff")
    assert desk.freeze().count == 13
    desk.show(k=3)
    assert desk.verified() == []


def test_a_copy_of_a_hall_that_is_over_stays_as_it_is(desk: Host) -> None:
    with desk.stage.runtime.database.transaction() as session:
        hall = journal.lock(session, desk.id)
        journal.require_and_append(session, hall, "closed", {}, desk.stage.runtime.database.now(session))
    leap(desk)
    assert desk.stage.log()[-1].kind == "closed" and desk.stage.hall().next_no == 13


def test_when_the_seeds_are_used_up_nothing_can_be_armed(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "CHAIN_LENGTH", 2 * LEAP)
    desk = frozen(runtime)
    for _ in range(2):
        leap(desk)
    with pytest.raises(Refusal, match="chain"):
        desk.do(selecting.arm, desk.id, 1, 1)
