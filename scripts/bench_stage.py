"""What the measurements stand on: scratch folder, private Redis, databases, gunicorns and the simulator, all stopped at the end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from redis import Redis  # noqa: E402

from tests.servers import PrivatePostgres, SimulatedWeChat  # noqa: E402
from wxbot.db import Database  # noqa: E402
from wxbot.migrations import upgrade  # noqa: E402
from wxbot.private_servers import PrivateRedis, free_port  # noqa: E402
from wxbot.settings import Settings  # noqa: E402

SECRET_KEY = "a-secret-key-for-measuring-only-0123456789"
TOKEN = "measuring0123456"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
HOST = "shop.example.com"
START_S = 60.0

WORKERS, THREADS = 2, 16
"""gunicorn's settings of deploy/ on two cores."""

LIVE_NICE = 5
"""`Nice` of deploy/systemd/wxbot-live.service."""


class BenchProblem(Exception):
    """A case cannot be measured; the text says why."""


@dataclass
class Figure:
    """One line of the result: what was measured, ours beside its baseline in the same run."""

    case: str
    what: str
    unit: str
    ours: float
    baseline: float
    baseline_name: str
    ratio: float
    aim: float | None = None
    is_better_low: bool = False
    cpu_ratio: float | None = None
    """The same ratio counted in processor time of the servers, which a busy machine does not spoil."""
    is_cpu: bool = False
    """Whether the aim is for the ratio in processor time."""
    rounds: list[float] = field(default_factory=list)
    """The ratio of each round: how far they lie apart says how noisy the machine was."""
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def is_met(self) -> bool | None:
        """Whether the aim is reached; None without an aim."""
        if self.aim is None:
            return None
        reached = self.cpu_ratio if self.is_cpu and self.cpu_ratio is not None else self.ratio
        return reached <= self.aim if self.is_better_low else reached >= self.aim


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    requests: int
    rounds: int
    orders: int
    big_rows: int
    pages: int
    payouts: int
    crowd: int
    concurrency: int = 32

    @property
    def is_quick(self) -> bool:
        """Whether it is only to be seen that it works: what takes a fixed while is watched for a shorter one."""
        return self.rounds == 1


def middle(values: list[float]) -> float:
    """The median."""
    return float(median(values))


@dataclass(frozen=True)
class Web:
    """One running server."""

    name: str
    port: int
    pid: int

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return "127.0.0.1", self.port


class Ground:
    """Starts what a case asks for; `close` stops all of it."""

    def __init__(self, size: Size, say: Callable[[str], None], with_postgres: bool = False) -> None:
        self.size, self.say = size, say
        self._stack = ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="wxbot-bench-")))
        self.redis = self._stack.enter_context(PrivateRedis(self.folder / "redis"))
        self._redis = self._stack.enter_context(Redis.from_url(self.redis.url))
        self.postgres = self._stack.enter_context(PrivatePostgres()) if with_postgres else None
        self._databases = 0
        self.left_out: list[str] = []
        """What is not measured on this machine, and what it would want."""

    def __enter__(self) -> Ground:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def leave_out(self, why: str) -> None:
        """Go without a measurement for which this machine lacks something; `why` names it and what it wants."""
        self.left_out.append(why)
        self.say(why)

    def database_url(self) -> str:
        """A fresh database with our schema."""
        self._databases += 1
        if self.postgres is not None:
            url = self.postgres.url_of(self.postgres.create())
        else:
            url = f"sqlite:///{self.folder / f'bench{self._databases}.db'}"
        with closing(Database(url)) as database:
            upgrade(database)
        return url

    def settings(self, **changes: Any) -> Settings:
        """Settings of a deployment in production shape that talks to nobody, on a fresh database unless one is given."""
        values: dict[str, Any] = {
            "profile": "production",
            "secret_key": SECRET_KEY,
            "redis_url": self.redis.url,
            "data_dir": self.folder,
            "public_url": f"https://{HOST}",
            "appid": "wx0123456789abcdef",
            "appsecret": "0" * 32,
            "original_id": "gh_0123456789ab",
            "callback_token": TOKEN,
            "aes_key": AES_KEY,
            "callback_mode": "encrypted",
            "mch_id": "1900000001",
            "pay_key": "k" * 32,
            "pay_cert_file": self.folder / "none.pem",
            "pay_cert_key_file": self.folder / "none.pem",
            "log_level": "WARNING",
        }
        values |= {f"{name}_base": "https://127.0.0.1:1" for name in ("api", "mch", "open", "mp", "res", "zb")}
        if "database_url" not in changes:
            values["database_url"] = self.database_url()
        return Settings(_env_file=None, **(values | changes))

    def gunicorn(
        self,
        name: str,
        application: str,
        settings: Settings | None = None,
        workers: int = WORKERS,
        *,
        is_shared: bool = False,
        more: Mapping[str, str] | None = None,
    ) -> Web:
        """A gunicorn with the settings of deploy/; returns when it answers.

        `is_shared`: all its processes take connections from one socket and none is pinned, as gunicorn does by itself. `more` are further
        environment variables.
        """
        port = free_port()
        handed = (
            self._stack.enter_context(socket.create_server(("127.0.0.1", port), backlog=2048)) if is_shared else None
        )
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("WXBOT_", "FLASK_"))}
        environment |= {
            "WXBOT_BIND": f"127.0.0.1:{port}",
            "WXBOT_WEB_WORKERS": str(workers),
            "WXBOT_WEB_THREADS": str(THREADS),
        }
        environment |= (variables_of(settings) if settings else {}) | dict(more or {})
        command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "deploy" / "gunicorn.conf.py")]
        command += ["--pythonpath", f"{ROOT},{ROOT / 'scripts'}", "--max-requests", "0", application]
        if handed:
            command += ["--bind", f"fd://{handed.fileno()}"]
        host = HOST if settings is None else settings.public_url.split("//", 1)[1]
        return self._started(name, port, command, environment, host, (handed.fileno(),) if handed else ())

    def node(self, name: str, program: Path, told: Mapping[str, str]) -> Web:
        """A program of node with the port in BENCH_PORT and what it is told in its environment; returns when it answers."""
        port = free_port()
        environment = {**os.environ, "NODE_ENV": "production", "BENCH_PORT": str(port), **told}
        return self._started(name, port, ["node", str(program)], environment, HOST, ())

    def live(self, name: str, settings: Settings) -> Web:
        """A `wxbot live`, less urgent than the rest as in deploy/; returns when it hears Redis."""
        port = free_port()
        command = [sys.executable, "-m", "wxbot", "live", "--port", str(port)]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("WXBOT_", "FLASK_"))}
        environment |= {"PYTHONPATH": str(ROOT), **variables_of(settings)}
        live = self._started(name, port, command, environment, HOST, (), "/live/healthz")
        os.setpriority(os.PRIO_PROCESS, live.pid, os.getpriority(os.PRIO_PROCESS, 0) + LIVE_NICE)
        return live

    def _started(
        self,
        name: str,
        port: int,
        command: Sequence[str],
        environment: Mapping[str, str],
        host: str,
        handed: Sequence[int],
        health: str = "/healthz",
    ) -> Web:
        """The server of this command, once it answers at `health`."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            child = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=handed,
            )
        self._stack.callback(stop, child)
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and child.poll() is None:
            asked = urllib.request.Request(f"http://127.0.0.1:{port}{health}", headers={"Host": host})
            try:
                with urllib.request.urlopen(asked, timeout=2):
                    return Web(name, port, child.pid)
            except urllib.error.HTTPError as error:
                if error.code == 503 and health != "/healthz":  # it has not heard Redis yet
                    time.sleep(0.05)
                    continue
                words = log.read_text(errors="replace")[-2000:]
                raise BenchProblem(f"{name} answers {error.code}; the end of its log:\n{words}") from error
            except OSError:
                time.sleep(0.05)
        raise BenchProblem(f"{name} did not start; the end of its log:\n{log.read_text(errors='replace')[-2000:]}")

    def simulator(self) -> SimulatedWeChat:
        """A WeChat as a process of its own; it writes nothing to the disk."""
        folder = self.folder / f"wechat{self._databases}"
        folder.mkdir(exist_ok=True)
        wechat = SimulatedWeChat(folder).start()
        self._stack.callback(wechat.stop)
        return wechat

    def cpu_seconds(self, web: Web) -> float:
        """Processor time that a gunicorn with its workers, and Redis, have used so far.

        Other work on the machine makes answers late, but adds nothing here.
        """
        used: Any = self._redis.info("cpu")
        return cpu_of_family(web.pid) + float(used["used_cpu_user"]) + float(used["used_cpu_sys"])

    def last_words(self, web: Web) -> str:
        """The end of a gunicorn's log."""
        return (self.folder / f"{web.name}.log").read_text(errors="replace")[-1500:]


def cpu_of_family(pid: int) -> float:
    """Seconds of processor time of a process and its children, those that ended included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    used = sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return used + sum(cpu_of_family(int(child)) for child in children)


def variables_of(settings: Settings) -> dict[str, str]:
    """Settings as environment variables for a child process."""
    variables = {}
    for name, value in settings.model_dump().items():
        plain = value.get_secret_value() if hasattr(value, "get_secret_value") else value
        if plain is not None:
            variables[f"WXBOT_{name.upper()}"] = str(plain)
    return variables


def stop(child: subprocess.Popen[bytes]) -> None:
    """End one child; SIGQUIT makes a gunicorn leave at once."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
    child.wait()
