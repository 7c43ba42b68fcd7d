"""What WeChat said its lottery bound."""

from datetime import datetime
from typing import Literal

from sqlalchemy import BigInteger, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from wxbot.db import Base, BigId
from wxbot.transitions import Transitions, one_of

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
