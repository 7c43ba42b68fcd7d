"""Draws and awards added up by hour and way in, by the very commits that write them: what a running campaign shows costs no look at
its rows, and is exact, also in a restored copy.

What a transaction adds is kept until it ends and is then written at once, in one order: these rows are the last that any
transaction locks, so nobody waits for another in a circle.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, get_args

from sqlalchemy import event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, SessionTransaction

from wxbot.instant.models import Award, AwardStatus, InstantSum, SumOf
from wxbot.prepared import Prepared

_WAITING = "instant_sums"
"""Under this name a session keeps what is to be added: (campaign, hour, channel code, what) → [how many, fen]."""

_BEFORE = "instant_sums_before"
"""Under this one, for each savepoint of the transaction: what waited when it was made."""

STATUSES: tuple[AwardStatus, ...] = get_args(AwardStatus)


def add(
    session: Session, campaign_id: int, drawn_at: datetime, channel_code: str, what: SumOf, n: int = 1, fen: int = 0
) -> None:
    """Add (or with a negative `n` and `fen` take away) something of a draw of `drawn_at`, when this transaction commits."""
    hour = drawn_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    sums = session.info.setdefault(_WAITING, {}).setdefault((campaign_id, hour, channel_code, what), [0, 0])
    sums[0] += n
    sums[1] += fen


def moved(session: Session, award: Award, before: AwardStatus, after: AwardStatus, *, is_first_tap: bool) -> None:
    """An award went from one status to the next."""
    mine = (session, award.campaign_id, award.won_at, award.channel_code)
    add(*mine, before, -1, -award.amount_fen)
    add(*mine, after, 1, award.amount_fen)
    if is_first_tap:
        add(*mine, "tapped")


@cache
def _added(dialect: str) -> Prepared:
    insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[dialect]
    table: Any = InstantSum.__table__
    made = insert(table)
    added = made.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={"n": table.c.n + made.excluded.n, "fen": table.c.fen + made.excluded.fen},
    )
    return Prepared(added, table.c.keys())


@event.listens_for(Session, "before_commit")
def _write(session: Session) -> None:
    if _WAITING not in session.info or session.in_nested_transaction():
        return
    sums: dict[tuple[int, datetime, str, str], list[int]] = session.info.pop(_WAITING)
    rows = [
        {"campaign_id": campaign_id, "hour": hour, "channel_code": channel_code, "what": what, "n": n, "fen": fen}
        for (campaign_id, hour, channel_code, what), (n, fen) in sorted(sums.items())
        if n or fen
    ]
    if rows:
        session.flush()  # SQLAlchemy would write what is left after us, and these rows would not be the last
        _added(session.get_bind().dialect.name).changed(session, rows)


@event.listens_for(Session, "after_transaction_create")
def _keep(session: Session, transaction: SessionTransaction) -> None:
    """What was added before a savepoint outlives it."""
    if transaction.nested and _WAITING in session.info:
        kept = {key: [*sums] for key, sums in session.info[_WAITING].items()}
        session.info.setdefault(_BEFORE, {})[transaction] = kept


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, previous: SessionTransaction) -> None:
    """What a transaction or a savepoint that is rolled back added is not added."""
    session.info.pop(_WAITING, None)
    if previous.nested and (kept := session.info.get(_BEFORE, {}).pop(previous, None)):
        session.info[_WAITING] = kept


@event.listens_for(Session, "after_transaction_end")
def _end(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(_BEFORE, None)


def of(session: Session, campaign_id: int) -> dict[str, tuple[int, int]]:
    """What → (how many, fen) of a whole campaign."""
    return by(session, campaign_id, None).get(None, {})


def by(session: Session, campaign_id: int, part: Any) -> dict[Any, dict[str, tuple[int, int]]]:
    """The same for each value of `part`, a column of InstantSum or what is made of one; None is the whole."""
    parts = [] if part is None else [part]
    query = select(InstantSum.what, func.sum(InstantSum.n), func.sum(InstantSum.fen), *parts)
    query = query.where(InstantSum.campaign_id == campaign_id).group_by(InstantSum.what, *parts)
    found: dict[Any, dict[str, tuple[int, int]]] = {}
    for what, n, fen, *value in session.execute(query):
        found.setdefault(value[0] if value else None, {})[what] = (int(n), int(fen))
    return found


def wins(sums: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
    """How many awards there are in any status, and how much money."""
    mine = [sums.get(status, (0, 0)) for status in STATUSES]
    return sum(n for n, _ in mine), sum(fen for _, fen in mine)


def have(sums: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
    """How many of them their people have, and how much money."""
    return sums.get("paid", (0, 0))[0] + sums.get("given", (0, 0))[0], sums.get("paid", (0, 0))[1]
