"""Staff, their sessions and what they did."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from wxbot.db import Base, BigId

ROLES = ("marketer", "reviewer", "cashier", "admin")
"""marketer: drafts and runs campaigns · reviewer: decides on vouchers · cashier: approves, sees orders and the ledger ·
admin: staff and audit, no money."""

WATCHERS = ("marketer", "cashier", "admin")
"""Who sees how campaigns go; a reviewer has a desk of their own."""


class Staff(Base):
    """A person who may sign in to the console."""

    __tablename__ = "staff"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    login: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(40))
    role: Mapped[str] = mapped_column(String(10))
    password_hash: Mapped[str] = mapped_column(String(200))
    locale: Mapped[str] = mapped_column(String(8), default="zh_CN")
    is_active: Mapped[bool] = mapped_column(default=True)
    is_password_temporary: Mapped[bool] = mapped_column(default=False)
    """Set by an admin: the person must choose their own password before anything else."""
    password_ends_at: Mapped[datetime | None]
    """When a temporary password opens nothing any more."""
    totp_sealed: Mapped[str] = mapped_column(String(100), default="")
    """The secret that an authenticator app holds too; in use since `totp_at`, shown only before."""
    totp_at: Mapped[datetime | None]
    totp_step: Mapped[int] = mapped_column(BigInteger, default=0)
    """The half minute of the last code that was taken: no code counts twice."""
    approves_from: Mapped[datetime | None]
    """Hired, enabled or given a password in the console: before this they agree to nothing, and everybody sees it."""
    openid: Mapped[str | None] = mapped_column(String(64))
    """Their own WeChat, tied by a code that they scanned: whoever knows a draw from inside cannot win in one."""
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("role IN ('marketer', 'reviewer', 'cashier', 'admin')", name="role"),
        Index("ix_staff_openid", "openid", unique=True),
    )


class StaffSession(Base):
    """One signed-in browser; the cookie holds the token, the table only its hash, so a stolen copy opens nothing."""

    __tablename__ = "staff_sessions"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ip: Mapped[str] = mapped_column(String(45), default="")
    user_agent: Mapped[str] = mapped_column(String(200), default="")
    needs_code: Mapped[bool] = mapped_column(default=False)
    """The password was right, the code is still to come: the session opens nothing yet."""


class RecoveryCode(Base):
    """A code for the day on which the authenticator is lost; the row goes when it is used."""

    __tablename__ = "recovery_codes"

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)


class AuditEvent(Base):
    """Who did what to what, with which outcome; append-only by triggers on both databases."""

    __tablename__ = "audit_events"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    staff_id: Mapped[int | None] = mapped_column(Integer)
    actor: Mapped[str] = mapped_column(String(60))
    action: Mapped[str] = mapped_column(String(40))
    target: Mapped[str] = mapped_column(String(60), default="")
    outcome: Mapped[str] = mapped_column(String(12), default="done")
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    ip: Mapped[str] = mapped_column(String(45), default="")

    __table_args__ = (
        Index("ix_audit_events_target", "target", "id"),
        Index("ix_audit_events_staff_id", "staff_id", "id"),
    )
