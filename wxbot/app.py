"""The door for browsers: create_app(settings). DOORS is every address there is: prefix → blueprint → guard → headers.

What only the console needs (sign-in, CSRF, translations, rate limits) hangs on the console's blueprints, so that a
callback or a draw does not pay for it.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, jsonify, redirect, render_template, request
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from wxbot import compressed, current, form_fields, gate, health, inbox, lineage, logs, oauth, own_page
from wxbot.alerts import admin as alerts
from wxbot.alerts.tell import Watchman
from wxbot.bidi import Isolation
from wxbot.callback import CallbackDoor
from wxbot.campaigns import admin as campaigns
from wxbot.cookies import Cookies
from wxbot.draws import admin as draw_charts
from wxbot.draws import admin_days, h5
from wxbot.hall import admin as hall_desk
from wxbot.hall import admin_codes as hall_codes
from wxbot.hall import admin_invited, admin_seal, h5_verify, screen_doors
from wxbot.hall import h5 as hall_h5
from wxbot.headers import Headers, Pages, csp_nonce
from wxbot.instant import admin_awards, admin_changes, admin_codes, admin_preview, awards_h5, h5_preview
from wxbot.instant import admin_listed as listed
from wxbot.instant import admin_look as looks
from wxbot.instant import h5 as instant_h5
from wxbot.instant import h5_rules as instant_rules
from wxbot.keys import sentinel
from wxbot.metrics import exposition
from wxbot.orders import admin as orders
from wxbot.orders import notify
from wxbot.payouts import admin as payouts
from wxbot.payouts import admin_lists, admin_programmes
from wxbot.payouts import h5 as payouts_h5
from wxbot.people import admin as roster
from wxbot.people import admin_confirm as confirmations
from wxbot.people import admin_marks as marks
from wxbot.people import admin_tie, h5_tie
from wxbot.people import h5 as bind
from wxbot.replies import admin as reply_rules
from wxbot.replies import admin_dialogues, admin_menu
from wxbot.runtime import Runtime
from wxbot.settings import Settings, load_settings, refuse_unsafe_start
from wxbot.staff import admin as staff
from wxbot.staff import admin_reports
from wxbot.staff import admin_totp as totp
from wxbot.text import Text
from wxbot.thaw import admin as thaw
from wxbot.timeline import admin as timeline
from wxbot.vouchers import admin as vouchers
from wxbot.vouchers import folders
from wxbot.vouchers import h5 as vouchers_h5

Guard = Literal["public", "openid", "staff"]
"""public: anyone · openid: a person WeChat vouched for · staff: someone signed in to the console."""

BODY_BYTES = 64 * 1024
"""Largest body of any request; a page that takes files raises it for itself (security S16)."""

log = logs.get_logger(__name__)
public_files = Blueprint("public_files", __name__)


@dataclass(frozen=True)
class Door:
    """One row of the table. A view may be opened wider or narrower than its door only by saying so itself:
    `own_page.public` (the sign-in page of the console is public inside a staff door)."""

    prefix: str
    blueprint: Blueprint
    guard: Guard
    pages: Pages


DOORS: tuple[Door, ...] = (
    Door("", health.blueprint, "public", "machine"),
    Door("", exposition.blueprint, "public", "machine"),
    Door("", public_files, "public", "machine"),
    Door("/oauth", oauth.blueprint, "public", "phone"),
    Door("/pay", notify.blueprint, "public", "machine"),
    Door("/h5", h5.blueprint, "openid", "phone"),
    Door("/h5", instant_rules.blueprint, "openid", "phone"),
    Door("/h5", instant_h5.blueprint, "openid", "phone"),
    Door("/h5", h5_preview.blueprint, "openid", "preview"),
    Door("/h5", bind.blueprint, "openid", "phone"),
    Door("/h5", h5_tie.blueprint, "openid", "phone"),
    Door("/h5", payouts_h5.me, "openid", "phone"),
    Door("/h5", payouts_h5.blueprint, "openid", "phone"),
    Door("/h5", awards_h5.blueprint, "openid", "phone"),
    Door("/h5", vouchers_h5.blueprint, "openid", "phone"),
    Door("/h5", hall_h5.blueprint, "openid", "phone"),
    Door("/h5", h5_verify.blueprint, "openid", "phone"),
    Door("/hall", screen_doors.blueprint, "public", "screen"),
    Door("/admin", campaigns.blueprint, "staff", "console"),
    Door("/admin", draw_charts.blueprint, "staff", "console"),
    Door("/admin", looks.blueprint, "staff", "console"),
    Door("/admin", admin_preview.blueprint, "staff", "console"),
    Door("/admin", admin_codes.blueprint, "staff", "console"),
    Door("/admin", listed.blueprint, "staff", "console"),
    Door("/admin", admin_invited.blueprint, "staff", "console"),
    Door("/admin", admin_awards.blueprint, "staff", "console"),
    Door("/admin", admin_days.blueprint, "staff", "console"),
    Door("/admin", admin_changes.blueprint, "staff", "console"),
    Door("/admin", hall_desk.blueprint, "staff", "console"),
    Door("/admin", hall_codes.blueprint, "staff", "console"),
    Door("/admin", admin_seal.blueprint, "staff", "console"),
    Door("/admin", orders.blueprint, "staff", "console"),
    Door("/admin", payouts.blueprint, "staff", "console"),
    Door("/admin", admin_programmes.blueprint, "staff", "console"),
    Door("/admin", admin_lists.blueprint, "staff", "console"),
    Door("/admin", thaw.blueprint, "staff", "console"),
    Door("/admin", reply_rules.blueprint, "staff", "console"),
    Door("/admin", admin_menu.blueprint, "staff", "console"),
    Door("/admin", admin_dialogues.blueprint, "staff", "console"),
    Door("/admin", roster.blueprint, "staff", "console"),
    Door("/admin", marks.blueprint, "staff", "console"),
    Door("/admin", confirmations.blueprint, "staff", "console"),
    Door("/admin", vouchers.blueprint, "staff", "console"),
    Door("/admin", timeline.blueprint, "staff", "console"),
    Door("/admin", alerts.blueprint, "staff", "console"),
    Door("/admin", staff.blueprint, "staff", "console"),
    Door("/admin", totp.blueprint, "staff", "console"),
    Door("/admin", admin_reports.blueprint, "staff", "console"),
    Door("/admin", admin_tie.blueprint, "staff", "console"),
)
"""Every address of the web door but two: gate.CALLBACK, which stands in front of Flask, and /static, files without secrets."""


@public_files.get("/")
def front() -> BaseResponse:
    """Nobody in the chat is led here; whoever types the bare address is staff."""
    return redirect("/admin/")


@public_files.get("/robots.txt")
def robots() -> Response:
    """Search engines have nothing to find here."""
    return Response("User-agent: *\nDisallow: /\n", mimetype="text/plain")


@public_files.get("/MP_verify_<code>.txt")
def domain_proof(code: str) -> Response:
    """The file with which WeChat checks that a domain is ours; it holds the code of its name (wechat-protocol §7.5)."""
    runtime = current.runtime()
    if not re.fullmatch(r"[0-9A-Za-z]{16}", code) or code not in runtime.settings.mp_verify_codes:
        return Response("", 404, mimetype="text/plain")
    return Response(code, mimetype="text/plain")


# --- headers ------------------------------------------------------------------------------------------------------


def _install_headers(app: Flask, settings: Settings) -> None:
    """Policies for pages; what every answer carries is added by the Gate, where it costs least."""
    by_blueprint = {door.blueprint.name: Headers.of(door.pages, settings) for door in DOORS}
    fallback = Headers.of("console", settings)

    @app.after_request
    def _finish(response: Response) -> Response:
        by_blueprint.get(request.blueprint or "", fallback).put(response)
        return response


# --- errors -------------------------------------------------------------------------------------------------------

SENTENCES = {
    400: Text("请求有误，请返回重试。", "The request could not be understood."),
    401: Text("请先登录。", "Please sign in first."),
    403: Text("您没有权限查看这个页面。", "You may not open this page."),
    404: Text("页面不存在，可能已被移走。", "There is no such page."),
    405: Text("不支持这样访问。", "This address cannot be used like this."),
    413: Text("内容太大，请缩小后再试。", "What was sent is too big."),
    429: Text("操作太频繁，请稍后再试。", "Too many requests, please wait a moment."),
    503: Text("系统繁忙，请稍后再试。", "Busy, please try again in a moment."),
}
BROKEN = Text("系统出错了，我们已经记录下来，请稍后再试。", "Something went wrong on our side; it has been recorded.")


def _error_answer(status: int, request_id: str) -> Response:
    """A page (or JSON for a script) with a sentence and the request id, and nothing else (security S81)."""
    text = SENTENCES.get(status, BROKEN if status >= 500 else SENTENCES[400])
    wants_json = request.accept_mimetypes.best_match(("text/html", "application/json")) == "application/json"
    if wants_json or request.is_json:
        response = jsonify(error=text.zh, error_en=text.en, request_id=request_id)
    else:
        language = own_page.language_of(request)
        page = render_template(
            "errors/error.html", status=status, text=text.within(language), language=language, request_id=request_id
        )
        response = Response(page, mimetype="text/html")
    response.status_code = status
    if status == 503:
        response.headers["Retry-After"] = "5"
    return response


def _install_errors(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def _refused(error: HTTPException) -> Any:
        status = error.code or 500
        if status < 400 or error.response is not None:
            return error
        request_id = secrets.token_hex(8)
        if status >= 500:
            log.error("request_failed", path=request.path, status=status, request_id=request_id)
        answer = _error_answer(status, request_id)
        for name, value in error.get_headers(request.environ):
            if name in ("Allow", "Retry-After"):
                answer.headers[name] = value
        return answer

    @app.errorhandler(OperationalError)
    @app.errorhandler(PoolTimeout)
    def _database_busy(error: Exception) -> Response:
        request_id = secrets.token_hex(8)
        log.error("database_busy", path=request.path, request_id=request_id, reason=str(error)[:300])
        return _error_answer(503, request_id)

    @app.errorhandler(Exception)
    def _broken(error: Exception) -> Response:
        request_id = secrets.token_hex(8)
        log.error("request_failed", path=request.path, status=500, request_id=request_id, exc_info=error)
        return _error_answer(500, request_id)


# --- files --------------------------------------------------------------------------------------------------------


def templates_folder() -> Path:
    """The pages: inside the package in an installed wheel, beside it in a source tree."""
    inside = Path(__file__).parent / "templates"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "templates"


class Site(Flask):
    """Flask, but what was typed is cleaned, and a file asked for by its hash may be kept for a year, any other for five minutes."""

    request_class = form_fields.Request

    def get_send_file_max_age(self, filename: str | None) -> int:
        """Seconds a browser may keep a static file."""
        return 31_536_000 if request.args.get("v") else 300


@lru_cache(maxsize=512)
def _fingerprint(path: str, _modified_ns: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]


def _install_static(app: Flask) -> None:
    """`url_for('static', filename=…)` carries a hash of the file, so browsers may keep it for a year."""

    @app.url_defaults
    def _hashed(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "v" not in values and app.static_folder:
            path = os.path.join(app.static_folder, values["filename"])
            if os.path.isfile(path):
                values["v"] = _fingerprint(path, os.stat(path).st_mtime_ns)


# --- the application ----------------------------------------------------------------------------------------------


def _cookies(settings: Settings) -> dict[str, Any]:
    """Cookies that no other site or subdomain can set or read (security S23, S86)."""
    is_https = settings.public_url.startswith("https://")
    return {
        "SESSION_COOKIE_NAME": "__Host-wxbot" if is_https else "wxbot",
        "SESSION_COOKIE_SECURE": is_https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_PATH": "/",
        "SESSION_REFRESH_EACH_REQUEST": False,
    }


def create_app(parts: Runtime | Settings | None = None) -> Flask:
    """Build the web application from a Runtime, from settings, or from the environment.

    Raises SettingsError with a sentence for every setting that is wrong.
    """
    runtime = parts if isinstance(parts, Runtime) else Runtime(parts or load_settings())
    settings = runtime.settings
    refuse_unsafe_start(settings)
    folders.refuse_second(runtime)
    app = Site("wxbot", template_folder=str(templates_folder()), static_folder=str(Path(__file__).parent / "static"))
    app.session_interface = Cookies(runtime.clock)
    app.config.update(
        SECRET_KEY=settings.secret_key.get_secret_value(),
        MAX_CONTENT_LENGTH=BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=BODY_BYTES,
        MAX_FORM_PARTS=200,
        SERVER_NAME=urlsplit(settings.public_url).netloc,
        PREFERRED_URL_SCHEME=urlsplit(settings.public_url).scheme,
        **_cookies(settings),
    )
    current.keep(app, runtime)
    app.jinja_env.globals.update(
        csp_nonce=csp_nonce, brand=settings.brand, inbox_lines=inbox.mine, inbox_counts=inbox.counts
    )
    app.jinja_env.add_extension(Isolation)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    callback = app.extensions["wxbot.callback"] = CallbackDoor(runtime)
    _install_headers(app, settings)
    _install_errors(app)
    _install_static(app)
    for door in DOORS:
        app.register_blueprint(door.blueprint, url_prefix=door.prefix or None)
    if not settings.trusted_proxies:  # else the proxy compresses
        compressed.install(app, frozenset(door.blueprint.name for door in DOORS if door.pages == "console"))
    gate.install(app, callback, runtime)
    return app


def application() -> Flask:
    """The web application of a deployment, for a WSGI server: settings from the environment, logs set up."""
    settings = load_settings()
    logs.configure(settings.log_level, settings.log_format)
    runtime = Runtime(settings)
    sentinel.require_if_reachable(runtime)
    app = create_app(runtime)
    lineage.look_at_start(runtime)
    Watchman(runtime).start()
    return app


def guard_of(app: Flask, endpoint: str) -> Guard | None:
    """Who may use an endpoint: what its view says, else what its door says; None when it stands in no door."""
    view: Callable[..., Any] = app.view_functions[endpoint]
    said: Guard | None = getattr(view, "guard", None)
    if said is not None:
        return said
    if endpoint == "static":
        return "public"
    name = endpoint.rpartition(".")[0]
    return next((door.guard for door in DOORS if door.blueprint.name == name), None)
