"""Two boxes on one PostgreSQL and one Redis: what one of them does or suffers does not hold up the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.orders.test_races import orders_of, planned
from tests.servers import PrivatePostgres, SimulatedWeChat
from tests.test_worker import environment_of
from wxbot import heartbeat
from wxbot.runtime import Runtime

PATIENCE_S = 120


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
            command, env=environment_of(runtime), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(number)
    ]  # fmt: skip
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


@pytest.mark.timeout(400)
def test_F60_when_the_sending_worker_is_killed_the_other_one_sends(
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
            return len(sending) == 1

        until(one_is_sending)
        os.kill(sending[0], signal.SIGKILL)
        planned(runtime, 5, first=2)
        until(lambda: [order.status for order in orders_of(runtime)[1:]] == ["accepted"] * 5)
        assert orders_of(runtime)[0].status == "sending"  # the lease of the dead one still runs
        assert {box.pid for box in boxes} > set(sending)
