"""What an instant campaign adds to the form of a draft: its prizes row by row, their odds and stock, how long a win can be collected."""

from collections.abc import Mapping
from typing import Any, get_args

from flask_babel import gettext

from wxbot import typed
from wxbot.campaigns.draft_form import Readers, plain, read_odds, read_whole, read_yuan, take, take_all
from wxbot.campaigns.mechanic import DraftPart, Form, Typed
from wxbot.campaigns.models import Campaign
from wxbot.instant import conditions, pictures
from wxbot.instant.look import DEFAULT, colour_of
from wxbot.instant.models import ODDS_OF, Skin, WhenGone
from wxbot.instant.prize_form import DAY_S, amounts_of, read_amounts, read_rows, rows_of, total_of, worth
from wxbot.instant.release import ReleaseSchedule
from wxbot.instant.shelf import SHELF
from wxbot.instant.terms import claim_s_of
from wxbot.money import NotANumber, parse_number, plain_percent
from wxbot.orders.channels import CONFIRMED
from wxbot.settings import Settings
from wxbot.text import Refusal, fault

PRIZE_FIELDS = (
    *("prize_kind", "prize_name", "prize_amount", "prize_odds", "prize_stock"),
    *("prize_release", "prize_weights", "prize_gone", "prize_total"),
)
BLANK_PRIZES = (
    ("money", "一等奖", "8.88", "0.5", "10", "even", "", "consolation", ""),
    ("money", "二等奖", "1.00", "20", "400", "once", "", "miss", ""),
)
SKINS: dict[str, str] = {"wheel": "大转盘", "grid": "九宫格", "scratch": "刮刮卡", "shake": "摇一摇"}
COMMAS = str.maketrans("，、 ;；", ",,,,,")


def read_prize_odds(text: str) -> int:
    """Parts per million from percent, or from `1/500`: one of so many draws."""
    one, slash, number = plain(text).partition("/")
    if not slash:
        return read_odds(text)
    try:
        of = parse_number(number)
    except NotANumber:
        of = 0
    if one.strip() != "1" or not 1 <= of <= ODDS_OF:
        raise fault("", "几次中一次请写成 1/500，最少 1/1,000,000", "Write one in N as 1/500; at least 1/1,000,000")
    return round(ODDS_OF / of)


def read_release(way: str, weights: str) -> dict[str, Any]:
    """How a prize's stock comes out: a way, and for days and hours their shares with commas between."""
    parts = [part for part in plain(weights).translate(COMMAS).split(",") if part]
    try:
        stored = {"way": way or "once", "weights": [read_whole(part) for part in parts] if way in WEIGHED else []}
        ReleaseSchedule.read(stored)
    except (Refusal, ValueError):
        raise fault(
            "",
            "按天投放填每天的份额，例如 3,2,1；按小时投放填 24 个份额，从 0 点开始",
            "By day: the share of each day, such as 3,2,1; by hour: 24 shares, from midnight on",
        ) from None
    return stored


KINDS = ("money", "code")
"""What can be won in draws on the phone; goods are for a stage."""

WEIGHED = ("days", "hours")
"""The ways of a release that go by weights."""


def _prize(row: tuple[str, ...]) -> dict[str, Any]:
    kind, name, amount, odds, stock, way, weights, gone, total = row
    if kind not in KINDS:
        raise fault("", "请选择红包或卡密", "Choose money or codes")
    amounts_fen = read_amounts(amount)
    total_fen = read_yuan(total) if kind == "money" and plain(total) else 0
    return {
        "kind": kind,
        "name": typed.line(name),
        **worth(kind, amounts_fen, total_fen),
        "odds_ppm": read_prize_odds(odds),
        "stock": read_whole(stock),
        "release": read_release(way, weights),
        "when_gone": gone if gone in get_args(WhenGone) else "miss",
    }


def read_prizes(form: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of prizes; one without name, amount and stock is skipped. Raises Refusal that names the row."""
    return read_rows(form, PRIZE_FIELDS, ("prize_name", "prize_amount", "prize_stock"), _prize)


def read_skin(text: str) -> str:
    """How it looks."""
    if text not in get_args(Skin):
        raise fault("skin", "请选择外观", "Choose how it looks")
    return text


def read_picture(text: str) -> str:
    """The name of a picture that was uploaded before (pictures.dress); nothing for anything else."""
    return text if pictures.NAME.fullmatch(text) else ""


READERS: Readers = {
    "claim_days": ("claim_days", read_whole, "7"),
    "skin": ("skin", read_skin, "wheel"),
    "colour": ("colour", colour_of, DEFAULT),
    "picture": ("picture", read_picture, ""),
    **conditions.READERS,
}


def _read(form: Form) -> tuple[dict[str, Any], list[Refusal]]:
    values, faults = take_all(form, READERS)
    take(values, faults, "prizes", "prizes", read_prizes, form)
    if faults:
        return {}, faults
    terms = {
        "prizes": values["prizes"],
        "claim_s": values["claim_days"] * DAY_S,
        "skin": values["skin"],
        "look": {"colour": values["colour"], "picture": values["picture"]},
        **{name: values[name] for name in conditions.NAMES},
    }
    return {"terms": terms}, []


def _typed(campaign: Campaign) -> Typed:
    prizes = campaign.terms.get("prizes", ())
    return {
        "claim_days": str(claim_s_of(campaign.terms) // DAY_S),
        "skin": str(campaign.terms.get("skin", "wheel")),
        **pictures.look_of(campaign),
        **conditions.fields_of(campaign.terms),
        "prize_kind": [prize["kind"] for prize in prizes],
        "prize_name": [prize["name"] for prize in prizes],
        "prize_amount": [amounts_of(prize) for prize in prizes],
        "prize_odds": [plain_percent(prize["odds_ppm"]) for prize in prizes],
        "prize_stock": [str(prize["stock"]) for prize in prizes],
        "prize_release": [str(prize["release"].get("way", "once")) for prize in prizes],
        "prize_weights": [",".join(map(str, prize["release"].get("weights") or ())) for prize in prizes],
        "prize_gone": [str(prize["when_gone"]) for prize in prizes],
        "prize_total": [total_of(prize) for prize in prizes],
    }


def _blank(_settings: Settings) -> Typed:
    return {
        "budget": "500.00",
        "expected_people": "2000",
        "tries_per_person": "3",
        "tries_per_day": "1",
        "claim_days": "7",
        "skin": "wheel",
        "colour": DEFAULT,
        "channel": CONFIRMED[0],
    }


def releases() -> dict[str, str]:
    """Way of a release → what it is called, in the reader's language."""
    return {
        "once": gettext("开始就全部放出"),
        "even": gettext("整个活动均匀放出"),
        "days": gettext("按天的份额"),
        "hours": gettext("按小时的份额"),
    }


def _shown(form: Form) -> Mapping[str, Any]:
    shown = {"prize_rows": rows_of(form, PRIZE_FIELDS) or BLANK_PRIZES, "skins": SKINS, "releases": releases()}
    return {**shown, "channels": conditions.channels()}


def _words() -> Mapping[str, str]:
    return {
        "prizes": gettext("奖品"),
        "claim_days": gettext("兑奖期限"),
        "skin": gettext("外观"),
        "colour": gettext("主色"),
        "wins_per_person": gettext("每人总中奖次数"),
        "wins_per_day": gettext("每人每日中奖次数"),
        "winners_per_day": gettext("全活动每日中奖次数"),
        "gap": gettext("两次抽奖的间隔"),
        "channel": gettext("怎么付款"),
        "is_allow_only": gettext("只让名单上的人抽"),
        "password": gettext("口令"),
    }


PART = DraftPart(
    fields=tuple(READERS),
    rows=PRIZE_FIELDS,
    shelf=SHELF,
    steps={"skin": "what", "colour": "pages", "picture": "", **conditions.STEPS},
    read=_read,
    typed=_typed,
    blank=_blank,
    page="console/draft_instant.html",
    shown=_shown,
    words=_words,
)
