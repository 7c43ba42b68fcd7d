"""Telling a hall of what happens in crowds: the first is told at once, and who comes within a quarter of a second with the next word.

What the host does is told at once (`told.tell`); two thousand sign-ins are not two thousand states.
"""

import threading
import time
from weakref import WeakKeyDictionary

from wxbot.hall import told
from wxbot.logs import get_logger
from wxbot.runtime import Runtime

log = get_logger(__name__)

APART_S = 0.25


class Teller:
    """Of one process: when each hall was told last, and which are to be told again."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime: Runtime | None = runtime
        self._guard = threading.Lock()
        self._last: dict[int, float] = {}
        self._timers: dict[int, threading.Timer] = {}
        self._is_closed = False
        runtime.at_close(self.close)

    def soon(self, campaign_id: int) -> None:
        """Tell a hall now, or with the others of this moment."""
        with self._guard:
            wait_s = self._last.get(campaign_id, 0.0) + APART_S - time.monotonic()
            if self._is_closed or campaign_id in self._timers:
                return
            if wait_s > 0:
                timer = threading.Timer(wait_s, self._later, (campaign_id,))
                timer.daemon = True
                self._timers[campaign_id] = timer
                timer.start()
                return
            self._last[campaign_id] = time.monotonic()
        self._tell(campaign_id)

    def _tell(self, campaign_id: int) -> None:
        if self._runtime is not None:
            told.tell(self._runtime, campaign_id)

    def _later(self, campaign_id: int) -> None:
        with self._guard:
            self._timers.pop(campaign_id, None)
            if self._is_closed:
                return
            self._last[campaign_id] = time.monotonic()
        try:
            self._tell(campaign_id)
        except Exception:
            log.exception("hall_not_told", campaign_id=campaign_id)

    def close(self) -> None:
        """Wait for what is being told, and tell nothing more."""
        with self._guard:
            self._is_closed = True
            timers = list(self._timers.values())
        for timer in timers:
            timer.cancel()
            timer.join()
        self._runtime = None  # nobody is kept alive by what is told


_tellers: WeakKeyDictionary[Runtime, Teller] = WeakKeyDictionary()
_guard = threading.Lock()


def soon(runtime: Runtime, campaign_id: int) -> None:
    """Tell a hall, four times a second at most from this process. Call it after the commit."""
    with _guard:
        teller = _tellers.get(runtime)
        if teller is None:
            teller = _tellers[runtime] = Teller(runtime)
    teller.soon(campaign_id)
