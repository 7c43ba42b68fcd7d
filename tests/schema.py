"""Lay the schema into an empty database, the way a deployment does: by the migrations."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from wxbot.db import Database
from wxbot.migrations import upgrade


def lay_schema(url: str) -> None:
    """Bring an empty database to the newest schema."""
    with closing(Database(url)) as database:
        upgrade(database)


def as_another(file: Path) -> str:
    """Make a copied SQLite file a database of its own, or the witnesses of another test would speak of it; returns its address.

    A Database would do it in ten times as long.
    """
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE lineage SET database_id = ?", (secrets.token_hex(16),))
    return f"sqlite:///{file}"
