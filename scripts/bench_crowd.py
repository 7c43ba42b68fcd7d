"""Phones with open streams as a program of its own, so that a measurement can say what they cost and what the servers do.

They have processor time that nobody else wants (SCHED_IDLE), as if they were machines of their own; what they are sent waits in the kernel
for them meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from bench_hall import AT_ONCE, Phone, patiently
from bench_stage import BenchProblem, cpu_of_family


class Listener(Phone):
    """A phone that counts the states it hears."""

    states = 0

    def hear(self, event: bytes) -> None:
        """One event of its stream."""
        super().hear(event)
        self.states += b"event: state" in event


class Crowd:
    """The program, seen from outside."""

    def __init__(self, port: int, cookies: Sequence[str]) -> None:
        self._phones = len(cookies)
        command = [sys.executable, str(Path(__file__).resolve())]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._say({"port": port, "cookies": list(cookies)})

    def _say(self, said: Any) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(said) + "\n")
        self._child.stdin.flush()

    def _hear(self) -> int:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise BenchProblem("the phones have left; their words stand above")
        return int(line)

    def __enter__(self) -> Self:
        """Returns when every stream is open."""
        self._hear()
        return self

    def __exit__(self, *_of_error: object) -> None:
        self._child.kill()
        self._child.wait()

    def heard(self) -> int:
        """How many states the phone has heard that heard the fewest."""
        self._say("heard")
        return self._hear()

    def cpu_s(self) -> float:
        """Processor time of all phones so far."""
        return cpu_of_family(self._child.pid)


async def _listening() -> None:
    """What the program does: the first line opens the streams, each further one is answered."""
    loop, lines = asyncio.get_running_loop(), asyncio.StreamReader(limit=1 << 24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    told = json.loads(await lines.readline())
    phones = [Listener(no, cookie, told["port"]) for no, cookie in enumerate(told["cookies"], 1)]
    gate = asyncio.Semaphore(AT_ONCE)

    async def come(phone: Listener) -> None:
        async with gate:
            await phone.listen()

    await patiently(*map(come, phones))
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    print(len(phones), flush=True)
    while await lines.readline():
        print(min(phone.states for phone in phones), flush=True)


if __name__ == "__main__":
    asyncio.run(_listening())
