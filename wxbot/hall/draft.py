"""What a hall adds to the form of a draft: its prizes round by round with their rules, the late entropy, who may come in and how.

`Campaign.terms` of a hall: {"prizes": [{the keys of instant/terms.PRIZE, "way", "per_selection", "scope", "absence", "groups",
"seconds", "leftover"}], "claim_s", "channel", "carry" (as in instant/terms), "mode", "is_rehearsal", "is_invited_only", "day_word", "groups"}.
"""

import re
from collections.abc import Mapping
from typing import Any, get_args

from flask_babel import gettext

from wxbot import typed
from wxbot.campaigns.draft_form import Readers, plain, read_tick, read_whole, read_yuan, take, take_all
from wxbot.campaigns.mechanic import DraftPart, Form, Typed
from wxbot.campaigns.models import Campaign
from wxbot.hall.models import EntropyMode, Leftover
from wxbot.hall.prize_rules import Absence, Scope
from wxbot.instant.conditions import channels, read_channel
from wxbot.instant.models import PrizeKind
from wxbot.instant.prize_form import DAY_S, amounts_of, read_amounts, read_rows, rows_of, total_of, worth
from wxbot.instant.terms import channel_of, claim_s_of
from wxbot.orders.channels import CONFIRMED
from wxbot.settings import Settings
from wxbot.text import Refusal, fault

WAYS = ("selection", "rain", "race")
"""How a prize is given: selected on the screen, falling in a red-packet rain, won in a shake race."""

PRIZE_FIELDS = (
    *("prize_way", "prize_kind", "prize_name", "prize_amount", "prize_stock", "prize_each"),
    *("prize_scope", "prize_absence", "prize_groups", "prize_total", "prize_seconds", "prize_leftover"),
)
BLANK_PRIZES = (
    ("selection", "money", "三等奖", "66.00", "10", "5", "evening", "evening", "", "", "", ""),
    ("selection", "money", "二等奖", "188.00", "3", "3", "evening", "evening", "", "", "", ""),
    ("selection", "goods", "一等奖", "3000.00", "1", "1", "evening", "evening", "", "", "", ""),
)
"""In the order in which an evening goes: the greatest prize comes last."""

GAME_SECONDS = 30
_BETWEEN = re.compile(r"[,，、;；\n]+")


def read_groups(text: str) -> list[str]:
    """Names of groups, with commas between them; each once."""
    parts = (" ".join(typed.line(part).split()) for part in _BETWEEN.split(typed.clean(text)))
    return list(dict.fromkeys(part for part in parts if part))


def _choice(value: str, of: Any, zh: str, en: str) -> str:
    if value not in get_args(of):
        raise fault("", zh, en)
    return value


def _prize(row: tuple[str, ...]) -> dict[str, Any]:
    way, kind, name, amount, stock, each, scope, absence, groups, total, seconds, leftover = row
    if way not in WAYS:
        raise fault("", "请选择怎么发：抽取、红包雨或竞速", "Choose how it is given: selection, rain or race")
    _choice(kind, PrizeKind, "请选择现金、卡密或实物", "Choose money, codes or goods")
    amounts_fen, number = read_amounts(amount), read_whole(stock)
    total_fen = read_yuan(total) if way == "rain" and kind == "money" and plain(total) else 0
    return {
        "way": way,
        "kind": kind,
        "name": typed.line(name),
        **worth(kind, amounts_fen, total_fen),
        "odds_ppm": 0,
        "stock": number,
        "release": {"way": "once", "weights": []},
        "when_gone": "miss",
        "per_selection": read_whole(each) if plain(each) else max(1, number),
        "scope": _choice(scope or "evening", Scope, "请选择中奖后还能不能再中", "Choose what a win keeps from"),
        "absence": _choice(absence or "evening", Absence, "请选择缺席失去什么", "Choose what absence costs"),
        "groups": read_groups(groups),
        "seconds": read_whole(seconds) if plain(seconds) else GAME_SECONDS,
        "leftover": _choice(
            leftover or "budget", Leftover, "请选择没接住的红包归谁", "Choose whose a missed packet is"
        ),
    }


def read_prizes(form: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of prizes; one without name, amount and number is skipped. Raises Refusal that names the row."""
    return read_rows(form, PRIZE_FIELDS, ("prize_name", "prize_amount", "prize_stock"), _prize)


def _read_mode(text: str) -> str:
    return _choice(text, EntropyMode, "请选择随机来源", "Choose where chance comes from")


READERS: Readers = {
    "claim_days": ("claim_days", read_whole, "7"),
    "channel": ("channel", read_channel, CONFIRMED[0]),
    "carry": ("carry", read_tick, ""),
    "mode": ("mode", _read_mode, "hall"),
    "groups": ("groups", read_groups, ""),
    "day_word": ("day_word", typed.line, ""),
    "is_invited_only": ("is_invited_only", read_tick, ""),
    "is_rehearsal": ("is_rehearsal", read_tick, ""),
}


def _read(form: Form) -> tuple[dict[str, Any], list[Refusal]]:
    values, faults = take_all(form, READERS)
    take(values, faults, "prizes", "prizes", read_prizes, form)
    if faults:
        return {}, faults
    return {"terms": {"claim_s": values.pop("claim_days") * DAY_S, **values}}, []


def _typed(campaign: Campaign) -> Typed:
    terms = campaign.terms
    prizes = terms.get("prizes", ())
    return {
        "claim_days": str(claim_s_of(terms) // DAY_S),
        "channel": channel_of(terms),
        "mode": str(terms.get("mode", "hall")),
        "groups": "，".join(terms.get("groups", ())),
        "day_word": str(terms.get("day_word", "")),
        **{name: "1" if terms.get(name) else "" for name in ("carry", "is_invited_only", "is_rehearsal")},
        **{f"prize_{name}": [str(prize[name]) for prize in prizes] for name in ("way", "kind", "name", "stock")},
        **{f"prize_{name}": [str(prize[name]) for prize in prizes] for name in ("scope", "absence", "seconds")},
        "prize_amount": [amounts_of(prize) for prize in prizes],
        "prize_each": [str(prize["per_selection"]) for prize in prizes],
        "prize_groups": ["，".join(prize["groups"]) for prize in prizes],
        "prize_total": [total_of(prize) for prize in prizes],
        "prize_leftover": [str(prize.get("leftover", "budget")) for prize in prizes],
    }


def _blank(_settings: Settings) -> Typed:
    return {
        "budget": "2000.00",
        "daily_from": "00:00",
        "daily_until": "24:00",
        "expected_people": "200",
        "claim_days": "7",
        "carry": "1",
        "mode": "hall",
        "channel": CONFIRMED[0],
    }


def modes() -> dict[str, tuple[str, str]]:
    """Mode → what it is called and what it proves, in the reader's language."""
    return {
        "hall": (gettext("现场号码"), gettext("三个人举起事先备好的号码，名单改不出想要的结果")),
        "drand": (gettext("公开随机数 drand"), gettext("冻结名单之后才产生的公开随机数；要能上外网")),
        "seed": (gettext("只用种子"), gettext("冻结之后改不了结果，但不防加减人员试到满意")),
    }


def ways() -> dict[str, str]:
    """How a prize is given → what it is called."""
    return {"selection": gettext("大屏抽取"), "rain": gettext("红包雨"), "race": gettext("摇一摇竞速")}


def kinds() -> dict[str, str]:
    """What a prize is → what it is called."""
    return {"money": gettext("现金"), "code": gettext("卡密"), "goods": gettext("实物")}


def scopes() -> dict[str, str]:
    """Scope → what it is called."""
    return {"evening": gettext("全场只中一次"), "prize": gettext("每个奖项只中一次")}


def absences() -> dict[str, str]:
    """What absence costs → what it is called."""
    return {
        "evening": gettext("缺席者今晚不再参加"),
        "slot": gettext("缺席者只失去这个奖项"),
        "pool": gettext("缺席者回到候选"),
    }


def leftovers() -> dict[str, str]:
    """Where a missed packet of a rain goes → what it is called."""
    return {"budget": gettext("没接住的退回预算"), "person": gettext("没接住的也归本人")}


def _shown(form: Form) -> Mapping[str, Any]:
    return {
        "prize_rows": rows_of(form, PRIZE_FIELDS) or BLANK_PRIZES,
        "channels": channels(),
        "modes": modes(),
        "ways_given": ways(),
        "kinds": kinds(),
        "scopes": scopes(),
        "absences": absences(),
        "leftovers": leftovers(),
    }


def _words() -> Mapping[str, str]:
    return {
        "prizes": gettext("奖品"),
        "claim_days": gettext("兑奖期限"),
        "channel": gettext("怎么付款"),
        "mode": gettext("随机来源"),
        "groups": gettext("分组"),
        "day_word": gettext("门口口令"),
        "is_invited_only": gettext("只让受邀的人签到"),
        "is_rehearsal": gettext("彩排"),
    }


def _step_words() -> Mapping[str, str]:
    return {"prizes": gettext("奖品和规则"), "when": gettext("时间和来宾")}


PART = DraftPart(
    fields=tuple(READERS),
    rows=PRIZE_FIELDS,
    steps={"is_rehearsal": "what", "mode": "prizes"} | dict.fromkeys(("groups", "day_word", "is_invited_only"), "when"),
    read=_read,
    typed=_typed,
    blank=_blank,
    days=0,
    hours=(18, 23),
    page="console/draft_hall.html",
    shown=_shown,
    words=_words,
    step_words=_step_words,
)
