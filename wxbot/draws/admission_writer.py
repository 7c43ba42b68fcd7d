"""Admissions are written by one thread per process, many in one transaction (a group commit).

A commit costs a disk flush (SQLite, synchronous=FULL) or a round trip; one flush for all requests that are waiting
anyway makes draws fast without giving up anything: a request gets its answer only after the commit that holds its row.
What is decided is decided by SQL alone, by the mechanic's `book` (`one_winner.book` is the shake's). Redis may be empty (I8, I18).
"""

import fcntl
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import redis as redis_client
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from wxbot.db import Database
from wxbot.draws.admission import BOUND, Admission, Booked
from wxbot.logs import get_logger
from wxbot.once import RedisConnection

log = get_logger(__name__)

BATCH = 128
GATHER_S = 0.001
GATHER_LOOKS = 6
"""While several people draw at once, the next transaction waits a few milliseconds until as many as last time are there:
a commit costs the same for one and for twenty. Someone alone never waits."""

ANSWER_WAIT_S = 20.0
"""Longer than the database waits for a lock: the answer is the transaction's, not a guess."""

END_S = 2.0
"""How long a process that ends waits for the commit that is under way."""

ADMITTED_KEPT_S = 120
BOUND_KEPT_S = 600

_REMEMBER = f"""
for i, key in ipairs(KEYS) do
  if ARGV[i] == '{BOUND}' then redis.call('SET', key, ARGV[i], 'EX', {BOUND_KEPT_S})
  else redis.call('SET', key, ARGV[i], 'EX', {ADMITTED_KEPT_S}, 'NX') end
end
"""
"""A bind that was quicker is not overwritten (NX)."""


class Waiter:
    """A request that waits for its commit: one lock, which costs a fraction of a Future; or what is done `then`, in the writer's
    thread, with what became of it."""

    __slots__ = ("_done", "_then", "admission", "booked", "error")

    def __init__(
        self, admission: Admission, then: Callable[[Booked | None, Exception | None], None] | None = None
    ) -> None:
        self.admission = admission
        self.booked: Booked | None = None
        self.error: Exception | None = None
        self._then = then
        if then is None:
            self._done = threading.Lock()
            self._done.acquire()

    def tell(self, booked: Booked | None, error: Exception | None = None) -> None:
        """Wake the request, once."""
        if self.booked is None and self.error is None:
            self.booked, self.error = booked, error
            if self._then is None:
                self._done.release()
            else:
                self._then(booked, error)

    def wait(self) -> Booked:
        """What the commit decided. Raises what the database raised, or TimeoutError."""
        if not self._done.acquire(timeout=ANSWER_WAIT_S):
            raise TimeoutError("the draw was not written in time")
        if self.booked is None:
            raise self.error or RuntimeError("told nothing")
        return self.booked


def _first_of_each(batch: Sequence[Waiter]) -> tuple[list[Waiter], list[Waiter]]:
    """One admission per person and per shake, and the rest for the next transaction."""
    first: list[Waiter] = []
    repeats: list[Waiter] = []
    seen: set[tuple[int, str]] = set()
    for one in batch:
        asked = one.admission
        marks = {(asked.campaign_id, asked.openid), (asked.campaign_id, asked.ticket_hash)}
        (repeats if marks & seen else first).append(one)
        seen |= marks
    return first, repeats


def _book(session: Session, admissions: Sequence[Admission]) -> list[Booked]:
    """Each by its campaign's mechanic; what became of them, in their order."""
    if len({one.book for one in admissions}) == 1:
        return admissions[0].book(session, admissions)
    results: dict[int, Booked] = {}
    for book in dict.fromkeys(one.book for one in admissions):
        places = [i for i, one in enumerate(admissions) if one.book is book]
        results |= zip(places, book(session, [admissions[i] for i in places]), strict=True)
    return [results[i] for i in range(len(admissions))]


def _there(waiting: "queue.SimpleQueue[Any]", most: int) -> list[Any]:
    """What waits already, up to so many; the end (None) goes on waiting."""
    found: list[Any] = []
    with suppress(queue.Empty):
        while len(found) < most:
            one = waiting.get_nowait()
            if one is None:
                waiting.put(None)
                break
            found.append(one)
    return found


def end_behind(thread: threading.Thread | None, waiting: "queue.SimpleQueue[Any]") -> None:
    """Let the thread of a queue, if one has begun, end behind what waits there."""
    if thread is not None:
        waiting.put(None)
        thread.join(END_S)


class Bookings:
    """The writer thread of one process, the queue in front of it, and a second thread that tells Redis afterwards."""

    def __init__(self, database: Database, line: RedisConnection) -> None:
        self._database = database
        self._line = line
        self._waiting: queue.SimpleQueue[Waiter | None] = queue.SimpleQueue()
        self._written: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._turn_file: BinaryIO | None = None

    def write(self, admission: Admission) -> Booked:
        """Queue an admission and wait for the commit that holds it. Raises what the database raised."""
        waiter = Waiter(admission)
        self.queue([waiter])
        return waiter.wait()

    def queue(self, waiters: Iterable[Waiter]) -> None:
        """Have these written with the next commit; each is told what became of it."""
        if self._thread is None:
            self._start()
        for waiter in waiters:
            self._waiting.put(waiter)

    def _start(self) -> None:
        with self._guard:
            if self._thread is None:
                threading.Thread(target=self._remember, name="bookings-redis", daemon=True).start()
                self._thread = threading.Thread(target=self._run, name="bookings", daemon=True)
                self._thread.start()

    def end(self) -> None:
        """Let the threads end behind what waits; whoever queues more begins others."""
        with self._guard:
            thread, self._thread = self._thread, None
        end_behind(thread, self._waiting)

    def _run(self) -> None:
        batch: list[Waiter] = []
        while True:
            for _ in range(GATHER_LOOKS if len(batch) > 1 else 0):
                if self._waiting.qsize() >= len(batch):
                    break
                time.sleep(GATHER_S)
            first = self._waiting.get()
            if first is None:
                self._written.put(None)
                if self._turn_file is not None:
                    self._turn_file.close()
                    self._turn_file = None
                return
            batch = [first]
            try:
                self._commit(batch, takes_more=True)
            except Exception as error:  # the thread must outlive any surprise; every waiter is told
                log.exception("bookings_failed")
                for waiter in batch:
                    waiter.tell(None, error)

    def _commit(self, batch: list[Waiter], *, takes_more: bool = False) -> None:
        """Write these; `takes_more`: and who else waits when the turn has come, up to a batch."""
        try:
            with self._turn():
                if takes_more:
                    batch += _there(self._waiting, BATCH - len(batch))
                # One order for all processes, so that two batches never wait for each other in a circle (PostgreSQL).
                ordered, repeats = _first_of_each(
                    sorted(batch, key=lambda one: (one.admission.campaign_id, one.admission.openid))
                )
                with self._database.transaction() as session:
                    results = _book(session, [waiter.admission for waiter in ordered])
        except SQLAlchemyError as error:
            if len(batch) == 1:
                batch[0].tell(None, error)
                return
            log.warning("bookings_one_by_one", waiting=len(batch), error=type(error).__name__)
            for waiter in (*ordered, *repeats):
                self._commit([waiter])
            return
        for waiter, booked in zip(ordered, results, strict=True):
            waiter.tell(booked)
            if booked.kept is not None:
                self._written.put((waiter.admission.drawn_key, booked.kept))
        if repeats:
            self._commit(repeats)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Let the processes of one machine write in turn.

        SQLite's own waiting for its write lock sleeps in steps of up to 100 ms; a file lock wakes the next writer at
        once. It orders only these writers and guards nothing: SQLite's lock does, as ever.
        """
        path = self._database.engine.url.database if self._database.is_sqlite else None
        if not path or path == ":memory:":
            yield
            return
        if self._turn_file is None:
            self._turn_file = open(f"{path}-draws-turn", "ab")  # noqa: SIM115 - kept for the life of the thread
        fcntl.flock(self._turn_file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._turn_file, fcntl.LOCK_UN)

    def _remember(self) -> None:
        """Tell Redis, for speed only: losing this costs a later request one look into SQL."""
        while True:
            first = self._written.get()
            if first is None:
                return
            batch: list[tuple[str, str]] = [first, *_there(self._written, BATCH - 1)]
            keys, values = zip(*batch, strict=True)
            try:
                self._line.call("EVAL", _REMEMBER, len(keys), *keys, *values)
            except redis_client.RedisError as error:
                log.warning("drawn_not_kept", error=type(error).__name__)
