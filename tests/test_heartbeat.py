"""Which workers live: only one whose tasks end well, each by itself, and by Redis's clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
import redis as redis_client

from wxbot import heartbeat
from wxbot.heartbeat import KEEP_S, ROLL_KEY, SILENT_S, Heartbeat

Redis = redis_client.Redis


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with closing(Redis.from_url(redis_url, decode_responses=True)) as connection:
        yield connection


def falls_silent(redis: Redis, worker: Heartbeat, seconds: int) -> None:
    """As if this worker had been heard of so long ago."""
    assert redis.expire(f"wxbot:worker:{worker.id}", KEEP_S - seconds)


def test_a_task_that_ends_well_is_a_beat_and_one_that_raises_is_none(redis: Redis) -> None:
    worker = Heartbeat(redis)
    with pytest.raises(ValueError, match="broken"), worker.during("orders.send"):
        raise ValueError("broken")
    assert heartbeat.workers(redis) == []
    with worker.during("orders.bill"), worker.during("orders.send"):
        pass
    (known,) = heartbeat.workers(redis)
    assert (known.id, known.is_alive, set(known.running)) == (worker.id, True, {"orders.bill"})
    assert known.host
    assert known.pid
    assert known.version


def test_each_worker_is_known_by_itself_until_it_is_stopped(redis: Redis) -> None:
    stopped, killed, living = Heartbeat(redis), Heartbeat(redis), Heartbeat(redis)
    for worker in (stopped, killed, living):
        worker.beat()
    stopped.end()
    falls_silent(redis, killed, SILENT_S + 1)
    assert [(known.id, known.is_alive) for known in heartbeat.workers(redis)] == [
        (living.id, True),
        (killed.id, False),
    ]


def test_a_worker_that_was_silent_for_long_is_forgotten(redis: Redis) -> None:
    worker = Heartbeat(redis)
    worker.beat()
    redis.delete(f"wxbot:worker:{worker.id}")
    assert heartbeat.workers(redis) == []
    assert redis.smembers(ROLL_KEY) == set()
