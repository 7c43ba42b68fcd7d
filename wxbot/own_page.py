"""Is this request from a page of ours? One rule for every door that changes something (security S55), and a phone's language.

A door asks `is_near` about the headers and `is_fresh` about the mark that its page was given; what it answers is its own.
"""

import hmac
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

PAGE_LIFE_S = 3600
"""A page may lie open for an hour before what it sends is refused."""

EARLY_S = 60
"""How far ahead the clock of the process that made a mark may be."""

LANGUAGES = ("zh", "en")


def origin_of(url: str) -> str:
    """Scheme and host of an address, as browsers write an Origin."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def is_near(site: str | None, origin: str | None, own: Collection[str], referer: str | None = None) -> bool:
    """Whether Sec-Fetch-Site and Origin, each where it was sent, name one of our own origins exactly.

    An old browser sends neither: then a Referer decides, and without one the mark alone, which no other site can read.
    """
    if site is not None and site not in ("same-origin", "none"):
        return False
    if origin is None and site is None and referer is not None:
        origin = origin_of(referer)
    return origin is None or origin in own


def mark(sign: Callable[[str], str], bound_to: str, now_unix: float) -> str:
    """Proof that a page of ours was shown just now to `bound_to` (a session, and what else the page is about)."""
    issued = f"{int(now_unix):x}"
    return f"{issued}.{sign(f'{bound_to}|{issued}')}"


def is_fresh(given: str, sign: Callable[[str], str], bound_to: str, now_unix: float, life_s: int = PAGE_LIFE_S) -> bool:
    """Whether a mark is ours, for this session, and at most `life_s` seconds old."""
    issued, _, signature = given.partition(".")
    if not given.isascii() or not issued.isalnum() or len(issued) > 12:
        return False
    if not hmac.compare_digest(signature, sign(f"{bound_to}|{issued}")):
        return False
    return -EARLY_S <= now_unix - int(issued, 16) <= life_s


def language(asked: str | None, accept_language: str) -> str:
    """ "zh" or "en": what the address asks for, then the phone's languages, Chinese when neither says."""
    if asked in LANGUAGES:
        return asked
    return parse_accept_header(accept_language, LanguageAccept).best_match(LANGUAGES, default="zh") or "zh"
