"""From what a marketer typed to values in fen, minutes and UTC; each slip becomes a fault beside its field."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from wxbot import typed
from wxbot.campaigns.split import Tier
from wxbot.clock import SHANGHAI
from wxbot.money import NotANumber, NotMoney, half_width, parse_number, parse_yuan
from wxbot.text import Refusal, Text, fault

TIER_ROWS_MAX = 20
TIER_FIELDS = ("tier_label", "tier_amount", "tier_count")
WHOLE_MAX = 999_999_999
_TIME_OF_DAY = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_DEVICE = re.compile(r"[0-9]{1,12}")


def read_lines(text: str) -> str:
    """A text of several lines without outer blanks."""
    return typed.clean(text).strip()


def _plain(text: str) -> str:
    return half_width(typed.line(text))


def read_yuan(text: str) -> int:
    """Fen from yuan."""
    try:
        return parse_yuan(_plain(text))
    except NotMoney as error:
        raise fault(
            "",
            "请填写金额，单位元，最多两位小数，例如 1.68",
            "Give an amount in yuan with at most two decimals, such as 1.68",
        ) from error


def read_whole(text: str) -> int:
    """A whole number."""
    try:
        number = parse_number(_plain(text))
    except NotANumber:
        number = WHOLE_MAX + 1
    if number > WHOLE_MAX:
        raise fault("", "请填写整数，例如 500 或 1,000", "Give a whole number, such as 500 or 1,000")
    return number


def read_odds(text: str) -> int:
    """Parts per million from percent with at most four decimals: '12.5' and '12.5%' → 125000."""
    try:
        return parse_number(_plain(text).removesuffix("%"), 4)
    except NotANumber as error:
        raise fault(
            "",
            "请填写百分数，最多四位小数：十次中一次填 10，四万次中一次填 0.0025",
            "Give a percentage with at most four decimals: 10 for one in ten, 0.0025 for one in forty thousand",
        ) from error


def read_moment(text: str) -> datetime:
    """UTC from a Shanghai date and time as the browser's datetime field writes it."""
    try:
        moment = datetime.fromisoformat(_plain(text))
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
    found = _TIME_OF_DAY.fullmatch(_plain(text))
    minutes = int(found[1]) * 60 + int(found[2]) if found and int(found[2]) < 60 else -1
    if not 0 <= minutes <= 1440:
        raise fault(
            "", "请填写 00:00 到 24:00 之间的时间，例如 09:30", "Give a time between 00:00 and 24:00, such as 09:30"
        )
    return minutes


def read_devices(text: str) -> tuple[int, ...]:
    """Beacon numbers (device_id), separated by blanks, commas or new lines."""
    parts = re.split(r"[\s,;，；、]+", _plain(text))
    if any(part and not _DEVICE.fullmatch(part) for part in parts):
        raise fault(
            "",
            "设备编号(device_id)只能是数字，用逗号或换行分开",
            "Beacon numbers (device_id) are digits, separated by commas or lines",
        )
    return tuple(dict.fromkeys(int(part) for part in parts if part))


def _many(form: Mapping[str, Any], name: str) -> Sequence[str]:
    getlist = getattr(form, "getlist", None)
    if getlist is not None:
        return [str(value) for value in getlist(name)]
    value = form.get(name, ())
    return [str(value)] if isinstance(value, (str, int)) else [str(part) for part in value]


def read_tiers(form: Mapping[str, Any]) -> tuple[Tier, ...]:
    """The rows tier_label / tier_amount / tier_count; rows without amount and count are skipped."""
    rows = zip(*(_many(form, name) for name in TIER_FIELDS), strict=False)
    tiers = []
    for number, row in enumerate(rows, start=1):
        if not row[1].strip() and not row[2].strip():
            continue
        try:
            tiers.append(Tier(typed.line(row[0]) or f"{number}", read_yuan(row[1]), read_whole(row[2])))
        except Refusal as slip:
            raise fault("tiers", f"第 {number} 档:{slip.text.zh}", f"Tier {number}: {slip.text.en}") from slip
    if len(tiers) > TIER_ROWS_MAX:
        raise fault("", f"最多 {TIER_ROWS_MAX} 档", f"At most {TIER_ROWS_MAX} tiers")
    return tuple(tiers)


READERS: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "name": ("name", typed.line, ""),
    "begin_at": ("begin_at", read_moment, ""),
    "end_at": ("end_at", read_moment, ""),
    "daily_from": ("daily_from", read_time_of_day, "00:00"),
    "daily_until": ("daily_until", read_time_of_day, "24:00"),
    "budget": ("budget_fen", read_yuan, ""),
    "tries_per_person": ("tries_per_person", read_whole, "1"),
    "tries_per_day": ("tries_per_day", read_whole, "1"),
    "odds": ("odds_ppm", read_odds, "100"),
    "expected_people": ("expected_people", read_whole, "0"),
    "send_name": ("send_name", typed.line, ""),
    "act_name": ("act_name", typed.line, ""),
    "wishing": ("wishing", typed.line, ""),
    "remark": ("remark", typed.line, ""),
    "title": ("title", typed.line, ""),
    "description": ("description", typed.line, ""),
    "jump_url": ("jump_url", typed.line, ""),
    "rules": ("rules", read_lines, ""),
    "organiser": ("organiser", typed.line, ""),
    "contact": ("contact", typed.line, ""),
    "keyword": ("keyword", typed.line, ""),
    "device_ids": ("device_ids", read_devices, ""),
}
"""Form field → (value of the draft, how to read it, what stands for an empty field)."""

SPLIT_READERS: dict[str, dict[str, tuple[str, Callable[[str], Any]]]] = {
    "fixed": {"packet_count": ("packet_count", read_whole), "packet_amount": ("packet_fen", read_yuan)},
    "random": {
        "packet_count": ("packet_count", read_whole),
        "min_amount": ("min_fen", read_yuan),
        "max_amount": ("max_fen", read_yuan),
    },
    "tiers": {},
}
TYPED_MAX = 20_000
"""Characters of one field that are put aside as they were typed."""


def as_typed(form: Mapping[str, Any]) -> dict[str, Any]:
    """The form as it was typed, as plain JSON; empty fields too. Raises Refusal when a field is absurdly long."""
    single = [*READERS, "split", *(name for names in SPLIT_READERS.values() for name in names)]
    kept: dict[str, Any] = {name: str(form.get(name, "")) for name in single}
    kept |= {name: list(_many(form, name)) for name in TIER_FIELDS}
    if any(len(text) > TYPED_MAX for text in kept.values()) or any(
        len(text) > TYPED_MAX for name in TIER_FIELDS for text in kept[name]
    ):
        raise Refusal(
            "too_long", Text(f"每一栏最多 {TYPED_MAX:,} 字", f"A field takes at most {TYPED_MAX:,} characters")
        )
    return kept


def read_form(form: Mapping[str, Any]) -> tuple[dict[str, Any], list[Refusal]]:
    """(values that could be read, faults of the others); a missing value always has a fault of its own."""
    values: dict[str, Any] = {"packet_fen": 0, "min_fen": 0, "max_fen": 0, "tiers": ()}
    faults: list[Refusal] = []

    def take(field: str, key: str, read: Callable[[Any], Any], raw: Any) -> None:
        try:
            values[key] = read(raw)
        except Refusal as slip:
            values.pop(key, None)
            faults.append(fault(field, *slip.text))

    for field, (key, read, empty) in READERS.items():
        take(field, key, read, str(form.get(field, "")).strip() or empty)
    split = str(form.get("split", "fixed"))
    if split not in SPLIT_READERS:
        faults.append(fault("split", "请选择红包金额的分配方式", "Choose how the budget becomes packets"))
        return values, faults
    values["split"] = split
    for field, (key, read) in SPLIT_READERS[split].items():
        take(field, key, read, str(form.get(field, "")))
    if split == "tiers":
        take("tiers", "tiers", read_tiers, form)
        if "tiers" in values:
            values["packet_count"] = sum(tier.count for tier in values["tiers"])
    return values, faults
