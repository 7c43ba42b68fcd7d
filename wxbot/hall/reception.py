"""Many who come at one moment share one commit: the hall's lock is taken once for all of them, and the disk is waited for once.

Whoever comes while a commit is being written waits with the others and goes with the next one. Each process has its own
reception; between processes the hall's row is the lock.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from wxbot.db import Database
from wxbot.hall.models import Guest
from wxbot.hall.sign_in import Comer, sign_in_all
from wxbot.runtime import Runtime
from wxbot.text import Refusal

MOST = 128
"""In one commit."""


@dataclass
class _Place:
    """One who waits, and what became of it."""

    comer: Comer
    found: Guest | BaseException | None = None


class Reception:
    """The queue in front of one hall's lock, in one process."""

    def __init__(self, database: Database, campaign_id: int) -> None:
        self._database = database
        self._campaign_id = campaign_id
        self._writing = threading.Lock()
        self._guard = threading.Lock()
        self._waiting: list[_Place] = []

    def come(self, comer: Comer) -> Guest:
        """Sign one in, with whoever else waits. Raises Refusal, and what the database raises."""
        mine = _Place(comer)
        with self._guard:
            self._waiting.append(mine)
        with self._writing:
            while mine.found is None:
                self._write()
        if isinstance(mine.found, Guest):
            return mine.found
        raise mine.found or RuntimeError("nobody wrote this sign-in")

    def _write(self) -> None:
        """Write those who have waited longest."""
        with self._guard:
            now, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        try:
            found: Sequence[Guest | Refusal] = self._commit([place.comer for place in now])
        except BaseException as error:
            for place in now:
                place.found = error
            return
        for place, guest in zip(now, found, strict=True):
            place.found = guest

    def _commit(self, comers: Sequence[Comer]) -> list[Guest | Refusal]:
        with self._database.transaction() as session:
            return sign_in_all(session, self._campaign_id, comers, self._database.now(session))


_receptions: WeakKeyDictionary[Runtime, dict[int, Reception]] = WeakKeyDictionary()
_guard = threading.Lock()


def come(runtime: Runtime, campaign_id: int, comer: Comer) -> Guest:
    """Sign one in at this process' reception of the hall. Raises Refusal."""
    with _guard:
        halls = _receptions.setdefault(runtime, {})
        found = halls.get(campaign_id)
        if found is None:
            found = halls[campaign_id] = Reception(runtime.database, campaign_id)
    return found.come(comer)
