"""Absent, given up, taken back: person by person, and what the next selection of the prize fills."""

from __future__ import annotations

from typing import Any

import pytest

from tests.hall.hosting import Host
from tests.hall.stage import open_hall
from wxbot.hall import absent
from wxbot.runtime import Runtime
from wxbot.text import Refusal


def host(runtime: Runtime, guests: int = 12, **prize: Any) -> Host:
    desk = Host(open_hall(runtime, ({**prize},), guests=guests, terms={"mode": "seed"}))
    desk.freeze()
    return desk


def statuses(desk: Host, d: int = 1) -> list[str]:
    return [line.status for line in desk.lines(d)]


def test_who_is_absent_loses_their_slot_and_nobody_else_does(runtime: Runtime) -> None:
    desk = host(runtime)
    winners = desk.show(k=3)
    desk.mark(1, winners[1])
    assert desk.open_slots() == 1
    desk.confirm(1)
    assert statuses(desk) == ["confirmed", "absent", "confirmed"]
    assert [award.openid for award in desk.stage.awards()] == [desk.stage.openids[no - 1] for no in winners[::2]]
    with pytest.raises(Refusal, match="还剩 1 个名额"):
        desk.arm(k=2)
    [refilled] = desk.show(k=1)
    assert refilled not in winners
    assert desk.lines(2)[0].slot == 2
    desk.confirm(2)
    assert desk.open_slots() == 0 and desk.left() == [0]
    assert desk.verified() == []


@pytest.mark.parametrize(("absence", "may_win"), [("slot", False), ("evening", False), ("pool", True)])
def test_what_an_absentee_loses_is_said_by_the_prize(runtime: Runtime, absence: str, may_win: bool) -> None:
    desk = host(runtime, guests=3, absence=absence)
    winners = desk.show(k=3)
    desk.mark(1, winners[0])
    desk.confirm(1)
    if may_win:
        assert desk.show(k=1) == [winners[0]]
    else:
        with pytest.raises(Refusal) as refused:
            desk.arm(k=1)
        assert refused.value.reason == "pool"


def test_what_was_said_is_taken_back_until_the_confirmation(runtime: Runtime) -> None:
    desk = host(runtime)
    first, second, third = desk.show(k=3)
    desk.mark(1, first)
    desk.mark(1, second, "keep")
    desk.mark(1, third, "refill")
    assert statuses(desk) == ["absent", "forfeited", "passed_on"]
    assert desk.open_slots() == 2
    for no in (first, second, third):
        desk.do(absent.take_back, desk.id, 1, no)
        with pytest.raises(Refusal, match="no"):
            desk.do(absent.take_back, desk.id, 1, no)
    assert statuses(desk) == ["won"] * 3
    desk.confirm(1)
    with pytest.raises(Refusal):
        desk.mark(1, first)
    assert desk.verified() == []


def test_a_slot_that_is_kept_stays_empty_and_one_that_is_passed_on_is_filled(runtime: Runtime) -> None:
    desk = host(runtime)
    kept, passed, third = desk.show(k=3)
    desk.mark(1, kept, "keep")
    desk.mark(1, passed, "refill")
    desk.confirm(1)
    assert desk.open_slots() == 1
    [refilled] = desk.show(k=1)
    assert refilled not in (kept, passed, third)
    desk.confirm(2)
    assert desk.left() == [1] and len(desk.stage.awards()) == 2
    assert desk.verified() == []


def test_when_everybody_is_absent_the_next_selection_begins(runtime: Runtime) -> None:
    desk = host(runtime)
    for no in desk.show(k=2):
        desk.mark(1, no)
    assert desk.show(k=3)
    assert [each.status for each in desk.selections()] == ["confirmed", "revealed"]
    assert desk.verified() == []


def test_nobody_is_absent_before_the_reveal_or_in_another_selection(runtime: Runtime) -> None:
    desk = host(runtime)
    desk.arm(k=3)
    desk.start()
    winner = desk.lines(1)[0].guest_no
    with pytest.raises(Refusal):
        desk.mark(1, winner)
    desk.reveal()
    loser = next(no for no in range(1, 13) if no not in [line.guest_no for line in desk.lines(1)])
    with pytest.raises(Refusal, match="no"):
        desk.mark(1, loser)


def test_who_comes_back_after_the_others_were_confirmed_is_confirmed_as_well(runtime: Runtime) -> None:
    desk = host(runtime)
    first, *others = desk.show(k=3)
    desk.mark(1, first)
    assert desk.confirm(1).nos == tuple(others)
    desk.do(absent.take_back, desk.id, 1, first)
    assert desk.confirm(1).nos == (first,)
    assert desk.confirm(1).nos == ()
    assert statuses(desk) == ["confirmed"] * 3 and len(desk.stage.awards()) == 3
    assert [each.status for each in desk.selections()] == ["confirmed"]
    assert desk.verified() == []
