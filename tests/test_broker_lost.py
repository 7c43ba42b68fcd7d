"""A worker outlives its broker: what it had taken when Redis went away is begun later, and told to a connection that is gone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import redis
from kombu.connection import Connection

from tests.conftest import simulator_settings
from tests.servers import SimulatedWeChat, running
from tests.test_logs import events, process
from tests.waiting import until
from wxbot import heartbeat
from wxbot.broker import outlive
from wxbot.private_servers import PrivateRedis, free_port

CONNECTED = "Connected to redis"
TAKEN = "unacked"
"""Where kombu keeps what a worker has taken and not begun."""


@pytest.mark.timeout(300)
def test_a_worker_whose_threads_are_all_busy_when_redis_goes_away_works_on(
    simulator: SimulatedWeChat, sqlite_url: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Somebody else writes for so long that every thread waits for the database, and ticks wait for a thread."""
    log = tmp_path / "worker.log"
    with running(PrivateRedis(tmp_path_factory.mktemp("redis"), port=free_port(), password="broker")) as broker:
        settings = simulator_settings(simulator, sqlite_url, broker.url, tmp_path)

        def connections() -> int:
            return sum(CONNECTED in line.get("message", "") for line in events(log))

        with (
            process(settings, log, "worker") as worker,
            redis.Redis.from_url(broker.url, decode_responses=True) as connection,
            closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as other,
        ):
            until(lambda: heartbeat.workers(connection), log.read_text)
            other.execute("BEGIN EXCLUSIVE")
            until(lambda: connection.hlen(TAKEN), log.read_text)
            broker.stop()
            broker.start()
            until(lambda: connections() == 2, log.read_text)
            other.execute("ROLLBACK")
            until(lambda: worker.poll() is not None or heartbeat.workers(connection), log.read_text)
            worker.terminate()
            assert worker.wait(60) == 0
        said = events(log)
        assert [line["event"] for line in said].count("worker_ready") == 1
        assert not [line for line in said if line["level"] == "critical"]


def test_a_tick_that_cannot_be_told_to_the_broker_keeps_no_place(tmp_path: Path) -> None:
    """Only the way back was gone, for a moment: the worker goes on taking as many as it has threads."""
    outlive()
    with (
        running(PrivateRedis(tmp_path, port=free_port(), password="broker")) as broker,
        Connection(broker.url) as connection,  # type: ignore[no-untyped-call]
        connection.SimpleQueue("ticks") as queue,
    ):
        channel = queue.channel
        channel.basic_qos(prefetch_count=1)
        queue.put("tick")
        tick = queue.get(timeout=30)
        assert not channel.qos.can_consume()
        broker.stop()
        tick.ack()
        assert channel.qos.can_consume()
        broker.start()
