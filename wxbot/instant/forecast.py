"""What a draft of an instant campaign will mean: what it can cost, what it will cost if as many people come as its marketer expects."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from wxbot.campaigns.mechanic import ForecastPart, Values
from wxbot.instant.decide import PrizeRule, Rules
from wxbot.instant.models import ODDS_OF
from wxbot.instant.play import likely
from wxbot.instant.release import DAY_S, SHANGHAI_S, ReleaseSchedule, Window, open_s
from wxbot.settings import Settings

RULE = ("kind", "name", "odds_ppm", "stock", "split", "min_fen", "max_fen", "total_fen", "when_gone")


@dataclass(frozen=True)
class PrizeForecast:
    """One line of the table. Money in fen."""

    name: str
    one_in: int
    """One of so many draws names it; 0 when none does."""
    expected_fen: int
    most_fen: int
    given: int
    stock: int
    gone_at: datetime | None
    """When the last one is given; None when some are left."""


@dataclass(frozen=True)
class InstantForecast:
    """Money in fen."""

    cost_fen: int
    expected_fen: int
    expected_wins: int
    one_in: int
    """One of so many draws wins."""
    prizes: tuple[PrizeForecast, ...]


def _expected_fen(rule: PrizeRule, n: int) -> int:
    """What `n` wins of a prize cost on average, in fen: nothing for codes."""
    if rule.kind != "money":
        return 0
    if rule.split == "exact":
        return rule.total_fen * n // rule.stock
    return n * (rule.min_fen + rule.max_fen) // 2


def rules_of(values: Values) -> Rules | None:
    """A draft as the decision would read it; None while there is no prize, no open hour, or odds that win nothing."""
    prizes: list[Mapping[str, Any]] = list(values.get("terms", {}).get("prizes", ()))
    if not prizes or not values.keys() >= {"begin_at", "end_at", "daily_from", "daily_until"}:
        return None
    if not 0 < sum(prize["odds_ppm"] for prize in prizes) <= ODDS_OF:
        return None
    begin, end = int(values["begin_at"].timestamp()), int(values["end_at"].timestamp())
    window = Window(begin, end, values["daily_from"], values["daily_until"])
    if end <= begin or open_s(window, end) <= 0:
        return None
    rules = tuple(
        PrizeRule(ordinal, **{name: prize[name] for name in RULE}, release=ReleaseSchedule.read(prize["release"]))
        for ordinal, prize in enumerate(prizes, 1)
    )
    return Rules(0, window, rules)


def draws_of(values: Values, rules: Rules) -> int:
    """About how many draws there are if as many people come as are expected, and each draws as often as the limits let them.

    A day's limits count for as many days as the campaign has; a win has the odds of all prizes together, as long as there are any.
    """
    terms, days, odds = values.get("terms") or {}, _days_of(rules.window), rules.bounds[-1] / ODDS_OF
    tries = int(values.get("tries_per_person", 1))
    tries = min(tries, int(values.get("tries_per_day", tries)) * days)
    a_day = terms.get("wins_per_day")
    most_wins = min((n for n in (terms.get("wins_per_person"), a_day and a_day * days) if n), default=tries)
    draws = int(values.get("expected_people", 0)) * draws_until(most_wins, tries, odds)
    if winners := terms.get("winners_per_day"):
        draws = min(draws, winners * days / odds)
    return round(draws)


def draws_until(wins: int, tries: int, odds: float) -> float:
    """How often somebody draws on average who may try `tries` times and stops at so many wins."""
    if wins >= tries:
        return tries
    chances, drawn = [1.0] + [0.0] * (wins - 1), 0.0  # of having won 0, 1, … times, and going on
    for _ in range(tries):
        drawn += sum(chances)
        won = [0.0, *(chance * odds for chance in chances[:-1])]
        chances = [chance * (1 - odds) + more for chance, more in zip(chances, won, strict=True)]
    return drawn


def _days_of(window: Window) -> int:
    """How many Shanghai days of the window have an hour in which people can draw."""
    first, last = ((at + SHANGHAI_S) // DAY_S for at in (window.begin, window.end - 1))
    starts = (max(window.begin, day * DAY_S - SHANGHAI_S) for day in range(first, last + 1))
    return sum(
        open_s(window, (at + SHANGHAI_S) // DAY_S * DAY_S + DAY_S - SHANGHAI_S) > open_s(window, at) for at in starts
    )


def make(values: Values, _settings: Settings) -> InstantForecast | None:
    """The forecast of what can be read so far; None while something it needs is missing."""
    rules = rules_of(values)
    if rules is None:
        return None
    played = likely(rules, draws_of(values, rules))
    expected_fen = [_expected_fen(rule, n) for rule, n in zip(rules.prizes, played.given, strict=True)]
    lines = zip(rules.prizes, played.given, played.gone_at, expected_fen, strict=True)
    return InstantForecast(
        cost_fen=sum(rule.most_fen for rule in rules.prizes),
        expected_fen=sum(expected_fen),
        expected_wins=sum(played.given),
        one_in=max(1, round(ODDS_OF / rules.bounds[-1])),
        prizes=tuple(
            PrizeForecast(
                name=rule.name,
                one_in=round(ODDS_OF / rule.odds_ppm) if rule.odds_ppm else 0,
                expected_fen=expected,
                most_fen=rule.most_fen,
                given=n,
                stock=rule.stock,
                gone_at=None if gone is None else datetime.fromtimestamp(gone, UTC),
            )
            for rule, n, gone, expected in lines
        ),
    )


PART = ForecastPart(
    fields=frozenset(
        {
            *("prizes", "expected_people", "begin_at", "end_at", "daily_from", "daily_until"),
            *("tries_per_person", "tries_per_day", "wins_per_person", "wins_per_day", "winners_per_day"),
        }
    ),
    typed_in={"prizes": "prize_name"},
    make=make,
    part="console/_forecast_instant.html",
)
