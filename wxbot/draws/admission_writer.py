"""Admissions are written by one thread per process, many in one transaction (a group commit).

A commit costs a disk flush (SQLite, synchronous=FULL) or a round trip; one flush for all requests that are waiting
anyway makes draws fast without giving up anything: a request gets its answer only after the commit that holds its row.
What is decided here is decided by SQL alone: unique indexes and a conditional write. Redis may be empty (I8, I18).
"""

import fcntl
import json
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import product
from typing import Any, BinaryIO

import redis as redis_client
from sqlalchemy import bindparam, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from wxbot import quotas
from wxbot.db import Database, UtcDateTime, is_sqlite
from wxbot.draws.outcomes import Outcome
from wxbot.logs import get_logger
from wxbot.once import RedisConnection
from wxbot.people import marks

log = get_logger(__name__)

BATCH = 128
GATHER_S = 0.001
GATHER_LOOKS = 6
"""While several people draw at once, the next transaction waits a few milliseconds until as many as last time are there:
a commit costs the same for one and for twenty. Someone alone never waits."""

ANSWER_WAIT_S = 20.0
"""Longer than the database waits for a lock: the answer is the transaction's, not a guess."""

ADMITTED_KEPT_S = 120
BOUND_KEPT_S = 600

_REMEMBER = f"""
for i, key in ipairs(KEYS) do
  if ARGV[i] == 'bound' then redis.call('SET', key, ARGV[i], 'EX', {BOUND_KEPT_S})
  else redis.call('SET', key, ARGV[i], 'EX', {ADMITTED_KEPT_S}, 'NX') end
end
"""
"""A bind that was quicker is not overwritten (NX)."""


@dataclass(frozen=True, slots=True)
class Admission:
    """One request to draw that passed every gate outside the database."""

    campaign_id: int
    openid: str
    handed_out: str
    shake_ticket_hash: str
    device_id: str
    ip: str
    day: str
    tries_per_person: int
    tries_per_day: int
    has_luck: bool
    now: datetime


@dataclass(frozen=True, slots=True)
class Booked:
    """What the transaction decided; `handed_out` is what is stored when an earlier draw is still open."""

    outcome: Outcome
    handed_out: str | None = None
    is_new: bool = False


_ASKED_SQLITE = """
    asked (i, campaign_id, openid, hash, device_id, ip, handed_out) AS (
        SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
               json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'),
               json_extract(value, '$[6]')
          FROM json_each(:rows))
"""
_ASKED_POSTGRESQL = """
    asked (i, campaign_id, openid, hash, device_id, ip, handed_out) AS (
        SELECT * FROM unnest(CAST(:i AS integer[]), CAST(:campaign_id AS bigint[]), CAST(:openid AS text[]), CAST(:hash AS text[]),
                             CAST(:device_id AS text[]), CAST(:ip AS text[]), CAST(:handed_out AS text[])))
"""
"""Arrays, because PostgreSQL knows how long one is. It takes any JSON for a hundred rows, and read every draw for a batch."""

_COLUMNS = ("i", "campaign_id", "openid", "hash", "device_id", "ip", "handed_out")
_KNOWN = """
    WITH {asked}
    SELECT i, 'blocked' AS why, '' AS handed_out
      FROM ({blocked}) AS blocked
    UNION ALL
    SELECT asked.i, draws.status, draws.handed_out
      FROM {won}
    UNION ALL
    SELECT asked.i, 'used:' || draws.status, ''
      FROM {used}
"""
_JOINS = {
    "won": (
        "draws",
        "draws.campaign_id = asked.campaign_id AND draws.openid = asked.openid AND draws.status IN ('admitted', 'bound')",
    ),
    "used": ("draws", "draws.campaign_id = asked.campaign_id AND draws.shake_ticket_hash = asked.hash"),
}
"""What each who asks is looked up in, by an index; name in _KNOWN → (table, condition)."""


def _join(table: str, condition: str, is_fenced: bool) -> str:
    """Who asked, beside their rows of a table.

    Fenced (OFFSET 0): PostgreSQL looks once for each who asks, whatever it believes about the table; else it reads some ten
    thousand draws in full rather than look a hundred times.
    """
    if is_fenced:
        return f"asked CROSS JOIN LATERAL (SELECT * FROM {table} WHERE {condition} OFFSET 0) AS {table}"  # noqa: S608 - both are written here and in people/marks
    return f"asked JOIN {table} ON {condition}"


_DRAW = """
    WITH {asked}
    INSERT INTO draws (campaign_id, openid, status, handed_out, shake_ticket_hash, device_id, ip, admitted_at)
    SELECT campaign_id, openid, CASE WHEN handed_out IS NULL THEN 'missed' ELSE 'admitted' END, handed_out, hash,
           device_id, ip, :now
      FROM asked WHERE true
    ON CONFLICT DO NOTHING
    RETURNING openid
"""


def _statements(asked: str, is_fenced: bool) -> tuple[Any, Any]:
    join = partial(_join, is_fenced=is_fenced)
    joins = {name: join(table, condition) for name, (table, condition) in _JOINS.items()}
    joins["blocked"] = marks.blocked_among(join)
    draw = text(_DRAW.format(asked=asked)).bindparams(bindparam("now", type_=UtcDateTime()))
    return text(_KNOWN.format(asked=asked, **joins)), draw


_SQLITE = _statements(_ASKED_SQLITE, is_fenced=False)
_POSTGRESQL = _statements(_ASKED_POSTGRESQL, is_fenced=True)
"""(known, draw) per database: each takes a whole batch at once, so its cost is shared."""


def _of(session: Session) -> tuple[Any, Any]:
    return _SQLITE if is_sqlite(session) else _POSTGRESQL


def _batch(session: Session, admissions: Sequence[Admission]) -> dict[str, Any]:
    """The batch as parameters: one JSON text for SQLite, an array per column for PostgreSQL; no luck, no signature."""
    rows = [
        (
            i,
            one.campaign_id,
            one.openid,
            one.shake_ticket_hash,
            one.device_id,
            one.ip,
            one.handed_out if one.has_luck else None,
        )
        for i, one in enumerate(admissions)
    ]
    if is_sqlite(session):
        return {"rows": json.dumps(rows)}
    return {name: list(column) for name, column in zip(_COLUMNS, zip(*rows, strict=True), strict=True)}


def _known(session: Session, admissions: Sequence[Admission]) -> dict[int, Booked]:
    """What the tables already say about these people and shakes, by place in the batch."""
    found: dict[int, dict[str, Any]] = {}
    for row in session.execute(_of(session)[0], _batch(session, admissions)):
        found.setdefault(int(row.i), {})[row.why] = row
    return {i: _verdict(rows) for i, rows in found.items()}


def _verdict(rows: dict[str, Any]) -> Booked:
    if "blocked" in rows:
        return Booked(Outcome.BLOCKED)
    if "bound" in rows:
        return Booked(Outcome.ALREADY_DRAWN)
    if "admitted" in rows:
        row = rows["admitted"]
        return Booked(Outcome.ADMITTED, row.handed_out)
    return Booked(Outcome.MISSED if "used:missed" in rows else Outcome.TICKET_TOO_OLD)


def _again(session: Session, admission: Admission, otherwise: Outcome) -> Booked:
    """Look once more after another process was quicker."""
    return _known(session, [admission]).get(0) or Booked(otherwise)


def tries(campaign_id: int, openid: str) -> str:
    """The name of one person's limit of tries in one campaign: in all, and in a day where that is fewer."""
    return f"tries:{campaign_id}:{openid}"


def _try_periods(one: Admission) -> dict[str, int]:
    """Period → how many tries. A day that allows as many as there are in all is no limit and costs no row."""
    in_day = {one.day: one.tries_per_day} if one.tries_per_day < one.tries_per_person else {}
    return in_day | {quotas.ALL_TIME: one.tries_per_person}


def _with_a_try(session: Session, asking: Sequence[Admission]) -> set[str]:
    """Count a try for each, all of one campaign on one day; the openids of those who had one left."""
    people = {tries(one.campaign_id, one.openid): one.openid for one in asking}
    fitting, counted = set(people), list[str]()
    for period, most in _try_periods(asking[0]).items():
        asked, fitting = fitting, quotas.take_each(session, sorted(fitting), period, most)
        for name, before in product(sorted(asked - fitting), counted):
            quotas.give_back(session, name, before)
        counted.append(period)
    return {people[name] for name in fitting}


def _give_back_try(session: Session, one: Admission) -> None:
    for period in _try_periods(one):
        quotas.give_back(session, tries(one.campaign_id, one.openid), period)


def book(session: Session, admissions: Sequence[Admission]) -> list[Booked]:
    """Write admissions of different people inside the caller's transaction, or say why not, in their order."""
    results = _known(session, admissions)
    by_terms: dict[tuple[Any, ...], list[int]] = {}
    for i, one in enumerate(admissions):
        if i not in results:
            terms = (one.campaign_id, one.tries_per_person, one.tries_per_day, one.day)
            by_terms.setdefault(terms, []).append(i)
    for places in by_terms.values():
        allowed = _with_a_try(session, [admissions[i] for i in places])
        going = [i for i in places if admissions[i].openid in allowed]
        written: set[str] = set()
        if going:
            drawing = _batch(session, [admissions[i] for i in going]) | {"now": admissions[going[0]].now}
            written = set(session.scalars(_of(session)[1], drawing))
        for i in places:
            one = admissions[i]
            if one.openid in written:
                results[i] = Booked(Outcome.ADMITTED, one.handed_out, True) if one.has_luck else Booked(Outcome.MISSED)
            elif one.openid in allowed:  # this person's draw, or this shake, was written elsewhere a moment ago
                _give_back_try(session, one)
                results[i] = _again(session, one, Outcome.TRY_AGAIN)
            else:  # the last try may have become a draw in another process while this one waited for the row
                results[i] = _again(session, one, Outcome.NO_TRIES_LEFT)
    return [results[i] for i in range(len(admissions))]


def drawn_key(campaign_id: int, openid: str) -> str:
    """The Redis key that remembers how a person's draw stands, so that repeats need no SQL."""
    return f"drawn:{campaign_id}:{openid}"


class Waiter:
    """A request that waits for its commit: one lock, which costs a fraction of a Future."""

    __slots__ = ("_done", "admission", "booked", "error")

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.booked: Booked | None = None
        self.error: Exception | None = None
        self._done = threading.Lock()
        self._done.acquire()

    def tell(self, booked: Booked | None, error: Exception | None = None) -> None:
        """Wake the request, once."""
        if self.booked is None and self.error is None:
            self.booked, self.error = booked, error
            self._done.release()

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
        marks = {(asked.campaign_id, asked.openid), (asked.campaign_id, asked.shake_ticket_hash)}
        (repeats if marks & seen else first).append(one)
        seen |= marks
    return first, repeats


def _drain(waiting: "queue.SimpleQueue[Any]") -> list[Any]:
    """Wait for one, and take what else is there, up to a batch."""
    batch = [waiting.get()]
    while len(batch) < BATCH:
        try:
            batch.append(waiting.get_nowait())
        except queue.Empty:
            break
    return batch


class Bookings:
    """The writer thread of one process, the queue in front of it, and a second thread that tells Redis afterwards."""

    def __init__(self, database: Database, line: RedisConnection) -> None:
        self._database = database
        self._line = line
        self._waiting: queue.SimpleQueue[Waiter] = queue.SimpleQueue()
        self._written: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._turn_file: BinaryIO | None = None

    def write(self, admission: Admission) -> Booked:
        """Queue an admission and wait for the commit that holds it. Raises what the database raised."""
        if self._thread is None:
            self._start()
        waiter = Waiter(admission)
        self._waiting.put(waiter)
        return waiter.wait()

    def _start(self) -> None:
        with self._guard:
            if self._thread is None:
                threading.Thread(target=self._remember, name="bookings-redis", daemon=True).start()
                self._thread = threading.Thread(target=self._run, name="bookings", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        batch: list[Waiter] = []
        while True:
            for _ in range(GATHER_LOOKS if len(batch) > 1 else 0):
                if self._waiting.qsize() >= len(batch):
                    break
                time.sleep(GATHER_S)
            batch = _drain(self._waiting)
            try:
                self._commit(batch)
            except Exception as error:  # the thread must outlive any surprise; every waiter is told
                log.exception("bookings_failed")
                for waiter in batch:
                    waiter.tell(None, error)

    def _commit(self, batch: Sequence[Waiter]) -> None:
        # One order for all processes, so that two batches never wait for each other in a circle (PostgreSQL).
        ordered, repeats = _first_of_each(
            sorted(batch, key=lambda one: (one.admission.campaign_id, one.admission.openid))
        )
        try:
            with self._turn(), self._database.transaction() as session:
                results = book(session, [waiter.admission for waiter in ordered])
        except SQLAlchemyError as error:
            if len(batch) == 1:
                ordered[0].tell(None, error)
                return
            log.warning("bookings_one_by_one", waiting=len(batch), error=type(error).__name__)
            for waiter in (*ordered, *repeats):
                self._commit([waiter])
            return
        for waiter, booked in zip(ordered, results, strict=True):
            waiter.tell(booked)
            key = drawn_key(waiter.admission.campaign_id, waiter.admission.openid)
            if booked.outcome is Outcome.ADMITTED and booked.handed_out:
                self._written.put((key, f"admitted|{booked.handed_out}"))
            elif booked.outcome is Outcome.ALREADY_DRAWN:
                self._written.put((key, "bound"))
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
            batch: list[tuple[str, str]] = _drain(self._written)
            keys, values = zip(*batch, strict=True)
            try:
                self._line.call("EVAL", _REMEMBER, len(keys), *keys, *values)
            except redis_client.RedisError as error:
                log.warning("drawn_not_kept", error=type(error).__name__)
