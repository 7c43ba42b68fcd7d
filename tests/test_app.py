"""The web door: every address has a guard, foreign hosts and oversized bodies stay outside, errors tell nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from flask import Flask, g, request
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from werkzeug.routing import Rule

from tests.deployments import AES_KEY, TOKEN, app_for, close, settings_for
from wxbot import heartbeat
from wxbot.app import DOORS, create_app, guard_of
from wxbot.gate import Gate
from wxbot.private_servers import free_port
from wxbot.settings import SettingsError, load_settings, refuse_unsafe_start

CODE = "0123456789abcDEF"


@pytest.fixture
def app(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    """A production deployment."""
    made = app_for(settings_for("encrypted", sqlite_url, redis_url, tmp_path, mp_verify=CODE))
    yield made
    close(made)


@pytest.fixture
def simulated(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    """A deployment under the simulator profile."""
    made = app_for(settings_for("plain", sqlite_url, redis_url, tmp_path))
    yield made
    close(made)


def rules_of(app: Flask) -> list[Rule]:
    return list(app.url_map.iter_rules())


def address(rule: Rule) -> str:
    """An address the rule matches."""
    numbered = re.sub(r"<int:\w+>", "1", rule.rule)
    return re.sub(r"<(?:\w+:)?\w+>", "none-such", numbered)


# --- guards -------------------------------------------------------------------------------------------------------


def test_every_address_has_a_guard(app: Flask) -> None:
    unguarded = [rule.rule for rule in rules_of(app) if guard_of(app, rule.endpoint) is None]
    assert not unguarded, "give these a row in DOORS (wxbot/app.py)"


def test_every_address_stands_under_the_prefix_of_its_door(app: Flask) -> None:
    prefixes = {door.blueprint.name: door.prefix for door in DOORS}
    for rule in rules_of(app):
        if rule.endpoint != "static":
            assert rule.rule.startswith(prefixes[rule.endpoint.partition(".")[0]] + "/")


def test_a_stranger_gets_nothing_behind_a_guard(app: Flask) -> None:
    client = app.test_client()
    for rule in rules_of(app):
        if guard_of(app, rule.endpoint) == "public":
            continue
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            status = client.open(address(rule), method=method).status_code
            assert status in (302, 303, 400, 401, 403, 404), (method, rule.rule, status)


def test_only_these_addresses_of_the_console_are_public(app: Flask) -> None:
    public = {rule.rule for rule in rules_of(app) if guard_of(app, rule.endpoint) == "public"}
    assert {path for path in public if path.startswith("/admin")} == {
        "/admin/sign-in",
        "/admin/code",
        "/admin/language",
    }


def test_the_hot_path_pays_for_nothing_of_the_console(app: Flask) -> None:
    """Sign-in, CSRF and translations hang on the console's blueprints, not on every request."""
    assert not app.before_request_funcs.get(None)
    assert [function.__module__ for function in app.after_request_funcs.get(None, [])] == ["wxbot.app"]


# --- hosts, sizes, proxies ----------------------------------------------------------------------------------------

FOREIGN_HOSTS = [
    "evil.com",
    "shop.example.com.evil.com",
    "shop.example.com:1234",
    "evil.com:443",
    "127.0.0.1",
    "",
    "a b",
]


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_foreign_host_header_is_refused_S69(app: Flask, host: str) -> None:
    for path in ("/", "/admin/sign-in", "/wechat", "/h5/c/none", "/healthz/", "//healthz", "/static/errors/error.css"):
        response = app.test_client().get(path, headers={"Host": host})
        assert (response.status_code, response.data) == (400, b"")


@pytest.mark.parametrize("host", [*FOREIGN_HOSTS[:-1], "10.0.0.7:8000", "[::1]:8000", "[fe80::1]"])
def test_a_load_balancer_asks_by_address_S69(app: Flask, host: str) -> None:
    client = app.test_client()
    for path, status in (("/healthz", 200), ("/readyz", 200)):
        response = client.get(path, headers={"Host": host})
        assert response.status_code == status
        assert "evil.com" not in str(response.headers) + response.get_data(as_text=True)


def test_a_forwarded_host_changes_no_link_S69(sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    made = app_for(settings_for("encrypted", sqlite_url, redis_url, tmp_path, trusted_proxies=1))
    response = made.test_client().get("/", headers={"X-Forwarded-Host": "evil.com", "X-Forwarded-Proto": "https"})
    assert "evil.com" not in str(response.headers)
    close(made)


@pytest.mark.parametrize(("proxies", "seen"), [(0, "10.0.0.1"), (1, "198.51.100.7"), (2, "203.0.113.9")])
def test_only_as_many_proxies_as_set_are_believed_S69(
    proxies: int, seen: str, sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    made = app_for(settings_for("encrypted", sqlite_url, redis_url, tmp_path, trusted_proxies=proxies))
    found: list[Any] = []
    made.view_functions["health.alive"] = lambda: found.append(request.remote_addr) or "ok"
    made.test_client().get(
        "/healthz",
        headers={"X-Forwarded-For": "203.0.113.9, 198.51.100.7"},
        environ_base={"REMOTE_ADDR": "10.0.0.1"},
    )
    assert found == [seen]
    close(made)


def test_the_simulated_phone_may_use_loopback_addresses(simulated: Flask) -> None:
    for host in ("127.0.0.1:8000", "localhost:5000", "shop.example.com"):
        assert simulated.test_client().get("/robots.txt", headers={"Host": host}).status_code == 200
    assert simulated.test_client().get("/robots.txt", headers={"Host": "evil.com"}).status_code == 400


@pytest.mark.parametrize("path", ["/admin/sign-in", "/h5/c/none/draw", "/wechat"])
def test_no_address_takes_a_large_body_S16(app: Flask, path: str) -> None:
    response = app.test_client().post(
        path, data=b"a=" + b"x" * 70_000, content_type="application/x-www-form-urlencoded"
    )
    assert response.status_code in (400, 401, 403, 404, 413)
    assert app.config["MAX_CONTENT_LENGTH"] == 64 * 1024


# --- headers ------------------------------------------------------------------------------------------------------


def test_every_answer_carries_the_security_headers_S71(app: Flask) -> None:
    client = app.test_client()
    paths = ["/healthz", "/readyz", "/admin/sign-in", "/h5/c/none", "/none", "/static/errors/error.css", "/wechat", "/"]
    for path in paths:
        headers = client.get(path, buffered=True).headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "same-origin", path
        assert headers["Strict-Transport-Security"].startswith("max-age=31536000"), path
        assert len(headers.getlist("X-Content-Type-Options")) == 1, path
        assert "Server" not in headers


def test_the_console_may_not_be_framed_and_runs_only_our_scripts_S71(app: Flask) -> None:
    headers = app.test_client().get("/admin/sign-in").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "wx.qq.com" not in policy
    assert headers["Cache-Control"] == "private, no-store"


def test_scripts_of_the_phone_page_are_bounded_everywhere_and_the_rest_watched_in_production_S71(
    app: Flask, simulated: Flask
) -> None:
    real = app.test_client().get("/h5/c/none").headers
    enforced = real["Content-Security-Policy"].split("; ")
    assert (
        enforced[0].startswith("script-src 'self' https://") and "unsafe" not in enforced[0] and "*" not in enforced[0]
    )
    assert enforced[1:] == ["object-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"]
    assert "default-src 'none'" in real["Content-Security-Policy-Report-Only"]
    policy = simulated.test_client().get("/h5/c/none").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors http://127.0.0.1:1;" in policy
    assert "X-Frame-Options" not in simulated.test_client().get("/h5/c/none").headers


def test_an_inline_script_runs_only_with_the_nonce_of_its_page_S71(simulated: Flask) -> None:
    found: list[str] = []

    def view(slug: str) -> str:
        found.append(simulated.jinja_env.globals["csp_nonce"]())  # type: ignore[operator]
        assert g.csp_nonce == found[-1]
        return "ok"

    simulated.view_functions["h5.rules"] = view
    policies = [simulated.test_client().get("/h5/c/a/rules").headers["Content-Security-Policy"] for _ in range(2)]
    assert found[0] != found[1]
    assert all(f"'nonce-{nonce}'" in policy for nonce, policy in zip(found, policies, strict=True))


def test_a_static_file_is_kept_for_a_year_under_its_hash(app: Flask) -> None:
    with app.test_request_context():
        url = app.url_for("static", filename="errors/error.css")
    assert re.search(r"\?v=[0-9a-f]{12}$", url)
    assert "max-age=31536000" in app.test_client().get(url, buffered=True).headers["Cache-Control"]
    assert "max-age=300" in app.test_client().get("/static/errors/error.css", buffered=True).headers["Cache-Control"]


# --- files and secrets --------------------------------------------------------------------------------------------


def test_the_domain_proof_is_served_and_nothing_like_it(app: Flask) -> None:
    client = app.test_client()
    response = client.get(f"/MP_verify_{CODE}.txt")
    assert (response.status_code, response.data, response.mimetype) == (200, CODE.encode(), "text/plain")
    for other in ("0123456789abcdef", "short", CODE.lower(), "../../../etc/x"):
        assert client.get(f"/MP_verify_{other}.txt").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/.env",
        "/.git/HEAD",
        "/backup.sql",
        "/wxbot.db",
        "/instance/wxbot.db",
        "/static/../wxbot.db",
        "/static/%2e%2e/app.py",
        "/metrics",
        "/debug",
        "/console",
        "/server-status",
    ],
)
def test_nothing_lies_under_the_web_root_S60(app: Flask, path: str) -> None:
    assert app.test_client().get(path).status_code == 404


def test_production_refuses_key_files_that_others_can_read_S61(tmp_path: Path) -> None:
    settings = settings_for("encrypted", "sqlite://", "redis://127.0.0.1:1", tmp_path)
    refuse_unsafe_start(settings)
    settings.pay_cert_key_file.write_text("key")
    settings.pay_cert_key_file.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        create_app(settings)
    settings.pay_cert_key_file.chmod(0o600)
    refuse_unsafe_start(settings)


@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_production_refuses_debug_mode_S80(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_DEBUG", value)
    with pytest.raises(SettingsError, match="FLASK_DEBUG"):
        create_app(settings_for("encrypted", "sqlite://", "redis://127.0.0.1:1", tmp_path))


def test_there_is_no_debugger_S80(app: Flask) -> None:
    app.view_functions["health.alive"] = _break
    response = app.test_client().get("/healthz?__debugger__=yes&cmd=resource&f=debugger.js")
    assert response.status_code == 500
    assert b"werkzeug" not in response.data.lower()
    assert not app.debug


@pytest.mark.parametrize("key", ["dev", "secret", "0" * 31, ""])
def test_a_short_secret_key_is_refused_S86(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match="WXBOT_SECRET_KEY"):
        load_settings(secret_key=key)


def test_cookies_are_pinned_to_this_host_S86(app: Flask, simulated: Flask) -> None:
    assert app.config["SESSION_COOKIE_NAME"].startswith("__Host-")
    assert app.config["SESSION_COOKIE_SECURE"]
    assert app.config["SESSION_COOKIE_SAMESITE"] == "Lax"
    for cookie in app.test_client().get("/admin/sign-in").headers.getlist("Set-Cookie"):
        assert cookie.startswith("__Host-")
        assert all(part in cookie for part in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"))
    assert not simulated.config["SESSION_COOKIE_NAME"].startswith("__Host-")  # http has no __Host- cookies


def test_health_tells_nothing_but_health_S87(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/healthz?verbose=1").data == b"ok"
    ready = client.get("/readyz?verbose=1")
    assert (ready.status_code, ready.json) == (
        200,
        {"database": True, "redis": True, "workers": 0, "silent_workers": 0},
    )


def test_a_worker_that_fell_silent_is_counted_apart_S87(app: Flask, redis_url: str) -> None:
    with closing(redis_client.Redis.from_url(redis_url, decode_responses=True)) as redis:
        killed, living = heartbeat.Heartbeat(redis), heartbeat.Heartbeat(redis)
        for worker in (killed, living):
            worker.beat()
        redis.expire(f"wxbot:worker:{killed.id}", heartbeat.KEEP_S - heartbeat.SILENT_S - 1)
    ready = app.test_client().get("/readyz").json
    assert ready is not None
    assert (ready["workers"], ready["silent_workers"]) == (1, 1)


def test_ready_means_that_the_database_answers_S87(redis_url: str, tmp_path: Path) -> None:
    address = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    made = app_for(settings_for("encrypted", address, redis_url, tmp_path))
    ready = made.test_client().get("/readyz")
    assert (ready.status_code, ready.json) == (
        503,
        {"database": False, "redis": True, "workers": 0, "silent_workers": 0},
    )
    close(made)


# --- errors -------------------------------------------------------------------------------------------------------


def _break(*_: Any, **__: Any) -> str:
    secret = "a-secret-in-a-local-variable"
    raise RuntimeError(f"{secret} at /home/someone/file.py")


def test_a_failure_anywhere_tells_the_request_id_and_nothing_else_S81(app: Flask) -> None:
    app.view_functions = {
        name: app.view_functions[name] if name == "static" else _mark_broken(app, name) for name in app.view_functions
    }
    client = app.test_client()
    broken = 0
    for rule in rules_of(app):
        response = client.get(address(rule)) if "GET" in (rule.methods or ()) else client.post(address(rule))
        text = response.get_data(as_text=True)
        assert "secret-in-a-local" not in text
        assert "Traceback" not in text
        assert "file.py" not in text
        if response.status_code == 500:
            broken += 1
            assert re.search(r"<code>[0-9a-f]{16}</code>", text), rule.rule
    assert broken >= 5


def _mark_broken(app: Flask, name: str) -> Any:
    """A view that breaks but is guarded as the real one."""
    real = app.view_functions[name]

    def view(**values: Any) -> str:
        return _break(**values)

    view.__dict__.update(real.__dict__)
    return view


def test_the_log_has_what_the_page_does_not_S81(app: Flask, capfd: pytest.CaptureFixture[str]) -> None:
    app.view_functions["health.alive"] = _break
    page = app.test_client().get("/healthz").get_data(as_text=True)
    request_id = re.findall(r"<code>([0-9a-f]{16})</code>", page)[0]
    written = "".join(capfd.readouterr())
    assert request_id in written
    assert "RuntimeError" in written


@pytest.mark.parametrize(
    ("path", "method", "status", "words"),
    [
        ("/none", "GET", 404, "页面不存在"),
        ("/healthz", "POST", 405, "不支持"),
        ("/h5/nothing", "GET", 404, "页面不存在"),
    ],
)
def test_an_error_page_speaks_one_language_chinese_when_nobody_asks(
    app: Flask, path: str, method: str, status: int, words: str
) -> None:
    response = app.test_client().open(path, method=method)
    assert response.status_code == status
    assert words in response.text and '<html lang="zh-CN">' in response.text
    assert not re.search(r">[^<]*[a-z]{2,} [a-z]{2,}[^<]*<", response.text.partition("<body>")[2])
    english = app.test_client().open(path, method=method, headers={"Accept-Language": "en-GB,en;q=0.8"}).text
    assert '<html lang="en">' in english and not re.search("[\u4e00-\u9fff]", english)


def test_a_script_gets_its_error_as_json(app: Flask) -> None:
    response = app.test_client().get("/none", headers={"Accept": "application/json"})
    assert response.status_code == 404
    assert set(response.json or {}) == {"error", "error_en", "request_id"}


def test_a_database_that_is_down_makes_a_503_that_says_when_to_return(redis_url: str, tmp_path: Path) -> None:
    address = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    made = app_for(settings_for("encrypted", address, redis_url, tmp_path))

    def view() -> str:
        with made.extensions["wxbot"].database.reading():
            return "never"

    made.view_functions["health.alive"] = view
    response = made.test_client().get("/healthz")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert "系统繁忙" in response.get_data(as_text=True)
    close(made)


@hypothesis_settings(max_examples=80)
@given(path=st.text(max_size=40), query=st.text(max_size=40))
@example(path="/0:::\x80𐀀𐀀𐀀𐀀", query="")
def test_no_address_whatever_makes_a_5xx(path: str, query: str) -> None:
    # Past the client's own reading of an address: it takes what stands behind a second slash for a host, and may not be able to.
    received = {"PATH_INFO": "/" + path.encode(errors="replace").decode("latin-1")}  # PEP 3333
    client = _shared_app().test_client()
    assert client.get("/", query_string=query, environ_overrides=received).status_code < 500


_apps: list[Flask] = []


def _shared_app() -> Flask:
    if not _apps:
        _apps.append(app_for(settings_for("encrypted", "sqlite://", "redis://127.0.0.1:1", Path())))
    return _apps[0]


CANARIES = {
    "appsecret": "canaryappsecretcanaryappsecret01",
    "pay_key": "canarypaykeycanarypaykeycanary02",
    "secret_key": "canary-secret-key-canary-secret-key-03",
    "callback_token": TOKEN,
    "aes_key": AES_KEY,
}
STORY = """
import sys
from pathlib import Path
from tests.deployments import app_for, sender_of, settings_for
from tests.test_app import CANARIES, _break
from wxbot import logs

settings = settings_for("encrypted", sys.argv[1], sys.argv[2], Path(sys.argv[3]), **CANARIES)
logs.configure("DEBUG", "json")
app = app_for(settings)
client, sender = app.test_client(), sender_of(app)
pages = [
    sender.push(client, sender.message(Content="红包")),
    sender.push(client, sender.event("unheard_of", Ticket="canary-sp-ticket")),
    sender.push(client, sender.event("subscribe", EventKey="qrscene_x", Ticket="canary-qr-ticket")),
    client.get("/wechat", query_string=sender.query(signature="0" * 40)),
    client.get("/none?access_token=canarytokencanarytoken&code=canarycode"),
    client.get("/oauth/back?code=canarycodecanary&state=" + "0" * 32),
    client.get("/admin/sign-in"),
]
app.view_functions["health.alive"] = _break
pages.append(client.get("/healthz?secret=canaryquerysecret"))
print(repr(settings), settings.model_dump())
for page in pages:
    print(page.status_code, page.headers, page.get_data(as_text=True))
app.extensions["wxbot.callback"].close()
"""


def test_no_secret_reaches_the_log_or_a_page_S58(sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", STORY, sqlite_url, redis_url, str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    seen = told.stdout + told.stderr
    assert told.returncode == 0, seen
    assert "request_failed" in seen
    assert "callback_unknown" in seen
    for secret in (*CANARIES.values(), "canarycode", "canarytoken", "canary-sp-ticket", "canaryquerysecret"):
        assert secret not in seen


def test_the_gate_answers_before_flask_is_asked(app: Flask) -> None:
    assert isinstance(app.wsgi_app, Gate)
