"""Shake pages, WeChat's lotteries, the waves of orders and the buckets that stock them, and what WeChat said they bound."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from wxbot.db import Base, BigId
from wxbot.transitions import Transitions, one_of


class ShakePage(Base):
    """The page of WeChat's that a shake near the beacons of a campaign shows; no row before it is made and after the end."""

    __tablename__ = "shake_pages"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    page_id: Mapped[int] = mapped_column(BigInteger)


class Lottery(Base):
    """WeChat's object that hands out the tickets of a campaign. A campaign has a further one when the first is full."""

    __tablename__ = "lotteries"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    ordinal: Mapped[int] = mapped_column(Integer)
    lottery_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    lottery_key: Mapped[str] = mapped_column(Text)
    """The 32-character signing key, sealed; it never leaves the server (security S36)."""
    total: Mapped[int] = mapped_column(Integer)
    loaded: Mapped[int] = mapped_column(Integer, default=0)
    is_on: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("campaign_id", "ordinal"), CheckConstraint("loaded <= total", name="ceiling"))


class Wave(Base):
    """The orders placed together for one 72-hour window."""

    __tablename__ = "waves"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), index=True)
    ordinal: Mapped[int] = mapped_column(Integer)
    packets: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(String(200))
    opened_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("campaign_id", "ordinal"),)


BucketStatus = Literal["sending", "loaded", "refused"]

BUCKET_NEXT: Transitions[BucketStatus] = {"sending": frozenset({"loaded", "refused"})}


class Bucket(Base):
    """One setprizebucket call of at most 100 tickets."""

    __tablename__ = "buckets"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    lottery_id: Mapped[int] = mapped_column(ForeignKey("lotteries.id"), index=True)
    status: Mapped[BucketStatus] = mapped_column(String(10), default="sending")
    packets: Mapped[int] = mapped_column(Integer)
    success_num: Mapped[int | None] = mapped_column(Integer)
    rejected: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    sends: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]

    __table_args__ = (one_of("status", BucketStatus),)


class TicketOrder(Base):
    """What became of the order of one ticket here: the wave it was placed in, and the bucket that carries its ticket.

    No row, or no wave, for an order that the pool did not place (a found one); no bucket while the ticket is loose. A packet
    that is ordered anew begins anew with its next order.
    """

    __tablename__ = "ticket_orders"

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True, autoincrement=False)
    wave_id: Mapped[int | None] = mapped_column(ForeignKey("waves.id"))
    bucket_id: Mapped[int | None] = mapped_column(ForeignKey("buckets.id"))

    __table_args__ = (
        Index(
            "ix_ticket_orders_bucket_id",
            "bucket_id",
            sqlite_where=text("bucket_id IS NOT NULL"),
            postgresql_where=text("bucket_id IS NOT NULL"),
        ),
    )


BindStatus = Literal["pending", "matched", "quarantined"]

BIND_NEXT: Transitions[BindStatus] = {
    "pending": frozenset({"matched", "quarantined"}),
    "quarantined": frozenset({"matched"}),
}


class Bind(Base):
    """A ShakearoundLotteryBind event as WeChat told it; the fact is kept even when nothing of ours matches it yet."""

    __tablename__ = "binds"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    openid: Mapped[str] = mapped_column(String(64))
    lottery_id: Mapped[str] = mapped_column(String(64))
    sp_ticket_hash: Mapped[str] = mapped_column(String(64))
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    bound_at: Mapped[datetime]
    status: Mapped[BindStatus] = mapped_column(String(12), default="pending")
    fault: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("sp_ticket_hash", "openid", "lottery_id"),
        one_of("status", BindStatus),
        Index("ix_binds_status", "status", "id"),
    )
