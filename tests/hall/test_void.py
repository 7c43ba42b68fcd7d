"""A selection is void by two people and a reason; struck guests; and after a restore no seed is used twice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.hall.hosting import Host, leap, people, readings_of_the_log
from tests.hall.stage import open_hall
from wxbot.hall import guests, selection, steps, void
from wxbot.hall import select as selecting
from wxbot.hall.gaps import LEAP
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
    used: list[Any] = [line.body["seed"] for line in desk.stage.log() if line.kind in ("drawn", "voided")]
    assert len(used) == len(set(used)) == LEAP + 3
    assert desk.verified() == []


def test_what_the_copy_knows_as_drawn_is_shown_after_a_restore(runtime: Runtime, desk: Host) -> None:
    desk.arm()
    desk.start()
    drawn = [line.guest_no for line in desk.lines(1)]
    leap(desk)
    desk.reveal()
    desk.confirm(1)
    assert [line.guest_no for line in desk.lines(1)] == drawn
    assert desk.arm().d == 2 + LEAP
    assert desk.verified() == []


def test_when_the_seeds_are_used_up_nothing_can_be_armed(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "CHAIN_LENGTH", 2 * LEAP)
    desk = frozen(runtime)
    for _ in range(2):
        leap(desk)
    with pytest.raises(Refusal, match="chain"):
        desk.do(selecting.arm, runtime.vault, desk.id, 1, 1)
