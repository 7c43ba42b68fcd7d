"""CHECK and NOT NULL on tables that hold rows: PostgreSQL changes them in place, SQLite is told that the table was made so."""

import re

from alembic import op


def add_check(table: str, name: str, condition: str) -> None:
    """Add `CONSTRAINT ck_<table>_<name> CHECK (condition)`. Raises RuntimeError when a row does not fulfil it.

    On SQLite the text that made the table is written anew, which its manual recommends for constraints since no row
    changes (sqlite.org/lang_altertable.html, section 7). Copying the table would take time, and lose what refers to it.
    """
    constraint = f"CONSTRAINT ck_{table}_{name} CHECK ({condition})"
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table} ADD {constraint}")
        return
    if wrong := bind.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE NOT ({condition})").scalar():  # noqa: S608
        raise RuntimeError(f"{table}: {wrong} rows do not fulfil {condition}")
    made = _text_of(table)
    if not made.endswith(")"):
        raise RuntimeError(f"this is not how {table} was made: {made[-40:]}")
    _write_text(table, f"{made[:-1]}, {constraint}\n)")


def drop_check(table: str, name: str) -> None:
    """Take the CHECK `ck_<table>_<name>` away again. Raises RuntimeError when the table has none of that name."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{name}")
        return
    # Its condition is a list of values or simpler: parentheses stand at most one deep in it.
    one = rf",\s*CONSTRAINT \"?ck_{table}_{name}\"? CHECK \((?:[^()]|\([^()]*\))*\)"
    _change_text(table, one, "", f"{table} has no CHECK ck_{table}_{name}")


def allow_null(table: str, column: str) -> None:
    """Let a column be NULL. Raises RuntimeError when it may be so already."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL")
        return
    one = rf"(\n\s*\"?{column}\"? [A-Z]+(?:\(\d+\))?) NOT NULL"
    _change_text(table, one, r"\1", f"{table}.{column} is not NOT NULL")


def forbid_null(table: str, column: str) -> None:
    """The other way. Raises RuntimeError when a row has none, or the column is not there as it was made."""
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL")
        return
    if wrong := bind.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE {column} IS NULL").scalar():  # noqa: S608
        raise RuntimeError(f"{table}: {wrong} rows have no {column}")
    one = rf"(\n\s*\"?{column}\"? [A-Z]+(?:\(\d+\))?)(?=,|\s*\n)"
    _change_text(table, one, r"\1 NOT NULL", f"{table}.{column} is not as it was made")


def _text_of(table: str) -> str:
    """The statement that made a table, as SQLite keeps it."""
    found = op.get_bind().exec_driver_sql("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,))
    return str(found.scalar_one()).rstrip()


def _change_text(table: str, pattern: str, by: str, otherwise: str) -> None:
    """Write that statement anew with the one place that fits; RuntimeError with `otherwise` where it is not exactly one."""
    made, found = re.subn(pattern, by, _text_of(table))
    if found != 1:
        raise RuntimeError(otherwise)
    _write_text(table, made)


def _write_text(table: str, made: str) -> None:
    bind = op.get_bind()
    version = int(bind.exec_driver_sql("PRAGMA schema_version").scalar_one())
    bind.exec_driver_sql("PRAGMA writable_schema = ON")
    bind.exec_driver_sql("UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?", (made, table))
    bind.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    bind.exec_driver_sql("PRAGMA writable_schema = OFF")
