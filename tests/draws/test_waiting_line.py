"""Who is turned away at a full house and who is let in, and what is left to a thread: by bytes alone."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxbot import oauth
from wxbot.draws.front import Front
from wxbot.draws.plain_draw import PlainDraw, plain_draw
from wxbot.draws.waiting_line import (
    FIRST_PACE,
    HASTE,
    LEAST_S,
    LOOK_EVERY_S,
    MOST_S,
    ROOM_PER_THREAD,
    ROOM_WITH_PLACE,
    SETTLE_S,
    WaitingLine,
)
from wxbot.runtime import Runtime

FULL, BUSY, ROOM = ROOM_WITH_PLACE, ROOM_PER_THREAD, ROOM_PER_THREAD - 0.1
COOKIE = "wxbot_person"


def raw(place: str = "", session: str = "a.1.b..c", *headers: str, query: str = "", **body: str) -> bytes:
    """What a phone sends to draw."""
    said = json.dumps({"page_token": "p", "nonce": "n", **({"place": place} if place else {}), **body}).encode()
    lines = [f"POST /h5/c/spring/draw{query} HTTP/1.1", "Host: x", f"Cookie: a=b; {COOKIE}={session}", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(said)}", "", ""]).encode() + said


def request(place: str = "", session: str = "a.1.b..c", *headers: str, query: str = "", **body: str) -> PlainDraw:
    """The same, read."""
    draw = plain_draw(raw(place, session, *headers, query=query, **body))
    assert draw is not None
    return draw


def of_a_stranger(place: str = "") -> PlainDraw:
    """Without a session."""
    draw = plain_draw(raw(place).replace(COOKIE.encode(), b"other"))
    assert draw is not None
    return draw


def said(answer: bytes | None) -> dict[str, Any]:
    """The body of an answer that is whole."""
    assert answer is not None
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ") and int(re.findall(rb"Content-Length: (\d+)", head)[0]) == len(body)
    found: dict[str, Any] = json.loads(body)
    assert found["outcome"] == "try_again"
    assert 0 <= int(re.findall(rb"Retry-After: (\d+)", head)[0]) - found["wait_s"] < 1.01
    return found


@pytest.fixture
def line(runtime: Runtime) -> WaitingLine:
    assert oauth.session_cookie(runtime) == COOKIE
    return WaitingLine(runtime)


def test_as_long_as_there_is_room_everybody_is_let_in(line: WaitingLine) -> None:
    assert line.turned_away(request(), ROOM, 0) is None
    first = said(line.turned_away(request(), BUSY, 0))
    assert first["wait_s"] >= LEAST_S and first["title"] == "人有点多"
    assert said(line.turned_away(request("", "s", "Accept-Language: en-GB"), BUSY, 0))["title"] == "A crowd right now"
    assert said(line.turned_away(request(query="?lang=en"), BUSY, 0))["title"] == "A crowd right now"
    assert line.turned_away(request(), ROOM, 0) is None, "a line of others keeps nobody out of free threads"


def test_a_place_is_one_person_s_and_good_from_its_moment_on(
    line: WaitingLine, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = said(line.turned_away(request(), BUSY, 0))
    assert line.turned_away(request(found["place"]), BUSY, 0) is not None, "too early"
    now = runtime.clock.unix()
    monkeypatch.setattr(runtime.clock, "unix", lambda: now + found["wait_s"])
    assert line.turned_away(request(found["place"]), BUSY, 0) is None
    assert WaitingLine(runtime).turned_away(request(found["place"]), BUSY, 0) is None, "any process takes it"
    assert line.turned_away(request(found["place"], "somebody.else"), BUSY, 0) is not None
    forged = found["place"][:-1] + ("0" if found["place"][-1] != "0" else "1")
    assert line.turned_away(request(forged), BUSY, 0) is not None
    again = said(line.turned_away(request(found["place"]), FULL, 0))
    assert again["wait_s"] < found["wait_s"] + 1 and again["place"] != found["place"]
    monkeypatch.setattr(runtime.clock, "unix", lambda: now + timedelta(hours=1).total_seconds())
    assert line.turned_away(request(found["place"]), BUSY, 0) is not None


def test_a_place_that_was_given_to_nobody_lets_nobody_in(
    line: WaitingLine, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = plain_draw(raw().replace(b"Cookie: a=b; ", b"Cookie:"))
    assert draw is not None
    assert draw.cookie(COOKIE) == "a.1.b..c", "the door reads it so, too"
    found = said(line.turned_away(of_a_stranger(), BUSY, 0))
    now = runtime.clock.unix()
    monkeypatch.setattr(runtime.clock, "unix", lambda: now + found["wait_s"])
    assert line.turned_away(of_a_stranger(found["place"]), BUSY, 0) is not None


def test_a_long_crush_of_those_who_return_is_over_as_soon_as_it_is_decided(
    line: WaitingLine, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("wxbot.draws.waiting_line.time.monotonic", lambda: now)
    found = said(line.turned_away(request(), BUSY, 0))
    unix = runtime.clock.unix()
    monkeypatch.setattr(runtime.clock, "unix", lambda: unix + found["wait_s"])
    for _ in range(200):  # while hardly anything is decided
        now += LOOK_EVERY_S
        line.turned_away(request(found["place"]), FULL, 0)
    now += MOST_S
    assert said(line.turned_away(request(), BUSY, 0))["wait_s"] < MOST_S / 4, "nobody waits for moments long past"


def test_moments_follow_each_other_as_fast_as_draws_are_decided(
    line: WaitingLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, finished = 1000.0, 0
    monkeypatch.setattr("wxbot.draws.waiting_line.time.monotonic", lambda: now)
    waits = [said(line.turned_away(request(), BUSY, 0))["wait_s"] for _ in range(200)]
    assert waits == sorted(waits) and waits[-1] - waits[0] == pytest.approx(199 / FIRST_PACE / HASTE, abs=0.02)
    for _ in range(40):  # ten seconds in which a hundred a second are decided
        now, finished = now + 0.25, finished + 25
        line.turned_away(request(), BUSY, finished)
    waits = [said(line.turned_away(request(), BUSY, finished))["wait_s"] for _ in range(550)]
    assert waits[-1] - waits[0] == pytest.approx(549 / 100 / HASTE, abs=0.1)
    waits = [said(line.turned_away(request(), BUSY, finished))["wait_s"] for _ in range(5000)]
    assert max(waits) <= MOST_S and min(waits[-1000:]) >= MOST_S / 2


def test_a_moment_in_which_nothing_is_answered_makes_nobody_wait_twice_as_long(
    line: WaitingLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers come a commit at a time. Who is told to come too late leaves the process idle and waits for nothing."""
    now, finished = 1000.0, 0
    monkeypatch.setattr("wxbot.draws.waiting_line.time.monotonic", lambda: now)
    for _ in range(40):
        now, finished = now + LOOK_EVERY_S, finished + 200
        line.turned_away(request(), BUSY, finished)
    now += LOOK_EVERY_S  # a commit that took long
    waits = [said(line.turned_away(request(), BUSY, finished))["wait_s"] for _ in range(200)]
    spread = waits[-1] - waits[0]
    assert 1 < spread / (199 / (200 / LOOK_EVERY_S) / HASTE) < 1 / (1 - LOOK_EVERY_S / SETTLE_S) + 0.1


NOT_PLAIN = {
    "another address": raw().replace(b"/draw", b"/state"),
    "another method": raw().replace(b"POST", b"PUT"),
    "an older protocol": raw().replace(b"HTTP/1.1", b"HTTP/1.0"),
    "a body that is not here": raw()[:-1],
    "a request behind it": raw() + b"POST",
    "a head that is not here": raw().partition(b"\r\n\r\n")[0],
    "two lengths": raw("", "s", "Content-Length: 5"),
    "a length of its own kind": raw().replace(b"Length: ", b"Length: +"),
    "a length on two lines": raw().replace(b"Length: ", b"Length:\r\n "),
    "chunks": raw("", "s", "Transfer-Encoding: chunked"),
    "chunks under an odd name": raw("", "s", "Transfer-Encoding : chunked"),
    "a connection that ends": raw("", "s", "Connection: close"),
    "another protocol": raw("", "s", "Connection: keep-alive, Upgrade", "Upgrade: h2c"),
    "a question first": raw("", "s", "Expect: 100-continue"),
    "nothing": b"",
}


@pytest.mark.parametrize("asked", NOT_PLAIN.values(), ids=NOT_PLAIN.keys())
def test_whatever_is_not_plainly_a_whole_draw_is_left_to_a_thread_S16(asked: bytes) -> None:
    assert plain_draw(asked) is None


@given(st.binary(max_size=300), st.integers(min_value=0, max_value=300))
def test_no_bytes_break_the_line(noise: bytes, at: int) -> None:
    whole = raw()
    for asked in (noise, whole[:at] + noise, whole[:at] + noise + whole[at:]):
        found = plain_draw(asked)
        assert found is None or asked.endswith(found.body)


@pytest.mark.parametrize(
    ("method", "path", "counts"),
    [
        ("POST", "/h5/c/gala/draw", True),
        ("GET", "/h5/c/gala/draw", False),
        ("POST", "/wechat", False),
        ("POST", "/h5/c/gala/draw/more", False),
    ],
)
def test_the_pace_is_that_of_draws_and_of_no_other_request(method: str, path: str, counts: bool) -> None:
    assert Front.is_draw(method, path) is counts
