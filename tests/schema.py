"""Lay the schema into an empty database, the way a deployment does: by the migrations."""

from __future__ import annotations

from contextlib import closing

from wxbot.db import Database
from wxbot.migrations import upgrade


def lay_schema(url: str) -> None:
    """Bring an empty database to the newest schema."""
    with closing(Database(url)) as database:
        upgrade(database)
