"""Staff's marks on people: `block` is never paid and never draws, `allow` may be paid without being bound."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.orm import Session

from wxbot import typed
from wxbot.db import changed
from wxbot.people import phones
from wxbot.people.models import Binding, PersonMark
from wxbot.text import Refusal, Text
from wxbot.vault import Vault

MARKS: dict[str, str] = {
    "block": "never paid, cannot bind, cannot draw",
    "allow": "may be paid even when no phone is bound",
}
REASON_CHARS = 200


def put(
    session: Session, vault: Vault, mark: str, kind: str, subject: str, reason: str, staff_id: int | None, now: datetime
) -> int:
    """Mark an openid or a phone; a second mark on the same one replaces the first. Returns the mark's id.

    `subject` is the openid, or the phone as a person writes it. Raises Refusal.
    """
    subject, reason = typed.line(subject), typed.line(reason)
    if mark not in MARKS or kind not in ("openid", "phone"):
        raise Refusal("kind", Text("请选择名单和类型。", "Choose the list and the kind."))
    if not reason or len(reason) > REASON_CHARS:
        raise Refusal(
            "reason",
            Text(f"请写明原因，不超过 {REASON_CHARS} 字。", f"Give a reason of at most {REASON_CHARS} characters."),
        )
    sealed = ""
    if kind == "phone":
        phone = phones.normalise(subject)
        subject, sealed = vault.index(phone), vault.seal(phone)
    elif (
        not 6 <= len(subject) <= 64 or not subject.isascii() or not subject.replace("-", "").replace("_", "").isalnum()
    ):
        raise Refusal("openid", Text("openid 不正确。", "This is no openid."))
    found = session.scalar(select(PersonMark).where(PersonMark.kind == kind, PersonMark.subject == subject))
    if found is None:
        found = PersonMark(kind=kind, subject=subject)
        session.add(found)
    found.mark, found.reason, found.staff_id, found.created_at = mark, reason, staff_id, now
    found.phone_sealed = sealed
    session.flush()
    return found.id


def remove(session: Session, mark_id: int) -> bool:
    """Take a mark off; False when there is none."""
    return bool(changed(session, delete(PersonMark).where(PersonMark.id == mark_id)))


def page(session: Session, mark: str, limit: int = 50, before: int | None = None) -> Sequence[PersonMark]:
    """The newest marks of one list below `before`."""
    query = select(PersonMark).where(PersonMark.mark == mark).order_by(PersonMark.id.desc()).limit(limit)
    return session.scalars(query if before is None else query.where(PersonMark.id < before)).all()


def of(session: Session, openid: str) -> frozenset[str]:
    """The marks that concern a person: on the openid, and on the phone bound to it now."""
    phone = select(Binding.phone_index).where(Binding.openid == openid, Binding.status == "active").scalar_subquery()
    query = select(PersonMark.mark).where(
        or_(
            and_(PersonMark.kind == "openid", PersonMark.subject == openid),
            and_(PersonMark.kind == "phone", PersonMark.subject == phone),
        )
    )
    return frozenset(session.scalars(query))


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
    """Why this person may not be paid now ('blocked', 'held' or 'unbound'), or None; `block` wins over everything, `allow`
    over the rest.

    Call it in the transaction that decides, and again where the money leaves. `vault` is not needed and kept for callers.
    """
    found = of(session, openid)
    if "block" in found:
        return "blocked"
    if "allow" in found:
        return None
    statuses = set(
        session.scalars(select(Binding.status).where(Binding.openid == openid, Binding.status.in_(("active", "held"))))
    )
    if "active" in statuses:
        return None
    return "held" if "held" in statuses else "unbound"
