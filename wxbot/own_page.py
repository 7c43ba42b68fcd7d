"""Is this request from a page of ours? One rule for every door that changes something (security S55), and a phone's language.
What needs no such page nor a session says so with `public`.

A door asks `is_ours` about the request (`is_near` where it has none, but the headers) and `is_fresh` about the mark that its page was given; what it answers is its own.
"""

import hmac
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

PAGE_LIFE_S = 3600
"""A page may lie open for an hour before what it sends is refused."""

EARLY_S = 60
"""How far ahead the clock of the process that made a mark may be."""

LANGUAGES = ("zh", "en")


def public(view: Callable[..., Any]) -> None:
    """Let anybody see a view behind a guarded door, whoever asks; beside the call stands why (app.guard_of reads it)."""
    view.guard = "public"  # type: ignore[attr-defined]  # a function has no such attribute until here


def origin_of(url: str) -> str:
    """Scheme and host of an address, as browsers write an Origin and headers name it."""
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


def is_ours(request: "Request", public_url: str) -> bool:
    """Whether a request comes from our own pages, as the browser tells it: those of our address, and of the one that was asked."""
    own, sent = (origin_of(public_url), request.host_url.rstrip("/")), request.headers
    return is_near(sent.get("Sec-Fetch-Site"), sent.get("Origin"), own, sent.get("Referer"))


def fields_of(request: "Request") -> dict[str, Any]:
    """The members of the JSON object that a page sent; none for anything else."""
    try:
        sent = request.get_json(silent=True)
    except RecursionError:  # brackets in brackets, which Python's reader gives up on
        return {}
    return sent if isinstance(sent, dict) else {}


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


def language_of(request: "Request") -> str:
    """The language of a page on a phone or a screen: "zh" or "en"."""
    return language(request.args.get("lang"), request.headers.get("Accept-Language", ""))


def language(asked: str | None, accept_language: str) -> str:
    """ "zh" or "en": what the address asks for, then the phone's languages, Chinese when neither says."""
    if asked in LANGUAGES:
        return asked
    return parse_accept_header(accept_language, LanguageAccept).best_match(LANGUAGES, default="zh") or "zh"
