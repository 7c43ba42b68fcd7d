"""What every page of the console shares: who is signed in, who may open what, CSRF, language, headers.

The guard denies by default: a route whose function names no roles is refused to everybody (S28). Everything hangs on the
console's blueprints; a callback or a draw passes none of it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from babel import Locale
from flask import Blueprint, Flask, Response, abort, current_app, flash, g, redirect, render_template, request, url_for
from flask_babel import Babel, gettext
from flask_login import LoginManager, current_user
from flask_wtf.csrf import generate_csrf, validate_csrf
from werkzeug.wrappers import Response as BaseResponse
from wtforms.validators import ValidationError

from wxbot import addresses, bidi, db, own_page, rate_limit, typed
from wxbot.clock import SHANGHAI
from wxbot.current import runtime as runtime
from wxbot.current import runtime_of
from wxbot.logs import get_logger
from wxbot.money import plain_percent, yuan
from wxbot.rate_limit import Rate
from wxbot.staff import accounts, audit
from wxbot.staff.audit import Actor
from wxbot.staff.models import ROLES, Staff
from wxbot.staff.sign_in import SignedIn, may_still, signed_in
from wxbot.text import Faulty, Refusal, Text, listed

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


View = TypeVar("View", bound=Callable[..., Any])

ANYONE = "anyone"
LANGUAGE_COOKIE = "console_language"
LOCALES = ("zh_CN", "en")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
TRANSLATIONS = Path(__file__).resolve().parent.parent / "translations"

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "frame-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "private, no-store",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""On every answer of the console (S71, S72, S77)."""

ALWAYS_OPEN = ("staff.sign_out", "staff.language")
"""What a person may do who must choose a password or set up the second step first."""

PER_ADDRESS = Rate(30, 300)
"""Attempts to sign in, or to give a code or a password, from one address."""

log = get_logger(__name__)
login_manager = LoginManager(add_context_processor=False)


def now() -> datetime:
    """The time of this request."""
    if "console_now" not in g:
        g.console_now = runtime().clock.now()
    return cast(datetime, g.console_now)


SMALL = 2**31 - 2
"""The largest number that still has a next one in an integer column: versions, ordinals, ids of staff and of kinds."""


def number(name: str, most: int = 10**15 - 1) -> int | None:
    """A whole number of the address or the form, None when it is absent or none of ours (0 … most)."""
    text = request.values.get(name, "")
    found = int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None
    return None if found is None or found > most else found


def text(name: str, most: int = 64) -> str:
    """A line of the address or the form, cut to `most` characters."""
    return typed.line(request.values.get(name, ""))[:most]


def me() -> SignedIn:
    """Who is signed in; only for pages behind the guard."""
    return cast(SignedIn, current_user._get_current_object())


def locale() -> str:
    """The language of this request: the cookie's, the person's own, or the deployment's."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LOCALES:
        return chosen
    if current_user and current_user.is_authenticated and current_user.locale in LOCALES:
        return str(current_user.locale)
    return runtime().settings.locale


@cache
def _parsed(name: str) -> Locale:
    """A language as Babel knows it, who looks through the names of all whenever it reads one."""
    return Locale.parse(name)


def role_required(*roles: str) -> Callable[[View], View]:
    """Say which roles may call a view; 'anyone' needs no sign-in."""
    for role in roles:
        if role not in (*ROLES, ANYONE):
            raise ValueError(f"no such role: {role}")

    def mark(view: View) -> View:
        view.staff_roles = frozenset(roles)  # type: ignore[attr-defined]
        if ANYONE in roles:
            own_page.public(view)
        return view

    return mark


def roles_of(view: Callable[..., Any] | None) -> frozenset[str]:
    """The roles that may call a view; empty means nobody."""
    return getattr(view, "staff_roles", frozenset())


def may(endpoint: str) -> bool:
    """Whether the person signed in may open an endpoint: decides what the pages offer."""
    person = me()  # asked once: every page asks this of each entry of its side bar
    return person.is_authenticated and person.role in roles_of(current_app.view_functions.get(endpoint))


def cookie_name() -> str:
    """The session cookie; with https its name pins it to this host (S86)."""
    return "__Host-staff" if runtime().settings.public_url.startswith("https://") else "staff"


class PermissionEnded(Exception):
    """Who acts was disabled, or signed out elsewhere, while their request was on its way."""


def log_action(action: str, target: str = "", outcome: str = "done", **detail: Any) -> None:
    """Write one event of the audit log for this request; also for who may not act any more."""
    check = db.write_check.set(None)
    try:
        with runtime().database.transaction() as session:
            audit.record(session, actor(), action, target, now(), outcome=outcome, detail=detail)
    finally:
        db.write_check.reset(check)


def log_export(action: str, target: str, **detail: Any) -> None:
    """Write that who is signed in takes data out, before it goes; raises PermissionEnded for who may not act any more."""
    with runtime().database.transaction() as session:
        audit.record(session, actor(), action, target, now(), detail=detail)


def actor() -> Actor:
    """Who acts in this request."""
    ip = request.remote_addr or ""
    return Actor(me().id, me().login, ip) if current_user.is_authenticated else Actor(None, "", ip)


def refusal(status: int, sentence: str) -> Response:
    """A page (or for htmx a bare sentence) that says why not."""
    if request.headers.get("HX-Request"):
        return Response(sentence, status=status, mimetype="text/plain")
    return Response(render_template("console/refused.html", status=status, sentence=sentence), status=status)


def is_too_often(purpose: str) -> bool:
    """Whether this address has tried too often (S54). Without Redis nobody is held up here: the counts of each account still hold."""
    name = f"console:{purpose}:{addresses.counted(request.remote_addr or '')}"
    return rate_limit.is_over(runtime(), name, PER_ADDRESS)


def too_often() -> Response:
    """The answer to an address that tries too often."""
    return refusal(429, gettext("尝试次数太多，请过几分钟再试。"))


def _deny(status: int, sentence: str, reason: str) -> Response:
    """Refuse a request. Who is not signed in leaves a log line only: the audit log can never be emptied again."""
    if current_user.is_authenticated:
        log_action("route", request.endpoint or "", "refused", reason=reason, method=request.method)
    else:
        log.warning("console_refused", endpoint=request.endpoint, reason=reason, ip=request.remote_addr)
    return refusal(status, sentence)


def _check_request() -> BaseResponse | None:
    if request.form:
        g.pop("_login_user", None)  # the body is read only here, however long that took: who sends it is asked again
    roles = roles_of(current_app.view_functions.get(request.endpoint or ""))
    if ANYONE not in roles:
        if not current_user.is_authenticated:
            target = url_for("staff.sign_in_form")
            if request.headers.get("HX-Request"):
                return Response("", status=401, headers={"HX-Redirect": target})
            return redirect(target)
        if current_user.role not in roles:
            return _deny(403, gettext("您的角色没有这项权限。如有需要，请联系管理员。"), "role")
    if request.method not in SAFE_METHODS:
        if not own_page.is_ours(request, runtime().settings.public_url):
            return _deny(400, gettext("请求不是来自本站页面，已拒绝。"), "origin")
        try:
            validate_csrf(request.form.get("csrf_token") or request.headers.get("X-CSRFToken"))
        except ValidationError:
            return _deny(400, gettext("页面已过期，请返回、刷新后再试一次。"), "csrf")
    if ANYONE not in roles and request.endpoint not in ALWAYS_OPEN:
        is_password_page = (request.endpoint or "").startswith("staff.password")
        if me().is_password_temporary and not is_password_page:
            return redirect(url_for("staff.password_form"))
        is_owed = runtime().settings.totp == "required" and not me().has_totp
        if is_owed and not is_password_page and not (request.endpoint or "").startswith("totp."):
            return redirect(url_for("totp.page"))
        if request.method not in SAFE_METHODS and not is_password_page:
            _ask_in_each_transaction(me(), roles)
    return None


def _ask_in_each_transaction(person: SignedIn, roles: frozenset[str]) -> None:
    """From here to the end of the request nothing is written for somebody who may not act any more (S26)."""

    def check(session: "Session") -> None:
        if not may_still(session, person, roles, runtime().clock.now()):
            raise PermissionEnded

    g.write_check = db.write_check.set(check)


def _ask_no_longer(_error: BaseException | None) -> None:
    if check := g.pop("write_check", None):
        db.write_check.reset(check)


def _permission_ended(_error: PermissionEnded) -> Response:
    return _deny(403, gettext("您的账号已停用或已退出登录，这一步没有执行。"), "ended")


def _seal_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


def guard(blueprint: Blueprint) -> Blueprint:
    """Put the guard before every route of a console blueprint, and the headers on every answer."""
    blueprint.record(lambda state: _install(cast(Flask, state.app)))
    blueprint.before_request(_check_request)
    blueprint.teardown_request(_ask_no_longer)
    blueprint.after_request(_seal_headers)
    blueprint.register_error_handler(PermissionEnded, _permission_ended)
    blueprint.register_error_handler(404, lambda _error: refusal(404, gettext("没有这个页面，或者您不能查看它。")))
    blueprint.register_error_handler(405, lambda _error: refusal(405, gettext("没有这个页面，或者您不能查看它。")))
    blueprint.register_error_handler(429, lambda _error: refusal(429, gettext("尝试次数太多，请过几分钟再试。")))
    return blueprint


def absent() -> NoReturn:
    """End the request as if the thing did not exist: the same for what is absent and what is not theirs (S29)."""
    abort(404)


def one_or_404(value: Any) -> Any:
    """The value; 404 when there is none."""
    if value is None:
        abort(404)
    return value


def tell(text: str, kind: str = "success") -> None:
    """Show a sentence on the next page."""
    flash(text, kind)


def said(sentence: Text) -> str:
    """A sentence in the language of the reader."""
    return sentence.within(locale())


def said_listed(things: Iterable[object]) -> str:
    """Several things as a sentence in the language of the reader names them."""
    return said(listed(things))


def log_refusal(action: str, target: str, refused: Refusal, **detail: Any) -> None:
    """Write into the audit log that a verb was refused, why, and which fields of a form were wrong; the caller shows it."""
    if fields := sorted({fault.field for fault in _faults(refused) if fault.field}):
        detail = {"fields": fields}
    log_action(action, target, "refused", reason=refused.reason, **detail)


def _faults(refused: Refusal) -> Sequence[Refusal]:
    return refused.faults if isinstance(refused, Faulty) else [refused]


@contextmanager
def refusal_told(action: str, target: str, *, is_logged: bool = True, **detail: Any) -> Iterator[None]:
    """What a verb refuses within is logged, and shown on the next page: for a form, one sentence for each field."""
    try:
        yield
    except Refusal as refused:
        if is_logged:
            log_refusal(action, target, refused, **detail)
        for fault in _faults(refused):
            tell(said(fault.text), "danger")


@contextmanager
def act(
    action: str,
    target: str,
    done: str,
    kind: str = "success",
    *,
    detail: Mapping[str, Any] | None = None,
    is_refusal_logged: bool = True,
) -> Iterator["Session"]:
    """One effect with its line in the audit log, in one transaction; that it is done, or why it was refused, is told.

    `detail` may be filled in within.
    """
    with refusal_told(action, target, is_logged=is_refusal_logged):
        with runtime().database.transaction() as session:
            yield session
            audit.record(session, actor(), action, target, now(), detail=detail)
        tell(done, kind)


def why_not(require: Callable[..., object], *args: Any) -> str:
    """Why a button would be refused, in the reader's language, '' when it would not: `require` is what its verb asks first."""
    try:
        require(*args)
    except Refusal as refused:
        return said(refused.text)
    return ""


def held_me() -> str:
    """Why who is signed in agrees to nothing yet, in their language; '' when they may."""
    until = me().approves_from
    return said(accounts.held_text(until)) if until is not None and until > now() else ""


def local(moment: datetime | None, form: str = "%Y-%m-%d %H:%M") -> str:
    """A moment in Shanghai, for people."""
    return moment.astimezone(SHANGHAI).strftime(form) if moment else "—"


def cny(amount_fen: int) -> str:
    """An amount with its sign and currency: -1 → '-¥0.01'."""
    return f"-¥{yuan(-amount_fen)}" if amount_fen < 0 else f"¥{yuan(amount_fen)}"


def _held_accounts() -> Sequence[Staff]:
    """Accounts that may not approve yet; every page names them to everybody, so that nobody is two people unseen."""
    with runtime().database.reading() as session:
        return accounts.held(session, now())


def _load_from_cookie(_request: Any) -> SignedIn | None:
    token = request.cookies.get(cookie_name(), "")
    return signed_in(runtime().database, token, now()) if token else None


def _install(app: Flask) -> None:
    """Attach sign-in, languages and the pages' words to an application, once."""
    if getattr(app, "login_manager", None) is login_manager:
        return
    # Not init_app: that would look at a remember-me cookie after every request, callbacks and draws included.
    app.login_manager = login_manager  # type: ignore[attr-defined]
    login_manager.session_protection = None
    login_manager.request_loader(_load_from_cookie)
    app.config.setdefault("WTF_CSRF_TIME_LIMIT", None)
    settings = runtime_of(app).settings
    if "babel" not in app.extensions:
        babel = Babel(
            app,
            default_locale=settings.locale,
            default_timezone="Asia/Shanghai",
            locale_selector=lambda: _parsed(locale()),
            default_translation_directories=str(TRANSLATIONS),
        )
        sentences = babel.domain_instance = bidi.Sentences()
        app.jinja_env.globals["gettext"] = app.jinja_env.globals["_"] = bidi.isolating(sentences)
    app.jinja_env.filters.update(
        said=said, listed=said_listed, yuan=yuan, cny=cny, plain_percent=plain_percent, local=local, num="{:,}".format
    )
    app.jinja_env.globals.update(
        held_accounts=_held_accounts,
        held_me=held_me,
        csrf_token=generate_csrf,
        current_user=current_user,
        may=may,
        console_locale=locale,
        console_now=now,
    )
