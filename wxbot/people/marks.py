"""Staff's marks on people: `block` is never paid and never draws, `allow` may be paid without being bound."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from wxbot import typed
from wxbot.people import imports, phones, trust
from wxbot.people.imports import ImportReport, NumberedLine
from wxbot.people.models import Binding, PersonMark, RosterEntry
from wxbot.staff import audit
from wxbot.staff.audit import Actor
from wxbot.staff.models import Staff
from wxbot.text import Refusal, Text
from wxbot.vault import Vault

MARKS: dict[str, str] = {
    "block": "never paid, cannot bind, cannot draw",
    "allow": "may be paid even when no phone is bound",
}
REASON_CHARS = 200
BLOCKED = Text(
    "此人在黑名单中。请先移出黑名单（会记入日志），再加入白名单。",
    "This person is on the block list: take that mark off first, which is written in the log, then add the other.",
)


def put(
    session: Session, vault: Vault, mark: str, kind: str, subject: str, reason: str, staff_id: int | None, now: datetime
) -> int:
    """Mark an openid or a phone; a second mark on the same one replaces the first, but never a block an allow. Returns its id.

    An allow mark lets somebody be paid when somebody of another role has confirmed it (people/trust). `subject` is the openid, or the phone as a person writes it. Raises Refusal.
    """
    subject, reason = typed.line(subject), typed.line(reason)
    if mark not in MARKS or kind not in ("openid", "phone"):
        raise Refusal("kind", Text("请选择名单和类型。", "Choose the list and the kind."))
    _check_reason(reason)
    sealed = ""
    if kind == "phone":
        phone = phones.normalise(subject)
        subject, sealed = vault.index(phone), vault.seal(phone)
    elif not imports.is_openid(subject):
        raise Refusal("openid", Text("openid 不正确。", "This is no openid."))
    same = select(PersonMark).where(PersonMark.kind == kind, PersonMark.subject == subject)
    found = session.scalar(same.with_for_update())
    if found is not None and (found.mark, mark) == ("block", "allow"):
        raise Refusal("blocked", BLOCKED)
    found = _write(session, found, mark, kind, subject, sealed, reason, staff_id, now)
    session.flush()
    return found.id


def _write(
    session: Session,
    found: PersonMark | None,
    mark: str,
    kind: str,
    held: str,
    sealed: str,
    reason: str,
    staff_id: int | None,
    now: datetime,
) -> PersonMark:
    """The mark on an openid or on the blind index of a phone, in the place of the one that was found."""
    if found is None:
        found = PersonMark(kind=kind, subject=held)
        session.add(found)
    elif found.mark != mark:
        _record_removal(session, found, staff_id, now)
    found.mark, found.reason, found.staff_id, found.created_at = mark, reason, staff_id, now
    found.phone_sealed, found.waits_for = sealed, trust.ask(session, "mark", staff_id, now) if mark == "allow" else None
    return found


def _check_reason(reason: str) -> None:
    if not reason or len(reason) > REASON_CHARS:
        raise Refusal(
            "reason",
            Text(f"请写明原因，不超过 {REASON_CHARS} 字。", f"Give a reason of at most {REASON_CHARS} characters."),
        )


def block_all(
    session: Session, vault: Vault, lines: Iterable[NumberedLine], reason: str, staff_id: int | None, now: datetime
) -> ImportReport:
    """Put everybody who is named on the block list, for one reason; who is on it already stays as they are. Raises Refusal."""
    report, people = ImportReport(), dict[tuple[str, str], str]()
    for number, text in lines:
        found = imports.named(text)
        if found is None:
            report.refuse(number, text)
            continue
        kind, subject = found
        people.setdefault((kind, vault.index(subject) if kind == "phone" else subject), subject)
    reason = typed.line(reason)
    if people:
        _check_reason(reason)
    for chunk in imports.chunks(list(people)):
        query = select(PersonMark).where(PersonMark.subject.in_([held for _, held in chunk]))
        marked = {(row.kind, row.subject): row for row in session.scalars(query.with_for_update())}
        for kind, held in chunk:
            there = marked.get((kind, held))
            if there is not None and there.mark == "block":
                report.known += 1
                continue
            sealed = vault.seal(people[kind, held]) if kind == "phone" else ""
            _write(session, there, "block", kind, held, sealed, reason, staff_id, now)
            report.added += 1
        session.flush()
    return report


def _record_removal(session: Session, row: PersonMark, staff_id: int | None, now: datetime) -> None:
    """An allow mark that a block replaces is taken off; each removal has its line in the audit log."""
    login = session.scalar(select(Staff.login).where(Staff.id == staff_id)) if staff_id is not None else None
    detail = {"mark": row.mark, "kind": row.kind, "reason": row.reason, "removed": True}
    audit.record(session, Actor(staff_id, login or "cli"), "person_mark", f"mark:{row.id}", now, detail=detail)


def page(session: Session, mark: str, limit: int = 50, before: int | None = None) -> Sequence[PersonMark]:
    """The newest marks of one list below `before`."""
    query = select(PersonMark).where(PersonMark.mark == mark).order_by(PersonMark.id.desc()).limit(limit)
    return session.scalars(query if before is None else query.where(PersonMark.id < before)).all()


def of(session: Session, openid: str) -> frozenset[str]:
    """The marks that concern a person: on the openid, and on the phone bound to it now; confirmed or not."""
    return frozenset(mark for mark, _ in _standing(session, openid))


def _standing(session: Session, openid: str) -> set[tuple[str, bool]]:
    """(mark, whether it still waits to be confirmed) of a person."""
    phone = select(Binding.phone_index).where(Binding.openid == openid, Binding.status == "active").scalar_subquery()
    query = select(PersonMark.mark, PersonMark.waits_for).where(
        or_(
            and_(PersonMark.kind == "openid", PersonMark.subject == openid),
            and_(PersonMark.kind == "phone", PersonMark.subject == phone),
        )
    )
    return {(mark, waits_for is not None) for mark, waits_for in session.execute(query)}


def blocked_among(join: Callable[[str, str], str]) -> str:
    """`of` for a whole crowd, as SQL: `i` of everybody in a CTE `asked (i, openid, …)` who is blocked.

    `join(table, condition)` writes `asked` beside the rows of a table, in the way that its database looks them up best.
    """
    by_openid = join(
        PersonMark.__tablename__,
        "person_marks.kind = 'openid' AND person_marks.subject = asked.openid AND person_marks.mark = 'block'",
    )
    bound = join(Binding.__tablename__, "bindings.openid = asked.openid AND bindings.status = 'active'")
    return f"""
    SELECT asked.i FROM {by_openid}
    UNION ALL
    SELECT asked.i FROM {bound} JOIN person_marks AS mark ON mark.subject = bindings.phone_index
     WHERE mark.kind = 'phone' AND mark.mark = 'block'"""  # noqa: S608 - nothing in it comes from outside


def on_phone(session: Session, phone_index: str) -> frozenset[str]:
    """The marks on a phone, whoever holds it."""
    query = select(PersonMark.mark).where(PersonMark.kind == "phone", PersonMark.subject == phone_index)
    return frozenset(session.scalars(query))


def is_blocked(session: Session, openid: str) -> bool:
    """Whether this person is on the block list, by openid or by the phone bound to it."""
    return "block" in of(session, openid)


def refusal(session: Session, vault: Vault | None, openid: str) -> str | None:
    """Why this person may not be paid now ('blocked', 'unconfirmed', 'held' or 'unbound'), or None; `block` wins over
    everything, a confirmed `allow` over the rest.

    'unconfirmed' is who may be paid only by what staff added and nobody of another role has confirmed yet (people/trust).
    Call it in the transaction that decides, and again where the money leaves. `vault` is not needed and kept for callers.
    """
    found = _standing(session, openid)
    if ("block", False) in found:
        return "blocked"
    if ("allow", False) in found:
        return None
    query = select(Binding.status, RosterEntry.id, RosterEntry.waits_for)
    bound = query.outerjoin(RosterEntry, RosterEntry.phone_index == Binding.phone_index)
    rows = session.execute(bound.where(Binding.openid == openid, Binding.status.in_(("active", "held")))).all()
    is_allow_waiting = ("allow", True) in found
    for row in rows:
        if row.status == "active" and row.waits_for is None and (row.id is not None or not is_allow_waiting):
            return None
    if is_allow_waiting or any(row.status == "active" for row in rows):
        return "unconfirmed"
    return "held" if rows else "unbound"
