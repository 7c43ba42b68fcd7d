"""The pure decision: odds as they were published, stock and release never exceeded, the same for ever."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import many
from tests.instant.plays import BEGIN, EVEN, SEED, WINDOW, money
from wxbot.instant.decide import Amounts, PrizeRule, Rules, decide, dice
from wxbot.instant.release import ReleaseSchedule, Window, released

ODDS = (10, 990, 20_000, 150_000, 329_000)


def test_each_dice_is_a_number_below_a_million_and_depends_on_everything() -> None:
    first = dice(SEED, 7, 1, "n")
    assert first == dice(SEED, 7, 1, "n")
    assert 0 <= first < 1_000_000
    others = {dice(SEED, 7, 2, "n"), dice(SEED, 8, 1, "n"), dice(SEED, 7, 1, "m"), dice("a" * 64, 7, 1, "n")}
    assert len(others | {first}) == 5


def test_a_dice_is_named_by_the_published_bounds_to_the_last_part_of_a_million() -> None:
    rules = Rules(1, WINDOW, (money(1, 10, 5), money(2, 0, 5), money(3, 990, 5)))
    out = rules.released_at(BEGIN)
    found = [decide(rules, [0, 0, 0], out, rolled).place for rolled in (0, 9, 10, 999, 1000, 999_999)]
    assert found == [0, 0, 2, 2, None, None]


@pytest.mark.parametrize(
    "draws", [20_000, pytest.param(1_000_000, marks=[pytest.mark.proof, pytest.mark.timeout(600)])]
)
def test_each_prize_comes_as_often_as_its_odds_say(draws: int) -> None:
    rules = Rules(1, WINDOW, tuple(money(n, odds, draws) for n, odds in enumerate(ODDS, 1)))
    out, given_to = rules.released_at(BEGIN), [0] * len(ODDS)
    for k in range(1, draws + 1):
        place = decide(rules, given_to, out, dice(SEED, 1, k, f"n{k}")).place
        if place is not None:
            given_to[place] += 1
    for odds, n in zip(ODDS, given_to, strict=True):
        share = odds / 1_000_000
        assert abs(n - draws * share) <= 4 * math.sqrt(draws * share * (1 - share)), (odds, n)


def test_what_is_gone_is_a_miss_or_the_consolation_that_was_published() -> None:
    gone = Rules(1, WINDOW, (money(1, 500_000, 1), money(2, 0, 2), money(3, 0, 1)))
    assert decide(gone, [1, 0, 0], [1, 2, 1], 3).outcome == "gone"
    kind = Rules(1, WINDOW, (money(1, 500_000, 1, when_gone="consolation"), money(2, 0, 2), money(3, 0, 1)))
    assert decide(kind, [1, 0, 0], [1, 2, 1], 3).place == 2
    assert decide(kind, [1, 0, 1], [1, 2, 1], 3).place == 1
    last = decide(kind, [1, 2, 1], [1, 2, 1], 3)
    assert (last.outcome, last.place, last.released, last.left) == ("gone", None, 1, 0)
    held = decide(kind, [1, 0, 1], [1, 0, 1], 3)  # what is not released comforts nobody
    assert held.outcome == "gone"


def test_amounts_lie_between_their_bounds_and_an_exact_total_is_met_to_the_fen() -> None:
    split = money(2, 0, 50, split="exact", min_fen=10, max_fen=900, total_fen=12_345)
    rules = Rules(
        1, WINDOW, (money(1, 0, 9, split="range", min_fen=30, max_fen=60), split, PrizeRule(3, "code", "C", 0, 1))
    )
    amounts = Amounts(rules, SEED)
    ranged = Counter(amounts.of(0, 0, k, "n") for k in range(3000))
    assert set(ranged) == set(range(30, 61))
    assert sum(amounts.of(1, n, n + 1, "n") for n in range(50)) == 12_345
    assert amounts.of(2, 0, 1, "n") == 0
    assert [prize.most_fen for prize in rules.prizes] == [540, 12_345, 0]


@st.composite
def windows(draw: st.DrawFn) -> Window:
    begin = draw(st.integers(1_700_000_000, 1_800_000_000))
    length = draw(st.integers(600, 40 * 86_400))
    return Window(begin, begin + length, draw(st.integers(0, 1439)), draw(st.integers(1, 1440)))


releases = st.one_of(
    st.just(ReleaseSchedule("once")),
    st.just(EVEN),
    st.binary(min_size=1, max_size=40).map(lambda weights: ReleaseSchedule("days", (1, *weights))),
    st.tuples(st.integers(0, 23), st.binary(min_size=24, max_size=24)).map(
        lambda hour: ReleaseSchedule("hours", tuple(weight + (n == hour[0]) for n, weight in enumerate(hour[1])))
    ),
)


@many()
@given(windows(), releases, st.integers(0, 100_000), st.lists(st.floats(-0.2, 1.2), min_size=2, max_size=12))
def test_a_schedule_only_grows_and_everything_is_out_before_the_last_open_hours(
    window: Window, release: ReleaseSchedule, stock: int, parts: list[float]
) -> None:
    moments = sorted(window.begin + int(part * (window.end - window.begin)) for part in parts)
    out = [released(release, stock, window, at) for at in moments]
    assert out == sorted(out)
    assert all(0 <= n <= stock for n in out)
    assert released(release, stock, window, window.begin - 1) == 0
    assert released(release, stock, window, window.all_out_at) == stock
    assert window.begin <= window.all_out_at <= window.end


def test_all_is_out_a_tenth_of_the_window_or_two_hours_before_people_draw_last() -> None:
    noon = 1_772_078_400  # 2026-02-26 12:00 in Shanghai
    assert Window(noon, noon + 3600).all_out_at == noon + 3240
    assert Window(noon, noon + 10 * 86_400).all_out_at == noon + 10 * 86_400 - 7200
    # open from 9 to 18: nobody draws at the end of the window (12:00 is open, 23:00 is not)
    assert Window(noon, noon + 86_400 + 11 * 3600, 540, 1080).all_out_at == noon + 86_400 + 4 * 3600
    assert Window(noon, noon + 5 * 86_400 - 6 * 3600, 540, 1080).all_out_at == noon + 4 * 86_400 + 4 * 3600


def test_a_day_and_an_hour_get_their_published_share() -> None:
    midnight = 1_772_035_200  # 2026-02-26 00:00 in Shanghai
    window = Window(midnight, midnight + 4 * 86_400)
    days = ReleaseSchedule("days", (1, 0, 2, 1))
    assert [released(days, 100, window, midnight + day * 86_400) for day in range(4)] == [25, 25, 75, 100]
    evening = ReleaseSchedule("hours", (0,) * 20 + (1, 3, 0, 0))
    one_day = Window(midnight, midnight + 86_400)  # all is out at 22:00
    assert [released(evening, 80, one_day, midnight + h * 3600) for h in (19, 20, 21, 22)] == [0, 0, 20, 80]
    short = Window(midnight, midnight + 86_400, 600, 720)  # two hours before noon is when it opens
    assert released(EVEN, 100, short, midnight + 10 * 3600) == 100
    assert released(EVEN, 100, one_day, midnight + 11 * 3600) == 50
