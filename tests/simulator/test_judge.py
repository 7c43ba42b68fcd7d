"""What WeChat makes of an answer, word by word (wechat-protocol §5.2, §5.3, §5.7)."""

from __future__ import annotations

from typing import Any

import pytest
from wechatpy.crypto import WeChatCrypto

from wxbot.simulator.judge import Judgement, judge
from wxbot.simulator.people import Person
from wxbot.simulator.server import Simulator
from wxbot.simulator.wire import build_xml


@pytest.fixture
def person(simulator: Simulator) -> Person:
    simulator.world.account.callback_mode = "plain"
    return simulator.world.people.make()


def reply(simulator: Simulator, person: Person, **fields: Any) -> dict[str, Any]:
    head = {"ToUserName": person.openid, "FromUserName": simulator.world.account.original_id, "CreateTime": 1773540002}
    return {**head, "MsgType": "text", "Content": "好", **fields}


def judged(simulator: Simulator, person: Person, answer: bytes, kind: str = "text") -> Judgement:
    world = simulator.world
    return judge(answer, person.openid, kind, world.account, world.media, 2048)


@pytest.mark.parametrize(
    "wrong",
    [
        {"FromUserName": "gh_other"},
        {"ToUserName": "oOther"},
        {"CreateTime": "now"},
        {"CreateTime": None},
        {"Content": ""},
        {"Content": "字" * 683},
        {"Content": ["a", "b"]},
        {"MsgType": "poem"},
        {"MsgType": "image", "Image": {"MediaId": "unknown"}},
        {"MsgType": "image", "MediaId": "at the wrong place"},
        {"MsgType": "news", "ArticleCount": 2, "Articles": {"item": [{"Title": "one"}]}},
        {"MsgType": "news", "ArticleCount": 0, "Articles": None},
        {"MsgType": "music"},
    ],
)
def test_wrong_replies(simulator: Simulator, person: Person, wrong: dict[str, Any]) -> None:
    found = judged(simulator, person, build_xml(reply(simulator, person, **wrong)).encode())
    assert found.verdict == "invalid"
    assert found.reason


def test_right_replies(simulator: Simulator, person: Person) -> None:
    media = simulator.world.media.keep("image", "a.jpg", b"\xff\xd8\xff")
    rights: list[dict[str, Any]] = [
        {},
        {"MsgType": "image", "Image": {"MediaId": media.media_id}},
        {"MsgType": "music", "Music": {"Title": "t", "ThumbMediaId": "x"}},
        {"MsgType": "news", "ArticleCount": 1, "Articles": {"item": {"Title": "t", "Url": "https://a.example.test/"}}},
        {"MsgType": "transfer_customer_service"},
    ]
    for right in rights:
        found = judged(simulator, person, build_xml(reply(simulator, person, **right)).encode())
        assert found.verdict == "reply", found.reason
        assert found.type == right.get("MsgType", "text")


def test_handing_over_to_staff_answers_messages_only(simulator: Simulator, person: Person) -> None:
    answer = build_xml(reply(simulator, person, MsgType="transfer_customer_service")).encode()
    assert judged(simulator, person, answer, "event").verdict == "invalid"


def sealed(simulator: Simulator, text: str, **changes: str) -> bytes:
    account = simulator.world.account
    values = {"token": account.callback_token, "aes_key": account.aes_key, "appid": account.appid, **changes}
    crypto = WeChatCrypto(values["token"], values["aes_key"], values["appid"])
    return str(crypto.encrypt_message(text, "482910337", "1773540002")).encode()


@pytest.mark.parametrize("mode", ["encrypted", "compatible"])
@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "reply"),
        ({"token": "another"}, "invalid"),
        ({"aes_key": "a" * 43}, "invalid"),
        ({"appid": "wx2"}, "invalid"),
    ],
)
def test_sealed_replies_are_checked(
    simulator: Simulator, person: Person, mode: str, changes: dict[str, str], verdict: str
) -> None:
    simulator.world.account.callback_mode = mode
    text = build_xml(reply(simulator, person))
    assert judged(simulator, person, sealed(simulator, text, **changes)).verdict == verdict


@pytest.mark.parametrize(
    ("mode", "plain", "encrypted"),
    [("plain", "reply", "invalid"), ("compatible", "reply", "reply"), ("encrypted", "invalid", "reply")],
)
def test_mode_decides_what_may_be_answered(
    simulator: Simulator, person: Person, mode: str, plain: str, encrypted: str
) -> None:
    simulator.world.account.callback_mode = mode
    text = build_xml(reply(simulator, person))
    assert judged(simulator, person, text.encode()).verdict == plain
    assert judged(simulator, person, sealed(simulator, text)).verdict == encrypted
