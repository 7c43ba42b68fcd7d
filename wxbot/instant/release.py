"""How much of a prize's stock may be out by a moment: a pure function of the published schedule and the campaign's hours.

Nothing is kept and no task runs: what was not given yet is simply still there later. All stock is out well before the end
(order no. 32 of 2020: prizes that are announced are put out).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, Literal, get_args

from wxbot.daily import DailyHours

Way = Literal["once", "even", "days", "hours"]

WAYS: dict[Way, str] = {
    "once": "all of it from the beginning",
    "even": "evenly over the open hours",
    "days": "a share at the beginning of each day, by the day's weight",
    "hours": "evenly inside each hour of the day, by the hour's weight",
}

DAY_S = 86_400
HOUR_S = 3_600
SHANGHAI_S = 8 * HOUR_S
"""Asia/Shanghai has had no other offset since 1991."""

REST = timedelta(hours=2)
REST_PARTS = 10
"""All stock is out this long before people can draw for the last time, or a tenth of the window if that is less."""


@dataclass(frozen=True)
class Window:
    """When people can draw: Unix seconds, and minutes of the Shanghai day; `daily_from` above `daily_until` crosses midnight."""

    begin: int
    end: int
    daily_from: int = 0
    daily_until: int = 1440

    @cached_property
    def open_parts(self) -> tuple[tuple[int, int], ...]:
        """The open parts of a day, in seconds of the day."""
        return tuple((begin * 60, end * 60) for begin, end in DailyHours(self.daily_from, self.daily_until).parts)

    @cached_property
    def all_out_at(self) -> int:
        """When the last piece of stock is released: counted back from the last open second, Unix seconds."""
        last_open = max(self.begin, self._last_open())
        return max(self.begin, last_open - min(int(REST.total_seconds()), (self.end - self.begin) // REST_PARTS))

    def _last_open(self) -> int:
        """The end of the open time inside the window."""
        today, second = divmod(self.end + SHANGHAI_S, DAY_S)
        for opens, closes in reversed(self.open_parts):
            if second > opens:
                return today * DAY_S + min(second, closes) - SHANGHAI_S
        return (today - 1) * DAY_S + max((closes for _, closes in self.open_parts), default=DAY_S) - SHANGHAI_S


@dataclass(frozen=True)
class ReleaseSchedule:
    """One prize's schedule; weights are for the days of the window, or for the 24 hours of a day."""

    way: Way = "once"
    weights: tuple[int, ...] = ()

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "ReleaseSchedule":
        """From the row of a prize or a published configuration. Raises ValueError when it is no schedule."""
        way = stored.get("way", "once")
        weights = tuple(stored.get("weights") or ())
        if way not in get_args(Way) or any(type(weight) is not int or weight < 0 for weight in weights):
            raise ValueError(f"no schedule: {stored!r}")
        if way == "hours" and len(weights) != 24:
            raise ValueError("an hour's schedule has 24 weights")
        if way in ("days", "hours") and sum(weights) == 0:
            raise ValueError("a schedule without any weight releases nothing")
        return cls(way, weights)


def released(release: ReleaseSchedule, stock: int, window: Window, at: int) -> int:
    """How many of `stock` are out at `at` (Unix seconds): never fewer later than earlier, and all at `window.all_out_at`."""
    if at < window.begin:
        return 0
    if release.way == "once" or at >= window.all_out_at:
        return stock
    if release.way == "days":
        first_day = (window.begin + SHANGHAI_S) // DAY_S
        until = release.weights[: (at + SHANGHAI_S) // DAY_S - first_day + 1]
        return stock * sum(until) // sum(release.weights)
    weights = release.weights if release.way == "hours" else (1,) * 24
    begin = _weighed(window, weights, window.begin)
    whole = _weighed(window, weights, window.all_out_at) - begin
    if whole <= 0:
        return stock  # no weight falls into the open time: nothing is held back for hours that never come
    return stock * (_weighed(window, weights, at) - begin) // whole


def open_s(window: Window, at: int) -> int:
    """How many seconds people could draw in the whole window until `at`."""
    until = min(max(at, window.begin), window.end)
    return _weighed(window, (1,) * 24, until) - _weighed(window, (1,) * 24, window.begin)


def _weighed(window: Window, weights: tuple[int, ...], at: int) -> int:
    """Open seconds from long ago to `at`, each counted as often as its hour weighs."""
    days, second = divmod(at + SHANGHAI_S, DAY_S)
    return days * _weighed_in_day(window, weights, DAY_S) + _weighed_in_day(window, weights, second)


def _weighed_in_day(window: Window, weights: tuple[int, ...], second: int) -> int:
    total = 0
    for opens, closes in window.open_parts:
        for hour in range(opens // HOUR_S, -(-closes // HOUR_S)):
            begin, end = max(opens, hour * HOUR_S), min(closes, (hour + 1) * HOUR_S, second)
            if end > begin:
                total += weights[hour] * (end - begin)
    return total
