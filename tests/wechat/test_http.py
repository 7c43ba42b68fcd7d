"""The way out: deadlines, size, TLS, secrets, and the honest answer to "was anything sent?"."""

import gzip
import logging
import socket
import ssl
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.wechat.wires import Authority, Heard, Wire, dripping, http_reply, resetting, saying, silent
from wxbot.wechat.errors import NotSent, Unanswered
from wxbot.wechat.http import REPLY_BYTES, Timeouts, Transport, json_body

QUICK = Timeouts(connect_s=0.5, read_s=0.3, total_s=0.6)


def test_a_reply_comes_back_whole_and_connections_are_reused() -> None:
    with Wire(saying(http_reply(b'{"a":1}')), closes=False) as wire:
        transport = Transport()
        for _ in range(5):
            reply = transport.send("POST", wire.url + "/x", body=b"{}", content_type="application/json")
            assert (reply.status, reply.body) == (200, b'{"a":1}')
        assert (len(wire.heard), wire.connections) == (5, 1)
        transport.close()


def test_many_threads_share_one_transport() -> None:
    with Wire(saying(http_reply(b"ok")), closes=False) as wire, ThreadPoolExecutor(8) as threads:
        transport = Transport(pool_size=8)
        bodies = list(threads.map(lambda _: transport.send("GET", wire.url + "/x").body, range(64)))
        assert bodies == [b"ok"] * 64
        assert wire.connections <= 8


def test_json_is_real_utf8_without_escapes() -> None:
    assert json_body({"text": "红包"}) == '{"text":"红包"}'.encode()
    with pytest.raises(ValueError):
        json_body({"x": float("nan")})


def test_before_send_is_asked_first_and_can_stop_the_request() -> None:
    asked: list[str] = []

    def refuse(label: str) -> None:
        asked.append(label)
        raise RuntimeError("a transaction is open")

    with Wire(saying(http_reply(b"ok"))) as wire:
        with pytest.raises(RuntimeError):
            Transport(before_send=refuse).send("GET", wire.url + "/path", params={"access_token": "SECRETSECRET"})
        assert asked == ["GET /path"]
        assert wire.connections == 0


# --- was anything sent? -------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/x", "http://no-such-host.invalid/x", "ftp://127.0.0.1/x"])
def test_not_sent_when_there_is_nobody_to_send_to(url: str) -> None:
    with pytest.raises(NotSent):
        Transport(timeouts=QUICK).send("POST", url.format(port=free_port()), body=b"money")


def test_no_answer_is_unanswered_within_the_read_timeout_F06() -> None:
    with Wire(silent) as wire:
        began = time.monotonic()
        with pytest.raises(Unanswered) as caught:
            Transport(timeouts=QUICK).send("POST", wire.url + "/x", body=b"money")
        assert caught.value.reason == "timeout"
        assert time.monotonic() - began < 5
        assert len(wire.heard) == 1


@pytest.mark.parametrize("where", ["head", "body"])
def test_drip_feed_ends_at_the_total_deadline_F06(where: str) -> None:
    reply = http_reply(b"x" * 400)
    begin = b"" if where == "head" else reply.split(b"x")[0]

    def answer(heard: Heard, connection: socket.socket) -> None:
        connection.sendall(begin)
        dripping(reply[len(begin) :])(heard, connection)

    with Wire(answer) as wire:
        began = time.monotonic()
        with pytest.raises(Unanswered) as caught:
            Transport(timeouts=QUICK).send("GET", wire.url + "/x")
        assert caught.value.reason == "timeout"
        assert time.monotonic() - began < 5


def test_reset_after_the_request_is_unanswered_and_sent_once_F13() -> None:
    with Wire(resetting) as wire:
        with pytest.raises(Unanswered) as caught:
            Transport().send("POST", wire.url + "/x", body=b"money")
        assert caught.value.reason == "reset"
        assert len(wire.heard) == 1


def test_truncated_reply_is_unanswered_F11() -> None:
    with Wire(saying(http_reply(b"12345", headers={"Content-Length": "500"}))) as wire, pytest.raises(Unanswered):
        Transport().send("GET", wire.url + "/x")


def test_a_huge_reply_is_cut_off_and_the_connection_dropped_S16() -> None:
    def endless(_heard: Heard, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")

    with Wire(endless) as wire:
        with pytest.raises(Unanswered) as caught:
            Transport().send("GET", wire.url + "/x")
        assert caught.value.reason == "too_big"
        assert len(caught.value.evidence) <= REPLY_BYTES


def test_a_reply_of_exactly_the_limit_passes_and_media_may_be_larger() -> None:
    with Wire(saying(http_reply(b"x" * REPLY_BYTES))) as wire:
        assert len(Transport().send("GET", wire.url + "/x").body) == REPLY_BYTES
    with Wire(saying(http_reply(b"x" * (REPLY_BYTES + 1)))) as wire:
        with pytest.raises(Unanswered):
            Transport().send("GET", wire.url + "/x")
        assert len(Transport().send("GET", wire.url + "/x", max_bytes=200_000).body) == REPLY_BYTES + 1


@pytest.mark.parametrize("status", ["302 Found", "400 Bad Request", "403 Forbidden", "500 Oops", "502 Bad Gateway"])
def test_anything_but_200_is_unanswered_and_redirects_are_not_followed(status: str) -> None:
    reply = http_reply(b"<html>nginx</html>", status=status, headers={"Location": "http://127.0.0.1:1/elsewhere"})
    with Wire(saying(reply)) as wire:
        with pytest.raises(Unanswered) as caught:
            Transport().send("POST", wire.url + "/x", body=b"money")
        assert (caught.value.reason, caught.value.status) == ("http_status", int(status[:3]))
        assert "nginx" in caught.value.evidence
        assert len(wire.heard) == 1


def test_a_gzip_reply_nobody_asked_for_is_unanswered_F11() -> None:
    reply = http_reply(gzip.compress(b'{"errcode":0}'), headers={"Content-Encoding": "gzip"})
    with Wire(saying(reply)) as wire:
        with pytest.raises(Unanswered) as caught:
            Transport().send("GET", wire.url + "/x")
        assert caught.value.reason == "unreadable"
        assert wire.heard[0].header("Accept-Encoding") == "identity"


@pytest.mark.parametrize("garbage", [b"\x00\x01\x02", b"HTTP/9.9 abc\r\n\r\n", b"220 ftp\r\n", b"", b"x" * 100_000])
def test_a_reply_that_is_not_http_is_unanswered_F11(garbage: bytes) -> None:
    with Wire(saying(garbage)) as wire, pytest.raises(Unanswered):
        Transport(timeouts=QUICK).send("GET", wire.url + "/x")


def test_a_forked_process_makes_its_own_connections_F28() -> None:
    import os

    with Wire(saying(http_reply(b"ok")), closes=False) as wire:
        transport = Transport()
        transport.send("GET", wire.url + "/x")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            try:
                is_fine = transport.send("GET", wire.url + "/x").body == b"ok"
            except BaseException:
                is_fine = False
            os._exit(0 if is_fine else 1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert transport.send("GET", wire.url + "/x").body == b"ok"
        assert wire.connections == 2


# --- TLS ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return Authority(tmp_path_factory.mktemp("tls"))


def test_our_own_authority_is_trusted_when_named_S64(authority: Authority) -> None:
    tls = authority.server_context(authority.issue("server"))
    with Wire(saying(http_reply(b"ok")), tls) as wire:
        assert Transport(ca_file=authority.ca_file).send("GET", wire.url + "/x").body == b"ok"


@pytest.mark.parametrize("fault", ["unknown authority", "wrong host", "expired", "old TLS"])
def test_a_bad_server_fails_before_a_byte_of_the_request_S64(authority: Authority, tmp_path: Path, fault: str) -> None:
    pair = authority.issue(
        "bad", host="elsewhere.test" if fault == "wrong host" else "127.0.0.1", is_expired=fault == "expired"
    )
    ca_file = Authority(tmp_path, "another").ca_file if fault == "unknown authority" else authority.ca_file
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        tls = authority.server_context(pair, newest=ssl.TLSVersion.TLSv1_1 if fault == "old TLS" else None)
    with Wire(saying(http_reply(b"ok")), tls) as wire:
        with pytest.raises(NotSent):
            Transport(ca_file=ca_file).send("POST", wire.url + "/x", body=b"money")
        assert wire.heard == []


def test_no_code_of_ours_switches_verification_off_S64() -> None:
    from pathlib import Path

    import wxbot.wechat

    texts = [path.read_text() for path in Path(wxbot.wechat.__path__[0]).rglob("*.py")]
    assert not any("verify=False" in text or "CERT_NONE" in text or "check_hostname = False" in text for text in texts)


def test_a_client_certificate_is_shown_when_the_server_demands_one(authority: Authority) -> None:
    tls = authority.server_context(authority.issue("server"), wants_client=True)
    with Wire(saying(http_reply(b"ok")), tls) as wire:
        with_cert = Transport(ca_file=authority.ca_file, cert=authority.issue("client"))
        assert with_cert.send("POST", wire.url + "/x", body=b"m").body == b"ok"
        with pytest.raises((NotSent, Unanswered)):
            Transport(ca_file=authority.ca_file, timeouts=QUICK).send("POST", wire.url + "/x", body=b"m")
        assert len(wire.heard) == 1


# --- secrets ------------------------------------------------------------------------------------------------------

CANARIES = {"access_token": "CANARY-ACCESS-1", "secret": "CANARY-SECRET-2", "ticket": "CANARY-TICKET-3"}


def failing_calls(authority: Authority, tmp_path: Path) -> Any:
    """Every way a call can fail, each carrying secrets in its URL and its reply."""
    echo = '{"errcode":40001,"access_token":"CANARY-ACCESS-1","secret":"CANARY-SECRET-2","x":"?ticket=CANARY-TICKET-3&a=1"}'
    answers = [silent, resetting, saying(http_reply(echo.encode(), status="500 Oops")), saying(b"garbage")]
    answers.append(saying(http_reply(b"<xml><sign>CANARY-ACCESS-1</sign></xml>" * 2000)))
    for answer in answers:
        with Wire(answer) as wire:
            yield wire.url, None
    yield f"http://127.0.0.1:{free_port()}", None
    with Wire(saying(b""), authority.server_context(authority.issue("server"))) as wire:
        yield wire.url, Authority(tmp_path, "another").ca_file


def test_no_error_text_and_no_log_line_holds_a_secret_S59(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    failures = 0
    for url, ca_file in failing_calls(authority, tmp_path):
        transport = Transport(timeouts=QUICK, ca_file=ca_file)
        with pytest.raises((NotSent, Unanswered)) as caught:
            transport.send("GET", url + "/cgi-bin/x", params=CANARIES)
        error = caught.value
        seen = f"{error!r} {error} {getattr(error, 'evidence', '')} {error.__cause__!r}"
        assert "CANARY" not in seen
        assert error.__suppress_context__ or error.__context__ is None
        failures += 1
    assert failures == 7
    assert "CANARY" not in caplog.text
    assert logging.getLogger("urllib3.connectionpool").getEffectiveLevel() >= logging.INFO


def test_threads_do_not_share_their_deadline() -> None:
    """A slow request in one thread must not shorten or lengthen the deadline of another."""
    with Wire(silent) as slow, Wire(saying(http_reply(b"ok")), closes=False) as fast:
        transport = Transport(timeouts=QUICK)
        errors: list[BaseException] = []

        def stuck() -> None:
            try:
                transport.send("GET", slow.url + "/x")
            except Unanswered as error:
                errors.append(error)

        thread = threading.Thread(target=stuck)
        thread.start()
        while thread.is_alive():
            assert transport.send("GET", fast.url + "/x").body == b"ok"
        thread.join()
        assert len(errors) == 1
