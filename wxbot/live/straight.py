"""Events written straight to a connection: what two thousand streams are told at one moment is put into bytes once.

On its way through ASGI and h11 each event costs a task and a parcel of its own for every stream, three times what the kernel takes for it.
A stream of HTTP/1.1 is a chunked body (RFC 9112, 7.1), and a chunk may be written by whoever holds the transport, between those of h11,
which keeps no count of them.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

TRANSPORT = "wxbot.transport"
"""Under this name a request's `state` (ASGI) holds the transport of its connection."""


class StreamProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, which hands the connection's transport on to the application."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it, too
        """A connection was opened."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


def chunk(body: bytes) -> bytes:
    """A part of a chunked body as it goes over the wire."""
    return b"%x\r\n%b\r\n" % (len(body), body)


def straight(scope: Scope) -> Callable[[bytes], bool] | None:
    """How to write chunks to the connection of this request; None where its answer is not chunked, or another server holds it.

    What is returned says whether it has written: nothing while earlier bytes wait for the other end, who then waits as everybody does.
    """
    transport: Any = scope.get("state", {}).get(TRANSPORT)
    if transport is None or scope["method"] != "GET" or scope["http_version"] != "1.1":
        return None

    def write(data: bytes) -> bool:
        if transport.is_closing() or transport.get_write_buffer_size():
            return False
        transport.write(data)
        return True

    return write
