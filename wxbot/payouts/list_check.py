"""Which rows of a list can be paid now: who stands behind a phone, who is blocked, who stands in it twice, whose limit is used.

Whole lists are asked about at once: 20,000 rows are some hundred questions, not 20,000.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import Session, aliased

from wxbot.clock import shanghai_day
from wxbot.money import yuan
from wxbot.payouts.list_read import Candidate, amount_fault
from wxbot.payouts.list_words import code_of, store
from wxbot.payouts.models import ListRow, PayList, Payout, Programme
from wxbot.payouts.sources import ROW
from wxbot.people.models import Binding, Follower, PersonMark, RosterEntry
from wxbot.quotas import Quota
from wxbot.settings import Settings
from wxbot.vault import Vault

CHUNK = 500
LATELY = timedelta(hours=24)
LASTING = frozenset({"no_person", "bad_openid", "bad_phone", "no_amount", "bad_amount", "cell"})
"""Faults of the file itself: looking again cannot mend them."""


@dataclass
class _Known:
    """What the database knows of the people in a list."""

    by_phone: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Blind index of a phone → (openid, active or held)."""
    phone_of: dict[str, str] = field(default_factory=dict)
    """openid → blind index of the phone bound to it."""
    marks: dict[tuple[str, str], str] = field(default_factory=dict)
    on_roster: dict[str, bool] = field(default_factory=dict)
    """Blind index of a phone on the roster → whether it may bind."""
    used_fen: dict[str, int] = field(default_factory=dict)
    """openid → fen used of this month's limit in the programme."""


def find_faults(
    session: Session, vault: Vault, settings: Settings, programme: Programme, rows: Sequence[Candidate], now: datetime
) -> None:
    """Set `openid` and `fault` of every row as things stand now; the first row of a person is the one that counts."""
    indexes = {row.phone: vault.index(row.phone) for row in rows if row.phone}
    known = _ask(session, programme, rows, set(indexes.values()), now)
    seen: dict[str, int] = {}
    for row in rows:
        if code_of(row.fault) in LASTING:
            continue
        row.fault = _fault(row, indexes.get(row.phone or "", ""), programme, settings, known)
        if row.openid and not row.fault:
            first = seen.setdefault(row.openid, row.row_number)
            if first != row.row_number:
                row.fault = store("duplicate", str(first))


def _fault(row: Candidate, index: str, programme: Programme, settings: Settings, known: _Known) -> str:
    """The first reason against one row, or ''; fills in the openid behind a phone."""
    if index:
        openid, status = known.by_phone.get(index, ("", ""))
        if not openid:
            return "blocked" if known.marks.get(("phone", index)) == "block" else _why_unbound(index, settings, known)
        if status == "held":
            return "held"
        if row.openid and row.openid != openid:
            return "other_person"
        row.openid = openid
    openid = row.openid or ""
    bound = known.phone_of.get(openid, "")
    marks = {known.marks.get(("openid", openid)), known.marks.get(("phone", bound or index))}
    if "block" in marks:
        return "blocked"
    if programme.needs_binding and not bound and "allow" not in marks:
        return "needs_binding"
    amount_fen = row.amount_fen or 0
    fault = amount_fault(amount_fen, settings)
    if fault or not programme.person_fen_per_month:
        return fault
    left_fen = programme.person_fen_per_month - known.used_fen.get(openid, 0)
    return store("month_limit", yuan(max(0, left_fen))) if amount_fen > left_fen else ""


def _why_unbound(index: str, settings: Settings, known: _Known) -> str:
    """Whether the person only has to bind, or cannot before somebody lets them."""
    if known.on_roster.get(index) is False:
        return "off_roster"
    may_bind = index in known.on_roster or settings.binding_policy != "refuse"
    return "unbound" if may_bind or known.marks.get(("phone", index)) == "allow" else "not_listed"


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    listed = sorted(values)
    for start in range(0, len(listed), CHUNK):
        yield listed[start : start + CHUNK]


def _asked(session: Session, values: Iterable[str], query: Callable[[list[str]], Any]) -> Iterator[Any]:
    """The rows of a query that is put once for every few hundred values."""
    for chunk in _chunks(values):
        yield from session.execute(query(chunk))


def _ask(session: Session, programme: Programme, rows: Sequence[Candidate], indexes: set[str], now: datetime) -> _Known:
    known = _Known()
    bindings = select(Binding.phone_index, Binding.openid, Binding.status).where(Binding.status.in_(("active", "held")))
    for index, openid, status in _asked(session, indexes, lambda some: bindings.where(Binding.phone_index.in_(some))):
        if status == "active" or index not in known.by_phone:
            known.by_phone[index] = (openid, status)
    entries = select(RosterEntry.phone_index, RosterEntry.is_active)
    unbound = indexes - known.by_phone.keys()
    for index, is_active in _asked(session, unbound, lambda some: entries.where(RosterEntry.phone_index.in_(some))):
        known.on_roster[index] = is_active
    openids = {row.openid for row in rows if row.openid} | {openid for openid, _ in known.by_phone.values()}
    for index, openid, status in _asked(session, openids, lambda some: bindings.where(Binding.openid.in_(some))):
        if status == "active":
            known.phone_of[openid] = index
    subjects = openids | indexes | set(known.phone_of.values())
    marked = select(PersonMark.kind, PersonMark.subject, PersonMark.mark)
    for kind, subject, mark in _asked(session, subjects, lambda some: marked.where(PersonMark.subject.in_(some))):
        known.marks[kind, subject] = mark
    if programme.person_fen_per_month:
        before = f"programme:{programme.id}:"
        used = select(Quota.name, Quota.fen).where(Quota.period == f"{shanghai_day(now):%Y%m}")
        names = {before + openid for openid in openids}
        for name, fen in _asked(session, names, lambda some: used.where(Quota.name.in_(some))):
            known.used_fen[name.removeprefix(before)] = int(fen)
    return known


# --- warnings -----------------------------------------------------------------------------------------------------


def warnings(session: Session, pay_list: PayList, now: datetime) -> dict[int, list[str]]:
    """Row id → warnings, of the good rows; asked for anew each time, because they change while a list waits."""
    found: dict[int, list[str]] = {}
    for code, query in _warning_queries(pay_list, now).items():
        for row_id in session.scalars(query):
            found.setdefault(row_id, []).append(code)
    return found


def _warning_queries(pay_list: PayList, now: datetime) -> dict[str, Any]:
    since = now - LATELY
    good = select(ListRow.id).where(ListRow.list_id == pay_list.id, ListRow.fault == "").distinct()
    same_row = and_(Payout.source_kind == ROW, Payout.source_id == ListRow.id)
    paid = exists().where(
        Payout.openid == ListRow.openid,
        Payout.amount_fen == ListRow.amount_fen,
        Payout.created_at >= since,
        Payout.status.not_in(("failed", "cancelled", "returned")),
        ~same_row,
    )
    twin = aliased(ListRow)
    waiting = select(PayList.id).where(
        PayList.id != pay_list.id, PayList.status.in_(("draft", "submitted", "approved")), PayList.created_at >= since
    )
    listed = (
        select(twin.openid, twin.amount_fen)
        .where(twin.list_id.in_(waiting), twin.fault == "", twin.payout_id.is_(None))
        .distinct()
        .subquery()
    )
    return {
        "paid_lately": good.where(paid),
        "other_list": good.join(
            listed, and_(listed.c.openid == ListRow.openid, listed.c.amount_fen == ListRow.amount_fen)
        ),
        "hidden": good.where(ListRow.is_hidden),
        "other_name": good.join(Binding, and_(Binding.openid == ListRow.openid, Binding.status == "active")).where(
            ListRow.name != "", Binding.name != "", Binding.name != ListRow.name
        ),
        "stranger": good.where(ListRow.phone_sealed.is_(None), ~exists().where(Follower.openid == ListRow.openid)),
    }
