"""How often a person may win, who may draw, and how money is paid: fields of a draft's form in marketers' words.

A limit that is not offered is an empty field and None, never zero.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from flask_babel import gettext
from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from wxbot import typed
from wxbot.campaigns.draft_form import Readers, plain, read_tick, read_whole
from wxbot.campaigns.mechanic import Typed, Values
from wxbot.instant.models import AllowedPerson
from wxbot.instant.terms import channel_of
from wxbot.orders.channels import CHANNELS, CONFIRMED, DIRECT
from wxbot.settings import Settings
from wxbot.text import Refusal, Text, fault

NO_LIMIT = frozenset({"", "不限", "无", "no limit", "none"})
GAP_MAX_S = 86_400
PASSWORD_CHARS = 32
"""As long as its column."""

_SPAN = re.compile(r"([0-9]{1,6}) ?(秒|秒钟|分|分钟|小时|s|min|h)?")
_UNIT_S = {"分": 60, "分钟": 60, "min": 60, "小时": 3600, "h": 3600}


def read_limit(text: str) -> int | None:
    """How often something may happen; None for an empty field, which is no limit. Raises Refusal for 0."""
    if plain(text).casefold() in NO_LIMIT:
        return None
    number = read_whole(text)
    if number < 1:
        raise fault("", "至少填 1；不限制就留空", "At least 1; leave it empty for no limit")
    return number


def read_gap(text: str) -> int | None:
    """Seconds from `30`, `30 秒`, `5 分钟` or `1 小时`; None for an empty field."""
    span = plain(text).casefold()
    if span in NO_LIMIT:
        return None
    found = _SPAN.fullmatch(span)
    gap_s = int(found[1]) * _UNIT_S.get(found[2] or "", 1) if found else 0
    if not 1 <= gap_s <= GAP_MAX_S:
        raise fault(
            "",
            "请写成 30 秒、5 分钟或 1 小时，最长 24 小时；不限制就留空",
            "Write 30 s, 5 min or 1 h, at most 24 h; leave it empty for no limit",
        )
    return gap_s


def gap_text(gap_s: int) -> str:
    """A gap as `read_gap` reads it, in the reader's language."""
    text: str = gettext("%(n)s 秒", n=gap_s)
    if gap_s % 60 == 0:
        text = gettext("%(n)s 分钟", n=gap_s // 60)
    if gap_s % 3600 == 0:
        text = gettext("%(n)s 小时", n=gap_s // 3600)
    return text


def read_channel(text: str) -> str:
    """The channel that pays money prizes."""
    if text not in DIRECT:
        raise fault("channel", "请选择怎么付款", "Choose how money is paid")
    return text


def word_of(text: str) -> str:
    """The word [口令] of what was typed, by a marketer or on a phone: one reading, so that the two can be compared."""
    return " ".join(typed.line(text).split())


def is_word(word: str, given: str) -> bool:
    """Whether what a phone sent is a campaign's word; anything is where there is none."""
    return not word or word_of(given).casefold() == word.casefold()


def read_password(text: str) -> str | None:
    """The word that people type before they draw; None without one."""
    word = word_of(text)
    if len(word) > PASSWORD_CHARS:
        raise fault("", f"口令最多 {PASSWORD_CHARS} 个字", f"At most {PASSWORD_CHARS} characters")
    return word or None


READERS: Readers = {
    "wins_per_person": ("wins_per_person", read_limit, ""),
    "wins_per_day": ("wins_per_day", read_limit, ""),
    "winners_per_day": ("winners_per_day", read_limit, ""),
    "gap": ("gap_s", read_gap, ""),
    "channel": ("channel", read_channel, CONFIRMED[0]),
    "needs_binding": ("needs_binding", read_tick, ""),
    "is_allow_only": ("is_allow_only", read_tick, ""),
    "carry": ("carry", read_tick, ""),
    "password": ("password", read_password, ""),
}
STEPS = dict.fromkeys(
    ("wins_per_person", "wins_per_day", "winners_per_day", "gap", "needs_binding", "is_allow_only", "password"), "when"
)
"""Those of the fields that say who may draw and how often; the others stand beside the prizes."""

NAMES = tuple(key for key, _, _ in READERS.values())


def fields_of(terms: Mapping[str, Any]) -> Typed:
    """The fields that stored terms came from."""
    limits = {name: str(terms.get(name) or "") for name in ("wins_per_person", "wins_per_day", "winners_per_day")}
    ticks = {name: "1" if terms.get(name) else "" for name in ("needs_binding", "is_allow_only", "carry")}
    return {
        **limits,
        **ticks,
        "gap": gap_text(terms["gap_s"]) if terms.get("gap_s") else "",
        "channel": channel_of(terms),
        "password": str(terms.get("password") or ""),
    }


def channels() -> dict[str, Text]:
    """The channels to choose from, with their words; the usual one first."""
    return {name: CHANNELS[name].word for name in sorted(DIRECT, key=lambda name: name not in CONFIRMED)}


def faults_of_limits(values: Values, _now: datetime) -> Iterator[Refusal]:
    """Limits that contradict one another."""
    terms = values.get("terms") or {}
    in_all, a_day = terms.get("wins_per_person"), terms.get("wins_per_day")
    if in_all is not None and a_day is not None and a_day > in_all:
        yield fault("wins_per_day", "每天不能多于一共的次数", "A day's limit cannot be above the limit in all")


def is_list_empty(session: Session, values: Values, tick: str, listed: type[Any], campaign_id: int | None) -> bool:
    """Whether only listed people may come (the term `tick` is set) and no row of `listed` is this campaign's yet."""
    if not (values.get("terms") or {}).get(tick):
        return False
    mine = select(literal(1)).where(listed.campaign_id == campaign_id).limit(1)
    return campaign_id is None or session.scalar(mine) is None


def empty_list(session: Session, _settings: Settings, values: Values, campaign_id: int | None) -> Iterator[Refusal]:
    """Only listed people may draw, and nobody is listed yet."""
    if is_list_empty(session, values, "is_allow_only", AllowedPerson, campaign_id):
        yield fault(
            "is_allow_only",
            "名单还是空的，谁也抽不了。保存后在活动页点“可参加名单”导入",
            "Nobody is on the list yet. Save, then import it on the campaign's page, “People who may draw”",
        )
