"""What WeChat's lottery cannot do, named beside the field of the draft (wechat-protocol §1.3, §2)."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from wxbot.campaigns.mechanic import DraftCheck, Values
from wxbot.text import Refusal, fault
from wxbot.wechat import limits

DEVICES_MAX = 500


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


def _beacons(values: Values, _now: datetime) -> Iterator[Refusal]:
    if len(values.get("device_ids", ())) > DEVICES_MAX:
        yield fault("device_ids", f"最多 {DEVICES_MAX} 个设备", f"At most {DEVICES_MAX} beacons")


FAULTS: tuple[DraftCheck, ...] = (_span, _tickets, _card, _beacons)
