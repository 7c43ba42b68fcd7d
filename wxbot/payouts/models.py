"""Programmes and their budgets, payouts, and the lists that ask for many of them."""

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
from wxbot.payouts.sources import SOURCES
from wxbot.transitions import Transitions, one_of

PAYOUT_REASON = "payout"
"""reason_kind of the orders that pay payouts, and of found orders that paid one."""

PayoutStatus = Literal["requested", "approved", "ordered", "paid", "returned", "failed", "cancelled"]

PAYOUT_NEXT: Transitions[PayoutStatus] = {
    "requested": frozenset({"approved", "cancelled"}),
    "approved": frozenset({"approved", "ordered", "cancelled"}),
    "ordered": frozenset({"approved", "paid", "returned", "failed", "cancelled"}),
}
"""Allowed transitions of a payout. ordered → approved: its order ended without paying, and a further one may be tried;
approved → approved: what is owed begins to wait for its person, or no longer does."""

COLLECT = "collect"
"""The hold of what is owed and waits for its person (sources.is_owed). Nothing is due then: the award has the deadline."""

PAYOUT_STATUSES: dict[PayoutStatus, str] = {
    "requested": "waits for a second person",
    "approved": "owed; an order is placed as soon as nothing holds it",
    "ordered": "an order exists: it is sent, asked about, or waits for the person to take the money",
    "paid": "the person has the money",
    "returned": "the person did not take it in time; the money came back",
    "failed": "definitely not paid, and nothing more is tried by itself",
    "cancelled": "called off before anything was sent",
}
FINAL_PAYOUTS: frozenset[PayoutStatus] = frozenset({"paid", "returned", "failed", "cancelled"})

HOLDS = {
    "budget": "the programme's budget is used up",
    "blocked": "the person is on the blocklist",
    "unbound": "the person has no bound phone number any more",
    "unconfirmed": "staff added the person, and nobody of another role has confirmed that yet",
    "closed": "the programme is closed",
    "texts": "WeChat would refuse its texts or its amount with the settings of now",
    "found": "WeChat knows a payment that may be this one, and a restored database did not: cashiers must judge it",
    "bill": "a database was restored, and the fund bills of the days that it may have lost are not all read yet",
    "collect": "its last order ended without paying; the person asks for it again, or its deadline passes",
}
"""Why an approved payout waits."""

ListStatus = Literal["draft", "submitted", "approved", "done", "dropped"]

LIST_NEXT: Transitions[ListStatus] = {
    "draft": frozenset({"submitted", "dropped"}),
    "submitted": frozenset({"draft", "approved", "dropped"}),
    "approved": frozenset({"done"}),
}
"""Allowed transitions of a list."""

LIST_STATUSES: dict[ListStatus, str] = {
    "draft": "uploaded and read; its rows can be looked at, nothing is owed yet",
    "submitted": "waits for a second person",
    "approved": "its rows become payouts, a batch at a time",
    "done": "every good row has its payout",
    "dropped": "thrown away before anything was owed",
}


class Programme(Base):
    """What payouts are paid from: a budget of a department, with the texts a person will see. Its id is its budget's."""

    __tablename__ = "programmes"

    id: Mapped[int] = mapped_column(ForeignKey("budgets.id"), primary_key=True, autoincrement=False)
    department: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(40))
    channel: Mapped[str] = mapped_column(String(16), default="")
    """The channel of its payouts; empty for the deployment's (`payout_channel`)."""
    send_name: Mapped[str] = mapped_column(String(32))
    act_name: Mapped[str] = mapped_column(String(32))
    wishing: Mapped[str] = mapped_column(String(128))
    remark: Mapped[str] = mapped_column(String(64))
    person_fen_per_month: Mapped[int] = mapped_column(BigInteger, default=0)
    """Most that one person gets from it in a month, in fen; 0 for no limit of its own."""
    needs_binding: Mapped[bool] = mapped_column(default=False)
    """Whether a person must have a bound phone number at the time of payment."""
    is_open: Mapped[bool] = mapped_column(default=True)
    created_by: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("department", "name"),
        CheckConstraint("person_fen_per_month >= 0", name="cap"),
    )


ChangeStatus = Literal["requested", "approved", "refused"]

CHANGE_NEXT: Transitions[ChangeStatus] = {"requested": frozenset({"approved", "refused"})}


class BudgetChange(Base):
    """More (or less) money for a programme: asked for by one person, decided by another (money rule 14)."""

    __tablename__ = "budget_changes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programmes.id"), index=True)
    change_fen: Mapped[int] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(String(200), default="")
    status: Mapped[ChangeStatus] = mapped_column(String(10), default="requested")
    requested_by: Mapped[int] = mapped_column(Integer)
    requested_at: Mapped[datetime]
    decided_by: Mapped[int | None] = mapped_column(Integer)
    decided_at: Mapped[datetime | None]
    content_sha256: Mapped[str | None] = mapped_column(String(64))
    """Of what the second person agreed to: the change, and the programme as it stood."""

    __table_args__ = (
        CheckConstraint("change_fen <> 0", name="changes"),
        one_of("status", ChangeStatus),
        CheckConstraint(
            "status <> 'approved' OR (decided_by IS NOT NULL AND decided_by <> requested_by)", name="four_eyes"
        ),
    )


RuledBy = Literal["programme", "kind", "campaign"]
"""What has rules that only two people change: a programme, a kind of voucher."""


class RuleChange(Base):
    """Other rules for who may get how much: asked for by one person, decided by another (money rule 14, security S56)."""

    __tablename__ = "rule_changes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    subject_kind: Mapped[RuledBy] = mapped_column(String(10))
    subject_id: Mapped[int] = mapped_column(BigInteger)
    asked: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Column of the subject → the value that it shall have, for a campaign `Asked` of instant/changes or hall/changes; what is not
    named stays."""
    status: Mapped[ChangeStatus] = mapped_column(String(10), default="requested")
    requested_by: Mapped[int] = mapped_column(Integer)
    requested_at: Mapped[datetime]
    decided_by: Mapped[int | None] = mapped_column(Integer)
    decided_at: Mapped[datetime | None]
    content_sha256: Mapped[str | None] = mapped_column(String(64))
    """Of what the second person agreed to: the change, and its subject as it stood."""

    __table_args__ = (
        one_of("subject_kind", RuledBy),
        one_of("status", ChangeStatus),
        CheckConstraint(
            "status <> 'approved' OR (decided_by IS NOT NULL AND decided_by <> requested_by)", name="four_eyes"
        ),
        Index(
            "one_open_rule_change",
            "subject_kind",
            "subject_id",
            unique=True,
            sqlite_where=text("status = 'requested'"),
            postgresql_where=text("status = 'requested'"),
        ),
    )


class Payout(Base):
    """Money owed to one openid, for one reason. Who gets how much for what never changes once the row exists."""

    __tablename__ = "payouts"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    """Names the payout on the person's own pages."""
    source_kind: Mapped[str] = mapped_column(String(10))
    source_id: Mapped[int] = mapped_column(BigInteger)
    budget_id: Mapped[int] = mapped_column(ForeignKey("budgets.id"))
    """The budget that pays it, which is the programme of that id."""
    openid: Mapped[str] = mapped_column(String(64))
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    channel: Mapped[str] = mapped_column(String(16))
    texts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    note: Mapped[str] = mapped_column(String(200), default="")
    content_sha256: Mapped[str] = mapped_column(String(64))
    status: Mapped[PayoutStatus] = mapped_column(String(10))
    hold: Mapped[str | None] = mapped_column(String(12))
    """Why it waits though it is approved (HOLDS); None when nothing holds it."""
    due_at: Mapped[datetime | None]
    """When the worker looks at it next; None when it waits for something else than time."""
    order_id: Mapped[int | None] = mapped_column(BigInteger)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    """Orders placed for it so far; it only grows, the order's number depends on it."""
    failures: Mapped[int] = mapped_column(Integer, default=0)
    err_code: Mapped[str | None] = mapped_column(String(64))
    month: Mapped[str] = mapped_column(String(6), default="")
    """The Shanghai month whose limit of the programme it has used; empty when it used none."""
    second_for: Mapped[dict[str, int] | None] = mapped_column(JSON(none_as_null=True))
    """What made it wait for a second person (a key of words.SECOND_WORDS): each reason with the sum that reached the bound, in fen, 0 where none
    did. None when nothing did, and for payouts of before 0.5.0."""
    created_by: Mapped[int | None] = mapped_column(Integer)
    approved_by: Mapped[int | None] = mapped_column(Integer)
    """The second person; None when none was needed."""
    created_at: Mapped[datetime]
    approved_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("source_kind", "source_id"),
        one_of("status", PayoutStatus),
        CheckConstraint("amount_fen > 0", name="positive"),
        one_of("source_kind", SOURCES, name="source"),
        CheckConstraint("approved_by IS NULL OR approved_by <> created_by", name="four_eyes"),
        Index("ix_payouts_openid", "openid", "id"),
        Index("ix_payouts_budget_id", "budget_id", "id"),
        Index("ix_payouts_status", "status", "id"),
        Index(
            "ix_payouts_due",
            "due_at",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
        Index("ix_payouts_order_id", "order_id"),
    )


class Release(Base):
    """One payout that need not wait for the fund bills after a restore: one cashier asks, a second one agrees."""

    __tablename__ = "payout_releases"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    payout_id: Mapped[int] = mapped_column(ForeignKey("payouts.id"), unique=True)
    evidence: Mapped[str] = mapped_column(String(400))
    asked_by: Mapped[int] = mapped_column(Integer)
    asked_at: Mapped[datetime]
    decided_by: Mapped[int | None] = mapped_column(Integer)
    decided_at: Mapped[datetime | None]

    __table_args__ = (CheckConstraint("decided_by IS NULL OR decided_by <> asked_by", name="four_eyes"),)


class ManualRequest(Base):
    """A payout that a person asked for by hand: one row per submitted form, so that a double click is one payout (F24)."""

    __tablename__ = "manual_requests"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    form_token: Mapped[str] = mapped_column(String(64), unique=True)
    reason: Mapped[str] = mapped_column(Text)
    made_by: Mapped[int] = mapped_column(Integer)
    made_at: Mapped[datetime]


class PayList(Base):
    """A file of people to pay. The same file is never paid twice, and every row of it once (money F81)."""

    __tablename__ = "pay_lists"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(100))
    file_name: Mapped[str] = mapped_column(String(80), default="")
    file_sha256: Mapped[str] = mapped_column(String(64))
    programme_id: Mapped[int] = mapped_column(ForeignKey("programmes.id"))
    channel: Mapped[str] = mapped_column(String(16), default="")
    status: Mapped[ListStatus] = mapped_column(String(10), default="draft")
    rows: Mapped[int] = mapped_column(Integer, default=0)
    good_rows: Mapped[int] = mapped_column(Integer, default=0)
    total_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    """Sum of the good rows."""
    unread: Mapped[str] = mapped_column(String(400), default="")
    """Headers of columns that were not read, as they are shown."""
    content_sha256: Mapped[str | None] = mapped_column(String(64))
    created_by: Mapped[int] = mapped_column(Integer)
    approved_by: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime]
    approved_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]

    __table_args__ = (
        one_of("status", ListStatus),
        CheckConstraint("approved_by IS NULL OR approved_by <> created_by", name="four_eyes"),
        Index(
            "one_live_file",
            "file_sha256",
            unique=True,
            sqlite_where=text("status <> 'dropped'"),
            postgresql_where=text("status <> 'dropped'"),
        ),
        Index("ix_pay_lists_status", "status", "id"),
    )


class ListRow(Base):
    """One row of a list, as it was read. `fault` says why it cannot be paid; a good row gets a payout."""

    __tablename__ = "list_rows"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("pay_lists.id"))
    row_number: Mapped[int] = mapped_column(Integer)
    """The row's number in the file, counted as a spreadsheet does."""
    openid: Mapped[str | None] = mapped_column(String(64))
    phone_sealed: Mapped[str | None] = mapped_column(Text)
    phone_masked: Mapped[str] = mapped_column(String(20), default="")
    name: Mapped[str] = mapped_column(String(40), default="")
    amount_fen: Mapped[int | None] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(String(200), default="")
    fault: Mapped[str] = mapped_column(String(100), default="")
    is_hidden: Mapped[bool] = mapped_column(default=False)
    """Who looked at the file did not see this row: it was hidden, or a filter hid it."""
    read_sealed: Mapped[str | None] = mapped_column(Text)
    """What stood in cells that could not be taken, JSON by column, sealed; forgotten with the phones."""
    payout_id: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        UniqueConstraint("list_id", "row_number"),
        Index("ix_list_rows_payout_id", "payout_id"),
        Index(
            "ix_list_rows_to_request",
            "list_id",
            "id",
            sqlite_where=text("payout_id IS NULL AND fault = ''"),
            postgresql_where=text("payout_id IS NULL AND fault = ''"),
        ),
    )
