"""The web door as a proxy asks it: requests at moments of their own, over kept connections that they wait for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from bench_stage import BenchProblem, Web

LINES = 128
"""Connections that a proxy keeps to the web processes."""


class Line(asyncio.Protocol):
    """One kept connection to the web processes; one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._arrived = b""
        self._wanted = 0
        self._answer: asyncio.Future[bytes] | None = None
        self.is_closed = False
        """The server keeps no connection for ever."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """A piece of the answer."""
        self._arrived += data
        if not self._wanted and (end := self._arrived.find(b"\r\n\r\n")) >= 0:
            head = self._arrived[:end].lower()
            self._wanted = end + 4 + int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if self._wanted and len(self._arrived) >= self._wanted and self._answer is not None and not self._answer.done():
            self._answer.set_result(self._arrived)

    def connection_lost(self, error: Exception | None) -> None:
        """The server left."""
        self.is_closed = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server closed a connection"))

    async def ask(self, content: bytes) -> bytes:
        """Send one request; its answer."""
        assert self._transport is not None
        self._arrived, self._wanted = b"", 0
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(content)
        return await self._answer


class Proxy:
    """At most LINES kept connections, which requests wait for as they do at nginx. One is made when it is needed: the server gives a
    thread to whoever connects, and waits for what is said."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._free: list[Line] = []
        self._may = asyncio.Semaphore(LINES)

    async def ask(self, at: float, content: bytes) -> tuple[float, bytes]:
        """Send a request at its moment; after how many ms its answer was there, and the answer."""
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        async with self._may:
            line = self._free.pop() if self._free else None
            if line is None or line.is_closed:
                _, line = await asyncio.get_running_loop().create_connection(Line, *self._web.address)
            try:
                answer = await line.ask(content)
            except ConnectionError:  # it ended at this moment: nginx asks on the next one, too
                _, line = await asyncio.get_running_loop().create_connection(Line, *self._web.address)
                answer = await line.ask(content)
            self._free.append(line)
        return (time.monotonic() - at) * 1000, answer


def waits(answers: Sequence[tuple[float, bytes]], word: bytes) -> list[float]:
    """The waits in order, the shortest first; raises BenchProblem when an answer is not the one that is due."""
    wrong = [answer for _, answer in answers if word not in answer]
    if wrong:
        raise BenchProblem(f"{len(wrong)} of {len(answers)} answers were wrong: {wrong[0][:400]!r}")
    return sorted(ms for ms, _ in answers)
