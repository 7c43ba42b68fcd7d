"""Two boxes on one PostgreSQL and one Redis: what one of them does or suffers does not hold up the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from flask import Flask

from tests.conftest import Cast
from tests.draws.stage import Phone, set_stage
from tests.orders.test_races import orders_of, planned
from tests.servers import PrivatePostgres, SimulatedWeChat
from tests.staff.consoles import PASSWORD, Browser
from tests.test_worker import environment_of
from wxbot import heartbeat
from wxbot.app import create_app
from wxbot.clock import Clock
from wxbot.doctor.wire import clock_agrees
from wxbot.runtime import Runtime
from wxbot.staff import accounts

PATIENCE_S = 200


@pytest.fixture
def database_url(postgres_server: PrivatePostgres) -> Iterator[str]:
    """Boxes share PostgreSQL."""
    name = postgres_server.create(template="wxbot_template")
    yield postgres_server.url_of(name)
    postgres_server.drop(name)


@contextmanager
def workers(runtime: Runtime, number: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Real `wxbot worker` processes; all of them are gone afterwards."""
    command = [sys.executable, "-m", "wxbot", "worker"]
    started = [
        subprocess.Popen(
            command,
            env=environment_of(runtime),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(number)
    ]
    try:
        yield started
    finally:
        for worker in started:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; fail after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def boxes(runtime: Runtime, simulator: SimulatedWeChat) -> Iterator[tuple[Flask, Flask]]:
    """Two web boxes, of which one's clock is 90 s ahead."""
    host = runtime.settings.public_url.removeprefix("http://")
    simulator.control("PUT", "account", {"oauth_domains": [host]})
    with closing(Runtime(runtime.settings)) as wrong:
        wrong.clock = Clock(f"{runtime.settings.api_base}/_sim/clock", wrong.measure_clock, lambda: time.time() + 90)
        yield create_app(wrong), create_app(runtime)


def test_a_person_signed_in_at_one_box_is_signed_in_at_the_other(
    boxes: tuple[Flask, Flask], runtime: Runtime, cast: Cast
) -> None:
    """The one behind took the session for one of the future and sent the phone to WeChat again, round and round."""
    ahead, right = boxes
    stage = set_stage(runtime)
    phone = Phone(ahead, ahead.extensions["wxbot"], cast.ming.id)
    shake_ticket = stage.shake(cast.ming.openid)
    page = phone.open(f"{stage.path}?ticket={shake_ticket}")
    assert page.status_code == 200
    phone.client.application = right
    assert phone.get(stage.path).status_code == 200
    answer = phone.ask(stage, phone.state_of(page)["page_token"], shake_ticket)
    assert answer.json["outcome"] == "admitted"  # and the page of the other box is no stale one


def test_the_console_takes_a_form_that_another_box_has_shown(boxes: tuple[Flask, Flask], runtime: Runtime) -> None:
    ahead, right = boxes
    accounts.hire(runtime.database, "chen.test", "陈", "cashier", PASSWORD, runtime.clock.now())
    browser = Browser(ahead, "chen")
    token = browser.token()
    browser.client.application = right
    assert browser.get("/admin/password").status_code == 200
    assert browser.client.post("/admin/sign-out", data={"csrf_token": token}).status_code == 303


def test_doctor_says_when_a_machines_clock_is_off(boxes: tuple[Flask, Flask]) -> None:
    ahead, right = (clock_agrees(box.extensions["wxbot"]) for box in boxes)
    assert right.verdict == "good"
    assert ahead.verdict == "note"
    assert "+90" in ahead.zh
    assert "+90" in ahead.en


@pytest.mark.timeout(700)
def test_when_the_sending_worker_is_killed_the_other_one_sends_F60(
    runtime: Runtime, simulator: SimulatedWeChat
) -> None:
    """It goes on long before the dead one's lease is over; what the dead one had claimed is sent again after that."""
    with workers(runtime, 2) as boxes:
        until(lambda: sum(known.is_alive for known in heartbeat.workers(runtime.redis)) == 2)
        simulator.control("PUT", "faults/mmpaymkttransfers/hbpreorder", {"kind": "slow", "seconds": 20, "times": 1})
        planned(runtime, 1)
        sending: list[int] = []

        def one_is_sending() -> bool:
            known = heartbeat.workers(runtime.redis)
            sending[:] = [worker.pid for worker in known if worker.running.get("orders.send", 0) > 1]
            return len(sending) == 1 and orders_of(runtime)[0].status == "sending"

        until(one_is_sending)
        lease_until = orders_of(runtime)[0].lease_until
        assert lease_until is not None
        os.kill(sending[0], signal.SIGKILL)
        planned(runtime, 5, first=2)
        until(lambda: [order.status for order in orders_of(runtime)[1:]] == ["accepted"] * 5)
        # Not because the dead one's lease was over: it still ran.
        assert all(order.sent_at and order.sent_at < lease_until for order in orders_of(runtime)[1:])
        assert {box.pid for box in boxes} > set(sending)
