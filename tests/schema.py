"""Lay the schema into an empty database, the way a deployment does: by the migrations."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from wxbot.db import Database
from wxbot.migrations import upgrade


def lay_schema(url: str) -> None:
    """Bring an empty database to the newest schema."""
    with closing(Database(url)) as database:
        upgrade(database)


def copied(template: Path, file: Path) -> str:
    """Copy a SQLite file that nobody has open, as a database of its own, or the witnesses of another test would speak of it.

    Returns its address. The id is changed in the bytes of the file: SQLite would do it in ten times as long.
    """
    content, database_id = _content_of(template)
    file.write_bytes(content.replace(database_id, secrets.token_hex(16).encode()))
    return f"sqlite:///{file}"


@cache
def _content_of(template: Path) -> tuple[bytes, bytes]:
    with closing(sqlite3.connect(template)) as connection:
        (database_id,) = connection.execute("SELECT database_id FROM lineage").fetchone()
    return template.read_bytes(), str(database_id).encode()


_MADE: dict[tuple[str, str], Any] = {}
"""(kind of database, name) → the file's bytes, or the name of the database that is copied."""


def as_once_made(empty: Database, name: str, make: Callable[[Database], None]) -> None:
    """Bring an empty database to what `make` makes of it; in one process only the first time, then as a copy of that.

    For what a test stands on. What it is about, it does itself.
    """
    is_sqlite = empty.engine.dialect.name == "sqlite"
    key = (empty.engine.dialect.name, name)
    if key in _MADE:
        empty.engine.dispose()
        if is_sqlite:
            Path(str(empty.engine.url.database)).write_bytes(_MADE[key])
        else:
            _as_admin(empty, 'DROP DATABASE "{0}"', f'CREATE DATABASE "{{0}}" TEMPLATE "{_MADE[key]}"')
        return
    make(empty)
    empty.engine.dispose()  # SQLite's last connection puts everything into the one file, PostgreSQL copies what nobody uses
    if is_sqlite:
        _MADE[key] = Path(str(empty.engine.url.database)).read_bytes()
    else:
        copy = f"made_{len(_MADE)}"
        _as_admin(empty, f'CREATE DATABASE "{copy}" TEMPLATE "{{0}}"')
        _MADE[key] = copy


def _as_admin(database: Database, *statements: str) -> None:
    url = database.engine.url
    maintenance = url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(maintenance, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.format(url.database).encode())
