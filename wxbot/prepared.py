"""Statements of the crowd's path: compiled once, then run by the database's driver itself.

SQLAlchemy takes some 50 µs for a statement that SQLite runs in two, and a commit of draws runs a dozen of them. What is prepared
here runs in the transaction of its session like any other statement, with the same kinds of values and the same errors.
"""

from collections import namedtuple
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session


class _Compiled:
    """One statement in one dialect: its text, and how values become what the driver takes."""

    def __init__(self, statement: Any, dialect: Dialect, columns: Sequence[str] | None) -> None:
        made = statement.compile(dialect=dialect, column_keys=columns)
        self.sql = str(made)
        self._constants = dict(made.params)
        self._order: Sequence[str] | None = made.positiontup
        self._processors = [
            (name, processor)
            for bind, name in made.bind_names.items()
            if (processor := bind.type.dialect_impl(dialect).bind_processor(dialect)) is not None
        ]
        names = [str(column.key) for column in statement.selected_columns] if isinstance(statement, Select) else []
        row: Any = namedtuple("Row", names) if names else None
        self.row = row and row._make

    def values(self, given: Mapping[str, Any], seen: dict[datetime, Any]) -> Any:
        """As the driver takes them. `seen` keeps what was made of moments: the rows of a batch mostly have the same."""
        values = {**self._constants, **given}
        for name, processor in self._processors:
            before = values[name]
            if not isinstance(before, datetime):
                values[name] = processor(before)
            elif (made := seen.get(before)) is not None:
                values[name] = made
            else:
                values[name] = seen[before] = processor(before)
        return values if self._order is None else [values[name] for name in self._order]


class Prepared:
    """One statement of SQLAlchemy, Core or text, whose values are parameters."""

    def __init__(self, statement: Any, columns: Sequence[str] | None = None) -> None:
        """`columns`: of an INSERT without values, what each of its rows has."""
        self._statement, self._columns = statement, columns
        self._made: dict[str, _Compiled] = {}

    def rows(self, session: Session, values: Mapping[str, Any]) -> list[Any]:
        """What a query or a RETURNING finds: tuples as the driver gives them, named where it is a SELECT of columns."""
        made, cursor = self._run(session, values)
        found: list[Any] = cursor.fetchall()
        return found if made.row is None else [made.row(row) for row in found]

    def changed(self, session: Session, values: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> int:
        """Run a write, with its values or once for each set of them, and say how many rows it changed."""
        return int(self._run(session, values)[1].rowcount)

    def _run(self, session: Session, given: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> tuple[_Compiled, Any]:
        connection = session.connection()
        dialect = connection.dialect
        made = self._made.get(dialect.name)
        if made is None:
            made = self._made[dialect.name] = _Compiled(self._statement, dialect, self._columns)
        driver: Any = connection.connection.driver_connection
        cursor = driver.cursor()
        try:
            seen: dict[datetime, Any] = {}
            is_many = not isinstance(given, Mapping)
            values = (
                made.values(given, seen) if isinstance(given, Mapping) else [made.values(each, seen) for each in given]
            )
            # Who listens to the engine's statements hears these too.
            for hear in connection.dispatch.before_cursor_execute:
                hear(connection, cursor, made.sql, values, None, is_many)
            (cursor.executemany if is_many else cursor.execute)(made.sql, values)
        except dialect.loaded_dbapi.Error as error:
            raise _told(connection, made.sql, error, cursor) from error
        return made, cursor


def _told(connection: Connection, sql: str, error: Any, cursor: Any) -> Exception:
    """An error of the driver as SQLAlchemy tells it, without values; a connection whose server left is not used again."""
    dialect = connection.dialect
    is_lost = dialect.is_disconnect(error, connection.connection, cursor)
    if is_lost:
        connection.invalidate(error)
    told = DBAPIError.instance(
        sql,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=is_lost,
        dialect=dialect,
    )
    return told if isinstance(told, Exception) else error
