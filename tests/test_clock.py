"""One time for all machines: the database's, measured beside the work, kept when the database is away."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from itsdangerous import BadSignature

from wxbot.clock import Clock, Measured, steady_s
from wxbot.cookies import AHEAD_S, Cookies
from wxbot.runtime import Runtime
from wxbot.settings import Settings

HOUR = 3600.0


class Wrong:
    """A machine's clock that is off, and may be set."""

    def __init__(self, ahead_s: float) -> None:
        self.ahead_s = ahead_s

    def __call__(self) -> float:
        return time.time() + self.ahead_s


def right_time(within_s: float = 0.01) -> Measured:
    return Measured(time.time() - steady_s(), within_s)


def test_a_machine_whose_clock_is_off_lives_by_the_reference() -> None:
    machine = Wrong(60)
    with closing(Clock(reference=right_time, machine=machine)) as clock:
        assert clock.unix() == pytest.approx(time.time(), abs=1)
        machine.ahead_s = -HOUR  # somebody sets it: nothing moves, and nobody needs to measure first
        assert clock.unix() == pytest.approx(time.time(), abs=1)
        assert clock.machine_ahead_s == pytest.approx(-HOUR, abs=1)
        assert clock.offset_s == 0


def test_while_the_reference_is_away_the_last_measurement_stays() -> None:
    answers: list[Measured | None] = [None, right_time(), None, Measured(right_time().offset_s + 500, 30.0)]
    clock = Clock(reference=lambda: answers.pop(0), machine=Wrong(60))
    clock.measure()
    assert clock.machine_ahead_s is None  # never reached: this machine's own clock is all there is
    for _ in range(3):  # reached, away, and an answer that was too long on its way to be believed
        clock.measure()
        assert clock.machine_ahead_s == pytest.approx(60, abs=1)
    assert answers == []


def test_a_measurement_that_knows_nothing_better_moves_nothing() -> None:
    first = right_time()
    answers = [first, Measured(first.offset_s + 0.005, 0.01), Measured(first.offset_s + 3, 0.01)]
    clock = Clock(reference=lambda: answers.pop(0), machine=lambda: 0.0)
    seen = []
    for _ in range(3):
        clock.measure()
        seen.append((clock.machine_ahead_s or 0) + steady_s())
    assert seen == pytest.approx([-first.offset_s, -first.offset_s, -first.offset_s - 3], abs=0.002)


def test_two_boxes_whose_clocks_are_minutes_apart_tell_one_time(settings: Settings) -> None:
    with closing(Runtime(settings)) as right, closing(Runtime(settings)) as wrong:
        wrong.clock = Clock(reference=wrong.measure_clock, machine=Wrong(240))
        if right.database.is_sqlite:
            assert wrong.measure_clock() is None  # one machine: its clock is the database's
            return
        assert wrong.clock.unix() == pytest.approx(right.clock.unix(), abs=1)
        with wrong.database.reading() as session:
            assert wrong.database.now(session).timestamp() == pytest.approx(wrong.clock.unix(), abs=1)
        assert wrong.clock.machine_ahead_s == pytest.approx(240, abs=1)


def test_a_signed_cookie_is_as_old_as_the_deployments_clock_says() -> None:
    """Flask's own refuses what a box signed that is one second ahead, and with it every form of the console."""
    for ahead_s, is_good in ((0, True), (30, True), (-30, True), (AHEAD_S + 20, False), (-2 * HOUR, False)):
        signed = Cookies(Clock(machine=Wrong(ahead_s))).signer("a key").sign("csrf")
        read = Cookies(Clock()).signer("a key")
        if is_good:
            assert read.unsign(signed, max_age=3600) == b"csrf"
        else:
            with pytest.raises(BadSignature, match="signed"):
                read.unsign(signed, max_age=3600)


def test_an_answer_of_the_simulator_that_comes_late_does_not_set_the_time_back() -> None:
    """The follower asks beside the work: its question was put before somebody moved the clock, its answer came after theirs."""
    asked, may_answer = threading.Event(), threading.Event()
    offsets = [0, 500]

    class Simulated(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            offset_s = offsets.pop(0)
            if offset_s == 0:
                asked.set()
                may_answer.wait(30)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"offset_s": offset_s}).encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Simulated) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        clock = Clock(f"http://127.0.0.1:{server.server_port}/clock")
        late = threading.Thread(target=clock.refresh)
        late.start()
        assert asked.wait(30)
        clock.refresh()
        may_answer.set()
        late.join(30)
        assert (clock.offset_s, offsets) == (500, [])
        server.shutdown()
