"""Campaigns played beforehand: by the decision of the real ones, within stock and budget, before anybody comes."""

from __future__ import annotations

import random
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from tests.examples import many
from wxbot.instant import play
from wxbot.instant.decide import PrizeRule, Rules, decide
from wxbot.instant.models import ODDS_OF, WhenGone
from wxbot.instant.release import ReleaseSchedule, Window

DAY = 1_790_000_000 // 86_400 * 86_400 - 8 * 3_600
WEEK = Window(DAY, DAY + 7 * 86_400, 540, 1260)


def prize(ordinal: int, odds_ppm: int, stock: int, way: str = "once", gone: WhenGone = "miss") -> PrizeRule:
    release = ReleaseSchedule.read({"way": way, "weights": []})
    return PrizeRule(ordinal, "money", f"奖{ordinal}", odds_ppm, stock, "fixed", 100, 100, 0, release, gone)


FIVE = Rules(
    0,
    WEEK,
    (
        prize(1, 100, 3, "even"),
        prize(2, 2_000, 30, "even", "consolation"),
        prize(3, 20_000, 300),
        prize(4, 100_000, 900, "even"),
        prize(5, 200_000, 3_000),
    ),
)


GONE: tuple[WhenGone, ...] = ("miss", "consolation")


@many()
@given(st.data())
def test_what_is_decided_together_is_what_each_dice_decides(data: st.DataObject) -> None:
    number = st.integers(0, 6)
    kinds = data.draw(st.lists(st.tuples(number, number, number, st.sampled_from(GONE)), min_size=1, max_size=4))
    rules = Rules(0, WEEK, tuple(prize(n, 10, stock, "once", gone) for n, (stock, _, _, gone) in enumerate(kinds, 1)))
    given_before = [min(gone, stock) for stock, gone, _, _ in kinds]
    out = [data.draw(st.integers(g, max(g, rule.stock))) for g, rule in zip(given_before, rules.prizes, strict=True)]
    hits = [n for _, _, n, _ in kinds]
    rolls = [rules.bounds[place] - 1 for place, n in enumerate(hits) for _ in range(n)]

    def one_by_one(order: list[int]) -> tuple[int, ...]:
        kept = list(given_before)
        for rolled in order:
            place = decide(rules, kept, out, rolled).place
            if place is not None:
                kept[place] += 1
        return tuple(kept)

    orders = [data.draw(st.permutations(rolls)) for _ in range(3)]
    found = {one_by_one(order) for order in orders}
    together = list(given_before)
    play.together(rules, together, out, hits, random.Random(1))
    if len(found) == 1 and not play_depends_on_order(rules, given_before, out, hits):
        assert tuple(together) in found
    elif len(rolls) <= 5:
        assert tuple(together) in {one_by_one(list(order)) for order in set(permutations(rolls))}, "one of the orders"
    assert all(before <= n <= max(before, most) for before, n, most in zip(given_before, together, out, strict=True))


def play_depends_on_order(rules: Rules, before: list[int], out: list[int], hits: list[int]) -> bool:
    """Whether some order of these dice ends otherwise, by trying the two that differ most."""
    ends = set()
    places = list(range(len(hits)))
    for order in (places, places[::-1]):
        kept = list(before)
        for named in [place for place in order for _ in range(hits[place])]:
            won = decide(rules, kept, out, rules.bounds[named] - 1).place
            if won is not None:
                kept[won] += 1
        ends.add(tuple(kept))
    return len(ends) > 1


def test_one_campaign_played_draw_by_draw_agrees() -> None:
    """The same crowd, each dice rolled and decided alone at the moment it falls."""
    chance = random.Random(7)
    parts = play.moments(WEEK, 10_000)
    outs = [FIVE.released_at(part.at) for part in parts]
    kept = [0] * 5
    came: list[list[int]] = []
    for part, out in zip(parts, outs, strict=True):
        hits = [0] * 5
        for _ in range(round(part.draws)):
            rolled = chance.randrange(ODDS_OF)
            decision = decide(FIVE, kept, out, rolled)
            for place in range(5):
                begins = FIVE.bounds[place - 1] if place else 0
                hits[place] += begins <= rolled < FIVE.bounds[place]
            if decision.place is not None:
                kept[decision.place] += 1
        came.append(hits)
    played = play.play(FIVE, parts, outs, lambda number, place: came[number][place], seed=1)
    assert list(played.given) == kept
    assert played.spent_fen == 100 * sum(kept)


def test_a_thousand_campaigns_stay_within_stock_and_near_what_is_likely() -> None:
    campaigns = play.many(FIVE, 10_000, 1_000, seed=3)
    assert len(campaigns) == 1_000
    assert max(each.spent_fen for each in campaigns) <= sum(rule.most_fen for rule in FIVE.prizes)
    likely = play.likely(FIVE, 10_000)
    for place, rule in enumerate(FIVE.prizes):
        counts = [each.given[place] for each in campaigns]
        assert max(counts) <= rule.stock
        if rule.odds_ppm >= 100_000:
            assert abs(sum(counts) / 1_000 - likely.given[place]) < 0.03 * rule.stock
    assert play.many(FIVE, 10_000, 3, seed=3) == campaigns[:3]


def test_everybody_wins_and_the_last_prize_consoles() -> None:
    rules = Rules(0, WEEK, (prize(1, 1_000_000, 5, gone="consolation"), prize(2, 0, 50)))
    played = play.likely(rules, 40)
    assert played.given == (5, 35) and played.gone_at[0] is not None and played.gone_at[1] is None
    assert play.likely(rules, 400).given == (5, 50)


def test_poisson_numbers_have_their_mean() -> None:
    for mean in (0.0, 0.01, 3.0, 250.0, 12_000.0):
        least, chances = play.poisson(mean)
        assert abs(chances[-1] - 1) < 1e-6
        assert abs(least + sum(1 - each for each in chances[:-1]) - mean) < 1e-3 * max(1, mean)
