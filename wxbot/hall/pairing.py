"""A browser becomes the hall's screen by six digits of the host's desk: five minutes, used once.

The newest pairing leads: its screen starts and stops, older ones only look on.
"""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from wxbot.ground import Ground
from wxbot.hall import journal, screen_pass
from wxbot.hall.models import Hall
from wxbot.text import Refusal, Text

LIFE = timedelta(minutes=5)
TRIES = 200
"""Wrong digits of everybody together before an offer ends. The door takes ten of one address (`rates`), twenty where two windows meet,
so a stranger with one address ends no offer and guesses it once in 50,000; with addresses enough to use up all tries once in 5,000."""

OVER = Text("配对码已失效，请在主持台换一个", "This code does not count any more; get a new one at the host's desk")
WRONG = Text("配对码不对，请看主持台上的 6 位数字", "Wrong code: look at the six digits on the host's desk")


def _digest(digits: str) -> str:
    return hashlib.sha256(digits.encode()).hexdigest()


def offer(session: Session, campaign_id: int, now: datetime) -> str:
    """Six digits for the next screen; those that were offered before count no more."""
    hall = journal.lock(session, campaign_id)
    digits = f"{secrets.randbelow(10**6):06d}"
    hall.pair_code, hall.pair_until, hall.pair_tries = _digest(digits), now + LIFE, 0
    return digits


def is_offered(hall: Hall, now: datetime) -> bool:
    """Whether digits wait for a screen."""
    return bool(hall.pair_code) and hall.pair_until is not None and hall.pair_until > now


def pair(session: Session, campaign_id: int, digits: str, now: datetime) -> int | Refusal:
    """The new epoch of whoever typed these digits; a refusal is returned and not raised, because the try counts."""
    hall = journal.lock(session, campaign_id)
    if not is_offered(hall, now) or hall.pair_tries >= TRIES:
        return Refusal("over", OVER)
    hall.pair_tries += 1
    if not hmac.compare_digest(hall.pair_code, _digest(digits)):
        return Refusal("wrong", WRONG)
    hall.pair_code, hall.pair_until = "", None
    hall.screen_epoch += 1
    session.flush()
    return hall.screen_epoch


def screen_session(ground: Ground, slug: str, cookie: str | None) -> int | None:
    """By which pairing a browser is a screen of this hall, newest or not; None when by none."""
    return screen_pass.read(ground, slug, cookie)


def is_leading(hall: Hall, epoch: int | None) -> bool:
    """Whether this pairing may start and stop."""
    return epoch is not None and epoch == hall.screen_epoch
