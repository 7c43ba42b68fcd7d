"""The one place that asks what time it is.

Several machines live by one clock, the database's: a background thread measures every 10 seconds how far it is from this
process's steady clock, and `now()` adds the two without asking anybody. With SQLite there is one machine, and its clock is
taken. Under the simulator profile the time follows the simulator's on top of that, so that a three-day expiry can be
tried in a second.
"""

import itertools
import json
import os
import threading
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""Days, daily limits and order numbers follow this zone (money F74)."""

FOLLOW_EVERY_S = 0.5
"""How often the simulator's offset is read; a moved clock is seen within about this time."""

MEASURE_EVERY_S = 10.0
"""How often the database's clock is compared with ours."""

MEASURE_AGAIN_S = 1.0
"""The same while it has never been measured: the machine's clock is taken meanwhile."""

FIRST_WAIT_S = 2.0
"""How long the first question of a process for the time waits for the first measurement."""

VAGUE_S = 1.0
"""A measurement that is less sure than this replaces no other one: the answer was long on its way."""


def shanghai_day(now: datetime) -> date:
    """The Asia/Shanghai calendar day of an aware datetime."""
    return now.astimezone(SHANGHAI).date()


def day_began(day: date) -> datetime:
    """The moment at which an Asia/Shanghai calendar day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)


def from_unix(seconds: float) -> datetime:
    """An aware UTC datetime from Unix seconds."""
    return datetime.fromtimestamp(seconds, UTC)


_BOOT_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", None)


def steady_s() -> float:
    """Seconds that nobody sets back or forth; they go on while the machine sleeps, where the system can tell."""
    return time.monotonic() if _BOOT_CLOCK is None else time.clock_gettime(_BOOT_CLOCK)


class Measured(NamedTuple):
    """What a reference said: its Unix time minus our `steady_s()`, and how far that may be wrong, in seconds."""

    offset_s: float
    within_s: float


Reference = Callable[[], Measured | None]
"""Measures the database's clock; None when it cannot be had now. It never raises."""


class Clock:
    """Tells the time of the deployment.

    offset_url: the simulator's /_sim/clock, in its profile only. reference: measures the clock that all machines live by.
    machine: this machine's clock in Unix seconds, taken where there is no reference or it was never reached.
    """

    def __init__(
        self,
        offset_url: str | None = None,
        reference: Reference | None = None,
        machine: Callable[[], float] = time.time,
    ) -> None:
        self._offset_url = offset_url
        self._reference = reference
        self._machine = machine
        self._asks, self._asked = itertools.count(1), 0
        self._offset_s = 0.0
        self._steady_offset_s: float | None = None
        self._is_followed = offset_url is not None or reference is not None
        self._pid = 0
        self._guard = threading.Lock()
        self._is_closed = threading.Event()
        self._thread: threading.Thread | None = None

    def now(self) -> datetime:
        """The current time, aware, UTC."""
        return from_unix(self.unix())

    def unix(self) -> float:
        """The current time in Unix seconds."""
        if self._is_followed and self._pid != os.getpid():
            self._start_following()
        if self._steady_offset_s is None:
            return self._machine() + self._offset_s
        return steady_s() + self._steady_offset_s + self._offset_s

    @property
    def offset_s(self) -> float:
        """How far the simulator's clock is ahead of the real one, in seconds; 0 in production."""
        return self._offset_s

    @property
    def machine_ahead_s(self) -> float | None:
        """How far this machine's clock is ahead of the database's, in seconds; None where that was not measured."""
        if self._steady_offset_s is None:
            return None
        return self._machine() - steady_s() - self._steady_offset_s

    def refresh(self) -> None:
        """Read the simulator's offset now; without a simulator this does nothing."""
        if self._offset_url is None:
            return
        asked = next(self._asks)
        try:
            with urllib.request.urlopen(self._offset_url, timeout=2) as reply:  # noqa: S310 - loopback, simulator only
                offset_s = float(json.load(reply)["offset_s"])
        except (OSError, ValueError, KeyError):
            return  # the simulator is restarting: keep the last offset, the next look will correct it
        if asked > self._asked:  # the answer to an earlier question may come later, and knows less
            self._asked, self._offset_s = asked, offset_s

    def measure(self) -> None:
        """Compare with the reference now; when it cannot be had, the last measurement stays."""
        measured = self._reference() if self._reference is not None else None
        if measured is None:
            return
        known = self._steady_offset_s
        if known is not None and (measured.within_s > VAGUE_S or abs(measured.offset_s - known) <= measured.within_s):
            return  # it knows nothing better: the time does not tremble with each round trip
        self._steady_offset_s = measured.offset_s

    def close(self) -> None:
        """Stop following; the time goes on as it was last known."""
        self._is_closed.set()
        if self._thread is not None and self._pid == os.getpid():
            self._thread.join(FIRST_WAIT_S)

    def _start_following(self) -> None:
        """Begin the follower thread once per process: threads do not survive a fork."""
        with self._guard:
            if self._pid == os.getpid():
                return
            self._pid = os.getpid()
            self.refresh()
            is_measured = threading.Event()
            self._thread = threading.Thread(target=self._follow, args=(is_measured,), name="clock", daemon=True)
            self._thread.start()
            is_measured.wait(
                FIRST_WAIT_S
            )  # in the thread: a database that hangs must not hang whoever asks for the time

    def _follow(self, is_measured: threading.Event) -> None:
        measure_s = steady_s()
        while True:
            if steady_s() >= measure_s:
                self.measure()
                is_measured.set()
                pause_s = MEASURE_EVERY_S if self._steady_offset_s is not None else MEASURE_AGAIN_S
                measure_s = steady_s() + pause_s
            if self._is_closed.wait(FOLLOW_EVERY_S if self._offset_url else max(0.0, measure_s - steady_s())):
                return
            self.refresh()
