"""Reply rules, the draft of the menu, and how far every person's dialogue is."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from wxbot.db import Base

KEYWORD_TRIGGERS = ("equal", "prefix", "contain")
TRIGGERS = (*KEYWORD_TRIGGERS, "subscribe", "image", "default")
REPLY_KINDS = ("text", "campaign", "dialogue", "link")


class ReplyRule(Base):
    """When a message matches, this is the reply. Lower `priority` is asked first."""

    __tablename__ = "reply_rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    trigger: Mapped[str] = mapped_column(String(12))
    pattern: Mapped[str] = mapped_column(String(64), default="")
    reply_kind: Mapped[str] = mapped_column(String(12), default="text")
    text: Mapped[str] = mapped_column(Text, default="")
    """The reply; of a link its description; of a dialogue what is said before its first question."""
    title: Mapped[str] = mapped_column(String(64), default="")
    """Of a link."""
    url: Mapped[str] = mapped_column(String(1024), default="")
    """Of a link."""
    dialogue: Mapped[str] = mapped_column(String(16), default="")
    campaign_id: Mapped[int | None] = mapped_column(BigInteger)
    priority: Mapped[int] = mapped_column(Integer, default=100)
    is_on: Mapped[bool] = mapped_column(default=True)
    updated_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("trigger IN ('equal', 'prefix', 'contain', 'subscribe', 'image', 'default')", name="trigger"),
        CheckConstraint("reply_kind IN ('text', 'campaign', 'dialogue', 'link')", name="reply_kind"),
    )


class Dialogue(Base):
    """Where one person stands in a dialogue. The row stays when it is over, empty but for what tells a repeat from a new
    message: a message that WeChat delivers again, or late, must not begin or move anything (money F33).
    """

    __tablename__ = "dialogues"

    openid: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(16))
    step: Mapped[str] = mapped_column(String(16), default="")
    """The step that waits for an answer; empty when the dialogue is over."""
    answers: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    version: Mapped[int] = mapped_column(Integer, default=1)
    """Grows with every change; whoever changes a row names the version it has read."""
    messages: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Keys of the newest messages that were applied, the last one last."""
    message_unix: Mapped[int] = mapped_column(BigInteger, default=0)
    """CreateTime of the newest message applied: an older one that arrives late moves nothing."""
    words: Mapped[str] = mapped_column(Text, default="")
    """The answer to the last message; empty while something outside the database is being done for it."""
    is_late: Mapped[bool] = mapped_column(default=False)
    """WeChat was answered `success` because it took too long: the words go as a customer-service message."""
    opened_at: Mapped[datetime]
    touched_at: Mapped[datetime]
    expires_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_dialogues_touched_at", "touched_at"),
        Index(
            "ix_dialogues_expiry", "expires_at", sqlite_where=text("step <> ''"), postgresql_where=text("step <> ''")
        ),
    )


class MenuDraft(Base):
    """The account's menu as the console edits it; one row. What WeChat shows is asked of WeChat."""

    __tablename__ = "menu_drafts"

    id: Mapped[int] = mapped_column(primary_key=True)
    buttons: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    """As WeChat's menu/create takes them (wechat-protocol §5.11)."""
    version: Mapped[int] = mapped_column(Integer, default=1)
    updated_by: Mapped[str] = mapped_column(String(60), default="")
    updated_at: Mapped[datetime]
    published_version: Mapped[int] = mapped_column(Integer, default=0)
    """The version that WeChat last took; 0 for none."""
    published_by: Mapped[str] = mapped_column(String(60), default="")
    published_at: Mapped[datetime | None]

    __table_args__ = (CheckConstraint("id = 1", name="single"),)
