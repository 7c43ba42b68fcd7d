"""The pass of a paired screen: a signed cookie that says which hall it may show, and by which pairing.

Whether it is the newest pairing (the one that may start and stop) is asked of the hall's row where something is decided; an
older one still looks on.
"""

from wxbot.ground import Ground
from wxbot.phone_session import is_https, opened, signed

LIFE_S = 24 * 3600
"""A screen is paired for an evening."""

_PURPOSE = "hall screen"


def cookie_name(ground: Ground, slug: str) -> str:
    """The cookie's name, one for each hall; `__Host-` keeps sub-domains from planting one (S86), and needs https."""
    return f"__Host-wxbot_screen_{slug}" if is_https(ground) else f"wxbot_screen_{slug}"


def write(ground: Ground, slug: str, epoch: int) -> str:
    """The cookie's value for a screen of the pairing `epoch`."""
    return signed(ground, _PURPOSE, f"{slug}.{epoch}.{int(ground.clock.unix())}")


def read(ground: Ground, slug: str, cookie: str | None) -> int | None:
    """The pairing of a screen of this hall; None when the pass is missing, forged, another hall's or too old."""
    text = opened(ground, _PURPOSE, cookie)
    if text is None:
        return None
    hall, epoch, issued_at = text.split(".")
    age_s = ground.clock.unix() - int(issued_at)
    return int(epoch) if hall == slug and -60 <= age_s <= LIFE_S else None
