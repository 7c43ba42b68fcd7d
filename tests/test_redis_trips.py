"""One connection to Redis for all threads of a process: each gets its own answer, and what waits travels together."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis

from wxbot.once import RedisConnection
from wxbot.private_servers import PrivateRedis, free_port

THREADS = 12


@pytest.fixture
def line(redis_url: str) -> Iterator[RedisConnection]:
    """A connection that has been used."""
    made = RedisConnection(redis_url)
    made.call("PING")
    yield made
    made.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads that ask at once."""
    with ThreadPoolExecutor(THREADS + 1) as made:
        yield made


def waits_for(line: RedisConnection, n: int) -> None:
    """Return when so many commands wait behind one that is on its way."""
    until = time.monotonic() + 5
    while len(line._queue.waiting) < n:
        assert time.monotonic() < until
        time.sleep(0.001)


def asked_behind_one(
    line: RedisConnection, pool: ThreadPoolExecutor, other: redis.Redis, ask: Callable[[int], Any]
) -> list[Future[Any]]:
    """What each of THREADS threads asks while the answer to another one is on its way; it comes when all of them wait."""
    first = pool.submit(line.call, "BLPOP", "trips:gate", "0.4")
    while not line._queue.is_busy:
        time.sleep(0.001)
    asked = [pool.submit(ask, i) for i in range(THREADS)]
    waits_for(line, THREADS)
    other.rpush("trips:gate", "open")
    assert first.result(5) is not None
    return asked


def test_what_waits_travels_in_one_piece_and_everybody_gets_their_own(
    line: RedisConnection, pool: ThreadPoolExecutor, redis_url: str
) -> None:
    with redis.Redis.from_url(redis_url) as other:
        before = int(other.info("stats")["total_reads_processed"])
        asked = asked_behind_one(line, pool, other, lambda i: line.call("ECHO", f"mine {i}"))
        assert [each.result(5) for each in asked] == [f"mine {i}".encode() for i in range(THREADS)]
        after = int(other.info("stats")["total_reads_processed"])
    assert after - before <= 5  # the one, the push, all others together, both looks


def test_a_refused_command_is_its_own_threads_alone(
    line: RedisConnection, pool: ThreadPoolExecutor, redis_url: str
) -> None:
    def ask(i: int) -> Any:
        return line.call("EVALSHA", "0" * 40, 0) if i % 2 else line.call("ECHO", f"{i}")

    with redis.Redis.from_url(redis_url) as other:
        asked = asked_behind_one(line, pool, other, ask)
        for i, each in enumerate(asked):
            if i % 2:
                with pytest.raises(redis.exceptions.NoScriptError):
                    each.result(5)
            else:
                assert each.result(5) == f"{i}".encode()


def test_when_redis_dies_nobody_waits_for_ever_and_afterwards_all_is_well(
    tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    with PrivateRedis(tmp_path / "redis", free_port(), password="oftest") as server:
        line = RedisConnection(server.url)
        line.call("PING")
        first = pool.submit(line.call, "BLPOP", "trips:gate", "0.4")
        while not line._queue.is_busy:
            time.sleep(0.001)
        asked = [pool.submit(line.call, "ECHO", f"{i}") for i in range(THREADS)]
        waits_for(line, THREADS)
        server.stop()
        for each in (first, *asked):
            with pytest.raises(redis.ConnectionError):
                each.result(5)
        server.start()
        assert [line.call("ECHO", "again"), line.call("ECHO", "and again")] == [b"again", b"and again"]


def test_a_child_process_does_not_take_its_parents_answers(line: RedisConnection) -> None:
    hold = threading.Thread(target=line.call, args=("BLPOP", "trips:gate", "0.4"))
    hold.start()
    while not line._queue.is_busy:
        time.sleep(0.001)
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write_end, line.call("ECHO", "of the child"))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read_end, 100) == b"of the child"
    os.close(read_end)
    os.close(write_end)
    hold.join(5)
    assert line.call("ECHO", "of the parent") == b"of the parent"


def test_commands_of_one_caller_travel_together_and_a_refused_one_leaves_the_other_callers_their_answers(
    line: RedisConnection, pool: ThreadPoolExecutor, redis_desk: redis.Redis, redis_url: str
) -> None:
    def ask(i: int) -> list[bytes]:
        middle = ("INCR", "trips:word") if i == 3 else ("ECHO", f"b{i}")
        return line.call_all(("ECHO", f"a{i}"), middle, ("ECHO", f"c{i}"))

    redis_desk.set("trips:word", "no number")
    for i, asked in enumerate(asked_behind_one(line, pool, redis_desk, ask)):
        if i == 3:
            with pytest.raises(redis.ResponseError, match="integer"):
                asked.result(5)
        else:
            assert asked.result(5) == [b"a%d" % i, b"b%d" % i, b"c%d" % i]
    assert line.call("ECHO", "still mine") == b"still mine"
