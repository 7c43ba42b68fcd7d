"""The database: one code path for SQLite (one machine) and PostgreSQL (several).

Rules kept here: a write transaction is short and never open during a network call (asserted by the HTTP client
through `assert_no_transaction`), SQLite writes begin IMMEDIATE with synchronous=FULL, times are aware UTC.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, BigInteger, DateTime, Dialect, Engine, Integer, MetaData, create_engine, event, func, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from wxbot.clock import Clock, Measured, steady_s

T = TypeVar("T")

LOCK_WAIT_S = 10
"""How long a writer waits for another before it gives up."""

LOCK_NOT_AVAILABLE = "55P03"
"""PostgreSQL's code for that; its words come in the server's language."""

POOL_SIZE = 16
POOL_OVERFLOW = 8
"""Connections that one process keeps, and how many more it opens in a rush: 16 threads of the web, 8 of the callback."""

APPLICATION_NAME = "wxbot"
"""How our connections are named in PostgreSQL's pg_stat_activity."""

_PG_BEGIN = (
    f"BEGIN; SET LOCAL lock_timeout='{LOCK_WAIT_S}s'; SET LOCAL statement_timeout='30s'; "
    "SET LOCAL idle_in_transaction_session_timeout='30s'"
)
"""Sent as one message, so it costs what BEGIN alone costs. A pooler in transaction mode (PgBouncer) refuses the same limits as
start-up options and forgets those of a session."""

_PG_BEGIN_TO_LOOK = _PG_BEGIN.replace("BEGIN", "BEGIN READ ONLY", 1)

_open = threading.local()


class OpenTransaction(AssertionError):
    """A network call was about to be made while a database transaction was open: a bug of ours."""


class DatabaseMissing(Exception):
    """There is no SQLite file yet, and whoever only looks does not make one; the text says what to do."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"还没有数据库 {path}，请先运行：wxbot db upgrade\nThere is no database {path} yet; make it with: wxbot db upgrade"
        )


def assert_no_transaction(label: str = "the network") -> None:
    """Raise OpenTransaction when this thread holds a transaction; the HTTP client calls it before each request."""
    if getattr(_open, "depth", 0):
        raise OpenTransaction(f"close the transaction before calling {label}")


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes; SQLite stores them naive, PostgreSQL with zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime must not reach the database")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


BigId = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit primary key; SQLite numbers rows only in an INTEGER PRIMARY KEY."""


class Base(DeclarativeBase):
    """All tables; constraint names are fixed so that migrations are the same on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcDateTime()}


def _prepare_sqlite(engine: Engine, read_only: bool) -> None:
    """WAL, FULL, foreign keys, our own BEGIN: reads deferred, writes IMMEDIATE (money §5.4, F62, F63)."""
    pragmas = ["synchronous=FULL", "foreign_keys=ON", f"busy_timeout={LOCK_WAIT_S * 1000}"]
    if not read_only:
        pragmas.insert(0, "journal_mode=WAL")

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Any) -> None:
        reading = read_only or connection.get_execution_options().get("wxbot_reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _prepare_postgresql(engine: Engine, read_only: bool) -> None:
    """Our own BEGIN with its limits; statements are prepared only where the server at the other end is ours alone."""

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        if is_pooled(connection):
            connection.prepare_threshold = None

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Any) -> None:
        try:
            connection.connection.driver_connection.execute(_PG_BEGIN_TO_LOOK if read_only else _PG_BEGIN)
        except (
            engine.dialect.loaded_dbapi.Error
        ):  # the server left after the pool had asked: SQLAlchemy shall meet it, and say so in its own way
            connection.exec_driver_sql("SELECT 1")
            raise


def is_pooled(connection: Any) -> bool:
    """Whether a pooler answers between this PostgreSQL connection (psycopg's) and its server: the process that the
    handshake named is then not the one that runs our statements."""
    answer = connection.execute("SELECT pg_backend_pid()").fetchone()
    return bool(answer[0] != connection.info.backend_pid)


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite address; None for a server and for a database in memory."""
    parsed = make_url(url)
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database and parsed.database != ":memory:"
    return Path(str(parsed.database)) if is_file else None


def beside(file: Path) -> tuple[Path, Path]:
    """What SQLite keeps beside a file while somebody has it open: the log of commits and its index."""
    return Path(f"{file}-wal"), Path(f"{file}-shm")


def make_private(file: Path) -> None:
    """Make the file before SQLite does, readable by this user alone, and tighten one that is not (phones, tickets, audit).

    -wal and -shm get the mode of the file; those of an earlier run are tightened too.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    for each in (file, *beside(file)):
        if each.exists() and each.stat().st_mode & 0o077 and each.stat().st_uid == os.geteuid():
            each.chmod(0o600)


def _connect_to_look(file: Path) -> sqlite3.Connection:
    """Open SQLite so that nothing is made or changed, whoever asks.

    While others have it open (log and index are there) they are read with it. Otherwise SQLite would make both files and
    leave them behind; `immutable` says that nobody writes, which is so for the moment of a command.
    """
    if not file.exists():
        raise DatabaseMissing(file)
    log, index = beside(file)
    is_open = log.exists() and (index.exists() or log.stat().st_size > 0)
    address = f"file:{quote(str(file.absolute()))}?mode=ro" + ("" if is_open else "&immutable=1")
    return sqlite3.connect(address, uri=True, check_same_thread=False, timeout=LOCK_WAIT_S)


def _sqlite_engine(parsed: URL, read_only: bool, pool: dict[str, int]) -> Engine:
    file = sqlite_file(parsed.render_as_string(hide_password=False))
    sized = {} if file is None else pool  # in memory each thread has its one connection
    options: dict[str, Any] = {"hide_parameters": True, **sized}
    if file is not None and read_only:
        options["creator"] = lambda: _connect_to_look(file)
    else:
        options["connect_args"] = {"check_same_thread": False, "timeout": LOCK_WAIT_S}
        if file is not None:
            make_private(file)
    engine = create_engine(parsed, **options)
    _prepare_sqlite(engine, read_only)
    return engine


def _engine(url: str, read_only: bool, pool: dict[str, int]) -> Engine:
    """An engine whose errors show statements without their values: those would end up in the log (security S58)."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed, read_only, pool)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
        # AUTOCOMMIT: the driver must not send a BEGIN of its own before ours; COMMIT and ROLLBACK follow the transaction.
        engine = create_engine(
            parsed,
            pool_pre_ping=True,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
            connect_args={"application_name": APPLICATION_NAME},
            **pool,
        )
        _prepare_postgresql(engine, read_only)
        return engine
    raise ValueError("WXBOT_DATABASE_URL: use sqlite:///path or postgresql://user:password@host/name")


def changed(
    session: Session, statement: Any, each: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
) -> int:
    """Execute a guarded write, with its values or once for each set of them, and say how many rows it changed: the answer that
    status changes and limits rely on. Objects that the session has of those rows are not told."""
    if isinstance(
        each, Sequence
    ):  # the session would take many sets for its own update by primary key, which has no guard
        result: Any = session.connection().execute(statement, each)
    else:
        result = session.execute(statement, each, execution_options={"synchronize_session": False})
    return int(result.rowcount)


def is_busy(error: DBAPIError) -> bool:
    """Whether the database answered, but somebody held a row or the whole file for longer than LOCK_WAIT_S."""
    return getattr(error.orig, "sqlstate", "") == LOCK_NOT_AVAILABLE or "database is locked" in str(error.orig)


def is_sqlite(session: Session) -> bool:
    """Whether this session speaks to SQLite, for the few statements whose dialects differ."""
    return session.get_bind().dialect.name == "sqlite"


def shanghai_text(session: Session, moment: Any) -> Any:
    """A column of moments as its Shanghai hour (`2026-03-01 14:00`): what charts group by."""
    if is_sqlite(session):
        return func.strftime("%Y-%m-%d %H:00", moment, "+8 hours")
    return func.to_char(func.timezone("Asia/Shanghai", moment), "YYYY-MM-DD HH24:00")


def insert_into(session: Session, table: Any) -> Any:
    """An INSERT that knows ON CONFLICT, in the dialect of this session."""
    return (sqlite.insert if is_sqlite(session) else postgresql.insert)(table)


write_check: ContextVar[Callable[[Session], None] | None] = ContextVar("write_check", default=None)
"""What must hold in each write transaction of this context, asked within it: whether who acts may still act. It raises where
not. None almost everywhere: callbacks, draws and the worker ask nothing."""


class Database:
    """An engine and the only ways to use it: `transaction()` to write, `reading()` to read.

    `read_only` is for whoever only looks: the database refuses to write, and no file is made.
    """

    def __init__(
        self,
        url: str,
        clock: Clock | None = None,
        pool_size: int = POOL_SIZE,
        pool_overflow: int = POOL_OVERFLOW,
        *,
        read_only: bool = False,
    ) -> None:
        self.engine = _engine(url, read_only, {"pool_size": pool_size, "max_overflow": pool_overflow})
        self.clock = clock or Clock()

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite (one host, one writer at a time)."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One write transaction: commits at the end, rolls back on any exception. What `write_check` asks, it asks first."""
        with self._session(reading=False) as session:
            if (check := write_check.get()) is not None:
                check(session)
            yield session
            session.commit()

    def twice(self, verb: Callable[[Session], T]) -> T:
        """Carry out a verb in one write transaction; when somebody wrote the same at this moment, look again and find theirs (F24)."""
        try:
            with self.transaction() as session:
                return verb(session)
        except IntegrityError:
            with self.transaction() as session:
                return verb(session)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One consistent read; nothing is committed."""
        with self._session(reading=True) as session:
            yield session

    @contextmanager
    def _session(self, reading: bool) -> Iterator[Session]:
        _open.depth = getattr(_open, "depth", 0) + 1
        try:
            with Session(self.engine, expire_on_commit=False) as session:
                session.connection(execution_options={"wxbot_reading": reading})
                yield session
        finally:
            _open.depth -= 1

    def now(self, session: Session) -> datetime:
        """Money time: the database's clock, aware UTC (money rule 12).

        SQLite lives in this process, so its clock is the machine's. Under the simulator profile the simulated
        offset is added on both.
        """
        if self.is_sqlite:
            return self.clock.now()
        moment: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        return datetime.fromtimestamp(moment.timestamp() + self.clock.offset_s, UTC)

    def measured_clock(self) -> Measured | None:
        """This database's clock against our steady one, at the middle of one round trip; None for SQLite, which has none
        of its own. Raises SQLAlchemyError when the database does not answer."""
        if self.is_sqlite:
            return None
        with self.engine.connect() as connection, connection.begin():
            asked_s = steady_s()
            moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
            took_s = steady_s() - asked_s
        return Measured(moment.timestamp() - asked_s - took_s / 2, took_s / 2)

    def close(self) -> None:
        """Close all pooled connections, and those that a thread still has or opens yet as soon as it gives them back."""
        event.listen(self.engine, "checkin", lambda _connection, entry: entry.close())
        self.engine.dispose()
