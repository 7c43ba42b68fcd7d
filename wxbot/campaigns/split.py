"""How a budget becomes packets: fixed amounts, tiers, or a random split that sums exactly to the budget (money F31).

Everything follows from a stored seed, so that the same campaign always gives the same amounts, on every machine and
in every version of Python: the random numbers come from SHA-256 over the seed and a counter.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_BLOCK_BYTES = 8
_BLOCK_RANGE = 1 << (8 * _BLOCK_BYTES)


class NoPartition(ValueError):
    """No list of that many amounts between the two bounds sums to the total."""


@dataclass(frozen=True)
class Tier:
    """`count` packets of `amount_fen` each."""

    label: str
    amount_fen: int
    count: int


class PlannedAmount(NamedTuple):
    """What one packet will hold, in fen, and the tier it belongs to ('' without tiers)."""

    amount_fen: int
    tier: str = ""


class _Dice:
    """Unbiased whole numbers from a seed."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._counter = 0
        self._pool = b""

    def _block(self) -> int:
        if len(self._pool) < _BLOCK_BYTES:
            self._pool += hashlib.sha256(self._seed + b":" + str(self._counter).encode()).digest()
            self._counter += 1
        block, self._pool = self._pool[:_BLOCK_BYTES], self._pool[_BLOCK_BYTES:]
        return int.from_bytes(block, "big")

    def below(self, bound: int) -> int:
        """A number in 0 … bound-1; blocks that would favour small numbers are thrown away."""
        limit = _BLOCK_RANGE - _BLOCK_RANGE % bound
        while True:
            block = self._block()
            if block < limit:
                return block % bound

    def between(self, low: int, high: int) -> int:
        """A number in low … high, both included."""
        return low + self.below(high - low + 1)

    def shuffle(self, values: list[PlannedAmount]) -> None:
        """Put the values in random order, in place."""
        for last in range(len(values) - 1, 0, -1):
            other = self.below(last + 1)
            values[last], values[other] = values[other], values[last]


def _spread(total_fen: int, count: int, min_fen: int, max_fen: int, dice: _Dice) -> Iterator[int]:
    """Amounts one after another: each is drawn evenly around the mean of what is left, as wide as the bounds allow."""
    left_fen = total_fen
    for left_count in range(count, 0, -1):
        slack = min(left_fen - min_fen * left_count, max_fen * left_count - left_fen)
        low = max(min_fen, -(-(left_fen - slack) // left_count), left_fen - (left_count - 1) * max_fen)
        high = min(max_fen, (left_fen + slack) // left_count, left_fen - (left_count - 1) * min_fen)
        amount_fen = dice.between(low, high)
        left_fen -= amount_fen
        yield amount_fen


def partition(total_fen: int, count: int, min_fen: int, max_fen: int, seed: str) -> list[int]:
    """`count` amounts between `min_fen` and `max_fen` that sum exactly to `total_fen`; the same for the same seed.

    Raises NoPartition when the bounds make it impossible.
    """
    if count < 1 or min_fen < 1 or min_fen > max_fen or not min_fen * count <= total_fen <= max_fen * count:
        raise NoPartition(f"{count} amounts of {min_fen}..{max_fen} fen cannot sum to {total_fen} fen")
    dice = _Dice(seed)
    amounts = [PlannedAmount(amount) for amount in _spread(total_fen, count, min_fen, max_fen, dice)]
    dice.shuffle(amounts)
    return [planned.amount_fen for planned in amounts]


def planned_amounts(
    split: str,
    *,
    budget_fen: int,
    packet_count: int,
    packet_fen: int,
    min_fen: int,
    max_fen: int,
    tiers: Sequence[Tier],
    seed: str,
) -> list[PlannedAmount]:
    """The packets of a campaign in the order of their ordinals; tiers are mixed by the seed."""
    if split == "fixed":
        return [PlannedAmount(packet_fen)] * packet_count
    if split == "random":
        return [PlannedAmount(amount) for amount in partition(budget_fen, packet_count, min_fen, max_fen, seed)]
    mixed = [PlannedAmount(tier.amount_fen, tier.label) for tier in tiers for _ in range(tier.count)]
    _Dice(seed).shuffle(mixed)
    return mixed


def total_fen(split: str, *, budget_fen: int, packet_count: int, packet_fen: int, tiers: Sequence[Tier]) -> int:
    """What all packets cost together, in fen, without making them."""
    if split == "fixed":
        return packet_fen * packet_count
    if split == "random":
        return budget_fen
    return sum(tier.amount_fen * tier.count for tier in tiers)
