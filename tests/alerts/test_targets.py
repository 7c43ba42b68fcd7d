"""The way to people, for real: robots' fixed hosts behind a proxy that ends TLS, a webhook, a mail server."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiosmtpd.controller import Controller

from tests.alerts.receivers import HOSTS, Receiver, certificate_for, receiver
from wxbot.alerts import targets
from wxbot.db import Database, OpenTransaction
from wxbot.private_servers import free_port

TITLE, BODY = "wxbot 报警", "付款已停止（v2）：微信返回 NOTENOUGH。\nhttps://shop.example.com/admin/orders"


@pytest.fixture
def robots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """The three robots' hosts."""
    trusted, context = certificate_for(HOSTS, tmp_path)
    with receiver(context) as proxy:
        for name in ("NO_PROXY", "no_proxy", "CURL_CA_BUNDLE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.url}")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
        yield proxy


def deliver(*addresses: str) -> list[targets.Delivery]:
    return targets.send(targets.read("\n".join(addresses)), TITLE, BODY)


@pytest.mark.parametrize(
    "address",
    ["wecombot://key-of-the-robot-1", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=key-of-the-robot-1"],
)
def test_wecom(robots: Receiver, address: str) -> None:
    assert [delivery.is_good for delivery in deliver(address)] == [True]
    (got,) = robots.received
    assert (got.host, got.path) == ("qyapi.weixin.qq.com", "/cgi-bin/webhook/send?key=key-of-the-robot-1")
    assert got.content == {"msgtype": "text", "text": {"content": f"{TITLE}\r\n{BODY}"}} or got.content == {
        "msgtype": "text",
        "text": {"content": f"{TITLE}\n{BODY}"},
    }


def test_dingtalk_with_its_signature(robots: Receiver) -> None:
    """The secret's signature as 钉钉 documents it: HMAC-SHA256 of time and secret, base64, encoded once."""
    (delivery,) = deliver("dingtalk://SECxyz123@token123")
    assert delivery.is_good, delivery
    (got,) = robots.received
    query = parse_qs(urlsplit(got.path).query)
    stamp = query["timestamp"][0]
    digest = hmac.new(b"SECxyz123", f"{stamp}\nSECxyz123".encode(), hashlib.sha256).digest()
    assert query == {"access_token": ["token123"], "timestamp": [stamp], "sign": [base64.b64encode(digest).decode()]}
    assert got.content == {"msgtype": "text", "text": {"content": f"{TITLE}\n{BODY}"}}


def test_dingtalk_by_the_address_it_shows(robots: Receiver) -> None:
    assert deliver("https://oapi.dingtalk.com/robot/send?access_token=token123")[0].is_good
    assert robots.received[0].path == "/robot/send?access_token=token123"


@pytest.mark.parametrize("address", ["feishu://token-123", "https://open.feishu.cn/open-apis/bot/v2/hook/token-123"])
def test_feishu(robots: Receiver, address: str) -> None:
    assert deliver(address)[0].is_good
    (got,) = robots.received
    assert (got.host, got.path.rstrip("/")) == ("open.feishu.cn", "/open-apis/bot/v2/hook/token-123")
    assert got.content == {"msg_type": "text", "content": {"text": f"{TITLE}\n{BODY}"}}


@pytest.mark.parametrize(
    ("address", "host", "answer", "reason"),
    [
        ("wecombot://key1", "qyapi.weixin.qq.com", {"errcode": 93000, "errmsg": "invalid webhook url"}, "93000"),
        ("dingtalk://token1", "oapi.dingtalk.com", {"errcode": 310000, "errmsg": "keywords not in content"}, "310000"),
        ("feishu://token1", "open.feishu.cn", {"code": 19024, "msg": "Key Words Not Found"}, "19024"),
        ("wecombot://key1", "qyapi.weixin.qq.com", ["no object"], "HTTP 200"),
    ],
)
def test_a_refusal_with_http_200_is_a_refusal(
    robots: Receiver, address: str, host: str, answer: Any, reason: str
) -> None:
    robots.answers[host] = (200, answer)
    (delivery,) = deliver(address)
    assert not delivery.is_good
    assert reason in delivery.reason


def test_a_webhook_and_one_that_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """One dead target costs the others nothing; no address is shown whole, neither here nor in a reason."""
    with receiver() as hook:
        dead = f"json://user:geheimnis@127.0.0.1:{free_port()}/hook/geheimnis"
        sent = deliver(dead, f"json://{hook.url}/hook", "feishu://", "json://")
    assert [delivery.is_good for delivery in sent] == [False, True, False, False]
    assert hook.received[0].content["title"] == TITLE
    assert hook.received[0].content["message"] == BODY
    assert "geheimnis@" not in repr(sent)


def test_mail() -> None:
    letters: list[bytes] = []

    class Keeper:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
            letters.append(envelope.content)
            return "250 OK"

    controller = Controller(Keeper(), hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        address = f"mailto://127.0.0.1:{controller.port}?from=wxbot@example.com&to=ops@example.com"
        (delivery,) = deliver(address)
    finally:
        controller.stop()
    assert delivery.is_good, delivery
    letter = message_from_bytes(letters[0], policy=default)
    assert letter["subject"] == TITLE
    body = letter.get_body(("plain",))
    assert body is not None
    assert "NOTENOUGH" in body.get_content()


def test_nothing_is_sent_while_a_transaction_is_open(database: Database) -> None:
    with database.reading(), pytest.raises(OpenTransaction):
        deliver(f"json://127.0.0.1:{free_port()}")
