"""A proxy for programs whose addresses cannot be changed: WeChat's hosts lead to the simulator, every other is refused.

`HTTPS_PROXY=http://127.0.0.1:9001` and the simulator's CA are all that such a program needs. Nothing that goes through it
can reach the real WeChat, or anything else outside.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import socketserver
import threading
from collections.abc import Callable

from wxbot.simulator.hosts import is_of_wechat

HEAD_BYTES = 64 * 1024
PIECE_BYTES = 64 * 1024
PATIENCE_S = 60.0
LOOK_S = 0.5
"""So often somebody asks whether a silent connection is still open."""
LINGER_S, LINGER_BYTES = 2.0, 1024 * 1024
"""How long whoever is refused may be silent, and how much they may still send."""

CONNECT = re.compile(rb"CONNECT ([^\s:]+):\d+ HTTP/1\.[01]\r\n")
PLAIN = re.compile(rb"([A-Z]+) http://([^\s/:]+)(?::\d+)?(/[^\s]*)? (HTTP/1\.[01])\r\n")
REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nthe simulator's proxy knows WeChat's hosts only\n"
OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Tunnel(socketserver.BaseRequestHandler):
    """One connection of a program: its head says where to, then bytes go both ways until one side has ended."""

    server: Proxy
    request: socket.socket

    def handle(self) -> None:
        self.request.settimeout(PATIENCE_S)
        with contextlib.suppress(OSError):
            head = self.head()
            connect, plain = CONNECT.match(head), PLAIN.match(head)
            found = connect or plain
            host = (connect[1] if connect else plain[2] if plain else b"").decode("latin-1")
            if found is None or not is_of_wechat(host):
                self.refuse()
                return
            port = self.server.https_port if connect else self.server.http_port
            with socket.create_connection((self.server.target, port), PATIENCE_S) as other:
                if plain:
                    line = b"%s %s %s\r\n" % (plain[1], plain[3] or b"/", plain[4])
                    # One call a connection, so that a second one cannot name another host unseen.
                    other.sendall(line + b"Connection: close\r\n" + without_connection(head[plain.end() :]))
                else:
                    self.request.sendall(OPENED)
                pass_on(self.request, other)

    def refuse(self) -> None:
        """Say so, and read what is still being sent: an end with unread bytes resets the connection, and the answer is lost with it."""
        self.request.sendall(REFUSAL)
        self.request.shutdown(socket.SHUT_WR)
        self.request.settimeout(LINGER_S)
        unread = LINGER_BYTES
        while unread > 0 and (piece := self.request.recv(PIECE_BYTES)):
            unread -= len(piece)

    def head(self) -> bytes:
        """The request's first line and headers, and what came with them."""
        found = b""
        while b"\r\n\r\n" not in found and len(found) < HEAD_BYTES:
            piece = self.request.recv(PIECE_BYTES)
            if not piece:
                break
            found += piece
        return found


def without_connection(rest: bytes) -> bytes:
    """Headers and body without the program's own word on how long the connection lasts."""
    headers, end, body = rest.partition(b"\r\n\r\n")
    kept = [line for line in headers.split(b"\r\n") if not re.match(rb"(?i)(proxy-)?connection:", line)]
    return b"\r\n".join(kept) + end + body


def pass_on(one: socket.socket, other: socket.socket, is_open: Callable[[], bool] | None = None) -> None:
    """Bytes both ways until one side ends, or both are silent for `PATIENCE_S`; with `is_open` for as long as that says so, silent or not."""
    to = {one: other, other: one}
    while is_open is None or is_open():
        ready, _, _ = select.select(list(to), [], [], PATIENCE_S if is_open is None else LOOK_S)
        if not ready and is_open is None:
            return
        for side in ready:
            piece = side.recv(PIECE_BYTES)
            if not piece:
                return
            to[side].sendall(piece)


class Proxy(socketserver.ThreadingTCPServer):
    """A running proxy. Raises OSError when the port is taken."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, host: str, port: int, target: str, http_port: int, https_port: int) -> None:
        self.target, self.http_port, self.https_port = target.strip("[]"), http_port, https_port
        super().__init__((host, port), Tunnel)
        threading.Thread(target=self.serve_forever, args=(0.1,), name="simulator-proxy", daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A program that goes away is nothing to report."""
