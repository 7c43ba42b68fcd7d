"""`wxbot db restore`: put a copy in the place of an empty database, or of one that may go.

Everything of the copy is verified before the first change. A SQLite file and a folder of photos that are replaced are kept
beside under another name; PostgreSQL's tables are dropped.
"""

import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from wxbot import heartbeat
from wxbot.backup import tables
from wxbot.backup.archive import DATABASE, Reader
from wxbot.backup.facts import facts, is_empty, refuse_difference
from wxbot.backup.make import examine_file
from wxbot.db import Database, beside, sqlite_file
from wxbot.hall import gaps as hall_gaps
from wxbot.instant import codes_lost, gaps
from wxbot.instant.codes_lost import PutAside
from wxbot.logs import get_logger
from wxbot.migrations import knows, upgrade
from wxbot.runtime import Runtime
from wxbot.staff import audit
from wxbot.staff.audit import Actor
from wxbot.text import Refusal, Text
from wxbot.vouchers.storage import FolderStorage, flush_folder, folder_of

log = get_logger(__name__)
T = TypeVar("T")


class LostCodes(NamedTuple):
    """Codes that the replaced database had given and the copy knew as free."""

    aside: int = 0
    """How many of them nobody gets again."""
    given_back: int = 0
    """How many are their winners' in a hall again."""


@dataclass
class Restored:
    """What a restore did; `kept` are the things that were moved aside."""

    manifest: dict[str, Any]
    photos: int = 0
    kept: list[Path] = field(default_factory=list)
    codes: LostCodes = field(default_factory=LostCodes)


def restore(runtime: Runtime, file: Path, actor: Actor, now: datetime, *, replace: bool) -> Restored:
    """Verify the copy, then put its database and photos in place, and say so in its audit log. Raises Refusal; before the first change if it can."""
    with Reader(file) as archive:
        archive.verify()
        _refuse_foreign(runtime, archive)
        _refuse_running(runtime)
        photos = FolderStorage(folder_of(runtime.settings))
        has_photos = next(photos.list_keys(), None) is not None
        place = sqlite_file(runtime.settings.database_url)
        is_free = _is_free_file(place) if place else _is_free_server(runtime.database)
        if not replace and (not is_free or has_photos):
            raise Refusal(
                "copy",
                Text(
                    "目标里已经有数据，什么都没有改。确定要用备份替换它：加 --replace。",
                    "There is data already, and nothing was changed. To put the copy in its place: --replace.",
                ),
            )
        done = Restored(archive.manifest)
        draws = {} if is_free else _used(runtime, gaps.used)
        evenings = {} if is_free else _used(runtime, hall_gaps.used)
        codes = {} if is_free else _used(runtime, codes_lost.given)
        if place:
            _put_file(archive, place, now, done, is_free)
        else:
            _put_tables(runtime.database, archive)
        upgrade(runtime.database)
        if has_photos:
            done.kept.append(_move_aside(folder_of(runtime.settings), now))
        for name in archive.names("photos"):
            photos.put(Path(name).stem, archive.content(name))
            done.photos += 1
    with runtime.database.transaction() as session:
        aside = codes_lost.put_aside(session, codes)
        gaps.leap(session, "restored", now, draws, aside)
        halls = hall_gaps.leap(session, "restored", now, evenings, aside)
        done.codes = _counted(session, aside)
        audit.record(
            session, actor, "database_restore", f"copy:{done.manifest['made_at']}", now, detail={"is_replaced": replace}
        )
    hall_gaps.tell(runtime, halls)
    return done


def _counted(session: Session, aside: Mapping[int, Sequence[PutAside]]) -> LostCodes:
    codes = [each for mine in aside.values() for each in mine]
    given_back = codes_lost.given_back(session, codes)
    return LostCodes(len(codes) - given_back, given_back)


def _used(runtime: Runtime, read: Callable[[Session], dict[str, T]]) -> dict[str, T]:
    """What was used in the database that is replaced; nothing where it cannot be read, which may be why it is replaced, or
    where it is too old to have used any."""
    try:
        with (
            closing(Database(runtime.settings.database_url, read_only=True)) as database,
            database.reading() as session,
        ):
            return read(session)
    except SQLAlchemyError as error:
        log.warning("replaced_database_not_read", error=type(error).__name__)
        return {}


def _refuse_foreign(runtime: Runtime, archive: Reader) -> None:
    """A copy goes back into the kind of database it came from, by a wxbot that knows its schema."""
    kind = "sqlite" if sqlite_file(runtime.settings.database_url) else "postgresql"
    told = archive.manifest
    if told["database"] != kind:
        raise Refusal(
            "copy",
            Text(
                f"这是 {told['database']} 的备份，WXBOT_DATABASE_URL 却是 {kind}。",
                f"This is a copy of {told['database']}, and WXBOT_DATABASE_URL names {kind}.",
            ),
        )
    if not knows(told["revision"]):
        raise Refusal(
            "copy",
            Text(
                f"备份由更新的 wxbot（{told['wxbot']}）写成，请先安装那个版本。",
                f"The copy was made by a newer wxbot ({told['wxbot']}); install that version first.",
            ),
        )


def _refuse_running(runtime: Runtime) -> None:
    try:
        living = [worker for worker in heartbeat.workers(runtime.redis) if worker.is_alive]
    except RedisError:
        return  # without Redis no worker works
    if living:
        raise Refusal(
            "copy",
            Text(
                f"后台任务还在运行（{living[0].host}，进程 {living[0].pid}）。请先停止所有服务：systemctl stop wxbot-web wxbot-worker",
                f"A worker still runs ({living[0].host}, process {living[0].pid}). Stop all services first: "
                "systemctl stop wxbot-web wxbot-worker",
            ),
        )


def _in_use() -> Refusal:
    return Refusal(
        "copy",
        Text(
            "数据库正被使用。请先停止所有服务：systemctl stop wxbot-web wxbot-worker",
            "The database is in use. Stop all services first: systemctl stop wxbot-web wxbot-worker",
        ),
    )


# --- SQLite ---------------------------------------------------------------------------------------------------------


def _is_free_file(place: Path) -> bool:
    """Whether there is no database, or an empty one. Raises Refusal when somebody has it open."""
    if not place.exists():
        return True
    with closing(sqlite3.connect(place, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise _in_use() from error
        except sqlite3.DatabaseError:
            return False  # damaged: it may be what the copy is for, and is kept
    with closing(Database(f"sqlite:///{place}", read_only=True)) as database, database.engine.connect() as session:
        return is_empty(session)


def _put_file(archive: Reader, place: Path, now: datetime, done: Restored, is_free: bool) -> None:
    """Write beside, examine, flush, rename: a crash leaves the old file or the new one."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    coming = place.with_name(f".{place.name}.restoring")
    coming.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(coming, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            for chunk in archive.chunks(DATABASE):
                stream.write(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        refuse_difference(archive.manifest, examine_file(coming))
        if place.exists() and not is_free:
            done.kept.append(_move_aside(place, now))
        for leftover in beside(place):
            leftover.unlink(missing_ok=True)
        os.replace(coming, place)
        flush_folder(place.parent)
    finally:
        coming.unlink(missing_ok=True)


def _move_aside(path: Path, now: datetime) -> Path:
    """Give what is replaced another name, with what lies beside a SQLite file."""
    aside = path.with_name(f"{path.name}.before-restore-{now:%Y%m%d-%H%M%S}")
    if aside.exists():  # two restores within a second: what the first of them kept stays, too
        names = (aside.with_name(f"{aside.name}-{n}") for n in count(2))
        aside = next(name for name in names if not name.exists())
    for old, kept in zip((path, *beside(path)), (aside, *beside(aside)), strict=True):
        if old.exists():
            old.rename(kept)
    return aside


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


def _is_free_server(database: Database) -> bool:
    """Whether the database holds nothing of ours. Raises Refusal when another wxbot is connected."""
    others = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND application_name = current_setting('application_name')"
    )
    with database.engine.connect() as connection, connection.begin():
        if connection.execute(others).scalar_one():
            raise _in_use()
        return is_empty(connection)


def _put_tables(database: Database, archive: Reader) -> None:
    """Schema at the copy's revision by our own migrations, then all rows in one transaction, compared before it commits.

    Interrupted, an empty schema is left, and the same command begins anew.
    """
    told = archive.manifest
    names = list(told["rows"])
    with database.engine.connect() as connection, connection.begin():
        tables.drop_ours(connection, names)
    upgrade(database, told["revision"])
    with database.engine.connect() as connection, connection.begin():
        tables.prepare(connection, is_reading=False)
        tables.empty(connection, names)
        for name in names:
            tables.read_table(connection, name, told["columns"][name], archive)
        tables.set_sequences(connection, told["sequences"])
        refuse_difference(told, facts(connection))
