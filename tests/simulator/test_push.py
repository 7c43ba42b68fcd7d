"""Pushes against a real listener: signed and sealed in every mode, retried, judged as WeChat would (§5).

The listener reads and answers with wechatpy, so that the simulator's own wire is not its own judge.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.replies import ArticlesReply, TextReply
from wechatpy.utils import check_signature

from wxbot.simulator.judge import CANNOT_SERVE
from wxbot.simulator.people import Person
from wxbot.simulator.server import Simulator

from .conftest import Web

Answer = bytes | int | None
"""bytes: HTTP 200 with this body; an int: that status; None: the connection is cut."""


class Listener:
    """An application of one URL that keeps what it was sent."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, str], bytes]] = []
        self.answer: Callable[[dict[str, str], bytes], Answer] = lambda query, body: b"success"
        listener = self

        class Receiver(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.take(b"")

            def do_POST(self) -> None:
                self.take(self.rfile.read(int(self.headers["Content-Length"])))

            def take(self, body: bytes) -> None:
                query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                listener.seen.append((query, body))
                answer = listener.answer(query, body)
                if answer is None:
                    self.close_connection = True
                    return
                content = answer if isinstance(answer, bytes) else b"<html>error</html>"
                self.send_response(200 if isinstance(answer, bytes) else answer)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/wechat"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def listener(simulator: Simulator) -> Iterator[Listener]:
    made = Listener()
    simulator.world.account.callback_url = made.url
    simulator.world.account.callback_mode = "plain"
    simulator.world.push.settings.retry_gap_s = 0.0
    yield made
    simulator.world.push.settle(10)
    made.close()


@pytest.fixture
def person(simulator: Simulator, listener: Listener) -> Person:
    """A follower whose follow was delivered."""
    made = simulator.world.people.make("小红")
    simulator.world.people.follow(made)
    return made


def post(web: Web, path: str, body: dict[str, Any] | None = None) -> Any:
    reply = web.post(path, json=body or {})
    assert reply.status_code == 200, reply.text
    return reply.json()


def settle(web: Web) -> None:
    assert post(web, "/_sim/pushes/settle")["settled"]


def say(web: Web, person: Person, **message: Any) -> None:
    post(web, f"/_sim/people/{person.id}/messages", message or {"type": "text", "content": "红包"})
    settle(web)


def chat(web: Web, person: Person) -> list[dict[str, Any]]:
    return list(web.get(f"/_sim/people/{person.id}/chat").json()["messages"])


def last_push(web: Web) -> dict[str, Any]:
    return dict(web.get("/_sim/pushes?after=-1").json()["pushes"][-1])


def reply_text(body: bytes, content: str = "欢迎参加") -> bytes:
    return str(TextReply(content=content, message=parse_message(body)).render()).encode()


def test_plain_text_is_signed_and_its_reply_shown(web: Web, listener: Listener, person: Person, simulator: Any) -> None:
    listener.answer = lambda query, body: reply_text(body)
    say(web, person)
    query, body = listener.seen[0]
    check_signature(simulator.world.account.callback_token, query["signature"], query["timestamp"], query["nonce"])
    message = parse_message(body)
    assert (message.type, message.content, message.source) == ("text", "红包", person.openid)
    assert query["openid"] == person.openid
    assert [line["from"] for line in chat(web, person)] == ["person", "account"]
    assert chat(web, person)[1]["content"] == "欢迎参加"
    assert last_push(web)["judgement"] == "reply text"


@pytest.mark.parametrize(("is_raw", "sent"), [(True, b"[a\x1db]]>c\x01]]>"), (False, b"[ab]]]]><![CDATA[>c]]>")])
def test_what_a_person_wrote_is_copied_raw_as_wechat_does(
    web: Web, listener: Listener, person: Person, is_raw: bool, sent: bytes
) -> None:
    if not is_raw:
        web.put("/_sim/switches", json={"texts_copied_raw": False})
    say(web, person, type="text", content="a\x1db]]>c\x01")
    assert sent in listener.seen[0][1]


@pytest.mark.parametrize("mode", ["compatible", "encrypted"])
def test_sealed_modes(web: Web, listener: Listener, person: Person, simulator: Simulator, mode: str) -> None:
    account = simulator.world.account
    account.callback_mode = mode
    crypto = WeChatCrypto(account.callback_token, account.aes_key, account.appid)

    def answer(query: dict[str, str], body: bytes) -> bytes:
        opened = crypto.decrypt_message(body.decode(), query["msg_signature"], query["timestamp"], query["nonce"])
        text = str(TextReply(content="收到", message=parse_message(opened)).render())
        return str(crypto.encrypt_message(text, query["nonce"], query["timestamp"])).encode()

    listener.answer = answer
    say(web, person)
    query, body = listener.seen[0]
    assert query["encrypt_type"] == "aes"
    assert (b"<FromUserName>" in body) is (mode == "compatible")
    assert chat(web, person)[-1]["content"] == "收到"


def test_plain_reply_in_encrypted_mode_is_refused(web: Web, listener: Listener, person: Person, simulator: Any) -> None:
    simulator.world.account.callback_mode = "encrypted"
    listener.answer = lambda query, body: b"<xml><Content>x</Content></xml>"
    say(web, person)
    assert chat(web, person)[-1] == {**chat(web, person)[-1], "from": "system", "content": CANNOT_SERVE}


@pytest.mark.parametrize("silent", [b"success", b"", b" success\n"])
def test_silent_answers(web: Web, listener: Listener, person: Person, silent: bytes) -> None:
    listener.answer = lambda query, body: silent
    say(web, person)
    assert len(chat(web, person)) == 1
    assert last_push(web)["judgement"] == "silent"


@pytest.mark.parametrize(
    "garbage",
    [
        b'{"errcode":0}',
        b"<html><body>error</body></html>",
        b"ok",
        b"<xml></xml>",
        b"<!DOCTYPE xml><xml></xml>",
        b"\xff\xfe",
    ],
)
def test_garbage_shows_the_system_text(web: Web, listener: Listener, person: Person, garbage: bytes) -> None:
    listener.answer = lambda query, body: garbage
    say(web, person)
    assert chat(web, person)[-1]["content"] == CANNOT_SERVE
    assert last_push(web)["judgement"] == "invalid"
    assert len(listener.seen) == 1


def test_names_must_be_swapped(web: Web, listener: Listener, person: Person) -> None:
    listener.answer = lambda query, body: reply_text(body).replace(person.openid.encode(), b"oSomebodyElse")
    say(web, person)
    assert "openid" in last_push(web)["reason"]


def test_one_article_after_a_message(web: Web, listener: Listener, person: Person) -> None:
    def answer(query: dict[str, str], body: bytes) -> bytes:
        reply = ArticlesReply(message=parse_message(body))
        for n in (1, 2):
            reply.add_article({"title": f"规则{n}", "description": "d", "image": "", "url": "https://a.example.test/"})
        return str(reply.render()).encode()

    listener.answer = answer
    say(web, person)
    assert [article["title"] for article in chat(web, person)[-1]["articles"]] == ["规则1"]
    post(web, f"/_sim/people/{person.id}/scan", {"scene": "store42"})
    settle(web)
    assert len(chat(web, person)[-1]["articles"]) == 2


@pytest.mark.parametrize("answer", [500, None, 302])
def test_three_attempts_of_the_same_request(web: Web, listener: Listener, person: Person, answer: Answer) -> None:
    listener.answer = lambda query, body: answer
    say(web, person)
    assert len(listener.seen) == 3
    assert listener.seen[0] == listener.seen[2]
    assert last_push(web)["status"] == "failed"
    assert chat(web, person)[-1]["content"] == CANNOT_SERVE


def test_an_answer_after_the_limit_is_no_answer(web: Web, listener: Listener, person: Person, simulator: Any) -> None:
    simulator.world.push.settings.timeout_s = 0.2
    done = threading.Event()

    def answer(query: dict[str, str], body: bytes) -> bytes:
        done.wait(5)
        return b"success"

    listener.answer = answer
    say(web, person)
    done.set()
    assert last_push(web)["status"] == "failed"
    assert len(last_push(web)["attempts"]) == 3


def test_failed_event_says_nothing_to_the_person(web: Web, listener: Listener, person: Person) -> None:
    listener.answer = lambda query, body: 500
    post(web, f"/_sim/people/{person.id}/scan", {"scene": "store42"})
    settle(web)
    assert chat(web, person) == []


def test_mark_fail_stops_pushes_for_a_minute(web: Web, listener: Listener, person: Person, simulator: Any) -> None:
    web.put("/_sim/switches", json={"mark_fail_after": 2})
    listener.answer = lambda query, body: 500
    say(web, person)
    say(web, person)
    say(web, person)
    assert last_push(web)["status"] == "lost"
    assert len(listener.seen) == 6
    post(web, "/_sim/clock", {"advance_s": 61})
    listener.answer = lambda query, body: b"success"
    say(web, person)
    assert last_push(web)["status"] == "answered"


def test_repeated_word_for_word_by_hand(web: Web, listener: Listener, person: Person) -> None:
    bind = {"LotteryId": "L1", "Ticket": "v1|AA=", "Money": 100, "BindTime": 1773540210}
    pushed = {"openid": person.openid, "event": "ShakearoundLotteryBind", "fields": bind, "copies": 3}
    first = post(web, "/_sim/pushes", pushed)
    post(web, f"/_sim/pushes/{first['n']}/repeat")
    settle(web)
    assert len({body for _, body in listener.seen}) == 1
    assert len(listener.seen) == 4
    assert b"<Money>100</Money>" in listener.seen[0][1]


def test_binds_can_be_late_and_doubled(web: Web, listener: Listener, person: Person) -> None:
    post(web, "/_sim/push_settings", {"bind_delay_s": 3600, "bind_repeat": 1})
    post(web, "/_sim/pushes", {"openid": person.openid, "event": "ShakearoundLotteryBind", "fields": {}})
    settle(web)
    assert listener.seen == []
    post(web, "/_sim/clock", {"advance_s": 3601})
    settle(web)
    assert len(listener.seen) == 2


def test_raw_xml_by_hand(web: Web, listener: Listener, person: Person) -> None:
    post(web, "/_sim/pushes", {"xml": "<xml>broken"})
    settle(web)
    assert listener.seen[0][1] == b"<xml>broken"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("image", {"type": "image"}),
        ("voice", {"type": "voice", "recognition": "我要红包"}),
        ("video", {"type": "video"}),
        ("shortvideo", {"type": "shortvideo"}),
        ("location", {"type": "location", "label": "一店"}),
        ("link", {"type": "link", "title": "标题", "url": "https://a.example.test/"}),
    ],
)
def test_every_message_type_is_understood(
    web: Web, listener: Listener, person: Person, kind: str, message: dict[str, Any]
) -> None:
    say(web, person, **message)
    assert parse_message(listener.seen[0][1]).type == kind
    assert chat(web, person)[0]["type"] == kind


def test_sent_picture_can_be_fetched_by_the_account(web: Web, listener: Listener, person: Person, token: str) -> None:
    say(web, person, type="image")
    message = parse_message(listener.seen[0][1])
    fetched = web.get("/cgi-bin/media/get", params={"access_token": token, "media_id": message.media_id})
    assert fetched.headers["Content-Type"] == "image/jpeg"
    assert web.get(message.image).content == fetched.content


def test_menu_taps(web: Web, listener: Listener, person: Person, simulator: Simulator) -> None:
    kinds = ["click", "scancode_waitmsg", "pic_weixin", "location_select", "scancode_push"]
    entries = [{"type": kind, "name": kind, "key": f"K_{kind}"} for kind in kinds]
    view = {"type": "view", "name": "规则", "url": "https://shop.example.test/rules"}
    simulator.world.menu.create({"button": [{"name": "更多", "sub_button": entries}, view]})
    for kind in kinds:
        post(web, f"/_sim/people/{person.id}/menu", {"key": f"K_{kind}"})
    tapped = post(web, f"/_sim/people/{person.id}/menu", {"path": [1]})
    assert tapped == {"kind": "view", "url": "https://shop.example.test/rules"}
    settle(web)
    events = [m.event for m in (parse_message(body) for _, body in listener.seen) if m.type == "event"]
    assert sorted(events) == sorted(
        ["click", "scancode_waitmsg", "pic_weixin", "location_select", "scancode_push", "view"]
    )
    assert web.post(f"/_sim/people/{person.id}/menu", json={"key": "none"}).status_code == 400


def test_follow_by_scene_and_unfollow(web: Web, listener: Listener, simulator: Simulator) -> None:
    made = post(web, "/_sim/people", {"nickname": "阿强"})["people"][0]
    post(web, f"/_sim/people/{made['id']}/scan", {"scene": "store42"})
    settle(web)
    event = parse_message(listener.seen[0][1])
    assert event.event == "subscribe_scan"
    assert event.scene_id == "store42"
    listener.answer = lambda query, body: reply_text(body)
    post(web, f"/_sim/people/{made['id']}/unfollow")
    settle(web)
    lines = web.get(f"/_sim/people/{made['id']}/chat").json()["messages"]
    assert [line["from"] for line in lines] == ["system", "system"]
    assert web.post(f"/_sim/people/{made['id']}/messages", json={"content": "hi"}).status_code == 400


def test_url_verification(web: Web, listener: Listener) -> None:
    listener.answer = lambda query, body: query["echostr"].encode()
    assert post(web, "/_sim/verify_callback")["ok"] is True
    listener.answer = lambda query, body: b'"' + query["echostr"].encode() + b'"'
    assert post(web, "/_sim/verify_callback")["ok"] is False


@pytest.mark.parametrize(("kind", "requests"), [("repeat", 2), ("drop_reply", 2), ("drop_request", 1)])
def test_push_faults(web: Web, listener: Listener, person: Person, kind: str, requests: int) -> None:
    web.put("/_sim/faults/push/text", json={"kind": kind, "times": 1})
    say(web, person)
    assert len(listener.seen) == requests
    assert last_push(web)["status"] == "answered"


def test_a_reordered_push_is_overtaken(web: Web, listener: Listener, person: Person) -> None:
    web.put("/_sim/faults/push/text", json={"kind": "reorder", "times": 1, "seconds": 60})
    say(web, person, type="text", content="first")
    say(web, person, type="text", content="second")
    post(web, "/_sim/clock", {"advance_s": 61})
    settle(web)
    assert [parse_message(body).content for _, body in listener.seen] == ["second", "first"]


def test_saved_and_loaded_worlds_keep_what_is_queued(web: Web, listener: Listener, person: Person) -> None:
    post(web, "/_sim/push_settings", {"delay_s": 3600})
    post(web, f"/_sim/people/{person.id}/messages", {"content": "红包"})
    saved = web.get("/_sim/world").json()
    post(web, "/_sim/reset")
    assert web.get("/_sim/people").json()["people"] == []
    assert web.put("/_sim/world", json=saved).status_code == 200
    post(web, "/_sim/clock", {"advance_s": 3601})
    deadline = time.monotonic() + 10
    while not listener.seen and time.monotonic() < deadline:
        settle(web)
    assert parse_message(listener.seen[0][1]).content == "红包"


def test_own_picture_is_what_the_account_gets(web: Web, listener: Listener, person: Person, token: str) -> None:
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\nmine").decode()
    say(web, person, type="image", image=f"data:image/png;base64,{picture}", filename="mine.png")
    message = parse_message(listener.seen[0][1])
    query = {"access_token": token, "media_id": message.media_id}
    assert web.get("/cgi-bin/media/get", params=query).content == b"\x89PNG\r\n\x1a\nmine"
    wrong = web.post(f"/_sim/people/{person.id}/messages", json={"type": "image", "image": "not base64!"})
    assert wrong.status_code == 400


def test_chat_carries_menu_and_person(web: Web, listener: Listener, person: Person, simulator: Simulator) -> None:
    path = f"/_sim/people/{person.id}/chat"
    assert web.get(path).json()["menu"] is None
    simulator.world.menu.create({"button": [{"type": "click", "name": "红包", "key": "K"}]})
    shown = web.get(path).json()
    assert shown["menu"]["button"][0]["key"] == "K"
    assert shown["person"]["openid"] == person.openid
