"""The servers: HTTP for every host but pay, HTTPS for all of them. Faults and the request log surround every door here."""

from __future__ import annotations

import logging
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import Any

from cheroot import wsgi
from cheroot.ssl.builtin import BuiltinSSLAdapter

from wxbot.simulator import (
    api,
    bridge,
    certs,
    control,
    control_pay,
    control_sms,
    hosts,
    in_hand,
    mp,
    oauth,
    pages,
    pay,
    pay_cash,
    pay_v3,
    shakearound,
    transfers_control,
)
from wxbot.simulator.config import SimulatorConfig
from wxbot.simulator.door import Door, Reply, Request, TooLarge, View, hints, json_reply
from wxbot.simulator.faults import Fault
from wxbot.simulator.proxy import Proxy
from wxbot.simulator.world import World

log = logging.getLogger(__name__)

HTTP_DOORS: tuple[Door, ...] = (
    mp.DOOR,
    oauth.DOOR,
    oauth.SNS_DOOR,
    shakearound.DOOR,
    bridge.DOOR,
    control.DOOR,
    control_pay.DOOR,
    control_sms.DOOR,
    control_sms.INBOX_DOOR,
    in_hand.DOOR,
    transfers_control.DOOR,
    pages.DOOR,
)
HTTPS_DOORS: tuple[Door, ...] = (pay.DOOR, pay_cash.DOOR, pay_v3.DOOR, *HTTP_DOORS)

THREADS = 24
HANDSHAKE_S = 2.0

#: What a reordered call waits after the other was done, so that the other's answer leaves first.
OVERTAKE_S = 0.05

StartResponse = Callable[..., Any]


class Dropped(Exception):
    """The connection is to be cut without an answer."""


class Routes:
    """All routes of some doors: exact paths in a table, patterns one after the other."""

    def __init__(self, doors: Iterable[Door]) -> None:
        self.exact: dict[str, tuple[Door, dict[str, View]]] = {}
        self.patterns: list[tuple[re.Pattern[str], str, Door, dict[str, View]]] = []
        by_pattern: dict[str, dict[str, View]] = {}
        for door in doors:
            for method, path, view in door.routes:
                if "<" not in path:
                    known = self.exact.setdefault(path, (door, {}))
                    views = known[1]
                else:
                    if path not in by_pattern:
                        by_pattern[path] = {}
                        self.patterns.append((compiled(path), path, door, by_pattern[path]))
                    views = by_pattern[path]
                if method in views:
                    raise ValueError(f"two views for {method} {path}")
                views[method] = view

    def find(self, request: Request) -> tuple[Door, dict[str, View]] | None:
        known = self.exact.get(request.path)
        if known is not None:
            return known
        for pattern, path, door, views in self.patterns:
            match = pattern.fullmatch(request.path)
            if match:
                request.parts = match.groupdict()
                request.pattern = re.sub("<[^>]+>", "*", path)
                return door, views
        return None


def compiled(path: str) -> re.Pattern[str]:
    pieces = re.split(r"(<(?:path:)?\w+>)", path)
    return re.compile("".join(as_pattern(piece) for piece in pieces))


def as_pattern(piece: str) -> str:
    if not piece.startswith("<"):
        return re.escape(piece)
    name = piece[1:-1]
    return f"(?P<{name[5:]}>.+)" if name.startswith("path:") else f"(?P<{name}>[^/]+)"


class Application:
    """The WSGI application over some doors."""

    def __init__(self, world: World, doors: Iterable[Door]) -> None:
        self.world = world
        self.routes = Routes(doors)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        try:
            reply = self.answer(Request(environ))
        except Dropped:
            environ["wxsim.drop"]()
            reply = Reply(b"", status=204)
        except TooLarge:
            reply = Reply(b"", "text/plain", 413, [("Connection", "close")])
        except Exception:
            log.exception("%s %s", environ.get("REQUEST_METHOD"), environ.get("PATH_INFO"))
            reply = Reply(b'{"error":"the simulator failed; see its log"}', status=500)
        headers = [
            ("Date", formatdate(self.world.clock.now(), usegmt=True)),
            ("Content-Type", reply.content_type),
            ("Content-Length", str(len(reply.body))),
            *reply.headers,
        ]
        start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [reply.body]

    def answer(self, request: Request) -> Reply:
        found = self.routes.find(request)
        if found is None:
            return self.unknown(request)
        door, views = found
        if door.is_cross_origin and request.method == "OPTIONS":
            return cross_origin(request, Reply(b"", status=204))
        view = views.get("GET" if request.method == "HEAD" else request.method)
        if view is None:
            return self.wrong_method(door, views, request)
        if not door.is_logged and door.refuse is None:
            reply = self.run(view, request)
        else:
            reply = self.watched(door, view, request)
        return cross_origin(request, reply) if door.is_cross_origin else reply

    def unknown(self, request: Request) -> Reply:
        """What is not here. A call that WeChat has is answered as its host answers errors, and stands in the log."""
        began, host, path = time.perf_counter(), request.header("Host"), request.path
        hint = hosts.not_simulated(request.method, path)
        if path.startswith(hosts.V3_PREFIX):
            reply = pay_v3.no_such_path(self.world, request, hint)
        elif path.startswith(hosts.V2_PREFIXES) or hosts.is_of_pay(host):
            reply = pay.no_such_path(hint)
        elif path.startswith(hosts.API_PREFIXES):
            reply = api.no_such_path(self.world, hint)
        elif hosts.is_of_wechat(host):
            reply = Reply(f"{hint}\n".encode(), "text/plain; charset=utf-8", 404, hints(hint))
        else:
            return Reply(b"404 not found\n", "text/plain; charset=utf-8", 404)
        log.warning("%s", hint)
        self.note("not simulated", request, reply, began)
        return reply

    def wrong_method(self, door: Door, views: dict[str, View], request: Request) -> Reply:
        allowed = next(iter(views))
        if door.wrong_method is not None:
            return door.wrong_method(self.world, request, allowed)
        return json_reply({"error": f"use {' or '.join(views)}"}, 405)

    def run(self, view: View, request: Request) -> Reply:
        """Calls the view under the world's lock, unless it says that it locks by itself."""
        if getattr(view, "is_unlocked", False):
            return view(self.world, request)
        with self.world.lock:
            if request.method != "GET":
                self.world.is_dirty = True
            return view(self.world, request)

    def watched(self, door: Door, view: View, request: Request) -> Reply:
        """Runs the view with the fault its endpoint has now, and logs it."""
        began, world = time.perf_counter(), self.world
        fault = None
        if door.refuse is not None and world.faults.by_endpoint and not (door.endpoint and request.method == "GET"):
            with world.lock:
                fault = world.faults.take(door.endpoint or request.path, request.pattern, "*")
        reply: Reply | None = None
        try:
            reply = self.run(view, request) if fault is None else self.faulty(door, view, request, fault)
            world.is_dirty = True
            return reply
        finally:
            self.note(door.name, request, reply, began, fault.kind if fault else "")

    def note(self, door: str, request: Request, reply: Reply | None, began: float, fault: str = "") -> None:
        """Writes one call into the request log; no reply: the connection was cut."""
        with self.world.lock:
            self.world.log.add(
                at=self.world.clock.now(),
                door=door,
                method=request.method,
                path=request.path,
                query=request.query_string,
                body=request.body,
                content_type=request.content_type,
                status=reply.status if reply else 0,
                reply=reply.body if reply else b"",
                reply_type=reply.content_type if reply else "",
                took_ms=(time.perf_counter() - began) * 1000,
                fault=fault,
            )

    def faulty(self, door: Door, view: View, request: Request, fault: Fault) -> Reply:
        """One call with its fault (appendix D point 5)."""
        kind, age = fault.kind, self.world.resets
        if kind == "drop_request":
            raise Dropped
        if kind == "refuse" and not fault.is_landed:
            return self.refusal(door, request, fault)
        fault.hold_up(is_landed=False)
        if kind == "reorder" and fault.overtaken.wait(fault.seconds):
            time.sleep(OVERTAKE_S)
        if self.world.resets != age:
            raise Dropped  # the world this call was made to is gone; it must not act in the new one
        if kind == "repeat":
            self.run(view, request)
        elif kind == "token_invalidated":
            with self.world.lock:
                self.world.accounts.invalidate()
        reply = self.run(view, request)
        fault.overtaken.set()
        if kind == "drop_reply":
            raise Dropped
        fault.hold_up(is_landed=True)
        if kind == "refuse":
            return self.refusal(door, request, fault)
        return Reply(*fault.spoil(reply.body, reply.content_type), status=reply.status, headers=reply.headers)

    def refusal(self, door: Door, request: Request, fault: Fault) -> Reply:
        if door.refuse is None:  # faults are only taken for doors that can refuse
            raise Dropped
        with self.world.lock:
            return door.refuse(self.world, request, fault.err_code)


def cross_origin(request: Request, reply: Reply) -> Reply:
    """Lets a page of another origin (the application's, in the phone) call with cookies."""
    origin = request.header("Origin")
    if origin:
        reply.headers += [
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Allow-Credentials", "true"),
            ("Access-Control-Allow-Headers", "content-type"),
            ("Access-Control-Allow-Methods", "GET, POST, OPTIONS"),
            ("Vary", "Origin"),
        ]
    return reply


class Gateway(wsgi.Gateway_10):
    """Adds `wxsim.drop` to the environ: cuts the connection without a byte."""

    is_dropped = False

    def get_environ(self) -> Any:
        environ = super().get_environ()  # type: ignore[no-untyped-call]
        environ["wxsim.drop"] = self.drop
        return environ

    def drop(self) -> None:
        self.is_dropped = True

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        write = super().start_response(status, headers, exc_info)
        if self.is_dropped:
            self.req.sent_headers = True
            self.req.close_connection = True
            self.req.chunked_write = False
        return write


def build_server(world: World, doors: Iterable[Door], port: int) -> wsgi.Server:
    server = wsgi.Server(
        (world.config.host, port),
        Application(world, doors),
        numthreads=THREADS,
        request_queue_size=256,
        timeout=30,
        shutdown_timeout=1,
    )
    server.gateway = Gateway
    server.keep_alive_conn_limit = 500
    server.error_log = quiet  # type: ignore[method-assign]
    return server


def quiet(msg: str = "", level: int = 20, traceback: bool = False) -> None:
    """cheroot's complaints about clients that go away."""
    log.debug("%s", msg)


class TlsAdapter(BuiltinSSLAdapter):
    """cheroot shakes hands on the thread that accepts: a client that only connects must not hold up the others."""

    def wrap(self, sock: Any) -> Any:
        sock.settimeout(HANDSHAKE_S)
        return super().wrap(sock)  # type: ignore[no-untyped-call]


def secured(server: wsgi.Server, files: certs.Certificates) -> None:
    """HTTPS that asks for a client certificate without demanding it: without one the door answers CA_ERROR (§3.7)."""
    adapter = TlsAdapter(str(files.server_cert), str(files.server_key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(files.server_cert), str(files.server_key))
    context.load_verify_locations(str(files.ca))
    context.verify_mode = ssl.CERT_OPTIONAL
    adapter.context = context
    server.ssl_adapter = adapter


def reachable_host(host: str) -> str:
    """The host as a client writes it; one that listens everywhere is reached on this machine."""
    everywhere = host.replace("0", "").replace(".", "").replace(":", "") == ""
    return "127.0.0.1" if everywhere else f"[{host}]" if ":" in host else host


class Simulator:
    """A running simulator. `start` returns when both ports listen; `stop` saves the world."""

    def __init__(self, config: SimulatorConfig | None = None) -> None:
        self.config = config or SimulatorConfig()
        self.world = World(self.config)
        self.certificates = certs.ensure(Path(self.config.state_dir) / "certs", self.config.mch_id, self.config.host)
        self.world.certificate_paths = vars(self.certificates)
        self._servers: list[wsgi.Server] = []
        self._threads: list[threading.Thread] = []
        self.http_port = self.https_port = 0
        self.proxy: Proxy | None = None

    @property
    def http_url(self) -> str:
        return f"http://{reachable_host(self.config.host)}:{self.http_port}"

    @property
    def https_url(self) -> str:
        return f"https://{reachable_host(self.config.host)}:{self.https_port}"

    def start(self) -> Simulator:
        """Listens and serves in threads. Raises OSError when a port is taken."""
        http = build_server(self.world, HTTP_DOORS, self.config.http_port)
        https = build_server(self.world, HTTPS_DOORS, self.config.https_port)
        secured(https, self.certificates)
        self._servers = [http, https]
        try:
            for server in self._servers:
                server.prepare()
            self.http_port, self.https_port = http.bind_addr[1], https.bind_addr[1]
            if self.config.proxy_port is not None:
                place = (self.config.host, self.config.proxy_port, reachable_host(self.config.host))
                self.proxy = Proxy(*place, self.http_port, self.https_port)
                self.world.proxy_url = f"http://{reachable_host(self.config.host)}:{self.proxy.port}"
        except OSError:
            for server in self._servers:
                server.stop()
            raise
        self.world.open(self.http_url, self.https_url)
        for server in self._servers:
            thread = threading.Thread(target=server.serve, name="simulator-server", daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def stop(self) -> None:
        if self.proxy is not None:
            self.proxy.stop()
            self.proxy = None
        for server in self._servers:
            server.stop()
        for thread in self._threads:
            thread.join(5)
        self._servers, self._threads = [], []
        self.world.close()

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
