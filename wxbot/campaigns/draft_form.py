"""From what a marketer typed to values in fen, minutes and UTC; each slip becomes a fault beside its field."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from wxbot import typed
from wxbot.campaigns import mechanic
from wxbot.campaigns.mechanic import CampaignMechanic
from wxbot.campaigns.models import FIRST_MECHANIC
from wxbot.clock import SHANGHAI
from wxbot.money import NotANumber, NotMoney, half_width, parse_number, parse_yuan
from wxbot.text import Refusal, Text, fault

WHOLE_MAX = 999_999_999
_TIME_OF_DAY = re.compile(r"([0-9]{1,2}):([0-9]{2})")


def read_lines(text: str) -> str:
    """A text of several lines without outer blanks."""
    return typed.clean(text).strip()


def plain(text: str) -> str:
    """What was typed into a field of figures: one line, half-width."""
    return half_width(typed.line(text))


def read_yuan(text: str) -> int:
    """Fen from yuan."""
    try:
        return parse_yuan(plain(text))
    except NotMoney as error:
        raise fault(
            "",
            "请填写金额，单位元，最多两位小数，例如 1.68",
            "Give an amount in yuan with at most two decimals, such as 1.68",
        ) from error


def read_whole(text: str) -> int:
    """A whole number."""
    try:
        number = parse_number(plain(text))
    except NotANumber:
        number = WHOLE_MAX + 1
    if number > WHOLE_MAX:
        raise fault("", "请填写整数，例如 500 或 1,000", "Give a whole number, such as 500 or 1,000")
    return number


def read_tick(text: str) -> bool:
    """Whether a box was ticked; a browser sends nothing for one that was not."""
    return text == "1"


def read_odds(text: str) -> int:
    """Parts per million from percent with at most four decimals: '12.5' and '12.5%' → 125000."""
    try:
        return parse_number(plain(text).removesuffix("%"), 4)
    except NotANumber as error:
        raise fault(
            "",
            "请填写百分数，最多四位小数：十次中一次填 10，四万次中一次填 0.0025",
            "Give a percentage with at most four decimals: 10 for one in ten, 0.0025 for one in forty thousand",
        ) from error


def read_moment(text: str) -> datetime:
    """UTC from a Shanghai date and time as the browser's datetime field writes it."""
    try:
        moment = datetime.fromisoformat(plain(text))
    except ValueError as error:
        raise fault("", "请选择日期和时间（北京时间）", "Choose a date and time (Beijing time)") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SHANGHAI)
    try:
        return moment.astimezone(UTC).replace(second=0, microsecond=0)
    except OverflowError as error:
        raise fault("", "日期超出范围", "The date is out of range") from error


def read_time_of_day(text: str) -> int:
    """Minutes of the day from '08:30'; 24:00 is the end of the day."""
    found = _TIME_OF_DAY.fullmatch(plain(text))
    minutes = int(found[1]) * 60 + int(found[2]) if found and int(found[2]) < 60 else -1
    if not 0 <= minutes <= 1440:
        raise fault(
            "", "请填写 00:00 到 24:00 之间的时间，例如 09:30", "Give a time between 00:00 and 24:00, such as 09:30"
        )
    return minutes


def many(form: Mapping[str, Any], name: str) -> Sequence[str]:
    """A field that repeats, of a browser's form or of one that was put aside."""
    getlist = getattr(form, "getlist", None)
    if getlist is not None:
        return [str(value) for value in getlist(name)]
    value = form.get(name, ())
    return [str(value)] if isinstance(value, (str, int)) else [str(part) for part in value]


Readers = Mapping[str, tuple[str, Callable[[str], Any], str]]
"""Form field → (value of the draft, how to read it, what stands for an empty field)."""

READERS: Readers = {
    "name": ("name", typed.line, ""),
    "begin_at": ("begin_at", read_moment, ""),
    "end_at": ("end_at", read_moment, ""),
    "daily_from": ("daily_from", read_time_of_day, "00:00"),
    "daily_until": ("daily_until", read_time_of_day, "24:00"),
    "budget": ("budget_fen", read_yuan, ""),
    "tries_per_person": ("tries_per_person", read_whole, "1"),
    "tries_per_day": ("tries_per_day", read_whole, "1"),
    "expected_people": ("expected_people", read_whole, "0"),
    "act_name": ("act_name", typed.line, ""),
    "rules": ("rules", read_lines, ""),
    "organiser": ("organiser", typed.line, ""),
    "contact": ("contact", typed.line, ""),
    "keyword": ("keyword", typed.line, ""),
}
"""The fields that the form of every campaign has."""

TYPED_MAX = 20_000
"""Characters of one field that are put aside as they were typed."""


def way_in(form: Mapping[str, Any]) -> tuple[str, CampaignMechanic]:
    """The way to give that a form is about: its hidden field, else the first one. Raises Refusal."""
    name = str(form.get("mechanic") or FIRST_MECHANIC)
    try:
        return name, mechanic.way_of(name)
    except KeyError:
        raise fault("mechanic", "请选择活动怎么发", "Choose how the campaign gives") from None


def as_typed(form: Mapping[str, Any]) -> dict[str, Any]:
    """The form as it was typed, as plain JSON; empty fields too. Raises Refusal when a field is absurdly long."""
    name, way = way_in(form)
    kept: dict[str, Any] = {field: str(form.get(field, "")) for field in (*READERS, *way.draft.fields)}
    kept |= {field: list(many(form, field)) for field in way.draft.rows} | {"mechanic": name}
    texts = [text for value in kept.values() for text in ([value] if isinstance(value, str) else value)]
    if any(len(text) > TYPED_MAX for text in texts):
        raise Refusal(
            "too_long", Text(f"每一栏最多 {TYPED_MAX:,} 字", f"A field takes at most {TYPED_MAX:,} characters")
        )
    return kept


def take(
    values: dict[str, Any], faults: list[Refusal], field: str, key: str, read: Callable[[Any], Any], raw: Any
) -> None:
    """Read one field into `values[key]`, or add its fault."""
    try:
        values[key] = read(raw)
    except Refusal as slip:
        values.pop(key, None)
        faults.append(fault(field, *slip.text))


def take_all(form: Mapping[str, Any], readers: Readers) -> tuple[dict[str, Any], list[Refusal]]:
    """(values of these fields that could be read, faults of the others)."""
    values: dict[str, Any] = {}
    faults: list[Refusal] = []
    for field, (key, read, empty) in readers.items():
        take(values, faults, field, key, read, str(form.get(field, "")).strip() or empty)
    return values, faults


def read_form(form: Mapping[str, Any]) -> tuple[dict[str, Any], list[Refusal]]:
    """(values that could be read, faults of the others); a missing value always has a fault of its own."""
    values, faults = take_all(form, READERS)
    try:
        name, way = way_in(form)
    except Refusal as unknown:
        return values, [*faults, unknown]
    own, own_faults = way.draft.read(form)
    return values | own | {"mechanic": name}, faults + own_faults
