"""One web process for each processor, with real gunicorns: each its own socket, none missed when it dies or is renewed."""

from __future__ import annotations

import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Container, Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest

from wxbot.cli.serve import gunicorn_settings
from wxbot.private_servers import free_port

APPLICATION = """
import os, pathlib, time

here = pathlib.Path(__file__).parent
while (here / "closed").exists():  # an application that is still starting
    time.sleep(0.02)


def app(environ, start_response):
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body))), ("Connection", "close")])
    return [body]
"""
WAIT_S = 60.0


class Web:
    """A gunicorn with our settings and a small application that says which process answers."""

    def __init__(self, folder: Path, **changes: str) -> None:
        self.folder, self.port = folder, free_port()
        (folder / "small.py").write_text(APPLICATION)
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("WXBOT_")}
        self.environment |= {"WXBOT_BIND": f"127.0.0.1:{self.port}", "WXBOT_WEB_WORKERS": "2", **changes}
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "gunicorn", "--config", str(gunicorn_settings()), "small:app"]
        with (self.folder / "web.log").open("ab") as log:
            return subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)

    def ask(self) -> int:
        """The process that answered a connection of its own. Raises OSError or HTTPException."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            connection.request("GET", "/")
            return int(connection.getresponse().read())
        finally:
            connection.close()

    def first_answer(self, but_not_of: Container[int] = ()) -> None:
        """Wait for a server that is starting."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            with suppress(OSError, HTTPException):
                if self.ask() not in but_not_of:
                    return
            time.sleep(0.05)
        raise AssertionError(f"nobody answers; {self.log()}")

    def seen(self) -> set[int]:
        """Who answers twenty connections."""
        return {self.ask() for _ in range(20)}

    def until(self, is_so: Callable[[set[int]], bool]) -> set[int]:
        """Ask until the answers fit; every connection must be answered."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if is_so(found := self.seen()):
                return found
        raise AssertionError(f"{self.seen()} answer; {self.log()}")

    def log(self) -> str:
        return (self.folder / "web.log").read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(WAIT_S)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    made = Web(tmp_path)
    try:
        made.first_answer()
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
            made.process.wait()


def of_process(pid: int, field: str) -> str:
    found = re.search(rf"^{field}:\s*(\S+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def listeners(port: int) -> int:
    """How many sockets of this machine listen on a port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(1 for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A")


@pytest.mark.timeout(300)
def test_each_process_has_its_socket_and_its_processor_and_none_is_missed(web: Web) -> None:
    pids = web.until(lambda found: len(found) == 2)
    assert listeners(web.port) == 2
    allowed = os.sched_getaffinity(0)
    if len(allowed) > 1 and runpy.run_path(str(gunicorn_settings()))["quota"]() is None:
        assert len({of_process(pid, "Cpus_allowed_list") for pid in pids}) == 2
    killed = pids.pop()
    os.kill(killed, signal.SIGKILL)
    after = web.until(lambda found: len(found) == 2 and killed not in found)  # its socket waited for the next one
    assert pids <= after
    os.kill(web.process.pid, signal.SIGTTOU)
    assert len(web.until(lambda found: len(found) == 2)) == 2, "a socket without a process would answer nobody"
    assert web.stop() == 0
    with pytest.raises(ConnectionRefusedError):
        web.ask()


@pytest.mark.timeout(300)
def test_at_a_reload_the_old_processes_answer_until_the_new_ones_are_ready(web: Web) -> None:
    old = web.until(lambda found: len(found) == 2)
    closed = web.folder / "closed"
    closed.touch()
    web.process.send_signal(signal.SIGHUP)
    while web.log().count("Booting worker") < 4:
        time.sleep(0.05)
    time.sleep(1)
    for _ in range(3):
        assert web.seen() == old
    closed.unlink()
    new = web.until(lambda found: not found & old)
    assert len(web.until(lambda found: len(found) == 2)) == 2 and not new & old
    assert web.stop(signal.SIGINT) == 0


@pytest.mark.timeout(300)
def test_a_second_server_on_the_port_is_refused_and_takes_no_connection(web: Web) -> None:
    first = web.until(lambda found: len(found) == 2)
    second = web.start()
    assert second.wait(WAIT_S) == 1
    assert "Cannot listen on" in web.log()
    assert web.seen() == first
    web.process.kill()  # its processes find out by themselves; what they had not yet answered is lost
    web.process.wait()
    web.process = web.start()
    web.first_answer(but_not_of=first)
    assert len(web.until(lambda found: len(found) == 2)) == 2


def test_a_unix_socket_serves_all_processes(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    web = Web(tmp_path, WXBOT_BIND=f"unix:{path}")
    try:
        deadline = time.monotonic() + WAIT_S
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(WAIT_S)
            while (
                line.connect_ex(str(path)) and time.monotonic() < deadline
            ):  # the file is there before anybody listens
                time.sleep(0.05)
            line.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert line.recv(99).startswith(b"HTTP/1.0 200")
    finally:
        assert web.stop() == 0


# --- how many processors ------------------------------------------------------------------------------------------


def settings_of(monkeypatch: pytest.MonkeyPatch, **environment: str) -> dict[str, Any]:
    """gunicorn's settings as they come out here."""
    for name in ("WXBOT_WEB_WORKERS", "WXBOT_WEB_PIN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(gunicorn_settings()))


@pytest.mark.parametrize(
    ("own", "files", "limit"),
    [
        ("0::/", {"cpu.max": "max 100000"}, None),
        ("0::/", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/a/b", {"a/b/cpu.max": "max 100000", "a/cpu.max": "50000 100000"}, 0.5),
        ("0::/not/here", {"cpu.max": "200000 100000"}, 2.0),
        (
            "5:cpu,cpuacct:/a\n1:name=systemd:/a",
            {
                "cpu,cpuacct/a/cpu.cfs_quota_us": "300000\n",
                "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
                "cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            3.0,
        ),
        ("0::/", {"cpu.max": "nonsense"}, None),
        ("", {}, None),
    ],
)
def test_a_quota_is_found_wherever_it_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, files: dict[str, str], limit: float | None
) -> None:
    (tmp_path / "own").write_text(own)
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert settings_of(monkeypatch)["quota"](tmp_path, tmp_path / "own") == limit


def test_what_the_environment_says_of_processes_and_pinning_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings_of(monkeypatch)
    assert found["workers"] >= 2 and not found["preload_app"]
    assert settings_of(monkeypatch, WXBOT_WEB_WORKERS="5")["workers"] == 5
    assert settings_of(monkeypatch, WXBOT_WEB_WORKERS="1")["is_pinned"] is False
    assert settings_of(monkeypatch, WXBOT_WEB_PIN="off")["is_pinned"] is False


def test_no_line_is_made_of_a_request_though_the_log_has_a_form_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """gunicorn makes them for whoever sets `logconfig_dict`, and throws them away afterwards: a third of what a request costs it."""
    settings = settings_of(monkeypatch, WXBOT_LOG_FORMAT="json")
    assert settings["logconfig_dict"] and settings["logger_class"].access_log_enabled is False


def test_who_answers_after_the_end_of_a_process_writes_into_nobody_s_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pipe that wakes a server had been closed by then, and a database that a late request opened had its number."""
    waking = settings_of(monkeypatch)["LastingQueue"]()
    waking.init()
    waking.close()
    with ExitStack() as files:
        opened = [files.enter_context((tmp_path / str(n)).open("wb")) for n in range(4)]
        waking.defer(print)
        assert [os.fstat(each.fileno()).st_size for each in opened] == [0, 0, 0, 0]
    for each in waking._read_fd, waking._write_fd:
        os.close(each)
