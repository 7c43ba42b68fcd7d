"""The stage of the demo: starts every process on loopback, waits until each is ready, and stops exactly those again."""

import ctypes
import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wxbot.clock import Clock
from wxbot.db import Database
from wxbot.migrations import upgrade
from wxbot.private_servers import PrivateRedis, ServerProblem
from wxbot.settings import Settings
from wxbot.simulator.config import SimulatorConfig
from wxbot.vault import Vault

STOP_S = 10
"""How long a process may take to end before it is killed."""

READY_S = 60
"""How long a process may take to answer, on a slow machine."""

PR_SET_PDEATHSIG = 1

LIVE_NICE = 5
"""`Nice` of deploy/systemd/wxbot-live.service."""

LOCK = "demo.lock"
"""Held as long as a demo lives in the folder; the kernel lets go of it however the demo ends."""


class StageProblem(Exception):
    """The demo cannot start; the text says what to do."""


@dataclass(frozen=True)
class Ports:
    """Where the demo listens. All on 127.0.0.1."""

    web: int = 8000
    wechat: int = 9000
    pay: int = 9443
    live: int = 8001

    def refuse_busy(self) -> None:
        """Raise StageProblem for a port that somebody else holds."""
        for name, port, option in (
            ("the web application", self.web, "--web-port"),
            ("the simulator", self.wechat, "--wechat-port"),
            ("the simulated WeChat Pay", self.pay, "--pay-port"),
            ("what keeps halls live", self.live, "--live-port"),
        ):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    raise StageProblem(
                        f"端口 {port} 已被占用，请先停止占用它的程序，或换一个端口：wxbot demo {option} {port + 100}\n"
                        f"Port {port}, where {name} listens, is busy: stop what holds it, or choose another with "
                        f"wxbot demo {option} {port + 100}"
                    ) from error


def _die_with_parent() -> None:
    """Ask Linux to end this child when the demo itself is killed, so that nothing is left behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment of a child process that is to have these settings, and none of our own."""
    plain = {
        name: value.get_secret_value() if hasattr(value, "get_secret_value") else value
        for name, value in settings.model_dump().items()
    }
    variables = {f"WXBOT_{name.upper()}": str(value) for name, value in plain.items() if value is not None}
    return {**{name: value for name, value in os.environ.items() if not name.startswith("WXBOT_")}, **variables}


@dataclass
class Stage:
    """The demo's processes, their folder and their settings."""

    folder: Path
    ports: Ports = field(default_factory=Ports)
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Settings that differ from the demo's defaults (the story wants a faster merchant)."""
    is_saved: bool = True
    """Whether the simulated WeChat is written down, to be gone on with another time."""
    _children: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)
    _redis: PrivateRedis | None = None
    _lock: int = -1

    @property
    def public_url(self) -> str:
        """Where the web application is seen."""
        return f"http://127.0.0.1:{self.ports.web}"

    @property
    def live_url(self) -> str:
        """Where the open streams of halls are seen."""
        return f"http://127.0.0.1:{self.ports.live}"

    @property
    def wechat_url(self) -> str:
        """Where the simulator is seen."""
        return f"http://127.0.0.1:{self.ports.wechat}"

    def hold(self) -> None:
        """Take the folder for this demo alone. Raises StageProblem with who has it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder, _, since = os.read(lock, 200).decode(errors="replace").strip().partition(" ")
            os.close(lock)
            raise StageProblem(
                f"另一个演示正在使用 {self.folder}（进程 {holder}，{since} 起）。先停止它：kill -INT {holder}，"
                "或换一个目录：wxbot demo --folder DIR\n"
                f"Another demo holds {self.folder} (process {holder}, since {since}). Stop it: kill -INT {holder}; or choose "
                "another folder: wxbot demo --folder DIR"
            ) from error
        self._lock = lock
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()} {Clock().now().astimezone():%Y-%m-%d %H:%M:%S}\n".encode(), 0)
        self.folder.chmod(0o700)

    def clear(self) -> None:
        """Forget everything of an earlier demo."""
        for path in self.folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()

    def prepare(self) -> None:
        """Make the folder and refuse what could not work."""
        self.ports.refuse_busy()
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)

    def start_redis(self) -> None:
        """A private Valkey or Redis on a free port."""
        try:
            self._redis = PrivateRedis(self.folder / "redis", persistent=True).start()
        except ServerProblem as error:
            raise StageProblem(str(error)) from error

    def start_simulator(self) -> None:
        """The simulated WeChat, its callbacks aimed at the web application."""
        self._spawn(
            "simulator",
            [
                "-m",
                "wxbot.simulator",
                "--http-port",
                str(self.ports.wechat),
                "--https-port",
                str(self.ports.pay),
                "--state-dir",
                str(self.folder / "wechat"),
                "--callback-url",
                f"{self.public_url}/wechat",
                "--app-url",
                self.public_url,
                *([] if self.is_saved else ["--no-save"]),
            ],
        )
        self._wait("simulator", f"{self.wechat_url}/_sim/health")

    def start_database(self) -> None:
        """Bring the demo's SQLite database up to date."""
        database = Database(self.settings().database_url)
        upgrade(database)
        database.close()

    def start_services(self) -> None:
        """Web, worker and live side by side: each of them loads for a second or two."""
        self._spawn_web()
        self.start_worker()
        self._spawn_live()
        self._wait_for_web()
        self._wait_for_live()

    def start_web(self) -> None:
        """The web application under gunicorn, with as many processes as whoever starts the demo says."""
        self._spawn_web()
        self._wait_for_web()

    def _spawn_web(self) -> None:
        asked = {name: value for name, value in os.environ.items() if name == "WXBOT_WEB_WORKERS"}
        command = ["-m", "wxbot", "run", "web", "--bind", f"127.0.0.1:{self.ports.web}"]
        self._spawn("web", command, {**self.environment(), **asked})

    def _wait_for_web(self) -> None:
        self._wait("web", f"{self.public_url}/healthz")

    def start_worker(self) -> None:
        """The worker with its schedule."""
        self._spawn("worker", ["-m", "wxbot", "worker"], self.environment())

    def start_live(self) -> None:
        """The open streams of halls."""
        self._spawn_live()
        self._wait_for_live()

    def _spawn_live(self) -> None:
        """As in deploy/: where processors are short, money goes first."""
        self._spawn("live", ["-m", "wxbot", "live"], self.environment())
        os.setpriority(os.PRIO_PROCESS, self.pid("live"), os.getpriority(os.PRIO_PROCESS, 0) + LIVE_NICE)

    def _wait_for_live(self) -> None:
        self._wait("live", f"{self.live_url}/live/healthz")

    def settings(self) -> Settings:
        """The settings all of wxbot's processes get."""
        if self._redis is None:
            raise StageProblem("Redis is not running yet")
        account = SimulatorConfig().account()
        certs = self.folder / "wechat" / "certs"
        names = (
            "appid",
            "appsecret",
            "original_id",
            "callback_token",
            "aes_key",
            "callback_mode",
            "mch_id",
            "pay_key",
            "api_v3_key",
            "pay_public_key_id",
        )
        values: dict[str, Any] = {name: getattr(account, name) for name in names}
        values |= {f"{host}_base": self.wechat_url for host in ("api", "open", "mp", "res", "zb")}
        values |= {
            "profile": "simulator",
            "secret_key": self._secret_key(),
            "database_url": f"sqlite:///{self.folder / 'wxbot.db'}",
            "redis_url": self._redis.url,
            "public_url": self.public_url,
            "live_url": self.live_url,
            "live_port": self.ports.live,
            "data_dir": self.folder,
            "mch_base": f"https://127.0.0.1:{self.ports.pay}",
            "pay_cert_file": certs / "apiclient_cert.pem",
            "pay_cert_key_file": certs / "apiclient_key.pem",
            "pay_ca_file": certs / "ca.pem",
            "pay_public_key_file": certs / "pub_key.pem",
            "sms_provider": "console",
            "pay_quiet_hours": False,
            "brand": account.name,
        }
        return Settings(_env_file=None, **(values | dict(self.changes)))

    def parts(self) -> tuple[Database, Clock]:
        """The stage's database and clock, for looking and seeding; the caller closes the database."""
        settings = self.settings()
        clock = Clock(f"{settings.api_base}/_sim/clock")
        return Database(settings.database_url, clock), clock

    def vault(self) -> Vault:
        """What the stage's processes seal with."""
        return Vault(self._secret_key())

    def environment(self) -> dict[str, str]:
        """The same settings as environment variables for a child process."""
        return environment_of(self.settings())

    def pid(self, name: str) -> int:
        """The process id of a running part."""
        return next(child.pid for known, child in self._children if known == name)

    def kill(self, name: str) -> None:
        """End one part the hard way, like a power cut; for trying what then happens."""
        child = next(child for known, child in self._children if known == name)
        self._children = [(known, other) for known, other in self._children if other is not child]
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    def is_whole(self) -> str | None:
        """The name of a process that has ended by itself, or None while all run."""
        return next((name for name, child in self._children if child.poll() is not None), None)

    def last_words(self, name: str) -> str:
        """The end of a process's log."""
        path = self.folder / "logs" / f"{name}.log"
        return path.read_text(encoding="utf-8", errors="replace")[-1500:] if path.exists() else ""

    @property
    def is_open(self) -> bool:
        """Whether its processes are meant to run."""
        return bool(self._children)

    def stop(self) -> None:
        """Stop what this stage started, last first, and nothing else."""
        children, self._children = self._children, []
        for _name, child in reversed(children):
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + STOP_S
        for _name, child in reversed(children):
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        if self._redis is not None:
            self._redis.stop()
            self._redis = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _secret_key(self) -> str:
        path = self.folder / "secret_key"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32))
        return path.read_text().strip()

    def _spawn(self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start a Python child in a session of its own: Ctrl-C reaches only the demo, which then stops its children."""
        with (self.folder / "logs" / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=dict(environment) if environment else None,
                preexec_fn=_die_with_parent,
            )
        self._children.append((name, child))

    def _wait(self, name: str, url: str) -> None:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if (ended := self.is_whole()) is not None:
                name = ended  # whichever it was, the others will not be enough
                break
            try:
                with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - loopback
                    return
            except (OSError, urllib.error.URLError):
                time.sleep(0.1)
        raise StageProblem(
            f"{name} 没有启动成功，日志在 {self.folder / 'logs' / (name + '.log')}，最后几行如下\n"
            f"{name} did not start; the end of its log:\n{self.last_words(name)}"
        )
