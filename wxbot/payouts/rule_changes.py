"""Rules for who may get how much: a month's limit, whether a phone must be bound, what a kind of voucher is worth.

They decide over money as a budget does, so they change as one: a cashier asks, nothing changes, a second cashier agrees to
exactly what the page shows (I16, money rule 14, security S56). A subject is the row of a programme or of a kind of voucher.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from wxbot import approval
from wxbot.payouts.models import CHANGE_NEXT, RuleChange, RuledBy
from wxbot.text import Refusal, Text
from wxbot.transitions import move, moved_on

OWN = Text("不能批准自己提出的规则修改", "You asked for this change of the rules")


def row_shown(subject: Any) -> dict[str, Any]:
    """Everything that stands in a row, but moments: what an agreement about it is bound to."""
    values = {each.key: getattr(subject, each.key) for each in inspect(type(subject)).column_attrs}
    return {name: value for name, value in values.items() if not isinstance(value, datetime)}


def content_of(change: RuleChange, subject: Any) -> str:
    """The hash of all that a second person agrees to: what is asked, and the subject as it stands."""
    asked = [change.id, change.requested_by, change.asked]
    return approval.content_hash({"asked": asked, change.subject_kind: row_shown(subject)})


def differing(subject: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `values` that the subject does not have."""
    return {name: value for name, value in values.items() if getattr(subject, name) != value}


def open_one(session: Session, subject_kind: RuledBy, subject_id: int) -> RuleChange | None:
    """What waits for a second person; one at a time."""
    query = select(RuleChange).where(
        RuleChange.subject_kind == subject_kind,
        RuleChange.subject_id == subject_id,
        RuleChange.status == "requested",
    )
    return session.scalar(query)


def open_for(session: Session, subject_kind: RuledBy) -> Collection[int]:
    """Ids of the subjects whose rules somebody wants to change."""
    query = select(RuleChange.subject_id).where(
        RuleChange.subject_kind == subject_kind, RuleChange.status == "requested"
    )
    return session.scalars(query).all()


def ask(
    session: Session, subject_kind: RuledBy, subject_id: int, asked: Mapping[str, Any], staff_id: int, now: datetime
) -> RuleChange:
    """Ask for other rules. The caller holds the subject's row. Raises Refusal while another change of it waits."""
    if open_one(session, subject_kind, subject_id) is not None:
        raise Refusal(
            "waiting",
            Text(
                "已有一项规则修改等待批准，请先批准或撤回它",
                "A change of its rules waits already; have it approved or take it back first",
            ),
        )
    change = RuleChange(
        subject_kind=subject_kind,
        subject_id=subject_id,
        asked=dict(asked),
        status="requested",
        requested_by=staff_id,
        requested_at=now,
    )
    session.add(change)
    session.flush()
    return change


def waiting(session: Session, change_id: int, subject_kind: RuledBy) -> RuleChange:
    """A change that may be decided. Raises Refusal."""
    change = session.get(RuleChange, change_id, with_for_update=True)
    if change is None or change.subject_kind != subject_kind:
        raise Refusal("absent", Text("没有这项规则修改", "There is no such change of the rules"))
    if change.status != "requested":
        raise moved_on()
    return change


def approve(
    session: Session, change: RuleChange, subject: Any, staff_id: int, seen_sha256: str, now: datetime
) -> dict[str, list[Any]]:
    """The second person agrees to what they were shown: the rules are the asked ones from now on. Raises Refusal.

    `subject` is held by the caller. Returns column → [before, after].
    """
    agree(session, change, content_of(change, subject), staff_id, seen_sha256, now)
    before_after = {name: [getattr(subject, name), value] for name, value in change.asked.items()}
    for name, value in change.asked.items():
        setattr(subject, name, value)
    subject.updated_at = now
    return before_after


def agree(
    session: Session, change: RuleChange, content_sha256: str, staff_id: int, seen_sha256: str, now: datetime
) -> None:
    """The second person agrees to what they were shown, if that is still what it is: `content_sha256`. Raises Refusal."""
    require_approvable(session, change, staff_id, now)
    approval.require_unchanged(content_sha256, seen_sha256, changed=approval.LOOK_AGAIN)
    _decide(session, change, "approved", staff_id, now, content_sha256=seen_sha256)


def require_approvable(session: Session, change: RuleChange, staff_id: int, now: datetime) -> None:
    """Raise Refusal when this person cannot agree to the change: what the button asks before it is offered, too."""
    approval.require_second(session, staff_id, [change.requested_by], OWN, now)


def refuse(session: Session, change: RuleChange, staff_id: int, now: datetime) -> None:
    """Say no, or take one's own request back."""
    _decide(session, change, "refused", staff_id, now)


def _decide(
    session: Session, change: RuleChange, status: Any, staff_id: int, now: datetime, **values: str | None
) -> None:
    if not move(
        session, RuleChange, change.id, CHANGE_NEXT, "requested", status, decided_by=staff_id, decided_at=now, **values
    ):
        raise moved_on()
