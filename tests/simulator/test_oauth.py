"""Web OAuth over HTTP: the strict link, codes, tokens, snapshot people (wechat-protocol §7)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from wxbot.simulator.people import Person
from wxbot.simulator.server import Simulator

from .conftest import Web

BACK = "http://shop.example.test/oauth/cb"


def link(simulator: Simulator, scope: str = "snsapi_base", back: str = BACK, state: str = "abc123") -> str:
    return (
        f"/connect/oauth2/authorize?appid={simulator.world.account.appid}&redirect_uri={quote(back, safe='')}"
        f"&response_type=code&scope={scope}&state={state}"
    )


@pytest.fixture
def person(simulator: Simulator, web: Web) -> Person:
    """Holds the phone of `web`."""
    made = simulator.world.people.make("小明")
    web.cookies.set("sim_person", str(made.id))
    return made


def code_from(web: Web, address: str) -> str:
    reply = web.get(address, allow_redirects=False)
    assert reply.status_code == 302, reply.text
    return parse_qs(urlsplit(reply.headers["Location"]).query)["code"][0]


def exchange(web: Web, simulator: Simulator, oauth_code: str, **changes: str) -> dict[str, Any]:
    account = simulator.world.account
    query = {
        "appid": account.appid,
        "secret": account.appsecret,
        "code": oauth_code,
        "grant_type": "authorization_code",
    }
    return dict(web.get("/sns/oauth2/access_token", params={**query, **changes}).json())


@pytest.mark.parametrize(
    ("change", "lint"),
    [
        (("state=abc123", "state=a-b_3"), "the state holds - or _"),
        (("state=abc123", "state=_"), "the state holds - or _"),
        (("state=abc123", "state=abc123&connect_redirect=1"), "connect_redirect"),
        (("&state=abc123", "&connect_redirect=1"), "connect_redirect"),
    ],
)
def test_what_no_document_has_but_sdks_send_passes_and_stays_a_lint(
    web: Web, simulator: Simulator, person: Person, change: tuple[str, str], lint: str
) -> None:
    address = link(simulator).replace(*change)
    assert exchange(web, simulator, code_from(web, address))["openid"] == person.openid
    faults = web.post("/_sim/lint", json={"url": f"https://open.weixin.qq.com{address}#wechat_redirect"}).json()[
        "faults"
    ]
    assert any(fault.startswith(lint) for fault in faults)
    assert (
        web.get(
            address.replace("connect_redirect=1", "connect_redirect=2").replace("_", "."), allow_redirects=False
        ).status_code
        == 200
    )


def test_base_scope_is_silent_and_gives_the_openid(web: Web, simulator: Simulator, person: Person) -> None:
    reply = web.get(link(simulator), allow_redirects=False)
    assert reply.headers["Location"].startswith(BACK + "?code=")
    assert reply.headers["Location"].endswith("&state=abc123")
    grant = exchange(web, simulator, code_from(web, link(simulator)))
    assert grant["openid"] == person.openid
    assert grant["scope"] == "snsapi_base"
    assert "is_snapshotuser" not in grant
    query = {"access_token": grant["access_token"], "openid": person.openid}
    assert web.get("/sns/auth", params=query).json()["errcode"] == 0
    assert web.get("/sns/auth", params={**query, "openid": "other"}).json()["errcode"] == 40003
    assert web.get("/sns/userinfo", params=query).json()["errcode"] == 48001


def test_existing_query_is_kept(web: Web, simulator: Simulator, person: Person) -> None:
    reply = web.get(link(simulator, back=BACK + "?c=1"), allow_redirects=False)
    assert reply.headers["Location"].startswith(BACK + "?c=1&code=")


def test_nobody_holds_the_phone(web: Web, simulator: Simulator) -> None:
    assert "请在微信客户端打开链接" in web.get(link(simulator)).text


@pytest.mark.parametrize(
    "wrong",
    [
        lambda good: good.replace("&scope=snsapi_base", "").replace("?appid", "?scope=snsapi_base&appid"),
        lambda good: good.replace("response_type=code", "response_type=token"),
        lambda good: good.replace("snsapi_base", "snsapi_login"),
        lambda good: good.replace("state=abc123", "state=a%20b"),
        lambda good: good.replace("state=abc123", "state=" + "a" * 129),
        lambda good: good + "&extra=1",
    ],
)
def test_wrong_shape_does_not_open(web: Web, simulator: Simulator, person: Person, wrong: Any) -> None:
    assert "该链接无法访问" in web.get(wrong(link(simulator))).text


@pytest.mark.parametrize(
    "back",
    [
        "http://example.test/cb",
        "http://shop.example.test.evil.test/cb",
        "http://shop.example.test:8080/cb",
        "http://shop.example.test@evil.test/",
        "http://evil.test\\@shop.example.test/",
        "javascript:alert(1)",
        quote(BACK, safe=""),
    ],
)
def test_foreign_host_gets_10003(web: Web, simulator: Simulator, person: Person, back: str) -> None:
    page = web.get(link(simulator, back=back), allow_redirects=False)
    assert page.status_code == 200
    assert "10003" in page.text


def test_code_works_once_and_for_five_minutes(web: Web, simulator: Simulator, person: Person) -> None:
    code = code_from(web, link(simulator))
    assert "openid" in exchange(web, simulator, code)
    assert exchange(web, simulator, code)["errcode"] == 40163
    assert exchange(web, simulator, "made-up")["errcode"] == 40029
    late = code_from(web, link(simulator))
    simulator.world.clock.advance(301)
    assert exchange(web, simulator, late)["errcode"] == 42003


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"appid": ""}, 41002),
        ({"appid": "wx1"}, 40013),
        ({"secret": ""}, 41004),
        ({"secret": "x"}, 40125),
        ({"grant_type": "x"}, 40002),
        ({"code": ""}, 41008),
    ],
)
def test_exchange_checks_everything(
    web: Web, simulator: Simulator, person: Person, changes: dict[str, str], errcode: int
) -> None:
    assert exchange(web, simulator, "c", **changes)["errcode"] == errcode


def test_userinfo_asks_first(web: Web, simulator: Simulator, person: Person) -> None:
    address = link(simulator, "snsapi_userinfo")
    assert "允许" in web.get(address).text
    asked = {"link": address.split("?", 1)[1], "answer": "allow"}
    reply = web.post("/connect/oauth2/confirm", data=asked, allow_redirects=False)
    code = parse_qs(urlsplit(reply.headers["Location"]).query)["code"][0]
    grant = exchange(web, simulator, code)
    assert grant["unionid"] == person.unionid
    query = {"access_token": grant["access_token"], "openid": person.openid}
    shown = web.get("/sns/userinfo", params=query).json()
    assert shown["nickname"] == "小明"
    refused = web.post("/connect/oauth2/confirm", data={**asked, "answer": "refuse"}, allow_redirects=False)
    assert refused.headers["Location"] == BACK + "?state=abc123"


def test_snapshot_person_is_virtual(web: Web, simulator: Simulator, person: Person) -> None:
    person.is_snapshot = True
    grant = exchange(web, simulator, code_from(web, link(simulator)))
    assert grant["is_snapshotuser"] == 1
    assert grant["openid"] == person.snapshot_openid != person.openid


def test_refresh(web: Web, simulator: Simulator, person: Person) -> None:
    grant = exchange(web, simulator, code_from(web, link(simulator)))
    query = {
        "appid": simulator.world.account.appid,
        "grant_type": "refresh_token",
        "refresh_token": grant["refresh_token"],
    }
    again = web.get("/sns/oauth2/refresh_token", params=query).json()
    assert again["openid"] == person.openid
    assert web.get("/sns/oauth2/refresh_token", params={**query, "refresh_token": "x"}).json()["errcode"] == 40030
    simulator.world.clock.advance(30 * 86_400 + 1)
    assert web.get("/sns/oauth2/refresh_token", params=query).json()["errcode"] == 42002


def test_browser_page_checks_the_fragment(web: Web, simulator: Simulator, person: Person) -> None:
    page = web.get(link(simulator), headers={"Sec-Fetch-Dest": "document"}, allow_redirects=False)
    assert page.status_code == 200
    assert "#wechat_redirect" in page.text
    assert "location.replace" in page.text
