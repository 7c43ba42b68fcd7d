"""The one way out to WeChat: one attempt, a hard deadline, and an honest account of whether anything was sent.

Built on urllib3 (the layer under requests) because the question "was one byte of this request written?" decides about
money: it is answered by the socket itself, not guessed from an exception's name. TLS is always verified, redirects and
retries do not exist, a reply has a size limit, and no error text holds a secret.

What the deadline cannot cover: the resolver of the operating system, which may wait its own few seconds for DNS.
"""

from __future__ import annotations

import http.client
import io
import json
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode, urlsplit

import certifi
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from wxbot.wechat.errors import NotSent, Unanswered, UnansweredReason, WeChatError
from wxbot.wechat.redaction import evidence, redact

REPLY_BYTES = 64 * 1024
_CHUNK = 16 * 1024

# urllib3 prints whole URLs, tokens included, at DEBUG (security.md S59).
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `total_s` bounds everything after the name was resolved, however slowly bytes drip (money.md F06)."""

    connect_s: float = 3.0
    read_s: float = 15.0
    total_s: float = 25.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, with HTTP 200 unless any status was asked for; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Exchange(threading.local):
    """The request this thread is making: its deadline, and whether a byte of it reached the socket."""

    deadline = float("inf")
    read_s = 15.0
    has_written = False


_exchange = _Exchange()


def _arm(sock: socket.socket) -> None:
    remaining = _exchange.deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("total deadline")
    sock.settimeout(min(_exchange.read_s, remaining))


class _Reader(io.RawIOBase):
    """Reads from a socket, each wait cut at the deadline."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        _arm(self._sock)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _WatchedSocket:
    """A connected socket that notes the first written byte and never waits past the deadline."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def sendall(self, payload: Any) -> None:
        _arm(self._sock)
        _exchange.has_written = True
        self._sock.sendall(payload)

    def makefile(self, *_arguments: Any, **_options: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._sock))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _PlainConnection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = _WatchedSocket(self.sock)


class _TlsConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = _WatchedSocket(self.sock)


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def tls_context(ca_file: str | None = None, cert: tuple[str, str] | None = None) -> ssl.SSLContext:
    """A verifying context: system and certifi roots plus our own extra; never pinned (money.md F58, security.md S64).

    Reading all roots takes longer than a request, so contexts of the same files, unchanged, are one.
    """
    files = (certifi.where(), ca_file or "", *(cert or ()))
    return _tls_context(ca_file, cert, tuple(os.stat(file).st_mtime_ns for file in files if file))


@lru_cache(maxsize=8)
def _tls_context(ca_file: str | None, cert: tuple[str, str] | None, _changed_ns: tuple[int, ...]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(ca_file)
    if cert:
        context.load_cert_chain(*cert)
    return context


def json_body(value: object) -> bytes:
    """JSON in real UTF-8: WeChat refuses `\\uXXXX` escapes with 40033 (wechat-protocol §0.2.9)."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


class Transport:
    """Sends one request at a time per thread over pooled connections; safe to share between threads and across a fork."""

    def __init__(
        self,
        *,
        ca_file: str | None = None,
        cert: tuple[str, str] | None = None,
        timeouts: Timeouts | None = None,
        before_send: Callable[[str], None] | None = None,
        secrets: Iterable[str] = (),
        pool_size: int = 32,
    ) -> None:
        """`before_send(label)` runs before each request; the application asserts there that no transaction is open.

        cert: paths of certificate and key in PEM. secrets: texts that no error may show.
        """
        self._context = tls_context(ca_file, cert)
        self._timeouts = timeouts or Timeouts()
        self._before_send = before_send
        self._secrets = tuple(secrets)
        self._pool_size = pool_size
        self._lock = threading.Lock()
        self._pid = 0
        self._pools: urllib3.PoolManager | None = None

    def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: bytes | None = None,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        any_status: bool = False,
        max_bytes: int = REPLY_BYTES,
        secrets: Iterable[str] = (),
    ) -> Reply:
        """One attempt. Returns a 200 reply; raises NotSent (0 bytes written) or Unanswered (outcome unknown).

        headers: more headers, such as a signature over the body. any_status: the caller reads other statuses, too.
        """
        hidden = (*self._secrets, *secrets)
        label = f"{method} {urlsplit(url).path}"
        if params:
            url = f"{url}?{urlencode(params)}"
        sent = {**(headers or {}), "Accept-Encoding": "identity", "User-Agent": "wxbot"}
        if content_type:
            sent["Content-Type"] = content_type
        if self._before_send is not None:
            self._before_send(label)
        limits = self._timeouts
        _exchange.has_written = False
        _exchange.read_s = limits.read_s
        _exchange.deadline = time.monotonic() + limits.total_s
        try:
            return self._exchange(method, url, sent, body, max_bytes, label, hidden, any_status)
        except WeChatError:
            raise
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            raise self._sorted(error, label, hidden) from None
        finally:
            _exchange.deadline = float("inf")

    def _exchange(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes | None,
        max_bytes: int,
        label: str,
        hidden: tuple[str, ...],
        any_status: bool,
    ) -> Reply:
        limits = self._timeouts
        response = self._own_pools().urlopen(
            method,
            url,
            body=body,
            headers=headers,
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
            timeout=urllib3.Timeout(connect=min(limits.connect_s, limits.total_s), read=limits.read_s),
        )
        is_whole = False
        try:
            content = self._read(response, max_bytes, label)
            is_whole = True
        finally:
            if is_whole:
                response.release_conn()
            else:
                response.close()
        names = {name.lower(): value for name, value in response.headers.items()}
        if response.status != 200 and not any_status:
            raise Unanswered(
                f"{label}: HTTP {response.status}",
                reason="http_status",
                status=response.status,
                evidence=evidence(content, hidden),
            )
        if names.get("content-encoding", "identity").lower() not in ("identity", ""):
            raise Unanswered(f"{label}: compressed reply nobody asked for", reason="unreadable", status=200)
        return Reply(response.status, names, content)

    @staticmethod
    def _read(response: urllib3.BaseHTTPResponse, max_bytes: int, label: str) -> bytes:
        parts: list[bytes] = []
        size = 0
        while chunk := response.read(min(_CHUNK, max_bytes + 1), decode_content=False):
            parts.append(chunk)
            size += len(chunk)
            if size > max_bytes:
                raise Unanswered(
                    f"{label}: reply over {max_bytes} bytes",
                    reason="too_big",
                    status=response.status,
                    evidence=evidence(parts[0][:500]),
                )
        return b"".join(parts)

    @staticmethod
    def _sorted(error: Exception, label: str, hidden: tuple[str, ...]) -> WeChatError:
        """NotSent when the socket saw no byte of the request, Unanswered otherwise."""
        text = redact(f"{label}: {type(error).__name__}: {error}", hidden)[:500]
        if not _exchange.has_written:
            return NotSent(text)
        timed_out = isinstance(error, (TimeoutError, urllib3.exceptions.TimeoutError)) or "timed out" in text
        reason: UnansweredReason = "timeout" if timed_out or "total deadline" in text else "reset"
        return Unanswered(text, reason=reason)

    def _own_pools(self) -> urllib3.PoolManager:
        """The pools of this process: sockets are never shared with a parent process (money.md F28)."""
        if self._pools is None or self._pid != os.getpid():
            with self._lock:
                if self._pools is None or self._pid != os.getpid():
                    pools = urllib3.PoolManager(
                        num_pools=8, maxsize=self._pool_size, ssl_context=self._context, retries=False
                    )
                    pools.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
                    self._pools, self._pid = pools, os.getpid()
        return self._pools

    def close(self) -> None:
        """Close idle connections."""
        if self._pools is not None and self._pid == os.getpid():
            self._pools.clear()
