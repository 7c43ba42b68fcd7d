"""Which workers live: each says so in Redis whenever a task of its own has ended well (docs/operations.md).

A beat is no thread that ticks beside the work. It is written by the task that has just ended, so a worker whose threads
hang, or whose tasks all fail, falls silent. Ages are counted by Redis's own clock, from what is left of a key's life.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import redis

SILENT_S = 60
"""A worker that has not been heard of for this long is down. No task runs longer in all threads at once."""

KEEP_S = 600
"""How long a worker that fell silent is still named."""

BEAT_EVERY_S = 2.0
"""A worker writes at most this often, however many tasks end."""

ROLL_KEY = "wxbot:workers"
"""Redis set of the workers that were heard of; each has a key of its own, which ends KEEP_S after its last beat."""


@dataclass(frozen=True)
class Worker:
    """One worker as it was last heard of; ages in seconds."""

    id: str
    host: str
    pid: int
    version: str
    up_s: float
    age_s: float
    running: dict[str, float] = field(default_factory=dict)
    """Task → how long it had been running at the last beat."""

    @property
    def is_alive(self) -> bool:
        """Whether it ended a task within the last minute."""
        return self.age_s <= SILENT_S


class Heartbeat:
    """One worker process's own beat."""

    def __init__(self, connection: "redis.Redis") -> None:
        self._redis = connection
        self.id = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._version = version("wxbot")
        self._started_s = time.monotonic()
        self._next_s = 0.0
        self._running: dict[str, float] = {}
        self._guard = threading.Lock()

    @contextmanager
    def during(self, task: str) -> Iterator[None]:
        """Around one run of a task; the beat follows when it ends well, and does not when it raises."""
        with self._guard:
            self._running[task] = time.monotonic()
        try:
            yield
        finally:
            with self._guard:
                self._running.pop(task, None)
        self.beat()

    def beat(self) -> None:
        """Say that this worker lives, unless it has just said so; without Redis nobody can be told."""
        with self._guard:
            now_s = time.monotonic()
            if now_s < self._next_s:
                return
            self._next_s = now_s + BEAT_EVERY_S
            said = self._said(now_s)
        with suppress(redis.RedisError), self._redis.pipeline() as pipeline:
            pipeline.sadd(ROLL_KEY, self.id)
            pipeline.set(_key(self.id), json.dumps(said), ex=KEEP_S)
            pipeline.execute()

    def end(self) -> None:
        """This worker was told to stop: nobody shall miss it."""
        with suppress(redis.RedisError):
            _forget(self._redis, [self.id])

    def _said(self, now_s: float) -> dict[str, Any]:
        running = {task: round(now_s - since_s, 1) for task, since_s in self._running.items()}
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "version": self._version,
            "up_s": round(now_s - self._started_s, 1),
            "running": running,
        }


def workers(connection: "redis.Redis") -> list[Worker]:
    """Every worker that was heard of within KEEP_S, the one heard last first; `is_alive` says which still work.

    Raises RedisError when Redis cannot be asked.
    """
    known = sorted(str(worker_id) for worker_id in connection.smembers(ROLL_KEY))
    with connection.pipeline(transaction=False) as pipeline:
        for worker_id in known:
            pipeline.get(_key(worker_id))
            pipeline.pttl(_key(worker_id))
        told = pipeline.execute()
    found, gone = [], []
    for worker_id, said, left_ms in zip(known, told[::2], told[1::2], strict=True):
        if said is None:
            gone.append(worker_id)
            continue
        age_s = max(0.0, KEEP_S - left_ms / 1000)
        found.append(Worker(id=worker_id, age_s=age_s, **json.loads(said)))
    if gone:
        _forget(connection, gone)
    return sorted(found, key=lambda worker: worker.age_s)


def _key(worker_id: str) -> str:
    return f"wxbot:worker:{worker_id}"


def _forget(connection: "redis.Redis", ids: list[str]) -> None:
    connection.srem(ROLL_KEY, *ids)
    connection.delete(*map(_key, ids))
