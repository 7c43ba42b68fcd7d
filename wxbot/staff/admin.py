"""Console pages about people: sign-in, own password, language, the roster, the audit log."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask import session as browser_session
from flask_babel import gettext
from flask_login import current_user
from sqlalchemy import update
from werkzeug.wrappers import Response as BaseResponse

from wxbot.logs import get_logger
from wxbot.staff import accounts, audit, audit_words, sign_in, totp
from wxbot.staff.audit import Actor
from wxbot.staff.browsers import known_people, remember_browser, set_cookie
from wxbot.staff.console import (
    ANYONE,
    LANGUAGE_COOKIE,
    LOCALES,
    SMALL,
    absent,
    act,
    actor,
    cookie_name,
    guard,
    is_too_often,
    locale,
    log_refusal,
    me,
    now,
    number,
    one_or_404,
    role_required,
    runtime,
    said,
    tell,
    text,
    too_often,
)
from wxbot.staff.models import ROLES, Staff
from wxbot.staff.passwords import make_temporary
from wxbot.text import Refusal, fault

log = get_logger(__name__)
blueprint = guard(Blueprint("staff", __name__))

HOMES = {
    "marketer": "campaigns.overview",
    "reviewer": "vouchers.index",
    "cashier": "campaigns.overview",
    "admin": "staff.people",
}


@blueprint.get("/sign-in")
@role_required(ANYONE)
def sign_in_form() -> str | BaseResponse:
    """The door."""
    if current_user.is_authenticated:
        return redirect(url_for(HOMES[me().role]))
    return render_template("console/sign_in.html", login="", fault="")


@blueprint.post("/sign-in")
@role_required(ANYONE)
def sign_in_post() -> tuple[str, int, dict[str, str]] | BaseResponse:
    """Check login and password; always a new session token (S23)."""
    if is_too_often("sign_in"):
        return too_often()
    login, password = request.form.get("login", ""), request.form.get("password", "")
    settings, ip = runtime().settings, request.remote_addr or ""
    try:
        opened = sign_in.sign_in(
            runtime().database,
            login,
            password,
            now(),
            hours=settings.session_hours,
            ip=ip,
            user_agent=request.user_agent.string,
            known=known_people(),
        )
    except sign_in.SignInRefused as refused:
        return _not_signed_in(login, refused)
    if current_user.is_authenticated:  # whoever sat here before: the old token ends with the new one (S23)
        with runtime().database.transaction() as session:
            sign_in.sign_out(session, me().token_hash)
    if opened.needs_code:
        browser_session.clear()
        response = redirect(url_for("totp.code_form"), 303)
        set_cookie(response, cookie_name(), opened.token, int(sign_in.CODE_LIFE.total_seconds()))
        return response
    return enter(opened.staff_id, opened.token)


def _not_signed_in(login: str, refused: sign_in.SignInRefused) -> tuple[str, int, dict[str, str]]:
    """The door again, with why. Tries that were not looked at leave no line in the audit log: strangers would fill it."""
    if refused.is_too_often:
        log.warning("sign_in_too_often", ip=request.remote_addr)
        wait = {"Retry-After": str(sign_in.wait_s(now()))}
        fault = gettext(
            "从这里登录这个账号的尝试太多，请半小时后再试。急用时请管理员在服务器上运行 wxbot staff enable。"
        )
        return render_template("console/sign_in.html", login=login, fault=fault), 429, wait
    with runtime().database.transaction() as session:
        who = Actor(
            refused.staff_id, sign_in.normal_login(login) if refused.staff_id else "?", request.remote_addr or ""
        )
        detail = {"why": "ended"} if refused.is_ended else None
        audit.record(session, who, "sign_in", "", now(), outcome="refused", detail=detail)
    fault = gettext("登录名或密码不正确。从同一处连续输错 10 次后，须等半小时再试。")
    if refused.is_ended:
        fault = gettext("临时密码已过期，请管理员再重置一次。")
    return render_template("console/sign_in.html", login=login, fault=fault), 401, {}


def enter(staff_id: int, token: str) -> BaseResponse:
    """Somebody has signed in: the audit log says so, and the browser gets the token."""
    browser_session.clear()
    with runtime().database.transaction() as session:
        person = session.get_one(Staff, staff_id)
        audit.record(session, Actor(staff_id, person.login, request.remote_addr or ""), "sign_in", "", now())
        home = url_for(HOMES[person.role])
    response = redirect(home, 303)
    set_cookie(response, cookie_name(), token, runtime().settings.session_hours * 3600)
    remember_browser(response, staff_id)
    return response


@blueprint.post("/sign-out")
@role_required(*ROLES)
def sign_out() -> BaseResponse:
    """End this session on the server."""
    with runtime().database.transaction() as session:
        sign_in.sign_out(session, me().token_hash)
        audit.record(session, actor(), "sign_out", "", now())
    browser_session.clear()
    response = redirect(url_for("staff.sign_in_form"), 303)
    response.delete_cookie(cookie_name(), path="/", secure=runtime().settings.public_url.startswith("https://"))
    return response


@blueprint.post("/language")
@role_required(ANYONE)
def language() -> BaseResponse:
    """Choose Chinese or English, for this browser and for the person."""
    chosen = request.form.get("locale", "")
    if chosen not in LOCALES:
        absent()
    if current_user.is_authenticated:
        with runtime().database.transaction() as session:
            session.execute(update(Staff).where(Staff.id == me().id).values(locale=chosen))
    back = request.form.get("back", "")
    is_ours = back.startswith("/admin") and not back.startswith("//") and "\\" not in back and back.isprintable()
    response = redirect(back if is_ours else url_for("staff.sign_in_form"), 303)
    set_cookie(response, LANGUAGE_COOKIE, chosen, 365 * 86400)
    return response


@blueprint.get("/password")
@role_required(*ROLES)
def password_form() -> str:
    """Choose a new password."""
    return render_template("console/password.html", fault=None)


@blueprint.post("/password")
@role_required(*ROLES)
def password() -> tuple[str, int] | BaseResponse:
    """Change the own password: all sessions end, and one signs in anew (S26)."""
    if is_too_often("password"):
        return too_often()
    new = request.form.get("password", "")
    try:
        if new != request.form.get("again", ""):
            raise fault("again", "两次输入的新密码不一致", "The two new passwords differ")
        accounts.change_own_password(runtime().database, me().id, request.form.get("old", ""), new, now(), by=actor())
    except Refusal as refused:
        log_refusal("password_change", f"staff:{me().id}", refused)
        return render_template("console/password.html", fault=refused), 422
    tell(gettext("密码已修改，请用新密码重新登录。"))
    return redirect(url_for("staff.sign_in_form"), 303)


@blueprint.get("/staff")
@role_required("admin")
def people() -> str:
    """The roster."""
    return _people_page()


def _people_page(fault: Refusal | None = None, given: dict[str, str] | None = None) -> str:
    with runtime().database.reading() as session:
        everyone = accounts.everyone(session)
    return render_template(
        "console/staff.html", people=everyone, roles=ROLES, fault=fault, given=given or {}, now=now()
    )


@blueprint.post("/staff")
@role_required("admin")
def add_person() -> tuple[str, int] | str:
    """Add a person with a password to be handed over once."""
    form = request.form
    password = make_temporary()
    try:
        staff_id = accounts.hire(
            runtime().database,
            form.get("login", ""),
            form.get("name", ""),
            form.get("role", ""),
            password,
            now(),
            is_temporary=True,
            locale=locale(),
            approves_from=now() + accounts.WAITS,
            by=actor(),
        )
    except Refusal as refused:
        log_refusal("staff_add", "", refused)
        return _people_page(refused, form.to_dict()), 422
    return _handover(staff_id, password)


def _handover(staff_id: int, password: str) -> str:
    with runtime().database.reading() as session:
        person = session.get_one(Staff, staff_id)
    return render_template("console/handover.html", person=person, password=password)


def other_person(staff_id: int) -> Staff:
    """Somebody else: nobody changes their own account here (S56)."""
    with runtime().database.reading() as session:
        person: Staff = one_or_404(session.get(Staff, staff_id) if staff_id < 2**31 else None)
    if staff_id == me().id:
        absent()
    return person


@blueprint.post("/staff/<int:staff_id>/disable")
@role_required("admin")
def disable_person(staff_id: int) -> BaseResponse:
    """Disable a person and end their sessions at once (S26)."""
    return _set_active(staff_id, False)


@blueprint.post("/staff/<int:staff_id>/enable")
@role_required("admin")
def enable_person(staff_id: int) -> BaseResponse:
    """Enable a person again."""
    return _set_active(staff_id, True)


def _set_active(staff_id: int, is_active: bool) -> BaseResponse:
    person = other_person(staff_id)
    if is_active:
        action, done = "staff_enable", gettext("%(name)s 可以登录了。", name=person.name)
    else:
        action, done = "staff_disable", gettext("%(name)s 已停用，所有会话已结束。", name=person.name)
    with act(action, f"staff:{staff_id}", done, detail={"login": person.login}) as session:
        accounts.set_active(session, staff_id, is_active, approves_from=now() + accounts.WAITS)
    return redirect(url_for("staff.people"), 303)


@blueprint.post("/staff/<int:staff_id>/reset")
@role_required("admin")
def reset_person(staff_id: int) -> str:
    """Give a person a new password to be changed at the next sign-in."""
    other_person(staff_id)
    password = make_temporary()
    accounts.set_password(
        runtime().database,
        staff_id,
        password,
        now(),
        is_temporary=True,
        approves_from=now() + accounts.WAITS,
        by=actor(),
    )
    return _handover(staff_id, password)


@blueprint.post("/staff/<int:staff_id>/totp")
@role_required("admin")
def reset_totp(staff_id: int) -> BaseResponse:
    """Ask a person for no code any more, who has lost phone and recovery codes; all their sessions end, and they approve
    nothing for a while: whoever knows their password could set up the next one."""
    person = other_person(staff_id)
    done = gettext("%(name)s 的两步验证已重置。", name=person.name)
    with act("totp_reset", f"staff:{staff_id}", done, detail={"login": person.login}) as session:
        totp.switch_off(session, staff_id)
        accounts.hold(session, staff_id, now() + accounts.WAITS)
        sign_in.end_sessions(session, staff_id)
    return redirect(url_for("staff.people"), 303)


@blueprint.get("/audit")
@role_required("admin")
def audit_log() -> str:
    """Who did what, newest first, with filters."""
    args, sought = request.args, text("target", 60)
    with runtime().database.reading() as session:
        everyone = accounts.everyone(session)
        known = {each.login: each.id for each in everyone} | {each.name: each.id for each in everyone}
        target = audit_words.target_typed(sought, known)
        events = audit.page(
            session,
            before_id=number("before"),
            staff_id=number("staff", SMALL),
            action=args.get("action", "") if args.get("action") in audit.ACTIONS else "",
            outcome=args.get("outcome", "") if args.get("outcome") in audit.OUTCOMES else "",
            target=target,
        )
    return render_template(
        "console/audit.html",
        events=events[: audit.PAGE_ROWS],
        has_more=len(events) > audit.PAGE_ROWS,
        people=everyone,
        actions=audit.ACTIONS,
        outcomes=audit.OUTCOMES,
        words=audit_words,
        names={str(person.id): person.name for person in everyone},
        chosen=args,
        about=sought if target != sought else said(audit_words.target_of(sought).said) or sought,
    )
