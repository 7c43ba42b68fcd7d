"""Draws, counts for the funnel, and the days of campaigns."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from wxbot.db import Base, BigId
from wxbot.transitions import Transitions, one_of

DrawStatus = Literal["admitted", "bound", "lapsed", "missed"]

NEXT: Transitions[DrawStatus] = {"admitted": frozenset({"bound", "lapsed"}), "lapsed": frozenset({"bound"})}
"""Allowed transitions of a draw. A late bind is a fact even after we gave the draw up (money F35)."""

STATUSES: dict[DrawStatus, str] = {
    "admitted": "the signed parameters were handed out",
    "bound": "WeChat tied a packet to this person",
    "lapsed": "no packet was bound within the ticket's life",
    "missed": "the odds said no",
}


class Draw(Base):
    """One openid's one try in one campaign."""

    __tablename__ = "draws"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    campaign_id: Mapped[int] = mapped_column(BigInteger)
    openid: Mapped[str] = mapped_column(String(64))
    status: Mapped[DrawStatus] = mapped_column(String(10))
    handed_out: Mapped[str | None] = mapped_column(String(200))
    """What the mechanic gave this person, in its own words; None when the odds said no."""
    ticket_hash: Mapped[str] = mapped_column(String(64))
    """The entrance that this try was made with: one ticket is one try."""
    device_id: Mapped[str | None] = mapped_column(String(64))
    ip: Mapped[str | None] = mapped_column(String(45))
    packet_id: Mapped[int | None] = mapped_column(BigInteger)
    amount_fen: Mapped[int | None] = mapped_column(BigInteger)
    admitted_at: Mapped[datetime]
    bound_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("campaign_id", "ticket_hash"),
        one_of("status", DrawStatus),
        Index(
            "one_won_draw",
            "campaign_id",
            "openid",
            unique=True,
            sqlite_where=text("status IN ('admitted', 'bound')"),
            postgresql_where=text("status IN ('admitted', 'bound')"),
        ),
        Index("ix_draws_campaign_id", "campaign_id", "id"),
        Index("ix_draws_openid", "openid"),
        Index(
            "ix_draws_open",
            "admitted_at",
            sqlite_where=text("status = 'admitted'"),
            postgresql_where=text("status = 'admitted'"),
        ),
    )


class DrawCount(Base):
    """Counts per campaign, hour, outcome (page, visitor, a mechanic's arrival, or what a draw was answered) and channel code: for
    charts, never for money."""

    __tablename__ = "draw_counts"

    campaign_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(String(24), primary_key=True)
    channel_code: Mapped[str] = mapped_column(String(16), primary_key=True, default="")
    """Where people came from (campaigns/entries.py); empty for the bare link."""
    n: Mapped[int] = mapped_column(BigInteger)


class CampaignDay(Base):
    """One Shanghai day of a campaign, written when it was over; the figures are campaigns.mechanic.DAY_SUMS."""

    __tablename__ = "campaign_days"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True, autoincrement=False)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    """As 2026-03-01."""
    visits: Mapped[int] = mapped_column(BigInteger)
    people: Mapped[int] = mapped_column(BigInteger)
    draws: Mapped[int] = mapped_column(BigInteger)
    wins: Mapped[int] = mapped_column(BigInteger)
    won_fen: Mapped[int] = mapped_column(BigInteger)
    tapped: Mapped[int] = mapped_column(BigInteger)
    paid: Mapped[int] = mapped_column(BigInteger)
    paid_fen: Mapped[int] = mapped_column(BigInteger)
    given: Mapped[int] = mapped_column(BigInteger)
    """Codes."""
    forfeited: Mapped[int] = mapped_column(BigInteger)
    forfeited_fen: Mapped[int] = mapped_column(BigInteger)
    prizes: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """[{"name", "stock", "given", "left"}] as they stood at the end of the day; a packet without a tier has no name."""
    is_last: Mapped[bool]
    """Nothing of the campaign can happen after this day."""
    written_at: Mapped[datetime]
