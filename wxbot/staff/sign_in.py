"""Signing in and out: counted tries, and sessions that live on the server so that they can be ended at once (S23, S26, S54)."""

import hashlib
import secrets
from collections.abc import Collection, Container
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, or_, select
from sqlalchemy.orm import Session

from wxbot import addresses, quotas, typed
from wxbot.db import Database
from wxbot.staff import passwords
from wxbot.staff.models import Staff, StaffSession

LOOKS_PER_ADDRESS = 10
LOOKS_OF_STRANGERS = 100
"""Tries at one account in a WINDOW: from one address, and from all browsers together in which its person never signed in."""

WINDOW = timedelta(minutes=30)
TRIES = "sign_in:"
"""The counts of tries are called `sign_in:<login>:<address>`, with a `+` for known browsers, and `sign_in:<login>:*` for all strangers."""

TOKEN_BYTES = 32
CODE_LIFE = timedelta(minutes=10)
"""How long the page waits for the code of who has typed the right password."""


class SignInRefused(Exception):
    """Wrong login, wrong password, too many tries or disabled: outside, all of one address look the same.

    `staff_id` is for the audit log. With `is_too_often` nothing was looked at; with `is_ended` the password was right, and
    it was a temporary one that nobody used in time.
    """

    def __init__(self, staff_id: int | None = None, *, is_too_often: bool = False, is_ended: bool = False) -> None:
        super().__init__("the sign-in was refused")
        self.staff_id, self.is_too_often, self.is_ended = staff_id, is_too_often, is_ended


class OpenedSession(NamedTuple):
    """A new session: whose, the token for the cookie, and whether it opens nothing before a code was typed."""

    staff_id: int
    token: str
    needs_code: bool


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
    has_totp: bool
    approves_from: datetime | None
    """Before this moment they agree to nothing; None when they always may."""
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


def _window(now: datetime) -> tuple[str, datetime]:
    """The present half hour's name in `quotas`, and when it ends."""
    number = int(now.timestamp() // WINDOW.total_seconds())
    return str(number), datetime.fromtimestamp((number + 1) * WINDOW.total_seconds(), UTC)


def _counts(login: str, address: str, is_known: bool) -> list[tuple[str, int]]:
    """(name, how many tries it allows) of the counts that one try goes into."""
    address = addresses.counted(address)
    if is_known:
        return [(f"{TRIES}{login}:{address}+", LOOKS_PER_ADDRESS)]
    return [(f"{TRIES}{login}:{address}", LOOKS_PER_ADDRESS), (f"{TRIES}{login}:*", LOOKS_OF_STRANGERS)]


def take_look(session: Session, login: str, address: str, is_known: bool, now: datetime) -> bool:
    """Count a try at a password or a code before it is looked at; False when there were too many.

    Counting first means that a thousand guesses at once still get only so many looks. An address has its own count for each
    account, whether there is such an account or not; what strangers do keeps out strangers alone, and never a browser in
    which the account's person has signed in before (S54).
    """
    period, _ = _window(now)
    return all(
        quotas.take(session, name, period, most=most) for name, most in _counts(normal_login(login), address, is_known)
    )


def count_anew(session: Session, login: str, address: str, is_known: bool) -> None:
    """Who has signed in begins anew, and the strangers with them."""
    quotas.forget(session, [name for name, _ in _counts(normal_login(login), address, is_known)])


def forget_tries(session: Session, login: str) -> None:
    """Let everybody try again who was told to wait at this account."""
    quotas.forget_under(session, f"{TRIES}{login}:")


def sweep_tries(session: Session, now: datetime) -> int:
    """Forget the tries of half hours that are over, addresses included; returns how many counts went."""
    return quotas.forget_under(session, TRIES, but=_window(now)[0])


def wait_s(now: datetime) -> int:
    """Seconds until who tried too often may try again."""
    return max(1, int((_window(now)[1] - now).total_seconds()))


def sign_in(
    database: Database,
    login: str,
    password: str,
    now: datetime,
    *,
    hours: int,
    ip: str = "",
    user_agent: str = "",
    known: Container[int] = (),
) -> OpenedSession:
    """Open a session, which waits for a code where the person has one.

    `known` are the people who have signed in from this browser before. Raises SignInRefused, after the same time for every
    password that is looked at.
    """
    login = normal_login(login)
    with database.transaction() as session:
        row = session.execute(
            select(Staff.id, Staff.password_hash, Staff.is_active, Staff.password_ends_at, Staff.totp_at).where(
                Staff.login == login
            )
        ).one_or_none()
        is_known = row is not None and row.id in known
        may_look = take_look(session, login, ip, is_known, now)
    if not may_look:
        raise SignInRefused(is_too_often=True)
    is_right = passwords.matches(row.password_hash if row is not None and row.is_active else None, password)
    if row is None or not is_right:
        raise SignInRefused(row.id if row else None)
    if row.password_ends_at is not None and row.password_ends_at <= now:
        raise SignInRefused(row.id, is_ended=True)
    with database.transaction() as session:
        needs_code = row.totp_at is not None
        if not needs_code:
            count_anew(session, login, ip, is_known)
        life = CODE_LIFE if needs_code else timedelta(hours=hours)
        token = open_session(session, row.id, now, life=life, ip=ip, user_agent=user_agent, needs_code=needs_code)
        return OpenedSession(row.id, token, needs_code)


def finish(
    database: Database,
    waiting: SignedIn,
    now: datetime,
    *,
    hours: int,
    ip: str = "",
    user_agent: str = "",
    is_known: bool,
) -> str:
    """The code was right: the session that waited for it ends, and a new one begins (S23); returns its token."""
    with database.transaction() as session:
        count_anew(session, waiting.login, ip, is_known)
        session.execute(delete(StaffSession).where(StaffSession.token_hash == waiting.token_hash))
        return open_session(session, waiting.id, now, life=timedelta(hours=hours), ip=ip, user_agent=user_agent)


def open_session(
    session: Session,
    staff_id: int,
    now: datetime,
    *,
    life: timedelta,
    ip: str = "",
    user_agent: str = "",
    needs_code: bool = False,
) -> str:
    """Make a session inside the caller's transaction; returns the token, of which only the hash is kept."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session.execute(delete(StaffSession).where(StaffSession.expires_at <= now))
    session.add(
        StaffSession(
            token_hash=_hash(token),
            staff_id=staff_id,
            created_at=now,
            expires_at=now + life,
            ip=ip[:45],
            user_agent=user_agent[:200],
            needs_code=needs_code,
        )
    )
    return token


# Built once, for every request of the console asks it: building it takes longer than the answer.
_SIGNED_IN = (
    select(Staff, StaffSession.token_hash)
    .join(StaffSession, StaffSession.staff_id == Staff.id)
    .where(
        StaffSession.token_hash == bindparam("token_hash"),
        StaffSession.expires_at > bindparam("now"),
        StaffSession.needs_code == bindparam("is_code_due"),
        Staff.is_active,
        or_(Staff.password_ends_at.is_(None), Staff.password_ends_at > bindparam("now")),
    )
)


def signed_in(database: Database, token: str, now: datetime, *, is_code_due: bool = False) -> SignedIn | None:
    """Whose session the token is; None when there is none, it is over, or the person is disabled.

    A session that waits for its code is nobody's to all but those who ask for exactly such a one (`is_code_due`).
    """
    if not 20 <= len(token) <= 100:
        return None
    with database.reading() as session:
        row = session.execute(
            _SIGNED_IN, {"token_hash": _hash(token), "now": now, "is_code_due": is_code_due}
        ).one_or_none()
    if row is None:
        return None
    staff = row[0]
    return SignedIn(
        staff.id,
        staff.login,
        staff.name,
        staff.role,
        staff.locale,
        row[1],
        staff.is_password_temporary,
        staff.totp_at is not None,
        staff.approves_from,
    )


def may_still(session: Session, person: SignedIn, roles: Collection[str], now: datetime) -> bool:
    """Whether this session has not been ended, and its person is active in one of these roles.

    Asked in the transaction that has the effect, it holds until that ends: whoever disables the person waits so long. The
    lock is no shared one, so that one person's requests stand in one queue and the disabling is not overtaken for ever.
    """
    query = select(Staff.role).join(StaffSession, StaffSession.staff_id == Staff.id)
    theirs = query.where(StaffSession.token_hash == person.token_hash, StaffSession.expires_at > now, Staff.is_active)
    return session.scalar(theirs.with_for_update(key_share=True, of=Staff)) in roles


def sign_out(session: Session, token_hash: str) -> None:
    """End one session inside the caller's transaction."""
    session.execute(delete(StaffSession).where(StaffSession.token_hash == token_hash))


def end_sessions(session: Session, staff_id: int) -> int:
    """End all sessions of a person inside the caller's transaction; returns how many there were."""
    result: Any = session.execute(delete(StaffSession).where(StaffSession.staff_id == staff_id))
    return int(result.rowcount)
