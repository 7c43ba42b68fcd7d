"""The callback's token and AES key are changed in the running shop: both pairs are answered, each under its own keys."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest
from flask import Flask

from tests.conftest import Live, simulator_settings
from tests.deployments import AES_KEY, TOKEN, app_for, close, settings_for
from tests.pushes import Sender, sha1
from tests.servers import SimulatedWeChat
from wxbot.replies import rules
from wxbot.runtime import Runtime
from wxbot.settings import Settings

NEW_TOKEN = "zyxwvuts87654321"
NEW_AES_KEY = "ZYXWVUTSRQPONMLKJIHGFEDCBA0123456789abcdefg"


def add_rule(runtime: Runtime) -> None:
    with runtime.database.transaction() as session:
        rules.add_rule(session, "equal", "你好", runtime.clock.now(), text="欢迎")


@dataclass
class Shop:
    """One application and what WeChat may send it while the keys change."""

    app: Flask
    settings: Settings

    def sender(self, token: str, aes_key: str) -> Sender:
        changed = {
            "callback_token": type(self.settings.aes_key)(token),
            "aes_key": type(self.settings.aes_key)(aes_key),
        }
        return Sender(self.settings.model_copy(update=changed), time.time())


@pytest.fixture(params=["compatible", "encrypted"])
def shop(request: pytest.FixtureRequest, sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Shop]:
    """The application with new keys, which still knows the old ones."""
    settings = settings_for(
        request.param,
        sqlite_url,
        redis_url,
        tmp_path,
        callback_token=NEW_TOKEN,
        aes_key=NEW_AES_KEY,
        callback_token_old=TOKEN,
        aes_key_old=AES_KEY,
    )
    app = app_for(settings)
    add_rule(app.extensions["wxbot"])
    yield Shop(app, settings)
    close(app)


@pytest.mark.parametrize(("token", "aes_key"), list(product((NEW_TOKEN, TOKEN), (NEW_AES_KEY, AES_KEY))))
def test_a_message_under_new_or_old_keys_is_answered_under_its_own(shop: Shop, token: str, aes_key: str) -> None:
    sender, client = shop.sender(token, aes_key), shop.app.test_client()
    reply = sender.reply(
        sender.push(client, sender.message())
    )  # checks the signature and decrypts with the sender's keys
    assert reply is not None
    assert reply["Content"] == "欢迎"
    asked = client.get("/wechat", query_string=sender.query(echostr="5927782489442352469"))
    assert asked.data == b"5927782489442352469"


def test_what_neither_pair_signed_or_sealed_is_refused(shop: Shop) -> None:
    client = shop.app.test_client()
    for token, aes_key in (("x" * 16, NEW_AES_KEY), (NEW_TOKEN, "x" * 43), (TOKEN, "y" * 43)):
        sender = shop.sender(token, aes_key)
        assert sender.push(client, sender.message()).status_code == 403
    sender = shop.sender(TOKEN, AES_KEY)
    query, body = sender.packed(sender.message())
    assert sender.post(client, query | {"msg_signature": sha1("x" * 16, "1", "2", "3")}, body).status_code == 403
    sender.now_s -= 301  # old keys do not widen the window
    assert sender.push(client, sender.message()).status_code == 403


def test_without_the_old_keys_they_open_nothing(sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    app = app_for(
        settings_for("encrypted", sqlite_url, redis_url, tmp_path, callback_token=NEW_TOKEN, aes_key=NEW_AES_KEY)
    )
    shop = Shop(app, app.extensions["wxbot"].settings)
    sender = shop.sender(TOKEN, AES_KEY)
    assert sender.push(app.test_client(), sender.message()).status_code == 403
    close(app)


@pytest.fixture
def settings(simulator: SimulatedWeChat, sqlite_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """What `live` runs on: wxbot has the new keys already, WeChat's console still the old ones."""
    account = simulator.control("GET", "account")
    return simulator_settings(
        simulator,
        sqlite_url,
        redis_url,
        tmp_path,
        callback_token=NEW_TOKEN,
        aes_key=NEW_AES_KEY,
        callback_token_old=account["callback_token"],
        aes_key_old=account["aes_key"],
    )


def test_no_message_is_lost_while_the_console_is_changed(live: Live, simulator: SimulatedWeChat) -> None:
    """As the handbook says: first wxbot with both, then WeChat's console, then wxbot without the old ones."""
    add_rule(live.runtime)
    ming = simulator.person("阿明", follows=True)["id"]
    simulator.control("POST", f"people/{ming}/messages", {"type": "text", "content": "你好"})
    simulator.control("POST", "pushes/settle")
    simulator.control("PUT", "account", {"callback_token": NEW_TOKEN, "aes_key": NEW_AES_KEY})
    simulator.control("POST", f"people/{ming}/messages", {"type": "text", "content": "你好"})
    simulator.control("POST", "pushes/settle")
    said = simulator.control("GET", f"people/{ming}/chat")["messages"]
    assert [each["content"] for each in said if each["content"] == "欢迎"] == ["欢迎", "欢迎"]
