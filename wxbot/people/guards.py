"""What the phone pages of a person share: a session that knows the newest binding, forms that only our own pages can send.

@blueprint.get("/voucher")
@person_required                  # signed in, and WeChat was asked again since the binding changed (S23, S26)

@blueprint.post("/voucher")
@person_required
@own_form                         # Origin, Sec-Fetch-Site and the form_mark() of a page of this session (S55)
"""

import functools
import hmac
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from flask import Response, current_app, g, jsonify, render_template, request
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header
from werkzeug.wrappers import Response as BaseResponse

from wxbot import oauth
from wxbot.people import bindings, words
from wxbot.runtime import Runtime

P = ParamSpec("P")
R = TypeVar("R")

FORM_LIFE_S = 3600
"""A page may lie open for an hour before its form is refused."""


def runtime() -> Runtime:
    """The long-lived parts of this process."""
    return cast(Runtime, current_app.extensions["wxbot"])


def language() -> str:
    """ "zh" or "en" for the present request: ?lang= first, then the phone's languages, Chinese when neither says."""
    asked = request.args.get("lang")
    if asked in ("zh", "en"):
        return asked
    accepted = parse_accept_header(request.headers.get("Accept-Language", ""), LanguageAccept)
    return accepted.best_match(("zh", "en"), default="zh") or "zh"


def wants_json() -> bool:
    """Whether a script asks, not a page."""
    return "application/json" in request.headers.get("Accept", "")


def person_required(view: Callable[P, R]) -> Callable[P, R | BaseResponse]:
    """For pages of one person: like oauth.openid_required, and a session from before the newest change of the binding asks
    WeChat once more who holds the phone. A form or a script of such a session is told to open the page again."""

    @functools.wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | BaseResponse:
        session = oauth.signed_in()
        with runtime().database.reading() as database:
            change = bindings.last_change(database, session.openid)
        if change is not None:
            mark, moment = change
            if session.issued_at < int(moment.timestamp()) and session.renewed_for != mark:
                return _sign_in_again(mark)
        return view(*args, **kwargs)

    return cast(Callable[P, R | BaseResponse], oauth.openid_required(guarded))


def _sign_in_again(mark: str) -> BaseResponse:
    if request.method == "GET" and not wants_json():
        again = oauth.renew(mark)
        if again is not None:
            return again
    if wants_json():
        answer = jsonify(outcome="sign_in")
        answer.status_code = 401
        return answer
    return _stale()


def form_mark() -> str:
    """For a form's hidden field `form_mark`: proof that one of our pages was shown to this session within the hour."""
    issued = f"{int(runtime().clock.unix()):x}"
    return f"{issued}.{_signature(issued)}"


def _signature(issued: str) -> str:
    return oauth.signature(runtime(), "form", f"{oauth.signed_in().session_id}|{issued}")


def _is_mark(mark: str) -> bool:
    issued, _, sign = mark.partition(".")
    if not mark.isascii() or not issued.isalnum() or len(issued) > 12:
        return False
    if not hmac.compare_digest(sign, _signature(issued)):
        return False
    return -60 <= runtime().clock.unix() - int(issued, 16) <= FORM_LIFE_S


def _is_same_site() -> bool:
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site not in ("same-origin", "none"):
        return False
    public = runtime().settings.public_url
    return origin is None or origin in (public, request.host_url.rstrip("/"))


def own_form(view: Callable[P, R]) -> Callable[P, R | BaseResponse]:
    """Refuse what did not come from a form of ours (S55): the mark in `form_mark` or the header X-Form-Mark."""

    @functools.wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | BaseResponse:
        mark = request.headers.get("X-Form-Mark") or request.form.get("form_mark", "")
        if not _is_same_site() or not _is_mark(mark):
            return _stale()
        return view(*args, **kwargs)

    return guarded


def _stale() -> BaseResponse:
    """Say that the page is out of date: nothing was done."""
    sentence = words.say("stale", language())
    if wants_json():
        answer: Any = jsonify(outcome="stale", text=sentence)
        answer.status_code = 409
        return cast(BaseResponse, answer)
    say = functools.partial(words.say, language=language())
    return Response(render_template("h5/bind_stale.html", say=say, here=request.path), 409)


def openid() -> str:
    """Who is signed in; for views behind person_required."""
    return cast(str, g.openid)
