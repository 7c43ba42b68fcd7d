"""The callback door as WeChat meets it: signatures, windows, once-only, every kind of message, and what is down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from werkzeug.test import EnvironBuilder

from tests.deployments import app_for, close, sender_of, settings_for
from tests.pushes import OPENID, as_xml, sha1
from wxbot.callback import ROUTES
from wxbot.callback import door as callback_door
from wxbot.people import followers
from wxbot.people.models import Follower, Withdrawal
from wxbot.private_servers import free_port
from wxbot.replies import rules
from wxbot.runtime import Runtime
from wxbot.settings import SettingsError, load_settings
from wxbot.shake.models import Bind
from wxbot.wechat.messages import EVENTS, MESSAGES


def client_of(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(params=["plain", "compatible", "encrypted"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def app(mode: str, sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    """The application in every callback mode, on SQLite."""
    made = app_for(settings_for(mode, sqlite_url, redis_url, tmp_path))
    yield made
    close(made)


@pytest.fixture
def both(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    """The application in encrypted mode, on both databases."""
    made = app_for(settings_for("encrypted", database_url, redis_url, tmp_path))
    yield made
    close(made)


@pytest.fixture
def plain(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    made = app_for(settings_for("plain", sqlite_url, redis_url, tmp_path))
    yield made
    close(made)


def add_rule(app: Flask, trigger: str, pattern: str, text: str) -> None:
    runtime: Runtime = app.extensions["wxbot"]
    with runtime.database.transaction() as session:
        rules.add_rule(session, trigger, pattern, runtime.clock.now(), text=text)
    app.extensions["wxbot.callback"].answers.forget()


def followers_of(app: Flask) -> dict[str, tuple[bool, str]]:
    with app.extensions["wxbot"].database.reading() as session:
        return {row.openid: (row.is_subscribed, row.scene) for row in session.scalars(select(Follower))}


def count_of(app: Flask, model: Any) -> int:
    with app.extensions["wxbot"].database.reading() as session:
        return int(session.scalar(select(func.count()).select_from(model)) or 0)


# --- verification and signatures ----------------------------------------------------------------------------------


def test_verification_returns_the_echostr_as_plain_text(app: Flask) -> None:
    sender = sender_of(app)
    response = client_of(app).get("/wechat", query_string=sender.query(echostr="5927782489442352469"))
    assert (response.status_code, response.data) == (200, b"5927782489442352469")
    assert response.mimetype == "text/plain"


def test_a_reflected_echostr_is_never_html_S08(app: Flask) -> None:
    sender, client = sender_of(app), client_of(app)
    response = client.get("/wechat", query_string=sender.query(echostr="<script>alert(1)</script>"))
    assert response.status_code in (200, 403)
    assert response.mimetype == "text/plain"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get("/wechat", query_string=sender.query(echostr="a" * 129)).status_code == 403
    assert client.get("/wechat", query_string=sender.query()).status_code == 403


FORGERIES: dict[str, Callable[[str], str]] = {
    "zeros": lambda _: "0" * 40,
    "another token": lambda _: sha1("another-token-000", "1", "2"),
    "upper case": str.upper,
    "39 characters": lambda right: right[:-1],
    "41 characters": lambda right: right + "0",
    "empty": lambda _: "",
    "not ASCII": lambda right: right[:-1] + "é",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_signature_is_refused_before_the_body_is_read_S01(app: Flask, forgery: str) -> None:
    sender, client = sender_of(app), client_of(app)
    query, body = sender.packed(sender.event("subscribe"))
    query["signature"] = FORGERIES[forgery](query["signature"])
    response = sender.post(client, query, body)
    assert (response.status_code, response.data) == (403, b"")
    assert sender.post(client, query, b"<!DOCTYPE x>").status_code == 403
    assert client.get("/wechat", query_string=query | {"echostr": "1"}).status_code == 403
    assert count_of(app, Follower) == 0


@pytest.mark.parametrize("parameter", ["signature", "timestamp", "nonce", "msg_signature", "encrypt_type"])
def test_an_absent_parameter_is_an_invalid_one_S05(both: Flask, parameter: str) -> None:
    sender, client = sender_of(both), client_of(both)
    query, body = sender.packed(sender.event("subscribe"))
    assert sender.post(client, {k: v for k, v in query.items() if k != parameter}, body).status_code == 403
    assert sender.post(client, query | {parameter: ""}, body).status_code == 403
    assert count_of(both, Follower) == 0


def test_a_parameter_that_stands_twice_is_refused(app: Flask) -> None:
    sender, client = sender_of(app), client_of(app)
    query, body = sender.packed(sender.message())
    pairs = [*query.items(), ("nonce", "another")]
    assert client.post("/wechat", query_string=pairs, data=body).status_code == 403


@pytest.mark.parametrize(
    ("age_s", "status"), [(0, 200), (290, 200), (310, 403), (86_400, 403), (-290, 200), (-310, 403)]
)
def test_a_query_outside_300_seconds_is_refused_S02(app: Flask, age_s: int, status: int) -> None:
    sender = sender_of(app)
    sender.now_s -= age_s
    assert sender.push(client_of(app), sender.message()).status_code == status


def test_the_same_request_again_gets_the_same_bytes_S02(app: Flask) -> None:
    add_rule(app, "equal", "红包", "来啦")
    sender, client = sender_of(app), client_of(app)
    query, body = sender.packed(sender.message(Content="红包"))
    first = sender.post(client, query, body)
    assert sender.reply(first)["Content"] == "来啦"  # type: ignore[index]
    add_rule(app, "equal", "红包", "另一个回答")
    assert {sender.post(client, query, body).data for _ in range(3)} == {first.data}


def test_a_nonce_with_another_body_is_refused_S02(plain: Flask) -> None:
    sender, client = sender_of(plain), client_of(plain)
    query, body = sender.packed(sender.message())
    assert sender.post(client, query, body).status_code == 200
    forged = as_xml(sender.event("ShakearoundLotteryBind", LotteryId="L", Ticket="T", Money=20000, BindTime=1)).encode()
    assert sender.post(client, query, forged).status_code == 403
    assert count_of(plain, Bind) == 0


def test_production_refuses_plain_mode_S03(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="WXBOT_CALLBACK_MODE"):
        settings_for("plain", "sqlite://", "redis://127.0.0.1:1", tmp_path, profile="production")


def test_a_forged_bind_moves_no_money_S03(plain: Flask) -> None:
    """A bind that matches no ticket of ours is kept for a person to look at, and nothing else changes."""
    sender, client = sender_of(plain), client_of(plain)
    bind = sender.event("ShakearoundLotteryBind", LotteryId="L", Ticket="T", Money=20000, BindTime=int(sender.now_s))
    assert sender.reply(sender.push(client, bind)) is None
    assert count_of(plain, Bind) == 1
    from wxbot.ledger import Entry

    assert count_of(plain, Entry) == 0


@pytest.mark.parametrize("where", ["ToUserName", "appid"])
def test_a_message_for_another_account_is_refused_S09(both: Flask, where: str) -> None:
    sender, client = sender_of(both), client_of(both)
    fields = sender.event("subscribe")
    if where == "ToUserName":
        fields["ToUserName"] = "gh_ba9876543210"
    query, body = sender.packed(fields, appid="wxfedcba9876543210" if where == "appid" else None)
    assert sender.post(client, query, body).status_code == 403
    assert count_of(both, Follower) == 0


@pytest.mark.parametrize("token", ["weixin", "token", "123456", "wxbot", "short123", "with-dashes-0000000"])
def test_the_start_refuses_a_token_that_can_be_guessed_S10(
    token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match="WXBOT_CALLBACK_TOKEN"):
        load_settings(callback_token=token)


# --- bodies -------------------------------------------------------------------------------------------------------


def bodies() -> dict[str, bytes]:
    return {
        "empty": b"",
        "not xml": b"hello",
        "json": b'{"a":1}',
        "cut": b"<xml><ToUserName>",
        "S11 external entity": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><a>&e;</a></xml>',
        "S13 external dtd": b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><xml/>',
        "nul": b"<xml>\x00</xml>",
        "not utf-8": b"<xml><Content>\xff\xfe</Content></xml>",
        "no sender": as_xml({"ToUserName": "gh_0123456789ab", "CreateTime": 1, "MsgType": "text"}).encode(),
        "no time": as_xml({"ToUserName": "gh_0123456789ab", "FromUserName": OPENID, "MsgType": "text"}).encode(),
        "two of a field": b"<xml><MsgType>text</MsgType><MsgType>event</MsgType></xml>",
    }


@pytest.mark.parametrize("kind", bodies())
def test_a_body_without_its_signature_is_refused_and_never_a_500_S11(both: Flask, kind: str) -> None:
    sender = sender_of(both)
    response = sender.post(client_of(both), sender.query(encrypt_type="aes", msg_signature="0" * 40), bodies()[kind])
    assert (response.status_code, response.data) == (403, b"")


@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=400), tail=st.text(max_size=20))
def test_no_signed_bytes_whatever_make_a_5xx_S11(plain: Flask, body: bytes, tail: str) -> None:
    sender, client = sender_of(plain), client_of(plain)
    assert sender.post(client, sender.query(), body).status_code in (200, 403)
    fields = sender.message(tail or "text", Content=tail)
    assert sender.post(client, sender.query(), as_xml(fields).encode("utf-8", "replace")).status_code in (200, 403)


@pytest.mark.parametrize("size", [64 * 1024 + 1, 10 * 1024 * 1024])
def test_a_body_over_64_kilobytes_is_refused_S16(app: Flask, size: int) -> None:
    sender = sender_of(app)
    assert sender.post(client_of(app), sender.query(), b"x" * size).status_code == 413


def test_a_body_of_unknown_length_is_read_only_up_to_the_limit_S16(plain: Flask) -> None:
    class Endless:
        taken = 0

        def read(self, n: int = -1) -> bytes:
            assert n > 0
            self.taken += n
            return b"x" * n

    stream = Endless()
    environ = EnvironBuilder(method="POST", path="/wechat", query_string=sender_of(plain).query()).get_environ()
    environ |= {"wsgi.input": stream, "wsgi.input_terminated": True, "HTTP_HOST": "shop.example.com"}
    environ.pop("CONTENT_LENGTH", None)
    status: list[str] = []
    plain.extensions["wxbot.callback"](environ, lambda line, _headers: status.append(line))
    assert status == ["413 Content Too Large"]
    assert stream.taken <= 64 * 1024 + 1


@pytest.mark.parametrize("path", ["/wechat", "/admin/sign-in", "/h5/c/none/draw"])
@pytest.mark.parametrize("framing", [{"CONTENT_LENGTH": "500"}, {"HTTP_TRANSFER_ENCODING": "chunked"}])
def test_a_sender_that_stalls_is_waited_for_once_S16(plain: Flask, path: str, framing: dict[str, str]) -> None:
    """Each further question would hold its thread for as long again, at every door."""

    class Stalled:
        asked = 0

        def read(self, n: int = -1) -> bytes:
            self.asked += 1
            raise TimeoutError("timed out")

    stream, query = Stalled(), sender_of(plain).query()
    environ = EnvironBuilder(method="POST", path=path, query_string=query).get_environ()
    environ.pop("CONTENT_LENGTH", None)
    environ |= {"wsgi.input": stream, "wsgi.input_terminated": True, "HTTP_HOST": "shop.example.com", **framing}
    environ |= {"CONTENT_TYPE": "application/x-www-form-urlencoded", "HTTP_ORIGIN": "https://shop.example.com"}
    status: list[str] = []

    def start(line: str, _headers: Any, _error: Any = None) -> Callable[[bytes], object]:
        status.append(line)
        return lambda _bytes: None

    plain.wsgi_app(environ, start)
    assert 400 <= int(status[0][:3]) < 500
    assert stream.asked == 1


def test_a_plain_body_to_an_encrypted_account_is_refused_S18(both: Flask) -> None:
    sender, client = sender_of(both), client_of(both)
    text = as_xml(sender.event("subscribe"))
    assert sender.post(client, sender.query(), text.encode()).status_code == 403
    assert sender.post(client, sender.query(encrypt_type="raw"), text.encode()).status_code == 403
    query, body = sender.packed(sender.event("subscribe"))
    assert sender.post(client, query, body.replace(b"</Encrypt>", b"x</Encrypt>")).status_code == 403
    assert count_of(both, Follower) == 0


def test_only_the_encrypted_part_counts_S18(sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    made = app_for(settings_for("compatible", sqlite_url, redis_url, tmp_path))
    sender = sender_of(made)
    query, body = sender.packed(sender.event("unsubscribe"))
    body = body.replace(b"unsubscribe", b"subscribe").replace(OPENID.encode(), b"oVICTIM")
    assert sender.post(client_of(made), query, body).status_code == 200
    assert followers_of(made) == {OPENID: (False, "")}
    close(made)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_other_methods_are_not_for_this_address(app: Flask, method: str) -> None:
    response = client_of(app).open("/wechat", method=method)
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, POST")


# --- what each message does ---------------------------------------------------------------------------------------


def test_every_kind_of_message_in_the_reference_has_a_row() -> None:
    expected = {(name, "") for name in MESSAGES} | {("event", name) for name in EVENTS}
    assert set(ROUTES) == expected


EXTRA_FIELDS: dict[str, dict[str, Any]] = {
    "location": {"Location_X": "30.274085", "Location_Y": "120.155070", "Scale": 16, "Label": "示例路"},
    "LOCATION": {"Latitude": "30.27", "Longitude": "120.15", "Precision": "65.0"},
    "location_select": {
        "SendLocationInfo": {"Location_X": "30", "Location_Y": "120", "Scale": "15", "Label": "x", "Poiname": ""}
    },
    "ShakearoundLotteryBind": {"LotteryId": "L", "Ticket": "T", "Money": 100, "BindTime": 1773540210},
    "user_authorization_revoke": {"OpenID": OPENID, "AppID": "wx0123456789abcdef", "RevokeInfo": "201"},
}


@pytest.mark.parametrize("kind", [*MESSAGES, *EVENTS])
def test_every_kind_of_message_is_answered(plain: Flask, kind: str) -> None:
    sender = sender_of(plain)
    extra = EXTRA_FIELDS.get(kind, {})
    fields = sender.event(kind, **extra) if kind in EVENTS else sender.message(kind, **extra)
    response = sender.push(client_of(plain), fields)
    assert response.status_code == 200
    assert response.data == b"success" or kind == "subscribe"


@pytest.mark.parametrize("kind", ["unheard_of", "wifi_connected", "card_pass_check"])
def test_an_unknown_kind_is_logged_and_answered_success(
    app: Flask, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sender = sender_of(app)
    assert sender.push(client_of(app), sender.event(kind)).data == b"success"
    assert sender.push(client_of(app), sender.message(kind)).data == b"success"
    assert "callback_unknown" in "".join(capsys.readouterr())


def test_a_keyword_gives_its_reply_and_another_text_the_default(app: Flask) -> None:
    add_rule(app, "equal", "红包", "摇一摇领红包")
    add_rule(app, "default", "", "回复「红包」试试")
    sender, client = sender_of(app), client_of(app)
    reply = sender.reply(sender.push(client, sender.message(Content=" 红包 ")))
    assert reply is not None
    assert (reply["ToUserName"], reply["FromUserName"]) == (OPENID, "gh_0123456789ab")
    assert (reply["MsgType"], reply["Content"]) == ("text", "摇一摇领红包")
    others = [sender.message(Content="天气"), sender.message("image", PicUrl="u", MediaId="m")]
    assert [sender.reply(sender.push(client, each))["Content"] for each in others] == ["回复「红包」试试"] * 2  # type: ignore[index]


def test_a_spoken_keyword_and_a_menu_key_count_like_a_text(plain: Flask) -> None:
    add_rule(plain, "equal", "红包", "来啦")
    sender, client = sender_of(plain), client_of(plain)
    spoken = sender.message("voice", MediaId="m", Format="amr", Recognition="红包。")
    for fields in (spoken, sender.event("CLICK", EventKey="红包")):
        assert sender.reply(sender.push(client, fields))["Content"] == "来啦"  # type: ignore[index]


def test_following_and_leaving_keeps_the_followers_table(both: Flask) -> None:
    sender, client = sender_of(both), client_of(both)
    welcome = sender.reply(sender.push(client, sender.event("subscribe", EventKey="qrscene_store42", Ticket="gQH")))
    assert welcome is not None
    assert "欢迎" in welcome["Content"]
    assert followers_of(both) == {OPENID: (True, "store42")}
    sender.now_s += 1
    assert sender.push(client, sender.event("unsubscribe", EventKey="")).data == b"success"
    assert followers_of(both) == {OPENID: (False, "store42")}


def test_a_withdrawn_authorisation_is_kept_for_whoever_erases(both: Flask) -> None:
    sender, client = sender_of(both), client_of(both)
    event = sender.event("user_authorization_revoke", OpenID="oPERSON", AppID="wx0123456789abcdef", RevokeInfo="201")
    event["FromUserName"] = "oPLATFORMpush000000000000000x"
    for _ in range(2):
        assert sender.push(client, event).data == b"success"
    with both.extensions["wxbot"].database.reading() as session:
        assert [row.openid for row in session.scalars(select(Withdrawal))] == ["oPERSON"]


# --- once only ----------------------------------------------------------------------------------------------------


def test_replayed_and_shuffled_events_leave_the_same_tables_F33(both: Flask) -> None:
    sender, client = sender_of(both), client_of(both)
    bind = {"LotteryId": "L", "Ticket": "T", "Money": 100, "BindTime": int(sender.now_s)}
    packed = []
    for n, fields in enumerate(
        [
            sender.event("subscribe", EventKey="qrscene_a"),
            sender.event("ShakearoundLotteryBind", **bind),
            sender.event("unsubscribe"),
            sender.event("subscribe", EventKey="qrscene_b"),
        ]
    ):
        packed.append(sender.packed(fields | {"CreateTime": int(sender.now_s) + n}))
    runtime: Runtime = both.extensions["wxbot"]
    for repeat in range(5):
        order = packed if repeat % 2 else packed[::-1]
        assert {sender.post(client, *push).status_code for push in order} == {200}
        runtime.redis.flushall()  # what must happen once is unique in SQL, not in Redis (I18)
    assert followers_of(both) == {OPENID: (True, "b")}
    assert count_of(both, Bind) == 1


def test_the_same_bind_in_parallel_is_one_row_and_one_answer_F33(both: Flask) -> None:
    sender = sender_of(both)
    push = sender.packed(
        sender.event("ShakearoundLotteryBind", LotteryId="L", Ticket="T", Money=100, BindTime=int(sender.now_s))
    )
    with ThreadPoolExecutor(8) as threads:
        responses = list(threads.map(lambda _: sender.post(client_of(both), *push), range(24)))
    assert {(r.status_code, r.data) for r in responses} == {(200, b"success")}
    assert count_of(both, Bind) == 1


def test_parallel_repeats_of_a_text_get_the_same_bytes_F33(app: Flask) -> None:
    add_rule(app, "equal", "红包", "来啦")
    sender = sender_of(app)
    push = sender.packed(sender.message(Content="红包"))
    with ThreadPoolExecutor(8) as threads:
        responses = list(threads.map(lambda _: sender.post(client_of(app), *push), range(24)))
    assert {r.status_code for r in responses} == {200}
    assert len({r.data for r in responses}) == 1


def test_two_binds_of_one_person_in_one_second_are_two_facts_F36(both: Flask) -> None:
    sender, client = sender_of(both), client_of(both)
    for lottery_id, sp_ticket in (("L1", "T1"), ("L2", "T2")):
        fields = sender.event(
            "ShakearoundLotteryBind", LotteryId=lottery_id, Ticket=sp_ticket, Money=100, BindTime=int(sender.now_s)
        )
        assert sender.push(client, fields).data == b"success"
    assert count_of(both, Bind) == 2


def test_two_events_of_one_second_are_both_applied_F36(both: Flask) -> None:
    sender, client = sender_of(both), client_of(both)
    sender.push(client, sender.event("subscribe"))
    sender.push(client, sender.event("unsubscribe"))
    assert followers_of(both) == {OPENID: (False, "")}


# --- what is down or slow -----------------------------------------------------------------------------------------


def test_a_locked_database_is_answered_within_5_seconds_and_written_later_F37(
    sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    made = app_for(settings_for("encrypted", sqlite_url, redis_url, tmp_path))
    add_rule(made, "equal", "红包", "来啦")
    sender, client = sender_of(made), client_of(made)
    assert sender.reply(sender.push(client, sender.message(Content="红包")))
    bind = sender.packed(
        sender.event("ShakearoundLotteryBind", LotteryId="L", Ticket="T", Money=100, BindTime=int(sender.now_s))
    )
    runtime: Runtime = made.extensions["wxbot"]
    is_locked, may_go = threading.Event(), threading.Event()

    def hold() -> None:
        with runtime.database.transaction():
            is_locked.set()
            may_go.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    is_locked.wait(10)
    began = time.monotonic()
    text = sender.push(client, sender.message(Content="红包"))
    refused = sender.post(client, *bind)
    took = time.monotonic() - began
    may_go.set()
    holder.join()
    assert sender.reply(text)["Content"] == "来啦"  # type: ignore[index]
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert took < 5
    assert sender.post(client, *bind).data == b"success"
    assert count_of(made, Bind) == 1
    close(made)


def test_without_redis_everything_is_still_answered_F37(sqlite_url: str, tmp_path: Path) -> None:
    made = app_for(settings_for("encrypted", sqlite_url, f"redis://127.0.0.1:{free_port()}/0", tmp_path))
    add_rule(made, "equal", "红包", "来啦")
    sender, client = sender_of(made), client_of(made)
    assert sender.reply(sender.push(client, sender.message(Content="红包")))["Content"] == "来啦"  # type: ignore[index]
    bind = sender.event("ShakearoundLotteryBind", LotteryId="L", Ticket="T", Money=100, BindTime=int(sender.now_s))
    for _ in range(3):
        assert sender.push(client, bind).data == b"success"
    assert count_of(made, Bind) == 1
    close(made)


def test_a_redis_that_was_emptied_or_lost_its_script_goes_on(both: Flask) -> None:
    sender, client = sender_of(both), client_of(both)
    runtime: Runtime = both.extensions["wxbot"]
    for _ in range(2):
        query, body = sender.packed(sender.message())
        assert sender.post(client, query, body).status_code == 200
        assert runtime.redis.exists(*runtime.redis.keys("wxbot:callback:message:*"))
        runtime.redis.flushall()
        runtime.redis.script_flush()


def test_a_claim_whose_process_died_is_taken_over_by_the_next_delivery(
    both: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callback_door, "ANSWER_S", 0.3)
    sender, client = sender_of(both), client_of(both)
    door = both.extensions["wxbot.callback"]
    runtime: Runtime = both.extensions["wxbot"]
    push = sender.packed(sender.event("subscribe"))
    sender.post(client, *push)
    key = runtime.redis.keys("wxbot:callback:message:*")[0]
    runtime.redis.set(key, "?")  # as a killed process leaves it
    assert sender.post(client, *push).status_code == 503
    runtime.redis.delete(key)  # its five seconds are over
    assert sender.reply(sender.post(client, *push))
    door.once.close()


def test_messages_are_counted_once(both: Flask) -> None:
    sender, client = sender_of(both), client_of(both)
    push = sender.packed(sender.message())
    for _ in range(3):
        sender.post(client, *push)
    redis: redis_client.Redis = both.extensions["wxbot"].redis
    counts: Any = redis.hgetall(redis.keys("wxbot:callback:counts:*")[0])
    assert counts == {"text": "1"}


def test_late_and_early_events_end_alike_in_any_order() -> None:
    """The order of arrival never decides who follows; the events' own times do, and leaving wins a tie."""
    from wxbot.db import Base, Database

    began = datetime(2026, 1, 1, tzinfo=UTC)
    events = [("follow", 0), ("unfollow", 5), ("follow", 5), ("follow", 3)]
    for shift in range(len(events)):
        with closing(Database("sqlite://")) as database:
            Base.metadata.create_all(database.engine)
            with database.transaction() as session:
                for kind, seconds in events[shift:] + events[:shift]:
                    at = began + timedelta(seconds=seconds)
                    if kind == "follow":
                        followers.follow(session, OPENID, "", at)
                    else:
                        followers.unfollow(session, OPENID, at)
                assert not followers.is_following(session, OPENID)
