"""Forget people who asked WeChat for it, and sweep what is only kept for a while (worker task people.erase).

The openid stays: money was paid to it and the books refer to it (security, privacy). What leaves is what names the person:
the phone, the name, the words written to them.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.orm import Session

from wxbot.db import Base, changed
from wxbot.logs import get_logger
from wxbot.people.models import (
    BINDING_NEXT,
    Binding,
    Follower,
    Notice,
    PersonLanguage,
    RosterFile,
    SmsCode,
    SmsCount,
    SmsOut,
    Withdrawal,
)
from wxbot.runtime import Runtime
from wxbot.transitions import moving

log = get_logger(__name__)

BATCH = 100
FILE_HOURS = 24
COUNT_DAYS = 2


def erase_due(runtime: Runtime) -> int:
    """Carry out what is due; returns how many people were erased."""
    now = runtime.clock.now()
    with runtime.database.reading() as session:
        due = session.scalars(
            select(Withdrawal.openid).where(Withdrawal.erased_at.is_(None)).order_by(Withdrawal.asked_at).limit(BATCH)
        ).all()
        has_old = _has_old(session, now, runtime.settings.keep_texts_days)
    for openid in due:
        with runtime.database.transaction() as session:
            erase(session, openid, now)
        log.info("person_erased")
    if has_old:
        with runtime.database.transaction() as session:
            _sweep(session, now, runtime.settings.keep_texts_days)
    return len(due)


def erase(session: Session, openid: str, now: datetime) -> None:
    """Erase what names this person here; other packages keep openids, amounts and reasons only."""
    gone = {"phone_sealed": "", "phone_index": "", "name": ""}
    ended = moving(Binding, BINDING_NEXT, ("held", "active"), "ended", ended_at=now, end_reason="erased", **gone)
    changed(session, ended.where(Binding.openid == openid))
    changed(session, update(Binding).where(Binding.openid == openid).values(**gone))
    changed(session, update(Notice).where(Notice.openid == openid).values(text="", url=""))
    changed(session, update(Follower).where(Follower.openid == openid).values(scene=""))
    changed(session, delete(PersonLanguage).where(PersonLanguage.openid == openid))
    changed(session, delete(SmsCode).where(SmsCode.openid == openid))
    changed(session, delete(SmsOut).where(SmsOut.openid == openid, SmsOut.status.not_in(("planned", "sending"))))
    changed(session, update(Withdrawal).where(Withdrawal.openid == openid).values(erased_at=now))


def _old(now: datetime, texts_days: int) -> tuple[tuple[type[Base], ColumnElement[bool]], ...]:
    texts = [(SmsOut, SmsOut.created_at < now - timedelta(days=texts_days))] if texts_days else []
    return (
        *texts,
        (SmsCode, SmsCode.expires_at < now - timedelta(days=1)),
        (SmsCount, SmsCount.began_at < now - timedelta(days=COUNT_DAYS)),
        (
            RosterFile,
            or_(RosterFile.imported_at.is_not(None), RosterFile.created_at < now - timedelta(hours=FILE_HOURS)),
        ),
    )


def _has_old(session: Session, now: datetime, texts_days: int) -> bool:
    found = (
        session.scalar(select(1).select_from(model).where(is_old).limit(1)) for model, is_old in _old(now, texts_days)
    )
    return any(found)


def _sweep(session: Session, now: datetime, texts_days: int) -> None:
    """Delete what has done its work: it holds sealed phones, and nothing refers to it."""
    for model, is_old in _old(now, texts_days):
        changed(session, delete(model).where(is_old))
