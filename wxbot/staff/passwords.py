"""Passwords: argon2id hashes, and the rules for a new one (security S54)."""

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from wxbot.text import fault

LENGTH_MIN, LENGTH_MAX = 10, 128
_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""Parameters of OWASP's minimum for argon2id: about 20 ms, so that a flood of sign-ins cannot starve the pages."""

_hasher = HASHER
_nobody = ""
"""A hash that nobody's password has; made before the first password is compared, which few processes do."""


def use(hasher: PasswordHasher) -> None:
    """Hash with other parameters than HASHER's from now on; a hash that was stored before is still read."""
    global _hasher, _nobody
    _hasher, _nobody = hasher, ""


def check_new(password: str, login: str) -> None:
    """Raises Refusal (of the field `password`) unless the password is long enough and not built from the login."""
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        raise fault("password", f"密码至少 {LENGTH_MIN} 个字符", f"A password has at least {LENGTH_MIN} characters")
    if login.casefold() in password.casefold() or len(set(password)) < 5:
        raise fault(
            "password",
            "密码太容易猜到，请不要包含登录名或重复的字符",
            "Too easy to guess: leave the login out and repeat less",
        )


def hash_password(password: str) -> str:
    """The argon2id hash to store."""
    return _hasher.hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is right; for nobody (None) it takes the same time and says no."""
    global _nobody
    if not _nobody:  # whoever asks first, somebody or nobody
        _nobody = _hasher.hash(secrets.token_hex(16))
    try:
        right = _hasher.verify(password_hash or _nobody, password[:LENGTH_MAX])
    except (VerificationError, InvalidHashError):
        return False
    return right and password_hash is not None


def make_temporary() -> str:
    """A password to hand to a person once: 14 characters that cannot be confused when read aloud."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(14))
