"""What a draft of an instant campaign will mean: what it can cost, what it will cost if as many people come as its marketer expects."""

from dataclasses import dataclass

from wxbot.campaigns.mechanic import ForecastPart, Values
from wxbot.instant.models import ODDS_OF
from wxbot.instant.terms import most_fen
from wxbot.settings import Settings


@dataclass(frozen=True)
class InstantForecast:
    """Money in fen."""

    cost_fen: int
    expected_fen: int
    expected_wins: int
    one_in: int
    """One of so many draws wins."""


def make(values: Values, _settings: Settings) -> InstantForecast | None:
    """The forecast of what can be read so far; None while there is no prize or odds that win nothing."""
    prizes = values.get("terms", {}).get("prizes", ())
    draws = values.get("expected_people", 0) * values.get("tries_per_person", 1)
    odds_ppm = sum(prize["odds_ppm"] for prize in prizes)
    if not prizes or not 0 < odds_ppm <= ODDS_OF:
        return None
    given = [min(prize["stock"], draws * prize["odds_ppm"] // ODDS_OF) for prize in prizes]
    return InstantForecast(
        cost_fen=sum(most_fen(prize) for prize in prizes),
        expected_fen=sum(
            most_fen(prize) * n // prize["stock"] for prize, n in zip(prizes, given, strict=True) if prize["stock"]
        ),
        expected_wins=sum(given),
        one_in=max(1, round(ODDS_OF / odds_ppm)),
    )


PART = ForecastPart(
    fields=frozenset({"prizes", "expected_people", "tries_per_person"}),
    typed_in={"prizes": "prize_name"},
    make=make,
    part="console/_forecast_instant.html",
)
