"""Who may be paid because staff said so: what is put on the roster or the allow list waits for somebody of another role (S56).

Whoever uploads the roster, or lets somebody be paid without a phone, decides who gets money. Until the other one agrees to the
whole of it such a person may bind, and gets nothing. Rows of before the upgrade wait for nobody. What a cashier asks for is
confirmed by a reviewer or an admin; everything else, the command line's too, by a cashier. Nobody approves money for somebody
they added themselves.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CompoundSelect, delete, select, union, update
from sqlalchemy.orm import Session

from wxbot import approval
from wxbot.db import changed
from wxbot.people.models import Binding, Confirmation, PersonMark, RosterEntry
from wxbot.staff import accounts
from wxbot.staff.models import Staff
from wxbot.text import Refusal, Text
from wxbot.transitions import moved_on

OTHER_ROLE = Text(
    "须由另一种角色的同事确认：财务添加的由审核或管理员确认，其他由财务确认",
    "Somebody of another role must confirm it: a reviewer or an admin what a cashier added, a cashier the rest",
)
OWN = Text(
    "不能给自己添加的人审批付款，请另一位同事处理", "You added this person yourself; a colleague must approve it"
)
PAGE_ROWS = 200


def ask(session: Session, kind: str, staff_id: int | None, now: datetime, notes: list[list[str]] | None = None) -> int:
    """A new confirmation (`roster` or `mark`) for rows to wait for; returns its id. `staff_id` is None from the command line;
    `notes` (Chinese, English) are shown to who confirms."""
    role = session.scalar(select(Staff.role).where(Staff.id == staff_id)) if staff_id is not None else None
    asked = Confirmation(kind=kind, asked_by=staff_id, asked_role=role or "", asked_at=now, notes=notes)
    session.add(asked)
    session.flush()
    return asked.id


def drop_empty(session: Session, confirmation_id: int) -> None:
    """Forget a confirmation for which no row waits: nothing that it changed can bring anybody money."""
    if not content(session, confirmation_id):
        changed(session, delete(Confirmation).where(Confirmation.id == confirmation_id))


def content(session: Session, confirmation_id: int) -> list[list[Any]]:
    """Everything that a confirmation agrees to: each person on the roster and each mark that waits for it."""
    listed = select(
        RosterEntry.id, RosterEntry.name, RosterEntry.phone_index, RosterEntry.department, RosterEntry.note
    ).where(RosterEntry.waits_for == confirmation_id, RosterEntry.is_active)
    marked = select(PersonMark.id, PersonMark.mark, PersonMark.kind, PersonMark.subject, PersonMark.reason).where(
        PersonMark.waits_for == confirmation_id
    )
    rows = [["roster", *row] for row in session.execute(listed.order_by(RosterEntry.id))]
    return rows + [["mark", *row] for row in session.execute(marked.order_by(PersonMark.id))]


@dataclass(frozen=True)
class Waiting:
    """A confirmation that somebody must give, and how many people it is about."""

    asked: Confirmation
    people: int


def waiting(session: Session) -> Sequence[Waiting]:
    """All that wait and still have somebody in them, the oldest first."""
    query = select(Confirmation).where(Confirmation.decided_at.is_(None)).order_by(Confirmation.id).limit(200)
    found = [Waiting(asked, len(content(session, asked.id))) for asked in session.scalars(query)]
    return [each for each in found if each.people]


def may_confirm(asked: Confirmation, staff_id: int, role: str) -> bool:
    """Whether a person of this role is the one to confirm it."""
    roles = ("reviewer", "admin") if asked.asked_role == "cashier" else ("cashier",)
    return role in roles and asked.asked_by != staff_id


def confirm(session: Session, confirmation_id: int, staff_id: int, seen_sha256: str, now: datetime) -> int:
    """Agree to all of it as it was shown: its people may be paid from now on; returns how many. Raises Refusal."""
    asked = session.get(Confirmation, confirmation_id, with_for_update=True)
    if asked is None or asked.decided_at is not None:
        raise moved_on()
    accounts.require_settled(session, staff_id, now)
    if not may_confirm(asked, staff_id, session.get_one(Staff, staff_id).role):
        raise Refusal("four_eyes", OTHER_ROLE)
    rows = content(session, confirmation_id)
    approval.require_unchanged(approval.content_hash(rows), seen_sha256, changed=approval.LOOK_AGAIN)
    asked.decided_by, asked.decided_at, asked.content_sha256 = staff_id, now, seen_sha256
    for table in (RosterEntry, PersonMark):
        changed(session, update(table).where(table.waits_for == confirmation_id).values(waits_for=None))
    return len(rows)


# --- who added whom -----------------------------------------------------------------------------------------------


def added(session: Session, staff_id: int | None, openids: Any) -> Collection[str]:
    """Those of these people (a list, or a query of openids) whom this member of staff put on the roster or the allow list,
    or whose binding they let pass."""
    return () if staff_id is None else session.scalars(added_by(staff_id, openids)).all()


def added_by(staff_id: int, openids: Any) -> CompoundSelect[str]:
    """The query of `added`, for a question that passes these people over."""
    bound = select(Binding.openid).where(Binding.status == "active", Binding.openid.in_(openids))
    allowed = (PersonMark.mark == "allow") & (PersonMark.staff_id == staff_id)
    marked = select(PersonMark.subject).where(allowed, PersonMark.kind == "openid", PersonMark.subject.in_(openids))
    by_phone = bound.join(PersonMark, (PersonMark.kind == "phone") & (PersonMark.subject == Binding.phone_index))
    listed = bound.join(RosterEntry, RosterEntry.phone_index == Binding.phone_index)
    return union(
        marked,
        by_phone.where(allowed),
        listed.where(RosterEntry.added_by == staff_id),
        bound.where(Binding.staff_id == staff_id),
    )


def require_stranger(session: Session, staff_id: int, openids: Any) -> None:
    """Raise Refusal `added` when who approves has added one of these people themselves."""
    if added(session, staff_id, openids):
        raise Refusal("added", OWN)
