"""The signed session of a phone: who WeChat said holds it, in a cookie that is read without asking anybody.

It is written where WeChat's answer comes in (wxbot/oauth); pages, draws and open streams read it.
"""

import functools
import hmac
from dataclasses import dataclass

from wxbot.ground import Ground


@dataclass(frozen=True, slots=True)
class PhoneSession:
    """A person's session: who, since when, and which shake made it be renewed (another person held the phone)."""

    openid: str
    issued_at: int
    session_id: str
    renewed_for: str = ""


@functools.lru_cache(maxsize=16)
def _signing_key(secret_key: str, purpose: str) -> bytes:
    return hmac.digest(secret_key.encode(), f"wxbot {purpose}".encode(), "sha256")


def signature(ground: Ground, purpose: str, text: str) -> str:
    """A short keyed signature of a text for one purpose (session, visit, page): 32 hex characters."""
    key = _signing_key(ground.settings.secret_key.get_secret_value(), purpose)
    return hmac.digest(key, text.encode(), "sha256").hex()[:32]


def signed(ground: Ground, purpose: str, text: str) -> str:
    """The text with its signature behind it, as a cookie carries it."""
    return f"{text}.{signature(ground, purpose, text)}"


def opened(ground: Ground, purpose: str, given: str | None) -> str | None:
    """The text of what `signed` made; None for anything else."""
    if not given or len(given) > 4096 or not given.isascii():
        return None
    text, _, sign = given.rpartition(".")
    return text if hmac.compare_digest(sign, signature(ground, purpose, text)) else None


def is_https(ground: Ground) -> bool:
    """Whether phones reach us by https."""
    return ground.settings.public_url.startswith("https://")


def session_cookie(ground: Ground) -> str:
    """The session cookie's name; `__Host-` keeps sub-domains from planting one (S86), and needs https."""
    return "__Host-wxbot_person" if is_https(ground) else "wxbot_person"


def session_text(openid: str, issued_at: int, session_id: str, renewed_for: str = "") -> str:
    """What the cookie says of a person, before it is signed."""
    return f"{openid}.{issued_at}.{session_id}.{renewed_for}"


def read_session(ground: Ground, cookie: str | None) -> PhoneSession | None:
    """The session in a cookie value, or None when it is missing, forged or older than `session_hours`."""
    text = opened(ground, "session", cookie)
    if text is None:
        return None
    openid, issued_at, session_id, renewed_for = text.split(".")
    age_s = ground.clock.unix() - int(issued_at)
    if not -60 <= age_s <= ground.settings.session_hours * 3600:
        return None
    return PhoneSession(openid, int(issued_at), session_id, renewed_for)
