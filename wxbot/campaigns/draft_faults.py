"""Every fault of a draft, named beside its field, before a fen is set aside: WeChat's limits, our own, and the law's.

What only one way to give cannot do is named by its mechanic.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from wxbot.campaigns import mechanic
from wxbot.campaigns.mechanic import DraftCheck, Values
from wxbot.campaigns.models import FIRST_MECHANIC
from wxbot.daily import DAY_MINUTES, DailyHours, minute_of_day
from wxbot.linter.check import findings
from wxbot.money import yuan
from wxbot.settings import Settings
from wxbot.text import Refusal, Text, fault, moment_text, time_of_day
from wxbot.wechat import limits

AHEAD_MAX = timedelta(days=731)
"""From the day on which a draft is looked at to its campaign's end: any campaign that is planned fits, a slip in the year does not."""

TRIES_MAX = 1_000
PEOPLE_MAX = 100_000_000
BUDGET_MAX_FEN = 10_000_000_000
RULES_CHARS = 5_000

TEXTS = ("name", "act_name", "organiser", "contact", "rules")
"""Fields of every campaign that people read and nobody may leave empty."""


def _window(values: Values, now: datetime) -> Iterator[Refusal]:
    begin_at, end_at = values.get("begin_at"), values.get("end_at")
    if end_at is not None and end_at <= now:
        yield fault("end_at", "结束时间已经过去，请选择将来的时间", "The end has passed; choose a time in the future")
    if end_at is not None and end_at - now > AHEAD_MAX:
        last = moment_text(now + AHEAD_MAX)
        yield fault(
            "end_at",
            f"结束时间最晚到 {last.zh}：请检查年月日",
            f"The end is {last.en} at the latest: check the year, the month and the day",
        )
    if begin_at is None or end_at is None:
        return
    if begin_at >= end_at:
        yield fault("end_at", "结束时间必须晚于开始时间", "The end must be later than the beginning")
    if begin_at < now - timedelta(days=1):
        yield fault("begin_at", "开始时间早已过去，请重新选择", "The beginning is long past; choose it again")


def _hours(values: Values, _now: datetime) -> Iterator[Refusal]:
    daily_from, daily_until = values.get("daily_from"), values.get("daily_until")
    if daily_from is not None and daily_until is not None and not DailyHours(daily_from, daily_until).parts:
        yield fault(
            "daily_until",
            "每日开放和每日关闭是同一时刻：全天请写 00:00 到 24:00；开到后半夜请写当晚和次日的时间，例如 22:00 到 02:00",
            "Both daily times are one: 00:00 to 24:00 is the whole day; a night is written with the next day's time, such as 22:00 to 02:00",
        )


def _night(values: Values) -> Iterator[Refusal]:
    """A night that the campaign's own beginning or end cuts: days are written where an evening was meant."""
    begin_at, end_at = values.get("begin_at"), values.get("end_at")
    hours = DailyHours(values.get("daily_from", 0), values.get("daily_until", DAY_MINUTES))
    if not hours.is_night or begin_at is None or end_at is None:
        return
    begin, end = minute_of_day(begin_at), minute_of_day(end_at)
    if begin < hours.closes:
        yield fault(
            "begin_at",
            f"每天 {hours.text.zh} 开放：活动开始时正是后半夜，马上就能抽。要从当晚开始，请把开始时间写成当天 {time_of_day(hours.opens)}",
            f"It is open at {hours.text.en}, so it opens at once, behind midnight. To begin in the evening, begin at {time_of_day(hours.opens)}",
        )
    if end != hours.opens and hours.is_open(end):
        closes, is_before_midnight = time_of_day(hours.closes), end > hours.opens
        day = Text("次日", "the next day") if is_before_midnight else Text("同一天的", "the same day")
        yield fault(
            "end_at",
            f"每天 {hours.text.zh} 开放：最后一晚没到 {closes} 活动就结束了。要开满这一晚，请把结束时间写成{day.zh} {closes}",
            f"It is open at {hours.text.en}; the end cuts the last night. To have all of it, end at {closes} of {day.en}",
        )


def _budget(values: Values, _now: datetime) -> Iterator[Refusal]:
    if not 0 < values.get("budget_fen", 1) <= BUDGET_MAX_FEN:
        yield fault(
            "budget",
            f"预算必须大于 0,不超过 {yuan(BUDGET_MAX_FEN)} 元",
            f"The budget is more than 0 and at most {yuan(BUDGET_MAX_FEN)} yuan",
        )


def _tries(values: Values, _now: datetime) -> Iterator[Refusal]:
    for field in ("tries_per_person", "tries_per_day"):
        if field in values and not 1 <= values[field] <= TRIES_MAX:
            yield fault(field, f"次数为 1 到 {TRIES_MAX}", f"1 to {TRIES_MAX} tries")
    if (
        values.get("tries_per_day", 0) > values.get("tries_per_person", TRIES_MAX)
        and values.get("tries_per_day", 0) <= TRIES_MAX
    ):
        yield fault("tries_per_day", "每人每日次数不能超过每人总次数", "Tries per day cannot exceed the tries in all")
    if values.get("expected_people", 0) > PEOPLE_MAX:
        yield fault("expected_people", f"预计人数不超过 {PEOPLE_MAX:,}", f"At most {PEOPLE_MAX:,} people")


def too_long(
    values: Values, in_bytes: Mapping[str, int] | None = None, in_characters: Mapping[str, int] | None = None
) -> Iterator[Refusal]:
    """What of these fields is longer than so many bytes, or characters."""
    for field, most in (in_bytes or {}).items():
        size = limits.byte_length(values.get(field, ""))
        if size > most:
            yield fault(
                field,
                f"最多 {most} 字节，约 {most // 3} 个汉字（现在 {size} 字节）",
                f"At most {most} bytes, about {most // 3} Chinese characters (now {size})",
            )
    for field, most in (in_characters or {}).items():
        if len(values.get(field, "")) > most:
            yield fault(field, f"最多 {most} 个字", f"At most {most} characters")


def unfit_texts(values: Values, fields: Iterable[str], optional: Collection[str] = ()) -> Iterator[Refusal]:
    """What people must not be told in these fields, whatever gives: nothing at all, or what the linter forbids."""
    for field in fields:
        text = values.get(field, "")
        if not text and field not in optional:
            yield fault(field, "不能为空", "Must not be empty")
        for found in findings(text):
            if found.is_error:
                yield Refusal(found.rule, found.text, field)


ADDRESS = re.compile(r"https?://[!-~]+")
"""Words behind the beginning of an address are words."""


def _written(values: Values) -> Iterator[tuple[str, str]]:
    """(field, text) of everything that somebody wrote for people, also within the mechanic's own terms; addresses are no text."""
    for field, value in (*values.items(), *values.get("terms", {}).items()):
        if isinstance(value, str):
            if not ADDRESS.fullmatch(value):
                yield field, value
        elif field != "terms":
            yield from ((field, text) for text in _strings(value))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _strings(each)


def _texts(values: Values, _now: datetime) -> Iterator[Refusal]:
    yield from unfit_texts(values, (*TEXTS, "keyword"), optional=("keyword",))
    for field, text in _written({"terms": values.get("terms", {})}):
        yield from (Refusal(found.rule, found.text, field) for found in findings(text) if found.is_error)
    yield from too_long(
        values,
        {"act_name": limits.ACT_NAME_BYTES},
        {"name": 40, "organiser": 40, "contact": 60, "keyword": 20, "rules": RULES_CHARS},
    )


CHECKS: tuple[DraftCheck, ...] = (_window, _hours, _budget, _tries, _texts)


def faults_of(values: Values, now: datetime) -> list[Refusal]:
    """Every fault of the values that are there; a missing value is skipped, because reading it already failed."""
    way = mechanic.way_of(values.get("mechanic", FIRST_MECHANIC))
    checks = (*CHECKS, *way.faults, way.entrance)
    return [each for check in checks for each in check(values, now)]


def cautions_of(session: Session, settings: Settings, values: Values, campaign_id: int | None) -> list[Refusal]:
    """What is allowed and may surprise, for those who write a draft and those who approve it."""
    way = mechanic.way_of(values.get("mechanic", FIRST_MECHANIC))
    return [
        *(each for caution in way.cautions for each in caution(session, settings, values, campaign_id)),
        *_night(values),
        *(
            Refusal(found.rule, found.text, field)
            for field, text in _written(values)
            for found in findings(text)
            if not found.is_error
        ),
    ]
