"""A second step at sign-in: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for the day it is lost.

A secret is made, shown as a QR code, and counts once a code of it was typed. Each code is taken once: the half minute of the
last one is written down in the same statement that compares it, so that of two doors one opens (S54).
"""

import base64
import hashlib
import hmac
import re
import secrets
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from wxbot import typed
from wxbot.db import changed
from wxbot.staff.models import RecoveryCode, Staff
from wxbot.text import fault
from wxbot.vault import Vault

STEP_S = 30
STEPS_ASIDE = 1
"""A phone's clock may be off by so many steps."""

SECRET_BYTES = 20
RECOVERY_CODES = 10
RECOVERY_BYTES = 10
_CODE = re.compile(r"[0-9]{6}")


def _app(secret: str) -> TOTP:
    return TOTP(base64.b32decode(secret), 6, SHA1(), STEP_S)  # noqa: S303 - what authenticator apps know


def begin(session: Session, vault: Vault, staff_id: int) -> bool:
    """Make the secret that a person puts into their app; nothing is asked before `confirm`. False when one is in use."""
    sealed = vault.seal(base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode())
    mine = update(Staff).where(Staff.id == staff_id, Staff.totp_at.is_(None))
    return bool(changed(session, mine.values(totp_sealed=sealed)))


def to_show(session: Session, vault: Vault, staff_id: int) -> str:
    """The secret of a person (base32) while it waits for its first code; empty before and after."""
    sealed = session.scalar(select(Staff.totp_sealed).where(Staff.id == staff_id, Staff.totp_at.is_(None)))
    return vault.open(sealed) if sealed else ""


def address_of(secret: str, login: str, issuer: str) -> str:
    """What the QR code says to the app (otpauth://totp/…)."""
    return _app(secret).get_provisioning_uri(login, issuer)


def code_at(secret: str, at: datetime) -> str:
    """What the app shows at a moment."""
    return _app(secret).generate(int(at.timestamp())).decode()


def confirm(session: Session, vault: Vault, staff_id: int, code: str, now: datetime) -> list[str]:
    """Ask for codes from now on, and return the recovery codes, which are shown once. Raises Refusal for a wrong code."""
    sealed = session.scalar(select(Staff.totp_sealed).where(Staff.id == staff_id, Staff.totp_at.is_(None)))
    if not sealed or not _take_code(session, vault.open(sealed), staff_id, _normal(code), now):
        raise fault(
            "code",
            "验证码不对，请输入应用里现在显示的 6 位数字",
            "The code is wrong: type the six digits that the app shows now",
        )
    session.execute(update(Staff).where(Staff.id == staff_id).values(totp_at=now))
    return renew_recovery(session, staff_id)


def renew_recovery(session: Session, staff_id: int) -> list[str]:
    """New recovery codes instead of all former ones; only their hashes are kept."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff_id))
    made = [base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(code_hash=_hash(staff_id, code), staff_id=staff_id) for code in made)
    return ["-".join(code[n : n + 4] for n in range(0, len(code), 4)) for code in made]


def recovery_left(session: Session, staff_id: int) -> int:
    """How many recovery codes a person has."""
    return len(session.scalars(select(RecoveryCode.code_hash).where(RecoveryCode.staff_id == staff_id)).all())


def take(session: Session, vault: Vault, staff_id: int, code: str, now: datetime) -> bool:
    """Whether this is a code of the person's app or a recovery code that was never used; it is used up by that.

    Count the try before (`sign_in.take_look`), and commit: what is rolled back is not used up.
    """
    sealed = session.scalar(select(Staff.totp_sealed).where(Staff.id == staff_id, Staff.totp_at.is_not(None)))
    if not sealed:
        return False
    normal = _normal(code)
    if _CODE.fullmatch(normal):
        return _take_code(session, vault.open(sealed), staff_id, normal, now)
    mine = (RecoveryCode.staff_id == staff_id) & (RecoveryCode.code_hash == _hash(staff_id, normal))
    return changed(session, delete(RecoveryCode).where(mine)) == 1


def switch_off(session: Session, staff_id: int) -> bool:
    """Ask this person for no code any more, and forget the secret and the recovery codes; False when none was asked for."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff_id))
    held = update(Staff).where(Staff.id == staff_id, Staff.totp_sealed != "")
    return bool(changed(session, held.values(totp_sealed="", totp_at=None)))


def _normal(code: str) -> str:
    return typed.bare(code).replace("-", "").upper()[:40]


def _hash(staff_id: int, code: str) -> str:
    return hashlib.sha256(f"recovery|{staff_id}|{code}".encode()).hexdigest()


def _take_code(session: Session, secret: str, staff_id: int, code: str, now: datetime) -> bool:
    app, present = _app(secret), int(now.timestamp()) // STEP_S
    for step in range(present - STEPS_ASIDE, present + STEPS_ASIDE + 1):
        if hmac.compare_digest(app.generate(step * STEP_S), code.encode()):
            unused = update(Staff).where(Staff.id == staff_id, Staff.totp_step < step)
            return changed(session, unused.values(totp_step=step)) == 1
    return False
