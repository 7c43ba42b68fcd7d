"""Whole campaigns played beforehand, by the decision and the schedule of the real ones.

People come at random (Poisson) over the open hours. What they bring to one moment is decided together where the order of its
draws makes no difference, and dice by dice by `decide` where it does: both end in the same (tests play one draw by draw).
"""

import math
import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from wxbot.instant.decide import PrizeRule, Rules, decide
from wxbot.instant.release import Window, open_s

MOMENTS = 96
"""Into so many parts the time of a campaign is cut."""

TABLED = 20_000
"""Above this mean a Poisson number is as good as a normal one."""


@dataclass(frozen=True, slots=True)
class CrowdMoment:
    """A part of the campaign's time: its middle in Unix seconds, and how many draws are expected in it."""

    at: int
    draws: float


def moments(window: Window, draws: int) -> list[CrowdMoment]:
    """The parts of the window in which people can draw, with their share of `draws`."""
    whole_s = open_s(window, window.end)
    span = window.end - window.begin
    edges = [window.begin + span * i // MOMENTS for i in range(MOMENTS + 1)]
    parts = [(a, b, open_s(window, b) - open_s(window, a)) for a, b in pairwise(edges)]
    return [CrowdMoment((a + b) // 2, draws * share_s / whole_s) for a, b, share_s in parts if share_s > 0]


def together(rules: Rules, given: list[int], out: Sequence[int], hits: Sequence[int], chance: random.Random) -> None:
    """Add to `given` what dice that name each prize `hits` times win in one moment, when `out` of each are released."""
    free = [min(rule.stock, n) - gone for rule, n, gone in zip(rules.prizes, out, given, strict=True)]
    if not any(n > 0 for n in free):
        return
    over = [
        place
        for place, rule in enumerate(rules.prizes)
        if rule.when_gone == "consolation" and hits[place] > max(free[place], 0)
    ]
    if over:
        spare = _consoled(free, hits, over)
        if spare is None:
            _one_by_one(rules, given, out, hits, chance)
            return
        hits = list(hits)
        hits[spare] += sum(hits[place] - max(free[place], 0) for place in over)
    for place, n in enumerate(hits):
        given[place] += min(n, max(free[place], 0))


def _consoled(free: Sequence[int], hits: Sequence[int], over: Sequence[int]) -> int | None:
    """The place that consoles all of `over` whatever the order of the draws; None when the order matters."""
    left = [place for place, n in enumerate(free) if n > 0]
    others = [place for place in left if place not in over]
    if not others or (len(over) > 1 and left[-1] != others[-1]):
        return None
    spare = others[-1]
    more = sum(hits[place] - max(free[place], 0) for place in over)
    return spare if hits[spare] + more <= free[spare] else None


def _one_by_one(rules: Rules, given: list[int], out: Sequence[int], hits: Sequence[int], chance: random.Random) -> None:
    free = [max(0, min(rule.stock, n) - gone) for rule, n, gone in zip(rules.prizes, out, given, strict=True)]
    going = [place for place, rule in enumerate(rules.prizes) if free[place] or rule.when_gone == "consolation"]
    rolls = [rules.bounds[place] - 1 for place in going for _ in range(hits[place])]  # the others win nothing
    chance.shuffle(rolls)
    left = sum(free)
    for rolled in rolls:
        place = decide(rules, given, out, rolled).place
        if place is not None:
            given[place] += 1
            left -= 1
            if left == 0:
                return


@dataclass(frozen=True)
class Played:
    """One campaign: how many of each prize were given, when each was gone (Unix seconds, None: never), what it spent in fen."""

    given: tuple[int, ...]
    gone_at: tuple[int | None, ...]
    spent_fen: int


Crowd = Callable[[int, int], int]
"""(number of the moment, place of the prize) → how many dice name this prize in it."""


def play(rules: Rules, parts: Sequence[CrowdMoment], outs: Sequence[Sequence[int]], crowd: Crowd, seed: int) -> Played:
    """One campaign to its end; `outs` is rules.released_at of each moment."""
    chance = random.Random(seed)  # noqa: S311 - a forecast is no lottery, and must be repeatable
    places = range(len(rules.prizes))
    given = [0 for _ in places]
    gone_at: list[int | None] = [None for _ in places]
    waiting = set(places)
    for number, (part, out) in enumerate(zip(parts, outs, strict=True)):
        together(rules, given, out, [crowd(number, place) for place in places], chance)
        for place in [place for place in waiting if given[place] >= rules.prizes[place].stock]:
            gone_at[place] = part.at
            waiting.discard(place)
        if not waiting:
            break
    spent_fen = sum(_cost(rule, n, chance) for rule, n in zip(rules.prizes, given, strict=True))
    return Played(tuple(given), tuple(gone_at), spent_fen)


def _cost(rule: PrizeRule, n: int, chance: random.Random) -> int:
    """What `n` wins of a prize cost together; of amounts that differ, as they fall in one campaign."""
    if rule.kind != "money" or n == 0:
        return 0
    if rule.split == "exact":
        return rule.total_fen * n // rule.stock
    if rule.split == "fixed":
        return n * rule.min_fen
    span = rule.max_fen - rule.min_fen + 1
    spread = math.sqrt(n * (span * span - 1) / 12)
    return min(
        n * rule.max_fen, max(n * rule.min_fen, round(chance.gauss(n * (rule.min_fen + rule.max_fen) / 2, spread)))
    )


def poisson(mean: float) -> tuple[int, list[float]]:
    """(the least number, the chances of it and of each greater one to be not exceeded)."""
    width = 8 * math.sqrt(mean) + 12
    least, most = max(0, int(mean - width)), int(mean + width)
    if mean <= 0:
        return 0, [1.0]
    return least, list(accumulate(math.exp(n * math.log(mean) - mean - math.lgamma(n + 1)) for n in range(least, most)))


def many(rules: Rules, draws: int, campaigns: int, seed: int) -> list[Played]:
    """So many campaigns with about `draws` draws each; the same seed plays the same ones."""
    parts = moments(rules.window, draws)
    outs = [rules.released_at(part.at) for part in parts]
    means = [[part.draws * rule.odds_ppm / 1_000_000 for rule in rules.prizes] for part in parts]
    kept: dict[float, tuple[int, list[float]]] = {}
    for mean in {mean for row in means for mean in row if mean <= TABLED}:
        kept[mean] = poisson(mean)
    chance = random.Random(seed)  # noqa: S311 - a forecast is no lottery, and must be repeatable
    roll, gauss = chance.random, chance.gauss

    def crowd(number: int, place: int) -> int:
        mean = means[number][place]
        if mean > TABLED:
            return max(0, round(gauss(mean, math.sqrt(mean))))
        least, chances = kept[mean]
        return least + bisect_left(chances, roll())

    return [play(rules, parts, outs, crowd, seed + n) for n in range(campaigns)]


def likely(rules: Rules, draws: int) -> Played:
    """The campaign in which each moment brings what is expected of it."""
    parts = moments(rules.window, draws)
    sums = [[0, *accumulate(part.draws * rule.odds_ppm / 1_000_000 for part in parts)] for rule in rules.prizes]

    def crowd(number: int, place: int) -> int:
        return math.floor(sums[place][number + 1] + 0.5) - math.floor(sums[place][number] + 0.5)

    return play(rules, parts, [rules.released_at(part.at) for part in parts], crowd, 0)
