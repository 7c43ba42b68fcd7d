"""Give a stranger's file to the confined child and take its answer: a few at a time, never longer than CHILD_S (S12, S16, S47)."""

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from wxbot.confined import child
from wxbot.logs import get_logger
from wxbot.text import Refusal, Text

log = get_logger(__name__)

CHILD_S = 10.0
"""How long one file may take before its child is killed (S47)."""

CHILDREN = 2
"""Files read at the same time by one process, and by all processes that share a data folder: a web process for each
processor, each with two pictures of up to 512 MB, is more than a machine has. The others wait WAIT_S, then the sender is
asked to try again."""

LOOK_S = 0.05
"""How often one that waits for other processes looks again."""

WAIT_S = 20.0
WAITERS = 4
"""More than so many do not wait at all: files must not hold every thread of the web door (callbacks, draws) (S16)."""

_turn = threading.BoundedSemaphore(CHILDREN)
_place = threading.BoundedSemaphore(CHILDREN + WAITERS)


class Busy(Refusal):
    """Too much to do at this moment: the same request may succeed in a few seconds."""

    def __init__(self) -> None:
        super().__init__(
            "busy",
            Text("现在上传的人很多，请过几秒再试。", "Many files are coming in. Please try again in a moment."),
        )


class NoAnswer(Exception):
    """The child ended without an answer; `is_limit` says that time or memory ended it."""

    def __init__(self, *, is_limit: bool) -> None:
        super().__init__(is_limit)
        self.is_limit = is_limit


def ask(program: str, raw: bytes, folder: Path | None = None) -> bytes:
    """What the main() of the module `program` writes when it is given these bytes. Raises Busy or NoAnswer.

    `folder` is the data folder that the processes of this machine share; without it only this process counts. Never call
    it with an open transaction: a picture takes a tenth of a second, a hostile file ten seconds.
    """
    if not _place.acquire(blocking=False):
        raise Busy
    try:
        if not _turn.acquire(timeout=WAIT_S):
            raise Busy
        try:
            with _slot(folder) if folder else nullcontext():
                return _run(program, raw)
        finally:
            _turn.release()
    finally:
        _place.release()


@contextmanager
def _slot(folder: Path) -> Iterator[None]:
    """One of CHILDREN places in the folder; the system frees it when its process ends, however it ends. Raises Busy."""
    deadline = time.monotonic() + WAIT_S
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    slots = [os.open(folder / f"child-{n}.lock", os.O_RDWR | os.O_CREAT, 0o600) for n in range(CHILDREN)]
    try:
        while not any(_is_ours(slot) for slot in slots):
            if time.monotonic() > deadline:
                raise Busy
            time.sleep(LOOK_S)
        yield
    finally:
        for slot in slots:
            os.close(slot)


def _is_ours(slot: int) -> bool:
    try:
        fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _run(program: str, raw: bytes) -> bytes:
    # -I: neither our environment's paths nor the working directory decide what is imported. No environment: no secrets.
    # A web process is pinned to one processor (deploy/gunicorn.conf.py); its child need not wait for that one.
    path = str(Path(child.__file__).resolve())
    command = [sys.executable, "-I", "-B", path, program, os.environ.get("WXBOT_WEB_CORES", "")]
    try:
        done = subprocess.run(command, input=raw, capture_output=True, timeout=CHILD_S, env={}, cwd="/", check=False)
    except subprocess.TimeoutExpired:
        log.warning("child_too_slow", program=program, bytes=len(raw))
        raise NoAnswer(is_limit=True) from None
    if done.returncode:
        said = done.stderr[-300:].decode(errors="replace")
        log.warning("child_died", program=program, code=done.returncode, bytes=len(raw), said=said)
        raise NoAnswer(is_limit=done.returncode < 0)
    return done.stdout
