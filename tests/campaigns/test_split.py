"""The split of a budget into packets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import many
from wxbot.campaigns import split
from wxbot.campaigns.split import Tier


@st.composite
def feasible(draw: st.DrawFn) -> tuple[int, int, int, int]:
    count = draw(st.integers(1, 400))
    low = draw(st.integers(1, 2_000))
    high = draw(st.integers(low, 100_000))
    total = draw(st.integers(low * count, high * count))
    return total, count, low, high


@given(feasible(), st.text(max_size=20))
@many()
def test_random_split_sums_exactly_and_keeps_its_bounds_F31(case: tuple[int, int, int, int], seed: str) -> None:
    total, count, low, high = case
    amounts = split.partition(total, count, low, high, seed)
    assert sum(amounts) == total
    assert len(amounts) == count
    assert all(low <= amount <= high for amount in amounts)
    assert amounts == split.partition(total, count, low, high, seed)


def test_a_hundred_thousand_packets_sum_exactly_F31() -> None:
    amounts = split.partition(50_000_000, 100_000, 100, 5_000, "seed")
    assert sum(amounts) == 50_000_000
    assert min(amounts) >= 100
    assert max(amounts) <= 5_000
    assert len(set(amounts)) > 500, "the amounts differ from each other"


def test_known_amounts_of_a_known_seed_never_change_F31() -> None:
    assert split.partition(2_000, 8, 100, 600, "wxbot") == KNOWN


KNOWN = [141, 256, 220, 357, 173, 320, 178, 355]


@pytest.mark.parametrize(
    ("total", "count", "low", "high"),
    [(99, 1, 100, 200), (401, 2, 100, 200), (10, 0, 1, 10), (10, 2, 9, 5), (10, 2, 0, 9)],
)
def test_impossible_splits_are_refused_F31(total: int, count: int, low: int, high: int) -> None:
    with pytest.raises(split.NoPartition):
        split.partition(total, count, low, high, "seed")


def test_tiers_keep_their_counts_and_are_mixed() -> None:
    tiers = (Tier("一等奖", 8_800, 2), Tier("二等奖", 200, 30))
    planned = split.planned_amounts(
        "tiers", budget_fen=23_600, packet_count=32, packet_fen=0, min_fen=0, max_fen=0, tiers=tiers, seed="s"
    )
    assert sorted(p.amount_fen for p in planned) == [200] * 30 + [8_800] * 2
    assert [p.tier for p in planned] != ["一等奖"] * 2 + ["二等奖"] * 30
    assert split.total_fen("tiers", budget_fen=1, packet_count=32, packet_fen=0, tiers=tiers) == 23_600
