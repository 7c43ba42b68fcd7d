"""The sign-in code on the screen: it changes every 30 seconds, so that a photo of it is dead after a minute. Pure.

Whoever opened the page in time gets a pass of their own for as long as typing a name takes (`passes`).
"""

import base64
import hmac

STEP_S = 30
LIVING = 2
"""How many windows count: the present one and the one before it."""

_BYTES = 10


def code_at(key: bytes, unix: float) -> str:
    """The code of the window that this moment lies in: 16 letters and digits."""
    return _code(key, int(unix) // STEP_S)


def _code(key: bytes, window: int) -> str:
    digest = hmac.digest(key, b"wxbot-hall/door\0" + window.to_bytes(8, "big"), "sha256")
    return base64.b32encode(digest[:_BYTES]).decode().lower()


def accepts(key: bytes, code: str, unix: float) -> bool:
    """Whether a code is that of the present window or of the one before."""
    window = int(unix) // STEP_S
    given = code.encode()
    found = [hmac.compare_digest(_code(key, window - back).encode(), given) for back in range(LIVING)]
    return any(found)


def left_s(unix: float) -> float:
    """Seconds until the screen shows the next code."""
    return STEP_S - unix % STEP_S
