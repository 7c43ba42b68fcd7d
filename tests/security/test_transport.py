"""What a stranger can do with bytes alone: the whole application behind gunicorn, in the production profile."""

from __future__ import annotations

import hashlib
import json
import re
import select
import socket
import struct
import time
from contextlib import suppress

import pytest

from tests.deployments import TOKEN
from tests.security.conftest import HOUSE, READ_S, RECEIVE_S, THREADS, Server


def signed_query() -> str:
    timestamp, nonce = str(int(time.time())), "nonce123456"
    signature = hashlib.sha1("".join(sorted((TOKEN, timestamp, nonce))).encode()).hexdigest()
    return f"signature={signature}&timestamp={timestamp}&nonce={nonce}"


@pytest.mark.parametrize(
    ("line", "header"),
    [
        ("GET //evil.com/admin/", "SCRIPT_NAME: //evil.com"),
        ("GET /healthz", "SCRIPT_NAME: /x"),
        ("GET /healthz", "PATH_INFO: /admin/"),
        ("GET /healthz", "Script-Name: /x"),
        ("GET /admin/", "X-Forwarded-Host: evil.com"),
        ("GET /admin/", "X-Forwarded-Prefix: //evil.com"),
        ("GET /healthz", "X-Original-URL: /admin/"),
    ],
)
def test_no_header_moves_the_application_or_its_links_S69(production: Server, line: str, header: str) -> None:
    status, answer = production.say(line, header)
    expected, _ = production.say(line)
    assert status == expected, answer
    assert not re.search(r"(?i)^location: (//|https?://(?!shop\.example\.com))", answer, re.MULTILINE), answer


@pytest.mark.parametrize(
    "chunks", [b"zz\r\nabc\r\n0\r\n\r\n", b"-1\r\n", b"5\r\nab", b"5;" + b"x" * 9000, b"3\r\nabcd\r\n"]
)
@pytest.mark.parametrize("path", ["/wechat?{query}", "/admin/sign-in", "/h5/c/none/draw"])
def test_broken_chunks_are_refused_and_no_fault_of_ours_S16(production: Server, path: str, chunks: bytes) -> None:
    line = f"POST {path.format(query=signed_query())}"
    form = "Content-Type: application/x-www-form-urlencoded"
    with production.open(
        f"{line} HTTP/1.1\r\nHost: shop.example.com\r\n{form}\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunks
    ) as connection:
        connection.shutdown(1)
        answer = connection.recv(4096)
    assert 400 <= int(answer[9:12] or b"400") < 500, answer
    assert "callback_broken" not in production.log.read_text()
    assert "request_failed" not in production.log.read_text()


@pytest.mark.parametrize("size", [4, 300_000, 3_000_000])
@pytest.mark.parametrize(
    "line",
    [
        "POST /wechat",
        "POST /admin/lists/new",
        "POST /h5/voucher/none/photos?token=x",
        "POST /h5/c/none/draw",
        "GET /healthz",
    ],
)
def test_a_connection_is_kept_when_it_was_promised_whatever_was_left_unread_S16(
    production: Server, line: str, size: int
) -> None:
    head = f"{line} HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: {size}\r\n\r\n".encode()
    with production.open(head) as connection:
        with suppress(OSError):  # a big one may be cut off while it is being sent
            connection.sendall(b"x" * size)
        answer = b""
        with suppress(OSError):
            answer = connection.recv(65536)
        if size > 2_000_000:
            assert b"Connection: close" in answer or not answer
            return
        assert b"Connection: keep-alive" in answer, answer
        length = int(re.search(rb"(?i)content-length: (\d+)", answer)[1])  # type: ignore[index]
        while len(answer.partition(b"\r\n\r\n")[2]) < length:
            answer += connection.recv(65536)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: shop.example.com\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")


FORM = "Content-Type: application/x-www-form-urlencoded"
STALLED = {
    "a head": "GET /healthz HTTP/1.1\r\nHost: shop.example.com\r\nX-Long: a",
    "a message": "POST /wechat?{query} HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 5000\r\n\r\nabc",
    "a form": f"POST /admin/sign-in HTTP/1.1\r\nHost: shop.example.com\r\n{FORM}\r\nContent-Length: 5000\r\n\r\nabc",
    "a chunk": "POST /h5/c/none/draw HTTP/1.1\r\nHost: shop.example.com\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\nabc",
}


def test_who_connects_and_says_nothing_has_no_thread_S16(production: Server) -> None:
    """gunicorn gives its thread to each for five seconds; then whoever comes behind twenty for each thread waits for minutes."""
    silent = [production.open(b"") for _ in range(20 * THREADS)]
    try:
        began = time.monotonic()
        assert production.say("GET /healthz")[0] == 200
        assert not any(map(has_ended, silent)), "they were let go, or this test shows nothing"
        silent[0].sendall(b"GET /healthz HTTP/1.1\r\nHost: shop.example.com\r\n\r\n")
        assert silent[0].recv(4096).startswith(b"HTTP/1.1 200")
        for connection in silent[1:]:
            assert select.select([connection], [], [], READ_S)[0] and connection.recv(1) == b""
        assert time.monotonic() - began < READ_S, "they leave together, not one after another"
    finally:
        for connection in silent:
            connection.close()


def has_ended(connection: socket.socket) -> bool:
    """Whether the server has answered or closed."""
    return bool(select.select([connection], [], [], 0)[0])


@pytest.mark.parametrize("is_dribbled", [False, True], ids=["nothing more", "a byte now and then"])
def test_senders_that_stall_are_let_go_and_the_others_answered_S16(production: Server, is_dribbled: bool) -> None:
    """Connections wait for a thread in the order they came: a request behind two for each thread is answered after the first ended."""
    kinds = [text.format(query=signed_query()).encode() for text in STALLED.values()]
    stalled = [production.open(kinds[number % len(kinds)]) for number in range(2 * THREADS)]
    try:
        with production.open(b"GET /healthz HTTP/1.1\r\nHost: shop.example.com\r\n\r\n") as asker:
            for _ in range(int(READ_S / RECEIVE_S) * 4):
                if select.select([asker], [], [], RECEIVE_S / 4)[0]:
                    break
                for each in stalled if is_dribbled else ():
                    with suppress(OSError):
                        each.send(b"a")
            let_go = sum(map(has_ended, stalled))
            assert has_ended(asker), f"every thread is held; {let_go} were let go"
            assert asker.recv(4096).startswith(b"HTTP/1.1 200")
        assert let_go >= THREADS, "they had the threads, or this test shows nothing"
        assert "callback_broken" not in production.log.read_text()
        assert "Traceback" not in production.log.read_text()
    finally:
        for connection in stalled:
            connection.close()


def whole(connection: socket.socket) -> bytes:
    """One answer to its last byte."""
    answer = b""
    while not (found := re.search(rb"(?i)content-length: (\d+)[^\0]*?\r\n\r\n", answer)):
        answer += connection.recv(4096)
    while len(answer) < found.end() + int(found[1]):
        answer += connection.recv(4096)
    return answer


def test_at_a_full_house_a_draw_is_told_when_to_come_again_and_keeps_its_connection(production: Server) -> None:
    """A house full of requests stands still: who would draw waits on their phone; who asks something else waits for a thread."""
    draw = b"POST /h5/c/none/draw HTTP/1.1\r\nHost: shop.example.com\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    stalled = [production.open(STALLED["a head"].encode()) for _ in range(HOUSE)]
    try:
        with production.open(b"") as late, production.open(draw[:-1]) as cut, production.open(draw) as asker:
            for _ in range(2):
                answer = whole(asker)
                assert answer.startswith(b"HTTP/1.1 503 ") and b"Retry-After: 1" in answer, answer
                assert b'"place": "' in answer.partition(b"\r\n\r\n")[2]
                asker.sendall(draw)
            late.sendall(draw)
            assert whole(late).startswith(b"HTTP/1.1 503 ")
            cut.sendall(draw[-1:])
            assert whole(cut).startswith(b"HTTP/1.1 404 "), "what was read of it early is not lost"
            while (answer := whole(asker)).startswith(b"HTTP/1.1 503 "):  # until the stalled ones are let go
                asker.sendall(draw)
            assert answer.startswith(b"HTTP/1.1 404 ")
            asker.sendall(b"GET /healthz HTTP/1.1\r\nHost: shop.example.com\r\n\r\n")
            assert whole(asker).startswith(b"HTTP/1.1 200 ")
    finally:
        for connection in stalled:
            connection.close()


def test_a_full_house_that_leaves_is_not_full_any_more(production: Server) -> None:
    """Whoever goes before, between and after their bytes is counted out again: a process that miscounts is crowded for ever."""
    draw = b"POST /h5/c/none/draw HTTP/1.1\r\nHost: shop.example.com\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    house = [production.open(STALLED["a head"].encode()) for _ in range(HOUSE)]
    for number, sent in enumerate((b"", draw[:20], draw[:-1], draw, draw + draw, draw + draw[:9]) * 4):
        with production.open(sent) as gone:
            if number % 2:  # in anger: a reset
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    for each in house:
        each.close()
    deadline = time.monotonic() + READ_S
    with production.open(draw) as asker:
        while (answer := whole(asker)).startswith(b"HTTP/1.1 503 "):  # the threads find out one after another
            assert time.monotonic() < deadline, "crowded for ever"
            asker.sendall(draw)
        assert answer.startswith(b"HTTP/1.1 404 ")
    assert "Traceback" not in production.log.read_text()


def test_who_leaves_an_ended_connection_open_holds_up_nobody_S16(production: Server) -> None:
    """gunicorn waits two seconds for them to close it, in the very thread that takes new connections."""
    line = b"GET /healthz HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n"
    left_open = [production.open(line) for _ in range(int(READ_S / 2) + 5)]
    try:
        assert production.say("GET /healthz")[0] == 200
        for connection in left_open:
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    finally:
        for connection in left_open:
            connection.close()


def test_a_terminal_escape_never_reaches_the_log_S63(production: Server) -> None:
    assert production.say("GET /robots.txt", host="a\x9b31mfake\x85line")[0] == 400
    text = production.log.read_text()
    assert "foreign_host" in text
    assert not re.search("[\x7f-\x9f\u2028\u2029]", text)
    hosts = [json.loads(line).get("host") for line in text.splitlines() if line.startswith("{")]
    assert "a\x9b31mfake\x85line" in hosts


@pytest.mark.parametrize(
    "line",
    [
        "GET /healthz",
        "GET /admin/sign-in",
        "GET /nowhere",
        "GET /static/console/console.css",
        "GET /wechat",
        "PUT /wechat",
        "POST /h5/c/none/draw",
        "GET /h5/c/none",
        "GET /oauth/back",
        "POST /admin/sign-in",
        "GET /MP_verify_0.txt",
    ],
)
def test_every_answer_of_the_socket_carries_the_fixed_headers_S71(production: Server, line: str) -> None:
    _, answer = production.say(line, "User-Agent: MicroMessenger")
    for header in (
        "X-Content-Type-Options: nosniff",
        "Referrer-Policy: same-origin",
        "Strict-Transport-Security: max-age=",
    ):
        assert header in answer, answer


def test_the_exceptions_for_the_simulator_end_with_its_profile_S69(production: Server) -> None:
    for host in ("127.0.0.1", "localhost", f"127.0.0.1:{production.port}"):
        assert production.say("GET /robots.txt", host=host)[0] == 400
        assert production.say("GET /healthz", host=host)[0] == 200
    _, page = production.say("GET /admin/sign-in", "Cookie: wxsim_client=MicroMessenger")
    assert "127.0.0.1" not in page
    assert "frame-ancestors 'none'" in page
    assert re.search(r"(?i)set-cookie: __Host-[^\n]*Secure; HttpOnly; Path=/; SameSite=Lax", page)
    _, phone = production.say("GET /h5/c/none", "Cookie: wxsim_client=MicroMessenger")
    assert "frame-ancestors 'none'" in phone
    assert "frame-src" not in phone
