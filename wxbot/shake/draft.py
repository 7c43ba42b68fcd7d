"""What a shake campaign adds to the form of a draft: how the budget becomes packets, the texts of packet and card, its beacons."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext

from wxbot import typed
from wxbot.campaigns.draft import tiers_of
from wxbot.campaigns.draft_form import Readers, many, plain, read_odds, read_whole, read_yuan, take, take_all
from wxbot.campaigns.mechanic import DraftPart, DraftTemplate, Form, Typed
from wxbot.campaigns.models import Campaign
from wxbot.campaigns.split import Tier
from wxbot.money import plain_percent, plain_yuan
from wxbot.settings import Settings
from wxbot.shake.terms import NAMES, terms_of
from wxbot.text import Refusal, Text, fault

TIER_ROWS_MAX = 20
TIER_FIELDS = ("tier_label", "tier_amount", "tier_count")
BLANK_TIERS = (("一等奖", "", ""), ("二等奖", "", ""), ("三等奖", "", ""))
_DEVICE = re.compile(r"[0-9]{1,12}")


def read_devices(text: str) -> list[int]:
    """Beacon numbers (device_id), separated by blanks, commas or new lines."""
    parts = re.split(r"[\s,;，；、]+", plain(text))
    if any(part and not _DEVICE.fullmatch(part) for part in parts):
        raise fault(
            "",
            "设备编号(device_id)只能是数字，用逗号或换行分开",
            "Beacon numbers (device_id) are digits, separated by commas or lines",
        )
    return list(dict.fromkeys(int(part) for part in parts if part))


def read_tiers(form: Mapping[str, Any]) -> tuple[Tier, ...]:
    """The rows tier_label / tier_amount / tier_count; rows without amount and count are skipped."""
    rows = zip(*(many(form, name) for name in TIER_FIELDS), strict=False)
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


READERS: Readers = {
    "odds": ("odds_ppm", read_odds, "100"),
    "send_name": ("send_name", typed.line, ""),
    "wishing": ("wishing", typed.line, ""),
    "remark": ("remark", typed.line, ""),
    "title": ("title", typed.line, ""),
    "description": ("description", typed.line, ""),
    "jump_url": ("jump_url", typed.line, ""),
    "device_ids": ("device_ids", read_devices, ""),
}

SPLIT_READERS: dict[str, dict[str, tuple[str, Callable[[str], Any]]]] = {
    "fixed": {"packet_count": ("packet_count", read_whole), "packet_amount": ("packet_fen", read_yuan)},
    "random": {
        "packet_count": ("packet_count", read_whole),
        "min_amount": ("min_fen", read_yuan),
        "max_amount": ("max_fen", read_yuan),
    },
    "tiers": {},
}
"""How the budget becomes packets → the fields that say so."""


def _read(form: Form) -> tuple[dict[str, Any], list[Refusal]]:
    values, faults = take_all(form, READERS)
    values["terms"] = {"device_ids": None} | {name: values.pop(name) for name in NAMES if name in values}
    values |= {"packet_fen": 0, "min_fen": 0, "max_fen": 0, "tiers": ()}
    split = str(form.get("split", "fixed"))
    if split not in SPLIT_READERS:
        faults.append(fault("split", "请选择红包金额的分配方式", "Choose how the budget becomes packets"))
        return values, faults
    values["split"] = split
    for field, (key, read) in SPLIT_READERS[split].items():
        take(values, faults, field, key, read, str(form.get(field, "")))
    if split == "tiers":
        take(values, faults, "tiers", "tiers", read_tiers, form)
        if "tiers" in values:
            values["packet_count"] = sum(tier.count for tier in values["tiers"])
    return values, faults


def _plain_yuan(amount_fen: int) -> str:
    return plain_yuan(amount_fen) if amount_fen else ""


def _typed(campaign: Campaign) -> Typed:
    texts = ("split", "packet_count", "send_name", "wishing", "remark")
    tiers, own = tiers_of(campaign), terms_of(campaign)
    return {name: str(getattr(campaign, name)) for name in texts} | {
        **{name: getattr(own, name) for name in ("title", "description", "jump_url")},
        "packet_amount": _plain_yuan(campaign.packet_fen),
        "min_amount": _plain_yuan(campaign.min_fen),
        "max_amount": _plain_yuan(campaign.max_fen),
        "odds": plain_percent(own.odds_ppm),
        "device_ids": ", ".join(map(str, own.device_ids)),
        "tier_label": [tier.label for tier in tiers],
        "tier_amount": [_plain_yuan(tier.amount_fen) for tier in tiers],
        "tier_count": [str(tier.count) for tier in tiers],
    }


def _blank(settings: Settings) -> Typed:
    return {
        "split": "random",
        "min_amount": "1.00",
        "max_amount": "8.88",
        "packet_count": "500",
        "budget": "1000.00",
        "odds": "100",
        "expected_people": "600",
        "tries_per_person": "3",
        "tries_per_day": "1",
        "wishing": "恭喜发财，大吉大利",
        "send_name": settings.brand,
    }


def _shown(form: Form) -> Mapping[str, Any]:
    return {"tier_rows": list(zip(*(many(form, name) for name in TIER_FIELDS), strict=False)) or BLANK_TIERS}


def _words() -> Mapping[str, str]:
    return {
        "split": gettext("金额怎么分"),
        "packet_count": gettext("红包数量"),
        "packet_amount": gettext("每个金额"),
        "min_amount": gettext("最小金额"),
        "max_amount": gettext("最大金额"),
        "tiers": gettext("分档奖励"),
        "odds": gettext("中奖概率"),
        "title": gettext("标题"),
        "description": gettext("副标题"),
        "send_name": gettext("发送方"),
        "wishing": gettext("祝福语"),
        "remark": gettext("备注"),
        "jump_url": gettext("领取后跳转"),
        "device_ids": gettext("摇一摇设备编号"),
    }


SHELF = {
    "shop": DraftTemplate(
        icon="ti-gift",
        word=Text("到店摇一摇 · 拼手气红包", "Shake in the shop, random packets"),
        text=Text(
            "已经有摇一摇周边设备的商家：到店摇出现金红包",
            "For shops that have beacons already: shake there for cash packets",
        ),
        fields={
            "budget": "",
            "packet_count": "500",
            "min_amount": "1.00",
            "max_amount": "5.00",
            "expected_people": "1000",
            "odds": "50",
            "name": "到店摇一摇",
            "act_name": "到店有礼",
            "title": "到店红包",
            "description": "摇一摇试试",
            "remark": "到店有礼",
            "rules": "活动期间到店打开微信摇一摇参加，每人最多一个红包，红包金额随机。",
        },
    ),
}
"""Templates: a beacon's number, budget, dates and who stands for it are the marketer's."""


PART = DraftPart(
    fields=(*READERS, "split", *(name for names in SPLIT_READERS.values() for name in names)),
    rows=TIER_FIELDS,
    shelf=SHELF,
    steps=dict.fromkeys(("title", "description", "send_name", "wishing", "remark", "jump_url", "device_ids"), "pages"),
    read=_read,
    typed=_typed,
    blank=_blank,
    page="console/draft_shake.html",
    shown=_shown,
    words=_words,
)
