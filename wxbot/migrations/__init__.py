"""The schema's history (Alembic) and the one way to bring a database up to date."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

from wxbot.db import LOCK_WAIT_S, Database

HERE = Path(__file__).parent

UPGRADE_WAIT_S = 600
"""How long an upgrade waits for one that another process began: as long as a big table may take."""

_ONE_AT_A_TIME = 0x7778626F74
"""The advisory lock of upgrades on PostgreSQL: "wxbot" in ASCII."""


def _config(database: Database) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["engine"] = database.engine
    return config


def upgrade(database: Database, to: str = "head") -> None:
    """Bring the database to the newest schema, or to a revision before it; does nothing when it is there.

    Any number of processes may call this at once: one works, the others wait up to UPGRADE_WAIT_S and find it done. All
    migrations are one transaction, so a killed upgrade leaves the schema as it was.
    """
    command.upgrade(_config(database), to)


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """A connection whose transaction no other upgrade shares; commits at the end."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            driver: Any = connection.connection.driver_connection
            driver.execute(f"PRAGMA busy_timeout={UPGRADE_WAIT_S * 1000}")  # BEGIN IMMEDIATE waits this long
            try:
                with connection.begin():
                    yield connection
            finally:
                driver.execute(f"PRAGMA busy_timeout={LOCK_WAIT_S * 1000}")
            return
        with connection.begin():
            # A lock of the transaction, not of the session: a pooler may give the next statement another session.
            connection.exec_driver_sql(f"SET LOCAL lock_timeout='{UPGRADE_WAIT_S}s'")
            connection.exec_driver_sql("SET LOCAL statement_timeout=0")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})")
            connection.exec_driver_sql(f"SET LOCAL lock_timeout='{LOCK_WAIT_S}s'")
            yield connection


def revisions(database: Database) -> tuple[str | None, str | None]:
    """(the database's revision, the newest revision): equal when the schema is up to date."""
    with database.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current, newest_revision()


def newest_revision() -> str | None:
    """The newest revision that this version of wxbot knows."""
    return ScriptDirectory(str(HERE)).get_current_head()


def knows(revision: str | None) -> bool:
    """Whether this version of wxbot has the migrations up to a revision."""
    try:
        return revision is not None and ScriptDirectory(str(HERE)).get_revision(revision) is not None
    except CommandError:
        return False
