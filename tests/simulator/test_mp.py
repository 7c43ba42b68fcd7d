"""The official-account API over HTTP: its rules, codes and limits (wechat-protocol §5, §6)."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from PIL import Image

from wxbot.simulator.people import Person
from wxbot.simulator.server import Simulator

from .conftest import Web


def picture() -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(drawn, "PNG")
    return drawn.getvalue()


def call(web: Web, path: str, token: str, body: Any) -> dict[str, Any]:
    sent = json.dumps(body, ensure_ascii=False).encode()
    reply = web.post(path, params={"access_token": token}, data=sent)
    assert reply.status_code == 200
    return dict(reply.json())


def follower(simulator: Simulator) -> Person:
    people = simulator.world.people
    person = people.make()
    people.follow(person)
    return person


def fetch(web: Web, simulator: Simulator, **changes: str) -> dict[str, Any]:
    account = simulator.world.account
    query = {"grant_type": "client_credential", "appid": account.appid, "secret": account.appsecret, **changes}
    return dict(web.get("/cgi-bin/token", params=query).json())


def fetch_stable(web: Web, simulator: Simulator, **changes: Any) -> dict[str, Any]:
    account = simulator.world.account
    body = {"grant_type": "client_credential", "appid": account.appid, "secret": account.appsecret, **changes}
    return dict(web.post("/cgi-bin/stable_token", json=body).json())


# -- tokens


def is_alive(web: Web, token: str) -> int:
    return int(web.get("/cgi-bin/getcallbackip", params={"access_token": token}).json().get("errcode", 0))


def test_old_token_lives_five_minutes_after_its_replacement(web: Web, simulator: Simulator) -> None:
    old, new = fetch(web, simulator)["access_token"], fetch(web, simulator)["access_token"]
    assert old != new
    simulator.world.clock.advance(299)
    assert is_alive(web, old) == 0
    simulator.world.clock.advance(2)
    assert is_alive(web, old) == 40001
    assert is_alive(web, new) == 0
    simulator.world.clock.advance(7200)
    assert is_alive(web, new) == 42001


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"grant_type": "x"}, 40002),
        ({"appid": ""}, 41002),
        ({"appid": "wx1"}, 40013),
        ({"secret": ""}, 41004),
        ({"secret": "bad"}, 40125),
    ],
)
def test_wrong_account_gets_its_code(web: Web, simulator: Simulator, changes: dict[str, str], errcode: int) -> None:
    answer = fetch(web, simulator, **changes)
    assert answer["errcode"] == errcode
    assert " rid: " in answer["errmsg"]


def test_stable_token_repeats_and_is_isolated(web: Web, simulator: Simulator, token: str) -> None:
    first = fetch_stable(web, simulator)
    simulator.world.clock.advance(1000)
    second = fetch_stable(web, simulator)
    assert second["access_token"] == first["access_token"]
    assert 6190 <= second["expires_in"] <= 6200
    assert is_alive(web, token) == 0
    simulator.world.clock.advance(5950)
    third = fetch_stable(web, simulator)
    assert third["access_token"] != first["access_token"]
    assert is_alive(web, first["access_token"]) == 0


def test_forced_refresh_kills_the_old_one_and_has_limits(web: Web, simulator: Simulator) -> None:
    first = fetch_stable(web, simulator)["access_token"]
    second = fetch_stable(web, simulator, force_refresh=True)["access_token"]
    assert first != second
    assert is_alive(web, first) == 40001
    assert fetch_stable(web, simulator, force_refresh=True)["access_token"] == second  # within 30 s
    for _ in range(19):
        simulator.world.clock.advance(31)
        fetch_stable(web, simulator, force_refresh=True)
    simulator.world.clock.advance(31)
    answer = fetch_stable(web, simulator, force_refresh=True)
    assert answer.get("errcode") == 45009
    assert fetch_stable(web, simulator, force_refresh="yes")["errcode"] == 47001


def test_caller_must_be_on_the_whitelist(web: Web, simulator: Simulator) -> None:
    simulator.world.account.ip_whitelist = ["203.0.113.9"]
    answer = fetch(web, simulator)
    assert answer["errcode"] == 40164
    assert answer["errmsg"].startswith("invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist")


def test_token_quota_and_clearing(web: Web, simulator: Simulator, token: str) -> None:
    simulator.world.accounts.limits["/cgi-bin/token"] = 1
    assert fetch(web, simulator)["errcode"] == 45009
    account = simulator.world.account
    assert call(web, "/cgi-bin/clear_quota", token, {"appid": account.appid})["errcode"] == 0
    assert "access_token" in fetch(web, simulator)
    for _ in range(9):
        call(web, "/cgi-bin/clear_quota", token, {"appid": account.appid})
    assert call(web, "/cgi-bin/clear_quota", token, {"appid": account.appid})["errcode"] == 48006


def test_missing_and_unknown_tokens(web: Web, simulator: Simulator) -> None:
    assert web.get("/cgi-bin/getcallbackip").json()["errcode"] == 41001
    assert web.get("/cgi-bin/getcallbackip?access_token=").json()["errcode"] == 41001
    assert is_alive(web, "made-up") == 40001


def test_wrong_methods_and_paths(web: Web, token: str) -> None:
    assert web.post(f"/cgi-bin/menu/get?access_token={token}").json()["errcode"] == 43001
    assert web.get(f"/cgi-bin/menu/create?access_token={token}").json()["errcode"] == 43002
    assert web.get(f"/cgi-bin/nothing?access_token={token}").json()["errcode"] == 40066


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        (b"", 44002),
        (b"{", 47001),
        (b"[]", 47001),
        (b'{"a":NaN}', 47001),
        (b'{"a":"\xff"}', 47001),
        (b'{"button":[{"name":"\\u7ea2"}]}', 40033),
        (rb'{"button":[],"x":"a\\u7ea2 is no escape"}', 40016),
    ],
)
def test_bodies_are_read_strictly(web: Web, token: str, body: bytes, errcode: int) -> None:
    reply = web.post("/cgi-bin/menu/create", params={"access_token": token}, data=body)
    assert reply.json()["errcode"] == errcode


def test_jsapi_ticket_repeats_while_it_lives(web: Web, simulator: Simulator, token: str) -> None:
    query = {"access_token": token, "type": "jsapi"}
    first = web.get("/cgi-bin/ticket/getticket", params=query).json()
    assert first["errcode"] == 0
    assert web.get("/cgi-bin/ticket/getticket", params=query).json()["ticket"] == first["ticket"]
    assert simulator.world.accounts.living_tickets() == [first["ticket"]]
    assert web.get("/cgi-bin/ticket/getticket", params={"access_token": token}).json()["errcode"] == 40097


# -- users


def test_users(web: Web, simulator: Simulator, token: str) -> None:
    person, other = follower(simulator), simulator.world.people.make()
    shown = web.get("/cgi-bin/user/info", params={"access_token": token, "openid": person.openid}).json()
    assert shown["subscribe"] == 1
    assert "nickname" not in shown
    shown = web.get("/cgi-bin/user/info", params={"access_token": token, "openid": other.openid}).json()
    assert shown == {"subscribe": 0, "openid": other.openid}
    assert web.get("/cgi-bin/user/info", params={"access_token": token}).json()["errcode"] == 41009
    assert web.get("/cgi-bin/user/info", params={"access_token": token, "openid": "x"}).json()["errcode"] == 40003
    asked = {"user_list": [{"openid": person.openid, "lang": "zh_CN"}, {"openid": other.openid}]}
    many = call(web, "/cgi-bin/user/info/batchget", token, asked)
    assert [each["subscribe"] for each in many["user_info_list"]] == [1, 0]
    assert call(web, "/cgi-bin/user/info/batchget", token, {"user_list": [{}] * 101})["errcode"] == 40032
    listed = web.get("/cgi-bin/user/get", params={"access_token": token}).json()
    assert listed["data"]["openid"] == [person.openid]
    rest = web.get("/cgi-bin/user/get", params={"access_token": token, "next_openid": person.openid}).json()
    assert rest == {"total": 1, "count": 0, "next_openid": ""}


# -- customer messages


def text_to(person: Person, text: str = "红包已发出") -> dict[str, Any]:
    return {"touser": person.openid, "msgtype": "text", "text": {"content": text}}


def test_five_messages_after_a_message_then_45047(web: Web, simulator: Simulator, token: str) -> None:
    person = follower(simulator)
    simulator.world.clock.advance(61)  # the follow's own minute is over
    assert call(web, "/cgi-bin/message/custom/send", token, text_to(person))["errcode"] == 45015
    simulator.world.people.allow(person, "message")
    codes = [call(web, "/cgi-bin/message/custom/send", token, text_to(person))["errcode"] for _ in range(6)]
    assert codes == [0, 0, 0, 0, 0, 45047]
    assert person.chat[-1].content["content"] == "红包已发出"
    simulator.world.people.allow(person, "message")
    simulator.world.clock.advance(48 * 3600 + 1)
    token = fetch(web, simulator)["access_token"]
    assert call(web, "/cgi-bin/message/custom/send", token, text_to(person))["errcode"] == 45015


def test_three_messages_in_the_minute_after_a_tap(web: Web, simulator: Simulator, token: str) -> None:
    person = follower(simulator)
    codes = [call(web, "/cgi-bin/message/custom/send", token, text_to(person))["errcode"] for _ in range(4)]
    assert codes == [0, 0, 0, 45047]


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"touser": "nobody"}, 40003),
        ({"touser": None}, 40003),
        ({"msgtype": "poem"}, 40008),
        ({"text": {"content": ""}}, 44004),
        ({"text": None}, 44004),
        ({"text": {"content": "字" * 683}}, 45002),
        ({"msgtype": "image", "image": {"media_id": "gone"}}, 40007),
        ({"msgtype": "image", "image": {}}, 41006),
        ({"msgtype": "news", "news": {"articles": []}}, 44003),
        ({"msgtype": "news", "news": {"articles": [{"title": "1"}, {"title": "2"}]}}, 45008),
        ({"msgtype": "msgmenu", "msgmenu": {"list": []}}, 40097),
    ],
)
def test_message_content_is_checked(
    web: Web, simulator: Simulator, token: str, change: dict[str, Any], errcode: int
) -> None:
    body = {**text_to(follower(simulator)), **change}
    assert call(web, "/cgi-bin/message/custom/send", token, body)["errcode"] == errcode


def test_unreachable_people(web: Web, simulator: Simulator, token: str) -> None:
    person = follower(simulator)
    person.is_frozen = True
    assert call(web, "/cgi-bin/message/custom/send", token, text_to(person))["errcode"] == 50002
    person.is_frozen, person.is_blocking = False, True
    assert call(web, "/cgi-bin/message/custom/send", token, text_to(person))["errcode"] == 48002
    person.is_blocking = False
    simulator.world.people.unfollow(person)
    assert call(web, "/cgi-bin/message/custom/send", token, text_to(person))["errcode"] == 45015


def test_typing(web: Web, simulator: Simulator, token: str) -> None:
    person, path = follower(simulator), "/cgi-bin/message/custom/typing"
    mark = {"touser": person.openid, "command": "Typing"}
    assert call(web, path, token, mark)["errcode"] == 0
    assert call(web, path, token, mark)["errcode"] == 45081
    assert call(web, path, token, {**mark, "command": "CancelTyping"})["errcode"] == 0
    assert call(web, path, token, {**mark, "command": "Sing"})["errcode"] == 45072
    simulator.world.clock.advance(31)
    assert call(web, path, token, mark)["errcode"] == 45080


# -- menu, codes, media


def click(**changes: Any) -> dict[str, Any]:
    return {"button": [{"type": "click", "name": "红包", "key": "MENU_REDPACK", **changes}]}


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({}, 40016),
        ({"button": [click()["button"][0]] * 4}, 40016),
        (click(name="红包红包红包"), 40018),
        (click(type="dance"), 40017),
        (click(key="k" * 129), 40019),
        (click(type="view"), 40020),
        (click(type="view", url="https://a.example.test/" + "u" * 1024), 40020),
        (click(type="view", url="javascript:alert(1)"), 40055),
        (click(type="media_id"), 40117),
        ({"button": [{"name": "更多", "sub_button": click()["button"] * 6}]}, 40023),
        ({"button": [{"name": "更多", "sub_button": click(sub_button=click()["button"])["button"]}]}, 40022),
        ({"button": [{"name": "更多", "sub_button": click(name="长" * 21)["button"]}]}, 40025),
        ({"button": [{"name": "更多", "sub_button": click(key="")["button"]}]}, 40026),
    ],
)
def test_menu_rules(web: Web, token: str, body: dict[str, Any], errcode: int) -> None:
    assert call(web, "/cgi-bin/menu/create", token, body)["errcode"] == errcode


def test_menu_lives_until_deleted(web: Web, token: str) -> None:
    query = {"access_token": token}
    assert web.get("/cgi-bin/menu/get", params=query).json()["errcode"] == 46003
    assert call(web, "/cgi-bin/menu/create", token, click())["errcode"] == 0
    shown = web.get("/cgi-bin/menu/get", params=query).json()["menu"]["button"]
    assert shown == [{"type": "click", "name": "红包", "key": "MENU_REDPACK", "sub_button": []}]
    assert web.get("/cgi-bin/menu/delete", params=query).json()["errcode"] == 0
    assert web.get("/cgi-bin/menu/get", params=query).json()["errcode"] == 46003


@pytest.mark.parametrize(
    ("kind", "filename", "content", "errcode"),
    [
        ("poster", "a.png", picture(), 40004),
        ("image", "a.bmp", picture(), 40005),
        ("image", "a.png", b"", 44001),
        ("image", "a.png", b"<html>", 40137),
        ("voice", "a.mp3", b"x" * (2 * 1024 * 1024 + 1), 45001),
        ("thumb", "a.jpg", b"\xff\xd8\xff" + b"x" * 65_536, 45001),
    ],
)
def test_media_rules(web: Web, token: str, kind: str, filename: str, content: bytes, errcode: int) -> None:
    query = {"access_token": token, "type": kind}
    reply = web.post("/cgi-bin/media/upload", params=query, files={"media": (filename, content)})
    assert reply.json()["errcode"] == errcode


def test_media_comes_back_for_three_days(web: Web, simulator: Simulator, token: str) -> None:
    query = {"access_token": token, "type": "image"}
    assert web.post("/cgi-bin/media/upload", params=query).json()["errcode"] == 41005
    kept = web.post("/cgi-bin/media/upload", params=query, files={"media": ("a.png", picture(), "image/png")}).json()
    assert kept["type"] == "image"
    asked = {"access_token": token, "media_id": kept["media_id"]}
    reply = web.get("/cgi-bin/media/get", params=asked)
    assert reply.content == picture()
    assert "attachment" in reply.headers["Content-disposition"]
    simulator.world.clock.advance(3 * 86_400 + 1)
    asked["access_token"] = fetch(web, simulator)["access_token"]
    assert web.get("/cgi-bin/media/get", params=asked).json()["errcode"] == 40007


def test_qrcode_is_made_and_shown(web: Web, token: str) -> None:
    body = {"expire_seconds": 604800, "action_name": "QR_STR_SCENE", "action_info": {"scene": {"scene_str": "store42"}}}
    made = call(web, "/cgi-bin/qrcode/create", token, body)
    assert made["expire_seconds"] == 604800
    reply = web.get("/cgi-bin/showqrcode", params={"ticket": made["ticket"]})
    assert Image.open(io.BytesIO(reply.content)).size == (430, 430)
    assert web.get("/cgi-bin/showqrcode", params={"ticket": "bad"}).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action_name": "QR_STR_SCENE", "action_info": {"scene": {"scene_str": "s" * 65}}},
        {"action_name": "QR_SCENE", "action_info": {"scene": {"scene_id": 0}}},
        {"action_name": "QR_SCENE", "action_info": {"scene": {"scene_id": True}}},
        {"action_name": "QR_LIMIT_SCENE", "action_info": {"scene": {"scene_id": 100_001}}},
        {"action_name": "QR_SCENE", "expire_seconds": 2_592_001, "action_info": {"scene": {"scene_id": 1}}},
    ],
)
def test_qrcode_rules(web: Web, token: str, body: dict[str, Any]) -> None:
    assert call(web, "/cgi-bin/qrcode/create", token, body)["errcode"] == 40097


@pytest.mark.parametrize(
    ("kind", "lacks"),
    [
        ("service", []),
        ("service_unverified", ["qrcode/create", "user/get"]),
        ("subscription", ["qrcode/create"]),
        ("subscription_unverified", ["menu/get", "qrcode/create", "user/get"]),
    ],
)
def test_an_account_may_call_what_its_kind_may(
    web: Web, simulator: Simulator, token: str, kind: str, lacks: list[str]
) -> None:
    simulator.world.account.change({"kind": kind})
    asked = {"access_token": token}
    body = {"action_name": "QR_SCENE", "expire_seconds": 60, "action_info": {"scene": {"scene_id": 1}}}
    replies = {
        path: web.get(f"/cgi-bin/{path}", params=asked).json() for path in ("menu/get", "user/get", "getcallbackip")
    }
    replies["qrcode/create"] = call(web, "/cgi-bin/qrcode/create", token, body)
    assert sorted(path for path, reply in replies.items() if reply.get("errcode") == 48001) == lacks
    with pytest.raises(ValueError, match="kind"):
        simulator.world.account.change({"kind": "enterprise"})
