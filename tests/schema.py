"""Lay the schema into an empty database, the way a deployment does: by the migrations."""

from __future__ import annotations

import secrets
from contextlib import closing

from sqlalchemy import update

from wxbot.db import Database
from wxbot.lineage import Lineage
from wxbot.migrations import upgrade


def lay_schema(url: str) -> None:
    """Bring an empty database to the newest schema."""
    with closing(Database(url)) as database:
        upgrade(database)


def as_another(url: str) -> str:
    """Make a copied template a database of its own, or the witnesses of another test would speak of it; returns its address."""
    with closing(Database(url)) as database, database.transaction() as session:
        session.execute(update(Lineage).values(database_id=secrets.token_hex(16)))
    return url
