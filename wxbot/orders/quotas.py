"""Limits per person and period: conditional writes, never a count that is followed by an insert (money rule 7, I8)."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from wxbot.db import changed, insert_into
from wxbot.orders.models import Quota


def person(openid: str) -> str:
    """The name of one person's daily limit."""
    return f"person:{openid}"


def take(session: Session, name: str, period: str, fen: int, *, most: int = 0, most_fen: int = 0) -> bool:
    """Count one more of `fen` in a period; False when `most` or `most_fen` would be passed (0: no such limit).

    Nothing is counted then. Exact with any number of writers: the condition stands in the write itself.
    """
    if most_fen and fen > most_fen:
        return False
    statement = insert_into(session, Quota).values(name=name, period=period, n=1, fen=fen)
    conditions = []
    if most:
        conditions.append(Quota.n < most)
    if most_fen:
        conditions.append(Quota.fen + fen <= most_fen)
    counted = statement.on_conflict_do_update(
        index_elements=["name", "period"],
        set_={"n": Quota.n + 1, "fen": Quota.fen + fen},
        where=None if not conditions else conditions[0] if len(conditions) == 1 else conditions[0] & conditions[1],
    )
    return session.scalar(counted.returning(Quota.n)) is not None


def give_back(session: Session, name: str, period: str, fen: int) -> bool:
    """Take one back that definitely came to nothing. The caller sees to it that this happens once for each."""
    is_there = (Quota.name == name) & (Quota.period == period) & (Quota.n > 0) & (Quota.fen >= fen)
    return changed(session, update(Quota).where(is_there).values(n=Quota.n - 1, fen=Quota.fen - fen)) > 0
