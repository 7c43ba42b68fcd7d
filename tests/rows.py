"""Rows for tests that need one of everything: what a test does not say is filled with something of its type."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table, func, inspect, select
from sqlalchemy.orm import Session

from wxbot.db import Base, Database

NOW = datetime(2026, 3, 15, 4, 0, tzinfo=UTC)


def fill(session: Session, model: type[Base], **values: Any) -> Any:
    """Add a row; what is not given and has no default gets something of its type, parents included."""
    table: Any = model.__table__
    for column in table.columns:
        is_given = column.name in values or column.nullable or column.default is not None
        if is_given or (column.primary_key and not column.foreign_keys and column.autoincrement is True):
            continue
        if column.foreign_keys:
            parent: Table = next(iter(column.foreign_keys)).column.table
            mapper = next(each for each in Base.registry.mappers if each.local_table is parent)
            values[column.name] = session.scalar(select(func.min(mapper.class_.id))) or fill(session, mapper.class_).id
            continue
        kind = column.type.python_type
        values[column.name] = {int: 1, str: "x", bool: False, object: NOW, list: [], dict: {}}[kind]
    row = model(**values)
    session.add(row)
    session.flush()
    return row


def everything(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, as the driver gives them; to describe the tables to SQLAlchemy would take a second."""
    return {
        name: [tuple(row) for row in connection.exec_driver_sql(f'SELECT * FROM "{name}"')]
        for name in inspect(connection).get_table_names()
    }


def in_one(database: Database, verb: Callable[..., Any], *args: Any) -> Any:
    """Carry out one verb in a transaction of its own, as a page does."""
    with database.transaction() as session:
        return verb(session, *args)
