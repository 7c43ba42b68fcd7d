"""Lay the schema into a database, the way a deployment does: by the migrations."""

from __future__ import annotations

from contextlib import closing

from wxbot.db import Database
from wxbot.migrations import upgrade


def lay_schema(url: str) -> None:
    """Make all tables, constraints and triggers in an empty database."""
    with closing(Database(url)) as database:
        upgrade(database)
