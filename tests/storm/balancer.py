"""What stands in front of the boxes: each connection goes to the next one in turn, past those that refuse it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from wxbot.private_servers import free_port

CHUNK = 65_536


class Balancer:
    """A TCP balancer on loopback in a thread of its own. It looks at no bytes and knows nothing of health."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.port = free_port()
        self._ports = list(ports)
        self._turn = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="balancer", daemon=True)

    @property
    def url(self) -> str:
        """Where all boxes together are seen."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Balancer:
        """Listen."""
        self._thread.start()

        async def listen() -> None:
            self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port, backlog=512)

        self._run(listen())
        return self

    def stop(self) -> None:
        """Break off every connection and leave."""

        async def end_all() -> None:
            self._server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self._run(end_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until one side ends it."""
        box = await self._connect()
        try:
            if box is not None:
                both = [asyncio.ensure_future(_pump(reader, box[1])), asyncio.ensure_future(_pump(box[0], writer))]
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                for each in both:
                    each.cancel()
        finally:
            for end in (writer, *(box[1:] if box else ())):
                end.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in self._ports:
            self._turn += 1
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", self._ports[self._turn % len(self._ports)])
        return None


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await source.read(CHUNK):
            sink.write(chunk)
            await sink.drain()
