"""`wxbot db backup`: one file that holds the database as of one moment, and the photos of a folder."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import text

from wxbot.backup import tables
from wxbot.backup.archive import DATABASE, Writer, writing
from wxbot.backup.facts import facts, refuse_difference
from wxbot.db import Database
from wxbot.runtime import Runtime
from wxbot.text import Refusal, Text
from wxbot.vouchers.storage import FolderStorage, Missing, folder_of


@dataclass(frozen=True)
class Made:
    """A copy that was written and read again; sizes in bytes."""

    file: Path
    size: int
    manifest: dict[str, Any]


def make(runtime: Runtime, target: Path, now: datetime) -> Made:
    """Write a copy to `target`, while wxbot runs. Raises Refusal; then nothing of it is left.

    The photos are read after the database: what was erased in between is missing, and nothing in the copy points to it.
    """
    if target.exists():
        raise Refusal("copy", Text(f"{target} 已存在，不会覆盖。", f"{target} exists already; nothing is overwritten."))
    if not target.parent.is_dir():
        raise Refusal("copy", Text(f"目录 {target.parent} 不存在。", f"There is no folder {target.parent}."))
    database = runtime.database
    manifest: dict[str, Any] = {
        "wxbot": version("wxbot"),
        "made_at": now.isoformat(),
        "database": database.engine.dialect.name,
    }
    try:
        with writing(target) as archive, _scratch(target.parent) as folder:
            manifest |= (_copy_file if database.is_sqlite else _copy_tables)(database, archive, folder)
            manifest["photos"] = {"store": runtime.settings.photo_store, "files": _copy_photos(runtime, archive)}
            archive.finish(manifest)
    except OSError as error:
        raise Refusal(
            "copy",
            Text(f"写不了备份：{error.strerror}（{error.filename or target}）", f"The copy cannot be written: {error}"),
        ) from error
    return Made(target, target.stat().st_size, manifest)


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    """A folder for us alone on the copy's own disk, gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix=".wxbot-backup-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy_file(database: Database, archive: Writer, folder: Path) -> dict[str, Any]:
    """SQLite's own copy of one moment, opened and examined before it is taken in."""
    file = folder / DATABASE
    with database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute("VACUUM INTO ?", (str(file),))
    found = examine_file(file)
    archive.add(DATABASE, file)
    return found


def examine_file(file: Path) -> dict[str, Any]:
    """Facts of a copied SQLite file. Raises Refusal when SQLite finds it damaged."""
    with closing(Database(f"sqlite:///{file}", read_only=True)) as copy, copy.engine.connect() as connection:
        said = connection.execute(text("PRAGMA integrity_check")).scalars().all()
        dangling = connection.execute(text("PRAGMA foreign_key_check")).first()
        if said != ["ok"] or dangling is not None:
            raise Refusal(
                "copy",
                Text(
                    f"数据库文件已损坏（integrity_check：{said[0]}），没有写备份。请保留它，用上一份备份。",
                    f"The database file is damaged (integrity_check: {said[0]}). Keep it, and use the copy before.",
                ),
            )
        return facts(connection)


def _copy_tables(database: Database, archive: Writer, folder: Path) -> dict[str, Any]:
    """Every table of one snapshot; each file must have as many lines as the snapshot has rows."""
    with database.engine.connect() as connection, connection.begin():
        tables.prepare(connection, is_reading=True)
        found = facts(connection)
        found["columns"] = {}
        for name in found["rows"]:
            file = folder / name
            found["columns"][name] = tables.write_table(connection, name, file)
            refuse_difference({**found, "rows": found["rows"][name]}, {**found, "rows": _lines(file)})
            archive.add(f"tables/{name}.copy", file)
            file.unlink()
        found["sequences"] = tables.sequences(connection)
    return found


def _lines(file: Path) -> int:
    """COPY's text has one line for each row; a line end inside of a value is written as two letters."""
    with file.open("rb") as stream:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(1 << 20), b""))


def _copy_photos(runtime: Runtime, archive: Writer) -> int:
    """Photos of this machine's folder, also those that an earlier setting left there; others are rows, or in a bucket."""
    store, n = FolderStorage(folder_of(runtime.settings)), 0
    for key in store.list_keys():
        try:
            archive.add_bytes(f"photos/{key}.jpg", store.get(key))
            n += 1
        except Missing:
            continue
    return n
