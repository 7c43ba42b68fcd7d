"""What a reviewer decided and can still undo: a row that is due in five seconds, carried out by the worker (money F01, F77).

The voucher stays claimed without an end: nobody else takes it, and it is on no desk. Whoever closes the page loses nothing, and
a worker that dies leaves the row to the next one. Undo deletes the row while it is not due; the worker takes it only
when it is: one of the two has it. Who decided is asked again for their role and their account when it is carried out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from wxbot.db import changed
from wxbot.logs import get_logger
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.staff import audit
from wxbot.staff.audit import Actor
from wxbot.staff.models import Staff
from wxbot.text import Refusal, Text
from wxbot.vouchers import review
from wxbot.vouchers.models import FAULT_CHARS, Voucher, VoucherDecision, VoucherVerb

UNDO = timedelta(seconds=5)
"""How long a decision can be taken back."""

BATCH = 200
TOLD_FOR = timedelta(hours=1)
"""How long the desk says that a decision could not be carried out."""

NO_LONGER = Text("这位审核员已停用或不再是审核员。", "This reviewer was disabled or is no reviewer any more.")
TOO_LATE = Text("已经执行，不能撤销了。", "It has been carried out and cannot be undone.")

ACTIONS: dict[VoucherVerb, str] = {
    "approve": "voucher_approve",
    "bulk": "voucher_approve",
    "reject": "voucher_reject",
    "photo": "voucher_photo",
}
"""How the audit log names what was decided."""

log = get_logger(__name__)


@dataclass(frozen=True)
class ReviewAction:
    """What a reviewer wants done with a voucher as they saw it: agree to an amount, alone or with others, or say no with a reason."""

    voucher_id: int
    verb: VoucherVerb
    version: int
    amount_fen: int = 0
    reason: str = ""
    content: str | None = None
    """The hash of what the reviewer was shown, where they agree."""


def decide(session: Session, settings: Settings, action: ReviewAction, actor: Actor, now: datetime) -> None:
    """Note a decision, due in UNDO, after it was tried and taken back: what would be refused then is refused now. Raises Refusal."""
    staff_id = review.staff_id_of(actor)
    attempt = session.begin_nested()
    try:
        _carry_out(session, settings, action, actor, now)
    finally:
        attempt.rollback()
    if not review.claim(session, action.voucher_id, staff_id, now):
        raise Refusal("gone", review.REFUSALS["gone"])
    _set_lease(session, action.voucher_id, None)
    changed(session, delete(VoucherDecision).where(VoucherDecision.voucher_id == action.voucher_id))  # told by now
    session.add(
        VoucherDecision(
            voucher_id=action.voucher_id,
            verb=action.verb,
            amount_fen=action.amount_fen,
            reason=action.reason[: review.REASON_CHARS],
            version=action.version,
            content_sha256=action.content,
            staff_id=staff_id,
            ip=actor.ip,
            decided_at=now,
            due_at=now + UNDO,
        )
    )


def decide_many(
    runtime: Runtime, actor: Actor, chosen: Sequence[tuple[int, int, str | None]], now: datetime
) -> tuple[list[int], list[tuple[int, Refusal]]]:
    """Agree to vouchers as (id, version, hash of what was shown) at the amount asked, each by itself.

    Returns which, and who was left out with the reason: what is above `bulk_approve_fen`, what looks like another photo
    at this moment (not only when it came in), and what somebody else has taken. When it is due this is asked once more.
    """
    noted: list[int] = []
    left: list[tuple[int, Refusal]] = []
    for voucher_id, version, content in chosen[: review.BULK_AT_MOST]:
        try:
            with runtime.database.transaction() as session:
                decide(
                    session, runtime.settings, ReviewAction(voucher_id, "bulk", version, content=content), actor, now
                )
                noted.append(voucher_id)
        except Refusal as refused:
            left.append((voucher_id, refused))
    return noted, left


def _carry_out(session: Session, settings: Settings, action: ReviewAction, actor: Actor, now: datetime) -> None:
    at = (session, settings, action.voucher_id, actor)
    match action.verb:
        case "approve":
            review.approve(*at, action.amount_fen, action.version, now, seen=action.content)
        case "bulk":
            review.approve_with_others(*at, action.version, now, seen=action.content)
        case "reject":
            review.reject(*at, action.reason, action.version, now)
        case "photo":
            review.want_photo(*at, action.reason, action.version, now)


def _set_lease(session: Session, voucher_id: int, until: datetime | None) -> None:
    changed(session, update(Voucher).where(Voucher.id == voucher_id).values(claimed_until=until))


# --- while it can be undone ---------------------------------------------------------------------------------------


def of_reviewer(session: Session, staff_id: int, now: datetime) -> Sequence[VoucherDecision]:
    """What a reviewer can still undo, and what of theirs could not be carried out; the newest first."""
    query = select(VoucherDecision).where(
        VoucherDecision.staff_id == staff_id, (VoucherDecision.due_at > now) | (VoucherDecision.fault != "")
    )
    return session.scalars(query.order_by(VoucherDecision.decided_at.desc()).limit(review.BULK_AT_MOST)).all()


def undo(session: Session, voucher_ids: Sequence[int], actor: Actor, now: datetime) -> list[int]:
    """Take own decisions back that are not due yet; returns which. A single one is on the desk again, many go into the queue."""
    staff_id = review.staff_id_of(actor)
    undone = [voucher_id for voucher_id in voucher_ids if _take_back(session, voucher_id, staff_id, now)]
    for voucher_id in undone:
        _set_lease(session, voucher_id, now + review.LEASE)
        if len(voucher_ids) > 1:
            review.release(session, voucher_id, staff_id)
        audit.record(session, actor, "voucher_undo", f"voucher:{voucher_id}", now)
    return undone


def _take_back(session: Session, voucher_id: int, staff_id: int, now: datetime) -> bool:
    mine = delete(VoucherDecision).where(
        VoucherDecision.voucher_id == voucher_id,
        VoucherDecision.staff_id == staff_id,
        VoucherDecision.due_at > now,
        VoucherDecision.fault == "",
    )
    return changed(session, mine) > 0


# --- when it is due -----------------------------------------------------------------------------------------------


def carry_out_due(runtime: Runtime) -> int:
    """Carry out what is due, each in one transaction; returns how many. One that fails does not keep the others waiting."""
    now = runtime.clock.now()
    with runtime.database.reading() as session:
        due = select(VoucherDecision.voucher_id).where(VoucherDecision.due_at <= now, VoucherDecision.fault == "")
        ids = session.scalars(due.order_by(VoucherDecision.due_at).limit(BATCH)).all()
        is_old = session.scalar(select(VoucherDecision.voucher_id).where(_told_long_ago(now)).limit(1)) is not None
    if is_old:
        with runtime.database.transaction() as session:
            changed(session, delete(VoucherDecision).where(_told_long_ago(now)))
    done = 0
    for voucher_id in ids:
        try:
            with runtime.database.transaction() as session:
                done += _carry_out_one(session, runtime.settings, voucher_id, now)
        except Exception:
            log.exception("decision_failed", voucher_id=voucher_id)
    return done


def _told_long_ago(now: datetime) -> ColumnElement[bool]:
    return (VoucherDecision.fault != "") & (VoucherDecision.due_at < now - TOLD_FOR)


def _carry_out_one(session: Session, settings: Settings, voucher_id: int, now: datetime) -> int:
    query = select(VoucherDecision).where(VoucherDecision.voucher_id == voucher_id, VoucherDecision.fault == "")
    decision = session.scalar(query.where(VoucherDecision.due_at <= now).with_for_update(skip_locked=True))
    if decision is None:
        return 0
    staff = session.get_one(Staff, decision.staff_id, with_for_update=True, populate_existing=True)
    actor = Actor(staff.id, staff.login, decision.ip)
    action = ReviewAction(
        voucher_id, decision.verb, decision.version, decision.amount_fen, decision.reason, decision.content_sha256
    )
    attempt = session.begin_nested()
    try:
        if not staff.is_active or staff.role != "reviewer":
            raise Refusal("role", NO_LONGER)
        _set_lease(session, voucher_id, now + review.LEASE)
        _carry_out(session, settings, action, actor, now)
        attempt.commit()
    except Refusal as refused:
        attempt.rollback()
        _put_back(session, action, actor, refused, now)
        return 1
    changed(session, delete(VoucherDecision).where(VoucherDecision.voucher_id == voucher_id))
    return 1


def _put_back(session: Session, action: ReviewAction, actor: Actor, refused: Refusal, now: datetime) -> None:
    """What was right five seconds ago is not any more: back into the queue, and whoever decided is told."""
    _set_lease(session, action.voucher_id, now)
    review.release(session, action.voucher_id, review.staff_id_of(actor))
    words = {"fault": refused.text.zh[:FAULT_CHARS], "fault_en": refused.text.en[:FAULT_CHARS]}
    changed(session, update(VoucherDecision).where(VoucherDecision.voucher_id == action.voucher_id).values(words))
    target, detail = f"voucher:{action.voucher_id}", {"reason": refused.reason}
    audit.record(session, actor, ACTIONS[action.verb], target, now, outcome="refused", detail=detail)
