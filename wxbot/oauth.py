"""Who holds the phone: one silent redirect to WeChat and back, then a signed session with the person's openid.

What keeps it honest (security 8D):
- `state` is 128 random bits, used once, and bound to this browser by a pre-session cookie (S19);
- the page to return to is kept on the server, or in our own signed cookie, and is one of our own paths (S20);
- a code is exchanged once, however often WeChat's client opens the callback: a second copy of the same request waits
  for the first and gets the same session (F57, wechat-protocol §7.1);
- the openid comes from WeChat's answer alone and is read back from the signed session alone (S24).

Redis holds what is single use. When it is emptied on the way, the redirect simply starts again: twice at most.
"""

import base64
import binascii
import functools
import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import redis as redis_client
from flask import Blueprint, Response, g, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from wxbot import current
from wxbot.logs import get_logger
from wxbot.phone_session import (
    PhoneSession,
    is_https,
    opened,
    read_session,
    session_cookie,
    session_text,
    signature,
    signed,
)
from wxbot.runtime import Runtime
from wxbot.wechat.errors import Refused, WeChatError
from wxbot.wechat.oauth import OAuthAnswer, Scope, authorize_url

log = get_logger(__name__)

STATE_LIFE_S = 300
"""A code lives five minutes (wechat-protocol §7.1); so does the state that fetched it."""

CODE_LIFE_S = 60
"""How long the outcome of a code is remembered for the second copy of the same request (F57)."""

PROFILE_LIFE_S = 900
"""How long a shared name and picture wait for the page that asked for them."""

VISIT_LIFE_S = 900
"""Life of the pre-session cookie: longer than a state, so that a late return can start again."""

EXCHANGE_WAIT_S = 8.0
"""How long a second copy waits for the first one's exchange."""

RESTARTS = 2
"""After so many silent restarts the person sees a page instead of another redirect (S19)."""

USED_CODES = frozenset({"40029", "40163"})
"""`invalid code` and `code been used`: start again, never an error page (wechat-protocol §7.2)."""

OWN_PATH = re.compile(r"/h5/[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*(?:\?[A-Za-z0-9_.~=&%+|/-]*)?")
"""The only pages OAuth returns to: our H5 pages; no dots, no double slash, no other host in any spelling (S20)."""

OPENID = re.compile(r"[A-Za-z0-9_-]{6,64}")
CODE = re.compile(r"[A-Za-z0-9_-]{1,512}")
STATE = re.compile(r"[0-9a-f]{32}")

__all__ = ["PhoneSession", "read_session", "session_cookie", "signature"]
"""What those who ask who holds the phone take from here, though it is read in wxbot/phone_session.py."""

blueprint = Blueprint("oauth", __name__)
"""Registered under /oauth: WeChat returns here with code and state."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Visit:
    """What this browser carried before WeChat said who it is: an id, the page it wants, and how often we tried."""

    visit_id: str
    target: str
    attempt: int
    renewed_for: str = ""
    scope: Scope = "snsapi_base"
    """`snsapi_userinfo` asks the person for their name and picture."""


def own_path(target: str) -> str:
    """The target when it is one of our own H5 pages (path and query), otherwise "/"."""
    return target if len(target) <= 1024 and OWN_PATH.fullmatch(target) else "/"


def _visit_cookie(runtime: Runtime) -> str:
    return "__Host-wxbot_visit" if is_https(runtime) else "wxbot_visit"


def _set_cookie(response: BaseResponse, runtime: Runtime, name: str, value: str, max_age_s: int) -> None:
    response.set_cookie(
        name, value, max_age=max_age_s, httponly=True, secure=is_https(runtime), samesite="Lax", path="/"
    )


def current_session() -> PhoneSession | None:
    """The session of the present request; reads nothing but the signed cookie."""
    found: PhoneSession | None = g.get("person_session")
    if found is None:
        runtime = current.runtime()
        found = read_session(runtime, request.cookies.get(session_cookie(runtime)))
        g.person_session = found
    return found


def signed_in() -> PhoneSession:
    """The session inside a view that is `openid_required`."""
    session = current_session()
    if session is None:
        raise RuntimeError("this view must be openid_required")
    return session


def _read_visit(runtime: Runtime) -> Visit | None:
    text = opened(runtime, "visit", request.cookies.get(_visit_cookie(runtime)))
    if text is None:
        return None
    try:
        visit_id, target, attempt, renewed_for = json.loads(base64.urlsafe_b64decode(text))
    except (ValueError, binascii.Error):
        return None
    return Visit(visit_id, own_path(target), attempt, renewed_for)


def _write_visit(response: BaseResponse, runtime: Runtime, visit: Visit) -> None:
    packed = json.dumps([visit.visit_id, visit.target, visit.attempt, visit.renewed_for]).encode()
    value = signed(runtime, "visit", base64.urlsafe_b64encode(packed).decode())
    _set_cookie(response, runtime, _visit_cookie(runtime), value, VISIT_LIFE_S)


def begin(target: str, attempt: int = 0, renewed_for: str = "", scope: Scope = "snsapi_base") -> BaseResponse:
    """Send the browser to WeChat to learn its openid, silently (snsapi_base), and come back to `target`.

    scope: `snsapi_userinfo` has WeChat ask the person for name and picture; who agrees finds them in `profile_of`, who does not
    comes back all the same.

    renewed_for: the mark of a shake whose openid differs from the session's; the new session remembers it, so that
    this happens once per shake.
    """
    runtime = current.runtime()
    if attempt > RESTARTS:
        return kind_page("loop", 503)
    known = _read_visit(runtime)
    visit = Visit(known.visit_id if known else secrets.token_hex(16), own_path(target), attempt, renewed_for)
    state = secrets.token_hex(16)
    record = json.dumps([visit.visit_id, visit.target, attempt, renewed_for, scope])
    try:
        runtime.redis.set(f"oauth:state:{state}", record, ex=STATE_LIFE_S)
    except redis_client.RedisError:
        log.warning("oauth_state_not_stored")
        return kind_page("busy", 503)
    settings = runtime.settings
    back_to = f"{settings.public_url}/oauth/back"
    url = authorize_url(settings.appid, back_to, state, scope=scope, open_base=settings.open_base)
    response = redirect(url, 302)
    response.headers["Cache-Control"] = "no-store"
    _write_visit(response, runtime, visit)
    return response


def kind_page(reason: str, status: int) -> BaseResponse:
    """A page that says what to do: `loop`, `busy`, `snapshot` or `lost`; JSON for a script's request."""
    if request.method != "GET":
        return Response(json.dumps({"outcome": "try_again"}), status=status, content_type="application/json")
    visit = _read_visit(current.runtime())
    page = render_template("h5/sign_in.html", reason=reason, target=visit.target if visit else None)
    response = Response(page, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/back")
def back() -> BaseResponse:
    """WeChat returns here with code and state; the person never sees this address for longer than a redirect."""
    runtime = current.runtime()
    visit = _read_visit(runtime)
    code, state = request.args.get("code", ""), request.args.get("state", "")
    if not CODE.fullmatch(code) or not STATE.fullmatch(state):
        return _restart(visit, None)
    try:
        return _return_with(runtime, visit, code, state)
    except redis_client.RedisError:
        log.warning("oauth_redis_failed")
        return kind_page("busy", 503)


def _return_with(runtime: Runtime, visit: Visit | None, code: str, state: str) -> BaseResponse:
    """Take the state and the code at once, then exchange, or wait for the copy of this request that took them."""
    outcome_key = f"oauth:code:{hashlib.sha256(code.encode()).hexdigest()}"
    mine = f"waiting:{visit.visit_id if visit else ''}"
    with runtime.redis.pipeline(transaction=True) as pipe:
        pipe.getdel(f"oauth:state:{state}")
        pipe.set(outcome_key, mine, nx=True, ex=CODE_LIFE_S)
        kept, is_first = pipe.execute()
    record = Visit(*json.loads(kept)) if kept else None
    is_ours = record is not None and visit is not None and record.visit_id == visit.visit_id
    if record is None and visit is not None and not is_first:
        return _follow(runtime, visit, outcome_key, mine)
    if record is None or not is_ours or not is_first:
        if is_first:
            runtime.redis.delete(outcome_key)
        return _restart(visit, record)
    return _exchange(runtime, record, code, outcome_key)


def _exchange(runtime: Runtime, record: Visit, code: str, outcome_key: str) -> BaseResponse:
    """Ask WeChat once whose code this is; leave the outcome for a second copy of the request."""
    outcome: dict[str, Any] = {"visit_id": record.visit_id, "target": record.target, "renewed_for": record.renewed_for}
    try:
        grant = runtime.oauth.exchange(code)
        if grant.is_snapshot:
            outcome["fault"] = "snapshot"
        elif OPENID.fullmatch(grant.openid):
            outcome["openid"] = grant.openid
            if record.scope == "snsapi_userinfo":
                _keep_profile(runtime, grant)
        else:
            outcome["fault"] = "busy"
    except Refused as error:
        outcome["fault"] = "used" if error.code in USED_CODES else "busy"
        log.warning("oauth_refused", err_code=error.code)
    except WeChatError as error:
        outcome["fault"] = "busy"
        log.warning("oauth_unanswered", error=type(error).__name__)
    outcome["attempt"] = record.attempt
    runtime.redis.set(outcome_key, json.dumps(outcome), ex=CODE_LIFE_S)
    return _conclude(runtime, outcome)


def _keep_profile(runtime: Runtime, grant: OAuthAnswer) -> None:
    """Ask for the name and picture that the person agreed to share; without an answer they are not there."""
    try:
        profile = runtime.oauth.profile(grant)
    except WeChatError as error:
        log.warning("profile_unanswered", error=type(error).__name__)
        return
    if profile.openid == grant.openid:
        kept = json.dumps([profile.nickname, profile.avatar_url])
        runtime.redis.set(f"oauth:profile:{grant.openid}", kept, ex=PROFILE_LIFE_S)


def profile_of(runtime: Runtime, openid: str) -> tuple[str, str] | None:
    """(name, address of the picture) that a person has just agreed to share, as they typed them; None when there are none."""
    try:
        kept = runtime.redis.get(f"oauth:profile:{openid}")
    except redis_client.RedisError:
        return None
    if not kept:
        return None
    name, picture = json.loads(str(kept))
    return str(name), str(picture)


def _follow(runtime: Runtime, visit: Visit, outcome_key: str, mine: str) -> BaseResponse:
    """A second copy of a callback: the same browser gets the first one's outcome, any other starts anew (F57)."""
    give_up_at = time.monotonic() + EXCHANGE_WAIT_S
    while True:
        kept = runtime.redis.get(outcome_key)
        if kept != mine:
            break
        if time.monotonic() > give_up_at:
            return kind_page("busy", 503)
        time.sleep(0.04)
    if not isinstance(kept, str) or kept.startswith("waiting:"):
        return _restart(visit, None)
    outcome = json.loads(kept)
    return _conclude(runtime, outcome) if outcome["visit_id"] == visit.visit_id else _restart(visit, None)


def _conclude(runtime: Runtime, outcome: dict[str, Any]) -> BaseResponse:
    """Session and clean page, or what stands in the way."""
    fault = outcome.get("fault")
    if fault == "used":
        return begin(outcome["target"], outcome["attempt"] + 1, outcome["renewed_for"])
    if fault is not None:
        return kind_page(fault, 403 if fault == "snapshot" else 503)
    response = redirect(outcome["target"], 302)
    response.headers["Cache-Control"] = "no-store"
    # A new id at every sign-in: nothing that was planted before lives on (S23).
    text = session_text(outcome["openid"], int(runtime.clock.unix()), secrets.token_hex(8), outcome["renewed_for"])
    max_age_s = runtime.settings.session_hours * 3600
    _set_cookie(response, runtime, session_cookie(runtime), signed(runtime, "session", text), max_age_s)
    _write_visit(response, runtime, Visit(outcome["visit_id"], outcome["target"], 0))
    return response


def _restart(visit: Visit | None, record: Visit | None) -> BaseResponse:
    """Start again for this browser: to its own page when it has one, at most RESTARTS times in a row.

    A state that belongs to another browser only lends its page and its count, never its identity (S19).
    """
    known = visit or record
    if known is None:
        return kind_page("lost", 400)
    if visit is not None and current_session() is not None and not visit.renewed_for:
        return redirect(visit.target, 302)  # back button or reload after sign-in: the clean page knows the rest
    attempt = max(visit.attempt if visit else 0, record.attempt if record else 0) + 1
    return begin(known.target, attempt, known.renewed_for)


def openid_required(view: Callable[P, R]) -> Callable[P, R | BaseResponse]:
    """For pages: the view runs with `flask.g.openid` set; without a session a GET goes to WeChat and back first.

    A script's request without a session gets 401 and `{"outcome": "sign_in"}`: the page then loads itself again.
    """

    @functools.wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | BaseResponse:
        session = current_session()
        if session is None:
            wants_page = request.method == "GET" and "application/json" not in request.headers.get("Accept", "")
            if wants_page:
                return begin(_here())
            response = jsonify(outcome="sign_in")
            response.status_code = 401
            return response
        g.openid = session.openid
        return view(*args, **kwargs)

    return guarded


def _here() -> str:
    """The present page as an own path; a query with unusual characters is left behind rather than trusted."""
    query = request.query_string.decode("ascii", "ignore")
    whole = own_path(f"{request.path}?{query}" if query else request.path)
    return whole if whole != "/" else own_path(request.path)


def renew(mark: str) -> BaseResponse | None:
    """Ask WeChat again who holds the phone, once per `mark`; None when this session was already renewed for it."""
    session = current_session()
    if session is None or session.renewed_for == mark:
        return None
    return begin(_here(), 0, mark)
