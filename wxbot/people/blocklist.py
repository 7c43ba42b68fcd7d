"""Openids that may not draw."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from wxbot.db import changed
from wxbot.people.models import Block


def block(session: Session, openid: str, reason: str, staff_id: int, now: datetime) -> None:
    """Refuse further draws of this openid; blocking again replaces the reason. Money already bound stays theirs."""
    session.merge(Block(openid=openid, reason=reason[:200], staff_id=staff_id, created_at=now))


def unblock(session: Session, openid: str) -> bool:
    """Let this openid draw again; False when it was not blocked."""
    return bool(changed(session, delete(Block).where(Block.openid == openid)))


def is_blocked(session: Session, openid: str) -> bool:
    """Whether this openid may not draw."""
    return session.scalar(select(Block.openid).where(Block.openid == openid)) is not None


def list_blocks(session: Session, limit: int = 200, after: str = "") -> Sequence[Block]:
    """Blocked openids in order of the openid, a page at a time."""
    return session.scalars(select(Block).where(Block.openid > after).order_by(Block.openid).limit(limit)).all()
