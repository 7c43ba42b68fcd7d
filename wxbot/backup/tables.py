"""PostgreSQL's rows, out and in, by COPY over the connection that wxbot has anyway.

pg_dump would have to be installed beside wxbot, in a version not older than the server's, and knows less: the schema is
made by our own migrations, at the revision of the copy. The rows are those of one REPEATABLE READ snapshot.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from wxbot.backup.archive import Reader
from wxbot.backup.facts import NAME, REVISION_TABLE, table_names
from wxbot.schema import Base
from wxbot.text import Refusal, Text


def prepare(connection: Connection, *, is_reading: bool) -> None:
    """One snapshot, and no limit of time: a big table takes its while. First thing in the transaction."""
    if is_reading:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(text(f"SET LOCAL {name} = 0"))
    connection.execute(text("SET LOCAL timezone = 'UTC'"))
    connection.execute(text("SET LOCAL datestyle = 'ISO'"))


def columns_of(connection: Connection, name: str) -> list[str]:
    """The columns of a table in their order."""
    return [str(column["name"]) for column in inspect(connection).get_columns(name)]


def _copy_of(connection: Connection) -> Any:
    return connection.connection.driver_connection.cursor()  # type: ignore[union-attr]


def _listed(columns: list[str]) -> str:
    if not all(NAME.fullmatch(name) for name in columns):
        raise Refusal("copy", Text("备份里的列名不认识。", "The copy names a column that is none of wxbot's."))
    return ", ".join(f'"{name}"' for name in columns)


def write_table(connection: Connection, name: str, file: Path) -> list[str]:
    """Write the rows of a table as COPY's text; returns its columns."""
    columns = columns_of(connection, name)
    command = f'COPY "{name}" ({_listed(columns)}) TO STDOUT'
    with file.open("xb") as stream, _copy_of(connection) as cursor, cursor.copy(command) as rows:
        for chunk in rows:
            stream.write(chunk)
    return columns


def read_table(connection: Connection, name: str, columns: list[str], archive: Reader) -> None:
    """Put the rows of a member into its table."""
    with _copy_of(connection) as cursor, cursor.copy(f'COPY "{name}" ({_listed(columns)}) FROM STDIN') as rows:
        for chunk in archive.chunks(f"tables/{name}.copy"):
            rows.write(chunk)


def sequences(connection: Connection) -> dict[str, tuple[int, bool]]:
    """`table.column` → (last value, whether it was given): numbers go on behind those of rows that were deleted."""
    found = {}
    for place, sequence in _sequence_names(connection):
        query = f"SELECT last_value, is_called FROM {sequence}"  # noqa: S608 - PostgreSQL's own, quoted by it
        row = connection.execute(text(query)).one()
        found[place] = (int(row[0]), bool(row[1]))
    return found


def set_sequences(connection: Connection, told: dict[str, tuple[int, bool]]) -> None:
    """Let the numbers go on where the copy's did."""
    for place, sequence in _sequence_names(connection):
        if place in told:
            value, is_called = told[place]
            connection.execute(
                text("SELECT setval(CAST(:sequence AS regclass), :value, :called)"),
                {"sequence": sequence, "value": int(value), "called": bool(is_called)},
            )


def _sequence_names(connection: Connection) -> Iterator[tuple[str, str]]:
    for name in table_names(connection):
        for column in columns_of(connection, name):
            asked = {"name": name, "column": column}
            sequence = connection.execute(text("SELECT pg_get_serial_sequence(:name, :column)"), asked).scalar_one()
            if sequence:
                yield f"{name}.{column}", str(sequence)


def drop_ours(connection: Connection, also: list[str]) -> None:
    """Drop every table of wxbot's, and of the copy's."""
    ours = {*Base.metadata.tables, *also, REVISION_TABLE} & set(inspect(connection).get_table_names())
    if ours:
        connection.execute(text(f"DROP TABLE {_listed(sorted(ours))} CASCADE"))


def empty(connection: Connection, names: list[str]) -> None:
    """Take out what the migrations put in."""
    connection.execute(text(f"TRUNCATE {_listed(names)} CASCADE"))
