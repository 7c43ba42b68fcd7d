"""The phone wall: each guest's phone at a port of its own, so that one browser shows twelve persons side by side.

A browser has one jar of cookies for this machine whatever the port, so twelve frames of one host would be one person. Here the phone's
cookies stay with the guest: a connection to the phone's port goes on to the application (its open streams, WeChat's own pages) with
that guest's cookies and browser's name, bytes both ways, and addresses in pages and redirects lead back to this port.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import socketserver
import threading
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from wxbot.simulator.hall_guest import BROWSER, Guest
from wxbot.simulator.proxy import pass_on

PHONES = 12
HEAD_BYTES = 64 * 1024
PIECE_BYTES = 64 * 1024
PATIENCE_S = 60.0

OF_WECHAT = ("/_sim/", "/sim/", "/connect/", "/open/", "/native/", "/phone/", "/mmopen/")
"""Paths that this simulator answers; no page of an application has them."""

HIDDEN = ("host", "cookie", "origin", "referer", "user-agent", "accept-encoding", "connection", "proxy-connection")


class Wire(socketserver.BaseRequestHandler):
    """One connection of a frame: one request, its answer, then it is closed; a socket of a race stays open."""

    server: GuestPhone
    request: socket.socket

    def handle(self) -> None:
        """Take a request, send it on as the guest's, pass the answer back."""
        if not self.server.guest.is_here:
            return  # no network: the frame meets what a phone meets
        self.request.settimeout(PATIENCE_S)
        with contextlib.suppress(OSError):
            head, rest = split_head(self.request)
            if not head:
                return
            line, *headers = head.decode("latin-1").split("\r\n")
            path = line.split(" ")[1] if line.count(" ") == 2 else "/"
            target = self.server.target(path)
            parts = urlsplit(target)
            with socket.create_connection((parts.hostname or "", parts.port or 80), PATIENCE_S) as other:
                other.sendall(self.asked(line, headers, target).encode("latin-1") + b"\r\n\r\n" + rest)
                self.pass_back(other)

    def asked(self, line: str, headers: list[str], target: str) -> str:
        """The request's head as this guest's phone sends it."""
        given = dict(header.split(":", 1) for header in headers if ":" in header)
        names = {name.lower(): value.strip() for name, value in given.items()}
        is_socket = names.get("upgrade", "").lower() == "websocket"
        kept = [f"{name}:{value}" for name, value in given.items() if name.lower() not in HIDDEN]
        if "origin" in names:
            kept.append(f"Origin: {self.server.guest.place.base}")
        cookies = self.server.guest.cookies(target + line.split(" ")[1])
        return "\r\n".join(
            (
                line.rsplit(" ", 1)[0] + " HTTP/1.1",
                f"Host: {urlsplit(target).netloc}",
                f"User-Agent: {BROWSER}",
                f"Connection: {'Upgrade' if is_socket else 'close'}",
                *([f"Cookie: {cookies}"] if cookies else []),
                *kept,
            )
        )

    def pass_back(self, other: socket.socket) -> None:
        """The answer's head with our addresses; a page's words too; everything else byte for byte."""
        other.settimeout(PATIENCE_S)
        head, rest = self.answer_head(other)
        lines = head.decode("latin-1").split("\r\n")
        if (
            "text/html" not in head.decode("latin-1").lower()
            or "\r\ntransfer-encoding" in head.decode("latin-1").lower()
        ):
            self.request.sendall("\r\n".join(self.told(lines)).encode("latin-1") + b"\r\n\r\n" + rest)
            pass_on(self.request, other, lambda: self.server.guest.is_here)
            return
        while piece := other.recv(PIECE_BYTES):
            rest += piece
        page = self.server.here(rest.decode("utf-8", "replace")).encode()
        told = [line for line in self.told(lines) if not line.lower().startswith("content-length:")]
        told.append(f"Content-Length: {len(page)}")
        self.request.sendall("\r\n".join(told).encode("latin-1") + b"\r\n\r\n" + page)

    def answer_head(self, other: socket.socket) -> tuple[bytes, bytes]:
        """The answer's head, while a request's body that is still coming goes out."""
        found = b""
        while b"\r\n\r\n" not in found and len(found) < HEAD_BYTES:
            ready, _, _ = select.select([other, self.request], [], [], PATIENCE_S)
            if self.request in ready and (piece := self.request.recv(PIECE_BYTES)):
                other.sendall(piece)
            if other in ready:
                piece = other.recv(PIECE_BYTES)
                if not piece:
                    break
                found += piece
            if not ready or (self.request in ready and other not in ready and not piece):
                break
        head, _, rest = found.partition(b"\r\n\r\n")
        return head, rest

    def told(self, lines: list[str]) -> list[str]:
        """The answer's head: cookies stay with the guest, addresses lead here."""
        kept = []
        is_socket = lines[0].split(" ")[1:2] == ["101"]
        for line in lines:
            name, _, value = line.partition(":")
            if name.lower() == "set-cookie":
                self.server.keep(value.strip())
            elif name.lower() == "connection" and not is_socket:
                continue
            else:
                kept.append(self.server.here(line) if name.lower() == "location" else line)
        return kept if is_socket else [*kept, "Connection: close"]


def split_head(side: socket.socket) -> tuple[bytes, bytes]:
    """First line and headers of what comes in, and what came with them; nothing when the other side went away."""
    found = b""
    while b"\r\n\r\n" not in found and len(found) < HEAD_BYTES:
        piece = side.recv(PIECE_BYTES)
        if not piece:
            return b"", b""
        found += piece
    head, _, rest = found.partition(b"\r\n\r\n")
    return head, rest


class GuestPhone(socketserver.ThreadingTCPServer):
    """The port of one guest's phone."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, guest: Guest, host: str, wechat_url: str) -> None:
        self.guest, self.wechat_url = guest, wechat_url
        super().__init__((host, 0), Wire)
        self.url = f"http://{host}:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.2,), name="hall-phone", daemon=True).start()

    def target(self, path: str) -> str:
        """The origin that answers a path."""
        if path.startswith(OF_WECHAT):
            return self.wechat_url
        return self.guest.live or self.guest.place.base if path.startswith("/live/") else self.guest.place.base

    def here(self, text: str) -> str:
        """A text in which the application, its open streams and WeChat are all at this port."""
        origins = {self.guest.place.base, self.guest.live or self.guest.place.base, self.wechat_url}
        return re.sub("|".join(rf"{re.escape(each)}(?![0-9])" for each in sorted(origins)), self.url, text)

    def keep(self, value: str) -> None:
        """A cookie that the application or WeChat gave this phone."""
        host = urlsplit(self.guest.place.base).hostname or ""
        with contextlib.suppress(CookieError):
            for name, morsel in SimpleCookie(value).items():
                if morsel["max-age"] == "0":
                    with contextlib.suppress(KeyError):
                        self.guest.session.cookies.clear(host, "/", name)
                else:
                    self.guest.session.cookies.set(name, morsel.coded_value, domain=host, path="/")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A frame that goes away is nothing to report."""


class Wall:
    """At most twelve phones. Nothing of it is saved."""

    def __init__(self) -> None:
        self.phones: dict[int, GuestPhone] = {}

    def hang(self, guests: Iterable[Guest], wechat_url: str) -> list[dict[str, Any]]:
        """Phones for these guests and no others: [{"id", "nickname", "no", "state", "url"}]. Raises OSError: no port is free."""
        wanted = {guest.person_id: guest for guest in guests}
        for person_id in self.phones.keys() - wanted.keys():
            self._take_down(self.phones.pop(person_id))
        host = urlsplit(wechat_url).hostname or "127.0.0.1"
        for person_id, guest in wanted.items():
            if person_id not in self.phones:
                self.phones[person_id] = GuestPhone(guest, host, wechat_url)
        return [
            {
                "id": guest.person_id,
                "nickname": guest.nickname,
                "no": guest.no,
                "state": guest.state,
                "url": self.phones[guest.person_id].url + guest.place.path,
            }
            for guest in wanted.values()
        ]

    def close(self) -> None:
        """Take all down."""
        for phone in self.phones.values():
            self._take_down(phone)
        self.phones.clear()

    @staticmethod
    def _take_down(phone: GuestPhone) -> None:
        """Without waiting: who asks may hold the world's lock."""

        def stop() -> None:
            phone.shutdown()
            phone.server_close()

        threading.Thread(target=stop, name="hall-phone-stop", daemon=True).start()
