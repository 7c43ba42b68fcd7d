"""What a draft of a hall will mean: what it costs at most. How many come changes nothing of it."""

from dataclasses import dataclass

from wxbot.campaigns.mechanic import ForecastPart, Values
from wxbot.instant.decide import COST, most_fen
from wxbot.settings import Settings


@dataclass(frozen=True)
class HallForecast:
    """Money in fen."""

    cost_fen: int
    goods_fen: int
    """What the codes and things are worth, which the organiser brings along."""
    winners: int


def make(values: Values, _settings: Settings) -> HallForecast | None:
    """The forecast of what can be read so far; None while there is no prize."""
    prizes = (values.get("terms") or {}).get("prizes", ())
    if not prizes:
        return None
    return HallForecast(
        cost_fen=sum(most_fen(*(prize[name] for name in COST)) for prize in prizes),
        goods_fen=sum(prize["stock"] * prize["value_fen"] for prize in prizes if prize["kind"] != "money"),
        winners=sum(prize["stock"] for prize in prizes),
    )


PART = ForecastPart(
    fields=frozenset({"prizes"}),
    typed_in={"prizes": "prize_name"},
    make=make,
    part="console/_forecast_hall.html",
)
