"""A PostgreSQL database that looks as if it had just been made, without making it: emptied and renamed between two tests.

Making one from a template and dropping it costs more than most tests. Here the tables that have rows are emptied, the rows
that the migrations put in come back, and identities begin at 1 again. Whoever is still connected is thrown out, and the name
is another one, so that a thread which outlives its test never writes into the next one's database. A test that changed the
schema, or left statistics behind, costs a new database.
"""

from __future__ import annotations

import time

import psycopg

from tests.servers import PrivatePostgres

TEMPLATE = "wxbot_template"
LEAVE_S = 10
"""How long a session that was thrown out may take to be gone."""

_ANOTHER = "UPDATE lineage SET database_id = md5(random()::text)"
"""Makes it a database of its own, as tests.schema.copied does."""

_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_CATALOGS = (
    ("attribute", "attrelid"),
    ("attrdef", "oid"),
    ("constraint", "oid"),
    ("proc", "oid"),
    ("statistic", "starelid"),
    ("trigger", "oid"),
)
_SHAPE = "SELECT concat_ws(' ', {})".format(
    ", ".join(
        f"(SELECT count(*) || '/' || max(xmin::text::bigint) FROM pg_{name} WHERE {key} >= 16384)"  # not PostgreSQL's own
        for name, key in _CATALOGS
    )
)
"""Whatever changes a row of these makes a new version of it, and each transaction has a higher number than those before: to look
at what the rows say would take ten times as long."""

_EMPTY = """
DO $$ DECLARE one record; BEGIN
  SET LOCAL session_replication_role = replica;
  FOR one IN
    SELECT oid::regclass AS name, (pg_stat_file(pg_relation_filepath(oid))).size AS bytes
    FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
  LOOP
    IF one.bytes > 64 * 1024 THEN EXECUTE format('TRUNCATE %s CASCADE', one.name);
    ELSIF one.bytes > 0 THEN EXECUTE format('DELETE FROM %s', one.name);
    END IF;
  END LOOP;
END $$
"""
"""Our triggers refuse to take back what was booked, unless a replica does. TRUNCATE makes the files of a table and its indexes
anew, which for a few rows takes ten times as long as to delete them. How long a file is can be had without opening its table."""

_SEQUENCES = "SELECT setval(seqrelid, 1, false) FROM pg_sequence WHERE pg_sequence_last_value(seqrelid) IS NOT NULL"
"""To look at the view pg_sequences takes eight times as long."""


class FreshDatabase:
    """The database of one test process; `address()` hands it out empty, under a new name."""

    def __init__(self, server: PrivatePostgres) -> None:
        self._server = server
        self._name, self._turn = "", 0
        self._admin: psycopg.Connection[tuple[object, ...]] | None = None
        self._shape = ""
        self._seeds: dict[str, bytes] = {}
        """Table → the rows that every new database has, as COPY writes them."""

    def address(self) -> str:
        """Where an empty database with our schema is, a database of its own to whoever asks its lineage."""
        self._turn += 1
        if not self._name or not self._is_emptied():
            self._make()
        return self._server.url_of(self._name)

    def close(self) -> None:
        """Let go of the server."""
        if self._admin is not None:
            self._admin.close()

    def _make(self) -> None:
        if self._name:
            self._server.drop(self._name)
        self._name = self._server.create(template=TEMPLATE, name=f"fresh_{self._turn}_new")
        with psycopg.connect(self._server.url_of(self._name), autocommit=True) as connection:
            self._shape = _value(connection, _SHAPE)
            for table in _filled(connection):
                with connection.cursor().copy(f'COPY "{table}" TO STDOUT'.encode()) as rows:
                    self._seeds[table] = b"".join(bytes(chunk) for chunk in rows)
            connection.execute(_ANOTHER)

    def _is_emptied(self) -> bool:
        """Empty and rename it; False when it cannot be made as new."""
        if not self._is_renamed():
            return False
        with psycopg.connect(self._server.url_of(self._name), autocommit=True) as connection:
            if _value(connection, _SHAPE) != self._shape:
                return False
            connection.execute(_EMPTY)
            connection.execute(_SEQUENCES)
            connection.execute("SET session_replication_role = replica")
            for table, rows in self._seeds.items():
                with connection.cursor().copy(f'COPY "{table}" FROM STDIN'.encode()) as copy:
                    copy.write(rows)
            connection.execute(_ANOTHER)
        return True

    def _is_renamed(self) -> bool:
        name, deadline = f"fresh_{self._turn}", time.monotonic() + LEAVE_S
        admin = self._admin = self._admin or psycopg.connect(self._server.admin_url, autocommit=True)
        while time.monotonic() < deadline:
            admin.execute(_OTHERS, (self._name,))
            try:
                admin.execute(f'ALTER DATABASE "{self._name}" RENAME TO "{name}"'.encode())
            except psycopg.errors.ObjectInUse:
                time.sleep(0.01)
            except psycopg.errors.InvalidCatalogName:
                self._name = ""  # the test dropped it
                return False
            else:
                self._name = name
                return True
        return False


def _value(connection: psycopg.Connection[tuple[object, ...]], query: str) -> str:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return str(row[0])


def _filled(connection: psycopg.Connection[tuple[object, ...]]) -> list[str]:
    """The tables that have rows."""
    tables = [str(name) for (name,) in connection.execute(_TABLES)]
    asked = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")" for table in tables)
    return [str(name) for (name,) in connection.execute(asked.encode())]
