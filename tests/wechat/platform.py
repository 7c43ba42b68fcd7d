"""A few lines of WeChat on a real socket: hands out tokens and tickets, and refuses what it has replaced."""

from __future__ import annotations

import json
import socket
import threading
import time
from urllib.parse import parse_qs, urlsplit

from tests.wechat.wires import Heard, Wire, http_reply


class Platform:
    """Answers stable_token, getticket and one token-carrying call (`/cgi-bin/getcallbackip`)."""

    def __init__(self, *, life_s: int = 7200, slow_s: float = 0.0) -> None:
        self.life_s = life_s
        self.slow_s = slow_s
        self.generation = 1
        self.fetches = 0
        self.forced = 0
        self.ticket_fetches = 0
        self.calls_refused = 0
        self.calls_served = 0
        self.is_down = False
        self.stays_stale = False
        self._lock = threading.Lock()
        self._dead: set[str] = set()

    @property
    def token(self) -> str:
        return f"81_TOKEN_{self.generation:04d}"

    def replace_token(self) -> None:
        """What a foreign refresher does: the token in use dies at once (money F52)."""
        with self._lock:
            self._dead.add(self.token)
            self.generation += 1

    def kill_token(self) -> None:
        """The token dies, yet stable_token goes on handing it out until it is forced."""
        with self._lock:
            self._dead.add(self.token)
            self.stays_stale = True

    def __call__(self, heard: Heard, connection: socket.socket) -> None:
        path = urlsplit(heard.line.split(" ")[1])
        given = {name: values[0] for name, values in parse_qs(path.query).items()}
        if self.is_down:
            connection.sendall(http_reply(b"down", status="503 Service Unavailable"))
            return
        if path.path == "/cgi-bin/stable_token":
            time.sleep(self.slow_s)
            reply = self._stable_token(json.loads(heard.body))
        elif given.get("access_token") != self.token or given["access_token"] in self._dead:
            with self._lock:
                self.calls_refused += 1
            reply = {"errcode": 40001, "errmsg": "invalid credential, access_token is invalid or not latest rid: 0-0-0"}
        elif path.path == "/cgi-bin/ticket/getticket":
            with self._lock:
                self.ticket_fetches += 1
            reply = {"errcode": 0, "errmsg": "ok", "ticket": "kgt_TICKET_0001", "expires_in": 7200}
        else:
            with self._lock:
                self.calls_served += 1
            reply = {"ip_list": ["198.51.100.7"]}
        connection.sendall(http_reply(json.dumps(reply).encode()))

    def _stable_token(self, body: dict[str, object]) -> dict[str, object]:
        if body.get("secret") != "APPSECRET-0001":
            return {"errcode": 40125, "errmsg": "invalid appsecret, rid: 0-0-0"}
        with self._lock:
            self.fetches += 1
            if body.get("force_refresh"):
                self.forced += 1
                self.generation += 1
                self.stays_stale = False
            return {"access_token": self.token, "expires_in": self.life_s}


def wired(platform: Platform) -> Wire:
    """The platform behind a socket that keeps connections open."""
    return Wire(platform, closes=False)
