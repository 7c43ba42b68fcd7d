"""Numbers over time as the console draws them: by hour without a gap, by day once they span more than three days."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from wxbot.clock import SHANGHAI

HOURS_SHOWN = 72
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


def over_time(rows: Iterable[tuple[datetime, str, int]], names: Sequence[str]) -> dict[str, Any]:
    """`labels`, and per name a number for each: from rows (hour, name, number), of which other names are left out.

    An hour in which nothing happened is a nought, not a gap: a line drawn across it would say otherwise.
    """
    counted = [(at.astimezone(SHANGHAI), name, n) for at, name, n in rows if name in names]
    if not counted:
        return {"labels": [], "series": {name: [] for name in names}}
    first, last = min(at for at, _, _ in counted), max(at for at, _, _ in counted)
    is_by_day = last - first >= HOURS_SHOWN * _HOUR
    form, step = ("%m-%d", _DAY) if is_by_day else ("%m-%d %H:00", _HOUR)
    first = first.replace(hour=0 if is_by_day else first.hour, minute=0, second=0, microsecond=0)
    steps = int((last - first) / step) + 1
    labels = [f"{first + n * step:{form}}" for n in range(steps)]
    series = {name: dict.fromkeys(labels, 0) for name in names}
    for at, name, n in counted:
        series[name][f"{at:{form}}"] += n
    return {"labels": labels, "series": {name: list(found.values()) for name, found in series.items()}}
