"""Faults of the fund bill that people clear up: one cashier says what lines were, a second one agrees, and the books follow.

A fault that is explained is none any more, and a foreign line leaves suspense: its money came from outside or went there
(I17). The statement stays beside the line. Two people, for whoever can explain a line away can hide one (money rule 14).
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from wxbot import approval, ledger
from wxbot.db import Database, changed
from wxbot.ledger import Posting
from wxbot.orders.bill_faults import NOT_OURS
from wxbot.orders.manual import EVIDENCE_MAX
from wxbot.orders.models import BILL_NOTE_NEXT, BillLine, BillNote
from wxbot.staff import accounts, audit
from wxbot.staff.audit import Actor
from wxbot.text import Refusal, Text
from wxbot.transitions import move, moving

OWN = Text("不能确认自己的说明", "This is your own statement")


def state(database: Database, line_ids: Sequence[int], words: str, actor: Actor, now: datetime) -> list[int]:
    """Say what these lines were; returns the statements' ids. A statement that still waits is replaced. Raises Refusal."""
    words = approval.require_evidence(words, EVIDENCE_MAX)
    with database.transaction() as session:
        staff_id = accounts.require_cashier(session, actor)
        made = []
        for line_id in sorted(set(line_ids)):
            line = _open_line(session, line_id)
            replaced = moving(BillNote, BILL_NOTE_NEXT, ("open",), "replaced").where(BillNote.line_id == line_id)
            changed(session, replaced)
            note = BillNote(
                line_id=line.id, fault=line.fault, words=words, status="open", stated_by=staff_id, stated_at=now
            )
            session.add(note)
            session.flush()
            made.append(note.id)
        audit.record(session, actor, "bill_state", f"bill_lines:{len(made)}", now, detail={"notes": made[:50]})
    return made


def agree(database: Database, note_ids: Sequence[int], actor: Actor, now: datetime) -> int:
    """Agree to another cashier's statements: all of them, or none; returns how many lines are cleared up. Raises Refusal."""
    with database.transaction() as session:
        staff_id = accounts.require_cashier(session, actor)
        for note_id in sorted(set(note_ids)):
            note = session.get(BillNote, note_id)
            if note is None or note.status != "open":
                raise Refusal(
                    "no_note", Text(f"没有待确认的说明 {note_id}", f"there is no statement {note_id} that waits")
                )
            approval.require_second(session, staff_id, [note.stated_by], OWN, now)
            _settle(session, note, staff_id, now)
        audit.record(
            session, actor, "bill_agree", f"bill_lines:{len(note_ids)}", now, detail={"notes": list(note_ids)[:50]}
        )
    return len(set(note_ids))


def waiting(session: Session, note_ids: Sequence[int]) -> Sequence[BillNote]:
    """Those of the statements that wait for a second cashier."""
    query = select(BillNote).where(BillNote.id.in_(note_ids), BillNote.status == "open").order_by(BillNote.id)
    return session.scalars(query).all()


def _open_line(session: Session, line_id: int) -> BillLine:
    line = session.get(BillLine, line_id)
    if line is None or line.fault is None:
        raise Refusal(
            "line",
            Text(
                f"流水 {line_id} 不存在或没有差异，请看 wxbot ledger check",
                f"line {line_id} is unknown or has no fault: wxbot ledger check",
            ),
        )
    return line


def _settle(session: Session, note: BillNote, staff_id: int, now: datetime) -> None:
    line = _open_line(session, note.line_id)
    cleared = update(BillLine).where(BillLine.id == line.id, BillLine.fault == note.fault).values(fault=None)
    is_agreed = move(session, BillNote, note.id, BILL_NOTE_NEXT, "open", "agreed", agreed_by=staff_id, agreed_at=now)
    if not is_agreed or not changed(session, cleared):
        raise Refusal(
            "moved", Text(f"流水 {line.id} 刚刚有了变化，请重新查看", f"line {line.id} has just changed: look again")
        )
    if note.fault == NOT_OURS:
        debit, credit = ("external", "suspense") if line.kind == "income" else ("suspense", "external")
        ledger.post(session, [Posting("bill", f"explained:{line.id}", debit, credit, line.amount_fen)], now)
