"""The ledger: append-only double entry in fen (money §5.3, I9).

One entry is one posting: a debit account, a credit account, a positive amount; the sum over all accounts is zero by
construction. `UNIQUE(kind, ref)` makes a repeated posting do nothing, triggers on both databases refuse UPDATE and
DELETE, and a hash chain over the entries (written by the worker) finds a row that was changed by hand.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    func,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from wxbot.db import Base, BigId, Database, UtcDateTime, insert_into, is_sqlite
from wxbot.prepared import Prepared

ACCOUNTS = {
    "external": "outside: where top-ups come from",
    "merchant": "the merchant's balance as far as our own postings know it",
    "reserved": "set aside for a campaign, not yet in an order",
    "owed": "won by a person, who has not asked for it yet or whose order ended without paying",
    "in_flight": "an order is on its way or its outcome is unknown",
    "tickets": "WeChat holds it as a ticket nobody has drawn",
    "unclaimed": "bound to a person who has not opened it yet",
    "paid": "received by a person",
    "suspense": "a bill line nobody can explain yet",
}
"""Account name → what the money in it is doing. At rest `in_flight` and `suspense` are 0."""

GENESIS = "0" * 64


class Entry(Base):
    """One posting; never updated, never deleted."""

    __tablename__ = "ledger_entries"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(24))
    ref: Mapped[str] = mapped_column(String(64))
    debit: Mapped[str] = mapped_column(String(16))
    credit: Mapped[str] = mapped_column(String(16))
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    budget_id: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("kind", "ref"),
        CheckConstraint("amount_fen > 0", name="positive"),
        CheckConstraint("debit <> credit", name="two_accounts"),
        Index("ix_ledger_entries_budget_id", "budget_id", "id"),
    )


class Balance(Base):
    """The projection of the entries: what stands in each account, per campaign (0 = no campaign)."""

    __tablename__ = "ledger_balances"

    budget_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    account: Mapped[str] = mapped_column(String(16), primary_key=True)
    balance_fen: Mapped[int] = mapped_column(BigInteger, default=0)


class Seal(Base):
    """One link of the hash chain over the entries."""

    __tablename__ = "ledger_seals"

    entry_id: Mapped[int] = mapped_column(ForeignKey("ledger_entries.id"), primary_key=True, autoincrement=False)
    hash: Mapped[str] = mapped_column(String(64), unique=True)


@dataclass(frozen=True)
class Posting:
    """What to post: `ref` together with `kind` names the fact, so that posting it twice changes nothing."""

    kind: str
    ref: str
    debit: str
    credit: str
    amount_fen: int
    budget_id: int | None = None


_POSTED = tuple(each.name for each in fields(Posting))
_POSTED_SQLITE = (
    "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), json_extract(value, '$[3]'),"
    " json_extract(value, '$[4]'), json_extract(value, '$[5]') FROM json_each(:rows)"
)
_POSTED_POSTGRESQL = (
    "SELECT * FROM unnest(CAST(:kind AS text[]), CAST(:ref AS text[]), CAST(:debit AS text[]), CAST(:credit AS text[]),"
    " CAST(:amount_fen AS bigint[]), CAST(:budget_id AS bigint[]))"
)
_ENTRIES = """
    WITH posted (kind, ref, debit, credit, amount_fen, budget_id) AS ({posted})
    INSERT INTO ledger_entries (kind, ref, debit, credit, amount_fen, budget_id, at)
    SELECT kind, ref, debit, credit, amount_fen, budget_id, :at FROM posted WHERE true
    ON CONFLICT (kind, ref) DO NOTHING
    RETURNING budget_id, debit, credit, amount_fen
"""
"""All of them in one statement, whose cost they share."""


@cache
def _statements(dialect: str) -> tuple[Prepared, Prepared]:
    """(entries, balances) for one database, made once: posting is on every path that moves money."""
    insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[dialect]
    balance = cast(Table, Balance.__table__)
    entries = text(_ENTRIES.format(posted=_POSTED_SQLITE if dialect == "sqlite" else _POSTED_POSTGRESQL))
    moves = insert(balance)
    balances = moves.on_conflict_do_update(
        index_elements=["budget_id", "account"],
        set_={"balance_fen": balance.c.balance_fen + moves.excluded.balance_fen},
    )
    return Prepared(entries.bindparams(bindparam("at", type_=UtcDateTime()))), Prepared(balances, balance.c.keys())


def post(session: Session, postings: Sequence[Posting], now: datetime) -> int:
    """Post inside the caller's transaction; returns how many were new. Amounts in fen.

    A posting whose (kind, ref) exists is left alone, so callers may repeat themselves after a crash.
    """
    for posting in postings:
        if posting.debit not in ACCOUNTS or posting.credit not in ACCOUNTS:
            raise ValueError(f"no such ledger account: {posting.debit} → {posting.credit}")
    if not postings:
        return 0
    entries, balances = _statements(session.get_bind().dialect.name)
    rows = [[getattr(posting, name) for name in _POSTED] for posting in postings]
    if is_sqlite(session):
        values: dict[str, Any] = {"rows": json.dumps(rows)}
    else:
        values = dict(zip(_POSTED, map(list, zip(*rows, strict=True)), strict=True))
    new = entries.rows(session, values | {"at": now})
    moved: dict[tuple[int, str], int] = {}
    for budget_id, debit, credit, amount_fen in new:
        owner = budget_id or 0
        moved[owner, debit] = moved.get((owner, debit), 0) - amount_fen
        moved[owner, credit] = moved.get((owner, credit), 0) + amount_fen
    if moved:
        changes = [
            {"budget_id": budget_id, "account": account, "balance_fen": change_fen}
            for (budget_id, account), change_fen in sorted(moved.items())
        ]
        balances.changed(session, changes)
    return len(new)


def balances(session: Session, budget_id: int | None = None) -> dict[str, int]:
    """Fen in every account, of one campaign or of all."""
    query = select(Balance.account, func.sum(Balance.balance_fen)).group_by(Balance.account)
    if budget_id is not None:
        query = query.where(Balance.budget_id == budget_id)
    found = {account: int(amount) for account, amount in session.execute(query)}
    return {account: found.get(account, 0) for account in ACCOUNTS}


def total_posted(session: Session, kind: str, budget_id: int | None = None) -> int:
    """Fen moved by all entries of one kind, of one campaign or of all."""
    query = select(func.coalesce(func.sum(Entry.amount_fen), 0)).where(Entry.kind == kind)
    if budget_id is not None:
        query = query.where(Entry.budget_id == budget_id)
    return int(session.execute(query).scalar_one())


def _link(previous: str, entry: Entry) -> str:
    parts = (entry.id, entry.kind, entry.ref, entry.debit, entry.credit, entry.amount_fen, entry.budget_id or 0)
    text = "|".join(map(str, (previous, *parts, int(entry.at.timestamp()))))
    return hashlib.sha256(text.encode()).hexdigest()


_WRITERS = text("""
    SELECT virtualtransaction FROM pg_locks
     WHERE locktype = 'relation' AND relation = CAST('ledger_entries' AS regclass) AND mode = 'RowExclusiveLock' AND granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")
"""Transactions that may have an entry's id: an INSERT holds this lock on its table from before it takes an id until its end."""

LOOKS = 250
LOOK_S = 0.02
"""How often, and after which pause in seconds, one call looks whether the writers of its beginning have ended."""


def settled_id(database: Database, looks: int = LOOKS) -> int | None:
    """The newest entry below which no further entry can appear; None while that cannot be said: ask again later.

    PostgreSQL gives ids before it commits. Whoever may still commit an id below the newest committed one had taken it
    before that one was seen, and holds its lock on the table since. So when all who held that lock just after have ended,
    nothing can come in below. Nobody waits for this: it takes no lock, and those who begin meanwhile get higher ids.
    """
    with database.reading() as session:
        newest = int(session.execute(select(func.max(Entry.id))).scalar_one() or 0)
        writers = set() if database.is_sqlite else set(session.scalars(_WRITERS))
    for _ in range(looks):
        if not writers:
            return newest
        time.sleep(LOOK_S)
        with database.reading() as session:
            writers &= set(session.scalars(_WRITERS))
    return None if writers else newest


def seal(session: Session, limit: int = 5000, up_to: int | None = None) -> int:
    """Extend the hash chain over entries that have no link yet; returns how many were sealed.

    An entry has one link (its primary key), and two workers at once work out the same ones. While others post,
    `up_to` is what settled_id() said: an entry that is committed behind the chain's head would never get its link.
    """
    last = session.execute(select(Seal).order_by(Seal.entry_id.desc()).limit(1)).scalar_one_or_none()
    previous, after = (last.hash, last.entry_id) if last else (GENESIS, 0)
    unsealed = select(Entry).where(Entry.id > after).order_by(Entry.id).limit(limit)
    if up_to is not None:
        unsealed = unsealed.where(Entry.id <= up_to)
    entries = session.scalars(unsealed).all()
    links = []
    for entry in entries:
        previous = _link(previous, entry)
        links.append({"entry_id": entry.id, "hash": previous})
    if links:
        session.execute(insert_into(session, Seal).on_conflict_do_nothing(), links)
    return len(links)


CHECK_BATCH = 20_000


def broken_link(session: Session, after_id: int = 0) -> int | None:
    """The id of the first entry above `after_id` that no longer matches its link, or has none though later ones do; or None.

    `after_id` is the id of a sealed entry, or 0 for the whole chain.
    """
    head = session.get(Seal, after_id)
    previous = head.hash if head else GENESIS
    last_id = session.execute(select(func.max(Seal.entry_id))).scalar_one() or 0
    while after_id < last_id:
        rows = session.execute(
            select(Entry, Seal.hash)
            .outerjoin(Seal, Seal.entry_id == Entry.id)
            .where(Entry.id > after_id, Entry.id <= last_id)
            .order_by(Entry.id)
            .limit(CHECK_BATCH)
        ).all()
        for entry, expected in rows:
            previous = _link(previous, entry)
            if previous != expected:
                return int(entry.id)
        if not rows:
            return int(last_id)
        after_id = int(rows[-1][0].id)
        session.expunge_all()
    return None


def sealed_before(session: Session, back: int) -> int:
    """The id of the sealed entry that stands `back` links before the chain's end; 0 when the chain is shorter."""
    query = select(Seal.entry_id).order_by(Seal.entry_id.desc()).offset(back).limit(1)
    return int(session.execute(query).scalar_one_or_none() or 0)


def unbalanced_accounts(session: Session) -> list[tuple[int, str]]:
    """(budget_id, account) whose projection differs from the sum of the entries; empty when the books agree."""
    sums: dict[tuple[int, str], int] = {}
    for side, sign in ((Entry.credit, 1), (Entry.debit, -1)):
        for budget_id, account, amount in session.execute(
            select(Entry.budget_id, side, func.sum(Entry.amount_fen)).group_by(Entry.budget_id, side)
        ):
            key = (budget_id or 0, account)
            sums[key] = sums.get(key, 0) + sign * int(amount)
    shown = {(row.budget_id, row.account): row.balance_fen for row in session.scalars(select(Balance))}
    return sorted(key for key in sums.keys() | shown.keys() if sums.get(key, 0) != shown.get(key, 0))
