"""gunicorn's settings for the web application: gunicorn --config deploy/gunicorn.conf.py wsgi:app

Callbacks must be answered within 5 seconds and normally take a few milliseconds; pages read the database and may wait
for it. Threads let one slow page wait without holding up the callbacks behind it.

One process for each processor, each pinned to its own and with a listening socket of its own: one Python process computes
on one processor at a time, and two that take connections from one socket wake each other for nothing (docs/speed.md). The
first process keeps all sockets open, so that no connection is lost when a process dies or is renewed; on SIGHUP the old
processes go on until the new ones are ready. Nothing of wxbot is imported here: what the first process has loaded stays
loaded when new code comes with a reload.
"""

import errno
import gc
import json
import logging
import math
import mmap
import os
import selectors
import socket
import struct
import sys
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.sock import TCP6Socket, TCPSocket
from gunicorn.workers.gthread import PollableMethodQueue, ThreadWorker

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")


def cores() -> list[int]:
    """The processors that this process may use; empty where the system does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def quota(root: Path = CGROUPS, own: Path = OWN_CGROUPS) -> float | None:
    """How many processors' time our control group (v1 or v2), or one above it, may use; None when there is no limit."""
    limits = []
    for line in own.read_text().splitlines() if own.exists() else ():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        base = root / controllers if controllers else root
        group = base / path.strip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(base):
                limits.append(_limit(folder, is_v2=not controllers))
    return min((limit for limit in limits if limit is not None), default=None)


def _limit(folder: Path, is_v2: bool) -> float | None:
    try:
        if is_v2:
            allowed, period = (folder / "cpu.max").read_text().split()
        else:
            allowed, period = ((folder / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
        return None if allowed in ("max", "-1") else int(allowed) / int(period)
    except (OSError, ValueError):
        return None


_quota = quota()
_most = len(cores()) or os.cpu_count() or 1

bind = os.environ.get("WXBOT_BIND", "127.0.0.1:8000")
# At least two, so that one that is renewed or stuck does not stop everything.
workers = int(os.environ.get("WXBOT_WEB_WORKERS", "0")) or max(2, min(_most, math.ceil(_quota or _most)))
# Under a quota the processors are shared out by time, and a pinned process would wait for its own while another is free; so
# would a single one.
is_pinned = os.environ.get("WXBOT_WEB_PIN", "on") != "off" and _quota is None and len(cores()) > 1 and workers > 1
threads = int(os.environ.get("WXBOT_WEB_THREADS", "16"))

# Every worker builds its own connections: sockets are not shared between processes.
preload_app = False

# A worker that says nothing for this long is replaced; no request of ours may take it.
timeout = 30
graceful_timeout = 20
keepalive = 15

# A worker is renewed now and then, not all at the same moment. Its connections wait for the new one, a second or two.
max_requests = 1_000_000
max_requests_jitter = 200_000

# What a browser or WeChat sends fits easily; the rest is somebody probing.
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190

# Where the application lies is said by its settings alone, never by a header (SCRIPT_NAME, PATH_INFO).
forwarder_headers = ""

# A request whose next byte does not come is given up, and an answer nobody takes; nginx does the same one step earlier.
RECEIVE_S, SEND_S = int(os.environ.get("WXBOT_WEB_RECEIVE_S", "8")), 30

# One whose bytes dribble, too: beside those seconds, each 4 KB that came have earned it another one (security S16).
LEAST_BYTES_S = 4096


def post_worker_init(worker: Any) -> None:
    """Each connection inherits these limits from the socket that accepts it, so that none holds a thread for ever."""
    for listener in worker.sockets:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", RECEIVE_S, 0))
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_S, 0))
    gc.freeze()  # what was loaded stays
    gc.enable()
    front = getattr(worker.wsgi, "extensions", {}).get("wxbot.front")
    worker.front = front and front(worker)
    if hasattr(worker, "slot"):
        worker.ready[worker.slot] = worker.turn


# --- a place for each process: its socket, its processor, who comes after it ----------------------------------------------

BIND_TRIES = 5
MOST_SLOTS = 128
LEFT_OPEN_S, MOST_LEFT_OPEN = 2.0, 256
"""How long, and how many, ended connections wait for their sender's own end."""
FULL_S = 0.5
"""How long no connection is taken by a process that has no file left for one."""
RELIEF_S = 15.0
"""How long an old process waits for its successor; gunicorn gives it graceful_timeout in all."""


def on_starting(server: Any) -> None:
    """A listening socket for each process; the kernel shares the connections out (SO_REUSEPORT).

    A unix socket cannot be shared out, and sockets that are handed to us are taken as they are: all processes use them.
    """
    addresses = server.cfg.address
    is_handed = "LISTEN_FDS" in os.environ or "GUNICORN_FD" in os.environ
    if is_handed or not hasattr(socket, "SO_REUSEPORT") or not all(isinstance(each, tuple) for each in addresses):
        return
    listeners = []
    for address in addresses:
        family, kind = (socket.AF_INET6, TCP6Socket) if ":" in address[0] else (socket.AF_INET, TCPSocket)
        _refuse_taken(server, family, address)
        for slot in range(min(server.cfg.workers, MOST_SLOTS)):
            made = socket.socket(family, socket.SOCK_STREAM)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            made.bind(address)
            made.listen(server.cfg.backlog)
            address = made.getsockname()
            listener = kind(address, server.cfg, server.log, fd=made.detach())
            listener.slot = slot
            listeners.append(listener)
    server.LISTENERS = listeners
    server.coming, server.ready = mmap.mmap(-1, MOST_SLOTS), mmap.mmap(-1, MOST_SLOTS)


def _refuse_taken(server: Any, family: int, address: Any) -> None:
    """Another server on this port would silently get half of the connections: SO_REUSEPORT lets both have it."""
    for _ in range(BIND_TRIES):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
                return
            except OSError as error:
                server.log.error("Cannot listen on %s: %s", address, error.strerror)
                if error.errno != errno.EADDRINUSE:
                    break
        time.sleep(1)
    sys.exit(1)


def nworkers_changed(server: Any, number: int, _before: int | None) -> None:
    """No fewer processes than sockets (SIGTTOU): connections to a socket without a process would wait for ever."""
    slots = len({listener.slot for listener in server.LISTENERS if hasattr(listener, "slot")})
    if 0 < number < slots:
        server.num_workers = slots


def pre_fork(server: Any, worker: Any) -> None:
    """Give a process the place that has the fewest."""
    slots = {listener.slot for listener in server.LISTENERS if hasattr(listener, "slot")}
    if not slots:
        return
    taken = Counter(other.slot for other in server.WORKERS.values() if hasattr(other, "slot"))
    worker.slot = min(slots, key=lambda slot: (taken[slot], slot))
    worker.sockets = [listener for listener in server.LISTENERS if listener.slot == worker.slot]
    worker.coming, worker.ready = server.coming, server.ready
    worker.turn = server.coming[worker.slot] = (server.coming[worker.slot] + 1) % 256


def post_fork(_server: Any, worker: Any) -> None:
    """Pin a process to its processor; what it starts itself may use all of them (WXBOT_WEB_CORES, see vouchers/photos)."""
    allowed = cores()
    if is_pinned and hasattr(worker, "slot"):
        os.environ["WXBOT_WEB_CORES"] = ",".join(map(str, allowed))
        os.sched_setaffinity(0, {allowed[worker.slot % len(allowed)]})
    gc.disable()  # until the application is loaded: there is nothing to collect meanwhile, and a lot to look through


class PatientSocket(socket.socket):
    """A connection whose sender has as long for each request as its bytes are worth."""

    waited, received = 0.0, 0
    early = b""
    """What was read of a request before a thread had it."""

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Up to `size` bytes. Raises ConnectionResetError, of which gunicorn makes no words, when they are too slow."""
        if self.early:
            data, self.early = self.early[:size], self.early[size:]
            return data
        before = time.monotonic()
        try:
            data = super().recv(size, flags)
        except BlockingIOError as error:
            raise ConnectionResetError(errno.ECONNRESET, "the sender stalls") from error
        self.waited += time.monotonic() - before
        self.received += len(data)
        if self.waited > RECEIVE_S + self.received / LEAST_BYTES_S:
            raise ConnectionResetError(errno.ECONNRESET, "the sender dribbles")
        return data


class LastingQueue(PollableMethodQueue):  # type: ignore[misc]  # gunicorn has no types
    """What threads leave for the thread of connections, with a pipe to wake it."""

    def close(self) -> None:
        """Nothing: the process ends, and takes the pipe with it.

        Whoever answers later than that still writes a byte to the pipe's number, which by then might be another file's: a
        database's, for one.
        """


class Worker(ThreadWorker):  # type: ignore[misc]  # the same
    """Threads that answer requests. Told to leave while its successor is starting, it goes on until that one is ready."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.method_queue = LastingQueue()
        self.left_open: deque[tuple[float, PatientSocket]] = deque()
        self.full_until = 0.0
        """Until when nobody is taken in, for want of files."""
        self.front: Any = None
        """The application's own, in front of the threads (wxbot/draws/front.py)."""
        self.inside, self.finished = 0, 0
        """Requests that are being answered or wait for it, and draws that were answered: the pace of the waiting line."""

    def accept(self, listener: Any) -> None:
        """Take a connection in. Those for whom there is no file wait with the system; gunicorn's process would end, with everybody in it."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self.log.warning("No connection is taken for a moment: %s", error.strerror)
            self.full_until = time.monotonic() + FULL_S
            self.set_accept_enabled(False)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Whether to listen; asked for in each round, once a second or oftener."""
        super().set_accept_enabled(enabled and time.monotonic() >= self.full_until)

    def enqueue_req(self, conn: Any) -> None:
        """A connection from which a request comes."""
        if not isinstance(conn.sock, PatientSocket):
            conn.sock = PatientSocket(fileno=conn.sock.detach())
            conn.close = partial(self._close, conn)
        if self.front is None or not self.front.has_new(conn):
            self.inside += 1
            super().enqueue_req(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """A thread has done with a request."""
        self.inside -= 1
        self.finished += getattr(conn, "was_draw", False)
        conn.was_draw = False
        super().finish_request(conn, fs)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """A whole request, in its thread."""
        conn.was_draw = self.front is not None and self.front.is_draw(req.method, req.path)
        return super().handle_request(req, conn)

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        """A kept connection has something to read."""
        if self.front is None or not self.front.has_kept(conn):
            super().on_client_socket_readable(conn, client)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """One round of the thread that takes connections."""
        if self.front is None:
            super().wait_for_and_dispatch_events(timeout)
        else:
            self.front.dispatch(timeout)

    def handle(self, conn: Any) -> Any:
        """One request; its sender's time begins anew."""
        conn.sock.waited, conn.sock.received = 0.0, 0
        return super().handle(conn)

    def _close(self, conn: Any, graceful: bool = False) -> None:
        """End a connection. What its sender still says is thrown away, for else the answer could be lost on its way.

        gunicorn waits for the sender's own end in the thread that takes new connections: who left twenty ended ones open held
        everybody up for forty seconds (security S16).
        """
        with suppress(OSError):
            if graceful:
                conn.sock.shutdown(socket.SHUT_WR)
                conn.sock.setblocking(False)
                self.poller.register(conn.sock, selectors.EVENT_READ, self._throw_away)
                self.left_open.append((time.monotonic() + LEFT_OPEN_S, conn.sock))
                if len(self.left_open) > MOST_LEFT_OPEN:
                    self._forget(self.left_open.popleft()[1])
                return
        conn.sock.close()

    def _throw_away(self, connection: PatientSocket) -> None:
        try:
            if socket.socket.recv(connection, 4096):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._forget(connection)

    def _forget(self, connection: PatientSocket) -> None:
        if connection.fileno() >= 0:
            self.poller.unregister(connection)
            connection.close()

    def murder_pending(self) -> None:
        """Close what nobody has closed in time; asked once a second or oftener."""
        super().murder_pending()
        while self.left_open and self.left_open[0][0] < time.monotonic():
            self._forget(self.left_open.popleft()[1])

    is_relieved = False

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: after a reload wait for the successor; a second one, or a stop, ends it at once."""
        if self.is_relieved or not hasattr(self, "slot") or self.coming[self.slot] == self.turn:
            super().handle_exit(sig, frame)
            return
        self.is_relieved = True
        threading.Thread(target=self._leave_when_relieved, name="relief", daemon=True).start()

    def _leave_when_relieved(self) -> None:
        until = time.monotonic() + RELIEF_S
        while self.ready[self.slot] == self.turn and time.monotonic() < until:
            time.sleep(0.05)
        self.alive = False
        self.method_queue.defer(lambda: None)


worker_class = Worker

# The application writes its own log, with secrets masked. Query strings hold OAuth codes and shake tickets, so there is
# no access log here; nginx keeps one without them (deploy/nginx/wxbot.conf).
accesslog = None


class Log(Logger):  # type: ignore[misc]  # the same
    """gunicorn's log without one of requests. It makes that one's lines whenever `logconfig_dict` is set, and then shows them to nobody."""

    access_log_enabled = False

    def access(self, *_of_request: Any) -> None:
        """Nothing."""


logger_class = Log
errorlog = "-"


class JsonLines(logging.Formatter):
    """gunicorn's own lines as the application writes its own (wxbot/logs)."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        line = {"event": "library", "module": record.name, "level": record.levelname.lower(), "timestamp": at}
        line["message"] = record.getMessage()
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True)


if os.environ.get("WXBOT_LOG_FORMAT", "json") == "json":
    logging.captureWarnings(True)
    _to_stderr = {"class": "logging.StreamHandler", "formatter": "lines"}
    logconfig_dict = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": JsonLines}},
        "handlers": {"lines": _to_stderr},
        "root": {"level": "INFO", "handlers": ["lines"]},
        "loggers": {"gunicorn.error": {"level": "INFO", "handlers": ["lines"], "propagate": False}},
    }

# No control socket: it would stand in the home folder of whoever starts the server, and nothing here uses it.
control_socket_disable = True
proc_name = "wxbot-web"

# Heartbeats of the workers in memory: a slow disk must not look like a dead worker.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - gunicorn makes unpredictable names there
