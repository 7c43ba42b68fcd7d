"""What fails on an evening, while 2,000 phones are in a race: everybody's network for a minute, then the `wxbot live` that counts."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from typing import Any

from bench_hall import (
    AT_ONCE,
    BACK_S,
    PHONES,
    SHAKES_PER_S,
    SLUG,
    Hall,
    Phone,
    Screen,
    open_files,
    patiently,
    require_all_counted,
)
from bench_outage_screen import run as screens
from bench_stage import BenchProblem, Figure, Web
from bench_stage import Ground as Bench

from tests.live.stage import lay_game, race_game
from wxbot.hall.wire import race_key
from wxbot.live import rows
from wxbot.live.doors import RETRY_MS

GAME = 1
AWAY_S, QUICK_AWAY_S = 60.0, 5.0
"""For so long nobody has a network."""

SOON_S = 6.0
"""Until the race begins: every phone is on its socket by then, and another live has started."""

RACED_S = 4.0
"""Of the race before anything fails, and after all is well again."""

AGAIN_S = (0.5, 3.0)
"""After so long the page of a phone opens its socket again (static/h5/hall_game.js)."""

STREAM_AGAIN_S = (5.0, 15.0)
"""The same of a stream that was refused; meanwhile the page asks (static/h5/hall.js)."""

TRIES = 10
TAKEN_S, ROWS_S = 5.0, 1.0
PATIENCE_S = 60.0
_TOLD = re.compile(rb'\{"ack":\{"seq":\d+,"count":(\d+)')
_EPOCH = re.compile(rb'"epoch":(\d+)')


class Racer(Phone):
    """A phone in a race: it says each second how often it was shaken in all, and is shaken on while it has no network."""

    def __init__(self, no: int, cookie: str, port: int) -> None:
        super().__init__(no, cookie, port)
        self.count = self.told = 0
        """Shakes so far, and how many of them the server has said that it counted."""
        self._seq, self._is_on = 0, False

    async def run(self) -> None:
        """As every phone; from now on it has a network."""
        await super().run()
        self._is_on = True

    def _frame(self, kind: int, said: bytes) -> None:
        super()._frame(kind, said)
        if kind == 8 and self._first is not None and not self._first.done():
            self._first.set_exception(BenchProblem(f"phone {self.no}: closed with {int.from_bytes(said[:2])}"))
        if found := _TOLD.match(said):
            self.told = max(self.told, int(found[1]))

    def connection_lost(self, error: Exception | None) -> None:
        """Nothing is sent until it is back."""
        self._is_on = False
        super().connection_lost(error)

    def close(self) -> None:
        """The network is gone."""
        self._is_on = False
        super().close()

    async def play(self, chance: random.Random, is_over: Callable[[], bool]) -> None:
        """Be shaken, once a second and at moments of its own, until it is over."""
        await asyncio.sleep(chance.random())
        while not is_over():
            began = time.monotonic()
            self.count += SHAKES_PER_S
            self.say()
            await asyncio.sleep(max(0.0, 1 + chance.uniform(-0.05, 0.05) - (time.monotonic() - began)))

    def say(self) -> None:
        """How often it was in all, where it can say it."""
        if self._is_on and self._transport is not None:
            self._seq += 1
            said = b'{"seq":%d,"count":%d}' % (self._seq, self.count)
            self._transport.write(bytes((0x81, 0x80 | len(said))) + bytes(4) + said)


class Watcher(Screen):
    """A screen that notes who counts: a holder of the hall's lease that follows another one has a greater number."""

    def __init__(self, cookie: str, port: int, unix: Callable[[], float]) -> None:
        super().__init__(cookie, port, unix)
        self.epochs: dict[int, float] = {}

    def hear(self, event: bytes) -> None:
        """Ranks say whose they are."""
        super().hear(event)
        if b"event: ranks" in event and (found := _EPOCH.search(event)):
            self.epochs.setdefault(int(found[1]), time.monotonic())


class Outage:
    """A race of all phones, each with a stream of events besides, and what is taken from them."""

    def __init__(self, hall: Hall, bench: Bench) -> None:
        self.hall, self.bench = hall, bench
        self.away_s = QUICK_AWAY_S if bench.size.is_quick else AWAY_S
        self.racers = [Racer(each.no, each.cookie, each.port) for each in hall.phones]
        self.is_over = False
        self.refusals: list[str] = []
        self.chance = random.Random(7)

    async def run(self) -> list[Figure]:
        """The race from its beginning to the last row."""
        hall = self.hall
        hall.tell("wall")
        await hall.all_open("listen")
        lay_game(hall.ground.database, GAME)
        began = hall.ground.clock.unix() + SOON_S
        hall.tell("race", race_game(GAME, began, 10 * (self.away_s + PATIENCE_S)))
        await self._come([racer.run for racer in self.racers])
        while not hall.ground.redis.hexists(race_key(SLUG), "ranks"):
            await asyncio.sleep(0.1)
        # Only now, so that the first one counts.
        spare = await asyncio.to_thread(self.bench.live, "live-spare", hall.settings)
        watcher = Watcher(hall.screen_cookie(), spare.port, hall.ground.clock.unix)
        await watcher.listen("?as=screen")
        await asyncio.sleep(max(0.0, began - hall.ground.clock.unix()))
        playing = [asyncio.create_task(each.play(self.chance, lambda: self.is_over)) for each in self.racers]
        await asyncio.sleep(RACED_S)
        found = [await self._network()]
        await asyncio.sleep(RACED_S)
        found += await self._killed(watcher, spare)
        await asyncio.sleep(RACED_S)
        self.is_over = True
        await asyncio.gather(*playing)
        found.append(await self._lost(began))
        watcher.close()
        return found

    async def _come(self, verbs: list[Callable[[], Any]]) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(verb: Callable[[], Any]) -> None:
            async with gate:
                await verb()

        await patiently(*map(one, verbs))

    def _cut(self) -> None:
        """Every connection of a phone is gone."""
        for phone in (*self.hall.phones, *self.racers):
            phone.close()

    async def _network(self) -> Figure:
        """Nobody has a network for a while; they are shaken all the same, and come back as their pages do."""
        self._cut()
        before = sum(each.told for each in self.racers)
        await asyncio.sleep(self.away_s)
        began = time.monotonic()
        streams, sockets, counts = await self._return(self.hall.web.port)
        away = sum(each.told for each in self.racers) - before
        more = {"streams_s": streams - began, "sockets_s": sockets - began, "counts_s": counts - began}
        more |= {"shakes_made_good": away, "refused_at_first": len(self.refusals)}
        what = f"no network for {self.away_s:.0f} s in a race: every stream, socket and whole count is back"
        return figure(what, "s", max(streams, sockets, counts) - began, BACK_S, more)

    async def _return(self, port: int) -> tuple[float, float, float]:
        """Everybody opens both again, each at a moment of its own; when the last stream, the last socket and the last whole count was there."""

        async def listen(phone: Phone) -> float:
            await asyncio.sleep(self.chance.uniform(*RETRY_MS) / 1000)
            phone.port = port
            await self._admitted(phone.listen, STREAM_AGAIN_S)
            return time.monotonic()

        async def run(racer: Racer) -> tuple[float, float]:
            await asyncio.sleep(self.chance.uniform(*AGAIN_S))
            racer.port = port
            await self._admitted(racer.run, AGAIN_S)
            at, owed = time.monotonic(), racer.count
            until = at + PATIENCE_S
            while racer.told < owed:
                if time.monotonic() > until:
                    raise BenchProblem(f"phone {racer.no} was shaken {owed} times, and {racer.told} are counted")
                await asyncio.sleep(0.02)
            return at, time.monotonic()

        listening = asyncio.gather(*map(listen, self.hall.phones))
        running = asyncio.gather(*map(run, self.racers))
        try:
            heard, ran = await asyncio.wait_for(asyncio.gather(listening, running), 2 * PATIENCE_S)
        except (TimeoutError, OSError) as error:
            raise BenchProblem(f"not every phone came back: {type(error).__name__} {error}") from error
        return max(heard), max(at for at, _ in ran), max(whole for _, whole in ran)

    async def _admitted(self, verb: Callable[[], Awaitable[None]], pause_s: tuple[float, float]) -> None:
        """Until it is let in: who is refused tries again, as the pages do."""
        for _ in range(TRIES):
            try:
                return await verb()
            except BenchProblem as refusal:
                self.refusals.append(str(refusal))
                await asyncio.sleep(self.chance.uniform(*pause_s))
        raise BenchProblem(f"refused {TRIES} times: {self.refusals[-1]}")

    async def _killed(self, watcher: Watcher, spare: Web) -> list[Figure]:
        """The process that counts is killed; phones come to the other one, as nginx sends them."""
        hall = self.hall
        known = await self._epoch_after(watcher, 0)
        os.kill(hall.web.pid, signal.SIGKILL)
        killed, at = time.monotonic(), hall.ground.clock.unix()
        stood = [runner.at for _, runner in rows.read(hall.ground.database, GAME).values()]
        self._cut()
        self.refusals.clear()
        back = asyncio.create_task(self._return(spare.port))
        taken = watcher.epochs[await self._epoch_after(watcher, known)] - killed
        more = {"everybody_back_s": max(await back) - killed, "refused_at_first": len(self.refusals)}
        return [
            figure(
                "live is killed in a race: ranks of the one that follows are on the screen", "s", taken, TAKEN_S, more
            ),
            figure("… the rows from which it goes on were so old", "s", at - max(stood), ROWS_S),
        ]

    async def _epoch_after(self, watcher: Watcher, known: int) -> int:
        """The number of whoever counts and is not the one that is known."""
        until = time.monotonic() + PATIENCE_S
        while max(watcher.epochs, default=0) <= known:
            if time.monotonic() > until:
                raise BenchProblem("nobody counts")
            await asyncio.sleep(0.02)
        return max(watcher.epochs)

    async def _lost(self, began: float) -> Figure:
        """The race is over, and every row says what its phone was shaken: anything else fails the case."""
        hall = self.hall
        until = time.monotonic() + PATIENCE_S
        while any(each.told < each.count for each in self.racers) and time.monotonic() < until:
            await asyncio.sleep(0.1)
        hall.tell("race", race_game(GAME, began, hall.ground.clock.unix() - began))
        while not json.loads(str(hall.ground.redis.hget(race_key(SLUG), "ranks")))["final"]:
            await asyncio.sleep(0.2)
        sent = [each.count for each in self.racers]
        require_all_counted(hall, GAME, sent)
        self._cut()
        n = float(sum(sent))
        what = "shakes of that race in the rows, of all that there were"
        return Figure("outage", what, "shakes", n, n, "shaken", 1.0, aim=1.0)


def figure(what: str, unit: str, ours: float, most: float, more: dict[str, Any] | None = None) -> Figure:
    """One figure beside what it may be at most."""
    return Figure(
        "outage", what, unit, ours, most, "at most", ours / most, aim=1.0, is_better_low=True, more=more or {}
    )


def run(bench: Bench) -> Iterator[Figure]:
    """The race, then the screens; phones, Redis and both `live` share the machine."""
    open_files(3 * PHONES)
    with closing(Hall(bench)) as hall:
        yield from asyncio.run(Outage(hall, bench).run())
    yield from screens(bench)
