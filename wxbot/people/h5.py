"""The page on which a person binds a phone. Works without scripts; bind.js adds the countdown and asks without reloading."""

import functools
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from wxbot.people import bindings, codes, limits, phones, words
from wxbot.people.models import Binding, SmsCode
from wxbot.people.phone_pages import form_mark, language, openid, own_form, person_required, runtime, wants_json
from wxbot.text import moment_text

blueprint = Blueprint("bind", __name__)
"""Registered under /h5."""

STATUS = {"too_often": 429, "budget": 429, "busy": 503, "closed": 503, "bad_phone": 422, "malformed": 422}


@blueprint.get("/bind")
@person_required
def page() -> str:
    """What is bound now, or the form; ?change=1 shows the form to someone who is bound."""
    return _page()


@blueprint.post("/bind/code")
@person_required
@own_form
def ask_code() -> BaseResponse | tuple[str, int]:
    """Send a code; JSON for the script, the page again for a browser without scripts."""
    asked = bindings.ask_code(
        runtime(), openid(), request.form.get("phone", ""), request.remote_addr or "", runtime().clock.now()
    )
    status = 200 if asked.is_sent or asked.name == "already" else STATUS.get(asked.name, 409)
    if wants_json():
        answer: Response = jsonify(outcome=asked.name, text=asked.text.within(language()), wait_s=asked.wait_s)
        answer.status_code = status
        answer.headers["Cache-Control"] = "no-store"
        return answer
    return _page(asked), status


@blueprint.get("/bind/code")
@person_required
def code_state() -> Response:
    """How the code stands, for the page: a message that could not be sent is known a moment after it was asked for."""
    now = runtime().clock.now()
    with runtime().database.reading() as session:
        standing = codes.standing(session, bindings.PURPOSE, openid(), now)
    text = words.say("dead", language()) if standing == "dead" else ""
    answer: Response = jsonify(outcome=standing, text=text)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.post("/bind")
@person_required
@own_form
def confirm() -> BaseResponse | tuple[str, int]:
    """Compare the code. Afterwards the page loads itself anew, and the session of before the binding asks WeChat again (S23).

    Not by a redirect: a form's answer may not lead on to WeChat's host (the policy's form-action), a page may.
    """
    code, phone = request.form.get("code", ""), request.form.get("phone", "")
    outcome = bindings.confirm(runtime(), openid(), code, runtime().clock.now(), via="h5", phone=phone)
    page_text = _page(outcome)
    if not outcome.is_done:
        return page_text, STATUS.get(outcome.name, 409)
    response = Response(page_text)
    again = url_for("bind.page", lang="en" if request.args.get("lang") == "en" else None)
    response.headers["Refresh"] = f"0; url={again}"
    return response


def _page(told: bindings.BindingReply | None = None) -> str:
    """The whole page; `told` is what became of the last step."""
    now = runtime().clock.now()
    with runtime().database.reading() as session:
        mine, waiting = bindings.active(session, openid()), bindings.held(session, openid())
        code = session.get(SmsCode, (bindings.PURPOSE, openid()))
        has_code = codes.standing(session, bindings.PURPOSE, openid(), now) == "live"
    in_language = language()
    say = functools.partial(words.say, language=in_language)
    shown = _shown(mine or waiting, in_language)
    is_over = told is not None and told.name in ("already", "bound", "held")
    wants_form = (mine is None and waiting is None) or request.args.get("change") == "1" or told is not None
    return render_template(
        "h5/bind.html",
        say=say,
        lang="en" if in_language == "en" else None,
        mine=mine,
        waiting=waiting,
        shown=shown,
        has_form=wants_form and not is_over,
        has_code=has_code,
        phone=request.form.get("phone", "")[:60],
        told=told,
        text=told.text.within(in_language) if told else "",
        wait_s=_wait_s(code, now),
        mark=form_mark(),
    )


def _shown(binding: Binding | None, in_language: str) -> dict[str, Any]:
    if binding is None:
        return {}
    phone = phones.masked(runtime().vault.open(binding.phone_sealed))
    return {"phone": phone, "since": moment_text(binding.bound_at or binding.proved_at).within(in_language)}


def _wait_s(code: SmsCode | None, now: datetime) -> int:
    """Seconds until this person's next code, as far as the last one says."""
    if code is None or code.status == "dead":
        return 0
    return max(0, limits.PHONE[0].window_s - int((now - code.created_at).total_seconds()))
