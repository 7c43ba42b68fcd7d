"""What WeChat signs is answered 200, whatever a person or WeChat put into it; of what is not certain, nothing is believed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests.conftest import Live
from tests.deployments import app_for, close, sender_of, settings_for
from tests.pushes import OPENID, Sender
from tests.servers import SimulatedWeChat
from wxbot.draws.draw_state import draw_state_of
from wxbot.metrics.snapshot import take
from wxbot.people.models import Follower
from wxbot.replies import rules
from wxbot.shake.models import Bind


@pytest.fixture(params=["plain", "compatible", "encrypted"])
def app(request: pytest.FixtureRequest, sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    """The application in every callback mode, which knows one word."""
    made = app_for(settings_for(request.param, sqlite_url, redis_url, tmp_path))
    with made.extensions["wxbot"].database.transaction() as session:
        rules.add_rule(session, "equal", "中午", made.extensions["wxbot"].clock.now(), text="来啦")
    yield made
    close(made)


def document(sender: Sender, inner: str, msg_type: str = "text", created: str | None = None, to: str = "") -> str:
    """A message as WeChat writes it, with `inner` as it is."""
    document.n += 1  # type: ignore[attr-defined]
    time = f"<CreateTime>{int(sender.now_s)}</CreateTime>" if created is None else created
    msg_id = f"<MsgId>{2450000000 + document.n}</MsgId>" if msg_type != "event" else ""  # type: ignore[attr-defined]
    return (
        f"<xml><ToUserName><![CDATA[{to or sender.settings.original_id}]]></ToUserName>\n"
        f"<FromUserName><![CDATA[{OPENID}]]></FromUserName>\n{time}\n<MsgType><![CDATA[{msg_type}]]></MsgType>\n"
        f"{inner}\n{msg_id}</xml>"
    )


document.n = 0  # type: ignore[attr-defined]


def push(app: Flask, raw: str | bytes) -> TestResponse:
    sender = sender_of(app)
    return sender.post(app.test_client(), *sender.packed_raw(raw if isinstance(raw, bytes) else raw.encode()))


def content(text: str) -> str:
    return f"<Content><![CDATA[{text}]]></Content>"


def test_a_character_of_the_keyboard_costs_nobody_an_answer(app: Flask) -> None:
    """U+0010 and U+001D as seen in the field, every other one, and the same where it is written as a reference."""
    sender = sender_of(app)
    inside = ["\x10中\x10午", "\x1d中午", "中午\x00", "\ufffe中午\uffff"]
    inside += [f"中{chr(code)}午" for code in range(1, 32) if chr(code) not in "\t\n\r"]
    for text in [*map(content, inside), "<Content>中&#16;午</Content>", "<Content>\x1d中午</Content>"]:
        reply = sender.reply(push(app, document(sender, text)))
        assert reply is not None and reply["Content"] == "来啦", text.encode()


def test_raw_ends_of_sections_are_text_and_no_fields(app: Flask) -> None:
    sender = sender_of(app)
    with app.extensions["wxbot"].database.transaction() as session:
        for text in ("a]]>b", "]]>", "]]]>>", "x]]>]]>"):
            rules.add_rule(session, "equal", text, app.extensions["wxbot"].clock.now(), text=f"={len(text)}")
    app.extensions["wxbot.callback"].answers.forget()
    for sent, read in (("a]]>b", "a]]>b"), ("]]>", "]]>"), ("]]\x1d]>>", "]]]>>"), ("x]]\x01>]]\x02>", "x]]>]]>")):
        reply = sender.reply(push(app, document(sender, content(sent))))
        assert reply is not None and reply["Content"] == f"={len(read)}", sent


SHAPES: dict[str, tuple[str, str]] = {
    "what was heard": ("voice", "<MediaId>1</MediaId><Format>amr</Format><Recognition><![CDATA[\x1d]]></Recognition>"),
    "a title": ("link", "<Title><![CDATA[a\x0b]]>b]]></Title><Description></Description><Url>http://x/?a&b=1</Url>"),
    "a label": ("location", "<Location_X>30</Location_X><Location_Y>120</Location_Y><Label><![CDATA[\x02]]></Label>"),
    "a scan": (
        "event",
        "<Event>scancode_waitmsg</Event><EventKey>k</EventKey><ScanCodeInfo><ScanType>qrcode</ScanType>"
        "<ScanResult><![CDATA[\x1d01]]>]]></ScanResult></ScanCodeInfo>",
    ),
    "an official sample": (
        "event",
        "<Event>PUBLISHJOBFINISH</Event><PublishEventInfo><publish_id>1</publish_id><publish_status>2</publish_status>"
        "<article_id></article_id><fail_idx>1</fail_idx><fail_idx>2</fail_idx></PublishEventInfo>",
    ),
    "empty tags": ("text", "<Content/><bizmsgmenuid></bizmsgmenuid>"),
    "no content": ("text", ""),
    "nested, unknown, with attributes": ("text", "<Content>x</Content><New v='2'><a>1</a>t<a><b/></a></New>"),
    "text beside fields": ("text", "<Content>x</Content>loose"),
    "a coordinate that is none": ("location", "<Location_X>\x1d</Location_X><Location_Y>nan</Location_Y>"),
    "an unheard-of type": ("holo\x1dgram", "<Thing>\x01</Thing>"),
}


def test_shapes_that_nobody_expected_are_answered(app: Flask) -> None:
    sender = sender_of(app)
    for name, (msg_type, inner) in SHAPES.items():
        assert push(app, document(sender, inner, msg_type)).status_code == 200, name


def test_a_text_without_its_time_is_of_the_time_of_its_push_and_an_event_without_one_is_not_believed(
    app: Flask,
) -> None:
    sender = sender_of(app)
    for created in ("", "<CreateTime></CreateTime>", "<CreateTime>soon</CreateTime>", "<CreateTime>1</CreateTime>" * 2):
        reply = sender.reply(push(app, document(sender, content("中午"), created=created)))
        assert reply is not None and reply["Content"] == "来啦", created
        event = document(sender, "<Event>subscribe</Event><EventKey></EventKey>", "event", created)
        assert sender.reply(push(app, event)) is None
    assert count_of(app, Follower) == 0


def unreadable(sender: Sender) -> dict[str, str]:
    """Bodies of which nothing is certain; some of them are a person's attempt to write fields of WeChat."""
    bind = "<LotteryId>L</LotteryId><Ticket>T</Ticket><Money>20000</Money><BindTime>1</BindTime>"
    return {
        "empty": "",
        "not xml": "secret-words",
        "json": '{"a":1}',
        "cut": document(sender, content("secret-words"))[:-30],
        "an event inside a text": document(
            sender,
            content(f"]]></Content><MsgType>event</MsgType><Event>ShakearoundLotteryBind</Event>{bind}<Content>"),
        ),
        "another person inside a text": document(
            sender, content("]]></Content><FromUserName>oVICTIM</FromUserName><Content><![CDATA[secret-words")
        ),
        "the end inside a text": document(sender, content("]]></Content></xml><!-- secret-words")),
        "no sender": document(sender, content("x")).replace("FromUserName", "From"),
        "an entity nobody defined": document(sender, "<Content>&secret;</Content>"),
        "a comment": document(sender, "<!-- secret-words --><Content>x</Content>"),
    }


def test_what_cannot_be_read_is_answered_counted_and_logged_without_content(
    app: Flask, capfd: pytest.CaptureFixture[str]
) -> None:
    sender, runtime = sender_of(app), app.extensions["wxbot"]
    bodies = unreadable(sender)
    if sender.settings.callback_mode == "compatible":
        del bodies["empty"]  # nothing stands beside Encrypt there
    for name, body in bodies.items():
        response = push(app, body)
        assert (response.status_code, response.data) == (200, b"success"), name
    assert count_of(app, Follower) == count_of(app, Bind) == 0
    draw_state_of(runtime).counts.write()
    assert take(runtime).unreadable == len(bodies)
    said = capfd.readouterr()
    assert "secret" not in said.out + said.err and "callback_unreadable" in said.out + said.err


def test_what_wechat_never_sends_is_refused_beside_any_character(app: Flask) -> None:
    sender = sender_of(app)
    text = document(sender, content("\x1d中午"))
    for raw in (
        f"<!DOCTYPE x>{text}".encode(),
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>{text}'.encode(),
        f'<?xml version="1.0" encoding="GBK"?>{text}'.encode(),
        text.encode("gbk"),
        text.encode("utf-16-le"),
        document(sender, content("\x1d"), to="gh_ba9876543210").encode(),
    ):
        assert push(app, raw).status_code == 403, raw
    query, body = sender.packed_raw(text.encode())
    for name in ("signature", *(("msg_signature",) if sender.is_encrypted else ())):
        assert sender.post(app.test_client(), query | {name: "0" * 40}, body).status_code == 403


def test_an_encrypt_of_a_persons_own_is_never_opened(sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    made = app_for(settings_for("compatible", sqlite_url, redis_url, tmp_path))
    sender = sender_of(made)
    forged = sender.encrypt(document(sender, "<Event>subscribe</Event>", "event").encode())
    inner = content(f"\x1d]]></Content><Encrypt>{forged}</Encrypt><Content><![CDATA[")
    query, body = sender.packed_raw(document(sender, inner).encode())
    assert body.count(b"<Encrypt>") == 2
    response = sender.post(made.test_client(), query, body)
    assert (response.status_code, response.data, count_of(made, Follower)) == (200, b"success", 0)
    close(made)


def test_no_one_persons_text_stops_the_callbacks_of_everybody(live: Live, simulator: SimulatedWeChat) -> None:
    """More messages than fail in a row, each with a character of the keyboard; then somebody follows, and it arrives."""
    simulator.control("PUT", "switches", {"mark_fail_after": 3})
    ming, hong = simulator.person("阿明", follows=True), simulator.person("小红")
    for text in ("\x1dc", "\x10中\x10午", "a]]>b", "]]></Content><MsgType>event</MsgType><Content><![CDATA["):
        simulator.control("POST", f"people/{ming['id']}/messages", {"type": "text", "content": text})
    simulator.control("POST", "pushes/settle", {})
    simulator.control("POST", f"people/{hong['id']}/follow", {})
    simulator.control("POST", "pushes/settle", {})
    pushes = simulator.control("GET", "pushes?after=0")["pushes"]
    assert [(push["status"], len(push["attempts"])) for push in pushes] == [("answered", 1)] * 6
    chat = simulator.control("GET", f"people/{ming['id']}/chat")["messages"]
    assert not any("暂时无法提供服务" in str(line) for line in chat)


def count_of(app: Flask, model: Any) -> int:
    with app.extensions["wxbot"].database.reading() as session:
        return int(session.scalar(select(func.count()).select_from(model)) or 0)
