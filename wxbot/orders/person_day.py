"""What one person may be sent in a day: 10 packets and 1,000 yuan at WeChat Pay (wechat-protocol §3.1; money I8, F25, F26).

It is counted when a number is first sent, by the Shanghai day of that moment, and given back once when the order has
definitely failed; orders whose outcome is unknown stay counted.
"""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import update
from sqlalchemy.orm import Session

from wxbot import quotas
from wxbot.clock import shanghai_day
from wxbot.db import changed
from wxbot.orders.channels import DIRECT
from wxbot.orders.decide import PERSON_DAY_CODES, morning_after
from wxbot.orders.models import Order
from wxbot.settings import Settings

HELD = "PERSON_DAY"
"""err_code of a planned order that waits because its person has had enough today."""


class Due(NamedTuple):
    """What sending needs to know of an order before it is claimed."""

    id: int
    channel: str
    openid: str | None
    amount_fen: int
    sends: int
    err_code: str | None
    charged_day: str | None

    @classmethod
    def columns(cls) -> tuple[Any, ...]:
        """The columns to select."""
        return tuple(getattr(Order, name) for name in cls._fields)


def charge(session: Session, settings: Settings, order: Due, now: datetime) -> bool:
    """Count an order into its person's day; False when the day is full. A number that is sent again stays in its day,
    unless WeChat had refused it because that day was full."""
    if order.openid is None or order.channel not in DIRECT:
        return True
    day = f"{shanghai_day(now):%Y%m%d}"
    if order.charged_day == day or (order.charged_day and order.err_code not in PERSON_DAY_CODES):
        return True
    name = quotas.person(order.openid)
    if not quotas.take(
        session, name, day, order.amount_fen, most=settings.person_packets_per_day, most_fen=settings.person_fen_per_day
    ):
        return False
    if order.charged_day:
        quotas.give_back(session, name, order.charged_day, order.amount_fen)
    changed(session, update(Order).where(Order.id == order.id).values(charged_day=day))
    return True


def defer(session: Session, order: Due, now: datetime) -> None:
    """Let an order wait for the next morning."""
    morning = morning_after(now, order.id)
    planned = update(Order).where(Order.id == order.id, Order.status == "planned")
    if not changed(session, planned.values(send_after=morning, err_code=HELD)):
        changed(
            session, update(Order).where(Order.id == order.id, Order.status == "unknown").values(next_check_at=morning)
        )
