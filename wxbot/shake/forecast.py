"""What a draft will mean: its cost, how many win, how long ordering takes, where WeChat's limits bite. Pure arithmetic."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from wxbot.campaigns.mechanic import ForecastPart, Values
from wxbot.campaigns.split import total_fen
from wxbot.daily import DAY_MINUTES, DailyHours
from wxbot.money import yuan
from wxbot.plurals import plural
from wxbot.settings import Settings
from wxbot.text import Text
from wxbot.wechat import limits

TICKET_LIFE = timedelta(seconds=limits.TICKET_LIFE_S)
FORECAST_FIELDS = frozenset(
    {
        *("begin_at", "end_at", "daily_from", "daily_until", "expected_people"),
        *("budget", "split", "packet_count", "packet_amount", "min_amount", "max_amount", "tiers"),
        *("odds", "tries_per_person", "tries_per_day"),
    }
)
"""Fields of the form that a forecast is made from."""

NEEDED = frozenset(
    {"begin_at", "end_at", "daily_from", "daily_until", "split", "packet_count", "terms", "expected_people"}
)


@dataclass(frozen=True)
class Forecast:
    """Money in fen, times in seconds; `notes` are sentences of warning or good news, in both languages."""

    cost_fen: int
    spare_fen: int
    mean_fen: int
    expected_fen: int
    expected_wins: int
    packets: int
    order_s: int
    order_days: int
    open_hours: float
    one_in: int
    """One of so many tries wins; 1 when every try does."""
    is_refilled: bool
    """It lasts longer than a packet that nobody draws."""
    sold_out_percent: int | None
    notes: tuple[Text, ...]


def open_hours(begin_at: Any, end_at: Any, daily_from: int, daily_until: int) -> float:
    """About how many hours people can draw."""
    span_h = float((end_at - begin_at) / timedelta(hours=1))
    minutes = DailyHours(daily_from, daily_until).minutes
    return span_h * minutes / DAY_MINUTES if span_h > 24 else min(span_h, minutes / 60)


def forecast(values: Mapping[str, Any], *, per_second: int, per_day: int) -> Forecast | None:
    """The forecast of what can be read so far; None while something it needs is missing or absurd."""
    if not values.keys() >= NEEDED or values["end_at"] <= values["begin_at"] or values["packet_count"] < 1:
        return None
    odds_ppm = values["terms"].get("odds_ppm")
    if (
        odds_ppm is None
        or not DailyHours(values["daily_from"], values["daily_until"]).parts
        or ("tiers" not in values or "packet_fen" not in values)
    ):
        return None
    packets, people = values["packet_count"], values["expected_people"]
    budget_fen = values.get("budget_fen", 0)
    cost_fen = total_fen(
        values["split"],
        budget_fen=budget_fen,
        packet_count=packets,
        packet_fen=values["packet_fen"],
        tiers=values["tiers"],
    )
    tries = min(values.get("tries_per_person", 1), 50)
    chance = 1 - (1 - odds_ppm / 1_000_000) ** tries
    wins = min(packets, round(people * chance))
    order_days = -(-packets // per_day)
    span = values["end_at"] - values["begin_at"]
    sold_out = round(100 * packets / (people * chance)) if people and people * chance >= packets else None
    made = Forecast(
        cost_fen=cost_fen,
        spare_fen=max(0, budget_fen - cost_fen),
        mean_fen=cost_fen // packets,
        expected_fen=cost_fen * wins // packets,
        expected_wins=wins,
        packets=packets,
        order_s=-(-packets // per_second),
        order_days=order_days,
        open_hours=open_hours(values["begin_at"], values["end_at"], values["daily_from"], values["daily_until"]),
        one_in=max(1, round(1_000_000 / odds_ppm)),
        is_refilled=span > TICKET_LIFE,
        sold_out_percent=sold_out,
        notes=(),
    )
    return Forecast(**(made.__dict__ | {"notes": tuple(_notes(made, people, per_day))}))


def _notes(made: Forecast, people: int, per_day: int) -> list[Text]:
    notes = []
    if made.spare_fen:
        left = yuan(made.spare_fen)
        notes.append(
            Text(
                f"预算比红包合计多 {left} 元，活动结束后退回",
                f"{left} yuan of the budget is not in packets; it returns at the close",
            )
        )
    if made.order_days > 1:
        notes.append(
            Text(
                f"微信每天最多 {per_day:,} 个，备货需要 {made.order_days} 天，请尽早启动",
                f"WeChat takes {per_day:,} packets a day: ordering needs {made.order_days} {plural(made.order_days, 'day', 'days')}, so launch early",
            )
        )
    if made.is_refilled:
        notes.append(
            Text(
                "红包 72 小时没人抽到会过期退款，系统边抽边补，总数和预算不变",
                "A packet that nobody draws within 72 hours expires and is paid back; it is replaced as needed, within number and budget",
            )
        )
    if made.packets > limits.QUERYLOTTERY_PACKETS_MAX:
        most = limits.QUERYLOTTERY_PACKETS_MAX
        notes.append(
            Text(
                f"超过 {most:,} 个红包后，微信不再提供抽奖统计，只能以本系统记录为准",
                f"Above {most:,} packets WeChat no longer gives its own counters; wxbot's records are all there is",
            )
        )
    if made.sold_out_percent is not None:
        notes.append(
            Text(
                f"按预计人数，大约在活动进行到 {made.sold_out_percent}% 时抽完",
                f"With that many people the packets are gone after about {made.sold_out_percent} % of the time",
            )
        )
    elif people and made.expected_wins < made.packets:
        unused = made.packets - made.expected_wins
        notes.append(
            Text(
                f"按预计人数，大约有 {unused:,} 个红包没人抽到，会退回商户账户",
                f"With that many people about {unused:,} {plural(unused, 'packet is', 'packets are')} not drawn; {plural(unused, 'its', 'their')} money comes back",
            )
        )
    return notes


def _make(values: Values, settings: Settings) -> Forecast | None:
    return forecast(values, per_second=settings.pay_per_second, per_day=settings.pay_per_day)


PART = ForecastPart(
    fields=FORECAST_FIELDS, typed_in={"tiers": "tier_amount"}, make=_make, part="console/_forecast_shake.html"
)
