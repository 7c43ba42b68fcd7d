"""What phones are told of a hall, and a screen's pass."""

from __future__ import annotations

from typing import Any

import pytest

from wxbot.hall import screen_pass
from wxbot.hall.wire import KnownGuest, for_phones, guest_value, read_guest, without_hidden
from wxbot.runtime import Runtime

STATE: dict[str, Any] = {
    "v": 7,
    "slug": "gala",
    "scene": "selection",
    "guests": 2,
    "newest": [{"no": 1, "name": "小明", "face": ""}],
    "selection": {"d": 1, "status": "revealed", "winners": [{"no": 1, "name": "小明", "status": "won"}]},
    "results": [{"prize": 1, "winners": [{"no": 1, "name": "小明"}]}],
    "danmaku": [{"id": 1, "words": "小明好"}],
    "game": {"id": 3, "kind": "race", "status": "running", "begin": 1, "end": 2, "ranks": [{"no": 1, "name": "小明"}]},
}


def test_phones_are_told_nobodys_name() -> None:
    told = for_phones(STATE)
    assert "小明" not in str(told)
    assert told["selection"] == {"d": 1, "prize": None, "k": None, "status": "revealed", "won": [1], "marked": []}
    assert told["game"]["begin"] == 1


def test_phones_are_told_who_won_by_number_so_that_no_other_asks() -> None:
    def won(**selection: Any) -> object:
        return for_phones({**STATE, "selection": {"d": 1, **selection}})["selection"]["won"]

    lines = [{"no": no, "name": "小明", "status": "won"} for no in (7, 3)]
    assert won(status="drawn") == [] and won(status="revealed", winners=lines) == [7, 3]
    assert for_phones({**STATE, "selection": None})["selection"] is None


def test_a_phone_is_told_when_its_guest_is_marked_or_taken_back() -> None:
    def marked(selection: str, *statuses: str) -> object:
        winners = [{"no": no, "name": "小明", "status": status} for no, status in enumerate(statuses, 1)]
        return for_phones({**STATE, "selection": {"d": 1, "status": selection, "winners": winners}})["selection"][
            "marked"
        ]

    assert marked("revealed", "won", "absent", "passed_on") == [[2, "absent"], [3, "passed_on"]]
    assert marked("confirmed", "confirmed", "absent", "won") == [[2, "absent"], [3, "won"]]
    assert marked("voided", "voided", "voided") == []


def test_a_sign_in_changes_nothing_for_phones() -> None:
    """Each of two thousand asks for its own part when something changed."""
    more = {**STATE, "v": 8, "guests": 3, "at": 9.0, "newest": [], "danmaku": []}
    assert for_phones(more) == for_phones(STATE)


def test_whoever_is_hidden_keeps_the_place_and_the_count_without_a_name() -> None:
    top = [{"no": no, "name": f"来宾{no}", "team": "红队", "counted": 9 - no} for no in (1, 2)]
    shown = without_hidden({"game": 1, "top": top}, {"hidden": [2, 7]})
    assert shown == {"game": 1, "top": [top[0], {**top[1], "name": ""}]}
    assert without_hidden({"game": 1, "top": top}, {}) == {"game": 1, "top": top}


@pytest.mark.parametrize("guest", [KnownGuest(7), KnownGuest(12, "红队", "a|b"), KnownGuest(1, "", "小明")])
def test_a_guest_is_read_as_written(guest: KnownGuest) -> None:
    assert read_guest(guest_value(guest)) == guest


def test_nonsense_is_no_guest() -> None:
    assert [read_guest(value) for value in (None, "", "x|y|z", "|", "-1|a|b")] == [None] * 5


def test_a_screens_pass_is_for_its_hall_alone(runtime: Runtime) -> None:
    given = screen_pass.write(runtime, "gala", 3)
    assert screen_pass.read(runtime, "gala", given) == 3
    assert screen_pass.read(runtime, "other", given) is None
    assert screen_pass.read(runtime, "gala", given.replace("gala.3", "gala.4")) is None
    assert screen_pass.read(runtime, "gala", None) is None
