"""A crowd that comes faster than it can be decided waits on its phones: each is told when to come again, and is let in then.

Who waits inside the server holds a connection and makes everybody behind wait longer; who is told a moment costs a few
microseconds. The server asks this line, for each request that it has read and no thread is free for, whether it is a draw to be turned
away, and with which bytes: no thread, no Flask, no Redis and no database take part. A place in the line is a moment and a
signature over it and the session, which the page sends back; nothing is kept of anybody, and processes and machines know nothing of
each other's lines. As long as there is room nobody is turned away, whoever stands in a line.
"""

import hmac
import math
import random
import re
import time

from wxbot import headers, oauth
from wxbot.draws.door import HEADERS, REASONS, language
from wxbot.draws.outcomes import IN_LINE, Outcome
from wxbot.draws.plain_draw import PlainDraw
from wxbot.logs import get_logger
from wxbot.runtime import Runtime

log = get_logger(__name__)

ROOM_PER_THREAD, ROOM_WITH_PLACE = 6.0, 8.0
"""Requests in the process for each of its threads: below the first everybody is let in, below the second whoever's moment has come.

A draw needs no thread, and a commit is made by one process at a time and costs hardly more for sixty draws than for fifteen: too little
room makes many small ones, behind which the other processes wait, while the processor idles. A commit and the next one fit in.
"""

LEAST_S, MOST_S = 0.4, 20.0
"""How long a person is asked to wait. The most leaves a page token (60 s) good for a second and a third time."""

EARLY_S, GOOD_FOR_S = 0.25, 120.0
"""A place is good this much before its moment, and as long after it."""

FIRST_PACE = 1000.0
"""Draws a second that a process is believed to decide until it has been seen at it. Too many: some ask twice. Too few: it would idle."""

HASTE = 0.95
"""Places given for each draw that is decided. Who has just come fills what is left over; too many would ask twice."""

LOOK_EVERY_S, FORGET_AFTER_S, TELL_EVERY_S = 0.25, 2.0, 10.0

SETTLE_S = 1.5
"""Over about how long the pace is taken. Draws are answered a commit at a time, and a disk may be busy with others for a moment: who
is told to come by the pace of that moment waits on their phone while the process idles."""

_PLACE = re.compile(rb'"place": ?"([0-9a-f]{1,12})\.([0-9a-f]{32})"')
_LANGUAGES = re.compile(rb"\r\naccept-language:[ \t]*([!-~ ]*)\r\n")


class WaitingLine:
    """The line in front of one process. Asked by one thread; what it keeps are two moments and a pace."""

    def __init__(
        self, runtime: Runtime, room: float = ROOM_PER_THREAD, room_with_place: float = ROOM_WITH_PLACE
    ) -> None:
        self._runtime = runtime
        self.room, self.room_with_place = room, room_with_place
        self._session_cookie = oauth.session_cookie(runtime)
        self._answers = {each: _answer(runtime, each) for each in ("zh", "en")}
        self._pace, self._looked_at, self._finished = FIRST_PACE, -math.inf, 0
        self._end = self._end_of_returning = 0.0
        self._answered, self._told_at = 0, -math.inf

    def turned_away(self, draw: PlainDraw, crowding: float, finished: int) -> bytes | None:
        """The whole answer to a request that has to come again, or None when it shall be decided.

        `crowding`: requests in this process, at work or waiting, for each thread; `finished`: draws that it has answered so far.
        """
        try:
            return self._turned_away(draw, crowding, finished) if crowding >= self.room else None
        except Exception:  # the server's only thread for connections must outlive any surprise
            log.exception("waiting_line_broken")
            return None

    def _turned_away(self, draw: PlainDraw, crowding: float, finished: int) -> bytes | None:
        has_place = self._has_place(draw)
        if has_place and crowding < self.room_with_place:
            return None
        now = time.monotonic()
        self._look(now, finished)
        self._answered += 1
        wait_s = self._wait_s(now, is_returning=has_place)
        languages = _LANGUAGES.search(draw.small)
        before, after = self._answers[language(draw.query.decode(), languages[1].decode() if languages else "")]
        body = after % (wait_s, self._place(draw, wait_s).encode())
        return before % (math.ceil(wait_s), len(body)) + body

    # --- the pace ---------------------------------------------------------------------------------------------------

    def _look(self, now: float, finished: int) -> None:
        """How many draws a second are answered while nobody is idle."""
        took = now - self._looked_at
        if took < LOOK_EVERY_S:
            return
        if took < FORGET_AFTER_S:
            seen = max(1.0, (finished - self._finished) / took)
            self._pace += (seen - self._pace) * -math.expm1(-took / SETTLE_S)
        self._looked_at, self._finished = now, finished
        if now - self._told_at > TELL_EVERY_S:
            log.warning(
                "crowd",
                turned_away=self._answered,
                decided_per_s=round(self._pace),
                wait_s=round(max(0.0, self._end - now), 1),
            )
            self._answered, self._told_at = 0, now

    def _wait_s(self, now: float, *, is_returning: bool) -> float:
        """How long until the next free moment: behind all who wait; of who has waited already, behind those alone."""
        step = 1 / (self._pace * HASTE)
        if is_returning:
            at = self._end_of_returning = max(self._end_of_returning, now + LEAST_S) + step
            self._end_of_returning = min(self._end_of_returning, now + MOST_S)
        else:
            at = self._end = max(self._end, self._end_of_returning, now + LEAST_S) + step
            self._end = min(self._end, now + MOST_S)
        wait_s = at - now
        return wait_s if wait_s <= MOST_S else random.uniform(MOST_S / 2, MOST_S)  # noqa: S311 - spreads a crowd

    # --- places -----------------------------------------------------------------------------------------------------

    def _place(self, draw: PlainDraw, wait_s: float) -> str:
        moment = f"{int((self._runtime.clock.unix() + wait_s) * 1000):x}"
        return f"{moment}.{self._signature(draw, moment)}"

    def _has_place(self, draw: PlainDraw) -> bool:
        found = _PLACE.search(draw.body)
        if found is None:
            return False
        moment = found[1].decode()
        late_s = self._runtime.clock.unix() - int(moment, 16) / 1000
        if not -EARLY_S <= late_s <= GOOD_FOR_S or not draw.cookie(self._session_cookie):  # nobody's place is anybody's
            return False
        return hmac.compare_digest(found[2].decode(), self._signature(draw, moment))

    def _signature(self, draw: PlainDraw, moment: str) -> str:
        """Over the moment and whose it is: a place that many share would be none."""
        return oauth.signature(self._runtime, "place", f"{draw.cookie(self._session_cookie)}|{moment}")


def _answer(runtime: Runtime, spoken: str) -> tuple[bytes, bytes]:
    """Head and body of the answer in a language, with gaps for seconds, length and place: as the draw door and the Gate give them."""
    title, text = (each.within(spoken) for each in IN_LINE)
    said = [f"{name}: {value}" for name, value in (*HEADERS, *headers.of_every_answer(runtime.settings))]
    head = [f"HTTP/1.1 {REASONS[503]}", "Retry-After: %d", "Content-Length: %d", *said, "", ""]
    body = f'{{"outcome": "{Outcome.TRY_AGAIN}", "title": "{title}", "text": "{text}", "wait_s": %.2f, "place": "%s"}}'
    return "\r\n".join(head).encode(), body.encode()
