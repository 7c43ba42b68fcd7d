"""A database that knows it is a copy: how far it has come, and witnesses outside it of how far it had come before.

The generation rises by one in the transaction that claims orders for sending. After that commit and before the first byte of
their numbers, a witness of it is written to Redis and into the sender's data folder, never lowered. A witness above the
database's own generation means that rows were lost, whatever the cause: a restored dump, a failover, a snapshot of the machine.
Such a database freezes itself: it asks and books, it sends nothing and draws nothing, until it was thawed.
"""

import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import BigInteger, CheckConstraint, Integer, String, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column

from wxbot.db import Base, changed
from wxbot.logs import get_logger
from wxbot.runtime import Runtime
from wxbot.text import Refusal, Text
from wxbot.witness import Witness, WitnessView, look, record

log = get_logger(__name__)

ROW = 1
"""The lineage is one row."""

PATIENCE_S = 12.0
"""How long a process waits for a living box to repeat its witness before it takes a missing one for a lost one: FLUSHALL, or
a new box with an empty folder, freezes nothing."""

LAG = 4
"""A claim that died between its commit and its witness leaves the witness behind by one. One that is further behind is old:
it proves nothing."""

Why = Literal["older", "unwitnessed"]

WHYS: dict[Why, str] = {
    "older": "more was sent than this database knows: it is a copy, or rows were lost",
    "unwitnessed": "it has sent orders, and no witness tells how many: it may be a copy",
}
"""Why a database is frozen."""


class Lineage(Base):
    """Which database this is and how far it has come; frozen while `frozen_why` is set."""

    __tablename__ = "lineage"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    database_id: Mapped[str] = mapped_column(String(32))
    """Made at random: a witness of another database says nothing about this one."""
    generation: Mapped[int] = mapped_column(BigInteger, default=0)
    """How often orders were claimed; from 1 on there must be a witness somewhere."""
    frozen_why: Mapped[str | None] = mapped_column(String(12))
    frozen_at: Mapped[datetime | None]
    witness_generation: Mapped[int] = mapped_column(BigInteger, default=0)
    """What the witness said that froze it; thawed, the generation goes on above it."""
    witness_serial: Mapped[int] = mapped_column(BigInteger, default=0)
    """The highest serial of a number that the witness knows to have left."""
    refusal: Mapped[str] = mapped_column(String(64), default="")
    """What WeChat answered instead of an answer when it was asked last."""

    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)


@dataclass(frozen=True)
class WitnessClaim:
    """What one claim has become: written down as the witness before the first byte."""

    database_id: str
    generation: int
    serial: int = 0


# --- the database's side ------------------------------------------------------------------------------------------


def is_frozen(session: Session) -> bool:
    """Whether this database may send nothing."""
    return session.scalar(select(Lineage.frozen_why).where(Lineage.id == ROW)) is not None


def require_unfrozen(session: Session) -> None:
    """Raise Refusal `frozen` while this database may send nothing: what is decided now may have been decided before."""
    if is_frozen(session):
        zh = "数据库可能是一份旧副本，已冻结：请财务先在“解冻”页面处理"
        raise Refusal("frozen", Text(zh, "The database may be an old copy and is frozen: cashiers must thaw it first"))


FROZEN_WHY = select(Lineage.frozen_why).where(Lineage.id == ROW).scalar_subquery()
"""Why the database is frozen, as a column of another question; NULL when it is not."""


def found(session: Session) -> Lineage:
    """The lineage as it stands; the migration has made it."""
    return session.get_one(Lineage, ROW)


def advance(session: Session) -> WitnessClaim | None:
    """One generation more, in the transaction that claims orders; None when the database is frozen: claim nothing then."""
    risen = (
        update(Lineage)
        .where(Lineage.id == ROW, Lineage.frozen_why.is_(None))
        .values(generation=Lineage.generation + 1)
        .returning(Lineage.database_id, Lineage.generation)
        .execution_options(synchronize_session=False)
    )
    row = session.execute(risen).one_or_none()
    return WitnessClaim(row.database_id, row.generation) if row is not None else None


def freeze(session: Session, why: Why, seen: Witness, now: datetime) -> bool:
    """Freeze the database for every box; False when it was. An unwitnessed one becomes older when a witness turns up."""
    is_news = Lineage.frozen_why.is_(None) if why == "unwitnessed" else Lineage.frozen_why.is_distinct_from("older")
    frozen = changed(
        session,
        update(Lineage)
        .where(Lineage.id == ROW, is_news)
        .values(
            refusal="",
            frozen_why=why,
            frozen_at=now,
            witness_generation=seen.generation,
            witness_serial=seen.serial,
        ),
    )
    if frozen:
        log.error("database_frozen", why=why, witness=seen.generation, meaning=WHYS[why])
    return frozen > 0


def open_again(session: Session, *, only_why: str | None = None) -> bool:
    """Let it send again, its generation above every witness that froze it; False when it is not frozen (for that reason)."""
    is_meant = Lineage.frozen_why.is_not(None) if only_why is None else Lineage.frozen_why == only_why
    above = Lineage.generation + Lineage.witness_generation + 1
    opened = update(Lineage).where(Lineage.id == ROW, is_meant)
    return changed(session, opened.values(frozen_why=None, frozen_at=None, generation=above)) > 0


# --- both compared ------------------------------------------------------------------------------------------------

_missing_since: dict[str, float] = {}
_guard = threading.Lock()


def may_send(runtime: Runtime) -> bool:
    """Compare the database with its witnesses; False while it may not send. What is found is written down for all boxes.

    Asked before anything is planned, sent or launched. So a living box repeats its witness wherever it is missing.
    """
    database_id = known(runtime).database_id
    seen = look(runtime, database_id)
    witness = seen.highest
    if is_doubted():
        return False
    with runtime.database.reading() as session:
        line = found(session)
        is_used = line.generation > 0 or _has_sent(session)
    if witness is not None and witness.generation > line.generation:
        if line.frozen_why != "older":
            freeze_now(runtime, "older", witness)
        return False
    is_newest = witness is not None and witness.generation >= line.generation - LAG
    if line.frozen_why is not None:
        return line.frozen_why == "unwitnessed" and is_newest and _open_proved(runtime, database_id)
    if is_used and not is_newest:
        return _wait_for_witness(runtime, database_id)
    with _guard:
        _missing_since.pop(database_id, None)
    return _is_witnessed(runtime, line, seen)


def known(runtime: Runtime) -> Lineage:
    """The lineage as it stands."""
    with runtime.database.reading() as session:
        return found(session)


def _has_sent(session: Session) -> bool:
    """Whether a number of this database may have left before there were witnesses."""
    orders = Base.metadata.tables["orders"]
    return session.execute(select(orders.c.id).where(orders.c.sends > 0).limit(1)).first() is not None


def _open_proved(runtime: Runtime, database_id: str) -> bool:
    """It was frozen only because its witness was missing, and a living box has repeated it."""
    log.info("database_proved", by="witness")
    return reopen(runtime, database_id, only_why="unwitnessed")


def note_refusal(runtime: Runtime, refusal: str) -> None:
    """Keep what WeChat answered instead of an answer, for whoever looks."""
    with runtime.database.transaction() as session:
        changed(session, update(Lineage).where(Lineage.id == ROW).values(refusal=refusal))


def reopen(runtime: Runtime, database_id: str, *, only_why: str | None = None) -> bool:
    """Let the database send again and write its new witness; False when it was not frozen (for that reason)."""
    with runtime.database.transaction() as session:
        if not open_again(session, only_why=only_why):
            return False
    repeat(runtime, database_id)
    return True


def repeat(runtime: Runtime, database_id: str) -> None:
    """Write down outside what the database says of itself, after it was opened again."""
    with runtime.database.reading() as session:
        line = found(session)
    record(runtime, database_id, Witness(line.generation, line.witness_serial))


def _wait_for_witness(runtime: Runtime, database_id: str) -> bool:
    with _guard:
        since = _missing_since.setdefault(database_id, time.monotonic())
    if time.monotonic() - since >= PATIENCE_S:
        freeze_now(runtime, "unwitnessed", Witness())
        with _guard:
            _missing_since.pop(database_id, None)
    return False


# --- a worker that has just started -------------------------------------------------------------------------------

_doubted_since: list[float] = []


def look_at_start(runtime: Runtime) -> None:
    """A web process looks once, so that a new database has its first witness before anybody is owed anything, and a copy is
    shown as one. What does not answer now is looked at by the worker."""
    try:
        may_send(runtime)
    except SQLAlchemyError as error:
        log.warning("witness_not_compared", error=type(error).__name__)


def doubt() -> None:
    """This process has just started: let WeChat be asked before it sends anything, for a machine may have been set back as a
    whole, its witnesses with it (orders/newest.py)."""
    _doubted_since[:] = [time.monotonic()]


def is_doubted() -> bool:
    """Whether this process still waits for that answer."""
    return bool(_doubted_since)


def is_patience_over() -> bool:
    """Whether it has waited long enough for an answer that does not come."""
    return not _doubted_since or time.monotonic() - _doubted_since[0] > PATIENCE_S


def trust() -> None:
    """The answer came, or was waited for long enough."""
    _doubted_since.clear()


def freeze_now(runtime: Runtime, why: Why, witness: Witness) -> None:
    """Freeze the database in a transaction of its own."""
    with runtime.database.transaction() as session:
        freeze(session, why, witness, runtime.database.now(session))


def _is_witnessed(runtime: Runtime, line: Lineage, seen: WitnessView) -> bool:
    """Repeat what is known where it is missing; a new database gets its first witness, then its first generation."""
    highest = seen.highest or Witness()
    if (seen.highest is None or seen.lacks_some) and record(runtime, line.database_id, highest) is None:
        return False
    if line.generation == 0:
        first = update(Lineage).where(Lineage.id == ROW, Lineage.generation == 0).values(generation=1)
        with runtime.database.transaction() as session:
            changed(session, first)
    return True


def is_witnessed_claim(runtime: Runtime, claimed: WitnessClaim) -> bool:
    """Write the witness of what was just claimed. False: nothing of the claim may be sent, because no witness could be
    written, or because the database turned out to be older than its witness (then it is frozen now)."""
    witness = record(runtime, claimed.database_id, Witness(claimed.generation, claimed.serial))
    if witness is None:
        return False
    if witness.generation <= claimed.generation:
        return True
    with runtime.database.reading() as session:  # another sender may have claimed meanwhile
        risen = session.scalar(select(Lineage.generation).where(Lineage.id == ROW))
    if risen is not None and witness.generation <= risen:
        return True
    freeze_now(runtime, "older", witness)
    return False
