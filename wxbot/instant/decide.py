"""The one decision of a draw, pure: a dice from the seed, the published odds, the stock and what of it is released.

The writer of draws, the forecast and the verifier call the same functions, so that what is promised, played and checked is one
thing. Nobody's name goes in, so nobody can be preferred; the seed is sealed until the close, and the person's nonce is in the
dice, so nobody outside can foresee one.
"""

import hmac
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

from wxbot.campaigns.split import partition
from wxbot.instant.models import ODDS_OF, DrawOutcome, PrizeKind, Split, WhenGone
from wxbot.instant.release import ReleaseSchedule, Window, released

_WORD_BYTES = 4
_WORDS_OF = 1 << (8 * _WORD_BYTES)
ONCE = ReleaseSchedule()


COST = ("kind", "split", "stock", "max_fen", "total_fen")
"""What `most_fen` asks of a prize, in its order: as keys of a draft's line, and as columns of its row."""


def most_fen(kind: str, split: str, stock: int, max_fen: int, total_fen: int) -> int:
    """What all the stock of a prize can cost at most, in fen: 0 for codes."""
    if kind != "money":
        return 0
    return total_fen if split == "exact" else stock * max_fen


@dataclass(frozen=True)
class PrizeRule:
    """A prize as it was published."""

    ordinal: int
    kind: PrizeKind
    name: str
    odds_ppm: int
    stock: int
    split: Split = "fixed"
    min_fen: int = 0
    max_fen: int = 0
    total_fen: int = 0
    release: ReleaseSchedule = ONCE
    when_gone: WhenGone = "miss"

    @property
    def most_fen(self) -> int:
        """What all of the stock can cost at most, in fen."""
        return most_fen(self.kind, self.split, self.stock, self.max_fen, self.total_fen)


@dataclass(frozen=True)
class Rules:
    """One published version: prizes in the order of their ordinals, and the campaign's hours."""

    campaign_id: int
    window: Window
    prizes: tuple[PrizeRule, ...]

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> "Rules":
        """From a published configuration (versions.config_of). Raises KeyError, TypeError or ValueError when it is none."""
        prizes = tuple(
            PrizeRule(**{**each, "release": ReleaseSchedule.read(each["release"])})
            for each in sorted(config["prizes"], key=lambda each: int(each["ordinal"]))
        )
        window = Window(config["begin"], config["end"], config["daily_from"], config["daily_until"])
        return cls(config["campaign_id"], window, prizes)

    @cached_property
    def bounds(self) -> tuple[int, ...]:
        """Where each prize's part of the dice ends; what lies above the last is no prize."""
        return tuple(accumulate(prize.odds_ppm for prize in self.prizes))

    def released_at(self, at: int) -> list[int]:
        """How many of each prize are out at `at` (Unix seconds)."""
        return [released(prize.release, prize.stock, self.window, at) for prize in self.prizes]


@dataclass(frozen=True, slots=True)
class DrawDecision:
    """What a draw ends in; `place` is that of the prize among the rules' prizes, None when nothing is given.

    `released` and `left` are those of the prize that the dice named, before this draw: None when it named none.
    """

    outcome: DrawOutcome
    place: int | None = None
    released: int | None = None
    left: int | None = None


LOST = DrawDecision("lost")


def dice(seed: str, campaign_id: int, k: int, nonce: str) -> int:
    """The dice of draw k: 0 … 999,999, each as likely, from HMAC-SHA256 over number and nonce under the seed."""
    return _below(seed, f"{campaign_id}|{k}|{nonce}", ODDS_OF)


def _below(seed: str, text: str, bound: int) -> int:
    """A number in 0 … bound-1: words that would favour small numbers are thrown away."""
    limit = _WORDS_OF - _WORDS_OF % bound
    asked = text
    for again in range(1, 1000):
        digest = hmac.digest(seed.encode(), asked.encode(), "sha256")
        for start in range(0, len(digest), _WORD_BYTES):
            word = int.from_bytes(digest[start : start + _WORD_BYTES], "big")
            if word < limit:
                return word % bound
        asked = f"{text}|{again}"
    raise AssertionError("a thousand digests without a number")  # less likely than a broken machine


def named(rules: Rules, rolled: int) -> int | None:
    """The place of the prize that a dice names, or None."""
    place = bisect_right(rules.bounds, rolled)
    return place if place < len(rules.prizes) else None


def decide(rules: Rules, given: Sequence[int], out: Sequence[int], rolled: int) -> DrawDecision:
    """What this dice gives, when `given` of each prize are gone and `out` (rules.released_at) of each are released."""
    place = named(rules, rolled)
    if place is None:
        return LOST
    prize = rules.prizes[place]
    left = prize.stock - given[place]
    if left > 0 and out[place] > given[place]:
        return DrawDecision("won", place, out[place], left)
    if prize.when_gone == "consolation":
        for other in range(len(rules.prizes) - 1, -1, -1):
            if other != place and min(rules.prizes[other].stock, out[other]) > given[other]:
                return DrawDecision("won", other, out[place], left)
    return DrawDecision("gone", None, out[place], left)


class Amounts:
    """How much the money prizes of a campaign are, under its seed; the split of an exact total is made once."""

    def __init__(self, rules: Rules, seed: str) -> None:
        self._rules = rules
        self._seed = seed
        self._parts: dict[int, list[int]] = {}

    def of(self, place: int, given: int, k: int, nonce: str) -> int:
        """What draw k wins with the prize at `place`, of which `given` are gone, in fen; 0 for a code."""
        prize = self._rules.prizes[place]
        if prize.kind != "money":
            return 0
        if prize.split == "fixed":
            return prize.min_fen
        campaign_id = self._rules.campaign_id
        if prize.split == "range":
            text = f"{campaign_id}|{k}|{nonce}|amount"
            return prize.min_fen + _below(self._seed, text, prize.max_fen - prize.min_fen + 1)
        parts = self._parts.get(place)
        if parts is None:
            split_seed = hmac.digest(
                self._seed.encode(), f"{campaign_id}|split|{prize.ordinal}".encode(), "sha256"
            ).hex()
            parts = partition(prize.total_fen, prize.stock, prize.min_fen, prize.max_fen, split_seed)
            self._parts[place] = parts
        return parts[given]
