"""The thaw's questions: which numbers left after this copy was made, and what became of them. Runs as the task orders.thaw.

Serials are asked about upward from the first unknown one, on each day and attempt, until 1,000 in a row are unknown and the
witness's highest is passed; then no number is given twice, for ours go on above. What a gap hid is found by the fund bills.
"""

import threading
import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from wxbot import lineage
from wxbot.clock import shanghai_day
from wxbot.db import changed, insert_into
from wxbot.logs import get_logger
from wxbot.orders import bill_faults, found, numbers, plan
from wxbot.orders.found import FoundOrder, Thaw
from wxbot.orders.models import BillDay, BillLine, LaneState, Order
from wxbot.orders.numbers import QueryResults, Space, Unknown
from wxbot.runtime import Runtime

log = get_logger(__name__)

BATCH = 50
"""Serials asked about before the progress is written down."""

UNKNOWN_IN_A_ROW = 1_000
"""So many unknown serials end the asking: what was planned and called off leaves gaps."""

RUN_S = 20.0

LOOK_AGAIN = timedelta(minutes=2)
"""How often a found order without an end is asked about: who has the money is told once they have taken it."""

ENDED = ("received", "returned", "failed")

ASK_LINE_AGAIN_S = 600.0

_asking = threading.Lock()
_asked_lines: dict[str, float] = {}
"""Number of a bill's line → when this process asked about it."""


def ask_due(runtime: Runtime) -> int:
    """Go on with the thaw's questions; returns how many serials and numbers were asked about."""
    if not _asking.acquire(blocking=False):
        return 0
    try:
        thaw = _open_thaw(runtime)
        if thaw is None:
            return 0
        done = _ask_serials(runtime, thaw) if thaw.step == "asking" else 0
        return done + _look_again(runtime) + _ask_bill_lines(runtime, thaw) + _note_bills(runtime, thaw)
    finally:
        _asking.release()


def _open_thaw(runtime: Runtime) -> Thaw | None:
    """The thaw that has still to ask; a frozen database without one gets it."""
    with runtime.database.reading() as session:
        line, thaw = lineage.found(session), found.current(session)
        is_begun = thaw is not None and thaw.step != "opened"
        if line.frozen_why != "older" or is_begun:
            return thaw
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        first = numbers.next_serial(session, runtime.settings.mch_id)
        thaw = Thaw(
            step="asking",
            frozen_at=line.frozen_at or now,
            known_until=numbers.all_known_until(session) or now,
            first_serial=first,
            next_serial=first,
            unknown_in_a_row=0,
            asked=0,
            refusal="",
        )
        session.add(thaw)
        session.flush()
    log.error("thaw_begun", thaw_id=thaw.id, first_serial=first, known_until=thaw.known_until.isoformat())
    return thaw


def _ask_serials(runtime: Runtime, thaw: Thaw) -> int:
    with runtime.database.reading() as session:
        settings, now = runtime.settings, runtime.database.now(session)
        attempts = range(1, min(9, max(3, numbers.attempts_known(session) + 2)) + 1)
        space = Space(
            settings.mch_id,
            numbers.days_between(thaw.known_until, max(thaw.frozen_at, thaw.known_until)),
            numbers.epochs(session, settings),
            [*attempts],
            numbers.versions(session, settings),
        )
        witness_serial = lineage.found(session).witness_serial
    log.info("thaw_asks", days=len(space.days), until=f"{now:%Y%m%d}")
    done, deadline = 0, time.monotonic() + RUN_S
    while time.monotonic() < deadline:
        serials = range(thaw.next_serial, thaw.next_serial + BATCH)
        answers = numbers.ask_serials(runtime, serials, space)
        with runtime.database.transaction() as session:
            thaw = _book(session, runtime, thaw.id, serials, answers, witness_serial)
        done += len(serials)
        if thaw.step != "asking" or answers.unanswered:
            break
    return done


def _book(
    session: Session, runtime: Runtime, thaw_id: int, serials: range, answers: QueryResults, witness_serial: int
) -> Thaw:
    """Write down what was found, and how far the asking has come; a serial without an answer is asked about again."""
    now = runtime.database.now(session)
    thaw = session.get_one(Thaw, thaw_id, with_for_update=True)
    if thaw.next_serial != serials.start:  # another worker has asked about these
        return thaw
    keep(session, thaw_id, answers.found.values(), now)
    thaw.asked += answers.asked
    thaw.refusal = answers.refusal if answers.unanswered else ""
    for serial in serials:
        if serial in answers.unanswered:
            break
        thaw.next_serial = serial + 1
        thaw.unknown_in_a_row = 0 if serial in answers.found else thaw.unknown_in_a_row + 1
    if thaw.unknown_in_a_row >= UNKNOWN_IN_A_ROW and thaw.next_serial > witness_serial:
        thaw.step = "judging"
        pass_serials(session, runtime.settings.mch_id, thaw.next_serial)
        log.info("thaw_asked", thaw_id=thaw_id, asked=thaw.asked, next_serial=thaw.next_serial)
    session.flush()
    return thaw


def pass_serials(session: Session, mch_id: str, next_serial: int) -> None:
    """Numbers go on from here at least: none is given a second time."""
    plan.lane_state(session, mch_id)
    is_behind = (LaneState.mch_id == mch_id) & (LaneState.next_serial < next_serial)
    changed(session, update(LaneState).where(is_behind).values(next_serial=next_serial))


def keep(session: Session, thaw_id: int, unknown: Iterable[Unknown], now: datetime) -> None:
    """Write down found orders, each once; what was known of one before is brought up to date."""
    for each in unknown:
        seen = each.sighting
        act_name, wishing, remark = seen.texts or (None, None, None)
        told = {
            "amount_fen": seen.amount_fen,
            "state": seen.state,
            "openid": seen.openid,
            "detail_id": (seen.detail_id or "")[:64] or None,
            "placed_at": seen.placed_at,
            "next_look_at": None if seen.state in ENDED else now + LOOK_AGAIN,
        }
        made = insert_into(session, FoundOrder).values(
            thaw_id=thaw_id,
            mch_billno=each.mch_billno,
            version=each.version,
            act_name=act_name,
            wishing=wishing,
            remark=remark,
            found_at=now,
            status="open",
            evidence="",
            **told,
        )
        session.execute(made.on_conflict_do_update(index_elements=["mch_billno"], set_=told))


def _look_again(runtime: Runtime) -> int:
    """Ask again about found orders that have no end and no order of ours yet."""
    with runtime.database.reading() as session:
        now = runtime.database.now(session)
        query = select(FoundOrder).where(FoundOrder.next_look_at <= now).order_by(FoundOrder.next_look_at).limit(200)
        due = session.scalars(query).all()
    if not due:
        return 0
    answers = numbers.ask_numbers(runtime, [(each.version, each.mch_billno) for each in due])
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        for place, each in enumerate(due):
            if place in answers.found:
                keep(session, each.thaw_id, [answers.found[place]], now)
            else:
                again = now + (LOOK_AGAIN if now - each.found_at < numbers.MEMORY else numbers.MEMORY)
                changed(session, update(FoundOrder).where(FoundOrder.id == each.id).values(next_look_at=again))
    return len(due)


def _ask_bill_lines(runtime: Runtime, thaw: Thaw) -> int:
    """Numbers of ours in the fund bills that neither the copy nor the asking has found: beyond a gap, or made on no day asked."""
    with runtime.database.reading() as session:
        known = select(FoundOrder.id).where(FoundOrder.mch_billno == BillLine.mch_billno)
        ours = select(Order.id).where(Order.mch_billno == BillLine.mch_billno)
        foreign = select(BillLine.mch_billno).where(
            BillLine.fault.is_not(None),
            BillLine.fault == bill_faults.NOT_OURS,
            BillLine.kind == "outgo",
            BillLine.mch_billno.startswith(runtime.settings.mch_id, autoescape=True),
            ~known.exists(),
            ~ours.exists(),
        )
        versions = numbers.versions(session, runtime.settings)
        lines = [number for number in session.scalars(foreign.limit(200)) if number and _is_due(runtime, number)]
    if not lines:
        return 0
    _asked_lines.update(dict.fromkeys(lines, time.monotonic()))
    asked = [(version, number) for number in lines for version in versions]
    answers = numbers.ask_numbers(runtime, asked)
    with runtime.database.transaction() as session:
        keep(session, thaw.id, answers.found.values(), runtime.database.now(session))
        serials = (plan.serial_of(runtime.settings.mch_id, each.mch_billno) for each in answers.found.values())
        highest = max(serials, default=0)
        pass_serials(session, runtime.settings.mch_id, highest + 1)
    return len(answers.found)


def _is_due(runtime: Runtime, number: str) -> bool:
    """Whether it has the form of our numbers, and was not asked about just now: WeChat may not know it any more."""
    is_ours = plan.NUMBER.fullmatch(number.removeprefix(runtime.settings.mch_id)) is not None
    return is_ours and time.monotonic() - _asked_lines.get(number, -ASK_LINE_AGAIN_S) >= ASK_LINE_AGAIN_S


def awaited_days(session: Session, thaw: Thaw, now: datetime) -> list[str]:
    """Days (YYYYMMDD) that may hold lost payments and whose fund bill was not read; older ones than are fetched do not count."""
    known = set(session.scalars(select(BillDay.day)))
    oldest = shanghai_day(now) - timedelta(days=bill_faults.DAYS_BACK)
    days = numbers.days_between(thaw.known_until, thaw.frozen_at)
    return sorted(f"{day:%Y%m%d}" for day in days if day >= oldest and f"{day:%Y%m%d}" not in known)


def _note_bills(runtime: Runtime, thaw: Thaw) -> int:
    """Once all bills are read and their lines were asked about, nothing waits for them any more."""
    if thaw.bills_read_at is not None or thaw.step == "asking":
        return 0
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        if awaited_days(session, thaw, now):
            return 0
        is_first = (Thaw.id == thaw.id) & Thaw.bills_read_at.is_(None)
        return changed(session, update(Thaw).where(is_first).values(bills_read_at=now))
