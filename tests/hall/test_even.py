"""Everybody is as likely as everybody else: chi-square over many selections with fixed keys, so that it fails always or never."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping

import pytest

from wxbot.hall.selection import select

MANY = 1_000_000
BOUND = 3.09
"""Of a normal deviate: p between 0.001 and 0.999."""

SIZES = [
    (7, 7_000),
    (100, 10_000),
    (2_000, 10_000),
    *(pytest.param(n, MANY, marks=[pytest.mark.proof, pytest.mark.timeout(3600)]) for n in (7, 100, 2_000)),
]


def deviate(seen: Mapping[int, int], expected: Mapping[int, float]) -> float:
    """The chi-square of counts as a normal deviate (Wilson and Hilferty's cube root)."""
    chi = sum((seen.get(no, 0) - most) ** 2 / most for no, most in expected.items())
    spread = 2 / (9 * (len(expected) - 1))
    return (math.cbrt(chi / (len(expected) - 1)) - (1 - spread)) / math.sqrt(spread)


def key_of(name: str, d: int) -> bytes:
    return hashlib.sha256(f"{name} {d}".encode()).digest()


@pytest.mark.parametrize(("n", "selections"), SIZES)
def test_each_of_a_pool_wins_as_often(n: int, selections: int) -> None:
    pool = list(range(1, n + 1))
    won = Counter(select(key_of(f"even {n}", d), pool, 1)[0] for d in range(selections))
    assert abs(deviate(won, dict.fromkeys(pool, selections / n))) < BOUND
    assert won[1] and won[n]


@pytest.mark.parametrize(
    "selections", [5_000, pytest.param(MANY, marks=[pytest.mark.proof, pytest.mark.timeout(3600)])]
)
def test_each_order_of_three_among_five_comes_as_often(selections: int) -> None:
    won: Counter[int] = Counter()
    for d in range(selections):
        first, second, third = select(key_of("orders", d), range(1, 6), 3)
        won[first * 100 + second * 10 + third] += 1
    assert len(won) == 60
    assert abs(deviate(won, dict.fromkeys(won, selections / 60))) < BOUND


@pytest.mark.parametrize(
    "selections", [5_000, pytest.param(MANY, marks=[pytest.mark.proof, pytest.mark.timeout(3600)])]
)
def test_each_wins_first_by_their_weight(selections: int) -> None:
    weights = {no: no for no in range(1, 8)}
    won = Counter(select(key_of("weights", d), weights, 3, weights)[0] for d in range(selections))
    assert abs(deviate(won, {no: selections * no / 28 for no in weights})) < BOUND


def test_the_measure_is_able_to_fail() -> None:
    """A pool whose last person can never win, as another program had it."""
    won = Counter(1 + int.from_bytes(key_of("unfair", d)[:8], "big") % 99 for d in range(20_000))
    assert deviate(won, dict.fromkeys(range(1, 101), 200.0)) > BOUND
