"""Pay a list: upload, look, submit, approve by a second person. A file is taken once, an approval is bound to its rows (F81, I16).

Reading and checking owe nobody anything. Only an approved list's rows become payouts, in list_rows.py.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from wxbot import approval, lineage
from wxbot.money import yuan
from wxbot.payouts import list_check, list_read, list_rows, programmes
from wxbot.payouts.create import TEXTS
from wxbot.payouts.list_read import Candidate
from wxbot.payouts.models import LIST_NEXT, ListRow, PayList, Programme
from wxbot.people import phones, trust
from wxbot.plurals import plural
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.sheets import plain_name
from wxbot.text import Refusal, Text
from wxbot.transitions import move, moved_on
from wxbot.vault import Vault

NAME_CHARS = 100
FILE_NAME_CHARS = 80
INSERT_BATCH = 1_000
PAGE_ROWS = 50

OWN = Text("不能审批自己上传的名单", "You uploaded this list")


@dataclass(frozen=True)
class File:
    """What was uploaded: its bytes, the name on the other machine, what the list shall be called."""

    raw: bytes
    file_name: str
    name: str


@dataclass(frozen=True)
class FileRead:
    """What a file says, ready to be kept: its rows, and what of them is kept sealed, by phone and by number of the row."""

    sha256: str
    file_name: str
    name: str
    rows: Sequence[Candidate]
    unread: str
    phones_sealed: dict[str, str]
    rows_sealed: dict[int, str]


class AlreadyUploaded(Refusal):
    """The file was taken before; carries the list it became, whose name is for those alone who may see it (S29)."""

    def __init__(self, list_id: int) -> None:
        super().__init__(
            "known_file",
            Text("这个文件已经上传过，不会付第二次", "This file was uploaded before; it is not paid a second time"),
        )
        self.list_id = list_id


def read(runtime: Runtime, file: File) -> FileRead:
    """Read a file, keeping nothing yet. Raises Refusal for one that is no list. Never call it with an open transaction."""
    found = list_read.read(file.raw, runtime.settings)
    file_name = plain_name(file.file_name, FILE_NAME_CHARS)
    return FileRead(
        hashlib.sha256(file.raw).hexdigest(),
        file_name,
        plain_name(file.name, NAME_CHARS) or file_name.rpartition(".")[0] or "名单",
        found.rows,
        found.unread,
        {row.phone: runtime.vault.seal(row.phone) for row in found.rows if row.phone},
        {row.row_number: runtime.vault.seal(json.dumps(row.as_read)) for row in found.rows if row.as_read},
    )


def keep(
    session: Session,
    vault: Vault,
    settings: Settings,
    found: FileRead,
    programme_id: int,
    staff_id: int,
    now: datetime,
) -> int:
    """Keep a file that was read as a draft; returns the list's id. All rows are kept or none (F81).

    Raises AlreadyUploaded for a file that was uploaded before, Refusal for a programme that takes no payouts, and
    IntegrityError when the same file came in twice at once.
    """
    _refuse_known(session, found.sha256)
    programme = session.get(Programme, programme_id)
    if programme is None or not programme.is_open:
        raise Refusal("programme", Text("请选择一个开放的项目", "Choose a programme that is open"))
    pay_list = PayList(
        name=found.name,
        file_name=found.file_name,
        file_sha256=found.sha256,
        programme_id=programme_id,
        channel="",
        status="draft",
        unread=found.unread,
        created_by=staff_id,
        created_at=now,
    )
    session.add(pay_list)
    session.flush()
    list_check.find_faults(session, vault, settings, programme, found.rows, now)
    for start in range(0, len(found.rows), INSERT_BATCH):
        batch = found.rows[start : start + INSERT_BATCH]
        values = [_row_values(pay_list.id, row, found.phones_sealed, found.rows_sealed) for row in batch]
        session.execute(insert(ListRow), values)
    _count(session, pay_list)
    return pay_list.id


def _refuse_known(session: Session, sha256: str) -> None:
    known = session.scalar(select(PayList).where(PayList.file_sha256 == sha256, PayList.status != "dropped"))
    if known is not None:
        raise AlreadyUploaded(known.id)


def _row_values(list_id: int, row: Candidate, sealed: dict[str, str], as_read: dict[int, str]) -> dict[str, Any]:
    return {
        "list_id": list_id,
        "row_number": row.row_number,
        "openid": row.openid,
        "phone_sealed": sealed.get(row.phone or ""),
        "phone_masked": phones.masked(row.phone) if row.phone else "",
        "name": row.name,
        "amount_fen": row.amount_fen,
        "note": row.note,
        "fault": row.fault,
        "is_hidden": row.is_hidden,
        "read_sealed": as_read.get(row.row_number),
        "payout_id": None,
    }


def _count(session: Session, pay_list: PayList) -> None:
    """Add up the rows anew."""
    rows = select(func.count(ListRow.id)).where(ListRow.list_id == pay_list.id)
    good = select(func.count(ListRow.id), func.coalesce(func.sum(ListRow.amount_fen), 0)).where(
        ListRow.list_id == pay_list.id, ListRow.fault == ""
    )
    pay_list.rows = int(session.execute(rows).scalar_one())
    n, fen = session.execute(good).one()
    pay_list.good_rows, pay_list.total_fen = int(n), int(fen or 0)


def own(session: Session, list_id: int) -> PayList:
    """The list, locked for this transaction. Raises Refusal when there is none."""
    pay_list = session.get(PayList, list_id, with_for_update=True)
    if pay_list is None:
        raise Refusal("absent", Text("没有这份名单", "There is no such list"))
    return pay_list


def check(session: Session, vault: Vault, settings: Settings, list_id: int, now: datetime) -> int:
    """Look at the rows of a draft again: people may have bound, limits may have changed. Returns how many rows changed."""
    pay_list = own(session, list_id)
    if pay_list.status != "draft":
        raise moved_on()
    programme = session.get_one(Programme, pay_list.programme_id)
    kept = session.scalars(select(ListRow).where(ListRow.list_id == list_id).order_by(ListRow.row_number)).all()
    rows = [
        Candidate(
            row.row_number,
            row.openid,
            vault.open(row.phone_sealed) if row.phone_sealed else None,
            row.name,
            row.amount_fen,
            row.note,
            row.fault,
        )
        for row in kept
    ]
    list_check.find_faults(session, vault, settings, programme, rows, now)
    changes = [
        {"id": row.id, "openid": seen.openid, "fault": seen.fault}
        for row, seen in zip(kept, rows, strict=True)
        if (row.openid, row.fault) != (seen.openid, seen.fault)
    ]
    if changes:
        session.execute(update(ListRow), changes)
    _count(session, pay_list)
    return len(changes)


def content_sha256(session: Session, pay_list: PayList) -> str:
    """The hash of everything an approver agrees to: the programme as people will see it, and every row that is paid."""
    programme = session.get_one(Programme, pay_list.programme_id)
    session.refresh(programme)
    rows = select(ListRow.row_number, ListRow.openid, ListRow.amount_fen, ListRow.note).where(
        ListRow.list_id == pay_list.id, ListRow.fault == ""
    )
    parts = {
        "list": pay_list.id,
        "channel": pay_list.channel,
        "programme": programme.id,
        "programme_channel": programme.channel,
        "texts": [getattr(programme, name) for name in TEXTS],
        "rows": [list(row) for row in session.execute(rows.order_by(ListRow.row_number))],
    }
    hidden = session.scalars(rows.with_only_columns(ListRow.row_number).where(ListRow.is_hidden)).all()
    if hidden:  # said only where it is so: what waits since before is bound as it was
        parts["hidden"] = sorted(hidden)
    return approval.content_hash(parts)


def submit(session: Session, list_id: int, *, is_partial_meant: bool = False) -> None:
    """Hand a draft whose rows were just checked to a second person. Raises Refusal: faulty rows must be meant to be left out."""
    pay_list = own(session, list_id)
    faulty = pay_list.rows - pay_list.good_rows
    if pay_list.good_rows == 0:
        raise Refusal("empty", Text("没有可以付款的行", "No row of it can be paid"))
    if faulty and not is_partial_meant:
        raise Refusal(
            "partial",
            Text(
                f"有 {faulty} 行不会付款，请先确认跳过它们，或改好文件重新上传",
                f"{faulty} {plural(faulty, 'row', 'rows')} will not be paid; say that they shall be left out, or mend the file and upload it again",
            ),
        )
    _open_programme(session, pay_list)
    sha256 = content_sha256(session, pay_list)
    if not move(session, PayList, list_id, LIST_NEXT, "draft", "submitted", content_sha256=sha256):
        raise moved_on()


def _open_programme(session: Session, pay_list: PayList) -> Programme:
    programme = session.get_one(Programme, pay_list.programme_id, with_for_update=True)
    _require_open(programme)
    return programme


def _require_open(programme: Programme) -> None:
    if not programme.is_open:
        raise Refusal("closed", Text("项目已关闭，请先打开它", "The programme is closed; open it first"))


def approve(session: Session, list_id: int, staff_id: int, seen_sha256: str, now: datetime) -> None:
    """The second person agrees to exactly what they were shown; from here its rows become payouts. Raises Refusal."""
    pay_list = own(session, list_id)
    session.get(Programme, pay_list.programme_id, with_for_update=True)
    require_approvable(session, pay_list, staff_id, now)
    approval.require_unchanged(pay_list.content_sha256, seen_sha256, content_sha256(session, pay_list))
    if not move(session, PayList, list_id, LIST_NEXT, "submitted", "approved", approved_by=staff_id, approved_at=now):
        raise moved_on()


def require_approvable(session: Session, pay_list: PayList, staff_id: int, now: datetime) -> None:
    """Raise Refusal when this person cannot approve the list now: what the button asks before it is offered, too."""
    lineage.require_unfrozen(session)
    if pay_list.status != "submitted":
        raise moved_on()
    approval.require_second(session, staff_id, [pay_list.created_by], OWN, now)
    is_good = (ListRow.list_id == pay_list.id) & (ListRow.fault == "") & ListRow.openid.is_not(None)
    trust.require_stranger(session, staff_id, select(ListRow.openid).where(is_good))
    _require_open(session.get_one(Programme, pay_list.programme_id))
    standing = programmes.standings(session, now, [pay_list.programme_id])[0]
    if pay_list.total_fen > standing.unspoken_fen:
        left = yuan(max(0, standing.unspoken_fen))
        raise Refusal(
            "budget",
            Text(
                f"预算不够：项目还有 {left} 元可用，名单合计 {yuan(pay_list.total_fen)} 元。请先追加预算",
                f"The programme has {left} yuan to spend, the list needs {yuan(pay_list.total_fen)}; ask for more budget first",
            ),
        )


def send_back(session: Session, list_id: int) -> None:
    """Make a submitted list a draft again. Raises Refusal when it is none."""
    own(session, list_id)
    if not move(session, PayList, list_id, LIST_NEXT, "submitted", "draft", content_sha256=None):
        raise moved_on()


def drop(session: Session, list_id: int) -> None:
    """Throw a list away before anything is owed; its file may be uploaded again. Raises Refusal once it is approved."""
    pay_list = own(session, list_id)
    if pay_list.status not in ("draft", "submitted"):
        raise moved_on()
    if not move(session, PayList, list_id, LIST_NEXT, pay_list.status, "dropped", content_sha256=None):
        raise moved_on()
    list_rows.forget_phones(session, list_id)


# --- looking ------------------------------------------------------------------------------------------------------


def page(session: Session, *, created_by: int | None = None, before_id: int | None = None) -> Sequence[PayList]:
    """Lists, the newest first, those of one person or of all; one more than a page when there are more."""
    query = select(PayList).where(PayList.status != "dropped").order_by(PayList.id.desc()).limit(PAGE_ROWS + 1)
    if created_by is not None:
        query = query.where(PayList.created_by == created_by)
    return session.scalars(query if before_id is None else query.where(PayList.id < before_id)).all()


def rows_page(
    session: Session, list_id: int, kind: str, after: int = 0, ids: Sequence[int] = (), limit: int = PAGE_ROWS
) -> Sequence[ListRow]:
    """Rows after a row number: all, good, faulty, or those of `ids` (warned); one more than a page when there are more."""
    query = select(ListRow).where(ListRow.list_id == list_id, ListRow.row_number > after)
    if kind == "faulty":
        query = query.where(ListRow.fault != "")
    elif kind == "good":
        query = query.where(ListRow.fault == "")
    elif kind == "warned":
        query = query.where(ListRow.id.in_(ids[:5_000]))
    return session.scalars(query.order_by(ListRow.row_number).limit(limit + 1)).all()


def hidden_rows(session: Session, list_id: int) -> Sequence[int]:
    """The numbers of the rows that the sender's spreadsheet does not show."""
    query = select(ListRow.row_number).where(ListRow.list_id == list_id, ListRow.is_hidden)
    return session.scalars(query.order_by(ListRow.row_number)).all()


def count_faulty(session: Session, list_id: int) -> int:
    """How many rows are not paid."""
    query = select(func.count(ListRow.id)).where(ListRow.list_id == list_id, ListRow.fault != "")
    return int(session.execute(query).scalar_one())
