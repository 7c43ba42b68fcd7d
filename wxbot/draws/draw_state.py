"""The draw page's own long-lived parts, one set per process."""

import os
import threading
import weakref

from wxbot.draws.admission_writer import Bookings
from wxbot.draws.counts import Counts
from wxbot.draws.snapshot import Snapshots
from wxbot.once import RedisConnection
from wxbot.runtime import Runtime


class DrawState:
    """Snapshots, the booking thread, the counts and a quick line to Redis of one process."""

    def __init__(self, runtime: Runtime) -> None:
        self.pid = os.getpid()
        self.snapshots = Snapshots(runtime.database, runtime.vault)
        self.line = RedisConnection(runtime.settings.redis_url)
        self.bookings = Bookings(runtime.database, self.line)
        self.counts = Counts(runtime.database)
        runtime.at_close(self._end)

    def _end(self) -> None:
        if self.pid == os.getpid():  # else a fork's copy of what its parent counted and will write itself
            self.bookings.end()
            self.counts.end()


_states: "weakref.WeakKeyDictionary[Runtime, DrawState]" = weakref.WeakKeyDictionary()
_guard = threading.Lock()


def draw_state_of(runtime: Runtime) -> DrawState:
    """The state of this runtime in this process; made at its first use, never shared across a fork."""
    draw_state = _states.get(runtime)
    if draw_state is None or draw_state.pid != os.getpid():
        with _guard:
            draw_state = _states.get(runtime)
            if draw_state is None or draw_state.pid != os.getpid():
                draw_state = _states[runtime] = DrawState(runtime)
    return draw_state
