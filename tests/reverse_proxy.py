"""One origin before the application and `wxbot live`, as nginx of deploy/ makes it; a visitor may lose the network."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading

from wxbot.simulator.hall_wall import split_head
from wxbot.simulator.proxy import pass_on

PATIENCE_S = 60.0


class Forwarded(socketserver.BaseRequestHandler):
    """One connection: one request and its answer; a stream or a socket stays open."""

    server: ReverseProxy
    request: socket.socket

    def handle(self) -> None:
        """Hand the request on by its path, then bytes both ways until one side ends, or its visitor has no network."""
        self.request.settimeout(PATIENCE_S)
        with contextlib.suppress(OSError):
            head, rest = split_head(self.request)
            if not head:
                return
            if self.server.is_cut(head):
                return
            lines = head.split(b"\r\n")
            is_socket = any(line.lower() == b"upgrade: websocket" for line in lines)
            if not is_socket:
                lines = [line for line in lines if not line.lower().startswith(b"connection:")] + [b"Connection: close"]
            port = self.server.live_port if lines[0].split(b" ")[1].startswith(b"/live/") else self.server.web_port
            with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as other:
                other.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + rest)
                pass_on(self.request, other, lambda: not self.server.is_cut(head))


class ReverseProxy(socketserver.ThreadingTCPServer):
    """/live/ is `live`'s and everything else the application's."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, web_port: int) -> None:
        super().__init__(("127.0.0.1", 0), Forwarded)
        self.web_port, self.live_port = web_port, 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._lost: tuple[bytes, ...] = ()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def cut(self, *of: bytes) -> None:
        """Whoever says one of these in the head of a request has no network from now on: open connections end, new ones get no answer."""
        self._lost = of

    def mend(self) -> None:
        """Everybody has network again."""
        self._lost = ()

    def is_cut(self, head: bytes) -> bool:
        """Whether who sent this head has no network."""
        return any(word in head for word in self._lost)

    def __enter__(self) -> ReverseProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
