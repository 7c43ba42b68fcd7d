"""A sealed text by which a start notices that WXBOT_SECRET_KEY is not the key of this database.

Without it a changed key shows late and one by one: phones that cannot be read, tickets that load into no lottery, people
whom no mark finds. One row says it before anything is written under the wrong key.
"""

from datetime import datetime
from typing import Literal

from cryptography.exceptions import InvalidTag
from sqlalchemy import CheckConstraint, Integer, String, Table, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column

from wxbot.db import Base, insert_into
from wxbot.keys.columns import SEALED
from wxbot.logs import get_logger
from wxbot.runtime import Runtime
from wxbot.settings import SettingsError
from wxbot.text import Text
from wxbot.vault import Vault

log = get_logger(__name__)

TEXT = "wxbot"
"""What is sealed; that it opens is all that counts."""

KeyStanding = Literal["ours", "former", "half", "foreign", "new"]
"""ours: this key's · former: WXBOT_SECRET_KEY_OLD's · half: a change of the key was begun and not finished · foreign: another
key's · new: nothing tells, and nothing is sealed yet or what is sealed opens."""


class KeyProblem(SettingsError):
    """The secret key is not the one that this database needs; the text says what to do."""


class Sentinel(Base):
    """The one row that only this deployment's secret key opens."""

    __tablename__ = "key_sentinel"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sealed: Mapped[str] = mapped_column(String(200))
    coming: Mapped[str] = mapped_column(String(200), default="")
    """Sealed with the key that is being changed to; empty unless such a change has begun and not ended."""
    changed_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("id = 1", name="single"),)


def read(vault: Vault, sealed: str | None) -> str | None:
    """What is sealed, "" for nothing; None when this key does not open it."""
    if not sealed:
        return ""
    try:
        return vault.open(sealed)
    except (InvalidTag, ValueError):
        return None


def opens(vault: Vault, sealed: str) -> bool:
    """Whether this key opens it."""
    return read(vault, sealed) is not None


def standing(session: Session, vault: Vault, former: Vault | None) -> KeyStanding:
    """How the secret key stands to this database; reads a row or, before there is one, a sealed value of each table."""
    row = session.get(Sentinel, 1)
    if row is not None:
        return _told_by(row, vault, former)
    samples = [sealed for entry in SEALED for sealed in _sample(session, entry.table, entry.columns[0])]
    if all(opens(vault, sealed) for sealed in samples):
        return "new"
    return "former" if former and all(opens(former, sealed) for sealed in samples) else "foreign"


def _told_by(row: Sentinel, vault: Vault, former: Vault | None) -> KeyStanding:
    if row.coming:
        return "half"
    if opens(vault, row.sealed):
        return "ours"
    return "former" if former and opens(former, row.sealed) else "foreign"


def _sample(session: Session, table: Table, column: str) -> list[str]:
    found = session.scalar(select(table.c[column]).where(table.c[column] > "").limit(1))
    return [found] if found else []


SENTENCES: dict[KeyStanding, Text] = {
    "foreign": Text(
        "WXBOT_SECRET_KEY 不是这个数据库的密钥：里面的手机号和票据用它打不开。请恢复原来的密钥；如果是要更换密钥，把原来的放进 "
        "WXBOT_SECRET_KEY_OLD，然后运行 wxbot keys rotate",
        "WXBOT_SECRET_KEY is not the key of this database: the phones and tickets in it do not open. Put the former key back; to "
        "change it, set WXBOT_SECRET_KEY_OLD to the former one and run: wxbot keys rotate",
    ),
    "former": Text(
        "密钥正在更换：数据库仍由 WXBOT_SECRET_KEY_OLD 加密，请先运行 wxbot keys rotate",
        "The key is being changed: the database is still sealed with WXBOT_SECRET_KEY_OLD; run first: wxbot keys rotate",
    ),
    "half": Text(
        "更换密钥没有做完，请用同样的 WXBOT_SECRET_KEY 和 WXBOT_SECRET_KEY_OLD 再运行一次 wxbot keys rotate",
        "A change of the key was begun and not finished; run again, with the same WXBOT_SECRET_KEY and WXBOT_SECRET_KEY_OLD: "
        "wxbot keys rotate",
    ),
}
"""Why a start is refused, and what to do."""


def require(runtime: Runtime) -> None:
    """Raise KeyProblem unless the secret key is this database's; at the first start remember it.

    An older database without a sentinel gets one only after its sealed values were seen to open.
    """
    with runtime.database.transaction() as session:
        stands = standing(session, runtime.vault, runtime.former_vault)
        if stands in SENTENCES:
            raise KeyProblem("\n".join(SENTENCES[stands]))
        if stands == "new":
            write(session, runtime.vault.seal(TEXT), "", runtime.database.now(session))


def write(session: Session, sealed: str, coming: str, now: datetime) -> None:
    """Set the row; of two first starts at once the first one's stays until the next look."""
    row = {"id": 1, "sealed": sealed, "coming": coming, "changed_at": now}
    statement = insert_into(session, Sentinel).values(**row)
    session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=row))


def require_if_reachable(runtime: Runtime) -> None:
    """`require` for a web process: it also starts while the database is away, and /readyz tells of that.

    Closes the runtime when it refuses.
    """
    try:
        require(runtime)
    except KeyProblem:
        runtime.close()
        raise
    except SQLAlchemyError as error:
        log.warning("secret_key_not_checked", reason=type(error).__name__)
