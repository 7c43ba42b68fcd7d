"""A queue in simulated time and a few threads that empty it: what callbacks of the account and of transfers have in common."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from typing import Any, Generic, Protocol, TypeVar

from wxbot.simulator.ground import Ground

log = logging.getLogger(__name__)


class Due(Protocol):
    """What can be queued: it has a number, and a simulated time at which it is delivered."""

    n: int
    due_at: float


Item = TypeVar("Item", bound=Due)


class Deliveries(Generic[Item]):
    """Delivers each item when the simulated clock has reached it. Queue under the world's lock; delivery takes it briefly."""

    def __init__(self, ground: Ground, lock: Any, name: str, threads: int) -> None:
        self.ground = ground
        self.lock = lock
        self._name = name
        self._thread_count = threads
        self._queue: list[tuple[float, int, Item]] = []
        self._order = itertools.count()
        self._wake = threading.Condition(lock)
        self._busy = 0
        self._is_started = self._has_threads = False

    def _schedule(self, due: Item) -> None:
        with self._wake:
            heapq.heappush(self._queue, (due.due_at, next(self._order), due))
            self._wake.notify()
            self._begin()

    def start(self) -> None:
        """Delivers from now on; the threads begin with the first item, as most worlds of a test have none."""
        with self._wake:
            self._is_started = True
            if self._queue:
                self._begin()

    def _begin(self) -> None:
        if not self._is_started or self._has_threads:
            return
        self._has_threads = True
        for number in range(self._thread_count):
            name = f"simulator-{self._name}-{number}"
            threading.Thread(target=self._deliver_all, name=name, daemon=True).start()

    def stop(self) -> None:
        """Tells the threads to end; what is queued stays queued (and is saved)."""
        with self._wake:
            self._is_started = self._has_threads = False
            self._wake.notify_all()

    def wake(self, now: float = 0.0) -> None:
        """Something may have become due (the clock was moved)."""
        with self._wake:
            self._wake.notify_all()

    def settle(self, timeout_s: float) -> bool:
        """Waits until nothing is due and nothing is on its way. Call without the lock. False: still busy."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            with self.lock:
                is_due = bool(self._queue) and self._queue[0][0] <= self.ground.clock.now()
                if not self._busy and not is_due:
                    return True
            time.sleep(0.01)
        return False

    def _deliver_all(self) -> None:
        while True:
            with self._wake:
                while self._is_started:
                    now = self.ground.clock.now()
                    if self._queue and self._queue[0][0] <= now:
                        break
                    self._wake.wait(min(0.5, self._queue[0][0] - now) if self._queue else 0.5)
                if not self._is_started:
                    return
                due = heapq.heappop(self._queue)[2]
                self._busy += 1
            try:
                self._deliver(due)
            except Exception:
                log.exception("%s %s", self._name, due.n)
            finally:
                with self.lock:
                    self._busy -= 1

    def _deliver(self, due: Item) -> None:
        """One delivery, outside the lock."""
        raise NotImplementedError
