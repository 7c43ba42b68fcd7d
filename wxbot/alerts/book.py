"""Who was told of what: a condition is told once, reminded of rarely, and its end is told; several workers tell it once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from wxbot.alerts.conditions import Condition
from wxbot.alerts.models import Alert
from wxbot.db import changed, insert_into

SETTLE = timedelta(minutes=2)
"""A condition is over when it was not seen for this long: what comes and goes is one condition, told once."""

LEASE = timedelta(minutes=1)
"""So long a worker may take to tell; then another one tries."""

KEEP = timedelta(days=30)

What = Literal["begun", "still", "over"]


@dataclass(frozen=True)
class Telling:
    """One line of a message, claimed by this worker."""

    key: str
    what: What
    text: str
    path: str
    since: datetime


def keep(session: Session, found: Sequence[Condition], now: datetime, *, only: str = "", without: str = "") -> None:
    """Write down what is wrong now, and that what is not among it is over. `only` and `without` name the kind that this
    looker looks at, or does not."""
    for each in found:
        row = {"kind": each.kind, "text": each.text[:400], "path": each.path[:100], "seen_at": now}
        statement = insert_into(session, Alert).values(key=each.key, since=now, is_over_told=False, tellings=0, **row)
        session.execute(statement.on_conflict_do_update(index_elements=["key"], set_=row))
        again = {
            "since": now,
            "over_at": None,
            "told_at": None,
            "is_over_told": False,
            "tellings": 0,
            "lease_until": None,
        }
        changed(session, update(Alert).where(Alert.key == each.key, Alert.over_at.is_not(None)).values(**again))
    mine = Alert.kind == only if only else Alert.kind != without
    gone = and_(mine, Alert.over_at.is_(None), Alert.seen_at < now - SETTLE)
    changed(session, update(Alert).where(gone).values(over_at=now, lease_until=None))
    old = select(Alert).where(Alert.over_at < now - KEEP)
    for alert in session.scalars(old):
        session.delete(alert)


def claim(session: Session, now: datetime, remind: timedelta) -> list[Telling]:
    """Everything that is to be told now, each line by one worker alone until its lease ends."""
    claimed = []
    for alert in session.scalars(select(Alert).where(_is_due(now, remind)).order_by(Alert.since, Alert.key)).all():
        taken = update(Alert).where(Alert.key == alert.key, _is_due(now, remind)).values(lease_until=now + LEASE)
        if changed(session, taken):
            what: What = "over" if alert.over_at else ("still" if alert.told_at else "begun")
            claimed.append(Telling(alert.key, what, alert.text, alert.path, alert.since))
    return claimed


def _is_due(now: datetime, remind: timedelta) -> ColumnElement[bool]:
    """Not yet told, told long ago and still wrong, or over without a word; what was over before anybody was told is not."""
    is_free = or_(Alert.lease_until.is_(None), Alert.lease_until <= now)
    is_wrong = and_(Alert.over_at.is_(None), or_(Alert.told_at.is_(None), Alert.told_at <= now - remind))
    is_over = and_(Alert.over_at.is_not(None), Alert.told_at.is_not(None), Alert.is_over_told.is_(False))
    return and_(is_free, or_(is_wrong, is_over))


def note_told(session: Session, tellings: Sequence[Telling], now: datetime) -> None:
    """These were told; a telling that reached nobody is not noted and tried again when its lease ends."""
    for telling in tellings:
        values = {"is_over_told": True} if telling.what == "over" else {"told_at": now, "tellings": Alert.tellings + 1}
        changed(session, update(Alert).where(Alert.key == telling.key).values(lease_until=None, **values))


def current(session: Session) -> Sequence[Alert]:
    """What is wrong now, the longest first."""
    return session.scalars(select(Alert).where(Alert.over_at.is_(None)).order_by(Alert.since, Alert.key)).all()


def lately(session: Session, limit: int = 20) -> Sequence[Alert]:
    """What was wrong and is over, the newest first."""
    query = select(Alert).where(Alert.over_at.is_not(None)).order_by(Alert.over_at.desc(), Alert.key).limit(limit)
    return session.scalars(query).all()
