"""Kinds of voucher, vouchers, their photos, and what one person has asked for in a month and a day."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    literal,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from wxbot.db import Base, BigId
from wxbot.transitions import Transitions, one_of

VoucherStatus = Literal["submitted", "claimed", "photo_wanted", "approved", "rejected"]

NEXT: Transitions[VoucherStatus] = {
    "submitted": frozenset({"claimed", "photo_wanted", "rejected"}),
    "claimed": frozenset({"claimed", "submitted", "photo_wanted", "approved", "rejected"}),
    "photo_wanted": frozenset({"submitted", "rejected"}),
}
"""Allowed transitions of a voucher; approved and rejected are final (F77: what was decided is not edited)."""

STATUSES: dict[VoucherStatus, str] = {
    "submitted": "waits for a reviewer, or for its photos",
    "claimed": "a reviewer looks at it; theirs until `claimed_until`",
    "photo_wanted": "the person was asked for a photo, or for a better one",
    "approved": "a reviewer agreed; its payout was made in the same transaction",
    "rejected": "refused, with a reason the person was told",
}

PhotoStatus = Literal["fetching", "kept", "failed"]

PHOTO_NEXT: Transitions[PhotoStatus] = {"fetching": frozenset({"kept", "failed"}), "kept": frozenset({"failed"})}
"""Allowed transitions of a photo."""

PHOTO_STATUSES: dict[PhotoStatus, str] = {
    "fetching": "on its way: to be downloaded from WeChat, or being looked at and stored",
    "kept": "re-encoded and stored",
    "failed": "could not be kept, or had to be forgotten; `fault` says why",
}

VoucherVerb = Literal["approve", "bulk", "reject", "photo"]
"""What a reviewer may decide; bulk is an approval with others, under its own conditions."""

FAULT_CHARS = 200

AMOUNT_RULES = ("fixed", "per_unit", "free")
"""fixed: every voucher is worth the same · per_unit: so many pieces at so much · free: the person says, within bounds."""


def written(status: VoucherStatus | PhotoStatus) -> Any:
    """A status written into the statement itself: SQLite uses a partial index only when it can read the condition."""
    return literal(status, literal_execute=True)


class VoucherKind(Base):
    """What people may ask money for, and how much. Caps of 0 mean none."""

    __tablename__ = "voucher_kinds"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(20), unique=True)
    ask: Mapped[str] = mapped_column(String(200), default="")
    """What the person is told to photograph."""
    amount_rule: Mapped[str] = mapped_column(String(8))
    fixed_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    unit_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    unit_name: Mapped[str] = mapped_column(String(8), default="")
    min_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    max_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    month_fen_cap: Mapped[int] = mapped_column(BigInteger, default=0)
    month_count_cap: Mapped[int] = mapped_column(Integer, default=0)
    programme_id: Mapped[int] = mapped_column(BigInteger)
    channel: Mapped[str] = mapped_column(String(16), default="")
    """The payment channel of its payouts; empty means the programme's."""
    needs_binding: Mapped[bool] = mapped_column(default=True)
    is_on: Mapped[bool] = mapped_column(default=True)
    position: Mapped[int] = mapped_column(Integer, default=0)
    wishing: Mapped[str] = mapped_column(String(128), default="")
    remark: Mapped[str] = mapped_column(String(64), default="")
    """Texts of the payment; empty means the programme's."""
    version: Mapped[int] = mapped_column(Integer, default=1)
    updated_by: Mapped[int] = mapped_column(Integer)
    updated_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("amount_rule IN ('fixed', 'per_unit', 'free')", name="amount_rule"),
        CheckConstraint("month_fen_cap >= 0 AND month_count_cap >= 0", name="caps"),
    )


class Voucher(Base):
    """One request for money with its photos. `amount_fen` is what was asked, then what was approved, never more."""

    __tablename__ = "vouchers"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    public_id: Mapped[str] = mapped_column(String(24), unique=True)
    """Random: the only name of this voucher that a person ever sees (S28)."""
    openid: Mapped[str] = mapped_column(String(64))
    kind_id: Mapped[int] = mapped_column(ForeignKey("voucher_kinds.id"), index=True)
    units: Mapped[int] = mapped_column(Integer, default=0)
    asked_fen: Mapped[int] = mapped_column(BigInteger)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(String(200), default="")
    status: Mapped[VoucherStatus] = mapped_column(String(12), default="submitted")
    via: Mapped[str] = mapped_column(String(4))
    month: Mapped[str] = mapped_column(String(6))
    token: Mapped[str | None] = mapped_column(String(64))
    """Chosen by whoever submits, so that a repeat of the same request finds this row instead of making a second."""
    is_complete: Mapped[bool] = mapped_column(default=False)
    """Whether the person said that no more photos follow; without a word that is taken for granted after a while."""
    ready_at: Mapped[datetime | None]
    """Since when reviewers may take it; None while its photos are on their way."""
    look_alikes: Mapped[int] = mapped_column(Integer, default=0)
    """How many older photos looked like one of these when they came in: a hint for the reviewer, never a verdict (F78)."""
    claimed_by: Mapped[int | None] = mapped_column(Integer)
    claimed_until: Mapped[datetime | None]
    """None while it is decided and the decision not carried out: then it is nobody's to take, its reviewer's neither."""
    decided_by: Mapped[int | None] = mapped_column(Integer)
    decided_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(String(200), default="")
    submitted_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, default=1)
    """Grows with every photo: a decision is about what the reviewer saw."""

    __table_args__ = (
        CheckConstraint("amount_fen > 0 AND amount_fen <= asked_fen", name="amount"),
        one_of("status", VoucherStatus),
        CheckConstraint("status <> 'claimed' OR claimed_by IS NOT NULL", name="claimed_by_somebody"),
        CheckConstraint("status <> 'approved' OR decided_by IS NOT NULL", name="approved_by_somebody"),
        Index("ix_vouchers_openid", "openid", "id"),
        Index("ix_vouchers_status", "status", "id"),
        Index("uq_vouchers_token", "openid", "token", unique=True),
        Index(
            "ix_vouchers_queue",
            "ready_at",
            "id",
            sqlite_where=text("status = 'submitted' AND ready_at IS NOT NULL"),
            postgresql_where=text("status = 'submitted' AND ready_at IS NOT NULL"),
        ),
        Index(
            "ix_vouchers_claimed",
            "claimed_until",
            sqlite_where=text("status = 'claimed'"),
            postgresql_where=text("status = 'claimed'"),
        ),
    )


class VoucherDecision(Base):
    """What a reviewer decided and may undo until it is due; then the worker carries it out and the row goes (vouchers/decisions).

    The voucher stays claimed meanwhile, without an end. A row with a `fault` is over: it only tells its reviewer why nothing was done.
    """

    __tablename__ = "voucher_decisions"

    voucher_id: Mapped[int] = mapped_column(ForeignKey("vouchers.id"), primary_key=True, autoincrement=False)
    verb: Mapped[VoucherVerb] = mapped_column(String(8))
    amount_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    reason: Mapped[str] = mapped_column(String(200), default="")
    version: Mapped[int] = mapped_column(Integer)
    """Of the voucher, as the reviewer saw it."""
    content_sha256: Mapped[str | None] = mapped_column(String(64))
    """Of everything that an approval is bound to, as the reviewer saw it."""
    staff_id: Mapped[int] = mapped_column(Integer)
    ip: Mapped[str] = mapped_column(String(45), default="")
    decided_at: Mapped[datetime]
    due_at: Mapped[datetime]
    fault: Mapped[str] = mapped_column(String(FAULT_CHARS), default="")
    fault_en: Mapped[str] = mapped_column(String(FAULT_CHARS), default="")

    __table_args__ = (one_of("verb", VoucherVerb), Index("ix_voucher_decisions_due_at", "due_at"))


class Photo(Base):
    """One photo of a voucher. What came in is not kept: `storage_key` names our own re-encoding of it (S46, S49)."""

    __tablename__ = "voucher_photos"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    voucher_id: Mapped[int] = mapped_column(ForeignKey("vouchers.id"))
    status: Mapped[PhotoStatus] = mapped_column(String(8), default="fetching")
    fault: Mapped[str] = mapped_column(String(12), default="")
    token: Mapped[str] = mapped_column(String(160))
    """The media_id of a chat's photo, or what the page chose: a repeat finds this row."""
    media_id: Mapped[str] = mapped_column(String(128), default="")
    sha256: Mapped[str | None] = mapped_column(String(64))
    """Of the bytes that came in; None until they did."""
    is_live: Mapped[bool] = mapped_column(default=True)
    """False when the photo failed or its voucher was rejected: then the same picture may come again."""
    storage_key: Mapped[str] = mapped_column(String(40), unique=True)
    phash: Mapped[str] = mapped_column(String(16), default="")
    """64 bits of what the picture looks like, as hex; empty when there is nothing to see in it."""
    band_a: Mapped[int | None] = mapped_column(Integer)
    band_b: Mapped[int | None] = mapped_column(Integer)
    band_c: Mapped[int | None] = mapped_column(Integer)
    band_d: Mapped[int | None] = mapped_column(Integer)
    """The four 16-bit quarters of `phash`, indexed."""
    turns: Mapped[str] = mapped_column(String(112), default="")
    """The hashes of the picture turned and mirrored, 16 digits each; empty for photos of before 0.4.0."""
    width: Mapped[int] = mapped_column(Integer, default=0)
    height: Mapped[int] = mapped_column(Integer, default=0)
    bytes: Mapped[int] = mapped_column(Integer, default=0)
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    next_try_at: Mapped[datetime | None]
    """When the worker downloads it (again), or gives an interrupted upload up; None when it is settled."""
    created_at: Mapped[datetime]

    __table_args__ = (
        one_of("status", PhotoStatus),
        Index("uq_voucher_photos_token", "voucher_id", "token", unique=True),
        Index("one_live_photo", "sha256", unique=True, sqlite_where=text("is_live"), postgresql_where=text("is_live")),
        Index(
            "ix_voucher_photos_due",
            "next_try_at",
            sqlite_where=text("status = 'fetching'"),
            postgresql_where=text("status = 'fetching'"),
        ),
        Index("ix_voucher_photos_band_a", "band_a"),
        Index("ix_voucher_photos_band_b", "band_b"),
        Index("ix_voucher_photos_band_c", "band_c"),
        Index("ix_voucher_photos_band_d", "band_d"),
    )


class PhotoWindow(Base):
    """What a photo looks like with something cut off, so that a cropped copy is found."""

    __tablename__ = "voucher_photo_windows"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    photo_id: Mapped[int] = mapped_column(ForeignKey("voucher_photos.id"), index=True)
    phash: Mapped[str] = mapped_column(String(16))
    band_a: Mapped[int | None] = mapped_column(Integer, index=True)
    band_b: Mapped[int | None] = mapped_column(Integer, index=True)
    band_c: Mapped[int | None] = mapped_column(Integer, index=True)
    band_d: Mapped[int | None] = mapped_column(Integer, index=True)


class PhotoFile(Base):
    """The bytes of a photo or of its thumbnail, where the database keeps them (vouchers/storage); no listing reads it."""

    __tablename__ = "voucher_photo_files"

    key: Mapped[str] = mapped_column(String(40), primary_key=True)
    """The photo's `storage_key`; its thumbnail's ends in -s."""
    content: Mapped[bytes] = mapped_column(LargeBinary)


class PhotoFolder(Base):
    """A folder with photos, known by the mark that lies in it: with several machines each may have one of its own."""

    __tablename__ = "voucher_photo_folders"

    mark: Mapped[str] = mapped_column(String(32), primary_key=True)
    host: Mapped[str] = mapped_column(String(64))
    path: Mapped[str] = mapped_column(String(200))
    """Host and path of the process that started with it last; for people."""
    started_at: Mapped[datetime]
