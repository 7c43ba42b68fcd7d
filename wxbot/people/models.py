"""Followers, the blocklist, and who asked to be forgotten."""

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from wxbot.db import Base


class Follower(Base):
    """An openid and whether it is subscribed; the row stays after unsubscribe, money may refer to it."""

    __tablename__ = "followers"

    openid: Mapped[str] = mapped_column(String(64), primary_key=True)
    is_subscribed: Mapped[bool]
    scene: Mapped[str] = mapped_column(String(64), default="")
    subscribed_at: Mapped[datetime | None]
    unsubscribed_at: Mapped[datetime | None]
    event_unix: Mapped[int] = mapped_column(BigInteger, default=0)
    """CreateTime of the newest event applied: an older one that arrives late changes nothing."""


class Block(Base):
    """An openid that may not draw, with the reason and who decided it."""

    __tablename__ = "blocks"

    openid: Mapped[str] = mapped_column(String(64), primary_key=True)
    reason: Mapped[str] = mapped_column(String(200))
    staff_id: Mapped[int]
    created_at: Mapped[datetime]


class Withdrawal(Base):
    """A person took back the authorisation, or closed the WeChat account: their personal data must be erased.

    WeChat tells it once (wechat-protocol §5.6), so the wish is kept until someone has carried it out.
    """

    __tablename__ = "withdrawals"

    openid: Mapped[str] = mapped_column(String(64), primary_key=True)
    event: Mapped[str] = mapped_column(String(40))
    asked_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]
