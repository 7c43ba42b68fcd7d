"""What repeats itself while a database or Redis is away, told once a minute instead of at every try.

The log's last step asks here (wxbot/logs), so that whoever logs a failure need not think of it: the first line has the
reason, a later one how many went untold, and one line says when it is over.
"""

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import redis
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

EVERY_S = 60.0
"""How long a line that repeats itself is only counted."""

MOST_KEYS = 1000
"""So many different lines are remembered; beyond that all are forgotten, and told anew."""


def outage_of(error: BaseException | None) -> str | None:
    """'database' or 'redis' when this error, or what it was raised from, says that the other side is away; else None.

    A missing table is a bug and wants its traceback, though SQLite calls it operational, too.
    """
    for _ in range(5):
        if error is None:
            return None
        if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
            return None if "no such" in str(error) else "database"
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            return "database"
        if isinstance(error, redis.ConnectionError | redis.TimeoutError):
            return "redis"
        error = error.__cause__
    return None


@dataclass
class _Line:
    told_at: float
    untold: int = 0


@dataclass
class _Outage:
    since: float
    failures: int = 0
    sources: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Ended:
    """An outage that is over: of what, how many failures were met, for how many seconds."""

    kind: str
    failures: int
    seconds: float


class Repeats:
    """Decides which lines are told; one for each process. `clock` tells seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._lines: dict[Hashable, _Line] = {}
        self._outages: dict[str, _Outage] = {}
        self._ended_at: dict[str, float] = {}

    def tell(self, key: Hashable, kind: str | None = None, source: str = "") -> int | None:
        """How many lines like this went untold before it, or None when it is to be folded, too.

        `kind` is what outage_of said, `source` names whose success will show that it is over.
        """
        with self._guard:
            now = self._clock()
            if kind is not None:
                outage = self._outages.setdefault(kind, _Outage(now))
                outage.failures += 1
                outage.sources.add(source)
            line = self._lines.get(key)
            if line is not None and now - line.told_at < EVERY_S:
                line.untold += 1
                return None
            if len(self._lines) >= MOST_KEYS:
                self._lines.clear()
            self._lines[key] = _Line(now)
            return line.untold if line else 0

    def ended(self, *, kind: str = "", source: str = "") -> list[Ended]:
        """The outages that this success ends: of `kind`, or those that `source` had met. Each kind is told once a minute
        at most, so that what comes and goes fills no log either; costs nothing while all is well."""
        if not self._outages:
            return []
        with self._guard:
            now, over = self._clock(), []
            for name, outage in list(self._outages.items()):
                if name != kind and source not in outage.sources:
                    continue
                del self._outages[name]
                if now - self._ended_at.get(name, now - EVERY_S) < EVERY_S:
                    continue
                self._ended_at[name] = now
                over.append(Ended(name, outage.failures, now - outage.since))
            if over:
                self._lines.clear()
            return over
