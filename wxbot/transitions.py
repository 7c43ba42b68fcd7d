"""Guarded status changes: the one way a row moves from one status to the next."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from wxbot.db import changed

Transitions = Mapping[str, frozenset[str]]


class NotAllowed(ValueError):
    """A status change that is not in the table of allowed transitions: a bug of ours."""


def move(
    session: Session, model: Any, row_id: Any, allowed: Transitions, before: str, after: str, **values: Any
) -> bool:
    """`UPDATE … SET status = after WHERE id = row_id AND status = before`; True when this call moved the row.

    False means that someone else moved it first: the caller then has nothing to do. Raises NotAllowed when the
    model's table of transitions does not know the step.
    """
    if after not in allowed.get(before, frozenset()):
        raise NotAllowed(f"{model.__tablename__}: {before} → {after}")
    statement = update(model).where(model.id == row_id, model.status == before).values(status=after, **values)
    return changed(session, statement) > 0
