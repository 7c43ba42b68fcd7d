"""Triggers that refuse UPDATE and DELETE on tables that are evidence (I9); on SQLite and PostgreSQL."""

from collections.abc import Iterator, Mapping

_CUT_FUNCTION = """CREATE OR REPLACE FUNCTION wxbot_refuse_uncut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
IF OLD.at < now() - interval '180 days' AND EXISTS (SELECT 1 FROM retention_cuts AS cut
  WHERE cut.table_name = TG_TABLE_NAME AND OLD.id BETWEEN cut.first_id AND cut.last_id AND OLD.at < cut.before)
THEN RETURN OLD; END IF; RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"""

_CUT_TRIGGERS = {
    "postgresql": (
        "DROP TRIGGER TABLE_no_delete ON TABLE",
        "CREATE TRIGGER TABLE_no_delete BEFORE DELETE ON TABLE FOR EACH ROW EXECUTE FUNCTION wxbot_refuse_uncut()",
    ),
    "sqlite": (
        "DROP TRIGGER TABLE_no_delete",
        """CREATE TRIGGER TABLE_no_delete BEFORE DELETE ON TABLE
WHEN OLD.at >= datetime('now', '-180 days') OR NOT EXISTS (SELECT 1 FROM retention_cuts AS cut
  WHERE cut.table_name = 'TABLE' AND OLD.id BETWEEN cut.first_id AND cut.last_id AND OLD.at < cut.before)
BEGIN SELECT RAISE(ABORT, 'TABLE is append-only'); END""",
    ),
}


def cut_statements(dialect: str, tables: tuple[str, ...]) -> Iterator[str]:
    """Replace the DELETE triggers of evidence by ones that let go of rows which a cut names and which are older than it.

    Evidence of the last 180 days is never deleted, whatever a cut says (wxbot/retention.py).
    """
    if dialect == "postgresql":
        yield _CUT_FUNCTION
    for table in tables:
        for statement in _CUT_TRIGGERS[dialect]:
            yield statement.replace("TABLE", table)


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


_KEPT_FUNCTION = """CREATE OR REPLACE FUNCTION wxbot_refuse_for_two_years() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE since timestamptz;
BEGIN EXECUTE format('SELECT ($1).%I', TG_ARGV[0]) USING OLD INTO since;
IF since < now() - interval '2 years' THEN RETURN OLD; END IF;
RAISE EXCEPTION '% is kept for two years', TG_TABLE_NAME; END $$"""


def kept_statements(dialect: str, kept: Mapping[str, str], unchanged: tuple[str, ...]) -> Iterator[str]:
    """The SQL by which rows of tables (name → column of their moment) cannot be deleted for two years, and some never be changed."""
    if dialect == "postgresql":
        yield _KEPT_FUNCTION
    for table, since in kept.items():
        if dialect == "postgresql":
            yield (
                f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION wxbot_refuse_for_two_years('{since}')"
            )
        else:
            yield (
                f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} WHEN OLD.{since} >= datetime('now', '-2 years') "
                f"BEGIN SELECT RAISE(ABORT, '{table} is kept for two years'); END"
            )
    for table in unchanged:
        refuse = (
            "FOR EACH ROW EXECUTE FUNCTION wxbot_refuse_change()"
            if dialect == "postgresql"
            else f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
        yield f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refuse}"


def unkept_statements(dialect: str, kept: Mapping[str, str], unchanged: tuple[str, ...]) -> Iterator[str]:
    """The SQL that takes these triggers away."""
    for table, name in (*((each, "kept") for each in kept), *((each, "no_update") for each in unchanged)):
        yield f"DROP TRIGGER {table}_{name}" + (f" ON {table}" if dialect == "postgresql" else "")
    if dialect == "postgresql":
        yield "DROP FUNCTION wxbot_refuse_for_two_years"
