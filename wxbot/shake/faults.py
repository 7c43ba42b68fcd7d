"""What WeChat's lottery cannot do, and what of it may surprise, beside the field of the draft (wechat-protocol §1.3, §2)."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns.mechanic import Caution, DraftCheck, Values
from wxbot.campaigns.models import Campaign
from wxbot.orders.throttle import QUIET_UNTIL_HOUR
from wxbot.settings import Settings
from wxbot.text import Refusal, fault
from wxbot.wechat import limits

DEVICES_MAX = 500
QUIET_MINUTES = QUIET_UNTIL_HOUR * 60

STANDS = ("submitted", "approved", "launching", "on", "off")
"""Statuses of the campaigns that have, or are about to have, a page on their beacons."""


def _span(values: Values, _now: datetime) -> Iterator[Refusal]:
    begin_at, end_at = values.get("begin_at"), values.get("end_at")
    if begin_at is not None and end_at is not None and end_at - begin_at > timedelta(seconds=limits.LOTTERY_SPAN_S):
        days = limits.LOTTERY_SPAN_S // limits.DAY_S
        yield fault(
            "end_at", f"微信限制一个活动最长 {days} 天", f"WeChat allows a campaign to last at most {days} days"
        )


def _tickets(values: Values, _now: datetime) -> Iterator[Refusal]:
    count, split = values.get("packet_count"), values.get("split")
    if count is not None and not 1 <= count <= limits.LOTTERY_TICKETS_MAX and not (split == "tiers" and count == 0):
        most = limits.LOTTERY_TICKETS_MAX
        field = "tiers" if split == "tiers" else "packet_count"
        yield fault(field, f"红包数量为 1 到 {most:,} 个（微信限制）", f"1 to {most:,} packets (WeChat's limit)")


def _card(values: Values, _now: datetime) -> Iterator[Refusal]:
    for field, most in (("title", limits.LOTTERY_TITLE_WIDTH), ("description", limits.LOTTERY_DESC_WIDTH)):
        width = limits.text_width(values.get(field, ""))
        if width > most:
            yield fault(
                field,
                f"最多 {most // 2} 个汉字或 {most} 个字母（现在相当于 {width} 个字母）",
                f"At most {most // 2} Chinese or {most} Latin characters (now {width} in Latin)",
            )


def beacons(values: Values, _now: datetime) -> Iterator[Refusal]:
    """Only who shakes at one of its beacons may draw: a link or a keyword alone lead to the rules."""
    if "device_ids" in values and not values["device_ids"]:
        yield fault(
            "device_ids",
            "没有入口：只有在现场摇一摇的人能抽奖，请填写至少一个摇一摇设备编号",
            "No way in: only people who shake on site can draw; give at least one beacon number",
        )
    if len(values.get("device_ids", ())) > DEVICES_MAX:
        yield fault("device_ids", f"最多 {DEVICES_MAX} 个设备", f"At most {DEVICES_MAX} beacons")


def _shared(session: Session, _settings: Settings, values: Values, campaign_id: int | None) -> Iterator[Refusal]:
    """Other campaigns of the same days on the same beacon: WeChat shows one of its pages at random (wechat-protocol §2.2)."""
    if not values.keys() >= {"begin_at", "end_at", "device_ids"}:
        return
    others = session.execute(
        select(Campaign.id, Campaign.name, Campaign.device_ids)
        .where(Campaign.status.in_(STANDS), Campaign.begin_at < values["end_at"], Campaign.end_at > values["begin_at"])
        .order_by(Campaign.id)
    )
    for other_id, name, device_ids in others:
        both = [str(device_id) for device_id in values["device_ids"] if device_id in device_ids]
        if both and other_id != campaign_id:
            yield fault(
                "device_ids",
                f"同一时间活动“{name}”也用设备 {'、'.join(both)}：微信会随机显示其中一个，摇到的人会分走一部分",
                f"The campaign “{name}” uses beacon {', '.join(both)} in the same days: WeChat shows one of the two at random",
            )


def _quiet_hours(_session: Session, settings: Settings, values: Values, _campaign_id: int | None) -> Iterator[Refusal]:
    begin, end = values.get("daily_from"), values.get("daily_until")
    if not settings.pay_quiet_hours or begin is None or end is None or not begin < min(end, QUIET_MINUTES):
        return
    hours = f"{begin // 60}:{begin % 60:02d}–{min(end, QUIET_MINUTES) // 60}:{min(end, QUIET_MINUTES) % 60:02d}"
    yield fault(
        "daily_from",
        f"微信支付每天 0:00–8:00 不收新红包：{hours} 只能抽 0 点前备好的，抽完要等到 8 点后才有",
        f"WeChat Pay takes no new packets from 0:00 to 8:00: at {hours} only what was stocked before midnight can be drawn, more comes after 8:00",
    )


FAULTS: tuple[DraftCheck, ...] = (_span, _tickets, _card)
CAUTIONS: tuple[Caution, ...] = (_shared, _quiet_hours)
