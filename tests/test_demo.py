"""`wxbot demo` as a process: who holds its folder, how it ends, what it leaves readable."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from wxbot.demo.run import run
from wxbot.demo.stage import LIVE_NICE, LOCK, Ports, Stage, StageProblem
from wxbot.private_servers import free_port

ROOT = Path(__file__).resolve().parent.parent


def hold_in_a_process(folder: Path) -> int:
    """A process that has the folder until it is killed; its number."""
    is_held, says = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            Stage(folder).hold()
            os.write(says, b"held")
            time.sleep(120)
        finally:
            os._exit(1)
    os.close(says)
    with os.fdopen(is_held, "rb") as pipe:
        assert pipe.read(4) == b"held"
    return child


def test_a_folder_has_one_demo_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    first = hold_in_a_process(folder)
    try:
        with pytest.raises(StageProblem, match=rf"process {first}, since 20\d\d-") as refused:
            Stage(folder).hold()
        assert str(folder) in str(refused.value)
    finally:
        os.kill(first, signal.SIGKILL)
        os.waitpid(first, 0)
    again = Stage(folder)
    again.hold()
    again.clear()  # a fresh start keeps the lock it holds
    with pytest.raises(StageProblem, match=f"process {os.getpid()}"):
        Stage(folder).hold()
    again.stop()
    Stage(folder).hold()


def free_ports() -> dict[str, int]:
    return {name: free_port() for name in ("web", "wechat", "pay", "live")}


def command(folder: Path) -> tuple[list[str], list[int]]:
    """A demo on free ports, and these."""
    ports = free_ports()
    options = [f"--{name}-port={port}" for name, port in ports.items()]
    return [sys.executable, "-m", "wxbot", "demo", "--folder", str(folder), *options], list(ports.values())


def start(words: list[str], log: Path, *, is_in_background: bool) -> subprocess.Popen[bytes]:
    """Start a demo; one in the background of a script has interrupts ignored when it starts."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if is_in_background else signal.getsignal(signal.SIGINT)
    try:
        with log.open("wb") as stream:
            return subprocess.Popen(
                words,
                cwd=ROOT,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
                env={**os.environ, "COLUMNS": "200", "WXBOT_WEB_WORKERS": "1"},
            )
    finally:
        signal.signal(signal.SIGINT, before)


def until_ready(demo: subprocess.Popen[bytes], log: Path, port: int) -> None:
    """Wait for the table of addresses; the pages answer by then."""
    deadline = time.monotonic() + 180
    while "wxbot 已就绪" not in log.read_text("utf-8") and demo.poll() is None and time.monotonic() < deadline:
        time.sleep(0.3)
    assert "wxbot 已就绪" in log.read_text("utf-8"), log.read_text("utf-8")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=20) as reply:
        assert reply.status == 200


def until_held(demo: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until a demo has its folder, and its name is written there."""
    deadline, lock = time.monotonic() + 60, folder / LOCK
    while not (lock.exists() and lock.read_text()) and demo.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def children_of(pid: int) -> list[int]:
    """The processes that this one has started."""
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_a_demo_in_the_background_refuses_a_second_stops_on_an_interrupt_and_is_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt stops everything, in the background by itself and in the foreground as Ctrl-C sends it: to the group."""
    folder, log = tmp_path / "demo", tmp_path / "log"
    words, ports = command(folder)
    first = start(words, log, is_in_background=True)
    try:
        until_held(first, folder)  # before it is ready: from then on its people are about
        monkeypatch.setenv("COLUMNS", "200")
        assert run(folder=folder, ports=Ports(**free_ports())) == 1  # what the command asks
        assert f"process {first.pid}, since" in capsys.readouterr().out
        until_ready(first, log, ports[0])
        open_to_others = [
            path
            for path in [folder, *folder.rglob("*")]
            if not path.is_symlink() and stat.S_IMODE(path.lstat().st_mode) & 0o077
        ]
        assert open_to_others == []
        assert not re.search("^export", (folder / "env").read_text(), re.MULTILINE)
        live = [
            pid for pid in children_of(first.pid) if b"live" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        ]
        assert [os.getpriority(os.PRIO_PROCESS, pid) - os.getpriority(os.PRIO_PROCESS, first.pid) for pid in live] == [
            LIVE_NICE
        ]
        first.send_signal(signal.SIGINT)
        assert first.wait(120) == 0, log.read_text("utf-8")
        assert "接着上次的数据" not in log.read_text("utf-8")
        assert not any(map(is_listening, ports))
        first = start(words, log, is_in_background=False)
        until_ready(first, log, ports[0])
        os.killpg(first.pid, signal.SIGINT)
        assert first.wait(120) == 0, log.read_text("utf-8")
        assert "接着上次的数据" in log.read_text("utf-8")
        assert not any(map(is_listening, ports))
    finally:
        first.terminate()
        first.wait(60)
