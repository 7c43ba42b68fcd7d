"""How somebody proves that they are in the hall: the code of the screen, or the printed code at the door and the word of the day.

Either gives the page a pass for its own person, which outlives the code by as long as it takes to type a name.
"""

import functools
import hmac
from typing import Literal

from wxbot import oauth, own_page, typed
from wxbot.hall import door_code
from wxbot.hall.models import Hall
from wxbot.runtime import Runtime

LIFE_S = 900
"""A guest has a quarter of an hour to finish the form."""

WayIn = Literal["code", "door", "pass", "none"]


def key_of(runtime: Runtime, hall: Hall) -> bytes:
    """The key of a hall's sign-in code."""
    return bytes.fromhex(runtime.vault.open(hall.code_key_sealed))


def way_in(runtime: Runtime, hall: Hall, openid: str, code: str, given: str, is_door: bool) -> WayIn:
    """What somebody came with: a living code, a pass of before, the printed code (which asks for the word), or nothing."""
    if given and is_pass(runtime, hall.campaign_id, openid, given):
        return "pass"
    if code and door_code.accepts(key_of(runtime, hall), code, runtime.clock.unix()):
        return "code"
    return "door" if is_door and hall.day_word else "none"


def make(runtime: Runtime, campaign_id: int, openid: str) -> str:
    """A pass for this person and this hall."""
    return own_page.mark(_signer(runtime), f"{openid}|{campaign_id}", runtime.clock.unix())


def is_pass(runtime: Runtime, campaign_id: int, openid: str, given: str) -> bool:
    """Whether it is one, still good."""
    bound_to = f"{openid}|{campaign_id}"
    return own_page.is_fresh(given, _signer(runtime), bound_to, runtime.clock.unix(), LIFE_S)


def _signer(runtime: Runtime) -> functools.partial[str]:
    return functools.partial(oauth.signature, runtime, "hall-pass")


def is_day_word(hall: Hall, given: str) -> bool:
    """Whether this is the word of the day, whatever its case and blanks."""
    word, said = (typed.bare(text).casefold().encode() for text in (hall.day_word, given[:200]))
    return bool(word) and hmac.compare_digest(word, said)
