"""Admissions are written by one thread per process, many in one transaction (a group commit).

A commit costs a disk flush (SQLite, synchronous=FULL) or a round trip; one flush for all requests that are waiting
anyway makes draws fast without giving up anything: a request gets its answer only after the commit that holds its row.
What is decided here is decided by SQL alone: unique indexes and a conditional write. Redis may be empty (I8, I18).
"""

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis as redis_client
from sqlalchemy import bindparam, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from wxbot.db import Database, UtcDateTime
from wxbot.draws.draw import Jump
from wxbot.draws.outcomes import Outcome
from wxbot.logs import get_logger

log = get_logger(__name__)

BATCH = 128
ANSWER_WAIT_S = 20.0
"""Longer than the database waits for a lock: the answer is the transaction's, not a guess."""

ADMITTED_KEPT_S = 120
BOUND_KEPT_S = 600


@dataclass(frozen=True, slots=True)
class Admission:
    """One request to draw that passed every gate outside the database."""

    campaign_id: int
    openid: str
    jump: Jump
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
    """What the transaction decided; `jump` is the stored set when an earlier draw is still open."""

    outcome: Outcome
    jump: Jump | None = None
    is_new: bool = False


_KNOWN = text("""
    SELECT 'blocked' AS why, '' AS lottery_id, '' AS noncestr, '' AS sign FROM blocks WHERE openid = :openid
    UNION ALL
    SELECT status, lottery_id, noncestr, sign FROM draws
     WHERE campaign_id = :campaign_id AND openid = :openid AND status IN ('admitted', 'bound')
    UNION ALL
    SELECT 'used:' || status, '', '', '' FROM draws
     WHERE campaign_id = :campaign_id AND shake_ticket_hash = :shake_ticket_hash
""")

_TRY = text("""
    INSERT INTO try_quotas (campaign_id, openid, total, day, in_day) VALUES (:campaign_id, :openid, 1, :day, 1)
    ON CONFLICT (campaign_id, openid) DO UPDATE SET
        total = try_quotas.total + 1,
        in_day = CASE WHEN try_quotas.day = excluded.day THEN try_quotas.in_day + 1 ELSE 1 END,
        day = excluded.day
    WHERE try_quotas.total < :tries_per_person
      AND (try_quotas.day <> excluded.day OR try_quotas.in_day < :tries_per_day)
""")

_GIVE_BACK_TRY = text("""
    UPDATE try_quotas SET total = total - 1, in_day = in_day - 1
     WHERE campaign_id = :campaign_id AND openid = :openid
""")

_DRAW = text("""
    INSERT INTO draws (campaign_id, lottery_id, openid, status, noncestr, sign, shake_ticket_hash, device_id, ip, admitted_at)
    VALUES (:campaign_id, :lottery_id, :openid, :status, :noncestr, :sign, :shake_ticket_hash, :device_id, :ip, :now)
    ON CONFLICT DO NOTHING
""").bindparams(bindparam("now", type_=UtcDateTime()))


def _known(session: Session, admission: Admission) -> Booked | None:
    """What the tables already say about this person or this shake; None when nothing stands in the way."""
    params = {
        "campaign_id": admission.campaign_id,
        "openid": admission.openid,
        "shake_ticket_hash": admission.shake_ticket_hash,
    }
    rows = {row.why: row for row in session.execute(_KNOWN, params)}
    if not rows:
        return None
    if "blocked" in rows:
        return Booked(Outcome.BLOCKED)
    if "bound" in rows:
        return Booked(Outcome.ALREADY_DRAWN)
    if "admitted" in rows:
        row = rows["admitted"]
        return Booked(Outcome.ADMITTED, Jump(row.lottery_id, row.noncestr, row.sign))
    if "used:missed" in rows:
        return Booked(Outcome.MISSED)
    return Booked(Outcome.TICKET_TOO_OLD)


def book(session: Session, admission: Admission) -> Booked:
    """Write one admission inside the caller's transaction, or say why not."""
    known = _known(session, admission)
    if known is not None:
        return known
    params: dict[str, Any] = {
        "campaign_id": admission.campaign_id,
        "openid": admission.openid,
        "day": admission.day,
        "tries_per_person": admission.tries_per_person,
        "tries_per_day": admission.tries_per_day,
    }
    taken: Any = session.execute(_TRY, params)
    if not taken.rowcount:  # the last try may have become a draw in another process while this one waited for the row
        return _known(session, admission) or Booked(Outcome.NO_TRIES_LEFT)
    jump = admission.jump
    row = {
        "campaign_id": admission.campaign_id,
        "lottery_id": jump.lottery_id,
        "openid": admission.openid,
        "status": "admitted" if admission.has_luck else "missed",
        "noncestr": jump.noncestr if admission.has_luck else None,
        "sign": jump.sign if admission.has_luck else None,
        "shake_ticket_hash": admission.shake_ticket_hash,
        "device_id": admission.device_id,
        "ip": admission.ip,
        "now": admission.now,
    }
    written: Any = session.execute(_DRAW, row)
    if not written.rowcount:  # another process wrote this person's draw, or used this shake, a moment ago
        session.execute(_GIVE_BACK_TRY, {"campaign_id": admission.campaign_id, "openid": admission.openid})
        return _known(session, admission) or Booked(Outcome.TRY_AGAIN)
    return Booked(Outcome.ADMITTED, jump, True) if admission.has_luck else Booked(Outcome.MISSED, None, True)


def drawn_key(campaign_id: int, openid: str) -> str:
    """The Redis key that remembers how a person's draw stands, so that repeats need no SQL."""
    return f"drawn:{campaign_id}:{openid}"


class Bookings:
    """The writer thread of one process and the queue in front of it."""

    def __init__(self, database: Database, redis: "redis_client.Redis") -> None:
        self._database = database
        self._redis = redis
        self._waiting: queue.SimpleQueue[tuple[Admission, Future[Booked]]] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def write(self, admission: Admission) -> Booked:
        """Queue an admission and wait for the commit that holds it. Raises what the database raised."""
        if self._thread is None:
            self._start()
        answer: Future[Booked] = Future()
        self._waiting.put((admission, answer))
        return answer.result(timeout=ANSWER_WAIT_S)

    def _start(self) -> None:
        with self._guard:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="bookings", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while len(batch) < BATCH:
                try:
                    batch.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            try:
                self._commit(batch)
            except Exception as error:  # the thread must outlive any surprise; every waiter is told
                log.exception("bookings_failed")
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)

    def _commit(self, batch: Sequence[tuple[Admission, Future[Booked]]]) -> None:
        # One order for all processes, so that two batches never wait for each other in a circle (PostgreSQL).
        ordered = sorted(batch, key=lambda one: (one[0].campaign_id, one[0].openid))
        try:
            with self._database.transaction() as session:
                results = [book(session, admission) for admission, _ in ordered]
        except SQLAlchemyError as error:
            if len(ordered) == 1:
                ordered[0][1].set_exception(error)
                return
            log.warning("bookings_one_by_one", waiting=len(ordered), error=type(error).__name__)
            for one in ordered:
                self._commit([one])
            return
        for (_, answer), booked in zip(ordered, results, strict=True):
            answer.set_result(booked)
        self._remember(ordered, results)

    def _remember(self, ordered: Sequence[tuple[Admission, Future[Booked]]], results: Sequence[Booked]) -> None:
        """Tell Redis, for speed only; a bind that was quicker is not overwritten (NX)."""
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                for (admission, _), booked in zip(ordered, results, strict=True):
                    key = drawn_key(admission.campaign_id, admission.openid)
                    if booked.outcome is Outcome.ADMITTED and booked.jump:
                        pipe.set(key, "|".join(("admitted", *booked.jump)), ex=ADMITTED_KEPT_S, nx=True)
                    elif booked.outcome is Outcome.ALREADY_DRAWN:
                        pipe.set(key, "bound", ex=BOUND_KEPT_S)
                if len(pipe):
                    pipe.execute()
        except redis_client.RedisError:
            log.warning("drawn_not_kept")
