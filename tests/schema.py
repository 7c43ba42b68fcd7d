"""Lay the schema into an empty database, the way a deployment does: by the migrations."""

from __future__ import annotations

from contextlib import closing

from sqlalchemy import text

from wxbot.db import Database
from wxbot.migrations.append_only import statements
from wxbot.schema import Base

APPEND_ONLY = ("ledger_entries", "ledger_seals", "audit_events", "order_evidence")


def lay_schema(url: str) -> None:
    """Bring an empty database to the newest schema."""
    with closing(Database(url)) as database, database.engine.begin() as connection:
        Base.metadata.create_all(connection)
        for statement in statements(database.engine.dialect.name, APPEND_ONLY):
            connection.execute(text(statement))
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('0001')"))
