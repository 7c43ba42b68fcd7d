"""Six digits that prove a phone: from the system's random source, kept as a keyed hash, five tries, five minutes, used once.

One live code per purpose and person; the phone it was sent to is part of its row, so a code proves that phone and no
other (S52, S53).
"""

import hmac
import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from wxbot import typed
from wxbot.db import changed, insert_into
from wxbot.people.limits import Counted
from wxbot.people.models import CODE_NEXT, SmsCode, SmsOut
from wxbot.transitions import moving
from wxbot.vault import Vault

LIFE_MINUTES = 5
TRIES = 5
TYPED_CHARS = 300
"""More than the whole message that carried the code."""

SIX_DIGITS = re.compile(r"(?<![0-9])(?:[0-9]{6}|[0-9]{3}[ \-][0-9]{3})(?![0-9])")
NOISE = re.compile(r"[^0-9A-Za-z\u4e00-\u9fff]+")


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one guess: right, wrong, spent (no tries left), expired, used, dead or none."""

    verdict: str
    tries_left: int = 0
    phone_sealed: str = ""
    phone_index: str = ""


def read(text: str) -> str | None:
    """The code a person gave, where exactly one number of six digits can be meant; None otherwise.

    Keyboards fill a code in twice, and a field cuts it at its eighth digit; people paste the whole message, or send the code
    with 验证码：, in quotes, with a full stop, with blanks and marks that nobody sees.
    """
    if len(text) > TYPED_CHARS:
        return None
    shown = unicodedata.normalize("NFKC", typed.clean(text))
    bare = NOISE.sub("", shown)
    if bare.isascii() and bare.isdigit():
        code = bare[:6]
        is_twice = len(bare) >= 8 and (code * len(bare)).startswith(bare)
        return code if len(bare) == 6 or is_twice else None
    meant = {NOISE.sub("", found) for found in SIX_DIGITS.findall(shown)}
    return meant.pop() if len(meant) == 1 else None


def _hash(vault: Vault, purpose: str, openid: str, serial: str, code: str) -> str:
    return vault.index(f"sms code|{purpose}|{openid}|{serial}|{code}")


def issue(
    session: Session,
    vault: Vault,
    purpose: str,
    openid: str,
    phone: str,
    counted: Counted,
    now: datetime,
    *,
    is_withheld: bool,
) -> None:
    """Make a code and the message that carries it, in the caller's transaction; an earlier code is dead from now on.

    For a number that may not bind everything is done alike, but the message is withheld: nobody ever knows that code.
    """
    code, serial = f"{secrets.randbelow(1_000_000):06d}", secrets.token_hex(16)
    expires_at = now + timedelta(minutes=LIFE_MINUTES)
    sealed = vault.seal(phone)
    values = {
        "serial": serial,
        "phone_sealed": sealed,
        "phone_index": vault.index(phone),
        "status": "live",
        "tries": 0,
        "code_hash": _hash(vault, purpose, openid, serial, code),
        "created_at": now,
        "expires_at": expires_at,
    }
    statement = insert_into(session, SmsCode).values(purpose=purpose, openid=openid, **values)
    session.execute(statement.on_conflict_do_update(index_elements=["purpose", "openid"], set_=values))
    session.add(
        SmsOut(
            serial=serial,
            purpose=purpose,
            openid=openid,
            phone_sealed=sealed,
            code_sealed=vault.seal(code),
            is_withheld=is_withheld,
            status="planned",
            counted=[list(each) for each in counted],
            provider="",
            reference="",
            created_at=now,
            expires_at=expires_at,
        )
    )


def spend_try(session: Session, vault: Vault, purpose: str, openid: str, code: str, now: datetime) -> Tried:
    """Compare one guess with the person's code. The try is counted first, by one guarded UPDATE: five guesses are compared,
    however many arrive at once. A right one uses the code up."""
    live = (SmsCode.purpose == purpose, SmsCode.openid == openid, SmsCode.status == "live")
    counted = (
        update(SmsCode)
        .where(*live, SmsCode.tries < TRIES, SmsCode.expires_at > now)
        .values(tries=SmsCode.tries + 1)
        .returning(SmsCode.serial, SmsCode.code_hash, SmsCode.tries, SmsCode.phone_sealed, SmsCode.phone_index)
    )
    row = session.execute(counted, execution_options={"synchronize_session": False}).first()
    if row is None:
        return Tried(standing(session, purpose, openid, now))
    if not hmac.compare_digest(row.code_hash, _hash(vault, purpose, openid, row.serial, code)):
        left = TRIES - row.tries
        return Tried("wrong" if left else "spent", left)
    changed(session, moving(SmsCode, CODE_NEXT, ("live",), "used").where(*live, SmsCode.serial == row.serial))
    return Tried("right", TRIES - row.tries, row.phone_sealed, row.phone_index)


def standing(session: Session, purpose: str, openid: str, now: datetime) -> str:
    """How a person's code stands: live, or why no guess is compared (none, used, dead, expired, spent)."""
    row = session.get(SmsCode, (purpose, openid), populate_existing=True)
    if row is None:
        return "none"
    if row.status != "live":
        return row.status
    if row.expires_at <= now:
        return "expired"
    return "live" if row.tries < TRIES else "spent"


def kill(session: Session, serial: str) -> bool:
    """The message of this code was not sent: the code cannot be used. False when it was replaced or used meanwhile."""
    return changed(session, moving(SmsCode, CODE_NEXT, ("live",), "dead").where(SmsCode.serial == serial)) > 0
