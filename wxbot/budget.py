"""Budgets: how much a campaign or a programme may still commit, kept by conditional writes (money rule 7, I7).

A budget is what orders are paid from. Campaigns and programmes take their ids from here, so that an order, a ledger entry
and a balance name the one budget they belong to, whatever stands behind it.
"""

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, String, bindparam, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from wxbot.db import Base, BigId, changed
from wxbot.prepared import Prepared


class Budget(Base):
    """One budget in fen. `committed` is owed to people or in live orders (unknown ones included), `paid` was received."""

    __tablename__ = "budgets"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(10), default="campaign")
    name: Mapped[str] = mapped_column(String(100), default="")
    """What the books call it: the campaign's name, or department and programme."""
    budget_fen: Mapped[int] = mapped_column(BigInteger)
    committed_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    paid_fen: Mapped[int] = mapped_column(BigInteger, default=0)

    __table_args__ = (
        CheckConstraint("budget_fen >= 0 AND committed_fen >= 0 AND paid_fen >= 0", name="not_negative"),
        CheckConstraint("committed_fen + paid_fen <= budget_fen", name="not_overspent"),
    )


def create(session: Session, kind: str, name: str) -> int:
    """A new budget that allows nothing yet; returns its id, which becomes that of the `campaign` or `programme`."""
    made = Budget(kind=kind, name=name, budget_fen=0, committed_fen=0, paid_fen=0)
    session.add(made)
    session.flush()
    return made.id


def _write(session: Session, budget_id: int, *conditions: Any, **values: Any) -> bool:
    """One conditional UPDATE; False when a condition does not hold (nothing is changed then)."""
    return changed(session, update(Budget).where(Budget.id == budget_id, *conditions).values(**values)) > 0


def open_budget(session: Session, budget_id: int, budget_fen: int, name: str = "") -> None:
    """Allow a campaign to spend `budget_fen`: it was approved."""
    is_kept = Budget.committed_fen + Budget.paid_fen <= budget_fen
    if not _write(session, budget_id, is_kept, budget_fen=budget_fen, name=name):
        session.add(
            Budget(id=budget_id, kind="campaign", name=name, budget_fen=budget_fen, committed_fen=0, paid_fen=0)
        )
        session.flush()


def close_budget(session: Session, budget_id: int) -> bool:
    """Allow nothing any more; False when something was committed or paid already."""
    return _write(session, budget_id, Budget.committed_fen == 0, Budget.paid_fen == 0, budget_fen=0)


def change_budget(session: Session, budget_id: int, change_fen: int) -> bool:
    """Allow `change_fen` more, or less when it is negative; False when that much is not free."""
    is_free = Budget.budget_fen + change_fen >= Budget.committed_fen + Budget.paid_fen
    return _write(session, budget_id, is_free, budget_fen=Budget.budget_fen + change_fen)


def is_free(session: Session, budget_id: int, amount_fen: int) -> bool:
    """Whether so much could be taken from a budget at this moment; a negative amount always can."""
    row = session.get(Budget, budget_id)
    return amount_fen <= 0 or (row is not None and row.budget_fen - amount_fen >= row.committed_fen + row.paid_fen)


_budgets: Any = Budget.__table__
_RESERVED = Prepared(
    update(_budgets)
    .where(
        _budgets.c.id == bindparam("budget"),
        _budgets.c.committed_fen + _budgets.c.paid_fen + bindparam("fen") <= _budgets.c.budget_fen,
    )
    .values(committed_fen=_budgets.c.committed_fen + bindparam("fen"))
)
"""Made once: every commit with a win in it asks this."""


def reserve(session: Session, budget_id: int, amount_fen: int) -> bool:
    """Commit `amount_fen` to an order; False when the budget does not allow it (nothing is changed then)."""
    return _RESERVED.changed(session, {"budget": budget_id, "fen": amount_fen}) > 0


def release(session: Session, budget_id: int, amount_fen: int) -> bool:
    """Give back what an order committed, after it definitely failed or its money came back."""
    is_held = Budget.committed_fen >= amount_fen
    return _write(session, budget_id, is_held, committed_fen=Budget.committed_fen - amount_fen)


def spend(session: Session, budget_id: int, amount_fen: int) -> bool:
    """Turn committed money into paid money: a person has received it."""
    return _write(
        session,
        budget_id,
        Budget.committed_fen >= amount_fen,
        committed_fen=Budget.committed_fen - amount_fen,
        paid_fen=Budget.paid_fen + amount_fen,
    )
