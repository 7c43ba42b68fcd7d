"""Let go of what was kept long enough (worker task retention.sweep): one setting for each kind, WXBOT_KEEP_…_DAYS, 0 for ever.

Ledger, orders, payouts, lists, bills and vouchers are accounting records and have no term here. What is let go of is what names or
describes a person beside them: pictures, words, addresses, WeChat's raw answers.

Two of the tables are evidence: their triggers refuse every DELETE (I9). They allow it for a row that a cut names, older than
the cut's date and older than 180 days, whoever asks; a cut says which rows went and what they hashed to, and is itself never
changed or deleted. So nothing of the evidence goes without leaving a line that says so.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, String, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from wxbot.db import Base, BigId, changed
from wxbot.draws.models import Draw
from wxbot.logs import get_logger
from wxbot.orders.models import NEXT, STATUSES, Evidence, Order
from wxbot.people.models import Notice
from wxbot.replies.models import Dialogue
from wxbot.runtime import Runtime
from wxbot.shake.models import Bind
from wxbot.staff.models import AuditEvent
from wxbot.staff.sign_in import sweep_tries
from wxbot.vouchers import erasure

log = get_logger(__name__)

BATCH = 500
ROUNDS = 20
"""Batches of one kind in one run; the next run goes on."""

FINAL = [status for status in STATUSES if status not in NEXT]
"""Orders that can never change: only their raw answers are let go of."""


class Cut(Base):
    """Rows of one table that were let go of: from which number to which, how many, and the hash of what they said."""

    __tablename__ = "retention_cuts"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    table_name: Mapped[str] = mapped_column(String(40))
    before: Mapped[datetime]
    first_id: Mapped[int] = mapped_column(BigInteger)
    last_id: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64), default="")
    """Over the rows as JSON, in the order of their numbers, so that a copy made before can be compared; empty for rows that stay
    and were only emptied."""
    at: Mapped[datetime]

    __table_args__ = (Index("ix_retention_cuts_table_name", "table_name", "last_id"),)


def sweep(runtime: Runtime) -> int:
    """One run over all kinds; returns how many rows were let go of. A kind that fails does not keep the others waiting."""
    with runtime.database.transaction() as session:
        sweep_tries(session, runtime.clock.now())
    total = 0
    for name, let_go in KINDS.items():
        days = int(getattr(runtime.settings, f"keep_{name}_days"))
        if not days:
            continue
        before = runtime.clock.now() - timedelta(days=days)
        try:
            done = _rounds(runtime, let_go, before)
        except Exception:
            log.exception("retention_failed", kind=name)
            continue
        if done:
            log.info("retention_swept", kind=name, rows=done)
        total += done
    return total


LetGo = Callable[[Runtime, datetime], int]
"""Let go of at most one batch of what is older than the moment; returns how many rows."""


def _rounds(runtime: Runtime, let_go: LetGo, before: datetime) -> int:
    total = 0
    for _ in range(ROUNDS):
        done = let_go(runtime, before)
        total += done
        if not done:
            break
    return total


# --- rows that go -------------------------------------------------------------------------------------------------


def _oldest(
    session: Session, model: Any, at: str, before: datetime, may_go: Callable[[Session, Sequence[Any]], Collection[int]]
) -> list[Any]:
    """The oldest rows that may go, found from the lowest number on: numbers grow with time, so nothing newer is read."""
    after = 0
    for _ in range(ROUNDS):
        page = session.scalars(select(model).where(model.id > after).order_by(model.id).limit(BATCH)).all()
        old = [row for row in page if getattr(row, at) < before]
        free = may_go(session, old) if old else ()
        if found := [row for row in old if row.id in free]:
            return found
        if len(old) < BATCH:
            break
        after = page[-1].id
    return []


def _all(_session: Session, rows: Sequence[Any]) -> Collection[int]:
    return {row.id for row in rows}


def _settled(session: Session, rows: Sequence[Evidence]) -> Collection[int]:
    """Answers about orders that have ended: an open one may still need each of them."""
    asked = select(Order.id).where(Order.id.in_({row.order_id for row in rows}), Order.status.in_(FINAL))
    ended = set(session.scalars(asked))
    return {row.id for row in rows if row.order_id in ended}


def _matched(_session: Session, rows: Sequence[Bind]) -> Collection[int]:
    return {row.id for row in rows if row.status == "matched"}


def _delete(runtime: Runtime, model: Any, at: str, before: datetime, may_go: Any) -> int:
    """Delete one batch, and keep the cut that says so, in one transaction; 0 when another worker was quicker."""
    with runtime.database.transaction() as session:
        rows = _oldest(session, model, at, before, may_go)
        if not rows:
            return 0
        said = json.dumps([_said(row) for row in rows], ensure_ascii=False, sort_keys=True, default=str)
        _cut(session, runtime, rows, before, hashlib.sha256(said.encode()).hexdigest())
        gone = changed(session, delete(model).where(model.id.in_([row.id for row in rows])))
        if gone < len(rows):
            session.rollback()
            return 0
    return gone


def _said(row: Any) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


def _cut(session: Session, runtime: Runtime, rows: Sequence[Any], before: datetime, sha256: str = "") -> None:
    session.add(
        Cut(
            table_name=rows[0].__tablename__,
            before=before,
            first_id=rows[0].id,
            last_id=rows[-1].id,
            rows=len(rows),
            sha256=sha256,
            at=runtime.database.now(session),
        )
    )
    session.flush()


def evidence(runtime: Runtime, before: datetime) -> int:
    """WeChat's raw answers about orders that have ended; the orders themselves stay."""
    return _delete(runtime, Evidence, "at", before, _settled)


def callbacks(runtime: Runtime, before: datetime) -> int:
    """Bind events that found their packet; what waits or contradicts the books stays."""
    return _delete(runtime, Bind, "created_at", before, _matched)


def audit(runtime: Runtime, before: datetime) -> int:
    """The audit log."""
    return _delete(runtime, AuditEvent, "at", before, _all)


def dialogues(runtime: Runtime, before: datetime) -> int:
    """Dialogues that are over: all that is left of them tells a repeated message, which nobody repeats after days."""
    old = select(Dialogue.openid).where(Dialogue.step == "", Dialogue.touched_at < before).limit(BATCH)
    with runtime.database.transaction() as session:
        return changed(session, delete(Dialogue).where(Dialogue.openid.in_(session.scalars(old).all())))


# --- rows that stay and are emptied -------------------------------------------------------------------------------


def _empty(runtime: Runtime, model: Any, at: str, before: datetime, **blank: Any) -> int:
    """Empty the next batch behind the last cut."""
    with runtime.database.transaction() as session:
        last = session.scalar(select(func.max(Cut.last_id)).where(Cut.table_name == model.__tablename__)) or 0
        page = session.scalars(select(model).where(model.id > last).order_by(model.id).limit(BATCH)).all()
        rows = [row for row in page if getattr(row, at) < before]
        if not rows:
            return 0
        changed(session, update(model).where(model.id.in_([row.id for row in rows])).values(**blank))
        _cut(session, runtime, rows, before)
        return len(rows)


def notices(runtime: Runtime, before: datetime) -> int:
    """What people were told: the row stays, so that nothing is told twice."""
    return _empty(runtime, Notice, "created_at", before, text="", url="")


def addresses(runtime: Runtime, before: datetime) -> int:
    """The network address of a draw."""
    return _empty(runtime, Draw, "admitted_at", before, ip=None)


KINDS: dict[str, LetGo] = {
    "photos": erasure.let_go,
    "evidence": evidence,
    "callbacks": callbacks,
    "addresses": addresses,
    "audit": audit,
    "dialogues": dialogues,
    "notices": notices,
}
"""Kind → what lets go of it; the setting is WXBOT_KEEP_<KIND>_DAYS. Text messages go with people.erase."""
