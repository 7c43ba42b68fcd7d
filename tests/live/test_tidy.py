"""Looking for unused memory, which with two thousand sockets takes a third of a second: never in a race."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from wxbot.live.tidy import MOST_WAITS, Tidy


class Loop:
    """Something that only a whole look can free, once it is old."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def whole_looks() -> Iterator[list[str]]:
    """One word for each whole look; the collector is as before afterwards."""
    seen, thresholds = [], gc.get_threshold()

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == 2:
            seen.append("whole")

    gc.set_threshold(700, 10, 10)  # Python's own, not those of the tests
    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)
    gc.set_threshold(*thresholds)


def test_what_nobody_uses_is_freed_when_no_race_is_on(whole_looks: list[str]) -> None:
    is_busy = True
    tidy = Tidy(lambda: is_busy)
    tidy.begin()
    whole_looks.clear()
    old = Loop()
    gone = weakref.ref(old)
    kept: list[list[list[int]]] = [
        [[]] for _ in range(400_000)
    ]  # by itself Python would have looked at all of it by now, more than once
    del old
    assert not tidy.look() and whole_looks == [] and gone() is not None
    is_busy = False
    assert tidy.look() and whole_looks == ["whole"] and gone() is None
    assert len(kept) == 400_000


def test_a_race_that_never_ends_does_not_fill_the_memory() -> None:
    tidy = Tidy(lambda: True)
    assert [tidy.look() for _ in range(MOST_WAITS + 2)] == [False] * MOST_WAITS + [True, False]
