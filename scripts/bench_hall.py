"""A hall of 2,000 phones on one `wxbot live`: streams that say nothing, a start that all hear, a race, and everybody's return."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import resource
import struct
import time
from collections.abc import Awaitable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from bench_stage import HOST, BenchProblem, Figure, Web, cpu_of_family
from bench_stage import Ground as Bench

from tests.live.stage import lay_game, race_game
from wxbot.ground import Ground
from wxbot.hall.wire import KnownGuest, channel, guest_key, guest_value, race_key, state_key
from wxbot.live import rows
from wxbot.live.doors import RETRY_MS
from wxbot.phone_session import session_cookie, session_text, signed

SLUG = "bench"
PHONES = 2_000
IDLE_S = 10.0
RACE_S = 10.0
STARTS = 5
SHAKES_PER_S = 8
AT_ONCE = 100
"""Connections that are opened at the same time at first."""

SIGNAL_MS, ACK_MS, BACK_S, MEMORY_MB = 1_000.0, 300.0, 15.0, 300.0
_ACK = re.compile(rb'\{"ack":\{"seq":(\d+),"count":(\d+)')


class Phone:
    """One phone: a stream of events, or a socket in a race; bytes are made and read by hand, to cost the machine little."""

    def __init__(self, no: int, cookie: str, port: int) -> None:
        self.no, self.cookie, self.port = no, cookie, port
        self.heard: dict[str, float] = {}
        """Scene → when it was heard of."""
        self.acks: list[float] = []
        self.counted = 0
        self._sent: dict[int, float] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def listen(self) -> None:
        """Open a stream; returns when the first state has come."""
        reader = await self._ask(f"GET /live/{SLUG}/events HTTP/1.1", "")
        first = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._hear(reader, first))
        await first

    async def run(self) -> None:
        """Open a socket; returns when it was told how far this guest has come."""
        more = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        reader = await self._ask(
            f"GET /live/{SLUG}/race HTTP/1.1", more + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        )
        first = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._race(reader, first))
        await first

    async def _ask(self, line: str, more: str) -> asyncio.StreamReader:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._writer.write(f"{line}\r\nHost: {HOST}\r\nCookie: {self.cookie}\r\n{more}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 101")):
            raise BenchProblem(f"phone {self.no}: {head[:100]!r}")
        return reader

    async def _hear(self, reader: asyncio.StreamReader, first: asyncio.Future[None]) -> None:
        while line := await reader.readline():
            if line.startswith(b"data: {") and (found := re.search(rb'"scene":"(\w+)"', line)):
                self.heard.setdefault(found[1].decode(), time.monotonic())
                if not first.done():
                    first.set_result(None)

    async def _race(self, reader: asyncio.StreamReader, first: asyncio.Future[None]) -> None:
        while True:
            head = await reader.readexactly(2)
            size = head[1] & 127
            if size >= 126:
                size = struct.unpack(
                    *(("!H", await reader.readexactly(2)) if size == 126 else ("!Q", await reader.readexactly(8)))
                )[0]
            said = await reader.readexactly(size)
            if head[0] & 15 == 9 and self._writer is not None:  # a ping
                self._writer.write(bytes((0x8A, 0x80 | size)) + bytes(4) + said)
            if found := _ACK.match(said):
                self.counted = int(found[2])
                if sent := self._sent.pop(int(found[1]), None):
                    self.acks.append(time.monotonic() - sent)
                if not first.done():
                    first.set_result(None)

    async def shake(self, seconds: float, chance: random.Random) -> int:
        """Send how often it was shaken, once a second; returns how often it was."""
        await asyncio.sleep(chance.random())
        count = 0
        for seq in range(1, int(seconds) + 1):
            began = time.monotonic()
            count += SHAKES_PER_S
            said = json.dumps({"seq": seq, "count": count}).encode()
            self._sent[seq] = began
            assert self._writer is not None
            self._writer.write(bytes((0x81, 0x80 | len(said))) + bytes(4) + said)
            await asyncio.sleep(max(0.0, 1 + chance.uniform(-0.05, 0.05) - (time.monotonic() - began)))
        return count

    def close(self) -> None:
        """The network is gone."""
        if self._reading is not None:
            self._reading.cancel()
        if self._writer is not None:
            self._writer.transport.abort()


async def patiently(*verbs: Awaitable[None]) -> None:
    """All of them, but not for ever."""
    try:
        await asyncio.wait_for(asyncio.gather(*verbs), 120)
    except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
        raise BenchProblem(f"not every phone came through: {type(error).__name__} {error}") from error


class Hall:
    """The hall that is measured."""

    def __init__(self, bench: Bench) -> None:
        self.settings = bench.settings(live_streams=3 * PHONES)
        self.ground = Ground(self.settings)
        self.web: Web = bench.live("live", self.settings)
        self._v = 0
        said = [
            session_text(f"oBench{no:06d}", int(self.ground.clock.unix()), "0123456789abcdef") for no in range(PHONES)
        ]
        name = session_cookie(self.ground)
        self.phones = [
            Phone(no, f"{name}={signed(self.ground, 'session', text)}", self.web.port)
            for no, text in enumerate(said, 1)
        ]
        with self.ground.redis.pipeline() as pipeline:
            for no in range(PHONES):
                guest = KnownGuest(no + 1, f"t{no % 4}", f"n{no + 1}")
                pipeline.set(guest_key(SLUG, f"oBench{no:06d}"), guest_value(guest))
            pipeline.execute()

    def close(self) -> None:
        """Let go of Redis and the database."""
        self.ground.close()

    def tell(self, scene: str, game: dict[str, Any] | None = None) -> float:
        """What a verb does after its commit; says when."""
        self._v += 1
        newest = [{"no": no, "name": f"客人{no}", "face": ""} for no in range(60)]
        state = {"v": self._v, "slug": SLUG, "name": "年会", "scene": scene, "newest": newest, "game": game}
        self.ground.redis.set(state_key(SLUG), json.dumps(state, ensure_ascii=False))
        self.ground.redis.publish(channel(SLUG), str(self._v))
        return time.monotonic()

    def cpu_s(self) -> float:
        """Processor time of live so far."""
        return cpu_of_family(self.web.pid)

    def memory_mb(self) -> float:
        """Memory of live now."""
        pages = int(Path(f"/proc/{self.web.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

    async def all_open(self, verb: str) -> None:
        """Every phone on a stream, or on a socket."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def come(phone: Phone) -> None:
            async with gate:
                await getattr(phone, verb)()

        await patiently(*map(come, self.phones))

    async def until_heard(self, scene: str, since: float) -> list[float]:
        """After how many ms each phone had heard of it, the fastest first."""
        deadline = since + 30
        while any(scene not in phone.heard for phone in self.phones):
            if time.monotonic() > deadline:
                raise BenchProblem(f"some phones never heard of {scene}")
            await asyncio.sleep(0.02)
        return sorted((phone.heard[scene] - since) * 1000 for phone in self.phones)


def _part(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]


def figure(what: str, unit: str, ours: float, most: float, more: dict[str, Any] | None = None) -> Figure:
    """One figure beside what it may be at most."""
    return Figure("hall", what, unit, ours, most, "at most", ours / most, aim=1.0, is_better_low=True, more=more or {})


async def _measured(hall: Hall) -> list[Figure]:
    hall.tell("wall")
    await hall.all_open("listen")
    await asyncio.sleep(2)
    before, began = hall.cpu_s(), time.monotonic()
    await asyncio.sleep(IDLE_S)
    idle = (hall.cpu_s() - before) / (time.monotonic() - began)
    found = [
        figure(f"{PHONES} streams that say nothing, of a core", "%", idle * 100, 60.0, {"memory_mb": hall.memory_mb()})
    ]
    found += await _starts(hall)
    found.append(await _return(hall))
    for phone in hall.phones:
        phone.close()
    found += await _race(hall)
    found.append(figure("memory of live at the end", "MB", hall.memory_mb(), MEMORY_MB))
    return found


async def _starts(hall: Hall) -> list[Figure]:
    """A change that concerns everybody, several times: until 99 of 100 have heard of it, and until the last has."""
    almost, last, cpu = [], [], []
    for number in range(STARTS):
        before = hall.cpu_s()
        ms = await hall.until_heard(f"start{number}", hall.tell(f"start{number}"))
        almost.append(_part(ms, 0.99))
        last.append(ms[-1])
        await asyncio.sleep(0.5)
        cpu.append((hall.cpu_s() - before) * 1000)
    more = {"cpu_ms": sorted(cpu)[STARTS // 2], "worst_ms": max(last)}
    return [
        figure("a start signal, until 99 of 100 have it", "ms", sorted(almost)[STARTS // 2], SIGNAL_MS, more),
        figure("a start signal, until the last has it", "ms", sorted(last)[STARTS // 2], SIGNAL_MS, more),
    ]


async def _return(hall: Hall) -> Figure:
    """Everybody's network is gone at once; each comes back after the while that its stream was told."""
    for phone in hall.phones:
        phone.close()
        phone.heard.clear()
    await asyncio.sleep(1)
    began, chance = time.monotonic(), random.Random(7)

    async def come(phone: Phone) -> None:
        await asyncio.sleep(chance.uniform(*RETRY_MS) / 1000)
        await phone.listen()

    await patiently(*map(come, hall.phones))
    return figure("all dropped and back with the newest state", "s", time.monotonic() - began, BACK_S)


async def _race(hall: Hall) -> list[Figure]:
    lay_game(hall.ground.database, 1)
    await hall.all_open("run")
    began = hall.ground.clock.unix() + 2
    hall.tell("race", race_game(1, began, 10 * RACE_S))
    await asyncio.sleep(2.2)
    before, chance, since = hall.cpu_s(), random.Random(7), time.monotonic()
    sent = await asyncio.gather(*(phone.shake(RACE_S, chance) for phone in hall.phones))
    used = (hall.cpu_s() - before) / (time.monotonic() - since)
    for _ in range(30):  # what is still on its way on a busy machine counts as slow, not as lost
        if sum(len(phone.acks) for phone in hall.phones) == int(RACE_S) * PHONES:
            break
        await asyncio.sleep(0.1)
    ms = sorted(1000 * each for phone in hall.phones for each in phone.acks)
    # It ends when the last phone has sent: on a busy machine they are late themselves.
    hall.tell("race", race_game(1, began, hall.ground.clock.unix() - began))
    while not json.loads(str(hall.ground.redis.hget(race_key(SLUG), "ranks")))["final"]:
        await asyncio.sleep(0.2)
    written = rows.read(hall.ground.database, 1)
    counted = {no: runner.counted for no, (_, runner) in written.items()}
    lacking = sum(counted.get(phone.no, 0) != count for phone, count in zip(hall.phones, sent, strict=True))
    if lacking:
        raise BenchProblem(f"{lacking} counts differ from what was shaken; {len(ms)} answers came")
    more = {"p50_ms": _part(ms, 0.5), "worst_ms": ms[-1], "answers": len(ms), "messages": int(RACE_S) * PHONES}
    return [
        figure(f"a race, {PHONES} messages a second, answer to 99 of 100", "ms", _part(ms, 0.99), ACK_MS, more),
        figure("the same, of a core", "%", used * 100, 100.0),
    ]


def run(bench: Bench) -> Iterator[Figure]:
    """All of it on one process; the phones, Redis and live share the machine."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3 * PHONES:
        raise BenchProblem(f"needs {3 * PHONES} open files, and this machine allows {hard}: ulimit -n")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3 * PHONES), hard))
    with closing(Hall(bench)) as hall:
        yield from asyncio.run(_measured(hall))
