"""The draw itself, answered in front of Flask: a small WSGI application for POST /h5/c/<slug>/draw.

The whole crowd presses one button at the same moment, so this request needs no routing table, template or request
object: it reads one cookie and a few bytes of JSON, asks `admit`, and answers with bytes that are mostly made before.
The view in h5.py calls the same `answer`, so the two cannot differ.
"""

import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any, NamedTuple, ParamSpec, TypeVar

from wxbot import oauth, own_page
from wxbot.bodies import note_read
from wxbot.campaigns import entries
from wxbot.draws import admit
from wxbot.draws.draw_state import draw_state_of
from wxbot.draws.mechanic import DrawMechanic
from wxbot.draws.outcomes import HTTP_STATUS, Outcome
from wxbot.logs import get_logger
from wxbot.runtime import Runtime

log = get_logger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

BODY_BYTES = 4096
PATH = re.compile(r"/h5/c/([A-Za-z0-9_-]{1,64})/draw")
REASONS = {
    200: "200 OK",
    401: "401 Unauthorized",
    403: "403 Forbidden",
    404: "404 Not Found",
    409: "409 Conflict",
    429: "429 Too Many Requests",
    500: "500 Internal Server Error",
    503: "503 Service Unavailable",
}
HEADERS = (
    ("Content-Type", "application/json; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)
"""What every answer to a draw says of itself, beside headers.of_every_answer."""


class DrawResponse(NamedTuple):
    """An HTTP status and a JSON body."""

    status: int
    body: bytes


class DrawAsked(NamedTuple):
    """A request to draw that has come to `admit`, and the language of its answer."""

    asking: admit.Asking
    in_language: str


_encoded = json.JSONEncoder(ensure_ascii=False).encode


def _json(status: int, **answer: Any) -> DrawResponse:
    return DrawResponse(status, _encoded(answer).encode())


SIGN_IN = _json(401, outcome="sign_in")
REFUSED = _json(403, outcome="refused")
GONE = _json(404, outcome="gone")
BROKEN = _json(500, outcome="try_again")


@functools.lru_cache(maxsize=256)
def language(query: str, accept_language: str) -> str:
    """ "zh" or "en" for a request with this query."""
    asked = re.search(r"(?:^|&)lang=(zh|en)(?:&|$)", query)
    return own_page.language(asked[1] if asked else None, accept_language)


@functools.cache
def spoken(way: DrawMechanic, outcome: Outcome, in_language: str) -> DrawResponse:
    """The answer for an outcome without parameters."""
    title, text = way.sentence(outcome, in_language)
    return _json(HTTP_STATUS.get(outcome, 409), outcome=outcome, title=title, text=text)


def cookie_of(header: str, name: str) -> str | None:
    """The value of one cookie; ours hold no character that cookies escape."""
    for part in header.split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return None


def or_broken(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | DrawResponse:
    """Do it: a surprise about one request is the answer to that one, and the thread outlives it."""
    try:
        return work(*args, **kwargs)
    except Exception:
        log.exception("draw_broken")
        return BROKEN


class DrawDoor:
    """Answers requests to draw for one process."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._own = (own_page.origin_of(runtime.settings.public_url),)
        self._cookie_name = oauth.session_cookie(runtime)

    @staticmethod
    def is_for(environ: Mapping[str, Any]) -> bool:
        """Whether this request is a request to draw."""
        path: str = environ["PATH_INFO"]
        return path.endswith("/draw") and environ["REQUEST_METHOD"] == "POST" and PATH.fullmatch(path) is not None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        answer = or_broken(self.answer, environ)
        start_response(REASONS[answer.status], [*HEADERS, ("Content-Length", str(len(answer.body)))])
        return [answer.body]

    def answer(self, environ: MutableMapping[str, Any]) -> DrawResponse:
        """Every gate in its order: campaign, session, own origin, page token, and then `admit`."""
        asked = self.ask(environ)
        if isinstance(asked, DrawResponse):
            return asked
        draw_state = draw_state_of(self.runtime)
        (seen,) = admit.look(draw_state, [asked.asking])
        return self.decide(asked, seen)

    def ask(self, environ: MutableMapping[str, Any]) -> DrawAsked | DrawResponse:
        """The gates before `admit`: who asks for what, or the answer to a request that does not come so far."""
        runtime = self.runtime
        found = PATH.fullmatch(environ["PATH_INFO"])
        snapshot = draw_state_of(runtime).snapshots.find(found[1]) if found else None
        if snapshot is None:
            return GONE
        session = oauth.read_session(runtime, cookie_of(environ.get("HTTP_COOKIE", ""), self._cookie_name))
        if session is None:
            return SIGN_IN
        asked = self._asked(environ)
        if asked is None:
            return REFUSED
        page_token, ticket, given, password = asked
        channel_code = entries.known(snapshot.places, given)
        now_unix = runtime.clock.unix()
        if not admit.is_page_token(runtime, page_token, session.session_id, snapshot.campaign_id, now_unix):
            token = admit.page_token(runtime, session.session_id, snapshot.campaign_id, now_unix)
            return _json(409, outcome="stale_page", page_token=token)
        person = admit.DrawRequest(
            session.openid, session.session_id, ticket, environ.get("REMOTE_ADDR", ""), channel_code, password
        )
        in_language = language(environ.get("QUERY_STRING", ""), environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        return DrawAsked(admit.at_gates(snapshot, person, now_unix), in_language)

    def decide(self, asked: DrawAsked, seen: admit.GateState) -> DrawResponse:
        """The rest of `admit`, waiting for whoever has to be asked, and the answer."""
        found = admit.judge(self.runtime, asked.asking, seen)
        return self.told(asked, admit.finish(draw_state_of(self.runtime), asked.asking, found))

    def told(self, asked: DrawAsked, decision: admit.GateDecision) -> DrawResponse:
        """Count a decision, and put it into words."""
        asking, in_language = asked
        snapshot, person = asking.snapshot, asking.asked
        counts = draw_state_of(self.runtime).counts
        counts.add(snapshot.campaign_id, decision.outcome, asking.now_unix, person.channel_code)
        if decision.handed_out is None:
            return spoken(snapshot.mechanic, decision.outcome, in_language)
        title, text = snapshot.mechanic.sentence(decision.outcome, in_language)
        own = snapshot.mechanic.answer(decision.handed_out, person.openid, in_language)
        said = {"outcome": decision.outcome, "title": title, "text": text, **own}
        return _json(HTTP_STATUS.get(decision.outcome, 409), **said)

    def _asked(self, environ: MutableMapping[str, Any]) -> tuple[str, str, str, str] | None:
        """Page token, ticket, channel code and word of a request from our own page, or None (S55: JSON, own origin, small)."""
        site, origin, referer = (environ.get(f"HTTP_{name}") for name in ("SEC_FETCH_SITE", "ORIGIN", "REFERER"))
        if not own_page.is_near(site, origin, self._own, referer):
            return None
        length: str = environ.get("CONTENT_LENGTH") or "0"
        kind: str = environ.get("CONTENT_TYPE", "")
        if kind.partition(";")[0].strip().lower() != "application/json" or not length.isdigit():
            return None
        if not 0 < int(length) <= BODY_BYTES:
            return None
        try:
            body = environ["wsgi.input"].read(int(length))
            note_read(environ, len(body))
            asked = json.loads(body)
        except (ValueError, RecursionError):
            return None
        if not isinstance(asked, dict):
            return None
        texts = [asked.get("page_token", ""), asked.get("ticket", asked.get("nonce", ""))]
        texts += [asked.get("channel", ""), asked.get("password", "")]
        if not all(isinstance(text, str) for text in texts):
            return None
        page_token, ticket, channel_code, password = texts
        return page_token, ticket, channel_code, password
