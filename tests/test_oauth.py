"""OAuth at the web door: one silent redirect and back, against the simulator's authorize page."""

from __future__ import annotations

import ast
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from tests.conftest import Cast
from tests.draws.conftest import app, hong, ming, stage  # noqa: F401 - fixtures
from tests.draws.stage import BASE, Phone, Stage
from tests.servers import SimulatedWeChat
from wxbot import oauth
from wxbot.app import create_app
from wxbot.runtime import Runtime

EXCHANGE = "sns/oauth2/access_token"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Signing in needs no particular database."""
    return sqlite_url


def session_of(phone: Phone) -> oauth.PhoneSession | None:
    cookie = phone.client.get_cookie(oauth.session_cookie(phone.runtime), domain="127.0.0.1")
    return oauth.read_session(phone.runtime, cookie.value) if cookie else None


def openid_of(phone: Phone) -> str | None:
    session = session_of(phone)
    return session.openid if session else None


def way_back(phone: Phone, path: str) -> str:
    """Open a page up to WeChat's answer, and return the callback's address without opening it."""
    reply = phone.get(path)
    assert reply.status_code == 302
    return phone.authorize(reply.headers["Location"])


def exchanges(simulator: SimulatedWeChat) -> int:
    """How often WeChat was asked about a code."""
    lines = simulator.control("GET", "log")
    rows = lines.get("requests") or lines.get("log") or lines.get("entries") or []
    return sum(EXCHANGE in str(row.get("path", "")) for row in rows)


# --- the plain story ----------------------------------------------------------------------------------------------


def test_a_page_opens_after_one_silent_redirect_on_a_clean_address(stage: Stage, ming: Phone, cast: Cast) -> None:
    reply = ming.open(f"{stage.path}?ticket=some-shake-ticket")
    assert reply.status_code == 200
    assert ming.trail[-1] == f"{stage.path}?ticket=some-shake-ticket"
    assert [address.split("?")[0] for address in ming.trail] == [stage.path, "/oauth/back", stage.path]
    assert openid_of(ming) == cast.ming.openid
    ming.open(stage.path)
    assert ming.trail == [stage.path]


def test_the_authorize_link_is_what_wechat_wants(
    stage: Stage,
    ming: Phone,
    simulator: SimulatedWeChat,
    runtime: Runtime,
) -> None:
    url = ming.get(stage.path).headers["Location"]
    query = parse_qs(urlsplit(url).query)
    assert list(query) == ["appid", "redirect_uri", "response_type", "scope", "state"]
    assert query["scope"] == ["snsapi_base"]
    assert query["redirect_uri"] == [f"{BASE}/oauth/back"]
    assert len(query["state"][0]) == 32
    assert url.endswith("#wechat_redirect")


# --- S19: state ---------------------------------------------------------------------------------------------------


def test_the_link_of_another_browser_signs_nobody_in_S19(stage: Stage, ming: Phone, hong: Phone, cast: Cast) -> None:
    attack = way_back(ming, stage.path)
    hong.get(stage.path)
    reply = hong.get(attack)
    assert reply.status_code == 302
    assert reply.headers["Location"].startswith(hong.runtime.settings.open_base)
    assert openid_of(hong) is None
    hong.open(attack)  # followed to the end it signs her in as herself, or not at all
    assert openid_of(hong) in (None, cast.hong.openid)


def test_without_any_cookie_nobody_is_signed_in_S19(stage: Stage, ming: Phone, app: Flask) -> None:
    attack = way_back(ming, stage.path)
    stranger = Phone(app, ming.runtime)
    assert stranger.get(attack).status_code == 302
    assert openid_of(stranger) is None


def test_no_state_wrong_state_no_code_S19(stage: Stage, ming: Phone) -> None:
    good = way_back(ming, stage.path)
    code = parse_qs(urlsplit(good).query)["code"][0]
    for query in (
        "",
        f"code={code}",
        f"code={code}&state=",
        f"code={code}&state={'0' * 32}",
        "code=x&state=STATE",
        f"code={code}&state={'0' * 31}é",
        f"state={'0' * 32}",
    ):
        reply = ming.get(f"/oauth/back?{query}")
        assert reply.status_code in (302, 503)
        assert openid_of(ming) is None


def test_a_state_is_used_once_and_lives_five_minutes_S19(stage: Stage, ming: Phone, runtime: Runtime) -> None:
    way_back(ming, stage.path)
    (key,) = runtime.redis.keys("oauth:state:*")
    assert 290 <= runtime.redis.ttl(key) <= 300
    ming.open(stage.path)
    assert len(runtime.redis.keys("oauth:state:*")) == 1  # the first one is still open, the used one is gone


def test_restarts_end_with_a_kind_page_S19(stage: Stage, ming: Phone, simulator: SimulatedWeChat) -> None:
    simulator.control("PUT", f"faults/{EXCHANGE}", {"kind": "refuse", "err_code": "40029"})
    try:
        reply = ming.open(stage.path)
    finally:
        simulator.control("DELETE", "faults")
    assert reply.status_code == 503
    assert "从微信里重新打开" in reply.get_data(as_text=True)
    assert sum(address.startswith("/oauth/back") for address in ming.trail) <= oauth.RESTARTS + 1
    assert openid_of(ming) is None
    assert ming.open(stage.path).status_code == 200  # and the next visit starts with a clean count


def test_a_browser_without_cookies_does_not_turn_in_circles(stage: Stage, ming: Phone) -> None:
    path = stage.path
    for _ in range(8):
        reply = ming.get(path)
        ming.client.delete_cookie("wxbot_visit", domain="127.0.0.1")
        if reply.status_code != 302:
            break
        path = ming.authorize(reply.headers["Location"])
    assert reply.status_code == 503


# --- S20: open redirects ------------------------------------------------------------------------------------------

EVIL = (
    "//evil.com",
    "/\\evil.com",
    "\\\\evil.com",
    "https:evil.com",
    "https:/evil.com",
    "https://evil.com",
    "///evil.com",
    "/%09/evil.com",
    "/\t/evil.com",
    "/%5cevil.com",
    "/%2fevil.com",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "https://good@evil.com",
    "https://127.0.0.1:8000@evil.com",
    "https://127.0.0.1:8000.evil.com",
    "/h5/\r\nLocation: https://evil.com",
    "/h5/c/x%0d%0aLocation:%20https://evil.com",
    "／／evil.com",
    "/／evil.com",
    "/h5//evil.com",
    "/h5/../admin",
    "/h5/%2e%2e/admin",
    "/h5/c/..//evil.com",
    "/admin",
    "/oauth/back",
    "h5/c/x",
    "",
    "/",
    ".",
    "/h5/c/x#@evil.com",
    "/h5/c/x?y=https://evil.com",
    "/h5/c/x?y=\\evil",
    "/h5/c/x?y=\n",
    "/h5/c/é",
    " /h5/c/x",
    "/h5/c/x ",
    "/h5/c/x\x00",
    "/static/h5/draw.js",
    "//127.0.0.1:8000/h5/c/x",
    "/h5/" + "c" * 2000,
)


def test_no_foreign_address_is_an_own_path_S20() -> None:
    assert len(EVIL) >= 40
    for target in EVIL:
        assert oauth.own_path(target) == "/", target
    for target in ("/h5/c/spring", "/h5/c/spring/rules", "/h5/c/spring?ticket=Ab0_-.%3D&from=singlemessage"):
        assert oauth.own_path(target) == target


def test_whatever_the_request_says_the_way_back_is_ours_S20(stage: Stage, ming: Phone) -> None:
    for target in EVIL:
        phone = Phone(ming.client.application, ming.runtime, ming.person_id)
        query = {"next": target, "redirect_uri": target, "target": target, "url": target}
        start = phone.client.get(stage.path, base_url=BASE, headers={"User-Agent": phone.agent}, query_string=query)
        assert start.headers["Location"].startswith(ming.runtime.settings.open_base)
        reply = phone.get(phone.authorize(start.headers["Location"]))
        assert reply.status_code == 302
        assert reply.headers["Location"].startswith("/h5/c/spring")


def test_a_forged_visit_cookie_is_no_visit_S20(stage: Stage, ming: Phone) -> None:
    ming.client.set_cookie(
        "wxbot_visit", "WyJ4IiwiLy9ldmlsLmNvbSIsMCwiIl0=.00000000000000000000000000000000", domain="127.0.0.1"
    )
    reply = ming.get(f"/oauth/back?code=abc&state={'0' * 32}")
    assert reply.status_code == 400
    assert "evil" not in reply.get_data(as_text=True)


# --- S22-S25 ------------------------------------------------------------------------------------------------------


def test_a_code_that_is_not_ours_stores_no_openid_S22(stage: Stage, ming: Phone, simulator: SimulatedWeChat) -> None:
    state = parse_qs(urlsplit(way_back(ming, stage.path)).query)["state"][0]
    reply = ming.get(f"/oauth/back?code=021CodeOfAnotherApp000000000000&state={state}")
    assert reply.status_code == 302
    assert reply.headers["Location"].startswith(ming.runtime.settings.open_base)
    assert openid_of(ming) is None


def test_the_session_is_new_at_sign_in_and_its_cookie_is_closed_S23(stage: Stage, ming: Phone) -> None:
    ming.client.set_cookie("wxbot_person", "planted.by.the.attacker", domain="127.0.0.1")
    back = way_back(ming, stage.path)
    (cookie,) = [line for line in ming.get(back).headers.getlist("Set-Cookie") if line.startswith("wxbot_person=")]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "planted" not in cookie
    first = session_of(ming)
    ming.client.delete_cookie("wxbot_person", domain="127.0.0.1")
    ming.open(stage.path)
    second = session_of(ming)
    assert first is not None
    assert second is not None
    assert first.session_id != second.session_id


def test_under_https_the_cookies_are_secure_and_host_bound_S23_S86(
    runtime: Runtime, simulator: SimulatedWeChat
) -> None:
    secure = Runtime(runtime.settings.model_copy(update={"public_url": "https://shop.example.com"}))
    try:
        client = create_app(secure).test_client()
        reply = client.get("/h5/c/none", base_url="https://shop.example.com")
        assert reply.status_code == 404
        assert oauth.session_cookie(secure) == "__Host-wxbot_person"
        with client.application.test_request_context("/h5/c/none", base_url="https://shop.example.com"):
            redirect = oauth.begin("/h5/c/none")
        (cookie,) = redirect.headers.getlist("Set-Cookie")
        assert cookie.startswith("__Host-wxbot_visit=")
        assert "Secure" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie
    finally:
        secure.close()


def test_a_changed_or_old_session_is_no_session_S23(stage: Stage, ming: Phone, runtime: Runtime, cast: Cast) -> None:
    ming.open(stage.path)
    cookie = ming.client.get_cookie("wxbot_person", domain="127.0.0.1")
    assert cookie is not None
    value = cookie.value
    assert oauth.read_session(runtime, value) is not None
    forged = value.replace(cast.ming.openid, cast.hong.openid)
    for bad in (forged, value[:-1], value + "0", value.upper(), "", ".", "a.b.c.d.e", "ü" * 10, "x" * 9000, None):
        assert oauth.read_session(runtime, bad) is None
    other = Runtime(runtime.settings.model_copy(update={"session_hours": 1}))
    other.clock._offset_s = 3700
    other.clock._offset_url = None
    assert oauth.read_session(other, value) is None


def test_no_view_reads_an_openid_from_the_request_S24() -> None:
    """Lint: `openid` never stands where a request's fields are read."""
    root = Path(__file__).resolve().parent.parent / "wxbot"
    sources = [
        root / "oauth.py",
        root / "app.py",
        *(root / "draws").glob("*.py"),
        *root.glob("*/h5.py"),
        root / "people/phone_pages.py",
    ]
    assert len([path for path in sources if path.name == "h5.py"]) > 4
    found = []
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call | ast.Subscript) and "openid" in ast.unparse(node).lower():
                text = ast.unparse(node.func if isinstance(node, ast.Call) else node.value)
                arguments = ast.unparse(node.args[0]) if isinstance(node, ast.Call) and node.args else ast.unparse(node)
                is_read = any(
                    part in text for part in ("request.args", "request.form", "request.headers", "request.values")
                )
                if (is_read or text.endswith(("get_json", "cookies.get"))) and "openid" in arguments.lower():
                    found.append(f"{path.name}:{node.lineno} {text}")
    assert found == []


def test_an_openid_in_the_request_changes_nobody_S24(stage: Stage, ming: Phone, cast: Cast, app: Flask) -> None:
    victim = cast.hong.openid
    ming.open(stage.path)
    ming.client.set_cookie("openid", victim, domain="127.0.0.1")
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith(("/h5", "/oauth"))]
    assert len(rules) >= 6
    for rule in rules:
        path = rule.rule.replace("<slug>", stage.slug)
        for method in rule.methods or ():
            reply = ming.client.open(
                f"{path}?openid={victim}",
                method=method,
                base_url=BASE,
                json={"openid": victim},
                headers={"User-Agent": ming.agent, "Openid": victim, "X-WX-OPENID": victim},
            )
            assert victim not in reply.get_data(as_text=True).replace(f"openid={victim}", "")
            assert openid_of(ming) == cast.ming.openid


def test_a_forwarded_address_signs_the_next_person_in_as_themselves_S25(
    stage: Stage,
    ming: Phone,
    hong: Phone,
    cast: Cast,
) -> None:
    shake_ticket = stage.shake(cast.ming.openid, "the-shake-of-somebody")
    ming.open(f"{stage.path}?ticket={shake_ticket}")
    shared = ming.trail[-1]
    session = session_of(ming)
    assert session is not None
    assert not any(part in shared for part in ("code=", "state=", cast.ming.openid[1:], session.session_id))
    reply = hong.open(shared)
    assert openid_of(hong) == cast.hong.openid
    assert hong.state_of(reply)["hint"]["title"] == "这是别人摇到的入口"


def test_another_person_with_the_same_phone_is_asked_about_once_S35(stage: Stage, ming: Phone, cast: Cast) -> None:
    ming.open(stage.path)
    ming.person_id = cast.hong.id  # 小红 takes the phone and shakes
    shake_ticket = stage.shake(cast.hong.openid)
    reply = ming.open(f"{stage.path}?ticket={shake_ticket}")
    assert reply.status_code == 200
    assert openid_of(ming) == cast.hong.openid
    assert ming.state_of(reply)["hint"] is None
    assert sum(address.startswith("/oauth/back") for address in ming.trail) == 1
    foreign = stage.shake(cast.wang.openid, "shake-of-wang-0001")
    reply = ming.open(f"{stage.path}?ticket={foreign}")
    assert sum(address.startswith("/oauth/back") for address in ming.trail) == 1
    assert ming.state_of(reply)["hint"]["title"] == "这是别人摇到的入口"
    ming.open(f"{stage.path}?ticket={foreign}")
    assert len(ming.trail) == 1  # asked once for this shake, not again


# --- F57: the callback opened twice -------------------------------------------------------------------------------


def test_two_callbacks_at_once_both_end_on_the_page_with_one_question_to_wechat_F57(
    stage: Stage,
    ming: Phone,
    cast: Cast,
    app: Flask,
    simulator: SimulatedWeChat,
    runtime: Runtime,
) -> None:
    back = way_back(ming, f"{stage.path}?ticket=abcdefgh")
    visit = ming.client.get_cookie("wxbot_visit", domain="127.0.0.1")
    assert visit is not None
    before = exchanges(simulator)
    simulator.control("PUT", f"faults/{EXCHANGE}", {"kind": "slow", "seconds": 0.4, "times": 1})

    def open_it(_number: int) -> Any:
        copy = Phone(app, runtime, ming.person_id)
        copy.client.set_cookie("wxbot_visit", visit.value, domain="127.0.0.1")
        reply = copy.get(back)
        return reply.status_code, reply.headers.get("Location"), openid_of(copy)

    with ThreadPoolExecutor(8) as pool:
        ends = list(pool.map(open_it, range(8)))
    assert ends == [(302, f"{stage.path}?ticket=abcdefgh", cast.ming.openid)] * 8
    assert exchanges(simulator) - before == 1


def test_a_late_copy_gets_the_same_session_and_a_stranger_does_not_F57(
    stage: Stage,
    ming: Phone,
    hong: Phone,
    cast: Cast,
) -> None:
    back = way_back(ming, stage.path)
    assert ming.get(back).headers["Location"] == stage.path
    assert ming.get(back).headers["Location"] == stage.path
    hong.get(stage.path)
    assert hong.get(back).headers["Location"].startswith(hong.runtime.settings.open_base)
    assert openid_of(hong) is None


def test_with_redis_emptied_on_the_way_it_starts_again_F57(stage: Stage, ming: Phone, cast: Cast) -> None:
    back = way_back(ming, f"{stage.path}?ticket=abcdefgh")
    ming.runtime.redis.flushall()
    reply = ming.open(back)
    assert reply.status_code == 200
    assert ming.trail[-1] == f"{stage.path}?ticket=abcdefgh"
    assert openid_of(ming) == cast.ming.openid


def test_a_used_code_never_reaches_the_person_F57(stage: Stage, ming: Phone, cast: Cast) -> None:
    back = way_back(ming, stage.path)
    ming.get(back)
    ming.client.delete_cookie("wxbot_person", domain="127.0.0.1")
    ming.runtime.redis.flushall()
    reply = ming.open(back)  # hours later, from the browser's history
    assert reply.status_code == 200
    assert openid_of(ming) == cast.ming.openid


def test_wechat_out_of_reach_is_a_kind_page_with_a_way_on(
    stage: Stage, ming: Phone, simulator: SimulatedWeChat
) -> None:
    simulator.control("PUT", f"faults/{EXCHANGE}", {"kind": "drop_reply"})
    try:
        reply = ming.open(stage.path)
    finally:
        simulator.control("DELETE", "faults")
    assert reply.status_code == 503
    assert f'href="{stage.path}"' in reply.get_data(as_text=True)
    assert openid_of(ming) is None


def test_a_snapshot_user_is_turned_away_kindly_and_not_kept(
    stage: Stage,
    ming: Phone,
    cast: Cast,
    simulator: SimulatedWeChat,
    runtime: Runtime,
) -> None:
    simulator.control("PATCH", f"people/{cast.ming.id}", {"is_snapshot": True})
    reply = ming.open(stage.path)
    assert reply.status_code == 403
    assert "使用完整服务" in reply.get_data(as_text=True)
    assert openid_of(ming) is None
    assert not any('"openid"' in str(runtime.redis.get(key)) for key in runtime.redis.keys("oauth:code:*"))


def test_a_script_without_a_session_gets_401(stage: Stage, ming: Phone) -> None:
    reply = ming.client.post(f"{stage.path}/draw", base_url=BASE, json={})
    assert (reply.status_code, reply.get_json()) == (401, {"outcome": "sign_in"})
    reply = ming.get(f"{stage.path}/state", Accept="application/json")
    assert (reply.status_code, reply.get_json()) == (401, {"outcome": "sign_in"})
