"""How dialogues end without their person: they left, staff ended it, time ran out, or the process died in the middle."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, or_, select, tuple_, update
from sqlalchemy.orm import Session

from wxbot.db import changed
from wxbot.logs import get_logger
from wxbot.people import languages, notices
from wxbot.replies.dialogues import actions
from wxbot.replies.dialogues.definitions import DIALOGUES
from wxbot.replies.dialogues.engine import ERRAND, change
from wxbot.replies.dialogues.words import FAILED, SUBMITTED_LATE
from wxbot.replies.models import Dialogue
from wxbot.runtime import Runtime

FORGOTTEN = timedelta(days=1)
"""An expired dialogue is told about when the person writes within this time, then silently ended."""

log = get_logger(__name__)


def end(session: Session, openid: str, now: datetime, created_unix: int = 0) -> bool:
    """End a person's dialogue without a word (they left, or staff ended it), in the caller's transaction.

    With `created_unix` an event that is older than the newest message applied ends nothing.
    """
    guarded = update(Dialogue).where(Dialogue.openid == openid, Dialogue.step != "")
    if created_unix:
        guarded = guarded.where(Dialogue.message_unix <= created_unix)
    values: dict[str, Any] = {"step": "", "answers": {}, "touched_at": now, "version": Dialogue.version + 1}
    return changed(session, guarded.values(values)) > 0


def forget(session: Session, openid: str) -> bool:
    """Delete all that is known of a person's dialogues, for those who asked to be forgotten."""
    return changed(session, delete(Dialogue).where(Dialogue.openid == openid)) > 0


def sweep(runtime: Runtime, limit: int = 200) -> int:
    """End what ran out: photos that wait for 完成 are submitted, dead errands apologise, the rest is dropped after a day."""
    now = runtime.clock.now()
    lost = now - ERRAND
    finishing = [
        (each.name, step.name) for each in DIALOGUES.values() for step in each.steps if step.at_timeout == "finish"
    ]
    is_due = or_(
        Dialogue.expires_at <= now - FORGOTTEN,
        and_(Dialogue.expires_at <= now, tuple_(Dialogue.name, Dialogue.step).in_(finishing)),
        and_(Dialogue.words == "", Dialogue.touched_at < lost),
    )
    with runtime.database.reading() as session:
        query = select(Dialogue.openid, Dialogue.version).where(Dialogue.step != "", is_due)
        due = session.execute(query.order_by(Dialogue.expires_at).limit(limit)).all()
    done = 0
    for openid, version in due:
        try:
            with runtime.database.transaction() as session:
                row = session.scalar(select(Dialogue).where(Dialogue.openid == openid).with_for_update())
                done += row is not None and row.version == version and _end_due(session, runtime, row, now)
        except Exception:
            log.exception("dialogue_sweep_failed")
    return done


def _end_due(session: Session, runtime: Runtime, row: Dialogue, now: datetime) -> bool:
    declared = DIALOGUES.get(row.name)
    step = next((each for each in declared.steps if each.name == row.step), None) if declared else None
    if step is None:  # written by another version of wxbot
        return end(session, row.openid, now)
    if not row.words:
        key = row.messages[-1] if row.messages else f"version:{row.version}"
        notices.tell(session, row.openid, "dialogue", key, FAILED, now=now)
        spoken = FAILED.within(languages.of(session, row.openid))
        return change(session, row.openid, row.version, {"words": spoken, "is_late": False, "touched_at": now})
    if step.at_timeout == "finish" and row.answers.get(step.name):
        worked = actions.INSIDE[step.work](session, runtime, row.openid, row.answers, now)
        said = SUBMITTED_LATE.format(n=len(row.answers[step.name])) if worked.keep else worked.words
        notices.tell(session, row.openid, "dialogue", f"timeout:{row.openid[-12:]}:{row.version}", said, now=now)
        return end(session, row.openid, now)
    return end(session, row.openid, now)
