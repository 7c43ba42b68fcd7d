"""Orders, their evidence, the merchant's rate and its stop switch."""

from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from wxbot.db import Base, BigId
from wxbot.transitions import Transitions, one_of

OrderStatus = Literal["planned", "sending", "accepted", "unknown", "received", "returned", "failed", "manual"]

NEXT: Transitions[OrderStatus] = {
    "planned": frozenset({"sending", "failed"}),
    "sending": frozenset({"accepted", "unknown", "received", "returned", "failed", "manual"}),
    "unknown": frozenset({"sending", "accepted", "received", "returned", "failed", "manual"}),
    "accepted": frozenset({"received", "returned", "failed", "manual"}),
    "manual": frozenset({"accepted", "received", "returned", "failed"}),
}
"""Allowed transitions of an order; received, returned and failed are final (money §5.1)."""

STATUSES: dict[OrderStatus, str] = {
    "planned": "number and parameters are frozen, nothing was sent yet",
    "sending": "a request may be on the wire",
    "accepted": "WeChat has the money and gave a ticket",
    "unknown": "no definite answer; only asking settles it",
    "received": "a person has the money",
    "returned": "the money came back to the merchant",
    "failed": "definitely nothing was moved",
    "manual": "a person must decide, with evidence",
}

DEAD: tuple[OrderStatus, ...] = ("failed", "returned")
"""Statuses after which a new order for the same reason may exist (partial unique index below)."""

FUNDS = ("reserved", "owed")
"""Where an order's money may come from. What is `owed` was committed in its budget when it was won, and stays so until it
is paid or forfeited: an order from there neither commits nor releases anything."""

UNNOTICED = text("NOT is_noticed")
"""Orders that changed and were not looked at: index and question share the words, for SQLite uses the index for no others."""


def _created_at(context: Any) -> Any:
    """The default of a column that begins with the row."""
    return context.get_current_parameters()["created_at"]


class Order(Base):
    """One numbered request to WeChat Pay. Number and parameters never change once the row exists (money rule 1)."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    channel: Mapped[str] = mapped_column(String(16))
    reason_kind: Mapped[str] = mapped_column(String(12))
    reason_id: Mapped[int] = mapped_column(BigInteger)
    attempt: Mapped[int] = mapped_column(Integer)
    budget_id: Mapped[int] = mapped_column(BigInteger)
    mch_billno: Mapped[str] = mapped_column(String(28), unique=True)
    params: Mapped[str] = mapped_column(Text)
    params_sha256: Mapped[str] = mapped_column(String(64))
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[OrderStatus] = mapped_column(String(10), default="planned")
    fund: Mapped[str] = mapped_column(String(16), default="reserved")
    """The ledger account that its money is taken from, and goes back to when nobody was paid (FUNDS)."""
    holding: Mapped[str] = mapped_column(String(16), default="in_flight")
    sp_ticket: Mapped[str | None] = mapped_column(Text)
    """Sealed: the ticket, or what a phone needs to confirm a transfer (package_info)."""
    sp_ticket_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    detail_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    openid: Mapped[str | None] = mapped_column(String(64))
    err_code: Mapped[str | None] = mapped_column(String(64))
    sends: Mapped[int] = mapped_column(Integer, default=0)
    checks: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime]
    send_after: Mapped[datetime] = mapped_column(default=_created_at)
    """A planned order is not sent before; later than created_at when the person's limit of a day was reached."""
    charged_day: Mapped[str | None] = mapped_column(String(8))
    """The Shanghai day whose limit of the person it has used; None while it has used none."""
    sent_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    next_check_at: Mapped[datetime | None]
    next_step: Mapped[str | None] = mapped_column(String(8))
    """What the worker does at `next_check_at`: 'send' (again, same number) or 'query'; None when nothing is due."""
    is_cancel_wanted: Mapped[bool] = mapped_column(default=False)
    """A person wants it taken back; at the next question WeChat is asked to, where the channel can (§4.5)."""
    lease_until: Mapped[datetime | None]
    lease_epoch: Mapped[int] = mapped_column(Integer, default=0)
    is_noticed: Mapped[bool] = mapped_column(default=True)
    """False when the status changed and the feature that asked for the order has not looked yet."""

    __table_args__ = (
        UniqueConstraint("reason_kind", "reason_id", "attempt"),
        one_of("status", OrderStatus),
        CheckConstraint("amount_fen > 0", name="positive"),
        one_of("fund", FUNDS),
        CheckConstraint("length(mch_billno) <= 28", name="billno_length"),
        Index(
            "one_live_order",
            "reason_kind",
            "reason_id",
            unique=True,
            sqlite_where=text("status NOT IN ('failed', 'returned')"),
            postgresql_where=text("status NOT IN ('failed', 'returned')"),
        ),
        Index("ix_orders_unnoticed", "budget_id", "id", sqlite_where=UNNOTICED, postgresql_where=UNNOTICED),
        Index(
            "ix_orders_due",
            "next_check_at",
            sqlite_where=text("next_check_at IS NOT NULL"),
            postgresql_where=text("next_check_at IS NOT NULL"),
        ),
        Index(
            "ix_orders_to_send",
            "send_after",
            "id",
            sqlite_where=text("status = 'planned'"),
            postgresql_where=text("status = 'planned'"),
        ),
        Index(
            "ix_orders_sending",
            "lease_until",
            sqlite_where=text("status = 'sending'"),
            postgresql_where=text("status = 'sending'"),
        ),
        Index("ix_orders_budget_id", "budget_id", "id"),
        Index("ix_orders_status", "status", "id"),
    )


class Evidence(Base):
    """What was said to WeChat and what it answered, secrets masked; append-only."""

    __tablename__ = "order_evidence"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    kind: Mapped[str] = mapped_column(String(12))
    body: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]


MarkStatus = Literal["open", "confirmed", "withdrawn"]

MARK_NEXT: Transitions[MarkStatus] = {"open": frozenset({"confirmed", "withdrawn"})}

OrderEnd = Literal["received", "returned", "failed"]

MARKED_AS: tuple[OrderEnd, ...] = get_args(OrderEnd)
"""What a person may settle a manual order as."""


class Mark(Base):
    """One person's evidence that a manual order ended so; it has effect when a second person confirms it (money rule 14)."""

    __tablename__ = "order_marks"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    after: Mapped[OrderEnd] = mapped_column(String(10))
    evidence: Mapped[str] = mapped_column(Text)
    status: Mapped[MarkStatus] = mapped_column(String(10), default="open")
    marked_by: Mapped[int] = mapped_column(Integer)
    marked_at: Mapped[datetime]
    decided_by: Mapped[int | None] = mapped_column(Integer)
    decided_at: Mapped[datetime | None]

    __table_args__ = (
        one_of("status", MarkStatus),
        one_of("after", OrderEnd),
        CheckConstraint(
            "status <> 'confirmed' OR (decided_by IS NOT NULL AND decided_by <> marked_by)", name="four_eyes"
        ),
        Index("ix_order_marks_order_id", "order_id", "id"),
        Index(
            "one_open_mark",
            "order_id",
            unique=True,
            sqlite_where=text("status = 'open'"),
            postgresql_where=text("status = 'open'"),
        ),
    )


class LaneState(Base):
    """The merchant's state: stopped by a global error or by a person, and the send rate shared by all workers."""

    __tablename__ = "send_lanes"

    mch_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    stopped_code: Mapped[str | None] = mapped_column(String(64))
    stopped_at: Mapped[datetime | None]
    probe_at: Mapped[datetime | None]
    second: Mapped[int] = mapped_column(BigInteger, default=0)
    sent_in_second: Mapped[int] = mapped_column(Integer, default=0)
    day: Mapped[str] = mapped_column(String(8), default="")
    sent_in_day: Mapped[int] = mapped_column(Integer, default=0)
    fen_in_day: Mapped[int] = mapped_column(BigInteger, default=0)
    next_serial: Mapped[int] = mapped_column(BigInteger, default=1)


class BillLine(Base):
    """One line of WeChat's daily fund bill, matched to an order or standing in suspense (I17).

    `kind` is `income` or `outgo`; `no_outgo` and `no_income` stand for a line that should be there and is not.
    """

    __tablename__ = "bill_lines"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    day: Mapped[str] = mapped_column(String(8), index=True)
    line_key: Mapped[str] = mapped_column(String(128), unique=True)
    kind: Mapped[str] = mapped_column(String(12))
    mch_billno: Mapped[str | None] = mapped_column(String(64), index=True)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    order_id: Mapped[int | None] = mapped_column(BigInteger)
    fault: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]

    __table_args__ = (
        Index(
            "ix_bill_lines_fault",
            "fault",
            "id",
            sqlite_where=text("fault IS NOT NULL"),
            postgresql_where=text("fault IS NOT NULL"),
        ),
    )


BillNoteStatus = Literal["open", "agreed", "replaced"]

BILL_NOTE_NEXT: Transitions[BillNoteStatus] = {"open": frozenset({"agreed", "replaced"})}


class BillNote(Base):
    """What a cashier says a faulty line of the bill was; it clears the fault when a second one agrees (money rule 14)."""

    __tablename__ = "bill_notes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    line_id: Mapped[int] = mapped_column(ForeignKey("bill_lines.id", ondelete="CASCADE"), index=True)
    fault: Mapped[str] = mapped_column(String(64))
    words: Mapped[str] = mapped_column(Text)
    status: Mapped[BillNoteStatus] = mapped_column(String(8), default="open")
    stated_by: Mapped[int] = mapped_column(Integer)
    stated_at: Mapped[datetime]
    agreed_by: Mapped[int | None] = mapped_column(Integer)
    agreed_at: Mapped[datetime | None]

    __table_args__ = (
        one_of("status", BillNoteStatus),
        CheckConstraint("status <> 'agreed' OR (agreed_by IS NOT NULL AND agreed_by <> stated_by)", name="four_eyes"),
    )


class BillDay(Base):
    """One Shanghai day whose bill was read: a missing day is not a good day (F86)."""

    __tablename__ = "bill_days"

    day: Mapped[str] = mapped_column(String(8), primary_key=True)
    lines: Mapped[int] = mapped_column(Integer)
    faults: Mapped[int] = mapped_column(Integer)
    closing_fen: Mapped[int | None] = mapped_column(BigInteger)
    """What the merchant's account held after the day's last line; None for a day without lines."""
    read_at: Mapped[datetime]
