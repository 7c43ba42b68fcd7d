"""Draws past the threads of the server: answered as by a thread, each once, whatever is away meanwhile."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
import redis
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from tests.draws.stage import Phone
from tests.draws.stage import set_stage as set_shake
from tests.instant.crowd import Person, StraightWay, asked, nonce, person, tally
from tests.instant.stage import InstantStage, set_wheel
from wxbot.draws import admit
from wxbot.draws.door import DrawDoor
from wxbot.draws.draw_state import draw_state_of
from wxbot.draws.models import DrawCount
from wxbot.draws.plain_draw import environ_of, plain_draw
from wxbot.draws.snapshot import LATELY_S
from wxbot.draws.straight import StraightDraws
from wxbot.once import RedisConnection
from wxbot.runtime import Runtime

LOST = {"odds_ppm": 0}


@pytest.fixture
def stage(runtime: Runtime) -> InstantStage:
    return set_wheel(runtime, LOST, tries_per_person=3, tries_per_day=3)


@pytest.fixture
def way(runtime: Runtime) -> StraightWay:
    return StraightWay(runtime)


def said(answer: bytes) -> dict[str, Any]:
    """Its body, which is as long as its head says."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert int(re.findall(rb"Content-Length: (\d+)", head)[0]) == len(body)
    found: dict[str, Any] = json.loads(body)
    return found | {"status": int(head[9:12])}


def tap(stage: InstantStage, who: Person, *headers: str, **more: str) -> bytes:
    return asked(stage, who, nonce(stage, who), *headers, **more)


def test_those_of_one_moment_are_each_told_their_own(way: StraightWay, stage: InstantStage) -> None:
    people = [person(stage.runtime) for _ in range(40)]
    stranger = tap(stage, people[0]).replace(b"wxbot_person", b"somebody")
    foreign = tap(stage, people[1]).replace(b"Origin: http://", b"Origin: http://x.")
    stale = tap(stage, people[2]).replace(b'"page_token"', b'"page_tokem"')
    made_up = asked(stage, people[3], "0" * 40)
    english = tap(stage, people[4], "Accept-Language: en", "X-Request-Id: 7", channel="")
    going = [english, *(tap(stage, who) for who in people[5:])]
    told = list(map(said, way.answers([stranger, foreign, stale, made_up, *going])))
    assert [(each["status"], each["outcome"]) for each in told[:4]] == [
        (401, "sign_in"),
        (403, "refused"),
        (409, "stale_page"),
        (409, "stale_nonce"),
    ]
    assert tally(told[4:]) == {"lost": 36} and {each["status"] for each in told[4:]} == {200}
    assert sorted(each["k"] for each in told[4:]) == list(range(1, 37))
    assert told[4]["title"].isascii() and not told[5]["title"].isascii()
    by_k = {draw.k: draw for draw in stage.draws()}
    assert [by_k[each["k"]].openid for each in told[4:]] == [who.openid for who in people[4:]]
    assert {draw.ip for draw in by_k.values()} == {"127.0.0.1"}


def test_a_repeat_gets_the_same_and_who_is_at_the_end_of_their_tries_is_told(
    way: StraightWay, stage: InstantStage
) -> None:
    who = person(stage.runtime)
    first = tap(stage, who)
    (one,) = way.answers([first])
    assert said(one) == said(way.answers([first])[0])
    same = way.answers([first, first, tap(stage, who), tap(stage, who), tap(stage, who)])
    assert tally(list(map(said, same))) == {"lost": 4, "no_tries_left": 1}
    assert len(stage.draws()) == 3


def test_what_has_to_be_looked_up_elsewhere_is_answered_too(way: StraightWay, stage: InstantStage) -> None:
    who, other = person(stage.runtime), person(stage.runtime)
    first = tap(stage, who)
    drawn = said(way.answers([first])[0])
    stage.change(status="off")
    stage.forget()
    again, refused = map(said, way.answers([first, tap(stage, other)]))
    assert again == drawn
    assert (refused["status"], refused["outcome"]) == (409, "paused")


def test_a_shake_that_redis_does_not_know_is_asked_for_by_a_thread(
    app: Flask, runtime: Runtime, ming: Phone, way: StraightWay
) -> None:
    shake = set_shake(runtime)
    who = person(runtime)
    stage = InstantStage(runtime, shake.campaign_id, shake.slug)
    known, unknown = asked(stage, who, shake.shake(who.openid)), asked(stage, who, "never-shaken-ticket")
    admitted, refused = map(said, way.answers([known, unknown]))
    assert (admitted["outcome"], refused["outcome"]) == ("admitted", "ticket_too_old")


def test_without_redis_they_are_decided_all_the_same(
    way: StraightWay, stage: InstantStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> list[Any]:
        raise redis.ConnectionError

    monkeypatch.setattr(RedisConnection, "call_all", gone)
    told = map(said, way.answers([tap(stage, person(stage.runtime)) for _ in range(5)]))
    assert tally(list(told)) == {"lost": 5}


def test_what_cannot_be_written_is_asked_for_again_and_breaks_nothing(
    way: StraightWay, stage: InstantStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = [tap(stage, person(stage.runtime)) for _ in range(3)]

    def broken(*_: Any) -> Any:
        raise OperationalError("", None, Exception("database is locked"))

    with monkeypatch.context() as patched:
        patched.setattr(draw_state_of(stage.runtime).bookings._database, "transaction", broken)
        told = list(map(said, way.answers(asking)))
    assert {(each["status"], each["outcome"]) for each in told} == {(503, "try_again")}
    with monkeypatch.context() as patched:
        patched.setattr(admit, "look", broken)
        told = list(map(said, way.answers(asking)))
    assert {(each["status"], each["outcome"]) for each in told} == {(500, "try_again")}
    assert tally(list(map(said, way.answers(asking)))) == {"lost": 3}


def test_who_waits_too_long_is_answered_once(way: StraightWay, stage: InstantStage) -> None:
    """The commit comes all the same, and the nonce asks for it."""
    request, answers = tap(stage, person(stage.runtime)), list[bytes]()
    draw = plain_draw(request)
    assert draw is not None and draw_state_of(stage.runtime).snapshots.find(stage.slug) is not None
    taken = way.straight.taken(draw, ("127.0.0.1", 1), answers.append)
    assert taken is not None and not taken.is_late
    way.straight.give_up(taken)
    with ThreadPoolExecutor(1) as pool:
        way.straight.decide([taken], pool.submit)
        assert said(way.answers([request])[0])["outcome"] == "lost"
    assert len(answers) == 1 and said(answers[0])["outcome"] == "try_again"
    assert len(stage.draws()) == 1


def test_who_is_given_up_is_counted_once(way: StraightWay, stage: InstantStage) -> None:
    """As by a thread: what was committed too late is nobody's answer until it is asked for."""
    request, answers = tap(stage, person(stage.runtime)), list[bytes]()
    draw_state, draw = draw_state_of(stage.runtime), plain_draw(request)
    assert draw is not None and draw_state.snapshots.find(stage.slug) is not None
    taken = way.straight.taken(draw, ("127.0.0.1", 1), answers.append)
    assert taken is not None
    with ThreadPoolExecutor(1) as pool:
        with stage.runtime.database.transaction() as session:
            way.straight.decide([taken], pool.submit)
            while taken.asked is None:
                time.sleep(0.001)
            way.straight.give_up(taken)
            session.rollback()
        assert said(way.answers([request])[0])["outcome"] == "lost"
    assert [said(each)["outcome"] for each in answers] == ["try_again"]
    draw_state.counts.write()
    with stage.runtime.database.reading() as session:
        counted = {row.outcome: row.n for row in session.scalars(select(DrawCount))}
    assert counted == {"try_again": 1, "lost": 1}


def test_those_who_come_while_redis_hangs_wait_for_it_once(
    way: StraightWay, stage: InstantStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_state_of(stage.runtime).snapshots.find(stage.slug)
    asks, hangs, has_come = list[int](), Event(), Event()

    def hanging(_: RedisConnection, *commands: Any) -> list[Any]:
        if commands[0][0] == "MGET":  # the gates' question, not the note of a draw that was written meanwhile
            asks.append(len(commands))
            has_come.set()
        assert hangs.wait(30)
        raise redis.TimeoutError

    monkeypatch.setattr(RedisConnection, "call_all", hanging)
    met = [Future[bytes]() for _ in range(20)]
    with ThreadPoolExecutor(1) as pool:
        for answer in met:  # each in a round of its own
            draw = plain_draw(tap(stage, person(stage.runtime)))
            assert draw is not None
            taken = way.straight.taken(draw, ("127.0.0.1", 1), answer.set_result)
            assert taken is not None
            way.straight.decide([taken], pool.submit)
            assert has_come.wait(30)
        hangs.set()
        assert {said(answer.result(30))["outcome"] for answer in met} == {"lost"}
    assert asks[:2] == [3, 19 * 3]


def test_a_surprise_in_reading_is_a_thread_s(stage: InstantStage) -> None:
    """It would end the server's thread of connections, and everybody's connection with it."""
    draw_state_of(stage.runtime).snapshots.find(stage.slug)
    draw = plain_draw(tap(stage, person(stage.runtime)))
    assert draw is not None

    def broken(_: dict[str, Any]) -> None:
        raise ValueError

    straight = StraightDraws(stage.runtime, DrawDoor(stage.runtime), broken, lambda *_: None)
    assert straight.taken(draw, "", lambda _: None) is None


def test_only_a_campaign_from_which_people_draw_goes_straight(
    way: StraightWay, stage: InstantStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks for a campaign that is not there, or was not read lately, costs a thread of the server and nobody else."""
    draw, snapshots = plain_draw(tap(stage, person(stage.runtime))), draw_state_of(stage.runtime).snapshots
    assert draw is not None
    assert not snapshots.is_anyone_drawing() and way.straight.taken(draw, "", lambda _: None) is None
    assert snapshots.find("nobody") is None and not snapshots.is_anyone_drawing()
    assert not snapshots.is_drawn_from("nobody")
    snapshots.find(stage.slug)
    assert way.straight.is_expecting() and way.straight.taken(draw, "", lambda _: None) is not None
    began = snapshots._found_at
    monkeypatch.setattr("wxbot.draws.snapshot.time.monotonic", lambda: began + LATELY_S + 1)
    assert not way.straight.is_expecting() and way.straight.taken(draw, "", lambda _: None) is None


ODD = {
    "a field twice": ("Cookie: a=b",),
    "an underscore": ("X_Real: 1",),
    "a byte that is no ASCII": ("X-Name: \u00e9",),
    "a control": ("X-Name: \x01",),
    "a line that goes on": ("X-Name: 1", " 2"),
    "a name with a space": ("X-Name : 1",),
    "no name": ("a",),
    "schemes that may contradict": ("X-Forwarded-Ssl: on",),
    "too many fields": tuple(f"X-{n}: 1" for n in range(60)),
}


@pytest.mark.parametrize("headers", ODD.values(), ids=ODD.keys())
def test_a_head_that_the_server_reads_its_own_way_is_left_to_it_S16(
    stage: InstantStage, headers: tuple[str, ...]
) -> None:
    draw = plain_draw(tap(stage, person(stage.runtime), *headers))
    assert draw is None or environ_of(draw, "") is None


@pytest.mark.parametrize("value", ["keep-alive", "  Keep-Alive\t"])
def test_a_connection_that_is_to_be_kept_is_ordinary(stage: InstantStage, value: str) -> None:
    assert plain_draw(tap(stage, person(stage.runtime), f"Connection: {value}")) is not None


def test_a_fragment_is_left_to_the_server_which_cuts_it_off(stage: InstantStage) -> None:
    request = tap(stage, person(stage.runtime))
    assert plain_draw(request.replace(b"/draw HTTP", b"/draw?lang=en HTTP")) is not None
    assert plain_draw(request.replace(b"/draw HTTP", b"/draw?lang=en#x HTTP")) is None


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=40))
def test_a_field_is_read_as_a_server_reads_it(value: str) -> None:
    query = f"x={value.replace('#', '')}"
    head = f"POST /h5/c/a/draw?{query} HTTP/1.1\r\norigin:\t{value} \r\nContent-Length: 1\r\n\r\n1"
    draw = plain_draw(head.encode())
    assert draw is not None
    environ = environ_of(draw, ("203.0.113.9", 1))
    assert environ is not None
    assert (environ["HTTP_ORIGIN"], environ["QUERY_STRING"]) == (value, query)
    assert (environ["PATH_INFO"], environ["REMOTE_ADDR"]) == ("/h5/c/a/draw", "203.0.113.9")
    assert environ["wsgi.input"].read() == b"1"
