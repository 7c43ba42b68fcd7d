"""The draw page's own long-lived parts, one set per process."""

import os
import threading
import weakref

from wxbot.draws.board import Boards
from wxbot.draws.booking import Bookings
from wxbot.draws.counts import Counts
from wxbot.once import Line
from wxbot.runtime import Runtime


class Desk:
    """Boards, the booking thread, the counts and a quick line to Redis of one process."""

    def __init__(self, runtime: Runtime) -> None:
        self.pid = os.getpid()
        self.boards = Boards(runtime.database, runtime.vault)
        self.line = Line(runtime.settings.redis_url)
        self.bookings = Bookings(runtime.database, self.line)
        self.counts = Counts(runtime.database)


_desks: "weakref.WeakKeyDictionary[Runtime, Desk]" = weakref.WeakKeyDictionary()
_guard = threading.Lock()


def desk_of(runtime: Runtime) -> Desk:
    """The desk of this runtime in this process; made at its first use, never shared across a fork."""
    desk = _desks.get(runtime)
    if desk is None or desk.pid != os.getpid():
        with _guard:
            desk = _desks.get(runtime)
            if desk is None or desk.pid != os.getpid():
                desk = _desks[runtime] = Desk(runtime)
    return desk
