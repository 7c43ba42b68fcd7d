"""Budgets: how much a campaign may still commit, kept by conditional writes (money rule 7, I7)."""

from sqlalchemy import BigInteger, CheckConstraint, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from wxbot.db import Base, changed


class Budget(Base):
    """One campaign's budget in fen. `committed` is in live orders (unknown ones included), `paid` was received."""

    __tablename__ = "budgets"

    campaign_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    budget_fen: Mapped[int] = mapped_column(BigInteger)
    committed_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    paid_fen: Mapped[int] = mapped_column(BigInteger, default=0)

    __table_args__ = (
        CheckConstraint("budget_fen >= 0 AND committed_fen >= 0 AND paid_fen >= 0", name="not_negative"),
        CheckConstraint("committed_fen + paid_fen <= budget_fen", name="not_overspent"),
    )


def open_budget(session: Session, campaign_id: int, budget_fen: int) -> None:
    """Create the budget of an approved campaign."""
    session.add(Budget(campaign_id=campaign_id, budget_fen=budget_fen, committed_fen=0, paid_fen=0))
    session.flush()


def reserve(session: Session, campaign_id: int, amount_fen: int) -> bool:
    """Commit `amount_fen` to an order; False when the budget does not allow it (nothing is changed then)."""
    return (
        changed(
            session,
            update(Budget)
            .where(
                Budget.campaign_id == campaign_id,
                Budget.committed_fen + Budget.paid_fen + amount_fen <= Budget.budget_fen,
            )
            .values(committed_fen=Budget.committed_fen + amount_fen),
        )
        > 0
    )


def release(session: Session, campaign_id: int, amount_fen: int) -> bool:
    """Give back what an order committed, after it definitely failed or its money came back."""
    return (
        changed(
            session,
            update(Budget)
            .where(Budget.campaign_id == campaign_id, Budget.committed_fen >= amount_fen)
            .values(committed_fen=Budget.committed_fen - amount_fen),
        )
        > 0
    )


def spend(session: Session, campaign_id: int, amount_fen: int) -> bool:
    """Turn committed money into paid money: a person has received it."""
    return (
        changed(
            session,
            update(Budget)
            .where(Budget.campaign_id == campaign_id, Budget.committed_fen >= amount_fen)
            .values(committed_fen=Budget.committed_fen - amount_fen, paid_fen=Budget.paid_fen + amount_fen),
        )
        > 0
    )
