"""Lay the schema into a database, the way a deployment does."""

from __future__ import annotations

from contextlib import closing

from wxbot.db import Database
from wxbot.schema import Base


def lay_schema(url: str) -> None:
    """Make all tables in an empty database."""
    with closing(Database(url)) as database:
        Base.metadata.create_all(database.engine)
