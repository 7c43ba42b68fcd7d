"""One schedule kept by all workers: each tick once, none lost with a worker, none thrown away for a clock that is off."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import redis as redis_client

from tests.deployments import settings_for
from wxbot.runtime import Runtime
from wxbot.schedule import WAITS_S, Schedule
from wxbot.worker import INTERVALS, TASKS, make_celery

Redis = redis_client.Redis
SLOW = {"orders.send": 600.0, "people.sms": 600.0, "invariants.audit": 3600.0}


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with closing(Redis.from_url(redis_url, decode_responses=True)) as connection:
        yield connection


@pytest.fixture
def runtime(redis_url: str, sqlite_url: str, tmp_path: Path) -> Iterator[Runtime]:
    with closing(Runtime(settings_for("encrypted", sqlite_url, redis_url, tmp_path))) as made:
        yield made


def test_every_worker_looks_and_one_publishes(redis: Redis) -> None:
    published: list[str] = []
    boxes = [Schedule(redis, SLOW, published.append) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda box: box.look(), boxes))
    assert sorted(published) == sorted(SLOW)
    boxes[3].begun("orders.send")
    assert [task for box in boxes for task in box.look()] == []
    assert (
        500_000 < redis.pttl("wxbot:tick:orders.send") < 600_000
    )  # the next one is due an interval from its beginning


def test_a_tick_that_died_with_its_worker_is_published_again(redis: Redis) -> None:
    """The key of a tick that waits ends soon, by Redis's own clock, however long the task's interval is."""
    box = Schedule(redis, SLOW, lambda _task: None)
    assert box.look() == list(SLOW)
    assert all(0 < redis.pttl(f"wxbot:tick:{task}") <= WAITS_S * 1000 for task in SLOW)
    redis.delete("wxbot:tick:people.sms")  # as when WAITS_S have passed
    assert box.look() == ["people.sms"]
    redis.flushall()
    assert box.look() == list(SLOW)


def test_a_tick_carries_no_time_that_two_clocks_could_disagree_about(runtime: Runtime) -> None:
    """A worker 17 s ahead took each tick for expired and threw it away without a word."""
    celery = make_celery(runtime)
    Schedule(runtime.redis, INTERVALS, celery.send_task).look()
    waiting = [json.loads(message) for message in runtime.redis.lrange("wxbot", 0, -1)]
    assert {message["headers"]["task"] for message in waiting} == set(TASKS)
    assert {(message["headers"]["expires"], message["headers"]["eta"]) for message in waiting} == {(None, None)}


def test_a_slow_task_takes_one_thread_of_its_process(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_end = threading.Semaphore(0), threading.Event()

    def slow(_runtime: Runtime) -> int:
        begun.release()
        assert may_end.wait(30)
        return 7

    for task in ("orders.reconcile", "campaigns.advance"):
        monkeypatch.setitem(TASKS, task, slow)
    celery = make_celery(runtime)
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(celery.tasks["orders.reconcile"])
        assert begun.acquire(timeout=30)
        assert celery.tasks["orders.reconcile"]() == 0
        runs = [threads.submit(celery.tasks["campaigns.advance"]) for _ in range(2)]  # one campaign each
        assert begun.acquire(timeout=30)
        assert begun.acquire(timeout=30)
        may_end.set()
        assert [first.result(), *(run.result() for run in runs)] == [7, 7, 7]
    may_end.set()
    assert celery.tasks["orders.reconcile"]() == 7
