"""One folder of photos for the whole deployment: each folder carries a mark, and the database knows the marks.

With SQLite there is one machine. With PostgreSQL a second machine with a folder of its own would show 404 for the photos
of the first, and an erasure would miss them; so the second one does not start.
"""

import os
import secrets
import socket
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from wxbot.db import changed, insert_into
from wxbot.logs import get_logger
from wxbot.runtime import Runtime
from wxbot.settings import SettingsError
from wxbot.vouchers.models import PhotoFolder
from wxbot.vouchers.storage import folder_of

log = get_logger(__name__)

MARK = ".folder"


def mark_of(folder: Path) -> str:
    """The mark of a folder; a folder without one gets it now, whole or not at all. Raises OSError."""
    path = folder / MARK
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".coming-") as coming:
            coming.write(secrets.token_hex(16))
            coming.flush()
            os.fsync(coming.fileno())
            with suppress(FileExistsError):  # another process of this machine was quicker: its mark is the folder's
                os.link(coming.name, path)
    return path.read_text(encoding="ascii").strip()[:32]


def known(runtime: Runtime) -> Sequence[PhotoFolder]:
    """Every folder that a process of this deployment has started with, the newest first."""
    with runtime.database.reading() as session:
        return session.scalars(select(PhotoFolder).order_by(PhotoFolder.started_at.desc())).all()


def forget(session: Session, mark: str) -> bool:
    """Strike a folder from the list, because its machine is gone or its photos were moved; False when it was not there."""
    return changed(session, delete(PhotoFolder).where(PhotoFolder.mark == mark)) > 0


def refuse_second(runtime: Runtime) -> None:
    """Note this machine's folder; raises SettingsError when another machine has one of its own.

    Does nothing where photos are elsewhere or the database is SQLite. A database that is away stops no start: the next
    start and the doctor look again.
    """
    settings = runtime.settings
    if settings.photo_store != "folder" or runtime.database.is_sqlite:
        return
    folder = folder_of(settings)
    try:
        mark = mark_of(folder)
        others = [each for each in known(runtime) if each.mark != mark]
        if not others:
            _note(runtime, mark, folder)
            return
    except (OSError, SQLAlchemyError) as error:
        log.warning("photo_folder_not_noted", error=type(error).__name__)
        return
    raise SettingsError(
        f"WXBOT_VOUCHER_STORAGE=folder，但这个数据库的照片也在 {others[0].host} 的 {others[0].path}，不是本机的 {folder}：每台各见一半。请在每台"
        "机器上设 WXBOT_VOUCHER_STORAGE=database 并运行 wxbot photos move，或让各机器挂载同一文件夹；那台机器已停用时："
        f"wxbot photos forget {others[0].mark}\n"
        f"WXBOT_VOUCHER_STORAGE=folder, but photos of this database also lie in {others[0].path} on {others[0].host}, which "
        f"is not {folder} on this machine: each would show its own half. Choose WXBOT_VOUCHER_STORAGE=database on every "
        "machine and run `wxbot photos move` on each; or mount one folder on all of them. When the other machine is gone for "
        f"good: wxbot photos forget {others[0].mark}"
    )


def _note(runtime: Runtime, mark: str, folder: Path) -> None:
    seen = {"host": socket.gethostname()[:64], "path": str(folder.resolve())[:200], "started_at": runtime.clock.now()}
    with runtime.database.transaction() as session:
        row = insert_into(session, PhotoFolder).values(mark=mark, **seen)
        session.execute(row.on_conflict_do_update(index_elements=["mark"], set_=seen))
