"""What packets and WeChat's lottery cannot do, and what of it may surprise, beside the field of the draft (wechat-protocol §1.3, §2)."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns.draft_faults import BUDGET_MAX_FEN, too_long, unfit_texts
from wxbot.campaigns.mechanic import Caution, DraftCheck, Values
from wxbot.campaigns.models import FIRST_MECHANIC, Campaign
from wxbot.campaigns.split import total_fen
from wxbot.daily import DailyHours
from wxbot.money import yuan
from wxbot.orders.throttle import QUIET_UNTIL_HOUR
from wxbot.plurals import plural
from wxbot.settings import Settings
from wxbot.text import Refusal, fault, listed
from wxbot.wechat import limits, pay_texts

DEVICES_MAX = 500
JUMP_URL_CHARS = 512
TIER_LABEL_CHARS = 20
QUIET_MINUTES = QUIET_UNTIL_HOUR * 60

TEXTS = ("send_name", "wishing", "remark")
CARD_TEXTS = ("title", "description")
_FROZEN = ("send_name", "act_name", "wishing", "remark")
"""The texts that every packet carries, unchangeable once it is ordered."""

STANDS = ("submitted", "approved", "launching", "on", "off")
"""Statuses of the campaigns that have, or are about to have, a page on their beacons."""


def _span(values: Values, _now: datetime) -> Iterator[Refusal]:
    begin_at, end_at = values.get("begin_at"), values.get("end_at")
    if begin_at is not None and end_at is not None and end_at - begin_at > timedelta(seconds=limits.LOTTERY_SPAN_S):
        days = limits.LOTTERY_SPAN_S // limits.DAY_S
        yield fault(
            "end_at", f"微信限制一个活动最长 {days} 天", f"WeChat allows a campaign to last at most {days} days"
        )


def _amount(field: str, amount_fen: int, before_zh: str = "", before_en: str = "") -> Iterator[Refusal]:
    low, high = limits.PACKET_MIN_FEN, limits.PACKET_MAX_FEN
    if not low <= amount_fen <= high:
        yield fault(
            field,
            f"{before_zh}微信规定每个红包 {yuan(low)} 到 {yuan(high)} 元",
            f"{before_en}WeChat allows {yuan(low)} to {yuan(high)} yuan a packet",
        )


def _amounts(values: Values, _now: datetime) -> Iterator[Refusal]:
    split = values.get("split")
    if split == "fixed" and "packet_fen" in values:
        yield from _amount("packet_amount", values["packet_fen"])
    if split == "tiers":
        for number, tier in enumerate(values.get("tiers", ()), start=1):
            yield from _amount("tiers", tier.amount_fen, f"第 {number} 档:", f"Tier {number}: ")
            if tier.count < 1:
                yield fault("tiers", f"第 {number} 档的数量至少为 1", f"Tier {number} needs at least one packet")
            if len(tier.label) > TIER_LABEL_CHARS:
                yield fault(
                    "tiers",
                    f"第 {number} 档的名称最多 {TIER_LABEL_CHARS} 个可见字符",
                    f"Tier {number}: the name has at most {TIER_LABEL_CHARS} visible characters",
                )
        if "tiers" in values and not values["tiers"]:
            yield fault("tiers", "请至少填写一档红包", "Give at least one tier")
    if split == "random":
        for field, key in (("min_amount", "min_fen"), ("max_amount", "max_fen")):
            if key in values:
                yield from _amount(field, values[key])
        if values.get("min_fen", 0) > values.get("max_fen", 0) and "max_fen" in values:
            yield fault("max_amount", "最大金额不能小于最小金额", "The largest amount cannot be below the smallest")


def _fits(values: Values, _now: datetime) -> Iterator[Refusal]:
    budget_fen, count, split = values.get("budget_fen"), values.get("packet_count"), values.get("split")
    if budget_fen is None or not 0 < budget_fen <= BUDGET_MAX_FEN:
        return
    if count is None or count < 1:
        return
    if split == "random" and "min_fen" in values and "max_fen" in values:
        low, high = values["min_fen"] * count, values["max_fen"] * count
        if not low <= budget_fen <= high and low <= high:
            yield fault(
                "budget",
                f"{count:,} 个红包合计应在 {yuan(low)} 到 {yuan(high)} 元之间，才能恰好分完预算",
                f"{count:,} {plural(count, 'packet holds', 'packets hold')} {yuan(low)} to {yuan(high)} yuan; only such a budget can be split exactly",
            )
    elif split in ("fixed", "tiers") and "tiers" in values and "packet_fen" in values:
        cost = total_fen(
            split, budget_fen=budget_fen, packet_count=count, packet_fen=values["packet_fen"], tiers=values["tiers"]
        )
        if cost > budget_fen:
            yield fault(
                "budget",
                f"红包合计 {yuan(cost)} 元，超出预算",
                f"The packets cost {yuan(cost)} yuan, more than the budget",
            )


def _own(values: Values) -> Mapping[str, Any]:
    """The mechanic's own terms, as far as they could be read: odds that could not are missing, beacons are None."""
    own: Mapping[str, Any] = values.get("terms", {})
    return own


def _odds(values: Values, _now: datetime) -> Iterator[Refusal]:
    if not 1 <= _own(values).get("odds_ppm", 1) <= 1_000_000:
        yield fault("odds", "中奖概率大于 0%，不超过 100%", "The odds are more than 0 % and at most 100 %")


def _packet_texts(values: Values, _now: datetime) -> Iterator[Refusal]:
    yield from unfit_texts(values, TEXTS)
    for field in _FROZEN:
        wide = pay_texts.wide_character(values.get(field, ""))
        if wide:
            yield fault(field, pay_texts.WIDE_ZH.format(wide), pay_texts.WIDE_EN.format(wide).capitalize())
    yield from too_long(
        values, {"send_name": limits.SEND_NAME_BYTES, "remark": limits.REMARK_BYTES}, {"wishing": limits.WISHING_CHARS}
    )


def _after(values: Values, _now: datetime) -> Iterator[Refusal]:
    url = _own(values).get("jump_url", "")
    if not url:
        return
    try:
        parts = urlsplit(url)
        is_web = parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    except ValueError:
        is_web = False
    if not is_web or len(url) > JUMP_URL_CHARS or re.search(r"[\s<>\"'\\]", url):
        yield fault(
            "jump_url",
            f"请填写 https:// 开头的网址，最多 {JUMP_URL_CHARS} 个字符",
            f"Give an address that begins with https://, at most {JUMP_URL_CHARS} characters",
        )


def _tickets(values: Values, _now: datetime) -> Iterator[Refusal]:
    count, split = values.get("packet_count"), values.get("split")
    if count is not None and not 1 <= count <= limits.LOTTERY_TICKETS_MAX and not (split == "tiers" and count == 0):
        most = limits.LOTTERY_TICKETS_MAX
        field = "tiers" if split == "tiers" else "packet_count"
        yield fault(field, f"红包数量为 1 到 {most:,} 个（微信限制）", f"1 to {most:,} packets (WeChat's limit)")


def _card(values: Values, _now: datetime) -> Iterator[Refusal]:
    for field, most in zip(CARD_TEXTS, (limits.LOTTERY_TITLE_WIDTH, limits.LOTTERY_DESC_WIDTH), strict=True):
        text = _own(values).get(field, "")
        if not text:
            yield fault(field, "不能为空", "Must not be empty")
        width = limits.text_width(text)
        if width > most:
            yield fault(
                field,
                f"最多 {most // 2} 个汉字或 {most} 个字母（现在相当于 {width} 个字母）",
                f"At most {most // 2} Chinese or {most} Latin characters (now {width} in Latin)",
            )


def beacons(values: Values, _now: datetime) -> Iterator[Refusal]:
    """Only who shakes at one of its beacons may draw: a link or a keyword alone lead to the rules."""
    device_ids = _own(values).get("device_ids", ())
    if "terms" in values and device_ids is not None and not device_ids:
        yield fault(
            "device_ids",
            "没有入口：只有在现场摇一摇的人能抽奖，请填写至少一个摇一摇设备编号",
            "No way in: only people who shake on site can draw; give at least one beacon number",
        )
    if len(device_ids or ()) > DEVICES_MAX:
        yield fault("device_ids", f"最多 {DEVICES_MAX} 个设备", f"At most {DEVICES_MAX} beacons")


def _shared(session: Session, _settings: Settings, values: Values, campaign_id: int | None) -> Iterator[Refusal]:
    """Other campaigns of the same days on the same beacon: WeChat shows one of its pages at random (wechat-protocol §2.2)."""
    mine = _own(values).get("device_ids")
    if not mine or not values.keys() >= {"begin_at", "end_at"}:
        return
    others = session.execute(
        select(Campaign.id, Campaign.name, Campaign.terms)
        .where(Campaign.status.in_(STANDS), Campaign.begin_at < values["end_at"], Campaign.end_at > values["begin_at"])
        .where(Campaign.mechanic == FIRST_MECHANIC)
        .order_by(Campaign.id)
    )
    for other_id, name, terms in others:
        both = [str(device_id) for device_id in mine if device_id in terms.get("device_ids", ())]
        if both and other_id != campaign_id:
            devices = listed(both)
            yield fault(
                "device_ids",
                f"同一时间活动“{name}”也用设备 {devices.zh}：微信会随机显示其中一个，摇到的人会分走一部分",
                f"The campaign “{name}” uses beacon {devices.en} in the same days: WeChat shows one of the two at random",
            )


def _quiet_hours(_session: Session, settings: Settings, values: Values, _campaign_id: int | None) -> Iterator[Refusal]:
    begin, end = values.get("daily_from"), values.get("daily_until")
    if not settings.pay_quiet_hours or begin is None or end is None:
        return
    quiet = [part for part in DailyHours(begin, end).parts if part[0] < QUIET_MINUTES]
    if not quiet:
        return
    begin, end = quiet[0][0], min(quiet[0][1], QUIET_MINUTES)
    hours = f"{begin // 60}:{begin % 60:02d}–{end // 60}:{end % 60:02d}"
    yield fault(
        "daily_from",
        f"微信支付每天 0:00–8:00 不收新红包：{hours} 只能抽 0 点前备好的，抽完要等到 8 点后才有",
        f"WeChat Pay takes no new packets from 0:00 to 8:00: at {hours} only what was stocked before midnight can be drawn, more comes after 8:00",
    )


FAULTS: tuple[DraftCheck, ...] = (_amounts, _fits, _odds, _packet_texts, _after, _span, _tickets, _card)
CAUTIONS: tuple[Caution, ...] = (_shared, _quiet_hours)
