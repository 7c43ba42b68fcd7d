"""The roster: names and phones of those who may bind, read from a spreadsheet in two steps (look at it, then take it over)."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import case, select, update
from sqlalchemy.orm import Session

from wxbot import sheets
from wxbot.confined.cells import safe_cell
from wxbot.db import changed, insert_into
from wxbot.people import bindings, imports, phones, trust
from wxbot.people.models import Binding, RosterEntry, RosterFile
from wxbot.sheets import CellFault, Column, Sheet, SheetRow
from wxbot.text import Text
from wxbot.vault import Vault

COLUMNS = (
    Column("name", ("姓名", "名字", "name")),
    imports.PHONE,
    Column("department", ("部门", "department")),
    Column("note", ("备注", "说明", "note")),
)
CHARS = {"name": 40, "department": 60, "note": 200}
CHUNK = 400
PAGE_ROWS = 50

NO_NAME = CellFault("no_name", Text("没有姓名", "there is no name"))
FORMULA_NAME = CellFault("formula_name", Text("姓名像公式，请改成文字", "the name looks like a formula"))
TWICE = Text("与第 {rows.zh} 行是同一个手机号，姓名不同", "the same phone as row {rows.en}, under another name")
AGAIN = Text("与第 {rows} 行重复，只取一次", "the same as row {rows}; taken once")


@dataclass(frozen=True, slots=True)
class RosterLine:
    """One row of the file and what would become of it: added, changed, back, same, again or bad."""

    number: int
    name: str
    phone: str
    """E.164, or what was written when it is no phone; show masked() of it."""
    department: str
    note: str
    fate: str
    faults: tuple[CellFault, ...] = ()
    is_hidden: bool = False
    """The sender's spreadsheet does not show this row."""

    @property
    def masked(self) -> str:
        """The phone as it may be shown."""
        return phones.masked(self.phone) if self.phone.startswith("+86") else self.phone[:24]


@dataclass(frozen=True, slots=True)
class Preview:
    """A whole file, looked at."""

    lines: list[RosterLine]
    counts: Counter[str] = field(default_factory=Counter)
    unread: Sequence[str] = ()
    """Headers of columns that were not read, as they are shown."""

    @property
    def notes(self) -> list[Text]:
        """What somebody should know of the file before its rows are taken over."""
        hidden = sheets.hidden_text([line.number for line in self.lines if line.is_hidden])
        return [note for note in (hidden, sheets.unread_text(self.unread)) if note]

    @property
    def faulty(self) -> list[RosterLine]:
        """The rows that are wrong or stand in the file twice."""
        return [line for line in self.lines if line.fate in ("bad", "again")]

    @property
    def good(self) -> list[RosterLine]:
        """The rows that would be taken over."""
        return [line for line in self.lines if line.fate in ("added", "changed", "back")]


def read(raw: bytes, folder: Path | None = None) -> Sheet:
    """The rows of a file, before the roster is asked: see sheets.read(). Raises Refusal."""
    return sheets.read(raw, COLUMNS, (("name",), ("phone",)), folder)


def look(session: Session, vault: Vault, sheet: Sheet) -> Preview:
    """Compare a file that was read with the roster; nothing is changed."""
    lines = [_line(row) for row in sheet.rows]
    lines = _without_doubles(lines)
    known = _known(session, vault, [line.phone for line in lines if not line.fate])
    judged = [_compared(line, known.get(line.phone)) if not line.fate else line for line in lines]
    return Preview(judged, Counter(line.fate for line in judged), sheet.unread)


def _line(row: SheetRow) -> RosterLine:
    faults = list(row.faults.values())
    cells = row.cells
    phone = cells["phone"]
    if "phone" not in row.faults:
        try:
            phone = phones.normalise(phone)
        except phones.BadPhone:
            faults.append(CellFault("bad_phone", Text("手机号不正确", "this is no mobile number")))
    name = cells["name"]
    if not name and "name" not in row.faults:
        faults.append(NO_NAME)
    if safe_cell(name) != name:
        faults.append(FORMULA_NAME)
    for key, most in CHARS.items():
        if len(cells.get(key, "")) > most:
            faults.append(
                CellFault("long", Text(f"{_title(key)}超过 {most} 字", f"{key}: more than {most} characters"))
            )
    fate = "bad" if faults else ""
    rest = (cells.get("department", ""), cells.get("note", ""))
    return RosterLine(row.number, name, phone, *rest, fate, tuple(faults), row.is_hidden)


def _title(key: str) -> str:
    return next(column.names[0] for column in COLUMNS if column.key == key)


def _without_doubles(lines: list[RosterLine]) -> list[RosterLine]:
    """Name every phone that stands in the file twice: the same person once more is skipped, two names for it are a fault."""
    rows: dict[str, list[RosterLine]] = {}
    for line in lines:
        if line.fate != "bad":
            rows.setdefault(line.phone, []).append(line)
    changed_lines: dict[int, RosterLine] = {}
    for same in rows.values():
        has_one_name = len({line.name for line in same}) == 1
        for at, line in enumerate(same if len(same) > 1 else ()):
            others = sheets.named([each.number for each in same if each is not line])
            if not has_one_name:
                fault = CellFault("twice", TWICE.format(rows=others))
                changed_lines[line.number] = _with(line, "bad", fault)
            elif at:
                fault = CellFault("again", AGAIN.format(rows=same[0].number))
                changed_lines[line.number] = _with(line, "again", fault)
    return [changed_lines.get(line.number, line) for line in lines]


def _with(line: RosterLine, fate: str, *faults: CellFault) -> RosterLine:
    return replace(line, fate=fate, faults=(*line.faults, *faults))


def _known(session: Session, vault: Vault, numbers: Sequence[str]) -> dict[str, RosterEntry]:
    by_index = {vault.index(number): number for number in numbers}
    indexes = list(by_index)
    found: dict[str, RosterEntry] = {}
    for start in range(0, len(indexes), CHUNK):
        query = select(RosterEntry).where(RosterEntry.phone_index.in_(indexes[start : start + CHUNK]))
        found |= {by_index[entry.phone_index]: entry for entry in session.scalars(query)}
    return found


def _compared(line: RosterLine, entry: RosterEntry | None) -> RosterLine:
    if entry is None:
        return _with(line, "added")
    if not entry.is_active:
        return _with(line, "back")
    is_same = (entry.name, entry.department, entry.note) == (line.name, line.department, line.note)
    return _with(line, "same" if is_same else "changed")


def keep(
    session: Session, vault: Vault, name: str, raw: bytes, preview: Preview, staff_id: int | None, now: datetime
) -> int:
    """Keep the rows of a preview, sealed: the good ones until somebody takes them over, the others to be downloaded. Returns the
    file's id."""
    rows = [[line.name, line.phone, line.department, line.note] for line in preview.good]
    faulty = [
        [line.number, line.name, line.masked, line.department, line.note, *_said_of(line)] for line in preview.faulty
    ]
    kept = RosterFile(
        staff_id=staff_id,
        name=name[:100],
        sha256=hashlib.sha256(raw).hexdigest(),
        created_at=now,
        rows_sealed=vault.seal(json.dumps(rows, ensure_ascii=False)),
        faulty_sealed=vault.seal(json.dumps(faulty, ensure_ascii=False)) if faulty else "",
        notes=_written(preview.notes),
    )
    session.add(kept)
    session.flush()
    return kept.id


def _written(notes: Sequence[Text]) -> list[list[str]]:
    return [[note.zh, note.en] for note in notes]


def _said_of(line: RosterLine) -> tuple[str, str]:
    return "；".join(fault.text.zh for fault in line.faults), "; ".join(fault.text.en for fault in line.faults)


FAULTY_ZH = ("行", "姓名", "手机号", "部门", "备注", "问题")
FAULTY_EN = ("row", "name", "phone", "department", "note", "what is wrong")


def faulty_rows(session: Session, vault: Vault, file_id: int, staff_id: int, locale: str) -> list[list[object]] | None:
    """The bad rows of a file that this member of staff uploaded, below their header; None when there are none.

    A phone that was read stays masked; what is none is told as it stands in the file.
    """
    kept = session.get(RosterFile, file_id)
    if kept is None or kept.staff_id != staff_id or not kept.faulty_sealed:
        return None
    is_chinese = locale.startswith("zh")
    rows = json.loads(vault.open(kept.faulty_sealed))
    return [list(FAULTY_ZH if is_chinese else FAULTY_EN), *([*row[:5], row[5 if is_chinese else 6]] for row in rows)]


def take_over(session: Session, vault: Vault, file_id: int, staff_id: int | None, now: datetime) -> int | None:
    """Put the rows of a kept file on the roster, once; returns how many, None when it is gone or was taken over before."""
    mine = update(RosterFile).where(
        RosterFile.id == file_id, RosterFile.staff_id == staff_id, RosterFile.imported_at.is_(None)
    )
    if not changed(session, mine.values(imported_at=now)):
        return None
    kept = session.get_one(RosterFile, file_id, populate_existing=True)
    rows = json.loads(vault.open(kept.rows_sealed))
    return put(session, vault, rows, staff_id, now, [Text(*note) for note in kept.notes or ()])


def put(
    session: Session,
    vault: Vault,
    rows: Iterable[Sequence[str]],
    staff_id: int | None,
    now: datetime,
    notes: Sequence[Text] = (),
) -> int:
    """Write (name, E.164 phone, department, note) rows: a known phone gets the new words and may bind again.

    Who is new, back or named otherwise is paid when somebody of another role has confirmed it (people/trust), who reads the
    `notes` of their file, too.
    """
    asked_id = trust.ask(session, "roster", staff_id, now, _written(notes))
    made = [
        {
            "name": name,
            "phone_sealed": vault.seal(phone),
            "phone_index": vault.index(phone),
            "department": department,
            "note": note,
            "is_active": True,
            "staff_id": staff_id,
            "added_by": staff_id,
            "waits_for": asked_id,
            "created_at": now,
            "updated_at": now,
        }
        for name, phone, department, note in rows
    ]
    for start in range(0, len(made), CHUNK):
        statement = insert_into(session, RosterEntry).values(made[start : start + CHUNK])
        fresh = {
            key: statement.excluded[key]
            for key in ("name", "department", "note", "is_active", "staff_id", "updated_at")
        }
        is_known = RosterEntry.is_active & (RosterEntry.name == statement.excluded.name)
        for key in ("added_by", "waits_for"):
            fresh[key] = case((is_known, getattr(RosterEntry, key)), else_=statement.excluded[key])
        session.execute(statement.on_conflict_do_update(index_elements=["phone_index"], set_=fresh))
    trust.drop_empty(session, asked_id)
    return len(made)


def deactivate(session: Session, vault: Vault, entry_id: int, staff_id: int | None, now: datetime) -> bool:
    """Take somebody off the roster: no binding any more, and the present one ends. False when it was done before."""
    gone = update(RosterEntry).where(RosterEntry.id == entry_id, RosterEntry.is_active)
    if not changed(session, gone.values(is_active=False, staff_id=staff_id, updated_at=now)):
        return False
    index = session.get_one(RosterEntry, entry_id).phone_index
    query = select(Binding.id).where(Binding.phone_index == index, Binding.status == "active")
    for binding_id in session.scalars(query).all():
        bindings.unbind(session, vault, binding_id, staff_id, now, reason="roster")
    return True


def activate(session: Session, entry_id: int, staff_id: int | None, now: datetime) -> bool:
    """Let somebody on the roster bind again, to be paid when that is confirmed; False when they may already."""
    asked_id = trust.ask(session, "roster", staff_id, now)
    back = update(RosterEntry).where(RosterEntry.id == entry_id, RosterEntry.is_active.is_(False))
    values = {"staff_id": staff_id, "added_by": staff_id, "waits_for": asked_id, "updated_at": now}
    is_back = bool(changed(session, back.values(is_active=True, **values)))
    trust.drop_empty(session, asked_id)
    return is_back


def page(
    session: Session, vault: Vault, q: str = "", before: int | None = None, limit: int = PAGE_ROWS
) -> list[tuple[RosterEntry, str | None]]:
    """Entries, the newest first, each with the openid bound to its phone; `q` is a whole phone or a part of a name."""
    joined = (Binding.phone_index == RosterEntry.phone_index) & (Binding.status == "active")
    query = select(RosterEntry, Binding.openid).outerjoin(Binding, joined)
    if q:
        try:
            query = query.where(RosterEntry.phone_index == vault.index(phones.normalise(q)))
        except phones.BadPhone:
            query = query.where(RosterEntry.name.contains(q, autoescape=True))
    if before is not None:
        query = query.where(RosterEntry.id < before)
    return [(row[0], row[1]) for row in session.execute(query.order_by(RosterEntry.id.desc()).limit(limit + 1))]
