"""Keyword rules."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from wxbot.db import Base

TRIGGERS = ("equal", "prefix", "contain", "subscribe", "default")
REPLY_KINDS = ("text", "campaign")


class ReplyRule(Base):
    """When a message matches, this is the reply. Lower `priority` is asked first."""

    __tablename__ = "reply_rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    trigger: Mapped[str] = mapped_column(String(12))
    pattern: Mapped[str] = mapped_column(String(64), default="")
    reply_kind: Mapped[str] = mapped_column(String(12), default="text")
    text: Mapped[str] = mapped_column(Text, default="")
    campaign_id: Mapped[int | None] = mapped_column(BigInteger)
    priority: Mapped[int] = mapped_column(Integer, default=100)
    is_on: Mapped[bool] = mapped_column(default=True)
    updated_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("trigger IN ('equal', 'prefix', 'contain', 'subscribe', 'default')", name="trigger"),
        CheckConstraint("reply_kind IN ('text', 'campaign')", name="reply_kind"),
    )
