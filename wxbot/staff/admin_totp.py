"""Console pages of the second step: the code at sign-in, and a person's own authenticator and recovery codes."""

import segno
from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from wxbot.staff import sign_in, totp
from wxbot.staff.admin import enter
from wxbot.staff.audit import Actor, record
from wxbot.staff.browsers import known_people
from wxbot.staff.code_asked import is_code_due, take_code
from wxbot.staff.console import (
    ANYONE,
    act,
    cookie_name,
    guard,
    is_too_often,
    log_refusal,
    me,
    now,
    role_required,
    runtime,
    said,
    text,
    too_often,
)
from wxbot.staff.models import ROLES
from wxbot.text import Refusal

blueprint = guard(Blueprint("totp", __name__))
blueprint.add_app_template_global(is_code_due, "is_code_due")


def _waiting() -> sign_in.SignedIn | None:
    """Who has typed the right password in this browser and not yet a code."""
    token = request.cookies.get(cookie_name(), "")
    return sign_in.signed_in(runtime().database, token, now(), is_code_due=True) if token else None


@blueprint.get("/code")
@role_required(ANYONE)
def code_form() -> str | BaseResponse:
    """The second step of the door."""
    if _waiting() is None:
        return redirect(url_for("staff.sign_in_form"))
    return render_template("console/code.html", fault="")


@blueprint.post("/code")
@role_required(ANYONE)
def code_post() -> BaseResponse | tuple[str, int]:
    """Check the code; a new token replaces the one that waited."""
    waiting = _waiting()
    if waiting is None:
        return redirect(url_for("staff.sign_in_form"), 303)
    if is_too_often("sign_in"):
        return too_often()
    ip = request.remote_addr or ""
    try:
        take_code(waiting)
    except Refusal as refused:
        with runtime().database.transaction() as session:
            who = Actor(waiting.id, waiting.login, ip)
            record(session, who, "sign_in", "", now(), outcome="refused", detail={"why": refused.reason})
            if refused.reason == "code_tries":
                sign_in.sign_out(session, waiting.token_hash)
        return render_template("console/code.html", fault=said(refused.text)), 401
    token = sign_in.finish(
        runtime().database,
        waiting,
        now(),
        hours=runtime().settings.session_hours,
        ip=ip,
        user_agent=request.user_agent.string,
        is_known=waiting.id in known_people(),
    )
    return enter(waiting.id, token)


# --- one's own ------------------------------------------------------------------------------------------------------


@blueprint.get("/totp")
@role_required(*ROLES)
def page() -> str:
    """What is set up; while a secret waits for its first code, the QR code of it."""
    return _page()


def _page(fault: Refusal | None = None, codes: list[str] | None = None) -> str:
    with runtime().database.reading() as session:
        secret = totp.to_show(session, runtime().vault, me().id)
        left = totp.recovery_left(session, me().id)
    address = totp.address_of(secret, me().login, runtime().settings.brand) if secret else ""
    return render_template(
        "console/totp.html",
        secret=" ".join(secret[n : n + 4] for n in range(0, len(secret), 4)),
        picture=segno.make(address, error="m").svg_data_uri(scale=5) if secret else "",
        codes=codes or [],
        left=left,
        fault=fault,
        is_on=me().has_totp or bool(codes),
        is_required=runtime().settings.totp == "required",
    )


@blueprint.post("/totp/begin")
@role_required(*ROLES)
def begin() -> BaseResponse:
    """Make a secret to put into the app; a second click makes another one."""
    with runtime().database.transaction() as session:
        totp.begin(session, runtime().vault, me().id)
    return redirect(url_for("totp.page"), 303)


@blueprint.post("/totp/confirm")
@role_required(*ROLES)
def confirm() -> str | tuple[str, int] | BaseResponse:
    """The first code of the app: from now on one is asked at every sign-in. Recovery codes are shown once."""
    if is_too_often("totp"):
        return too_often()
    try:
        with runtime().database.transaction() as session:
            codes = totp.confirm(session, runtime().vault, me().id, text("code"), now())
            record(session, Actor(me().id, me().login, request.remote_addr or ""), "totp_on", f"staff:{me().id}", now())
    except Refusal as refused:
        log_refusal("totp_on", f"staff:{me().id}", refused)
        return _page(refused), 422
    return _page(codes=codes)


@blueprint.post("/totp/codes")
@role_required(*ROLES)
def renew_codes() -> str | tuple[str, int]:
    """New recovery codes instead of the former ones, for a code of the app."""
    try:
        take_code(me())
    except Refusal as refused:
        log_refusal("totp_codes", f"staff:{me().id}", refused)
        return _page(refused), 422
    with runtime().database.transaction() as session:
        codes = totp.renew_recovery(session, me().id)
        record(session, Actor(me().id, me().login, request.remote_addr or ""), "totp_codes", f"staff:{me().id}", now())
    return _page(codes=codes)


@blueprint.post("/totp/off")
@role_required(*ROLES)
def off() -> BaseResponse | tuple[str, int]:
    """Ask for no code any more, for one last code. With WXBOT_TOTP=required the next page asks to set it up again."""
    try:
        take_code(me())
    except Refusal as refused:
        log_refusal("totp_off", f"staff:{me().id}", refused)
        return _page(refused), 422
    with act("totp_off", f"staff:{me().id}", gettext("两步验证已关闭。")) as session:
        totp.switch_off(session, me().id)
    return redirect(url_for("totp.page"), 303)
