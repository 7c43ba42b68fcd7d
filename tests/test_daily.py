"""The hours of a day at which people can take part, over midnight as well."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wxbot.daily import DAY_MINUTES, DailyHours

MINUTES = st.integers(0, DAY_MINUTES)


@given(MINUTES, MINUTES)
def test_a_minute_is_open_exactly_where_one_walks_from_the_first_time_to_the_second(opens: int, closes: int) -> None:
    hours = DailyHours(opens, closes)
    walked = set(range(opens, closes)) if opens <= closes else {*range(opens, DAY_MINUTES), *range(closes)}
    assert {minute for minute in range(DAY_MINUTES) if hours.is_open(minute)} == walked
    assert hours.minutes == len(walked) and hours.is_all_day == (len(walked) == DAY_MINUTES)
    assert hours.is_night == (opens < DAY_MINUTES and opens > closes > 0)


def test_hours_are_said_as_people_say_them() -> None:
    for opens, closes, zh, en in (
        (540, 1260, "09:00–21:00", "09:00–21:00"),
        (1320, 120, "22:00–次日 02:00", "22:00–02:00 the next day"),
        (1320, 0, "22:00–24:00", "22:00–24:00"),
    ):
        assert DailyHours(opens, closes).text == (zh, en)
