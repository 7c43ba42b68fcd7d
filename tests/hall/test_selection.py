"""Who wins: the published example to the byte, and what holds for every pool."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hall import vector
from wxbot.hall import selection
from wxbot.hall.selection import FrozenLine

KEYS = st.binary(min_size=32, max_size=32)
POOLS = st.sets(st.integers(1, 5000), min_size=1, max_size=60)


def key_of(d: int) -> bytes:
    """A key for tests that need many."""
    return hashlib.sha256(f"test {d}".encode()).digest()


def test_the_chain_ends_in_the_published_commitment() -> None:
    assert [seed.hex() for seed in vector.CHAIN] == [
        "9a3bfd1d6a3da57d9d7d3d949d11b84dade5a3fe55e17ebbe43d41fc588e6f22",
        "9716775d950ac35d0c8aa7cf4e6162fa2aa82cee3903693d18419ac5b568e0ec",
        "cf5cb938009410f4c06a6714b94e3dae48818daa11be36ebc6d80aabe362a4c0",
        selection.seed_before(vector.HALL, vector.LAST_SEED).hex(),
        vector.LAST_SEED.hex(),
    ]
    assert all(
        selection.seed_before(vector.HALL, vector.CHAIN[d]) == vector.CHAIN[d - 1] for d in range(1, len(vector.CHAIN))
    )


def test_one_seed_is_that_of_the_chain() -> None:
    chain = [selection.seed_of(vector.HALL, vector.LAST_SEED, 4, d) for d in range(5)]
    assert chain == vector.CHAIN


def test_the_roster_of_the_example_has_its_bytes() -> None:
    assert vector.LINES[0].id == "f9b77ab6a6b410a016f8cf336a6d9e117c6f611ffecfec6ec320dd2b691065de"
    assert len(vector.ROSTER) == 881
    assert selection.roster_hash(vector.ROSTER) == vector.ROSTER_HASH
    assert selection.read_roster(vector.ROSTER.decode()) == (vector.HALL, 1, tuple(vector.LINES))


def test_the_first_selection_of_the_example() -> None:
    pool = range(1, 13)
    assert selection.pool_hash(pool) == "8812f15ebc33d2b6cf34233e0a909671e9568ae6a09d37b04427affd65277283"
    late = selection.entropy("hall", vector.HALL_TEXT)
    assert late.hex() == "c7f29aa1c02c64173045c6144523b059cd7a25702c54254d4a012e08de58bdbe"
    key = selection.selection_key(
        vector.CHAIN[1], vector.HALL, 1, 3, vector.ROSTER_HASH, selection.pool_hash(pool), late
    )
    assert key.hex() == "f6f1e93e3bc08dafed4348abd98e7c442dbb095972cd2273eb944be887bb830b"
    assert list(islice(selection.words(key), 3)) == [12973012434369257416, 857992794045201872, 1465613002176612272]
    stream = selection.words(key)
    assert [selection.below(stream, n) for n in (12, 11, 10)] == [4, 2, 2]
    assert selection.select(key, pool, 3) == [5, 4, 1]


def test_the_second_selection_of_the_example_takes_its_entropy_from_drand() -> None:
    pool = [2, 3, *range(6, 13)]
    assert selection.pool_hash(pool) == "5d99c7cc1e8ba210388cf5bb7d2374955725031ce84f2cd89245f719f14ffa55"
    late = selection.entropy("drand", selection.drand_text(vector.ROUND, vector.RANDOMNESS))
    assert late.hex() == "bdc9fe8547f4691a2d24c1c50b52c12423ec0fe4e228a7a3759fc0fe3fffdc36"
    assert hashlib.sha256(bytes.fromhex(vector.SIGNATURE)).hexdigest() == vector.RANDOMNESS
    key = selection.selection_key(
        vector.CHAIN[2], vector.HALL, 2, 1, vector.ROSTER_HASH, selection.pool_hash(pool), late
    )
    assert key.hex() == "f95050dcf658bdd2441b6912b27c789e78622a7e623d4396d4ee3c6b88257756"
    assert selection.select(key, pool, 1) == [2]


def test_words_that_would_favour_small_numbers_are_dropped() -> None:
    """With words of eight bits, since one of sixty-four is never dropped while anybody looks."""
    key = bytes(32)
    seen = list(islice(selection.words(key, 1), 10))
    assert seen == [221, 239, 107, 204, 81, 31, 226, 67, 199, 141]
    assert selection.select(key, range(1, 201), 5, size=1) == [108, 83, 34, 71, 146]


def test_a_mode_without_late_entropy_has_none() -> None:
    assert selection.entropy("seed", "") == bytes(32)
    assert selection.entropy("hall", "") != bytes(32)


@given(key=KEYS, pool=POOLS, data=st.data())
def test_winners_are_different_people_of_the_pool(key: bytes, pool: set[int], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(pool)))
    weights = data.draw(st.none() | st.fixed_dictionaries({no: st.integers(1, 9) for no in pool}))
    winners = selection.select(key, pool, k, weights)
    assert len(winners) == len(set(winners)) == k
    assert set(winners) <= pool
    assert winners == selection.select(key, sorted(pool, reverse=True), k, weights)
    assert selection.select(key, pool, len(pool), weights)[:k] == winners


@given(key=KEYS, pool=POOLS)
def test_weights_that_are_all_one_are_no_weights(key: bytes, pool: set[int]) -> None:
    assert selection.select(key, pool, len(pool), dict.fromkeys(pool, 1)) == selection.select(key, pool, len(pool))


@given(key=KEYS, weights=st.dictionaries(st.integers(1, 500), st.integers(1, 50), min_size=1, max_size=40))
def test_weights_are_intervals_in_the_order_of_the_numbers(key: bytes, weights: dict[int, int]) -> None:
    if set(weights.values()) == {1}:
        return
    stream, tickets, expected = selection.words(key), [no for no in sorted(weights) for _ in range(weights[no])], []
    while tickets:
        won = tickets[selection.below(stream, len(tickets))]
        expected.append(won)
        tickets = [no for no in tickets if no != won]
    assert selection.select(key, weights, len(weights), weights) == expected


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_each_place_of_the_pool_wins_first_and_last_included(n: int) -> None:
    won = Counter(selection.select(key_of(d), range(1, n + 1), 1)[0] for d in range(n * 30))
    assert set(won) == set(range(1, n + 1))


def test_a_weight_of_three_wins_three_times_as_often() -> None:
    won = Counter(selection.select(key_of(d), (1, 2), 1, {1: 3, 2: 1})[0] for d in range(4000))
    assert 2850 < won[1] < 3150  # five and a half standard deviations either way


@pytest.mark.parametrize(("pool", "k"), [([], 1), ([1, 2], 3), ([1, 2], 0), ([1, 1], 1)])
def test_a_selection_never_comes_up_short(pool: list[int], k: int) -> None:
    with pytest.raises(ValueError, match="selection needs a pool"):
        selection.select(bytes(32), pool, k)


@pytest.mark.parametrize(
    "line",
    [
        FrozenLine(0, 1, "A", "0" * 64),
        FrozenLine(1, 0, "A", "0" * 64),
        FrozenLine(1, 1_000_001, "A", "0" * 64),
        FrozenLine(1, 1, "A\tB", "0" * 64),
        FrozenLine(1, 1, "A\nB", "0" * 64),
        FrozenLine(1, 1, "A\u2028B", "0" * 64),
        FrozenLine(1, 1, "e\u0301", "0" * 64),
        FrozenLine(1, 1, "A", "A" * 64),
        FrozenLine(1, 1, "A", "0" * 63),
    ],
)
def test_a_roster_takes_no_line_that_could_be_read_in_two_ways(line: FrozenLine) -> None:
    with pytest.raises(ValueError, match="no line of a roster"):
        selection.roster_bytes(vector.HALL, 1, [line])


def test_people_stand_in_a_roster_once_and_in_order() -> None:
    for lines in (vector.LINES[::-1], [vector.LINES[0]] * 2):
        with pytest.raises(ValueError, match="in the order of their numbers"):
            selection.roster_bytes(vector.HALL, 1, lines)


@pytest.mark.parametrize(
    ("old", "new"),
    [("\n", "\r\n"), ("1\t1\tA", "01\t1\tA"), ("wxbot-draw-v1\t", "\ufeffwxbot-draw-v1\t"), ("\tA\t", "\t")],
)
def test_a_file_with_other_bytes_is_no_roster(old: str, new: str) -> None:
    with pytest.raises(ValueError, match="not the file of a roster"):
        selection.read_roster(vector.ROSTER.decode().replace(old, new))


groups = st.text(max_size=8).filter(selection.is_group)


@given(st.lists(st.tuples(st.integers(1, 9), groups), max_size=20))
def test_a_roster_is_read_as_it_was_written(people: list[tuple[int, str]]) -> None:
    lines = [FrozenLine(no, weight, group, f"{no:064x}") for no, (weight, group) in enumerate(people, 1)]
    text = selection.roster_bytes("h-1", 3, lines).decode()
    assert selection.read_roster(text) == ("h-1", 3, tuple(lines))
