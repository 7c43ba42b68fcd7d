"""The one place that asks what time it is.

In production it is the machine's UTC clock. Under the simulator profile the clock follows the simulator's, so that a
three-day expiry can be tried in a second: a background thread reads the offset, and `now()` never waits for it.
"""

import json
import os
import threading
import time
import urllib.request
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""Days, daily limits and order numbers follow this zone (money F74)."""

FOLLOW_EVERY_S = 0.5
"""How often the simulator's offset is read; a moved clock is seen within about this time."""


def shanghai_day(now: datetime) -> date:
    """The Asia/Shanghai calendar day of an aware datetime."""
    return now.astimezone(SHANGHAI).date()


def from_unix(seconds: float) -> datetime:
    """An aware UTC datetime from Unix seconds."""
    return datetime.fromtimestamp(seconds, UTC)


class Clock:
    """Tells the time; `offset_url` (simulator profile only) is the simulator's /_sim/clock."""

    def __init__(self, offset_url: str | None = None) -> None:
        self._offset_url = offset_url
        self._offset_s = 0.0
        self._pid = 0
        self._guard = threading.Lock()

    def now(self) -> datetime:
        """The current time, aware, UTC."""
        return from_unix(self.unix())

    def unix(self) -> float:
        """The current time in Unix seconds."""
        if self._offset_url is not None and self._pid != os.getpid():
            self._start_following()
        return time.time() + self._offset_s

    @property
    def offset_s(self) -> float:
        """How far this clock is ahead of the machine's, in seconds; 0 in production."""
        return self._offset_s

    def refresh(self) -> None:
        """Read the simulator's offset now; without a simulator this does nothing."""
        if self._offset_url is None:
            return
        try:
            with urllib.request.urlopen(self._offset_url, timeout=2) as reply:  # noqa: S310 - loopback, simulator only
                self._offset_s = float(json.load(reply)["offset_s"])
        except (OSError, ValueError, KeyError):
            return  # the simulator is restarting: keep the last offset, the next look will correct it

    def _start_following(self) -> None:
        """Begin the follower thread once per process: threads do not survive a fork."""
        with self._guard:
            if self._pid == os.getpid():
                return
            self._pid = os.getpid()
            self.refresh()
            threading.Thread(target=self._follow, name="clock", daemon=True).start()

    def _follow(self) -> None:
        while True:
            time.sleep(FOLLOW_EVERY_S)
            self.refresh()
