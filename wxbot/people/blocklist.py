"""Openids that may not draw nor be paid: the draws' quick way into the marks."""

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from wxbot.db import changed
from wxbot.people import marks
from wxbot.people.models import PersonMark
from wxbot.vault import Vault


def block(session: Session, vault: Vault, openid: str, reason: str, staff_id: int | None, now: datetime) -> None:
    """Refuse further draws and payouts of this openid; blocking again replaces the reason. Money already bound stays theirs."""
    marks.put(session, vault, "block", "openid", openid, reason[: marks.REASON_CHARS], staff_id, now)


def unblock(session: Session, openid: str) -> bool:
    """Let this openid draw again; False when it was not blocked."""
    gone = delete(PersonMark).where(
        PersonMark.mark == "block", PersonMark.kind == "openid", PersonMark.subject == openid
    )
    return bool(changed(session, gone))


def is_blocked(session: Session, openid: str) -> bool:
    """Whether this person may not draw: blocked by openid, or by the phone bound to it."""
    return marks.is_blocked(session, openid)
