"""Found orders: numbers that WeChat knows and a restored database does not; and whom they hold until they were judged.

A found order may be the payment of something that the copy still owes. Until two cashiers have said what it was, nothing is
ordered that it could be: the same person and amount, or the same amount while WeChat does not name the person yet.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, exists, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from wxbot.db import Base, BigId
from wxbot.orders.channels import CHANNELS, LOTTERY
from wxbot.transitions import Transitions, one_of

FoundStatus = Literal["open", "proposed", "adopted", "apart"]

FOUND_NEXT: Transitions[FoundStatus] = {
    "open": frozenset({"proposed"}),
    "proposed": frozenset({"open", "adopted", "apart"}),
}
"""Allowed transitions of a found order: one cashier proposes, another confirms or sends it back."""

FOUND_STATUSES: dict[FoundStatus, str] = {
    "open": "nobody has said yet what this payment was",
    "proposed": "one cashier has said what it was; a second one must agree",
    "adopted": "it was the payment of something that we owe: its order is in the books",
    "apart": "it paid for something else; it stays named, its money in suspense",
}

WITHOUT_MONEY = ("returned", "failed")
"""States of a found order that moved nothing in the end: it holds nobody."""


ThawStep = Literal["asking", "judging", "opened"]


class Thaw(Base):
    """One freeze and the way out of it. The asking goes on where it stopped, whichever worker has it."""

    __tablename__ = "thaws"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    step: Mapped[ThawStep] = mapped_column(String(8), default="asking")
    frozen_at: Mapped[datetime]
    known_until: Mapped[datetime]
    """Every number given before is known to this database."""
    first_serial: Mapped[int] = mapped_column(BigInteger)
    next_serial: Mapped[int] = mapped_column(BigInteger)
    """The serial that is asked about next."""
    unknown_in_a_row: Mapped[int] = mapped_column(Integer, default=0)
    asked: Mapped[int] = mapped_column(BigInteger, default=0)
    refusal: Mapped[str] = mapped_column(String(64), default="")
    bills_read_at: Mapped[datetime | None]
    """When the fund bills of all days that may have lost something had been read; until then what is owed waits."""
    open_asked_by: Mapped[int | None] = mapped_column(Integer)
    open_asked_at: Mapped[datetime | None]
    opened_by: Mapped[int | None] = mapped_column(Integer)
    opened_at: Mapped[datetime | None]

    __table_args__ = (
        one_of("step", ThawStep),
        CheckConstraint(
            "step <> 'opened' OR (opened_by IS NOT NULL AND open_asked_by IS NOT NULL AND opened_by <> open_asked_by)",
            name="four_eyes",
        ),
        Index(
            "one_open_thaw",
            "step",
            unique=True,
            sqlite_where=text("step = 'asking'"),
            postgresql_where=text("step = 'asking'"),
        ),
    )


class FoundOrder(Base):
    """One number that WeChat knows and we did not."""

    __tablename__ = "found_orders"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    thaw_id: Mapped[int] = mapped_column(ForeignKey("thaws.id"))
    mch_billno: Mapped[str] = mapped_column(String(28), unique=True)
    version: Mapped[str] = mapped_column(String(2))
    """v2 or v3: of which API it is; v2 does not tell a ticket from a packet to a person."""
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(10))
    """WeChat's word for it in the words of channels/base.State, as it was told last."""
    openid: Mapped[str | None] = mapped_column(String(64))
    detail_id: Mapped[str | None] = mapped_column(String(64))
    placed_at: Mapped[datetime | None]
    act_name: Mapped[str | None] = mapped_column(String(64))
    wishing: Mapped[str | None] = mapped_column(String(255))
    remark: Mapped[str | None] = mapped_column(String(255))
    found_at: Mapped[datetime]
    next_look_at: Mapped[datetime | None]
    """When WeChat is asked about it again; None once it has ended or has an order."""
    status: Mapped[FoundStatus] = mapped_column(String(8), default="open")
    reason_kind: Mapped[str | None] = mapped_column(String(12))
    """What it paid as proposed or confirmed: `payout` or `campaign`; None for something else."""
    reason_id: Mapped[int | None] = mapped_column(BigInteger)
    evidence: Mapped[str] = mapped_column(String(400), default="")
    proposed_by: Mapped[int | None] = mapped_column(Integer)
    proposed_at: Mapped[datetime | None]
    decided_by: Mapped[int | None] = mapped_column(Integer)
    decided_at: Mapped[datetime | None]

    __table_args__ = (
        one_of("status", FoundStatus),
        CheckConstraint(
            "status NOT IN ('adopted', 'apart') OR (decided_by IS NOT NULL AND decided_by <> proposed_by)",
            name="four_eyes",
        ),
        Index(
            "ix_found_orders_open",
            "amount_fen",
            sqlite_where=text("status IN ('open', 'proposed')"),
            postgresql_where=text("status IN ('open', 'proposed')"),
        ),
        Index(
            "ix_found_orders_look",
            "next_look_at",
            sqlite_where=text("next_look_at IS NOT NULL"),
            postgresql_where=text("next_look_at IS NOT NULL"),
        ),
    )


UNJUDGED = text("found_orders.status IN ('open', 'proposed')")
"""Word for word the condition of the partial index: SQLite uses it for nothing else."""

HAS_MONEY = FoundOrder.state.not_in(WITHOUT_MONEY)


def unjudged(session: Session, amounts: Iterable[int]) -> Sequence[FoundOrder]:
    """Found orders of these amounts that hold others until they were judged."""
    query = select(FoundOrder).where(UNJUDGED, HAS_MONEY, FoundOrder.amount_fen.in_(set(amounts)))
    return session.scalars(query.order_by(FoundOrder.id)).all()


def may_be(found: FoundOrder, openid: str, amount_fen: int, version: str, texts: dict[str, Any]) -> bool:
    """Whether a found order may be the payment of this: one whose person is not told is known by its texts."""
    if (found.amount_fen, found.version) != (amount_fen, version):
        return False
    return found.openid == openid if found.openid is not None else carries(found, texts)


def carries(found: FoundOrder, texts: dict[str, Any]) -> bool:
    """Whether WeChat has told no other texts of a found order than these; of a transfer it tells none."""
    told = {"act_name": found.act_name, "wishing": found.wishing, "remark": found.remark}
    return all(said is None or said == texts.get(name, "") for name, said in told.items())


def of_packets(act_name: Any, wishing: Any, remark: Any) -> Any:
    """Whether an unjudged found order carries the texts of a campaign: a condition on columns or values of it."""
    return exists().where(
        UNJUDGED,
        HAS_MONEY,
        FoundOrder.version == CHANNELS[LOTTERY].version,
        FoundOrder.act_name == act_name,
        FoundOrder.wishing == wishing,
        FoundOrder.remark == remark,
    )


def awaited_bills(session: Session) -> Thaw | None:
    """The thaw whose fund bills are not all read yet: what is owed waits for them; None when nothing waits."""
    return session.scalar(select(Thaw).where(Thaw.bills_read_at.is_(None)).order_by(Thaw.id).limit(1))


def lost_since(session: Session) -> datetime | None:
    """Since when orders may be missing here, though there may be none at all."""
    return session.scalar(select(Thaw.known_until).order_by(Thaw.known_until).limit(1))


def current(session: Session) -> Thaw | None:
    """The newest thaw, or None when this database was never frozen."""
    return session.scalar(select(Thaw).order_by(Thaw.id.desc()).limit(1))
