"""What the phone pages of a person share: a session that knows the newest binding, forms that only our own pages can send.

@blueprint.get("/voucher")
@person_required                  # signed in, and WeChat was asked again since the binding changed (S23, S26)

@blueprint.post("/voucher")
@person_required
@own_form                         # Origin, Sec-Fetch-Site and the form_mark() of a page of this session (S55)
"""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import redis as redis_client
from flask import Response, g, jsonify, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from wxbot import oauth, own_page
from wxbot.current import runtime as runtime
from wxbot.logs import get_logger
from wxbot.people import bindings, languages, words
from wxbot.people.models import PersonLanguage
from wxbot.wechat import jssdk
from wxbot.wechat.errors import WeChatError

log = get_logger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


def language() -> str:
    """ "zh" or "en" for the present request."""
    return own_page.language_of(request)


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
            noted = database.get(PersonLanguage, session.openid)
        if languages.is_news(noted, language(), is_written=False):
            with runtime().database.transaction() as database:
                languages.note(database, session.openid, language(), runtime().clock.now(), is_written=False)
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


def no_store(response: Response, status: int = 200) -> Response:
    """An answer about one person, which no cache may keep."""
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response


def form_mark() -> str:
    """For a form's hidden field `form_mark`: proof that one of our pages was shown to this session within the hour."""
    return own_page.mark(_sign, oauth.signed_in().session_id, runtime().clock.unix())


def _sign(text: str) -> str:
    return oauth.signature(runtime(), "form", text)


def is_own(mark: str) -> bool:
    """Whether this request comes from a page of ours that was shown to this session, within the hour (S55)."""
    is_ours = own_page.is_ours(request, runtime().settings.public_url)
    return is_ours and own_page.is_fresh(mark, _sign, oauth.signed_in().session_id, runtime().clock.unix())


def own_form(view: Callable[P, R]) -> Callable[P, R | BaseResponse]:
    """Refuse what did not come from a form of ours (S55): the mark in `form_mark` or the header X-Form-Mark."""

    @functools.wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | BaseResponse:
        mark = request.headers.get("X-Form-Mark") or request.form.get("form_mark", "")
        if not is_own(mark):
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


def wx_config(*apis: str) -> dict[str, Any] | None:
    """What the page hands to wx.config, for this very address and these calls; None without a ticket: the page then tries WeChat's
    bridge directly."""
    query = request.query_string.decode("ascii", "ignore")
    address = f"{runtime().settings.public_url}{request.path}" + (f"?{query}" if query else "")
    try:
        jsapi_ticket = runtime().tokens.jsapi_ticket()
    except (WeChatError, redis_client.RedisError):
        log.warning("no_jsapi_ticket")
        return None
    now, appid = runtime().clock.now(), runtime().settings.appid
    return jssdk.config(address, jsapi_ticket, now, appid=appid, js_api_list=apis)
