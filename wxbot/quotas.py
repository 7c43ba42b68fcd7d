"""Limits per name and period: conditional writes, never a count that is followed by an insert (money rule 7, I8).

What is limited: a person's day of payments, months of programmes and of voucher kinds, a person's day of vouchers and photos,
tries in a campaign. What is added up: a day of what one requester asked for, and of what was asked for one payee. A name says whose limit it is and begins with a word of its feature; it is made where the limit is held.
SMS codes keep a window of their own (people/limits): theirs slides and is no period.
"""

import json
from collections.abc import Sequence

from sqlalchemy import BigInteger, CheckConstraint, Integer, String, delete, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from wxbot.db import Base, changed, insert_into, is_sqlite
from wxbot.prepared import Prepared

ALL_TIME = "all"
"""The period of a limit that never begins anew."""


class Quota(Base):
    """How much of a limit is used: per name (`person:<openid>`, …) and period (a Shanghai day or month, or all time)."""

    __tablename__ = "quotas"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    period: Mapped[str] = mapped_column(String(8), primary_key=True)
    n: Mapped[int] = mapped_column(Integer, default=0)
    fen: Mapped[int] = mapped_column(BigInteger, default=0)

    __table_args__ = (CheckConstraint("n >= 0 AND fen >= 0", name="not_negative"),)


def person(openid: str) -> str:
    """The name of one person's daily limit."""
    return f"person:{openid}"


def take(session: Session, name: str, period: str, fen: int = 0, *, most: int = 0, most_fen: int = 0) -> bool:
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


def add(session: Session, name: str, period: str, fen: int) -> int:
    """Count one more of `fen` in a period, whatever there is; returns the sum in fen, this one included.

    The row stays locked until the transaction ends: of two at the same moment the second one sees the first's.
    """
    statement = insert_into(session, Quota).values(name=name, period=period, n=1, fen=fen)
    counted = statement.on_conflict_do_update(
        index_elements=["name", "period"], set_={"n": Quota.n + 1, "fen": Quota.fen + fen}
    )
    return int(session.execute(counted.returning(Quota.fen)).scalar_one())


_TAKE_EACH = """
    WITH asked (name) AS ({asked})
    INSERT INTO quotas (name, period, n, fen)
    SELECT name, :period, 1, 0 FROM asked WHERE true ORDER BY name
    ON CONFLICT (name, period) DO UPDATE SET n = quotas.n + 1 WHERE quotas.n < :most
    RETURNING name
"""
_EACH_SQLITE = Prepared(text(_TAKE_EACH.format(asked="SELECT value FROM json_each(:names)")))
_EACH_POSTGRESQL = Prepared(text(_TAKE_EACH.format(asked="SELECT unnest(CAST(:names AS text[]))")))
"""An array, because PostgreSQL knows how long one is; by name, so that two writers take their locks in one order."""


def take_each(session: Session, names: Sequence[str], period: str, most: int) -> set[str]:
    """`take` for many different names at once, at the cost of one: the names for which one more fitted."""
    if not names:
        return set()
    if is_sqlite(session):
        fitted = _EACH_SQLITE.rows(session, {"names": json.dumps(names), "period": period, "most": most})
    else:
        fitted = _EACH_POSTGRESQL.rows(session, {"names": list(names), "period": period, "most": most})
    return {name for (name,) in fitted}


_USED_EACH = "SELECT name, period, n FROM quotas WHERE name {among} AND (period = :day OR period = 'all')"
_USED_EACH_SQLITE = Prepared(text(_USED_EACH.format(among="IN (SELECT value FROM json_each(:names))")))
_USED_EACH_POSTGRESQL = Prepared(text(_USED_EACH.format(among="= ANY(CAST(:names AS text[]))")))


def used_each(session: Session, names: Sequence[str], day: str) -> dict[tuple[str, str], int]:
    """(name, period) → how many are counted, for many names at once, of that day and of all time."""
    if is_sqlite(session):
        rows = _USED_EACH_SQLITE.rows(session, {"names": json.dumps(names), "day": day})
    else:
        rows = _USED_EACH_POSTGRESQL.rows(session, {"names": list(names), "day": day})
    return {(name, period): n for name, period, n in rows}


_TAKE_SEVERAL = """
    WITH asked (name, period, n, most) AS ({asked})
    INSERT INTO quotas (name, period, n, fen)
    SELECT name, period, n, 0 FROM asked WHERE n <= most ORDER BY name, period
    ON CONFLICT (name, period) DO UPDATE SET n = quotas.n + excluded.n
      WHERE quotas.n + excluded.n <= (SELECT most FROM asked WHERE asked.name = quotas.name AND asked.period = quotas.period)
    RETURNING name
"""
_SEVERAL_SQLITE = Prepared(
    text(
        _TAKE_SEVERAL.format(
            asked="SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),"
            " json_extract(value, '$[3]') FROM json_each(:rows)"
        )
    )
)
_SEVERAL_POSTGRESQL = Prepared(
    text(
        _TAKE_SEVERAL.format(
            asked="SELECT * FROM unnest(CAST(:names AS text[]), CAST(:periods AS text[]), CAST(:ns AS integer[]),"
            " CAST(:mosts AS integer[]))"
        )
    )
)


def take_several(session: Session, asked: Sequence[tuple[str, str, int, int]]) -> bool:
    """Count `n` more of each (name, period, n, most); False when not all fitted: then the caller must roll back."""
    if not asked:
        return True
    if is_sqlite(session):
        return len(_SEVERAL_SQLITE.rows(session, {"rows": json.dumps(asked)})) == len(asked)
    columns = dict(zip(("names", "periods", "ns", "mosts"), map(list, zip(*asked, strict=True)), strict=True))
    return len(_SEVERAL_POSTGRESQL.rows(session, columns)) == len(asked)


def give_back(session: Session, name: str, period: str, fen: int = 0, *, n: int = 1) -> bool:
    """Take one back that definitely came to nothing, or (`n` 0) a part of its amount. The caller sees to it that this
    happens once for each."""
    is_there = (Quota.name == name) & (Quota.period == period) & (Quota.n >= n) & (Quota.fen >= fen)
    return changed(session, update(Quota).where(is_there).values(n=Quota.n - n, fen=Quota.fen - fen)) > 0


def forget(session: Session, names: Sequence[str]) -> None:
    """Let these limits begin anew."""
    session.execute(delete(Quota).where(Quota.name.in_(names)))


def forget_under(session: Session, prefix: str, *, but: str = "") -> int:
    """Forget what was counted under names that begin so, in every period but one; returns how many rows went.

    It reads all rows: for a sweep and for a person's hand, not for a request.
    """
    there = Quota.name.startswith(prefix, autoescape=True) & (Quota.period != but)
    return changed(session, delete(Quota).where(there))


def used(session: Session, name: str, period: str) -> tuple[int, int]:
    """How many and how many fen are counted so far."""
    row = session.execute(select(Quota.n, Quota.fen).where(Quota.name == name, Quota.period == period)).one_or_none()
    return (row.n, row.fen) if row else (0, 0)
