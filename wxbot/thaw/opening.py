"""Opening a thawed database, and releasing single payouts before the last fund bill is there: two cashiers each time."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from wxbot import approval, lineage
from wxbot.db import changed
from wxbot.hall import gaps as hall_gaps
from wxbot.instant import gaps
from wxbot.orders import found
from wxbot.orders.found import Thaw
from wxbot.payouts.models import Payout, Release
from wxbot.runtime import Runtime
from wxbot.staff import accounts, audit
from wxbot.staff.audit import Actor
from wxbot.text import Refusal, Text
from wxbot.thaw.judge import EVIDENCE_MAX, OWN
from wxbot.transitions import moved_on


def _ready(session: Session) -> Thaw:
    """The thaw that may be opened, locked. Raises Refusal."""
    thaw = session.scalar(select(Thaw).where(Thaw.step != "opened").order_by(Thaw.id.desc()).with_for_update().limit(1))
    if thaw is None or not lineage.is_frozen(session):
        raise Refusal("not_frozen", Text("数据库没有冻结", "The database is not frozen"))
    if thaw.step == "asking":
        raise Refusal(
            "asking",
            Text(
                "还在向微信查询副本之后的单号，查完才能解冻",
                "WeChat is still being asked about the numbers since the copy; open it when that is done",
            ),
        )
    return thaw


def ask(runtime: Runtime, actor: Actor, now: datetime) -> None:
    """One cashier wants the database opened. Raises Refusal."""
    with runtime.database.transaction() as session:
        staff_id = accounts.require_cashier(session, actor)
        thaw = _ready(session)
        thaw.open_asked_by, thaw.open_asked_at = staff_id, now
        audit.record(session, actor, "thaw_ask", f"thaw:{thaw.id}", now)


def confirm(runtime: Runtime, actor: Actor, now: datetime) -> None:
    """A second cashier agrees: sending goes on. What a found order or a missing bill holds stays held. Raises Refusal."""
    with runtime.database.transaction() as session:
        staff_id = accounts.require_cashier(session, actor)
        thaw = _ready(session)
        if thaw.open_asked_by is None:
            raise moved_on()
        approval.require_second(session, staff_id, [thaw.open_asked_by], OWN, now)
        thaw.step, thaw.opened_by, thaw.opened_at = "opened", staff_id, now
        audit.record(session, actor, "thaw_open", f"thaw:{thaw.id}", now)
        database_id = lineage.found(session).database_id
        session.flush()
        lineage.open_again(session)
        gaps.leap(session, "thawed", now)
        halls = hall_gaps.leap(session, "thawed", now)
    lineage.repeat(runtime, database_id)
    hall_gaps.tell(runtime, halls)


def release(runtime: Runtime, payout_ids: Collection[int], evidence: str, actor: Actor, now: datetime) -> int:
    """One cashier wants these payouts paid before the bill is there, and says how it is known that they were not paid;
    returns how many. Raises Refusal."""
    evidence = approval.require_evidence(evidence, EVIDENCE_MAX)
    with runtime.database.transaction() as session:
        staff_id = accounts.require_cashier(session, actor)
        known = set(session.scalars(select(Release.payout_id).where(Release.payout_id.in_(payout_ids))))
        is_owed = Payout.id.in_(set(payout_ids) - known) & Payout.status.in_(("requested", "approved"))
        owed = session.scalars(select(Payout.id).where(is_owed)).all()
        if not owed or found.awaited_bills(session) is None:
            raise moved_on()
        for payout_id in owed:
            session.add(Release(payout_id=payout_id, evidence=evidence, asked_by=staff_id, asked_at=now))
            audit.record(session, actor, "payout_release", f"payout:{payout_id}", now)
    return len(owed)


def confirm_release(runtime: Runtime, payout_id: int, actor: Actor, now: datetime) -> None:
    """A second cashier agrees: this payout waits for the bill no longer. Raises Refusal."""
    with runtime.database.transaction() as session:
        staff_id = accounts.require_cashier(session, actor)
        asked = session.scalar(select(Release).where(Release.payout_id == payout_id).with_for_update())
        if asked is None or asked.decided_by is not None:
            raise moved_on()
        approval.require_second(session, staff_id, [asked.asked_by], OWN, now)
        asked.decided_by, asked.decided_at = staff_id, now
        is_waiting = (Payout.id == payout_id) & (Payout.status == "approved")
        changed(session, update(Payout).where(is_waiting).values(due_at=now))
        audit.record(session, actor, "payout_release_confirm", f"payout:{payout_id}", now)
