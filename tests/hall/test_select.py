"""Freeze, arm, start, stop: what is refused, that a repeated press is the same selection, and that nobody who dies changes who wins."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from tests.hall.hosting import Host, numbers
from tests.hall.stage import open_hall
from wxbot.campaigns.models import Campaign
from wxbot.hall import rosters
from wxbot.hall import select as selecting
from wxbot.runtime import Runtime
from wxbot.text import Refusal

SEED = {"mode": "seed"}


def host(runtime: Runtime, guests: int = 12, **changes: Any) -> Host:
    """Somebody whose guests have come."""
    return Host(open_hall(runtime, guests=guests, **changes))


def test_a_selection_from_the_freeze_to_the_reveal_follows_from_what_is_published(runtime: Runtime) -> None:
    desk = host(runtime)
    roster = desk.freeze()
    assert (roster.version, roster.count) == (1, 12)
    winners = desk.show(k=3)
    assert len(set(winners)) == 3 and set(winners) <= set(range(1, 13))
    assert [line.slot for line in desk.lines(1)] == [1, 2, 3]
    assert desk.verified() == []


def test_who_comes_after_the_freeze_wins_nothing_before_the_next_one(runtime: Runtime) -> None:
    desk = host(runtime, guests=1, terms=SEED)
    desk.freeze()
    desk.stage.come(3)
    assert desk.show() == [1]
    assert desk.freeze().count == 4


def test_what_cannot_be_armed_is_refused_with_a_sentence(runtime: Runtime) -> None:
    desk = host(runtime, guests=2)
    for wanted, prize, k in (("no_roster", 1, 1), ("slots", 1, 4), ("slots", 1, 0), ("pool", 1, 3), ("prize", 9, 1)):
        if wanted != "no_roster" and desk.stage.hall().roster_version == 0:
            desk.freeze()
        with pytest.raises(Refusal) as refused:
            desk.arm(prize, k)
        assert refused.value.reason == wanted and refused.value.text.zh
    desk.arm(1, 2)
    with pytest.raises(Refusal, match="running"):
        desk.arm(1, 1)


def test_numbers_of_the_hall_have_eight_digits_each_and_are_news(runtime: Runtime) -> None:
    desk = host(runtime)
    desk.freeze()
    armed = desk.do(selecting.arm, desk.id, 1, 1)
    with pytest.raises(Refusal, match="not_ready"):
        desk.start()
    for typed in (["1234567", *numbers(1)[1:]], numbers(1)[:2], ["", *numbers(1)[1:]]):
        with pytest.raises(Refusal, match="numbers"):
            desk.do(selecting.hold_up, desk.id, typed)
    ready = desk.do(selecting.hold_up, desk.id, [" AB 1234 5678 ", *numbers(1)[1:]])
    assert ready.entropy_text.startswith("AB12345678 ") and ready.d == armed.d
    with pytest.raises(Refusal, match="phase"):
        desk.do(selecting.hold_up, desk.id, numbers(2))
    desk.start()
    desk.confirm(desk.reveal().d)
    desk.do(selecting.arm, desk.id, 1, 1)
    with pytest.raises(Refusal, match="numbers"):
        desk.do(selecting.hold_up, desk.id, ["AB12345678", *numbers(1)[1:]])
    assert desk.verified() == []


def test_between_arming_and_result_no_roster_is_frozen(runtime: Runtime) -> None:
    desk = host(runtime)
    desk.freeze()
    desk.arm()
    with pytest.raises(Refusal, match="armed"):
        desk.freeze()


def test_a_repeated_press_is_the_same_selection(runtime: Runtime) -> None:
    desk = host(runtime)
    desk.freeze()
    with pytest.raises(Refusal, match="not_armed"):
        desk.start()
    with pytest.raises(Refusal, match="not_drawn"):
        desk.reveal()
    desk.arm(k=2)
    with pytest.raises(Refusal, match="not_drawn"):
        desk.reveal()
    assert desk.start().d == desk.start().d == desk.reveal().d == desk.reveal().d == 1
    with pytest.raises(Refusal):
        desk.start()
    assert len(desk.lines(1)) == 2
    assert [line.kind for line in desk.stage.log()].count("drawn") == 1


@pytest.mark.on_postgresql
def test_sixty_four_starts_at_once_are_one_selection(runtime: Runtime) -> None:
    desk = host(runtime, terms=SEED)
    desk.freeze()
    desk.arm(k=3)
    with ThreadPoolExecutor(16) as pool:
        drawn = list(pool.map(lambda _: desk.start().d, range(64)))
    assert set(drawn) == {1}
    assert len(desk.lines(1)) == 3
    assert [line.kind for line in desk.stage.log()].count("drawn") == 1


@pytest.mark.on_postgresql
@pytest.mark.parametrize("boundary", range(3))
def test_a_process_that_dies_in_a_start_leaves_the_same_winners_to_the_next(runtime: Runtime, boundary: int) -> None:
    desk = host(runtime, terms=SEED)
    desk.freeze()
    desk.arm(k=3)
    expected = desk.foretold()
    seen = 0

    def die(*_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen > boundary:
            raise RuntimeError("killed")

    event.listen(Session, "before_flush" if boundary % 2 else "after_flush", die)
    event.listen(Session, "before_commit", die)
    try:
        with pytest.raises(RuntimeError):
            desk.start()
    finally:
        event.remove(Session, "before_flush" if boundary % 2 else "after_flush", die)
        event.remove(Session, "before_commit", die)
    assert desk.selections()[0].status == "armed" and desk.lines(1) == []
    desk.start()
    assert [line.guest_no for line in desk.lines(1)] == expected
    assert desk.verified() == []


def test_nobody_is_frozen_when_nobody_is_there(runtime: Runtime) -> None:
    with pytest.raises(Refusal, match="nobody"):
        host(runtime, guests=0).do(rosters.freeze, 1)


def test_behind_the_end_nothing_new_is_fixed_and_what_is_fixed_is_finished(runtime: Runtime) -> None:
    desk = host(runtime)
    desk.freeze()
    desk.show(k=1)
    desk.confirm(1)
    desk.arm()
    with runtime.database.transaction() as session:
        ago = runtime.database.now(session) - timedelta(minutes=1)
        session.execute(update(Campaign).values(begin_at=ago - timedelta(hours=3), end_at=ago))
    desk.stage.work()
    desk.start()
    desk.reveal()
    desk.confirm(2)
    desk.stage.work()
    assert [award.status for award in desk.stage.awards()] == [
        "open",
        "open",
    ]  # so it stays open until they have theirs
    with pytest.raises(Refusal) as refused:
        desk.arm()
    assert refused.value.reason == "over" and desk.stage.campaign().status == "closing"
