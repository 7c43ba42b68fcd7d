"""What an instant campaign adds to the form of a draft: its prizes row by row, their odds and stock, how long a win can be collected."""

from collections.abc import Mapping
from typing import Any, get_args

from flask_babel import gettext

from wxbot import typed
from wxbot.campaigns.draft_form import Readers, many, plain, read_odds, read_whole, read_yuan, take, take_all
from wxbot.campaigns.mechanic import DraftPart, Form, Typed
from wxbot.campaigns.models import Campaign
from wxbot.instant import pictures
from wxbot.instant.look import DEFAULT, colour_of
from wxbot.instant.models import PrizeKind, Skin
from wxbot.money import yuan
from wxbot.settings import Settings
from wxbot.text import Refusal, fault

PRIZES_MAX = 20
PRIZE_FIELDS = ("prize_kind", "prize_name", "prize_amount", "prize_odds", "prize_stock")
BLANK_PRIZES = (("money", "一等奖", "8.88", "0.5", "10"), ("money", "二等奖", "1.00", "20", "400"))
DAY_S = 86_400
SKINS: dict[str, str] = {"wheel": "大转盘", "grid": "九宫格", "scratch": "刮刮卡", "shake": "摇一摇"}


def _prize(row: tuple[str, ...]) -> dict[str, Any]:
    kind, name, amount, odds, stock = row
    if kind not in get_args(PrizeKind):
        raise fault("", "请选择红包或卡密", "Choose money or codes")
    fen = read_yuan(amount)
    return {
        "kind": kind,
        "name": typed.line(name),
        "split": "fixed",
        "min_fen": fen if kind == "money" else 0,
        "max_fen": fen if kind == "money" else 0,
        "total_fen": 0,
        "value_fen": fen,
        "odds_ppm": read_odds(odds),
        "stock": read_whole(stock),
        "release": {"way": "once", "weights": []},
        "when_gone": "miss",
    }


def read_prizes(form: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of prizes; one without name, amount and stock is skipped. Raises Refusal that names the row."""
    prizes: list[dict[str, Any]] = []
    for number, row in enumerate(zip(*(many(form, name) for name in PRIZE_FIELDS), strict=False), 1):
        if not any(plain(row[place]) for place in (1, 2, 4)):
            continue
        try:
            prizes.append(_prize(row))
        except Refusal as slip:
            raise fault("prizes", f"第 {number} 个奖品：{slip.text.zh}", f"Prize {number}: {slip.text.en}") from slip
    if len(prizes) > PRIZES_MAX:
        raise fault("prizes", f"最多 {PRIZES_MAX} 个奖品", f"At most {PRIZES_MAX} prizes")
    return prizes


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
    }
    return {"terms": terms}, []


def _percent(ppm: int) -> str:
    whole, rest = divmod(ppm, 10_000)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".")


def _typed(campaign: Campaign) -> Typed:
    prizes = campaign.terms.get("prizes", ())
    return {
        "claim_days": str(campaign.terms.get("claim_s", 7 * DAY_S) // DAY_S),
        "skin": str(campaign.terms.get("skin", "wheel")),
        **pictures.look_of(campaign),
        "prize_kind": [prize["kind"] for prize in prizes],
        "prize_name": [prize["name"] for prize in prizes],
        "prize_amount": [yuan(prize["value_fen"]).replace(",", "") for prize in prizes],
        "prize_odds": [_percent(prize["odds_ppm"]) for prize in prizes],
        "prize_stock": [str(prize["stock"]) for prize in prizes],
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
    }


def _shown(form: Form) -> Mapping[str, Any]:
    rows = list(zip(*(many(form, name) for name in PRIZE_FIELDS), strict=False))
    return {"prize_rows": rows or BLANK_PRIZES, "skins": SKINS}


def _words() -> Mapping[str, str]:
    return {
        "prizes": gettext("奖品"),
        "claim_days": gettext("兑奖期限"),
        "skin": gettext("外观"),
        "colour": gettext("主色"),
    }


PART = DraftPart(
    fields=tuple(READERS),
    rows=PRIZE_FIELDS,
    read=_read,
    typed=_typed,
    blank=_blank,
    page="console/draft_instant.html",
    shown=_shown,
    words=_words,
)
