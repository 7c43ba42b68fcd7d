"""Once-only answers to WeChat's callbacks: a repeat of a message gets the same bytes again and runs nothing.

This is the quick guard, in Redis and for minutes. It may be emptied or unreachable at any time: then messages run
again, and the unique keys of what they write keep them from counting twice (money I11, I18).
"""

import hashlib
import os
import threading
import time
from collections.abc import Sequence
from enum import Enum
from typing import Any

import hiredis
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from wxbot import logs
from wxbot.wechat.errors import BadMessage
from wxbot.wechat.messages import Message

REDIS_S = 0.5
"""How long one Redis call may take; the person in the chat waits for it."""

REST_S = 3.0
"""How long Redis is left alone after it failed, so that a dead one does not slow down every message."""

KEEP_S = 900
"""How long answers are kept: longer than a captured request stays valid (±300 s, security S02)."""

PENDING_S = 5
"""How long a claim lasts whose process died; WeChat's next attempt comes 5 s after the first (wechat-protocol §5.4)."""

LOOK_AGAIN_S = 0.05
PENDING = b"?"

TALKING_KEY = "wxbot:dialogues"
"""Redis set of everybody in a dialogue, and WHOLE while nobody is missing in it. A hint: what it does not know, SQL does."""

WHOLE = "*"
TALKING_KEEP_S = 60
"""How long a set made from SQL is believed: a Redis that came back with an old copy must not hide a dialogue for long."""

_FORGED_NONCE = 2
_MAYBE_TALKING = 3
_IS_TALKING = 4

_FIRST_ANSWER = """
if ARGV[1] ~= '' then
  local body = redis.call('GET', KEYS[1])
  if body and body ~= ARGV[1] then return {2, ''} end
  if not body then redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[4]) end
end
local known = redis.call('GET', KEYS[2])
if known then return {1, known} end
if ARGV[6] ~= '' then
  if redis.call('SISMEMBER', KEYS[4], ARGV[6]) == 1 then return {4, ''} end
  if redis.call('SISMEMBER', KEYS[4], '*') == 0 then return {3, ''} end
end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
if redis.call('HINCRBY', KEYS[3], ARGV[5], 1) == 1 then redis.call('EXPIRE', KEYS[3], 172800) end
return {0, ''}
"""
"""One round trip: the nonce belongs to one body, the first answer stays, and each message is counted once.

KEYS: nonce, message, counts, who is in a dialogue. ARGV: digest of the body or '' when the body is signed, answer,
seconds to keep the answer, seconds to keep the nonce, name to count, openid or ''. With an openid nothing is kept or
counted when that person is in a dialogue (4) or nobody knows (3): then the dialogue answers.
"""

_FIRST_ANSWER_SHA = hashlib.sha1(_FIRST_ANSWER.encode(), usedforsecurity=False).hexdigest()

_NOTE_ALL = """
for place = 2, #ARGV do redis.call('SADD', KEYS[1], ARGV[place]) end
redis.call('EXPIRE', KEYS[1], ARGV[1])
"""
"""All at once, so that a set that calls itself whole is whole, and never lives longer than it is believed."""

log = logs.get_logger(__name__)


class Claimed(Enum):
    """What `claim` found: the message is ours to run, or another process is still at it."""

    OURS = "ours"
    BUSY = "busy"


class Talk(Enum):
    """Instead of an answer: the person is in a dialogue, only SQL can tell, or a dialogue is at this very message."""

    YES = "yes"
    MAYBE = "maybe"
    BUSY = "busy"


_pack: Any = hiredis.pack_command
"""hiredis' annotation allows a tuple of one only."""


class _Trip:
    """What one caller asks, and what came back. `woken` is held by who waits: for the answers, or to carry the next ones."""

    __slots__ = ("answers", "asked", "error", "is_over", "packed", "woken")

    def __init__(self, packed: bytes, asked: int) -> None:
        self.packed, self.asked = packed, asked
        self.answers: list[Any] = []
        self.error: Exception | None = None
        self.is_over = False
        self.woken: threading.Lock | None = None


class _Queue:
    """The connection of one process and who waits for it. Whoever finds it free carries what all others have brought meanwhile."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.guard = threading.Lock()
        self.waiting: list[_Trip] = []
        self.is_busy = False
        self.connection: Any = None


class RedisConnection:
    """One connection to Redis per process, used without redis-py's client: that costs twice as much as the call itself.

    Commands of one moment travel together: what threads ask while an answer is on its way goes out in one piece when it has
    come, so that a crowd costs a few system calls and not two for each. Someone alone waits for nobody.
    """

    def __init__(self, redis_url: str) -> None:
        self._pool: Any = redis.ConnectionPool.from_url(
            redis_url, socket_timeout=REDIS_S, socket_connect_timeout=REDIS_S, retry=Retry(NoBackoff(), 0)
        )
        self._queue = _Queue()

    def call(self, *command: str | bytes | int) -> Any:
        """Send one command and read its answer; raises redis.RedisError.

        A connection from before a restart of Redis, or of a fork, is replaced once without a word.
        """
        return self.call_all(command)[0]

    def call_all(self, *commands: Sequence[str | bytes | int]) -> list[Any]:
        """Send some commands in one piece and read the answer of each; raises redis.RedisError, also for one that was refused."""
        queue = self._queue
        if queue.pid != os.getpid():  # forked: what is on its way belongs to the parent
            queue = self._queue = _Queue()
        # redis-py looks at each argument first, for twice the time
        trip = _Trip(b"".join([_pack(command) for command in commands]), len(commands))
        with queue.guard:
            queue.waiting.append(trip)
            is_carrying = not queue.is_busy
            if is_carrying:
                queue.is_busy = True
            else:
                trip.woken = threading.Lock()
                trip.woken.acquire()
        if trip.woken is not None:
            trip.woken.acquire()
            is_carrying = not trip.is_over
        if is_carrying:
            self._carry(queue)
        if trip.error is not None:
            raise trip.error
        return trip.answers

    def _carry(self, queue: _Queue) -> None:
        """Ask for all who wait at this moment, then call on the first of those who have come since."""
        with queue.guard:
            trips, queue.waiting = queue.waiting, []
        is_lost = True
        try:
            is_lost = not self._travel(queue, trips)
        finally:
            with queue.guard:
                if is_lost:  # who came meanwhile would ask the same dead Redis
                    trips, queue.waiting = trips + queue.waiting, []
                following = queue.waiting[0] if queue.waiting else None
                queue.is_busy = following is not None
            if following is not None and following.woken is not None:
                following.woken.release()
            for trip in trips:
                if not trip.is_over:
                    trip.is_over, trip.error = True, redis.ConnectionError("Redis did not answer")
                if trip.woken is not None:
                    trip.woken.release()

    def _travel(self, queue: _Queue, trips: Sequence[_Trip]) -> bool:
        """Send all and read all answers; False when some did not come."""
        is_used = queue.connection is not None
        if self._once(queue, trips):
            return True
        return is_used and self._once(queue, [trip for trip in trips if not trip.is_over])

    def _once(self, queue: _Queue, trips: Sequence[_Trip]) -> bool:
        try:
            if queue.connection is None:
                queue.connection = self._pool.make_connection()
                queue.connection.connect()
            queue.connection.send_packed_command((b"".join([trip.packed for trip in trips]),), check_health=False)
            for trip in trips:
                trip.answers, trip.error = [], None
                for _ in range(trip.asked):
                    try:
                        trip.answers.append(queue.connection.read_response())
                    except redis.ResponseError as error:
                        trip.error = error
                trip.is_over = True
        except (redis.RedisError, OSError) as error:
            log.debug("redis_connection_lost", error=type(error).__name__)
            self._drop(queue)
            return False
        except BaseException:  # answers that were not read would be taken for those of the next
            self._drop(queue)
            raise
        return True

    @staticmethod
    def _drop(queue: _Queue) -> None:
        connection, queue.connection = queue.connection, None
        if connection is not None:
            connection.disconnect()

    def close(self) -> None:
        """Close the connection, unless somebody is on the way with it."""
        with self._queue.guard:
            if not self._queue.is_busy:
                self._drop(self._queue)


class OnceOnly:
    """Remembers answers by message. Every method does without Redis when it must."""

    def __init__(self, redis_url: str) -> None:
        self._line = RedisConnection(redis_url)
        self._resting_until = 0.0

    def first_answer(self, message: Message, sealed: bytes) -> bytes:
        """The bytes to answer with: these, or those of an earlier delivery. BadMessage for a nonce with two bodies."""
        state, known = self._ask(message, sealed, KEEP_S) or (0, b"")
        if state == _FORGED_NONCE:
            raise BadMessage("nonce used for another body")
        return bytes(known) if state and known != PENDING else sealed

    def first_answer_unless_talking(self, message: Message, sealed: bytes) -> bytes | Talk:
        """Like first_answer for somebody in no dialogue; a Talk, and nothing kept, when a dialogue may be open."""
        state, known = self._ask(message, sealed, KEEP_S, message.openid) or (_MAYBE_TALKING, b"")
        if state == _FORGED_NONCE:
            raise BadMessage("nonce used for another body")
        if state == _MAYBE_TALKING:
            return Talk.MAYBE
        if state == _IS_TALKING:
            return Talk.YES
        if known == PENDING:
            return Talk.BUSY
        return bytes(known) if state else sealed

    def note_talking(self, openid: str) -> None:
        """This person is in a dialogue, or is about to be: said before the row is written and after."""
        self._try("SADD", TALKING_KEY, openid)

    def note_all_talking(self, openids: Sequence[str]) -> None:
        """Everybody who is in a dialogue, as SQL knows it: from now on, who is not in the set is in none."""
        self._try("EVAL", _NOTE_ALL, 1, TALKING_KEY, TALKING_KEEP_S, WHOLE, *openids)

    def claim(self, message: Message, deadline: float) -> bytes | Claimed:
        """Before rows are written: the answer of an earlier delivery, or OURS, or BUSY when another one does not end.

        Waits for the other one until `deadline` (time.monotonic). BadMessage for a nonce with two bodies.
        """
        while True:
            state, known = self._ask(message, PENDING, PENDING_S) or (0, b"")
            if state == _FORGED_NONCE:
                raise BadMessage("nonce used for another body")
            if state == 0:
                return Claimed.OURS
            if known != PENDING:
                return bytes(known)
            if time.monotonic() + LOOK_AGAIN_S > deadline:
                return Claimed.BUSY
            time.sleep(LOOK_AGAIN_S)

    def keep(self, message: Message, sealed: bytes) -> None:
        """After the rows are written: the answer for every later delivery."""
        self._try("SET", _message_key(message), sealed, "EX", KEEP_S)

    def release(self, message: Message) -> None:
        """The rows could not be written: the next delivery shall try again."""
        self._try("DEL", _message_key(message))

    def close(self) -> None:
        """Close the connection."""
        self._line.close()

    def _ask(self, message: Message, answer: bytes, keep_s: int, openid: str = "") -> Any:
        """One round trip of the script; None when Redis cannot be asked."""
        envelope = message.envelope
        digest = "" if envelope.is_encrypted else envelope.body_digest
        arguments = (
            4,
            f"wxbot:callback:nonce:{envelope.timestamp}:{envelope.nonce}",
            _message_key(message),
            f"wxbot:callback:counts:{int(message.created_at.timestamp()) // 3600}",
            TALKING_KEY,
            *(digest, answer, keep_s, KEEP_S, message.kind[:64], openid),
        )
        return self._try("EVALSHA", _FIRST_ANSWER_SHA, *arguments)

    def _try(self, *command: str | bytes | int) -> Any:
        if time.monotonic() < self._resting_until:
            return None
        try:
            answer = self._line.call(*command)
        except redis.exceptions.NoScriptError:  # Redis was emptied or restarted: give it the script again
            return self._try("EVAL", _FIRST_ANSWER, *command[2:])
        except redis.RedisError as error:
            self._resting_until = time.monotonic() + REST_S
            log.warning("once_only_without_redis", reason=type(error).__name__)
            return None
        if self._resting_until:
            self._resting_until = 0.0
            logs.worked(kind="redis")
        return answer


def _message_key(message: Message) -> str:
    return f"wxbot:callback:message:{message.dedupe_key}"
