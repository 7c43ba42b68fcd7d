"""Triggers that refuse UPDATE and DELETE on tables that are evidence (I9); on SQLite and PostgreSQL."""

from collections.abc import Iterator


def statements(dialect: str, tables: tuple[str, ...]) -> Iterator[str]:
    """The SQL that makes the tables append-only."""
    if dialect == "postgresql":
        yield (
            "CREATE OR REPLACE FUNCTION wxbot_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
        )
    for table in tables:
        for verb in ("UPDATE", "DELETE"):
            name = f"{table}_no_{verb.lower()}"
            if dialect == "postgresql":
                yield (
                    f"CREATE TRIGGER {name} BEFORE {verb} ON {table} "
                    f"FOR EACH ROW EXECUTE FUNCTION wxbot_refuse_change()"
                )
            else:
                yield (
                    f"CREATE TRIGGER {name} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
