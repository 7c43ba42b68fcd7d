"""Every fault of a draft, named beside its field, before a fen is set aside: WeChat's limits, our own, and the law's.

What only one way to give cannot do is named by its mechanic.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from wxbot.campaigns import mechanic
from wxbot.campaigns.mechanic import DraftCheck, Values
from wxbot.campaigns.models import FIRST_MECHANIC
from wxbot.campaigns.split import total_fen
from wxbot.money import yuan
from wxbot.settings import Settings
from wxbot.text import Refusal, fault
from wxbot.wechat import limits, pay_texts

TRIES_MAX = 1_000
PEOPLE_MAX = 100_000_000
BUDGET_MAX_FEN = 10_000_000_000
JUMP_URL_CHARS = 512
RULES_CHARS = 5_000
TIER_LABEL_CHARS = 20

_FROZEN = ("send_name", "act_name", "wishing", "remark")
"""The texts that every packet carries, unchangeable once it is ordered."""
_TEXTS = (
    "name",
    "send_name",
    "act_name",
    "wishing",
    "remark",
    "title",
    "description",
    "organiser",
    "contact",
    "keyword",
)
_NOT_NEEDED = r"(?<!无需)(?<!无须)(?<!不需)(?<!不必)(?<!不用)(?<!不要求)(?<!不需要)"
_INDUCED = (
    re.compile(
        _NOT_NEEDED
        + r"关注(?:后|即|才|方可|就能|可领|可抽|领|抽|并|公众号后|公众号即|公众号可|公众号领|公众号抽|我们后|我们即)"
    ),
    re.compile(_NOT_NEEDED + r"(?:分享|转发)(?:后|即|才|方可|就能|可领|可抽|领|抽|到朋友圈|给好友|朋友圈|好友|得|群)"),
    re.compile(_NOT_NEEDED + r"(?:集赞|集卡|助力|砍价|邀请好友|邀好友|拉人|点赞满|转发集)"),
    re.compile(r"(?i)\b(?:follow|share|forward|invite)\b[^.\n]{0,30}\b(?:to (?:win|get|draw|receive|unlock)|before)\b"),
)
_IMPOSTOR = re.compile(r"微信官方|腾讯官方|微信支付官方|微信团队|(?:微信|腾讯)(?:公司)?主办")


def _window(values: Values, now: datetime) -> Iterator[Refusal]:
    begin_at, end_at = values.get("begin_at"), values.get("end_at")
    if end_at is not None and end_at <= now:
        yield fault("end_at", "结束时间已经过去，请选择将来的时间", "The end has passed; choose a time in the future")
    if begin_at is None or end_at is None:
        return
    if begin_at >= end_at:
        yield fault("end_at", "结束时间必须晚于开始时间", "The end must be later than the beginning")
    if begin_at < now - timedelta(days=1):
        yield fault("begin_at", "开始时间早已过去，请重新选择", "The beginning is long past; choose it again")


def _hours(values: Values, _now: datetime) -> Iterator[Refusal]:
    daily_from, daily_until = values.get("daily_from"), values.get("daily_until")
    if daily_from is not None and daily_until is not None and daily_from >= daily_until:
        yield fault(
            "daily_until", "每日结束时间必须晚于每日开始时间", "The daily end must be later than the daily beginning"
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


def _budget(values: Values, _now: datetime) -> Iterator[Refusal]:
    budget_fen, count, split = values.get("budget_fen"), values.get("packet_count"), values.get("split")
    if budget_fen is None:
        return
    if not 0 < budget_fen <= BUDGET_MAX_FEN:
        yield fault(
            "budget",
            f"预算必须大于 0,不超过 {yuan(BUDGET_MAX_FEN)} 元",
            f"The budget is more than 0 and at most {yuan(BUDGET_MAX_FEN)} yuan",
        )
        return
    if count is None or count < 1:
        return
    if split == "random" and "min_fen" in values and "max_fen" in values:
        low, high = values["min_fen"] * count, values["max_fen"] * count
        if not low <= budget_fen <= high and low <= high:
            yield fault(
                "budget",
                f"{count:,} 个红包合计应在 {yuan(low)} 到 {yuan(high)} 元之间，才能恰好分完预算",
                f"{count:,} packets hold {yuan(low)} to {yuan(high)} yuan; only such a budget can be split exactly",
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


def _chances(values: Values, _now: datetime) -> Iterator[Refusal]:
    if "odds_ppm" in values and not 1 <= values["odds_ppm"] <= 1_000_000:
        yield fault("odds", "中奖概率大于 0%，不超过 100%", "The odds are more than 0 % and at most 100 %")
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


def _too_long(values: Values) -> Iterator[Refusal]:
    for field, most in (
        ("send_name", limits.SEND_NAME_BYTES),
        ("act_name", limits.ACT_NAME_BYTES),
        ("remark", limits.REMARK_BYTES),
    ):
        size = limits.byte_length(values.get(field, ""))
        if size > most:
            yield fault(
                field,
                f"最多 {most} 字节，约 {most // 3} 个汉字（现在 {size} 字节）",
                f"At most {most} bytes, about {most // 3} Chinese characters (now {size})",
            )
    for field, most in (
        ("wishing", limits.WISHING_CHARS),
        ("name", 40),
        ("organiser", 40),
        ("contact", 60),
        ("keyword", 20),
        ("rules", RULES_CHARS),
    ):
        if len(values.get(field, "")) > most:
            yield fault(field, f"最多 {most} 个字", f"At most {most} characters")


def _texts(values: Values, _now: datetime) -> Iterator[Refusal]:
    for field in (*_TEXTS, "rules"):
        text = values.get(field, "")
        if not text and field != "keyword":
            yield fault(field, "不能为空", "Must not be empty")
        for pattern in _INDUCED:
            found = pattern.search(text)
            if found:
                yield fault(
                    field,
                    f"“{found[0]}”属于诱导关注或诱导分享，微信会封禁；领取红包不能以关注、分享、邀请为条件",
                    f"“{found[0]}” makes following or sharing a condition; WeChat bans accounts for it. Take the condition away",
                )
                break
        wide = pay_texts.wide_character(text) if field in _FROZEN else ""
        if wide:
            yield fault(field, pay_texts.WIDE_ZH.format(wide), pay_texts.WIDE_EN.format(wide).capitalize())
        if _IMPOSTOR.search(text):
            yield fault(
                field, "不得让人误以为由微信或腾讯主办", "Must not suggest that WeChat or Tencent is the organiser"
            )
    yield from _too_long(values)


def _after(values: Values, _now: datetime) -> Iterator[Refusal]:
    url = values.get("jump_url", "")
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


CHECKS: tuple[DraftCheck, ...] = (
    _window,
    _hours,
    _amounts,
    _budget,
    _chances,
    _texts,
    _after,
)


def faults_of(values: Values, now: datetime) -> list[Refusal]:
    """Every fault of the values that are there; a missing value is skipped, because reading it already failed."""
    way = mechanic.way_of(values.get("mechanic", FIRST_MECHANIC))
    checks = (*CHECKS, *way.faults, way.entrance)
    return [each for check in checks for each in check(values, now)]


def cautions_of(session: Session, settings: Settings, values: Values, campaign_id: int | None) -> list[Refusal]:
    """What is allowed and may surprise, for those who write a draft and those who approve it."""
    way = mechanic.way_of(values.get("mechanic", FIRST_MECHANIC))
    return [each for caution in way.cautions for each in caution(session, settings, values, campaign_id)]
