"""Draws that need no thread of their own: those of one moment are looked up in one trip to Redis and answered by who commits them.

The server's thread of connections reads such a request to its last byte and brings it here (`front`); one thread takes all that
have come, asks the draw door about each, asks Redis once for all, and puts them among those who wait for the next commit.
Whoever would have to wait for anything but these two goes on in a thread of the server. What is answered, counted and
written is the door's (`door.ask`, `admit.judge`, `door.told`), whichever way a request takes.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.utils import formatdate
from functools import partial
from typing import Any

from wxbot import headers
from wxbot.draws import admit
from wxbot.draws.admission import Admission, Booked
from wxbot.draws.admission_writer import ANSWER_WAIT_S, Waiter, end_behind
from wxbot.draws.door import BROKEN, HEADERS, REASONS, DrawAsked, DrawDoor, DrawResponse, or_broken
from wxbot.draws.draw_state import draw_state_of
from wxbot.draws.plain_draw import PlainDraw, environ_of
from wxbot.logs import get_logger
from wxbot.runtime import Runtime
from wxbot.settings import Settings

log = get_logger(__name__)

Elsewhere = Callable[[Callable[[], None]], Any]
"""Has something done by a thread that may wait."""


class TakenDraw:
    """One request that was taken, and how its answer gets out; it is answered once."""

    __slots__ = ("_answer", "_lock", "asked", "began", "environ")

    def __init__(self, environ: dict[str, Any], answer: Callable[[bytes], None]) -> None:
        self.environ = environ
        self.asked: DrawAsked | None = None
        self.began = time.monotonic()
        self._answer = answer
        self._lock = threading.Lock()

    def answer(self, whole: bytes) -> None:
        """Send the answer, unless one was sent."""
        if self._lock.acquire(blocking=False):
            self._answer(whole)

    @property
    def is_answered(self) -> bool:
        """Whether an answer was sent."""
        return self._lock.locked()

    @property
    def is_late(self) -> bool:
        """Whether nobody may wait for it any longer."""
        return time.monotonic() - self.began > ANSWER_WAIT_S


class StraightDraws:
    """The straight way of one process."""

    def __init__(
        self,
        runtime: Runtime,
        door: DrawDoor,
        reads: Callable[[dict[str, Any]], dict[str, Any] | None],
        tells_slow: Callable[[dict[str, Any], float], None],
    ) -> None:
        """`reads`: a request as the gate in front of the door lets it through, or None; `tells_slow` hears how long each took."""
        self._runtime, self._door, self._reads, self._tells_slow = runtime, door, reads, tells_slow
        self._spoken = _Spoken(runtime.settings)
        self._waiting: queue.SimpleQueue[tuple[Sequence[TakenDraw], Elsewhere] | None] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        runtime.at_close(self._end)

    def is_expecting(self) -> bool:
        """Whether draws are to be expected at all."""
        return draw_state_of(self._runtime).snapshots.is_anyone_drawing()

    def taken(self, draw: PlainDraw, client: Any, answer: Callable[[bytes], None]) -> TakenDraw | None:
        """The request as it goes this way, or None when it is for a thread; `client` as its socket names the other end."""
        if not draw_state_of(self._runtime).snapshots.is_drawn_from(draw.slug.decode()):
            return None
        try:
            environ = environ_of(draw, client)
            read = self._reads(environ) if environ is not None else None
        except Exception:  # the server's only thread for connections must outlive any surprise
            log.exception("draw_broken")
            return None
        return TakenDraw(read, answer) if read is not None else None

    def decide(self, taken: Sequence[TakenDraw], elsewhere: Elsewhere) -> None:
        """Have these decided and answered, by other threads."""
        if self._thread is None:
            self._start()
        self._waiting.put((taken, elsewhere))

    def give_up(self, taken: TakenDraw) -> None:
        """Answer somebody for whom there was no commit in time: the same nonce asks again."""
        if taken.asked is None:
            self._tell(taken, BROKEN)
        else:
            self._booked(taken, taken.asked, None, TimeoutError("the draw was not written in time"))

    def _start(self) -> None:
        with self._guard:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="straight-draws", daemon=True)
                self._thread.start()

    def _end(self) -> None:
        end_behind(self._thread, self._waiting)
        self._thread = None

    def _run(self) -> None:
        while (together := self._all_that_wait()) is not None:
            taken, elsewhere = together
            try:
                self._look(taken, elsewhere)
            except Exception:  # the thread must outlive any surprise; everybody is told
                log.exception("draw_broken")
                for each in taken:
                    self._tell(each, BROKEN)

    def _all_that_wait(self) -> tuple[list[TakenDraw], Elsewhere] | None:
        """Those of several rounds together: asked for one after the other they would wait for a Redis that hangs as often. None: the end."""
        first = self._waiting.get()
        if first is None:
            return None
        together = list(first[0])
        with suppress(queue.Empty):
            while (more := self._waiting.get_nowait()) is not None:
                together += more[0]
            self._waiting.put(None)
        return together, first[1]

    def _look(self, taken: Sequence[TakenDraw], elsewhere: Elsewhere) -> None:
        draw_state = draw_state_of(self._runtime)
        going: list[tuple[TakenDraw, DrawAsked]] = []
        for each in taken:
            asked = or_broken(self._door.ask, each.environ)
            if isinstance(asked, DrawResponse):
                self._tell(each, asked)
            else:
                each.asked = asked
                going.append((each, asked))
        if not going:
            return
        waiters = []
        for (each, asked), seen in zip(
            going, admit.look(draw_state, [asked.asking for _, asked in going]), strict=True
        ):
            if admit.asks_others(asked.asking, seen):
                elsewhere(partial(self._decide_alone, each, asked, seen))
                continue
            found = or_broken(self._judge, asked, seen)
            if isinstance(found, Admission):
                waiters.append(Waiter(found, partial(self._booked, each, asked)))
            else:
                self._tell(each, found)
        draw_state.bookings.queue(waiters)

    def _judge(self, asked: DrawAsked, seen: admit.GateState) -> Admission | DrawResponse:
        found = admit.judge(self._runtime, asked.asking, seen)
        return found if isinstance(found, Admission) else self._door.told(asked, found)

    def _decide_alone(self, taken: TakenDraw, asked: DrawAsked, seen: admit.GateState) -> None:
        """In a thread that may wait."""
        self._tell(taken, or_broken(self._door.decide, asked, seen))

    def _booked(self, taken: TakenDraw, asked: DrawAsked, booked: Booked | None, error: Exception | None) -> None:
        """In the thread that commits, or the server's of connections."""
        if not taken.is_answered:  # else it was given up, and counted as that
            self._tell(taken, or_broken(self._say_booked, asked, booked, error))

    def _say_booked(self, asked: DrawAsked, booked: Booked | None, error: Exception | None) -> DrawResponse:
        decision = admit.decided(booked) if booked is not None else admit.not_booked(asked.asking, error)
        return self._door.told(asked, decision)

    def _tell(self, taken: TakenDraw, answer: DrawResponse) -> None:
        taken.answer(self._spoken.whole(answer))
        self._tells_slow(taken.environ, time.monotonic() - taken.began)


class _Spoken:
    """Answers as a thread of gunicorn would write them, on a connection that is kept."""

    def __init__(self, settings: Settings) -> None:
        own = "".join(f"{name}: {value}\r\n" for name, value in HEADERS)
        fixed = "".join(f"{name}: {value}\r\n" for name, value in headers.of_every_answer(settings))
        self._before = {
            status: f"HTTP/1.1 {reason}\r\nServer: gunicorn\r\nDate: ".encode() for status, reason in REASONS.items()
        }
        self._between = f"\r\nConnection: keep-alive\r\n{own}Content-Length: %d\r\n{fixed}\r\n".encode()
        self._date: tuple[int, bytes] = (0, b"")

    def whole(self, answer: DrawResponse) -> bytes:
        """Head and body."""
        second, date = self._date
        if second != (now := int(time.monotonic())):
            date = formatdate(usegmt=True).encode()
            self._date = now, date
        return b"".join((self._before[answer.status], date, self._between % len(answer.body), answer.body))
