"""The deployment that the storm meets: two boxes with a web application and a worker each, behind one balancer, on one
PostgreSQL, one Redis and one simulated WeChat. Every part is a process of its own that can be killed, held and started again.

Parts are started from the main thread only: a child ends with the thread that started it (`with_us`).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import simulator_settings
from tests.servers import ROOT, PrivatePostgres, SimulatedWeChat, children_of, with_us
from tests.storm.balancer import Balancer
from wxbot.cli.desk import BUSY
from wxbot.clock import Clock
from wxbot.db import Database
from wxbot.demo.stage import environment_of
from wxbot.migrations import upgrade
from wxbot.private_servers import PrivateRedis, free_port
from wxbot.settings import Settings

READY_S = 90
BUSY_TRIES = 5
STOP_S = 20
SKEW_S = 17
"""How far the clock of the second box's worker is ahead of everybody else's."""

DISK = {"box": "6m", "postgres": "700m"}
"""Sizes of the small file systems that a storm fills up."""


@dataclass
class Part:
    """One process, with all its children."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    _process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id; 0 while it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else 0

    def start(self) -> None:
        """Start it; whether it is ready shows elsewhere."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                with_us([sys.executable, *self.arguments], "KILL"),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=dict(self.environment),
            )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and its children; one that is gone is left alone."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """End it and its children in the middle of whatever they do."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """Ask it to end, then make it."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_S)
        self.kill()

    def connections_to(self, port: int) -> int:
        """How many TCP connections to this port of the machine are open in the process (Linux)."""
        wanted = f":{port:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
        sockets = {f"socket:[{row[9]}]" for row in rows if row[2].endswith(wanted) and row[3] == "01"}
        found = 0
        for descriptor in Path(f"/proc/{self.pid}/fd").glob("*"):
            with suppress(OSError):
                found += os.readlink(descriptor) in sockets
        return found


@dataclass
class Box:
    """One machine: its own data folder, one web application, one worker."""

    name: str
    port: int
    web: Part
    worker: Part
    folder: Path

    @property
    def parts(self) -> tuple[Part, Part]:
        """Both processes."""
        return self.web, self.worker

    def web_children(self) -> list[int]:
        """gunicorn's own processes."""
        return children_of(self.web.pid) if self.web.pid else []


def faketime_library() -> Path | None:
    """The library of the wheel `libfaketime` if it works on this machine, else None."""
    spec = importlib.util.find_spec("libfaketime")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for library in Path(folder).rglob("libfaketime.so.1"):
            seen = subprocess.run(
                [sys.executable, "-c", "import time; print(time.time())"],
                env={**os.environ, **skewed(library, 1000)},
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            with suppress(ValueError):
                if float(seen.stdout) > time.time() + 900:
                    return library
    return None


def skewed(library: Path, seconds: float) -> dict[str, str]:
    """The environment of a process whose wall clock is ahead; what it waits for is measured by the true one."""
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"{seconds:+}",
        "NO_FAKE_STAT": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


@dataclass
class Deployment:
    """All of it. `left_out` names what this machine cannot do, and why."""

    folder: Path
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Settings that differ from the tests' own."""
    left_out: list[str] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    disks: dict[str, Path] = field(default_factory=dict)
    """Small file systems by name: `postgres` and `box`, the second box's data folder."""
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Deployment:
        with ExitStack() as stack:
            self._stack = stack
            self._start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """Where phones, browsers and WeChat reach it."""
        return self.balancer.url

    def settings(self, box: str = "a") -> Settings:
        """What the processes of one box are given."""
        url = self.postgres.url_of("wxbot")
        values = {"public_url": self.url, "brand": "风暴"} | dict(self.changes)
        return simulator_settings(self.wechat, url, self.redis.url, self.folder / f"box-{box}", **values)

    def parts(self) -> Iterator[Part]:
        """Every process of ours."""
        for box in self.boxes:
            yield from box.parts

    def wait_ready(self) -> None:
        """Until each web application answers; a part that ended is named with the end of its log."""
        deadline = time.monotonic() + READY_S
        for box in self.boxes:
            while not self._answers(box):
                if time.monotonic() > deadline or not box.web.pid:
                    raise AssertionError(f"{box.web.name} does not answer:\n{self.last_words(box.web)}")
                time.sleep(0.1)

    def heal(self) -> None:
        """Start again whatever does not run, and let go on what is held."""
        if not self.postgres.is_running:
            self.postgres.restart()
        if not self.redis.is_running:
            self.redis.start()
        for part in self.parts():
            part.signal(signal.SIGCONT)
            if not part.pid:
                part.start()

    def command(self, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
        """A wxbot command, as an operator types it on the first box, and again while it says that the database is busy.

        `said` is what it reads from standard input.
        """
        for _ in range(BUSY_TRIES):
            done = subprocess.run(
                [sys.executable, "-m", "wxbot", *arguments],
                cwd=ROOT,
                env=self.boxes[0].worker.environment,
                input=said,
                capture_output=True,
                text=True,
                timeout=180,
                check=False,
            )
            if BUSY.en not in done.stderr:
                break
        return done

    def look(self) -> tuple[Database, Clock]:
        """The database and the clock, for looking; the caller closes the database."""
        settings = self.settings()
        clock = Clock(f"{settings.api_base}/_sim/clock")
        return Database(settings.database_url, clock), clock

    def last_words(self, part: Part) -> str:
        """The end of a part's log."""
        return part.log.read_text(encoding="utf-8", errors="replace")[-3000:] if part.log.exists() else ""

    # --- starting -------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.postgres = PrivatePostgres(outlives_kill=True)
        self._stack.callback(shutil.rmtree, self.postgres.folder, ignore_errors=True)
        self._mount("postgres", self.postgres.data)
        self._stack.callback(self.postgres.stop)
        self.postgres.start()
        self.redis = PrivateRedis(
            self.folder / "redis", port=free_port(), persistent=True, password="storm", launcher=with_us([], "KILL")
        )
        self._stack.callback(self.redis.stop)
        self.redis.start()
        ports = [free_port(), free_port()]
        self.balancer = Balancer(ports).start()
        self._stack.callback(self.balancer.stop)
        (self.folder / "wechat").mkdir()
        self.wechat = SimulatedWeChat(
            self.folder / "wechat", "--callback-url", f"{self.url}/wechat", "--app-url", self.url
        )
        self._stack.callback(self.wechat.stop)
        self.wechat.start()
        database = Database(self.postgres.url_of(self.postgres.create(name="wxbot")))
        upgrade(database)
        database.close()
        self._mount("box", self.folder / "box-b")
        self._start_boxes(ports)

    def _start_boxes(self, ports: Sequence[int]) -> None:
        library = faketime_library()
        if library is None:
            self.left_out.append("a worker with a wrong clock: the wheel libfaketime does not work here")
        logs = self.folder / "logs"
        logs.mkdir()
        for name, port in zip("ab", ports, strict=True):
            given = environment_of(self.settings(name))
            skew = skewed(library, SKEW_S) if name == "b" and library else {}
            web = ["-m", "wxbot", "run", "web", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
            box = Box(
                name,
                port,
                Part(f"web-{name}", web, given, logs / f"web-{name}.log"),
                Part(f"worker-{name}", ["-m", "wxbot", "worker"], given | skew, logs / f"worker-{name}.log"),
                self.folder / f"box-{name}",
            )
            self.boxes.append(box)
            for part in box.parts:
                self._stack.callback(part.stop)
                part.start()
        self.wait_ready()

    def _mount(self, name: str, place: Path) -> None:
        """A small file system of its own, where root may make one."""
        place.mkdir(parents=True, exist_ok=True)
        mounted = (
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={DISK[name]},mode=0700", "wxbot-storm", str(place)],
                capture_output=True,
                text=True,
                check=False,
            )
            if shutil.which("mount") and os.geteuid() == 0
            else None
        )
        if mounted is None or mounted.returncode != 0:
            self.left_out.append(f"a full disk ({name}): only root can mount one")
            place.rmdir()
            return
        self._stack.callback(subprocess.run, ["umount", "-l", str(place)], check=False)
        owner = PrivatePostgres.owner() if name == "postgres" else None
        if owner is not None:
            os.chown(place, owner.pw_uid, owner.pw_gid)
            os.chown(place.parent, owner.pw_uid, owner.pw_gid)
        self.disks[name] = place

    @staticmethod
    def _answers(box: Box) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{box.port}/healthz", timeout=2):
                return True
        except (OSError, urllib.error.URLError):
            return False
