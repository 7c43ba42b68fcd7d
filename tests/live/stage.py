"""A real `wxbot live` (or two), a real Redis, and clients that read events and send shakes."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
import requests
from sqlalchemy import text
from websockets.sync.client import ClientConnection, connect

from tests.servers import with_us
from tests.waiting import until
from wxbot.db import Database
from wxbot.demo.stage import environment_of
from wxbot.ground import Ground
from wxbot.hall import screen_pass
from wxbot.hall.wire import KnownGuest, channel, guest_key, guest_value, state_key
from wxbot.phone_session import session_cookie, session_text, signed
from wxbot.private_servers import free_port
from wxbot.settings import Settings

WAIT_S = 20.0


class LiveServer:
    """One `wxbot live` as a process."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self._log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                with_us([sys.executable, "-m", "wxbot", "live", "--port", str(self.port)], "TERM"),
                env=environment_of(settings) | {"PYTHONPATH": os.environ.get("PYTHONPATH", os.getcwd())},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def wait(self) -> LiveServer:
        """Until it hears what is said."""
        until(self.is_well, f"live on {self.port}; it said:\n{self.words()}")
        return self

    def is_well(self) -> bool:
        """Whether its health check is content."""
        assert self.process.poll() is None, self.words()
        try:
            return requests.get(f"{self.base}/live/healthz", timeout=2).status_code == 200
        except requests.ConnectionError:
            return False

    def words(self) -> str:
        """Its log."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-3000:]

    def stop(self) -> int:
        """Ask it to end, and say its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(15)

    def kill(self) -> None:
        """The hard way."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def living(settings: Settings) -> Iterator[dict[str, str]]:
    """`wxbot live` with these settings, and where it is."""
    live = LiveServer(settings, settings.data_dir / "live.log").wait()
    try:
        yield {"live_url": live.base}
    finally:
        live.stop()


class Listener:
    """Reads server-sent events."""

    def __init__(self, answer: requests.Response) -> None:
        self.answer = answer
        self._lines = answer.iter_lines(chunk_size=1 << 16, decode_unicode=True)

    def next(self) -> dict[str, str]:
        """The next event: its fields."""
        event: dict[str, str] = {}
        for line in self._lines:
            name, _, value = line.partition(":")
            if line and name:
                event[name] = value.strip()
            if not line and "data" in event:
                return event
        raise EOFError("the stream ended")

    def state(self) -> dict[str, Any]:
        """The next state."""
        while (event := self.next())["event"] != "state":
            pass  # pings and ranks
        told: dict[str, Any] = json.loads(event["data"])
        return told

    def close(self) -> None:
        """Go away."""
        self.answer.close()


class LiveStage:
    """What the tests of open streams stand on."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.ground = Ground(settings)
        self.redis: redis.Redis = self.ground.redis
        self.folder = folder
        self.servers: list[LiveServer] = []

    def start(self, count: int = 1) -> list[LiveServer]:
        """So many processes, side by side."""
        new = [LiveServer(self.settings, self.folder / f"live{len(self.servers) + n}.log") for n in range(count)]
        self.servers += new
        return [server.wait() for server in new]

    def close(self) -> None:
        """End everything."""
        for server in self.servers:
            server.stop()
        self.ground.close()

    def tell(self, slug: str, v: int, **state: Any) -> None:
        """What a verb does after its commit."""
        told = {"v": v, "slug": slug, "name": "年会", "scene": "wall", **state}
        self.redis.set(state_key(slug), json.dumps(told, ensure_ascii=False))
        self.redis.publish(channel(slug), str(v))

    def cookie(self, openid: str) -> str:
        """A phone's session, as a header says it."""
        said = session_text(openid, int(self.ground.clock.unix()), secrets.token_hex(8))
        return f"{session_cookie(self.ground)}={signed(self.ground, 'session', said)}"

    def screen_cookie(self, slug: str) -> str:
        """A paired screen's pass."""
        return f"{screen_pass.cookie_name(self.ground, slug)}={screen_pass.write(self.ground, slug, 1)}"

    def guest(self, slug: str, no: int, team: str = "", name: str = "") -> str:
        """Somebody who signed in; their openid."""
        openid = f"oGuest{slug}{no:05d}"
        self.redis.set(guest_key(slug, openid), guest_value(KnownGuest(no, team, name)))
        return openid

    def ask(self, server: LiveServer, path: str, cookie: str = "", **headers: str) -> requests.Response:
        """A request whose answer may go on for ever."""
        given = {**headers, **({"Cookie": cookie} if cookie else {})}
        return requests.get(f"{server.base}/live/{path}", headers=given, stream=True, timeout=WAIT_S)

    @contextmanager
    def phone(self, server: LiveServer, slug: str, openid: str, **headers: str) -> Iterator[Listener]:
        """A phone that listens."""
        answer = self.ask(server, f"{slug}/events", self.cookie(openid), **headers)
        assert answer.status_code == 200, answer.text
        yield Listener(answer)
        answer.close()

    @contextmanager
    def screen(self, server: LiveServer, slug: str, **headers: str) -> Iterator[Listener]:
        """A screen that listens."""
        answer = self.ask(server, f"{slug}/events?as=screen", self.screen_cookie(slug), **headers)
        assert answer.status_code == 200, answer.text
        yield Listener(answer)
        answer.close()

    def runner(self, server: LiveServer, slug: str, openid: str) -> ClientConnection:
        """A phone's socket in a race."""
        return connect(
            f"ws://127.0.0.1:{server.port}/live/{slug}/race",
            additional_headers={"Cookie": self.cookie(openid)},
            compression=None,
        )


def ack_of(socket: ClientConnection, least_seq: int = 0) -> dict[str, Any]:
    """The next answer to a message, of this number or a later one."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        said = json.loads(socket.recv(timeout=WAIT_S))
        if "ack" in said and said["ack"]["seq"] >= least_seq:
            answer: dict[str, Any] = said["ack"]
            return answer
    raise AssertionError("no answer came")


def race_game(game_id: int, begin: float, seconds: float) -> dict[str, Any]:
    """A race as the hall's state has it."""
    return {
        "id": game_id,
        "kind": "race",
        "status": "running",
        "begin": begin,
        "end": begin + seconds,
        "seconds": seconds,
    }


def lay_game(database: Database, game_id: int) -> None:
    """The row of a race that runs, without the campaign that it belongs to: rows of runners hang on this one alone."""
    insert = text(
        "INSERT INTO hall_games (id, campaign_id, ordinal, kind, prize_id, terms, status) "
        "VALUES (:id, :id, :id, 'race', 1, '{}', 'running')"
    )
    with database.engine.connect() as connection:
        if database.is_sqlite:
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]
            connection.execute(insert, {"id": game_id})
            connection.commit()
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=ON")  # type: ignore[union-attr]
            return
        with connection.begin():
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(insert, {"id": game_id})


def is_gone(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
