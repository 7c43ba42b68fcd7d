"""Campaigns and their packets."""

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

from wxbot.daily import DailyHours
from wxbot.db import Base, BigId
from wxbot.transitions import Transitions, one_of

PACKET_REASON = "packet"
"""reason_kind of the orders that pay packets."""

CampaignStatus = Literal["draft", "submitted", "approved", "launching", "on", "off", "closing", "closed"]

CAMPAIGN_NEXT: Transitions[CampaignStatus] = {
    "draft": frozenset({"submitted"}),
    "submitted": frozenset({"draft", "approved"}),
    "approved": frozenset({"draft", "launching"}),
    "launching": frozenset({"on", "closing"}),
    "on": frozenset({"off", "closing"}),
    "off": frozenset({"on", "closing"}),
    "closing": frozenset({"closed"}),
}
"""Allowed transitions of a campaign."""

CAMPAIGN_STATUSES: dict[CampaignStatus, str] = {
    "draft": "being written",
    "submitted": "waits for a second person's approval",
    "approved": "approved, its budget is set aside, not launched yet",
    "launching": "orders are placed and the lottery is being built",
    "on": "people can draw inside the window",
    "off": "paused: no new draws",
    "closing": "switched off; waits until what is loaded has been drawn or has expired",
    "closed": "everything is accounted for",
}

PacketStatus = Literal["planned", "ordered", "ticketed", "loaded", "bound", "received", "returned", "dropped"]

PACKET_NEXT: Transitions[PacketStatus] = {
    "planned": frozenset({"ordered", "dropped"}),
    "ordered": frozenset({"ticketed", "planned", "dropped", "received"}),
    "ticketed": frozenset({"loaded", "planned", "dropped", "bound", "received"}),
    "loaded": frozenset({"bound", "received", "planned", "dropped"}),
    "bound": frozenset({"received", "returned"}),
    "dropped": frozenset(),
}
"""Allowed transitions of a packet. Unbound at 72 h → planned (a new order) or dropped (names, statuses)."""

PACKET_STATUSES: dict[PacketStatus, str] = {
    "planned": "amount fixed, no order yet",
    "ordered": "an order exists, WeChat has not given a ticket yet",
    "ticketed": "WeChat gave a ticket; it is not in the lottery yet",
    "loaded": "in the lottery, waits to be drawn",
    "bound": "tied to a person who has not opened it yet",
    "received": "a person has the money",
    "returned": "the person never opened it; the money came back",
    "dropped": "will not be ordered (again)",
}
FINAL_PACKETS: frozenset[PacketStatus] = frozenset({"received", "returned", "dropped"})


FIRST_MECHANIC = "shake"
"""How every campaign gave before there was a choice; the hash of what was approved then does not name it."""


class Campaign(Base):
    """What a marketer plans. Times are UTC; `daily_from`/`daily_until` are minutes of the Shanghai day."""

    __tablename__ = "campaigns"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    slug: Mapped[str] = mapped_column(String(24), unique=True)
    name: Mapped[str] = mapped_column(String(60))
    status: Mapped[CampaignStatus] = mapped_column(String(10), default="draft")
    version: Mapped[int] = mapped_column(Integer, default=1)
    mechanic: Mapped[str] = mapped_column(String(16), default=FIRST_MECHANIC)
    """How it gives: a name of wxbot.mechanics.MECHANICS."""
    terms: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    """What the mechanic decides beyond the columns; part of what is approved."""

    begin_at: Mapped[datetime]
    end_at: Mapped[datetime]
    daily_from: Mapped[int] = mapped_column(Integer, default=0)
    daily_until: Mapped[int] = mapped_column(Integer, default=1440)

    @property
    def hours(self) -> DailyHours:
        """When people can take part on each day."""
        return DailyHours(self.daily_from, self.daily_until)

    def is_over(self, now: datetime) -> bool:
        """Whether its time is up, or somebody has closed it: nothing begins any more."""
        return self.status in ("closing", "closed") or now >= self.end_at

    budget_fen: Mapped[int] = mapped_column(BigInteger)
    split: Mapped[str] = mapped_column(String(8), default="fixed")
    packet_count: Mapped[int] = mapped_column(Integer, default=0)
    packet_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    min_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    max_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    tiers: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    split_seed: Mapped[str] = mapped_column(String(64))

    tries_per_person: Mapped[int] = mapped_column(Integer, default=1)
    tries_per_day: Mapped[int] = mapped_column(Integer, default=1)
    expected_people: Mapped[int] = mapped_column(Integer, default=0)

    send_name: Mapped[str] = mapped_column(String(32), default="")
    act_name: Mapped[str] = mapped_column(String(32))
    wishing: Mapped[str] = mapped_column(String(32), default="")
    remark: Mapped[str] = mapped_column(String(64), default="")
    rules: Mapped[str] = mapped_column(Text, default="")
    organiser: Mapped[str] = mapped_column(String(60), default="")
    contact: Mapped[str] = mapped_column(String(60), default="")
    keyword: Mapped[str] = mapped_column(String(32), default="")
    places: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    """Channel code → name of the places its code was put up at (campaigns/entries.py); may grow while it runs."""

    half_written: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """A draft's form as it was typed, while not all of it passes; None when the columns above hold the draft."""

    are_packets_planned: Mapped[bool] = mapped_column(default=False)
    trouble: Mapped[str | None] = mapped_column(String(200))
    """Why it stands still, in a word: WeChat's code, or a reason of ours."""
    trouble_words: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    """The same as a sentence, by language (zh, en)."""
    """Why it does not advance, as an error code and a sentence; None when it does."""

    created_by: Mapped[int]
    submitted_by: Mapped[int | None]
    approved_by: Mapped[int | None]
    content_sha256: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    launched_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    lease_epoch: Mapped[int] = mapped_column(Integer, default=0)

    __table_args__ = (
        one_of("status", CampaignStatus),
        CheckConstraint("approved_by IS NULL OR approved_by <> submitted_by", name="four_eyes"),
        CheckConstraint("split IN ('fixed', 'tiers', 'random')", name="split"),
        CheckConstraint("begin_at < end_at", name="window"),
        Index("ix_campaigns_status", "status"),
    )


class Packet(Base):
    """One planned red packet of a campaign; its amount never changes."""

    __tablename__ = "packets"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    ordinal: Mapped[int] = mapped_column(Integer)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    tier: Mapped[str] = mapped_column(String(20), default="")
    status: Mapped[PacketStatus] = mapped_column(String(10), default="planned")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    """Orders placed for this packet so far; it only grows, the order's number depends on it."""
    failures: Mapped[int] = mapped_column(Integer, default=0)
    """Orders that definitely failed since the last one that was accepted."""
    order_id: Mapped[int | None] = mapped_column(BigInteger)
    expires_at: Mapped[datetime | None]
    openid: Mapped[str | None] = mapped_column(String(64))
    bound_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("campaign_id", "ordinal"),
        one_of("status", PacketStatus),
        CheckConstraint("amount_fen > 0", name="positive"),
        Index("ix_packets_status", "campaign_id", "status", "id"),
        Index("ix_packets_order_id", "order_id"),
        Index(
            "ix_packets_bound",
            "campaign_id",
            "bound_at",
            sqlite_where=text("bound_at IS NOT NULL"),
            postgresql_where=text("bound_at IS NOT NULL"),
        ),
        Index(
            "ix_packets_openid",
            "openid",
            sqlite_where=text("openid IS NOT NULL"),
            postgresql_where=text("openid IS NOT NULL"),
        ),
        Index(
            "ix_packets_stock",
            "campaign_id",
            "expires_at",
            sqlite_where=text("status = 'loaded'"),
            postgresql_where=text("status = 'loaded'"),
        ),
    )


class PacketCount(Base):
    """How many packets of a campaign stand in each status, kept with every move: no page counts a million rows."""

    __tablename__ = "packet_counts"

    campaign_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    status: Mapped[PacketStatus] = mapped_column(String(10), primary_key=True)
    n: Mapped[int] = mapped_column(Integer, default=0)
    amount_fen: Mapped[int] = mapped_column(BigInteger, default=0)
