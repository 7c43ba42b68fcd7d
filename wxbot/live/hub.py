"""The open streams of this process, by hall: each is told the newest state, and never more than that.

There is no queue. A stream remembers what it was told last; whoever reads slowly is told the newest when it has read what is on
its way, so a thousand phones in a tunnel cost no memory.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, NamedTuple

from wxbot.hall.wire import for_phones, without_hidden
from wxbot.live.straight import chunk
from wxbot.logs import get_logger

log = get_logger(__name__)

PING_S = 10
"""How often something is said on a stream, so that proxies keep it and phones know that it lives."""

Audience = Literal["screen", "phone"]
"""A screen is told everything public and the ranks of a race, a phone what `for_phones` leaves of it."""

PING = b"event: ping\ndata: {}\n\n"
"""An event and no comment: pages do not see comments, and shall know that the stream lives."""

PING_CHUNK = chunk(PING)


class Event(NamedTuple):
    """One thing that is said, in each way of saying it; made once for all who are told."""

    number: int
    """Grows with each event of a hall in this process."""
    v: int
    sse: bytes
    chunk: bytes
    """The same as it goes over the wire."""
    text: str
    """For a WebSocket."""


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Room:
    """What is known of one hall, and who listens."""

    def __init__(self, slug: str) -> None:
        self.slug = slug
        self.state: Mapping[str, Any] = {}
        self.for_phones: Mapping[str, Any] = {}
        self.events: dict[Audience, Event] = {}
        self.ranks: Event | None = None
        self.streams: set[Stream] = set()
        self._numbers = 0
        self._ranks: Mapping[str, Any] | None = None
        """As they were said, with the names of whoever is hidden."""

    def tell_state(self, state: Mapping[str, Any]) -> bool:
        """Take over a new state and wake whom it concerns; says whether phones see a difference."""
        v = int(state.get("v", 0))
        is_other_wall = self.state.get("hidden") != state.get("hidden")
        self.state = state
        self.events["screen"] = self._event("state", v, state)
        seen = for_phones(state)
        is_new = {**self.for_phones, "v": 0} != {**seen, "v": 0}
        if is_new:
            self.for_phones = {"v": v, **seen}
            self.events["phone"] = self._event("state", v, self.for_phones)
        for stream in self.streams:
            if is_new or stream.audience == "screen":
                stream.wake()
        if is_other_wall and self._ranks is not None:
            self.tell_ranks(self._ranks)
        return is_new

    def tell_ranks(self, ranks: Mapping[str, Any]) -> None:
        """Take over new ranks and wake the screens; nobody whom the host has hidden is named, wherever the name came from.

        Phones are not told: each has its own place in its answers, and two thousand lists of thirty in one moment hold up every
        answer of that moment.
        """
        self._ranks = ranks
        self.ranks = self._event("ranks", None, without_hidden(ranks, self.state))
        for stream in self.streams:
            if stream.audience == "screen":
                stream.wake()

    def _event(self, name: str, v: int | None, value: Mapping[str, Any]) -> Event:
        self._numbers += 1
        said = _compact(value)
        mark = "" if v is None else f"id: {v}\n"
        sse = f"{mark}event: {name}\ndata: {said}\n\n".encode()
        return Event(self._numbers, v or 0, sse, chunk(sse), f'{{"{name}":{said}}}')


class Stream:
    """One open stream. `send` gives an event to the connection and returns when there is room for the next one; `write` does so at once,
    where there is room and the connection can (`live/straight`), and says whether it has.
    """

    def __init__(
        self,
        room: Room,
        audience: Audience,
        person: str,
        send: Callable[[Event | None], Awaitable[None]],
        *,
        write: Callable[[bytes], bool] | None = None,
        is_socket: bool = False,
    ) -> None:
        self.room, self.audience, self.person, self.is_socket = room, audience, person, is_socket
        self._send, self._write = send, write
        self._told_state = self._told_ranks = 0
        self._is_ping_due = False
        self._pushing: asyncio.Task[None] | None = None
        self.task = asyncio.current_task()
        """The connection's own task, cancelled when this process leaves."""

    def knows(self, v: int) -> None:
        """The other end has seen the state `v` already (Last-Event-ID); it is told what is newer."""
        event = self.room.events.get(self.audience)
        if event is not None and event.v == v:
            self._told_state = event.number
            self._is_ping_due = True  # so that it hears at once that it is up to date

    def ping(self) -> None:
        """Say something, whatever it is."""
        self._is_ping_due = True
        self.wake()

    def wake(self) -> None:
        """Say what there is to say, unless that is being done already: at once, or in a task that waits for room."""
        if self._pushing is None and not self._said_at_once():
            self._pushing = asyncio.get_running_loop().create_task(self._push())

    def _said_at_once(self) -> bool:
        if self._write is None:
            return False
        told = self._told_state, self._told_ranks
        while (event := self._next()) is not None or self._is_ping_due:
            if not self._write(PING_CHUNK if event is None else event.chunk):
                self._told_state, self._told_ranks = told
                return False
            told = self._told_state, self._told_ranks
            self._is_ping_due = False
        return True

    def _next(self) -> Event | None:
        state = self.room.events.get(self.audience)
        ranks = self.room.ranks if self.audience == "screen" else None
        if state is not None and state.number != self._told_state:
            self._told_state = state.number
            return state
        if ranks is not None and ranks.number != self._told_ranks:
            self._told_ranks = ranks.number
            return ranks
        return None

    async def _push(self) -> None:
        try:
            while (event := self._next()) is not None or self._is_ping_due:
                self._is_ping_due = False
                await self._send(event)
        except Exception as error:  # the connection is gone, in one of many ways; its own task sees that too
            log.debug("stream_lost", reason=type(error).__name__)
        finally:
            self._pushing = None


class Hub:
    """All halls and streams of one process."""

    def __init__(self, most: int) -> None:
        self.rooms: dict[str, Room] = {}
        self.most = most
        """Streams that are open at once; more are sent to the polling fallback."""
        self.streams: set[Stream] = set()
        self.is_leaving = False
        self._of_person: Counter[str] = Counter()

    def room(self, slug: str) -> Room:
        """What is known of a hall."""
        if slug not in self.rooms:
            self.rooms[slug] = Room(slug)
        return self.rooms[slug]

    @property
    def is_full(self) -> bool:
        """Whether no more streams are taken."""
        return self.is_leaving or len(self.streams) >= self.most

    def open_of(self, person: str) -> int:
        """How many streams one person has open."""
        return self._of_person[person]

    def enter(self, stream: Stream) -> None:
        """A stream begins; what is known is told at once."""
        self.streams.add(stream)
        stream.room.streams.add(stream)
        self._of_person[stream.person] += 1
        stream.wake()

    def leave(self, stream: Stream) -> None:
        """A stream ended."""
        self.streams.discard(stream)
        stream.room.streams.discard(stream)
        self._of_person[stream.person] -= 1
        if not self._of_person[stream.person]:
            del self._of_person[stream.person]

    async def keep_alive(self) -> None:
        """Ping every stream once in PING_S, some of them each second so that it is no burst."""
        second = 0
        while True:
            await asyncio.sleep(1)
            second = (second + 1) % PING_S
            for place, stream in enumerate(list(self.streams)):
                if place % PING_S == second:
                    stream.ping()

    def end_all(self) -> None:
        """This process leaves: every stream ends in good order, and comes back elsewhere after its own while."""
        self.is_leaving = True
        for stream in list(self.streams):
            if stream.task is not None:
                stream.task.cancel()
