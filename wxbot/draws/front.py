"""What the server's thread of connections does with a request to draw before a thread has it: sent away at a full house
(`waiting_line`), or taken straight to the commit (`straight`). All else goes on to a thread with the bytes that were read.

The server is deploy/gunicorn.conf.py's Worker, which asks here. Its connections belong to its thread of connections, and so does
everything here but `_answer`: who answers sends, and leaves word in `_answered`.
"""

import ctypes
import errno
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from wxbot.draws.door import PATH
from wxbot.draws.plain_draw import PlainDraw, plain_draw
from wxbot.draws.straight import StraightDraws, TakenDraw
from wxbot.draws.waiting_line import WaitingLine

EARLY_BYTES = 8192
"""What is read at most of a request before a thread has it."""
SILENT_S = 5.0
"""How long whoever has connected may say nothing."""

LINGER_S = 1.0
"""How long a connection whose draw is answered is kept by a server that stops."""

libc = ctypes.PyDLL(None)
"""Calls that keep the interpreter. Python's own sockets let go of it for each; what never waits costs more to get it back in a crowd."""
libc.recv.argtypes = libc.send.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
libc.recv.restype = libc.send.restype = ctypes.c_ssize_t
_early = ctypes.create_string_buffer(EARLY_BYTES)


class _HeldConnection:
    """A connection whose draw is being decided. It stays where the server listens, until it speaks meanwhile."""

    __slots__ = ("conn", "has_spoken", "taken")

    def __init__(self, conn: Any) -> None:
        self.conn = conn
        self.has_spoken = False
        self.taken: TakenDraw | None = None


class Front:
    """The draws in front of the threads of one process."""

    def __init__(self, line: WaitingLine, straight: StraightDraws, worker: Any) -> None:
        self._line, self._straight, self._worker = line, straight, worker
        self._held: dict[Any, _HeldConnection] = {}
        self._fresh: list[TakenDraw] = []
        self._answered: deque[_HeldConnection] = deque()
        self._refusing_s = 0.0

    # --- connections --------------------------------------------------------------------------------------------------

    def is_crowded(self) -> bool:
        """Whether requests are read before a thread is free, and some told to come again."""
        worker = self._worker
        return bool(worker.inside >= self._line.room * worker.cfg.threads and worker.alive)

    @staticmethod
    def is_draw(method: str, path: str) -> bool:
        """Whether an answer counts for the pace at which places are given: pages and connections that merely end do not."""
        return method == "POST" and PATH.fullmatch(path) is not None

    def has_new(self, conn: Any) -> bool:
        """Whether a connection that a thread would get is seen to here."""
        if conn.parser is None and not conn.data_ready and self._worker.alive and self._is_silent(conn):
            self._wait_for(conn, self._worker.pending_conns, self._worker.on_pending_socket_readable)
            conn.timeout = time.monotonic() + SILENT_S
            return True
        if conn.sock.early or not self.is_crowded():
            return False
        draw = self._early_draw(conn)
        if draw is not None and self._is_turned_away(conn, draw):
            self._wait_for(conn, self._worker.keepalived_conns, self._worker.on_client_socket_readable)
            return True
        return False

    def _is_silent(self, conn: Any) -> bool:
        """Whether nothing has come on a new connection: in a thread of its own it would be waited for."""
        conn.data_ready = libc.recv(conn.sock.fileno(), _early, 1, socket.MSG_PEEK | socket.MSG_DONTWAIT) >= 0
        return not conn.data_ready

    def has_kept(self, conn: Any) -> bool:
        """Whether a kept connection that has something to read is seen to here."""
        if (held := self._held.get(conn)) is not None and not self._is_free(held):
            return True
        worker, is_crowded, may_take = self._worker, self.is_crowded(), self._may_take()
        draw = self._early_draw(conn) if is_crowded or may_take else None
        if draw is None:
            return False
        if is_crowded and self._is_turned_away(conn, draw):
            worker.keepalived_conns.remove(conn)
            conn.set_timeout()
            worker.keepalived_conns.append(conn)
            return True
        return may_take and self._is_taken(conn, draw)

    def _wait_for(self, conn: Any, among: deque[Any], then: Callable[..., None]) -> None:
        conn.set_timeout()
        among.append(conn)
        conn.sock.setblocking(False)
        self._worker.poller.register(conn.sock, selectors.EVENT_READ, partial(then, conn))

    def _early_draw(self, conn: Any) -> PlainDraw | None:
        """What is here of a request, if it is a whole draw; a thread finds it as if it had not been read."""
        if not conn.sock.early:
            if self._worker.cfg.is_ssl or (conn.parser is not None and conn.parser.unreader.buf.getvalue()):
                return None
            if (n := libc.recv(conn.sock.fileno(), _early, EARLY_BYTES, socket.MSG_DONTWAIT)) < 0:
                return None
            conn.sock.early, conn.data_ready = ctypes.string_at(_early, n), True
        return plain_draw(conn.sock.early)

    # --- sent away ----------------------------------------------------------------------------------------------------

    def _is_turned_away(self, conn: Any, draw: PlainDraw) -> bool:
        began, worker = time.thread_time(), self._worker
        answer = self._line.turned_away(draw, worker.inside / worker.cfg.threads, worker.finished)
        if answer is None:
            return False
        conn.sock.early = b""
        _send(conn.sock, answer)
        self._refusing_s += time.thread_time() - began
        if self._refusing_s > 0.001:  # as long again for those who decide, or they never have the interpreter
            time.sleep(min(self._refusing_s, 0.005))
            self._refusing_s = 0.0
        return True

    # --- taken straight -----------------------------------------------------------------------------------------------

    def _may_take(self) -> bool:
        worker = self._worker
        return bool(worker.alive and worker.nr + 1 < worker.max_requests and self._straight.is_expecting())

    def _is_taken(self, conn: Any, draw: PlainDraw) -> bool:
        worker, held = self._worker, _HeldConnection(conn)
        taken = held.taken = self._straight.taken(draw, conn.client, partial(self._answer, held))
        if taken is None:
            return False
        conn.sock.early = b""
        worker.keepalived_conns.remove(conn)
        worker.nr += 1
        worker.inside += 1
        self._held[conn] = held
        self._fresh.append(taken)
        return True

    def dispatch(self, timeout: float) -> None:
        """One round of the server's thread of connections; what it has taken is handed on together."""
        try:
            events = self._worker.poller.select(timeout)
            self._take_back()
            for key, _ in events:
                key.data(key.fileobj)
        except OSError as error:
            if error.errno != errno.EINTR:
                raise
        finally:
            if self._fresh:
                fresh, self._fresh = self._fresh, []
                self._straight.decide(fresh, self._worker.tpool.submit)
        self._give_up_late()

    def _is_free(self, held: _HeldConnection) -> bool:
        """Whether a held connection that speaks has had its answer; else it is not listened to until then."""
        self._take_back()
        if held.conn not in self._held:
            return True
        if not held.has_spoken:
            self._worker.poller.unregister(held.conn.sock)
            held.has_spoken = True
            self._take_back()  # who answered just before did not know that somebody has to be woken
        return False

    def _answer(self, held: _HeldConnection, answer: bytes) -> None:
        """In whatever thread has the answer."""
        _send(held.conn.sock, answer)
        self._answered.append(held)
        if held.has_spoken or not self._worker.alive:
            self._worker.method_queue.defer(_nothing)

    def _take_back(self) -> None:
        """Connections whose draws were answered are kept ones again."""
        worker = self._worker
        while self._answered:
            held = self._answered.popleft()
            conn = held.conn
            del self._held[conn]
            worker.inside -= 1
            worker.finished += 1
            if held.has_spoken:
                self._wait_for(conn, worker.keepalived_conns, worker.on_client_socket_readable)
            else:
                conn.set_timeout()
                worker.keepalived_conns.append(conn)
            if not worker.alive:
                conn.timeout = min(conn.timeout, time.monotonic() + LINGER_S)

    def _give_up_late(self) -> None:
        if not self._held:
            return
        oldest = next(iter(self._held.values())).taken
        if oldest is not None and oldest.is_late:
            for held in list(self._held.values()):
                if held.taken is not None and held.taken.is_late:
                    self._straight.give_up(held.taken)


def _send(connection: socket.socket, answer: bytes) -> None:
    if libc.send(connection.fileno(), answer, len(answer), socket.MSG_DONTWAIT) < len(answer):
        with suppress(OSError):  # who does not even take this is left; the poller sees the end
            connection.shutdown(socket.SHUT_RDWR)


def _nothing() -> None:
    """Wakes the thread of connections."""
