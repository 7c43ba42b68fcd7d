"""How many seeds of its chain a hall has left, and for which rains they are kept. Pure.

A selection takes the next seed, and so does a rain of the evening itself when it begins (`games`). What two people have agreed to comes
first: no selection takes a seed that such a rain still needs. The verifiers do not ask for that: it says nothing about who wins, and
logs of before may break it.
"""

from typing import NamedTuple

from wxbot.hall.evening import Evening
from wxbot.plurals import plural
from wxbot.text import Refusal, Text


class SeedsLeft(NamedTuple):
    """What is left of a chain."""

    length: int
    """How many seeds were committed to."""
    left: int
    """Selections and rains of the evening itself that can still begin."""
    kept: int
    """How many of them are for rains to which two people agreed and which have not begun; after a restore more than there are left."""

    @property
    def free(self) -> int:
        """How many are left for selections, or for what is added."""
        return max(0, self.left - self.kept)


def of(evening: Evening) -> SeedsLeft:
    """The seeds that are left now."""
    return SeedsLeft(evening.chain_length, evening.chain_length + 1 - evening.next_d, evening.rains_to_come)


def no_selection_text(seeds: SeedsLeft) -> Text:
    """Why no selection can be fixed when no seed is free for it, and what to do."""
    n = seeds.left
    if n < 1:
        return Text(
            f"种子已经用完：一场活动的大屏抽取和现场加的红包雨一共 {seeds.length} 次。没有发的奖请改办一场新的活动",
            f"The seeds of this hall are used up: {seeds.length} selections and added rains. Give what is left in a new hall",
        )
    return Text(
        f"种子只剩 {n} 个，要留给还没有开始的、现场加的红包雨，不能再锁定抽取：请开始红包雨；没有抽的奖请改办一场新的活动",
        f"{n} {plural(n, 'seed is', 'seeds are')} left, kept for added rains that have not begun, so no selection can be fixed: "
        "begin the rain, and give what is left in a new hall",
    )


def no_rain_text(seeds: SeedsLeft) -> Text:
    """Why no rain can be added when no seed is free for it, and what to do."""
    return Text(
        f"签到前公布的 {seeds.length} 个种子都用完了{_or_kept(seeds).zh}，不能再加红包雨：请改加竞速，或改办一场新的活动",
        f"All {seeds.length} seeds that were committed to before the first sign-in are used{_or_kept(seeds).en}: add a race instead, "
        "or give it in a new hall",
    )


def no_prize_text(seeds: SeedsLeft, rounds: int) -> Text:
    """Why a prize that takes so many selections cannot be added, and what to do."""
    n = seeds.free
    if n < 1:
        return Text(
            f"{seeds.length} 个种子都用完了{_or_kept(seeds).zh}，不能再加大屏抽取的奖品：请改加竞速，或改办一场新的活动",
            f"All {seeds.length} seeds are used{_or_kept(seeds).en}: add a race instead, or give it in a new hall",
        )
    return Text(
        f"只剩 {n} 次抽取，这个奖品要抽 {rounds} 次：请把“一次抽几人”写多，或改加竞速",
        f"{n} {plural(n, 'selection is', 'selections are')} left and this prize takes {rounds}: select more people at once, or add a race instead",
    )


def _or_kept(seeds: SeedsLeft) -> Text:
    return Text("，或者留给了已经加的红包雨", " or kept for rains that were added") if seeds.left > 0 else Text("", "")


def require_free(evening: Evening) -> None:
    """Raise Refusal where every seed that is left is kept for a rain; where none is left, `allowed` refuses what comes next."""
    seeds = of(evening)
    if 0 < seeds.left <= seeds.kept:
        raise Refusal("seeds", no_selection_text(seeds))
