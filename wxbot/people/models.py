"""The people of the account: who follows, who may bind, who is bound to which phone, who may never be paid, what they were told.

A phone number is stored sealed (readable with the deployment's key only) beside a blind index by which it is found.
"""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import JSON, BigInteger, CheckConstraint, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from wxbot.db import Base, BigId
from wxbot.transitions import Transitions, one_of

BindingStatus = Literal["held", "active", "ended"]

BINDING_STATUSES: dict[BindingStatus, str] = {
    "held": "the person proved the phone, but it is not on the roster: a reviewer decides",
    "active": "this openid is this phone's; it may be paid",
    "ended": "was replaced, refused, taken off by staff, or erased; kept as history",
}
BINDING_NEXT: Transitions[BindingStatus] = {
    "held": frozenset({"active", "ended"}),
    "active": frozenset({"ended"}),
    "ended": frozenset(),
}

CodeStatus = Literal["live", "used", "dead"]

CODE_STATUSES: dict[CodeStatus, str] = {
    "live": "may be typed in: five tries, five minutes",
    "used": "the right digits came in time",
    "dead": "its message could not be sent; a new one must be asked for",
}

CODE_NEXT: Transitions[CodeStatus] = {"live": frozenset({"used", "dead"})}

SmsStatus = Literal["planned", "sending", "sent", "failed", "unknown", "late"]

SMS_STATUSES: dict[SmsStatus, str] = {
    "planned": "waits for the worker",
    "sending": "a worker has it; after its lease nobody sends it again",
    "sent": "the provider took it",
    "failed": "provably not sent; the counts were given back and the code is dead",
    "unknown": "the provider's answer was lost: it may have arrived, so it counts and the code lives",
    "late": "the worker came after the code's five minutes",
}
SMS_NEXT: Transitions[SmsStatus] = {
    "planned": frozenset({"sending", "late"}),
    "sending": frozenset({"sent", "failed", "unknown"}),
}

NoticeStatus = Literal["planned", "sending", "sent", "unreachable", "unknown", "failed"]

NOTICE_STATUSES: dict[NoticeStatus, str] = {
    "planned": "waits to be sent into the chat",
    "sending": "a worker has it; after its lease nobody sends it again",
    "sent": "WeChat took it",
    "unreachable": "outside WeChat's reply window, or the person left: it stands on their own page",
    "unknown": "WeChat's answer was lost: it may have arrived, it is never sent twice",
    "failed": "refused by WeChat and given up; it stands on the person's own page",
}
NOTICE_NEXT: Transitions[NoticeStatus] = {
    "planned": frozenset({"sending"}),
    "sending": frozenset({"planned", "sent", "unreachable", "unknown", "failed"}),
}


def _where(condition: str) -> dict[str, Any]:
    """A partial index on both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


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


class Withdrawal(Base):
    """A person took back the authorisation, or closed the WeChat account: their personal data must be erased.

    WeChat tells it once (wechat-protocol §5.6), so the wish is kept until the worker has carried it out.
    """

    __tablename__ = "withdrawals"

    openid: Mapped[str] = mapped_column(String(64), primary_key=True)
    event: Mapped[str] = mapped_column(String(40))
    asked_at: Mapped[datetime]
    erased_at: Mapped[datetime | None] = mapped_column(index=True)


class RosterEntry(Base):
    """Somebody who may bind: a name and a phone, as the company's list says."""

    __tablename__ = "roster_entries"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(40))
    phone_sealed: Mapped[str] = mapped_column(String(200))
    phone_index: Mapped[str] = mapped_column(String(64), unique=True)
    department: Mapped[str] = mapped_column(String(60), default="")
    note: Mapped[str] = mapped_column(String(200), default="")
    is_active: Mapped[bool] = mapped_column(default=True)
    staff_id: Mapped[int | None] = mapped_column(Integer)
    """Who put it here last; None from the command line."""
    added_by: Mapped[int | None] = mapped_column(Integer)
    """Who made this a person that may be paid: added, named otherwise or let back in; None also for rows of old."""
    waits_for: Mapped[int | None] = mapped_column(BigInteger, index=True)
    """The confirmation without which nothing is paid; None when there is none to wait for."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (Index("ix_roster_entries_name", "name", "id"),)


class Confirmation(Base):
    """People whom staff put on the roster or the allow list at once: they are paid when somebody of another role agrees."""

    __tablename__ = "confirmations"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(8))
    asked_by: Mapped[int | None] = mapped_column(Integer)
    """None from the command line."""
    asked_role: Mapped[str] = mapped_column(String(10), default="")
    asked_at: Mapped[datetime]
    decided_by: Mapped[int | None] = mapped_column(Integer)
    decided_at: Mapped[datetime | None]
    content_sha256: Mapped[str | None] = mapped_column(String(64))
    """Of what was agreed to."""
    notes: Mapped[list[list[str]] | None] = mapped_column(JSON(none_as_null=True))
    """What whoever uploaded the file was told of it (Chinese, English): rows that it hides, columns that were not read."""

    __table_args__ = (
        CheckConstraint("kind IN ('roster', 'mark')", name="kind"),
        CheckConstraint("decided_by IS NULL OR asked_by IS NULL OR decided_by <> asked_by", name="four_eyes"),
    )


class RosterFile(Base):
    """An uploaded list between its preview and its import: the checked rows, sealed; swept after a day."""

    __tablename__ = "roster_files"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    staff_id: Mapped[int | None] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(100))
    sha256: Mapped[str] = mapped_column(String(64))
    rows_sealed: Mapped[str] = mapped_column(Text)
    faulty_sealed: Mapped[str] = mapped_column(Text, default="")
    """Rows that would not be imported, as they were read, with what is wrong; empty when there are none."""
    notes: Mapped[list[list[str]] | None] = mapped_column(JSON(none_as_null=True))
    """What its preview said of the whole file (Chinese, English)."""
    created_at: Mapped[datetime]
    imported_at: Mapped[datetime | None]


class Binding(Base):
    """One openid tied to one phone, from its proof to its end. Rows are never deleted: together they are the history."""

    __tablename__ = "bindings"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    openid: Mapped[str] = mapped_column(String(64))
    phone_sealed: Mapped[str] = mapped_column(String(200))
    phone_index: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(40), default="")
    """The roster's name for this phone when it was bound; empty for a number that is not on it."""
    status: Mapped[BindingStatus] = mapped_column(String(8))
    via: Mapped[str] = mapped_column(String(8))
    """chat or h5."""
    proved_at: Mapped[datetime]
    """When the person typed the right code."""
    bound_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str] = mapped_column(String(12), default="")
    """rebound, moved, refused, staff, roster, replaced or erased."""
    staff_id: Mapped[int | None] = mapped_column(Integer)
    """Who approved, refused or ended it; None when the person did."""

    __table_args__ = (
        one_of("status", BindingStatus),
        Index("ix_bindings_openid", "openid", "id"),
        Index("ix_bindings_phone_index", "phone_index", "id"),
        Index("ix_bindings_status", "status", "id"),
        # One phone per openid and one openid per phone, whoever is quicker (F79).
        Index("uq_bindings_active_openid", "openid", unique=True, **_where("status = 'active'")),
        Index("uq_bindings_active_phone", "phone_index", unique=True, **_where("status = 'active'")),
        Index("uq_bindings_held_openid", "openid", unique=True, **_where("status = 'held'")),
    )


class SmsCode(Base):
    """The one code of a person for one purpose; asking again replaces it, so an old one is dead at once (S53)."""

    __tablename__ = "sms_codes"

    purpose: Mapped[str] = mapped_column(String(12), primary_key=True)
    openid: Mapped[str] = mapped_column(String(64), primary_key=True)
    serial: Mapped[str] = mapped_column(String(32))
    """Random; part of what is hashed, and how a message that could not be sent finds its own code."""
    phone_sealed: Mapped[str] = mapped_column(String(200))
    phone_index: Mapped[str] = mapped_column(String(64))
    code_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[CodeStatus] = mapped_column(String(8))
    tries: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]

    __table_args__ = (one_of("status", CodeStatus),)


class SmsCount(Base):
    """How often something was done by one subject since its window began; raised by a conditional upsert only (S51)."""

    __tablename__ = "sms_counts"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    began_at: Mapped[datetime]
    n: Mapped[int] = mapped_column(Integer)

    __table_args__ = (Index("ix_sms_counts_began_at", "began_at"),)


class SmsOut(Base):
    """One text message to be sent; phone and code are sealed, and blanked as soon as they are not needed."""

    __tablename__ = "sms_out"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    serial: Mapped[str] = mapped_column(String(32), unique=True)
    purpose: Mapped[str] = mapped_column(String(12))
    openid: Mapped[str] = mapped_column(String(64))
    phone_sealed: Mapped[str] = mapped_column(String(200))
    code_sealed: Mapped[str] = mapped_column(String(200))
    is_withheld: Mapped[bool] = mapped_column(default=False)
    """The number may not bind: the row lives like any other, but nothing is sent, and nobody can tell from outside (S53)."""
    status: Mapped[SmsStatus] = mapped_column(String(8))
    counted: Mapped[list[Any]] = mapped_column(JSON, default=list)
    """[kind, subject, amount] of each count this message raised: given back when it was provably not sent."""
    provider: Mapped[str] = mapped_column(String(12), default="")
    reference: Mapped[str] = mapped_column(String(64), default="")
    """The provider's number of the message, or its error code."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]

    __table_args__ = (
        one_of("status", SmsStatus),
        Index("ix_sms_out_planned", "id", **_where("status = 'planned'")),
        Index("ix_sms_out_sending", "lease_until", **_where("status = 'sending'")),
        Index("ix_sms_out_openid", "openid", "id"),
        Index("ix_sms_out_created_at", "created_at"),
    )


class PersonMark(Base):
    """Staff's word on one openid or phone: `block` is never paid, `allow` may be paid even when not bound."""

    __tablename__ = "person_marks"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    mark: Mapped[str] = mapped_column(String(8))
    kind: Mapped[str] = mapped_column(String(8))
    subject: Mapped[str] = mapped_column(String(64))
    """The openid, or the blind index of the phone."""
    phone_sealed: Mapped[str] = mapped_column(String(200), default="")
    reason: Mapped[str] = mapped_column(String(200))
    staff_id: Mapped[int | None] = mapped_column(Integer)
    waits_for: Mapped[int | None] = mapped_column(BigInteger, index=True)
    """The confirmation without which an allow mark lets nobody be paid; None when there is none to wait for."""
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("kind", "subject"),
        CheckConstraint("mark IN ('block', 'allow')", name="mark"),
        CheckConstraint("kind IN ('openid', 'phone')", name="kind"),
    )


class PersonLanguage(Base):
    """Somebody who is not, or no longer, spoken to in Chinese; whoever has no row is."""

    __tablename__ = "person_languages"

    openid: Mapped[str] = mapped_column(String(64), primary_key=True)
    language: Mapped[str] = mapped_column(String(2))
    is_written: Mapped[bool]
    """They wrote so; False when only their phone is set so, which what they write overrules."""
    noted_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (CheckConstraint("language IN ('zh', 'en')", name="language"),)


class Notice(Base):
    """Something a person is told, once per (kind, ref): in the chat when WeChat lets us, and always on their own page."""

    __tablename__ = "notices"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    openid: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(20))
    ref: Mapped[str] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(String(600))
    url: Mapped[str] = mapped_column(String(300), default="")
    status: Mapped[NoticeStatus] = mapped_column(String(12))
    tries: Mapped[int] = mapped_column(Integer, default=0)
    due_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    err_code: Mapped[str] = mapped_column(String(16), default="")
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("kind", "ref"),
        one_of("status", NoticeStatus),
        Index("ix_notices_openid", "openid", "id"),
        Index("ix_notices_due", "due_at", **_where("status = 'planned'")),
        Index("ix_notices_sending", "lease_until", **_where("status = 'sending'")),
    )
