"""Signing in and out: lock-out, and sessions that live on the server so that they can be ended at once (S23, S26, S54)."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, or_, select, update
from sqlalchemy.orm import Session

from wxbot import typed
from wxbot.db import Database
from wxbot.staff import passwords
from wxbot.staff.models import Staff, StaffSession

FAILURES_MAX = 10
LOCKED_FOR = timedelta(minutes=30)
TOKEN_BYTES = 32


class SignInRefused(Exception):
    """Wrong login, wrong password, locked or disabled: outside, all look the same. `staff_id` is for the audit log."""

    def __init__(self, staff_id: int | None, is_locked: bool = False) -> None:
        super().__init__("the sign-in was refused")
        self.staff_id, self.is_locked = staff_id, is_locked


@dataclass(frozen=True)
class SignedIn:
    """Who sits at the browser of this request; what Flask-Login asks for is here too."""

    id: int
    login: str
    name: str
    role: str
    locale: str
    token_hash: str
    is_password_temporary: bool
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """Flask-Login's name for the id."""
        return str(self.id)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def normal_login(text: str) -> str:
    """A login as it is stored: without outer blanks, in small letters."""
    return typed.bare(text).casefold()[:40]


def _count_attempt(session: Session, staff_id: int, now: datetime) -> bool:
    """Count the attempt before the password is looked at; False when the account is locked.

    Counting first means that a thousand guesses at once still get only ten looks.
    """
    is_over = Staff.locked_until <= now
    failures = case((is_over, 1), else_=Staff.failures + 1)
    statement = (
        update(Staff)
        .where(Staff.id == staff_id, or_(Staff.locked_until.is_(None), is_over))
        .values(
            failures=failures,
            locked_until=case((is_over, None), (Staff.failures + 1 >= FAILURES_MAX, now + LOCKED_FOR), else_=None),
        )
        .execution_options(synchronize_session=False)
    )
    result: Any = session.execute(statement)
    return bool(result.rowcount)


def sign_in(
    database: Database, login: str, password: str, now: datetime, *, hours: int, ip: str = "", user_agent: str = ""
) -> tuple[int, str]:
    """(staff id, token for the cookie) of a new session. Raises SignInRefused, after the same time in every case."""
    with database.transaction() as session:
        row = session.execute(
            select(Staff.id, Staff.password_hash, Staff.is_active).where(Staff.login == normal_login(login))
        ).one_or_none()
        may_look = row is not None and _count_attempt(session, row.id, now) and row.is_active
    is_right = passwords.matches(row.password_hash if row is not None and may_look else None, password)
    if row is None or not is_right:
        raise SignInRefused(row.id if row else None, is_locked=row is not None and row.is_active and not may_look)
    with database.transaction() as session:
        session.execute(
            update(Staff)
            .where(Staff.id == row.id)
            .values(failures=0, locked_until=None)
            .execution_options(synchronize_session=False)
        )
        return row.id, open_session(session, row.id, now, hours=hours, ip=ip, user_agent=user_agent)


def open_session(
    session: Session, staff_id: int, now: datetime, *, hours: int, ip: str = "", user_agent: str = ""
) -> str:
    """Make a session inside the caller's transaction; returns the token, of which only the hash is kept."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session.execute(delete(StaffSession).where(StaffSession.expires_at <= now))
    session.add(
        StaffSession(
            token_hash=_hash(token),
            staff_id=staff_id,
            created_at=now,
            expires_at=now + timedelta(hours=hours),
            ip=ip[:45],
            user_agent=user_agent[:200],
        )
    )
    return token


def signed_in(database: Database, token: str, now: datetime) -> SignedIn | None:
    """Whose session the token is; None when there is none, it is over, or the person is disabled."""
    if not 20 <= len(token) <= 100:
        return None
    with database.reading() as session:
        row = session.execute(
            select(Staff, StaffSession.token_hash)
            .join(StaffSession, StaffSession.staff_id == Staff.id)
            .where(StaffSession.token_hash == _hash(token), StaffSession.expires_at > now, Staff.is_active)
        ).one_or_none()
    if row is None:
        return None
    staff = row[0]
    return SignedIn(staff.id, staff.login, staff.name, staff.role, staff.locale, row[1], staff.is_password_temporary)


def may_still(session: Session, person: SignedIn, roles: Collection[str], now: datetime) -> bool:
    """Whether this session has not been ended, and its person is active in one of these roles.

    Asked in the transaction that has the effect, it holds until that ends: whoever disables the person waits so long. The
    lock is no shared one, so that one person's requests stand in one queue and the disabling is not overtaken for ever.
    """
    query = select(Staff.role).join(StaffSession, StaffSession.staff_id == Staff.id)
    theirs = query.where(StaffSession.token_hash == person.token_hash, StaffSession.expires_at > now, Staff.is_active)
    return session.scalar(theirs.with_for_update(key_share=True, of=Staff)) in roles


def sign_out(database: Database, token_hash: str) -> None:
    """End one session."""
    with database.transaction() as session:
        session.execute(delete(StaffSession).where(StaffSession.token_hash == token_hash))


def end_sessions(session: Session, staff_id: int) -> int:
    """End all sessions of a person inside the caller's transaction; returns how many there were."""
    result: Any = session.execute(delete(StaffSession).where(StaffSession.staff_id == staff_id))
    return int(result.rowcount)
