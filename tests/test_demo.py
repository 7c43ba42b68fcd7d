"""`wxbot demo` as a process: who holds its folder, how it ends, what it leaves readable."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wxbot.demo.stage import Stage, StageProblem
from wxbot.private_servers import free_port

ROOT = Path(__file__).resolve().parent.parent
HOLDER = "import sys, time; from pathlib import Path; from wxbot.demo.stage import Stage; Stage(Path(sys.argv[1])).hold(); print('held', flush=True); time.sleep(120)"


def test_a_folder_has_one_demo_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    first = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert first.stdout is not None and first.stdout.readline() == b"held\n"
        with pytest.raises(StageProblem, match=rf"process {first.pid}, since 20\d\d-") as refused:
            Stage(folder).hold()
        assert str(folder) in str(refused.value)
    finally:
        first.kill()
        first.communicate()
    again = Stage(folder)
    again.hold()
    again.clear()  # a fresh start keeps the lock it holds
    with pytest.raises(StageProblem, match=f"process {os.getpid()}"):
        Stage(folder).hold()
    again.stop()
    Stage(folder).hold()


def start(folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """A demo in the background of a script: interrupts are ignored when it starts."""
    ports = [f"--{name}-port={free_port()}" for name in ("web", "wechat", "pay")]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with log.open("wb") as stream:
            command = [sys.executable, "-m", "wxbot", "demo", "--folder", str(folder), *ports]
            return subprocess.Popen(command, cwd=ROOT, stdout=stream, stderr=stream, start_new_session=True)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_demo_in_the_background_refuses_a_second_and_stops_on_an_interrupt(tmp_path: Path) -> None:
    folder, log = tmp_path / "demo", tmp_path / "log"
    first = start(folder, log)
    try:
        deadline = time.monotonic() + 180
        while "wxbot 已就绪" not in log.read_text("utf-8") and first.poll() is None and time.monotonic() < deadline:
            time.sleep(0.3)
        assert "wxbot 已就绪" in log.read_text("utf-8"), log.read_text("utf-8")
        second = start(folder, tmp_path / "second")
        assert second.wait(120) == 1
        assert f"process {first.pid}, since" in (tmp_path / "second").read_text("utf-8")
        open_to_others = [
            path
            for path in [folder, *folder.rglob("*")]
            if not path.is_symlink() and stat.S_IMODE(path.lstat().st_mode) & 0o077
        ]
        assert open_to_others == []
        assert not re.search("^export", (folder / "env").read_text(), re.MULTILINE)
        first.send_signal(signal.SIGINT)
        assert first.wait(120) == 0, log.read_text("utf-8")
    finally:
        first.terminate()
        first.wait(60)
