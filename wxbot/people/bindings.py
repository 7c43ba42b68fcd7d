"""Binding an openid to a phone: ask for a code, type it, be bound; and what staff may change. Chat and page use the same verbs.

What keeps it honest: the code proves the phone (codes.py), the roster decides who may bind, partial unique indexes keep one
phone with one openid, a change is possible once in `rebind_hours` (F79), and rows are ended, never deleted.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from wxbot import addresses
from wxbot.db import changed, insert_into
from wxbot.logs import get_logger
from wxbot.people import codes, limits, marks, notices, phones, words
from wxbot.people.models import BINDING_NEXT, Binding, PersonMark, RosterEntry, SmsCode, SmsCount
from wxbot.runtime import Runtime
from wxbot.staff import accounts, audit
from wxbot.staff.audit import Actor
from wxbot.text import Refusal, Text, moment_text
from wxbot.transitions import move
from wxbot.vault import Vault

log = get_logger(__name__)

PURPOSE = "bind"
NO_COOLING = ("staff", "roster", "refused", "erased")
"""Bindings ended for these reasons do not make the next one wait: staff decided, or nothing was bound."""


@dataclass(frozen=True, slots=True)
class BindingReply:
    """What became of a request; `name` is one of words.SENTENCES."""

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    wait_s: int = 0
    """Seconds until another code may be asked for, 0 when now."""

    @property
    def text(self) -> Text:
        """The sentence for the person."""
        return Text(self._within("zh"), self._within("en"))

    def _within(self, language: str) -> str:
        values = dict(self.values)
        if "seconds" in values:
            values["wait"] = words.span(values["seconds"], language)
        if "moment" in values:
            values["until"] = moment_text(values["moment"]).within(language)
        return words.say(self.name, language, **values)


class CodeRequested(BindingReply):
    """Outcome of ask_code: sent, bad_phone, too_often, budget, already, cooling, blocked, closed or busy."""

    __slots__ = ()

    @property
    def is_sent(self) -> bool:
        """Whether the person should type a code next."""
        return self.name == "sent"


class CodeChecked(BindingReply):
    """Outcome of confirm: bound, held, malformed, changed, wrong, spent, expired, used, dead, none, cooling, refused, blocked or
    busy."""

    __slots__ = ()

    @property
    def is_done(self) -> bool:
        """Whether the dialogue is over with success (bound, or held for a reviewer)."""
        return self.name in ("bound", "held")

    @property
    def may_try_again(self) -> bool:
        """Whether the same code may be typed once more."""
        return self.name in ("malformed", "wrong", "busy")


# --- asking -------------------------------------------------------------------------------------------------------


def active(session: Session, openid: str) -> Binding | None:
    """The phone this openid is bound to now."""
    return session.scalar(select(Binding).where(Binding.openid == openid, Binding.status == "active"))


def bound(session: Session, openids: Collection[str]) -> set[str]:
    """Which of these are bound to a phone now."""
    return set(session.scalars(select(Binding.openid).where(Binding.openid.in_(openids), Binding.status == "active")))


def held(session: Session, openid: str) -> Binding | None:
    """The proved phone that waits for a reviewer."""
    return session.scalar(select(Binding).where(Binding.openid == openid, Binding.status == "held"))


def openid_of_phone(session: Session, vault: Vault, phone: str) -> str | None:
    """Who a phone, in any spelling, is bound to now. Raises BadPhone."""
    index = vault.index(phones.normalise(phone))
    return session.scalar(select(Binding.openid).where(Binding.phone_index == index, Binding.status == "active"))


def last_change(session: Session, openid: str) -> tuple[str, datetime] | None:
    """A mark of, and the moment of, the newest change to a person's binding: sessions older than it ask WeChat again (S26)."""
    row = session.execute(
        select(Binding.id, Binding.bound_at, Binding.ended_at)
        .where(Binding.openid == openid, Binding.bound_at.is_not(None))
        .order_by(Binding.id.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    return f"b{row.id:x}{'e' if row.ended_at else ''}", row.ended_at or row.bound_at


def ask_code(
    runtime: Runtime, openid: str, phone: str, ip: str, now: datetime, *, purpose: str = PURPOSE
) -> CodeRequested:
    """Ask for a code to `phone`; the worker sends it within a second or two (people.sms).

    `ip` is the address the page was used from, empty for the chat. The answer is the same whether or not the number may bind
    (S53); what it does tell is about the asking person alone.
    """
    if runtime.settings.sms_provider == "none":
        return CodeRequested("closed")
    try:
        number = phones.normalise(phone)
    except phones.BadPhone:
        return CodeRequested("bad_phone")
    try:
        with runtime.database.transaction() as session:
            refusal = _why_not(session, runtime, openid, number, now)
            if refusal is None:
                _issue(session, runtime, purpose, openid, number, ip, now)
    except limits.TooOften as too_often:
        if too_often.kind == limits.SPEND:
            log.error("sms_budget_spent", fen_per_day=runtime.settings.sms_fen_per_day)
            return CodeRequested("budget")
        log.warning("sms_too_often", limit=too_often.kind)
        return CodeRequested("too_often", {"seconds": too_often.wait_s}, too_often.wait_s)
    except (OperationalError, PoolTimeout) as error:
        log.error("sms_not_counted", error=type(error).__name__)
        return CodeRequested("busy")  # what cannot be counted is not sent
    shown = {"phone": phones.masked(number), "minutes": codes.LIFE_MINUTES}
    return refusal or CodeRequested("sent", shown, limits.PHONE[0].window_s)


def _why_not(session: Session, runtime: Runtime, openid: str, phone: str, now: datetime) -> CodeRequested | None:
    """What the asking person may know about themselves before anything is sent."""
    if "block" in marks.of(session, openid):
        return CodeRequested("blocked")
    mine = active(session, openid)
    if mine is None:
        return None
    if mine.phone_index == runtime.vault.index(phone):
        return CodeRequested("already", {"phone": phones.masked(phone)})
    until = _cooling_until(session, runtime, now, Binding.openid == openid)
    return CodeRequested("cooling", {"moment": until}) if until else None


def _issue(session: Session, runtime: Runtime, purpose: str, openid: str, phone: str, ip: str, now: datetime) -> None:
    """Count the message everywhere, then make it; a stranger's number costs the same counts and the same writes."""
    settings, vault = runtime.settings, runtime.vault
    index = vault.index(phone)
    subjects = [(limit, openid) for limit in limits.OPENID]
    if ip:
        subjects += [(limit, vault.index(f"ip|{addresses.counted(ip)}")) for limit in limits.IP]
    subjects += [(limit, index) for limit in limits.PHONE]
    is_withheld = _welcome(session, settings.binding_policy, index)[0] == "refused"
    counted = limits.count_message(session, subjects, now)
    counted += limits.count_spend(session, settings.sms_fen, settings.sms_fen_per_day, now, is_real=not is_withheld)
    codes.issue(session, vault, purpose, openid, phone, counted, now, is_withheld=is_withheld)


def _welcome(session: Session, policy: str, phone_index: str) -> tuple[str, str]:
    """(active, held or refused, the roster's name) for a phone: marks first, then the roster, then the policy for the rest."""
    found = marks.on_phone(session, phone_index)
    if "block" in found:
        return "refused", ""
    entry = session.scalar(select(RosterEntry).where(RosterEntry.phone_index == phone_index))
    if entry is not None:
        return ("active", entry.name) if entry.is_active else ("refused", "")
    if "allow" in found:
        return "active", ""
    return {"open": "active", "hold": "held"}.get(policy, "refused"), ""


def _cooling_until(session: Session, runtime: Runtime, now: datetime, *whose: Any) -> datetime | None:
    """Until when this openid or phone may not be bound anew, None when it may (F79)."""
    query = (
        select(Binding.bound_at)
        .where(*whose, Binding.bound_at.is_not(None), Binding.end_reason.not_in(NO_COOLING))
        .order_by(Binding.bound_at.desc())
        .limit(1)
    )
    bound_at = session.scalar(query)
    until = bound_at + timedelta(hours=runtime.settings.rebind_hours) if bound_at else now
    return until if until > now else None


# --- typing the code ----------------------------------------------------------------------------------------------


def confirm(
    runtime: Runtime,
    openid: str,
    code: str,
    now: datetime,
    *,
    via: str = "chat",
    purpose: str = PURPOSE,
    phone: str | None = None,
) -> CodeChecked:
    """Compare a typed code and bind. One transaction: the try is counted whatever comes of it, and a right code is used once.

    `phone` is what stands beside the code on a page: nobody is bound to another number than the one they look at.
    """
    digits = codes.read(code)
    if digits is None:
        return CodeChecked("malformed")
    try:
        with runtime.database.reading() as session:
            standing = codes.standing(session, purpose, openid, now)
            sent_to = session.scalar(
                select(SmsCode.phone_index).where(SmsCode.purpose == purpose, SmsCode.openid == openid)
            )
        if standing != "live":
            return CodeChecked(standing)
        if phone and not _is_number(runtime.vault, phone, sent_to):
            return CodeChecked("changed")
        return runtime.database.twice(lambda session: _confirm(session, runtime, openid, digits, via, purpose, now))
    except (OperationalError, PoolTimeout, IntegrityError) as error:
        log.error("binding_not_confirmed", error=type(error).__name__)
    return CodeChecked("busy")


def _is_number(vault: Vault, phone: str, index: str | None) -> bool:
    """Whether what was typed is the number of this index."""
    try:
        return vault.index(phones.normalise(phone)) == index
    except phones.BadPhone:
        return False


def _confirm(
    session: Session, runtime: Runtime, openid: str, digits: str, via: str, purpose: str, now: datetime
) -> CodeChecked:
    tried = codes.spend_try(session, runtime.vault, purpose, openid, digits, now)
    if tried.verdict != "right":
        return CodeChecked(tried.verdict, {"left": tried.tries_left})
    if "block" in marks.of(session, openid):
        return CodeChecked("blocked")
    shown = {"phone": phones.masked(runtime.vault.open(tried.phone_sealed))}
    _take_turns(session, openid, tried.phone_index, now)
    welcome, name = _welcome(session, runtime.settings.binding_policy, tried.phone_index)
    if welcome == "refused":
        return CodeChecked("refused", shown)
    mine = active(session, openid)
    if mine is not None and mine.phone_index == tried.phone_index:
        return CodeChecked("bound", shown)
    until = _cooling_until(
        session, runtime, now, or_(Binding.openid == openid, Binding.phone_index == tried.phone_index)
    )
    if until is not None:
        return CodeChecked("cooling", {"moment": until})
    waiting = held(session, openid)
    if waiting is not None:
        _end(session, waiting, "replaced", None, now)
    made = Binding(
        openid=openid,
        phone_sealed=tried.phone_sealed,
        phone_index=tried.phone_index,
        name=name,
        status="held",
        via=via,
        proved_at=now,
        end_reason="",
    )
    session.add(made)
    session.flush()
    if welcome == "active":
        _activate(session, runtime.vault, made, None, now)
    return CodeChecked("bound" if welcome == "active" else "held", shown)


def _take_turns(session: Session, openid: str, phone_index: str, now: datetime) -> None:
    """Let whoever changes this person's or this phone's binding wait until this transaction has ended.

    Otherwise the second of two people would check the rest before, and take the phone after, the first has bound it.
    """
    for subject in sorted((openid, phone_index)):
        turn = insert_into(session, SmsCount).values(kind="turn", subject=subject, began_at=now, n=0)
        session.execute(turn.on_conflict_do_update(index_elements=["kind", "subject"], set_={"began_at": now}))


def _activate(session: Session, vault: Vault, binding: Binding, staff_id: int | None, now: datetime) -> bool:
    """Make a held binding the one of its openid and of its phone; whoever had either loses it, and is told."""
    either = or_(Binding.openid == binding.openid, Binding.phone_index == binding.phone_index)
    others = session.scalars(select(Binding).where(Binding.status == "active", either)).all()
    for other in others:
        is_mine = other.openid == binding.openid
        _end(session, other, "rebound" if is_mine else "moved", staff_id, now)
        if not is_mine:
            _tell(session, vault, other, "moved", now)
    return move(session, Binding, binding.id, BINDING_NEXT, "held", "active", bound_at=now, staff_id=staff_id)


def _end(session: Session, binding: Binding, reason: str, staff_id: int | None, now: datetime) -> bool:
    return move(
        session,
        Binding,
        binding.id,
        BINDING_NEXT,
        binding.status,
        "ended",
        ended_at=now,
        end_reason=reason,
        staff_id=staff_id,
    )


def _tell(session: Session, vault: Vault, binding: Binding, name: str, now: datetime) -> None:
    text = words.SENTENCES[name].format(phone=phones.masked(vault.open(binding.phone_sealed)))
    notices.tell(session, binding.openid, "binding", f"{binding.id}:{name}", text, now=now)


# --- what staff may do --------------------------------------------------------------------------------------------


def approve(session: Session, vault: Vault, binding_id: int, staff_id: int | None, now: datetime) -> bool:
    """Let a held binding become active; False when it waits no longer. Raises Refusal for a blocked person or phone."""
    binding = session.scalar(select(Binding).where(Binding.id == binding_id, Binding.status == "held"))
    if binding is None:
        return False
    require_approvable(session, binding, staff_id, now)
    _take_turns(session, binding.openid, binding.phone_index, now)
    if not _activate(session, vault, binding, staff_id, now):
        return False
    _tell(session, vault, binding, "approved", now)
    return True


def require_approvable(session: Session, binding: Binding, staff_id: int | None, now: datetime) -> None:
    """Raise Refusal when a held binding cannot be let pass now: what the button asks before it is offered, too."""
    if "block" in marks.of(session, binding.openid) | marks.on_phone(session, binding.phone_index):
        raise Refusal(
            "blocked",
            Text(
                "这个人在黑名单中，先移出黑名单再通过。", "This person is on the block list; take the mark off first."
            ),
        )
    if staff_id is not None:
        accounts.require_settled(session, staff_id, now)


def refuse(session: Session, vault: Vault, binding_id: int, staff_id: int | None, now: datetime) -> bool:
    """Turn a held binding down; False when it waits no longer."""
    binding = session.scalar(select(Binding).where(Binding.id == binding_id, Binding.status == "held"))
    if binding is None or not _end(session, binding, "refused", staff_id, now):
        return False
    _tell(session, vault, binding, "turned_down", now)
    return True


def unbind(
    session: Session, vault: Vault, binding_id: int, staff_id: int | None, now: datetime, reason: str = "staff"
) -> bool:
    """End an active binding; False when it has ended already. What was approved for that openid stays theirs (F79)."""
    binding = session.scalar(select(Binding).where(Binding.id == binding_id, Binding.status == "active"))
    if binding is None or not _end(session, binding, reason, staff_id, now):
        return False
    _tell(session, vault, binding, "unbound", now)
    return True


def take_off_mark(session: Session, vault: Vault, mark_id: int, actor: Actor, now: datetime) -> PersonMark | None:
    """Take a mark off, with its line in the audit log; None when there is none.

    A phone that was bound only because of an allow mark nobody had confirmed loses its binding with the mark.
    """
    row = session.scalar(select(PersonMark).where(PersonMark.id == mark_id).with_for_update())
    if row is None:
        return None
    changed(session, delete(PersonMark).where(PersonMark.id == mark_id))
    detail = {"mark": row.mark, "kind": row.kind, "reason": row.reason, "removed": True}
    audit.record(session, actor, "person_mark", f"mark:{mark_id}", now, detail=detail)
    is_listed = select(RosterEntry.id).where(RosterEntry.phone_index == row.subject).exists()
    if row.waits_for is not None and row.kind == "phone":
        bound = select(Binding.id).where(Binding.phone_index == row.subject, Binding.status == "active", ~is_listed)
        for binding_id in session.scalars(bound).all():
            unbind(session, vault, binding_id, actor.id, now)
    return row
