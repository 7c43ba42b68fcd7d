"""Guarded status changes: the one way a row moves from one status to the next.

The statuses of a table are a `Literal` of its models.py, and its table of transitions is of that type: a status that does not
exist is an error of the type checker, in a comparison and in a move.
"""

from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from sqlalchemy import CheckConstraint, Update, update
from sqlalchemy.orm import Session

from wxbot.db import changed
from wxbot.text import Refusal, Text

Status = TypeVar("Status", bound=str)

Transitions = Mapping[Status, frozenset[Status]]


def one_of(column: str, values: Any, name: str = "") -> CheckConstraint:
    """The CHECK, named like its column if nothing else is said, that holds it to the values of a Literal or to the keys of a table."""
    listed = ", ".join(f"'{value}'" for value in get_args(values) or values)
    return CheckConstraint(f"{column} IN ({listed})", name=name or column)


class NotAllowed(ValueError):
    """A status change that is not in the table of allowed transitions: a bug of ours."""


def require(model: Any, allowed: Transitions[Status], before: Status, after: Status) -> None:
    """Raise NotAllowed when the model's table of transitions does not know the step."""
    if after not in allowed.get(before, frozenset()):
        raise NotAllowed(f"{model.__tablename__}: {before} → {after}")


def moving(
    model: Any, allowed: Transitions[Status], before: tuple[Status, ...], after: Status, **values: Any
) -> Update:
    """`UPDATE … SET status = after WHERE status IN before`: the caller narrows it to its rows, many or one. Raises NotAllowed."""
    for each in before:
        require(model, allowed, each, after)
    is_before = model.status == before[0] if len(before) == 1 else model.status.in_(before)
    return update(model).where(is_before).values(status=after, **values)


def move(
    session: Session,
    model: Any,
    row_id: Any,
    allowed: Transitions[Status],
    before: Status,
    after: Status,
    **values: Any,
) -> bool:
    """Move one row; True when this call moved it.

    False means that someone else moved it first: the caller then has nothing to do. Raises NotAllowed.
    """
    return changed(session, moving(model, allowed, (before,), after, **values).where(model.id == row_id)) > 0


def moved_on() -> Refusal:
    """The refusal when somebody else was faster, or the page is old."""
    text = Text("状态已经变化，请刷新页面后再试", "The status has changed by now; reload the page and look again")
    return Refusal("status", text)
