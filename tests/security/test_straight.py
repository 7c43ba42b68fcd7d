"""Draws that go past the threads of a real server: as by a thread, whatever holds those up and whoever speaks or leaves meanwhile."""

from __future__ import annotations

import json
import os
import re
import resource
import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.instant.crowd import asked, nonce, person
from tests.instant.stage import InstantStage, set_wheel
from tests.schema import lay_schema
from tests.security.conftest import HOUSE, READ_S, THREADS, Server, serving
from wxbot.private_servers import PrivateRedis
from wxbot.runtime import Runtime

BASE = "https://shop.example.com"
STALLED = b"GET /healthz HTTP/1.1\r\nHost: shop.example.com\r\nX-Long: a"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: shop.example.com\r\n\r\n"


@contextmanager
def campaign_of(server: Server) -> Iterator[InstantStage]:
    """A campaign that is on, of which its process knows: somebody has just drawn."""
    lay_schema(server.settings.database_url)
    with closing(Runtime(server.settings)) as runtime:
        yield set_wheel(runtime, {"odds_ppm": 0}, tries_per_person=3, tries_per_day=3)


@pytest.fixture(scope="module")
def stage(production: Server) -> Iterator[InstantStage]:
    with campaign_of(production) as made:
        yield made


def draw(stage: InstantStage, *headers: str) -> bytes:
    """A new person's request."""
    who = person(stage.runtime)
    return asked(stage, who, nonce(stage, who), *headers, base=BASE)


class Talk:
    """A connection, and what came on it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._rest = b""

    def answer(self) -> tuple[str, dict[str, Any]]:
        """The next answer: its head, and its body where that is JSON."""
        while not (found := re.search(rb"(?i)content-length: (\d+)[^\0]*?\r\n\r\n", self._rest)):
            self._more()
        end = found.end() + int(found[1])
        while len(self._rest) < end:
            self._more()
        head, body, self._rest = self._rest[: found.end()], self._rest[found.end() : end], self._rest[end:]
        return head.decode(), json.loads(body) if body.startswith(b"{") else {}

    def _more(self) -> None:
        piece = self.connection.recv(4096)
        assert piece, "the server has ended it"
        self._rest += piece

    def ask(self, request: bytes) -> tuple[str, dict[str, Any]]:
        """One request and its answer."""
        self.connection.sendall(request)
        return self.answer()


@contextmanager
def kept(server: Server, stage: InstantStage) -> Iterator[Talk]:
    """A connection on which somebody has just drawn, in a thread."""
    with server.open(b"") as connection:
        talk, deadline = Talk(connection), time.monotonic() + READ_S
        while (told := talk.ask(draw(stage))[1]["outcome"]) == "try_again":
            assert time.monotonic() < deadline, "crowded for ever"
        assert told == "lost"
        yield talk


@contextmanager
def held_up(server: Server) -> Iterator[None]:
    """No draw is committed meanwhile."""
    with closing(Runtime(server.settings)) as runtime, runtime.database.transaction() as session:
        yield
        session.rollback()


def test_draws_are_decided_while_every_thread_is_held_up(production: Server, stage: InstantStage) -> None:
    deadline = time.monotonic() + READ_S
    while True:
        with kept(production, stage) as talk:
            stalled = [production.open(STALLED) for _ in range(THREADS)]
            asker = production.open(HEALTH)
            try:
                told = talk.ask(draw(stage))[1]
                came_before = not any(select.select([*stalled, asker], [], [], 0))
            finally:
                for connection in (*stalled, asker):
                    connection.close()
        assert told["outcome"] == "lost"
        if came_before:  # nobody who had a thread was let go yet
            return
        assert time.monotonic() < deadline, "draws wait for threads"


def test_the_answer_is_a_thread_s_to_its_last_header_and_the_address_the_proxy_s(
    production: Server, stage: InstantStage
) -> None:
    with kept(production, stage) as talk:
        straight, said = talk.ask(draw(stage, "X-Forwarded-For: 198.51.100.1, 203.0.113.7", "X-Forwarded-Proto: https"))
        by_thread, _ = talk.ask(draw(stage, "X_Odd: 1"))

        def shape(head: str) -> str:
            return re.sub(r"(Date|Content-Length): [^\r]*", r"\1", head)

        assert shape(straight) == shape(by_thread) and "X-Content-Type-Options" in straight
        assert {each.k: each.ip for each in stage.draws()}[said["k"]] == "203.0.113.7"
        other = draw(stage).replace(b"Host: shop.example.com", b"Host: evil.example.com")
        assert talk.ask(other)[0].startswith("HTTP/1.1 400 ")


def test_who_speaks_before_their_answer_has_every_answer_in_turn(production: Server, stage: InstantStage) -> None:
    with kept(production, stage) as talk:
        with held_up(production):
            talk.connection.sendall(draw(stage))
            assert not select.select([talk.connection], [], [], 0.2)[0]
            talk.connection.sendall(HEALTH + draw(stage))
            assert not select.select([talk.connection], [], [], 0.2)[0]
        assert talk.answer()[1]["outcome"] == "lost"
        assert talk.answer()[0].startswith("HTTP/1.1 200 ")
        assert talk.answer()[1]["outcome"] == "lost"
        assert talk.ask(draw(stage))[1]["outcome"] == "lost"


def test_a_connection_that_never_had_a_thread_may_speak_early_too(production: Server, stage: InstantStage) -> None:
    """Its first request met a full house, so nothing of the server's own stands behind it yet."""
    stalled = [production.open(STALLED) for _ in range(HOUSE)]
    with production.open(draw(stage)) as connection:
        talk = Talk(connection)
        told = talk.answer()[0]
        for each in stalled:
            each.close()
        assert told.startswith("HTTP/1.1 503 "), "or this test shows nothing"
        with kept(production, stage), held_up(production):
            connection.sendall(draw(stage))
            assert not select.select([connection], [], [], 0.2)[0]
            connection.sendall(HEALTH)
            assert not select.select([connection], [], [], 0.2)[0]
        assert talk.answer()[1]["outcome"] == "lost"
        assert talk.answer()[0].startswith("HTTP/1.1 200 ")


def test_who_leaves_before_their_answer_has_drawn_and_is_counted_out(production: Server, stage: InstantStage) -> None:
    """A process that miscounts is crowded for ever."""
    before = len(stage.draws())
    for is_reset in (False, True):
        leaving = [production.open(b"") for _ in range(2 * THREADS)]
        for connection in leaving:
            assert Talk(connection).ask(HEALTH)[0].startswith("HTTP/1.1 200 ")
        with kept(production, stage), held_up(production):
            for connection in leaving:
                connection.sendall(draw(stage))
            assert not select.select(leaving, [], [], 0.2)[0]
            for connection in leaving:
                if is_reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
    with kept(production, stage) as talk:
        assert talk.ask(draw(stage))[1]["outcome"] == "lost"
        assert talk.ask(HEALTH)[0].startswith("HTTP/1.1 200 ")
    assert len(stage.draws()) == before + 2 * (1 + 2 * THREADS) + 2
    assert "Traceback" not in production.log.read_text()


def test_a_process_without_a_file_left_keeps_whom_it_has_S16(production: Server, stage: InstantStage) -> None:
    """Who connects meanwhile waits with the system; the process had ended, with all that it was deciding."""
    (process,) = map(
        int, Path(f"/proc/{production.process.pid}/task/{production.process.pid}/children").read_text().split()
    )
    with kept(production, stage) as talk:
        usual = resource.prlimit(process, resource.RLIMIT_NOFILE)
        few = len(os.listdir(f"/proc/{process}/fd")) + 2 * THREADS
        resource.prlimit(process, resource.RLIMIT_NOFILE, (few, usual[1]))
        silent = [production.open(b"") for _ in range(4 * THREADS)]
        try:
            deadline = time.monotonic() + READ_S
            while "Too many open files" not in production.log.read_text():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            assert talk.ask(draw(stage))[1]["outcome"] == "lost"
        finally:
            resource.prlimit(process, resource.RLIMIT_NOFILE, usual)
            for connection in silent:
                connection.close()
        with production.open(HEALTH) as connection:
            assert Talk(connection).answer()[0].startswith("HTTP/1.1 200 ")
        assert talk.ask(draw(stage))[1]["outcome"] == "lost"


def test_a_server_that_stops_answers_whom_it_has_taken(redis_server: PrivateRedis, tmp_path: Path) -> None:
    with serving(redis_server.url, tmp_path) as server, campaign_of(server) as stage, kept(server, stage) as talk:
        with held_up(server):
            talk.connection.sendall(draw(stage))
            assert not select.select([talk.connection], [], [], 0.2)[0]
            server.process.terminate()
            assert not select.select([talk.connection], [], [], 0.5)[0]
        assert talk.answer()[1]["outcome"] == "lost"
        assert server.process.wait(30) == 0
        assert len(stage.draws()) == 2
