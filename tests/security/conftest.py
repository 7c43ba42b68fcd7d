"""A production deployment behind a real gunicorn, spoken to over a bare socket."""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deployments import settings_for
from wxbot.draws.waiting_line import ROOM_WITH_PLACE
from wxbot.private_servers import PrivateRedis, free_port
from wxbot.settings import Settings

READ_S = 25.0
THREADS = 4
HOUSE = math.ceil(ROOM_WITH_PLACE * THREADS)
"""How many requests fill a process: whoever would draw is told to come again."""
RECEIVE_S = 1
"""How long this server waits for the bytes of a request."""


@dataclass(frozen=True)
class Server:
    """gunicorn with our settings file; every request is written byte by byte by the test."""

    port: int
    settings: Settings
    log: Path
    process: subprocess.Popen[bytes]

    def open(self, text: bytes) -> socket.socket:
        """A connection on which `text` was sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=READ_S)
        connection.sendall(text)
        return connection

    def say(self, line: str, *headers: str, body: bytes = b"", host: str = "shop.example.com") -> tuple[int, str]:
        """(status, headers and body) of one request with exactly these headers."""
        head = "".join(f"{header}\r\n" for header in (f"Host: {host}", *headers, "Connection: close"))
        with self.open(f"{line} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body) as connection:
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        text = answer.decode("utf-8", "replace")
        return int(text[9:12]), text


def _environment(settings: Settings) -> dict[str, str]:
    dumped = {
        name: value.get_secret_value() if hasattr(value, "get_secret_value") else value
        for name, value in settings.model_dump().items()
    }
    given = {f"WXBOT_{name.upper()}": str(value) for name, value in dumped.items() if value is not None}
    outer = {name: value for name, value in os.environ.items() if not name.startswith("WXBOT_")}
    return outer | given | {"WXBOT_WEB_THREADS": str(THREADS), "WXBOT_WEB_RECEIVE_S": str(RECEIVE_S)}


@contextmanager
def serving(redis_url: str, folder: Path) -> Iterator[Server]:
    """`wxbot run web` in the production profile, as it stands behind one proxy that ends TLS."""
    settings = settings_for("encrypted", f"sqlite:///{folder / 'wxbot.db'}", redis_url, folder, trusted_proxies=1)
    port, log = free_port(), folder / "web.log"
    command = [sys.executable, "-m", "wxbot", "run", "web", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=_environment(settings), stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        server = Server(port, settings, log, process)
        deadline = time.monotonic() + 60
        while True:
            try:
                assert server.say("GET /healthz")[0] == 200
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def production(redis_server: PrivateRedis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for the tests of a file."""
    with serving(redis_server.url, tmp_path_factory.mktemp("production")) as server:
        yield server
