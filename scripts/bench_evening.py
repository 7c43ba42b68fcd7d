"""An evening of 2,000 guests behind the web door: a rush to sign in, a rain, 200 winners paid by a real worker, and the other doors."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import bench_evening_beside
from bench_evening_owed import require_owed, told_of
from bench_evening_stage import COMING, GUESTS, PACKETS, PER_SECOND, RUSH, WINNERS, Evening, Guest
from bench_hall import open_files, part
from bench_payouts import working
from bench_proxy import waits
from bench_stage import BenchProblem, Figure
from bench_stage import Ground as Bench
from sqlalchemy import func, select

from tests.hall.hosting import Host
from wxbot import invariants
from wxbot.hall import games, told
from wxbot.hall.models import Guest as GuestRow
from wxbot.hall.models import RainHit
from wxbot.orders.models import Order
from wxbot.payouts.models import Payout
from wxbot.wake import PAY, wake

SPREAD_S = 4.0
"""Within so long after a game was announced phones ask for their own part (static/h5/hall.js)."""

FALL_S = 3.2
"""A packet can be tapped for so long (static/h5/hall_game.js)."""

WALL_PATIENCE_S = 20.0
"""Who is not on the wall by then never is."""

WALL_S, CLAIM_MS, FIRST_S, ALL_S = 1.0, 500.0, 2.0, 10.0


def figure(what: str, unit: str, ours: float, most: float, more: dict[str, Any] | None = None) -> Figure:
    """One figure beside what it may be at most."""
    return Figure(
        "evening", what, unit, ours, most, "at most", ours / most, aim=1.0, is_better_low=True, more=more or {}
    )


async def _rush(evening: Evening) -> list[Figure]:
    """COMING people within a second, each at a moment of their own; then RUSH more, as fast as they are let in."""
    new, chance = evening.guests[GUESTS:], random.Random(7)
    for who in new[:8]:  # both processes have read what they keep
        await evening.proxy.ask(0.0, evening.get(who, "me"))
    began = time.monotonic() + 0.5
    moments = sorted(began + chance.random() for _ in range(COMING))
    forms = [evening.sign_in(who, f"新来宾{n}") for n, who in enumerate(new[:COMING])]
    answers = await asyncio.gather(*map(evening.proxy.ask, moments, forms))
    ms = waits(answers, b'"signed_in"')
    nos = [json.loads(answer.rpartition(b"\r\n\r\n")[2])["no"] for _, answer in answers]
    if len(set(nos)) != COMING:
        raise BenchProblem(f"{len(set(nos))} numbers for {COMING} people")
    until = time.monotonic() + WALL_PATIENCE_S
    while not evening.wall.seen.keys() >= set(nos) and time.monotonic() < until:
        await asyncio.sleep(0.1)
    # Who came while more others did than a wall holds was never on it: the last of all.
    walls = sorted(evening.wall.seen.get(no, until) - at for no, at in zip(nos, moments, strict=True))
    unseen = len(set(nos) - evening.wall.seen.keys())
    if unseen > COMING / 20:
        raise BenchProblem(f"{unseen} of {COMING} who signed in were never on the wall")
    more = {"p50_ms": part(ms, 0.5), "p95_ms": part(ms, 0.95), "worst_ms": ms[-1], "worst_on_wall_s": walls[-1]}
    more["never_on_wall"] = unseen
    found = [
        figure(f"{COMING} sign in within a second: on the wall, 95 of 100", "s", part(walls, 0.95), WALL_S, more),
    ]
    forms = [evening.sign_in(who, f"后来宾{n}") for n, who in enumerate(new[COMING : COMING + RUSH])]
    cpu, began = evening.bench.cpu_seconds(evening.web), time.monotonic()
    ms = waits(await asyncio.gather(*(evening.proxy.ask(began, form) for form in forms)), b'"signed_in"')
    seconds, cpu = time.monotonic() - began, evening.bench.cpu_seconds(evening.web) - cpu
    more = {"cpu_ms_each": cpu / RUSH * 1000, "p99_ms": part(ms, 0.99)}
    rate = RUSH / seconds
    found.append(
        Figure("evening", f"{RUSH} sign in at once", "people/s", rate, COMING, "wanted", rate / COMING, 1.0, more=more)
    )
    return found


async def _rain(evening: Evening) -> list[Figure]:
    """Everybody's page asks for its own part when the rain is announced, then catches what is its own."""
    hall, runtime, chance = evening.hall, evening.runtime, random.Random(7)
    with runtime.database.transaction() as session:
        game = games.begin(session, runtime.vault, hall.campaign_id, 2, runtime.database.now(session))
    told.tell(runtime, hall.campaign_id)
    assert game.begin_at is not None and game.end_at is not None
    heard = time.monotonic()
    until = game.begin_at.timestamp() - runtime.clock.unix()
    moments: dict[str, list[RainHit]] = defaultdict(list)
    with runtime.database.reading() as session:
        of_guest = (GuestRow.campaign_id == hall.campaign_id) & (GuestRow.no == RainHit.guest_no)
        query = select(RainHit, GuestRow.openid).join(GuestRow, of_guest).where(RainHit.game_id == game.id)
        for hit, openid in session.execute(query.order_by(RainHit.at_ms)):
            moments[openid].append(hit)
    looked: list[tuple[float, bytes]] = []
    caught: list[tuple[float, bytes]] = []
    said: list[tuple[str, bytes]] = []

    async def catch(who: Guest) -> None:
        looked.append(await evening.proxy.ask(heard + chance.random() * SPREAD_S, evening.get(who, "me")))
        for hit in moments[who.openid]:
            falls = heard + until + hit.at_ms / 1000
            tap = max(falls + chance.uniform(0.2, 1.5), time.monotonic())
            if tap < falls + FALL_S:  # else nobody saw it fall
                caught.append(await evening.proxy.ask(tap, evening.form(who, "rain", slot=str(hit.slot))))
                said.append((who.openid, caught[-1][1]))

    before = evening.bench.cpu_seconds(evening.web)
    await asyncio.gather(*map(catch, evening.guests[: GUESTS + COMING + RUSH]))
    cpu = evening.bench.cpu_seconds(evening.web) - before
    looks, ms = waits(looked, b'"moments"'), waits(caught, b'"outcome"')
    missed = sum(b'"missed"' in answer for _, answer in caught)
    refused = [answer for _, answer in caught if b'"missed"' not in answer and b'"caught"' not in answer]
    if refused or len(ms) - missed < PACKETS / 2:  # who comes too late is slow, and only that is measured
        raise BenchProblem(
            f"of {PACKETS} packets {len(ms)} were claimed, {missed} too late and {len(refused)} refused: {refused[:1]}"
        )
    more = {"p50_ms": part(ms, 0.5), "worst_ms": ms[-1], "claims": len(ms), "cpu_s": cpu}
    more |= {"not_seen": sum(map(len, moments.values())) - len(ms)}
    more |= {"missed": missed}
    more |= await asyncio.to_thread(require_owed, evening, game, told_of(said))
    return [
        figure(
            "a rain is announced: 99 of 100 phones have their own part",
            "s",
            part(looks, 0.99) / 1000,
            until + 1 - SPREAD_S,
            {"p50_s": part(looks, 0.5) / 1000, "worst_s": looks[-1] / 1000, "falls_after_s": until + 1},
        ),
        figure(f"{PACKETS} packets of a rain, 99 of 100 claims", "ms", part(ms, 0.99), CLAIM_MS, more),
    ]


async def _winners(evening: Evening) -> list[Figure]:
    """Beside it the phones go on listening."""
    return await asyncio.to_thread(_paid, evening)


def _paid(evening: Evening) -> list[Figure]:
    """WINNERS are confirmed; a worker that waits for it sends to all of them."""
    host, runtime = Host(evening.hall), evening.runtime
    host.freeze()
    host.show(1, WINNERS)
    is_mine = Payout.budget_id == evening.hall.campaign_id
    with working(evening.bench, runtime, "evening-worker"):
        time.sleep(5)  # it has started
        pressed_at, began = runtime.clock.now(), time.monotonic()
        done = host.confirm(1)
        confirmed_s = time.monotonic() - began
        with runtime.database.reading() as session:
            rows = session.scalar(select(func.count()).select_from(Payout).where(is_mine)) or 0
        wake(runtime, PAY)
        _until_sent(evening, 0)
    if done.asked != WINNERS or rows != WINNERS:
        raise BenchProblem(f"{done.asked} payouts asked, {rows} rows after the commit of {WINNERS}")
    with runtime.database.reading() as session:
        mine = Order.budget_id == evening.hall.campaign_id
        query = select(func.min(Order.sent_at), func.max(Order.accepted_at), func.count()).where(mine)
        first, last, n = session.execute(query).one()
    broken = {name: count for name, count in invariants.check(runtime.database).items() if count}
    if n != WINNERS or broken or first is None or last is None:
        raise BenchProblem(f"{n} orders for {WINNERS} winners; broken rules: {broken}")
    more = {"commit_ms": confirmed_s * 1000, "payout_rows_in_that_commit": rows, "a_second": PER_SECOND}
    return [
        figure(
            f"{WINNERS} winners confirmed: the first is sent after",
            "s",
            (first - pressed_at).total_seconds(),
            FIRST_S,
            more,
        ),
        figure("… from the first sent to the last paid", "s", (last - first).total_seconds(), ALL_S),
    ]


def _until_sent(evening: Evening, left: int) -> None:
    """Wait until no payout of the hall is without an accepted order."""
    deadline = time.monotonic() + 120
    mine = Payout.budget_id == evening.hall.campaign_id
    sent = (Order.budget_id == evening.hall.campaign_id) & (Order.status.in_(("accepted", "received")))
    while time.monotonic() < deadline:
        with evening.runtime.database.reading() as session:
            asked = session.scalar(select(func.count()).select_from(Payout).where(mine)) or 0
            done = session.scalar(select(func.count()).select_from(Order).where(sent)) or 0
        if asked - done <= left:
            return
        time.sleep(0.25)
    raise BenchProblem(f"{asked - done} payouts were not sent")


def run(bench: Bench) -> Iterator[Figure]:
    """All of it on one hall; phones, Redis, WeChat, web and live share the machine."""
    open_files(3 * GUESTS)

    with closing(Evening(bench)) as evening, asyncio.Runner() as loop:
        for part_of_it in (bench_evening_beside.run, _rush, _winners, _rain):
            yield from loop.run(part_of_it(evening))
