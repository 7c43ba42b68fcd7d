"""A hall of 2,000 phones on one `wxbot live`: streams that say nothing, a start that all hear, a race, and everybody's return."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import resource
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from bench_stage import HOST, BenchProblem, Figure, Web, cpu_of_family
from bench_stage import Ground as Bench

from tests.live.stage import lay_game, race_game
from wxbot.ground import Ground
from wxbot.hall import screen_pass
from wxbot.hall.wire import KnownGuest, channel, guest_key, guest_value, race_key, state_key
from wxbot.live import rows
from wxbot.live.doors import RETRY_MS
from wxbot.live.roll import BEAT_S, lives
from wxbot.phone_session import session_cookie, session_text, signed

SLUG = "bench"
PHONES = 2_000
IDLE_S = 10.0
RACE_S = 10.0
QUICK_S = 4.0
"""Of each, where only little is measured."""
STARTS = 5
SHAKES_PER_S = 8
AT_ONCE = 100
"""Connections that are opened at the same time at first."""

SIGNAL_MS, ACK_MS, RANK_S, BACK_S, MEMORY_MB = 1_000.0, 300.0, 1.0, 15.0, 300.0
_ACK = re.compile(rb'\{"ack":\{"seq":(\d+),')
_SCENE = re.compile(rb'"scene":"(\w+)"')
_AT = re.compile(rb'"at":([0-9.]+)')


class Phone(asyncio.Protocol):
    """One phone: a stream of events, or a socket in a race. Bytes are made and read by hand, for two thousand of them have one core."""

    def __init__(self, no: int, cookie: str, port: int) -> None:
        self.no, self.cookie, self.port = no, cookie, port
        self.heard: dict[str, float] = {}
        """Scene → when it was heard of."""
        self.acks: list[float] = []
        self.bytes = 0
        """That were sent to it."""
        self._sent: dict[int, float] = {}
        self._arrived = b""
        self._has_head = self._is_socket = False
        self._first: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    async def listen(self, query: str = "") -> None:
        """Open a stream; returns when the first state has come."""
        self._is_socket = False
        await self._ask(f"GET /live/{SLUG}/events{query} HTTP/1.1", "")

    async def run(self) -> None:
        """Open a socket; returns when it was told how far this guest has come."""
        self._is_socket = True
        more = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        await self._ask(f"GET /live/{SLUG}/race HTTP/1.1", more + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")

    async def _ask(self, line: str, more: str) -> None:
        loop = asyncio.get_running_loop()
        self._arrived, self._has_head, self._first = b"", False, loop.create_future()
        self._transport, _ = await loop.create_connection(lambda: self, "127.0.0.1", self.port)
        self._transport.write(f"{line}\r\nHost: {HOST}\r\nCookie: {self.cookie}\r\n{more}\r\n".encode())
        await self._first

    def connection_lost(self, error: Exception | None) -> None:
        """The other end has left, or this one."""
        if self._first is not None and not self._first.done():
            self._first.set_exception(BenchProblem(f"phone {self.no}: {self._arrived[:100]!r}"))

    def data_received(self, data: bytes) -> None:
        """Read all that has come whole."""
        self.bytes += len(data)
        self._arrived += data
        if not self._has_head:
            head, sep, rest = self._arrived.partition(b"\r\n\r\n")
            if not sep or not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 101")):
                if sep and self._transport is not None:
                    self._transport.abort()
                return
            self._has_head, self._arrived = True, rest
        if self._is_socket:
            self._read_frames()
            return
        whole, sep, self._arrived = self._arrived.rpartition(b"\n\n")
        for event in whole.split(b"\n\n") if sep else ():
            self.hear(event)

    def hear(self, event: bytes) -> None:
        """One event of a stream."""
        if found := _SCENE.search(event):
            self.heard.setdefault(found[1].decode(), time.monotonic())
            self._is_there()

    def _is_there(self) -> None:
        if self._first is not None and not self._first.done():
            self._first.set_result(None)

    def _read_frames(self) -> None:
        data, at = self._arrived, 0
        while len(data) >= at + 2:
            size, begin = data[at + 1] & 127, at + 2
            if size >= 126:
                begin += 2 if size == 126 else 8
                size = int.from_bytes(data[at + 2 : begin]) if len(data) >= begin else len(data)
            if len(data) < begin + size:
                break
            self._frame(data[at] & 15, data[begin : begin + size])
            at = begin + size
        self._arrived = data[at:]

    def _frame(self, kind: int, said: bytes) -> None:
        if kind == 9 and self._transport is not None:  # a ping
            self._transport.write(bytes((0x8A, 0x80 | len(said))) + bytes(4) + said)
        elif found := _ACK.match(said):
            if sent := self._sent.pop(int(found[1]), None):
                self.acks.append(time.monotonic() - sent)
            self._is_there()

    async def shake(self, seconds: float, chance: random.Random) -> int:
        """Send how often it was shaken, once a second and at moments of its own; returns how often it was."""
        await asyncio.sleep(chance.random())
        count = 0
        for seq in range(1, int(seconds) + 1):
            began = time.monotonic()
            count += SHAKES_PER_S
            said = b'{"seq":%d,"count":%d}' % (seq, count)
            self._sent[seq] = began
            assert self._transport is not None
            self._transport.write(bytes((0x81, 0x80 | len(said))) + bytes(4) + said)
            await asyncio.sleep(max(0.0, 1 + chance.uniform(-0.05, 0.05) - (time.monotonic() - began)))
        return count

    def close(self) -> None:
        """The network is gone."""
        if self._transport is not None:
            self._transport.abort()


class Screen(Phone):
    """The big screen, which hears the ranks of a race; none that it shows may be older than a second."""

    def __init__(self, cookie: str, port: int, unix: Callable[[], float]) -> None:
        super().__init__(0, cookie, port)
        self._unix = unix
        self._at = 0.0
        self.oldest_s: list[float] = []
        """How old each rank was when the next one took its place, from when it was counted."""

    def hear(self, event: bytes) -> None:
        """Ranks, besides what phones hear."""
        super().hear(event)
        if b"event: ranks" in event and (found := _AT.search(event)):
            if self._at:
                self.oldest_s.append(self._unix() - self._at)
            self._at = float(found[1])


class Lag:
    """How late this program itself comes to what is due: no answer can be seen earlier than that."""

    def __init__(self) -> None:
        self.late_s: list[float] = []

    async def watch(self) -> None:
        """Look a hundred times a second."""
        while True:
            due = time.monotonic() + 0.01
            await asyncio.sleep(0.01)
            self.late_s.append(time.monotonic() - due)

    def ms(self, share: float) -> float:
        """What this share of the looks did not exceed."""
        return part(sorted(self.late_s), share) * 1000


async def patiently(*verbs: Awaitable[None]) -> None:
    """All of them, but not for ever."""
    try:
        await asyncio.wait_for(asyncio.gather(*verbs), 120)
    except (TimeoutError, OSError) as error:
        raise BenchProblem(f"not every phone came through: {type(error).__name__} {error}") from error


class Hall:
    """The hall that is measured."""

    def __init__(self, bench: Bench) -> None:
        self.settings = bench.settings(live_streams=3 * PHONES)
        self.ground = Ground(self.settings)
        self.web: Web = bench.live("live", self.settings)
        self._v = 0
        self.idle_s, self.race_s = (QUICK_S, QUICK_S) if bench.size.is_quick else (IDLE_S, RACE_S)
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

    def screen_cookie(self) -> str:
        """A paired screen's pass."""
        return f"{screen_pass.cookie_name(self.ground, SLUG)}={screen_pass.write(self.ground, SLUG, 1)}"

    async def watch(self, late: Lag) -> None:
        """Note how late live says that it was."""
        while True:
            await asyncio.sleep(BEAT_S)
            late.late_s += [each.late_ms / 1000 for each in lives(self.ground.redis)]

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


def part(values: list[float], share: float) -> float:
    """What this share of sorted values does not exceed."""
    return values[min(len(values) - 1, int(len(values) * share))]


def figure(what: str, unit: str, ours: float, most: float, more: dict[str, Any] | None = None) -> Figure:
    """One figure beside what it may be at most."""
    return Figure("hall", what, unit, ours, most, "at most", ours / most, aim=1.0, is_better_low=True, more=more or {})


async def _measured(hall: Hall) -> list[Figure]:
    hall.tell("wall")
    await hall.all_open("listen")
    await asyncio.sleep(2)
    before, began = hall.cpu_s(), time.monotonic()
    await asyncio.sleep(hall.idle_s)
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
        almost.append(part(ms, 0.99))
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
    screen = Screen(hall.screen_cookie(), hall.web.port, hall.ground.clock.unix)
    await screen.listen("?as=screen")
    began = hall.ground.clock.unix() + 2
    hall.tell("race", race_game(1, began, 10 * hall.race_s))
    await asyncio.sleep(2.2)
    lag, live_lag = Lag(), Lag()
    watching = [asyncio.create_task(lag.watch()), asyncio.create_task(hall.watch(live_lag))]
    before, chance, since, own = hall.cpu_s(), random.Random(7), time.monotonic(), time.process_time()
    sent = await asyncio.gather(*(phone.shake(hall.race_s, chance) for phone in hall.phones))
    seconds = time.monotonic() - since
    used, own = (hall.cpu_s() - before) / seconds, (time.process_time() - own) / seconds
    for _ in range(30):  # what is still on its way on a busy machine counts as slow, not as lost
        if sum(len(phone.acks) for phone in hall.phones) == int(hall.race_s) * PHONES:
            break
        await asyncio.sleep(0.1)
    for task in watching:
        task.cancel()
    ms = sorted(1000 * each for phone in hall.phones for each in phone.acks)
    # It ends when the last phone has sent: on a busy machine they are late themselves.
    hall.tell("race", race_game(1, began, hall.ground.clock.unix() - began))
    until = time.monotonic() + 30
    while not json.loads(str(hall.ground.redis.hget(race_key(SLUG), "ranks")))["final"]:
        if time.monotonic() > until:
            raise BenchProblem("the race never got its last ranks")
        await asyncio.sleep(0.2)
    require_all_counted(hall, 1, sent)
    if len(ms) < 0.99 * int(hall.race_s) * PHONES:  # the slowest are not among those that came
        raise BenchProblem(f"only {len(ms)} answers came")
    more = {"p50_ms": part(ms, 0.5), "worst_ms": ms[-1], "answers": len(ms), "messages": int(hall.race_s) * PHONES}
    more |= {"phones_late_p99_ms": lag.ms(0.99), "phones_late_worst_ms": lag.ms(1.0), "phones_of_a_core": own}
    more |= {"live_late_worst_ms": live_lag.ms(1.0)}
    ages = sorted(screen.oldest_s)
    screen.close()
    return [
        figure(f"a race, {PHONES} messages a second, answer to 99 of 100", "ms", part(ms, 0.99), ACK_MS, more),
        figure("the same, of a core", "%", used * 100, 100.0),
        figure("the oldest rank on the screen", "s", ages[-1], RANK_S, {"p50_s": part(ages, 0.5), "ranks": len(ages)}),
    ]


def require_all_counted(hall: Hall, game_id: int, sent: list[int]) -> None:
    """Raise BenchProblem when a row says anything but what its phone was shaken."""
    written = rows.read(hall.ground.database, game_id)
    counted = {no: runner.counted for no, (_, runner) in written.items()}
    lacking = sum(counted.get(phone.no, 0) != count for phone, count in zip(hall.phones, sent, strict=True))
    if lacking:
        raise BenchProblem(f"{lacking} counts differ from what was shaken")


def open_files(wanted: int) -> None:
    """Let this program and what it starts have so many open. Raises BenchProblem where the machine does not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted:
        raise BenchProblem(f"needs {wanted} open files, and this machine allows {hard}: ulimit -n")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def run(bench: Bench) -> Iterator[Figure]:
    """All of it on one process; the phones, Redis and live share the machine."""
    open_files(3 * PHONES)
    with closing(Hall(bench)) as hall:
        yield from asyncio.run(_measured(hall))
