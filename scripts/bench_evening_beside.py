"""The other doors beside a full hall: the host's desk and the chat, with and without its 2,000 phones."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench_callbacks import SILENT, prepared
from bench_crowd import Crowd
from bench_evening_stage import GUESTS, Evening
from bench_hall import part
from bench_load import request
from bench_proxy import waits
from bench_stage import HOST, BenchProblem, Figure, cpu_of_family, middle

BESIDE_S, PAGES_PER_S, TEXTS_PER_S = 8.0, 15, 40
ROUNDS = 5
AIM = 1.25
"""No worse. What a machine does of its own makes two rounds of the same thing differ by as much; `noise` of each run says by how much in it."""


@dataclass
class Waits:
    """How long the host's desk and messages in the chat were waited for, in ms."""

    desk: list[float] = field(default_factory=list)
    chat: list[float] = field(default_factory=list)

    def p99(self) -> tuple[float, float]:
        """99 of 100 of each were answered within so many ms."""
        return part(sorted(self.desk), 0.99), part(sorted(self.chat), 0.99)


async def others(evening: Evening, into: Waits) -> None:
    """The host's desk and messages in the chat, both a few a second for BESIDE_S."""
    console, chance = evening.console(), random.Random(7)
    desk = request("GET", f"/admin/halls/{evening.hall.campaign_id}", console[0], headers=(("Cookie", console[1]),))
    own = evening.settings.public_url.split("//")[1].encode()
    texts = [
        text.replace(HOST.encode(), own, 1) for text in prepared(evening.settings, int(BESIDE_S * TEXTS_PER_S), SILENT)
    ]
    began = time.monotonic() + 0.2
    pages = [began + BESIDE_S * chance.random() for _ in range(int(BESIDE_S * PAGES_PER_S))]
    moments = [began + BESIDE_S * chance.random() for _ in texts]
    found = await asyncio.gather(
        asyncio.gather(*(evening.proxy.ask(at, desk) for at in pages)),
        asyncio.gather(*map(evening.proxy.ask, moments, texts)),
    )
    into.desk += waits(found[0], b"</main>")
    into.chat += waits(found[1], b"success")


@asynccontextmanager
async def changing(evening: Evening) -> AsyncIterator[None]:
    """The host shows another scene each second meanwhile."""

    async def change() -> None:
        for scene in itertools.cycle(("prizes", "wall")):
            await asyncio.to_thread(evening.show, scene)
            await asyncio.sleep(1)

    task = asyncio.create_task(change())
    try:
        yield
    finally:
        task.cancel()


async def run(evening: Evening) -> list[Figure]:
    """The other doors while the host changes the scene each second: with no phone in the hall, and with all of them on a stream.

    In turn, ROUNDS times (or as often as anything is measured), and the middle of the rounds: 99 of 100 of a round's 120 pages is all
    but the slowest, so what the machine does of its own in one round would be the figure of all of them together.
    """
    await others(evening, Waits())  # what is read once is read
    await evening.wall.listen("?as=screen")
    alone, idle, beside = list[Waits](), list[Waits](), list[Waits]()
    more: dict[str, float] = defaultdict(float)
    rounds = min(ROUNDS, evening.bench.size.rounds)
    for turn in range(rounds):
        alone.append(Waits())
        async with changing(evening):
            await others(evening, alone[-1])
        crowd = await asyncio.to_thread(evening.crowd)
        idle.append(Waits())
        await others(evening, idle[-1])
        heard, used = await asyncio.to_thread(crowd.heard), _used(evening, crowd)
        beside.append(Waits())
        async with changing(evening):
            await others(evening, beside[-1])
        for name, n in _used(evening, crowd).items():
            more[name] += n - used[name]
        more["changes"] += await asyncio.to_thread(crowd.heard) - heard
        if turn < rounds - 1:
            await asyncio.to_thread(evening.empty)
    if more["changes"] < rounds * BESIDE_S / 2:
        raise BenchProblem(f"somebody heard of {more['changes']} changes in {rounds * BESIDE_S} s")
    what = ("the host's desk", "a message in the chat")
    each = zip(what, usual(beside), usual(alone), usual(idle), strict=True)
    return [
        Figure(
            "evening",
            f"{name}, 99 of 100, beside {GUESTS} streams",
            "ms",
            ours,
            before,
            "without streams",
            ours / before,
            aim=AIM,
            is_better_low=True,
            rounds=[one.p99()[n] / other.p99()[n] for one, other in zip(beside, alone, strict=True)],
            # asdict of 3.11 copies no defaultdict
            more=dict(more) | {"streams_say_nothing_ms": quiet, "noise": noise([one.p99()[n] for one in alone])},
        )
        for n, (name, ours, before, quiet) in enumerate(each)
    ]


def usual(rounds: Sequence[Waits]) -> tuple[float, float]:
    """The middle of what 99 of 100 of each were answered within in each round, in ms."""
    desk, chat = zip(*(each.p99() for each in rounds), strict=True)
    return middle(list(desk)), middle(list(chat))


def noise(same: Sequence[float]) -> float:
    """By how many times measurements of the same thing differ."""
    return max(same) / min(same)


def _used(evening: Evening, crowd: Crowd) -> dict[str, float]:
    """Seconds of processor time so far, each apart: `phones` are no part of what is measured."""
    bench = evening.bench
    web, live = (cpu_of_family(each.pid) for each in (evening.web, evening.live))
    return {
        "phones_s": crowd.cpu_s(),
        "live_s": live,
        "web_s": web,
        "bench_s": time.process_time(),
        "all_s": bench.cpu_seconds(evening.web) + live,
    }
