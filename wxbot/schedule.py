"""The schedule that every worker keeps: whichever of them looks first publishes a task's tick, and the others leave it.

A tick is a name on the broker's queue. One key per task in Redis says that a tick waits, or that the task began a moment
ago; while it lives nobody publishes another. Its life is counted by Redis alone, so the workers' clocks need not agree, and
it ends by itself: a tick that died with its worker is published again after WAITS_S, and an emptied Redis costs nothing.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import redis
from kombu.exceptions import OperationalError

from wxbot.logs import get_logger

log = get_logger(__name__)

LOOK_S = 0.25
"""How often a worker looks whether a tick is due; one round trip for all tasks."""

WAITS_S = 2.0
"""How long a tick may wait before another one is published beside it: it may have died with the worker that took it, and all it does waits
so long. When all workers are slow, so many more wait, and each costs one look at the rows."""

EARLY_S = 0.1
"""The key of a task that began ends this much before its interval, so that the next look finds it gone."""


class Schedule:
    """One worker's copy of the schedule. `intervals`: task → seconds between two runs, all workers together."""

    def __init__(
        self, connection: "redis.Redis", intervals: Mapping[str, float], publish: Callable[[str], object]
    ) -> None:
        self._redis, self._intervals, self._publish = connection, intervals, publish
        self._stop = threading.Event()
        self._has_redis = True

    def start(self) -> None:
        """Look from now on, in a thread of its own, until `stop`."""
        threading.Thread(target=self._run, name="schedule", daemon=True).start()

    def stop(self) -> None:
        """Publish nothing more."""
        self._stop.set()

    def look(self) -> list[str]:
        """Publish the ticks that are due and that no other worker has published; returns their tasks. Raises RedisError."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for task in self._intervals:
                pipeline.set(_key(task), "waits", nx=True, px=int(WAITS_S * 1000))
            taken = pipeline.execute()
        ours = [task for task, is_taken in zip(self._intervals, taken, strict=True) if is_taken]
        for task in ours:
            self._publish(task)
        return ours

    def begun(self, task: str) -> None:
        """A worker has taken a tick of this task: the next one is due an interval from now."""
        life_ms = int((self._intervals[task] - EARLY_S) * 1000)
        with suppress(redis.RedisError):  # then the next tick comes after WAITS_S at the latest
            self._redis.set(_key(task), "began", px=life_ms)

    def _run(self) -> None:
        # By the monotonic clock: a machine's clock that is set back must not make it wait.
        next_s = time.monotonic()
        while not self._stop.wait(max(0.0, next_s - time.monotonic())):
            next_s = max(next_s + LOOK_S, time.monotonic())
            try:
                self.look()
                is_told = not self._has_redis
                self._has_redis = True
                if is_told:
                    log.info("schedule_goes_on")
            except (redis.RedisError, OperationalError, OSError) as error:
                if self._has_redis:
                    log.error("schedule_stands_still", reason=type(error).__name__)
                self._has_redis = False
                next_s = time.monotonic() + 1
            except Exception:
                log.exception("schedule_failed")
                next_s = time.monotonic() + 1


def _key(task: str) -> str:
    return f"wxbot:tick:{task}"
