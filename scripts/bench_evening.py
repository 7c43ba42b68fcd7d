"""An evening of 2,000 guests behind the web door: a rush to sign in, a rain, 200 winners paid by a real worker, and the other doors."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from bench_callbacks import SILENT, prepared
from bench_crowd import Crowd
from bench_hall import SLUG, Screen, open_files, part
from bench_load import request
from bench_orders import settings_for
from bench_payouts import prepare, working
from bench_proxy import Proxy, waits
from bench_stage import HOST, BenchProblem, Figure, cpu_of_family
from bench_stage import Ground as Bench
from bench_table import PASSWORD, Console
from sqlalchemy import func, select

from tests.hall.hosting import Host
from tests.hall.stage import OpenHall, open_hall
from wxbot import invariants, own_page
from wxbot.hall import coming, games, passes, scenes, screen_pass, sign_in, told
from wxbot.hall.models import Guest as GuestRow
from wxbot.hall.models import RainHit
from wxbot.orders.models import Order
from wxbot.payouts.models import Payout
from wxbot.phone_session import session_cookie, session_text, signature, signed
from wxbot.runtime import Runtime
from wxbot.staff import accounts
from wxbot.wake import PAY, wake

GUESTS = 2_000
COMING = 100
"""Of them, so many come within one second."""

RUSH = 500
"""So many more come as fast as they are let in."""

WINNERS = 200
PACKETS, SECONDS = 800, 30
BESIDE_S, PAGES_PER_S, TEXTS_PER_S = 8.0, 15, 40
PER_SECOND = 25
SPREAD_S = 4.0
"""Within so long after a game was announced phones ask for their own part (static/h5/hall.js)."""

FALL_S = 3.2
"""A packet can be tapped for so long (static/h5/hall_game.js)."""

WALL_S, CLAIM_MS, FIRST_S, ALL_S = 1.0, 500.0, 2.0, 10.0
MONEY = {"name": "幸运奖", "stock": WINNERS, "per_selection": WINNERS}
RAIN = {"name": "红包雨", "way": "rain", "stock": PACKETS, "split": "exact", "total_fen": 120 * PACKETS}
RAIN |= {"min_fen": 100, "max_fen": 300, "value_fen": 300, "per_selection": 3, "seconds": SECONDS}


@dataclass(frozen=True)
class Guest:
    """One phone as the web door knows it."""

    openid: str
    session_id: str
    cookie: str


class Wall(Screen):
    """The screen, which notes when each number was on the wall first."""

    def __init__(self, cookie: str, port: int) -> None:
        super().__init__(cookie, port, time.time)
        self.seen: dict[int, float] = {}

    def hear(self, event: bytes) -> None:
        """A state: whoever is new in it."""
        super().hear(event)
        if b"event: state" in event:
            state = json.loads(event.partition(b"data: ")[2])
            for each in state["newest"]:
                self.seen.setdefault(each["no"], time.monotonic())


class Evening:
    """The hall that is measured, and its phones."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.wechat = bench.simulator()
        settings = settings_for(bench, self.wechat, 8)
        self.settings = settings.model_copy(update={"pay_per_second": PER_SECOND, "live_streams": 3 * GUESTS})
        self.runtime = Runtime(self.settings)
        self.web = bench.gunicorn("evening", "wsgi:app", self.settings)
        self.live = bench.live("evening-live", self.settings)
        self.proxy = Proxy(self.web)
        openids = prepare(self.runtime, self.wechat, 10 * (GUESTS + COMING + RUSH))
        self.guests = [self._guest(openid) for openid in openids]
        terms = {"mode": "seed", "channel": "sendredpack", "carry": False}
        self.hall: OpenHall = open_hall(
            self.runtime, (MONEY, RAIN), slug=SLUG, terms=terms, budget_fen=10_000_000, send_name="示例小店"
        )
        accounts.hire(self.runtime.database, "cashier", "财务", "cashier", PASSWORD, self.runtime.clock.now())
        self._come_in(openids[:GUESTS])
        name = screen_pass.cookie_name(self.runtime, SLUG)
        self.wall = Wall(f"{name}={screen_pass.write(self.runtime, SLUG, 1)}", self.live.port)
        self._stack = ExitStack()

    def close(self) -> None:
        """Let go of phones, Redis and the database."""
        self._stack.close()
        self.runtime.close()

    def crowd(self) -> Crowd:
        """Every guest who is here on a stream of their own, until the evening is over."""
        return self._stack.enter_context(Crowd(self.live.port, [guest.cookie for guest in self.guests[:GUESTS]]))

    def _guest(self, openid: str) -> Guest:
        session_id = "0123456789abcdef"
        text = session_text(openid, int(self.runtime.clock.unix()), session_id)
        return Guest(openid, session_id, f"{session_cookie(self.runtime)}={signed(self.runtime, 'session', text)}")

    def _come_in(self, openids: Sequence[str]) -> None:
        """Those who came before anything was measured."""
        for start in range(0, len(openids), 100):
            comers = [
                sign_in.Comer(openid, sign_in.GuestDetails(f"来宾{start + n}"))
                for n, openid in enumerate(openids[start : start + 100])
            ]
            with self.runtime.database.transaction() as session:
                now = self.runtime.database.now(session)
                found = sign_in.sign_in_all(session, self.hall.campaign_id, comers, now)
            for guest in found:
                if not isinstance(guest, Exception):
                    coming.remember(self.runtime, SLUG, guest)
        told.tell(self.runtime, self.hall.campaign_id)

    def show(self, scene: str) -> None:
        """Another scene, of which every phone is told."""
        Host(self.hall).do(scenes.show, self.hall.campaign_id, scene)
        told.tell(self.runtime, self.hall.campaign_id)

    def console(self) -> tuple[str, str]:
        """The host of the console's address, and the cookies of a cashier who is signed in."""
        console = Console(self.web, self.hall.campaign_id, 0)
        console.sign_in()
        return f"127.0.0.1:{self.web.port}", console.cookie

    def form(self, who: Guest, path: str, **fields: str) -> bytes:
        """What this person's page sends."""
        now = self.runtime.clock.unix()
        mark = own_page.mark(lambda text: signature(self.runtime, "form", text), who.session_id, now)
        body = urlencode({"form_mark": mark, **fields}).encode()
        return self._request("POST", path, who, body)

    def get(self, who: Guest, path: str) -> bytes:
        """What this person's page asks for."""
        return self._request("GET", path, who, b"")

    def _request(self, method: str, path: str, who: Guest, body: bytes) -> bytes:
        base = self.settings.public_url
        headers = [("Cookie", who.cookie), ("Accept", "application/json"), ("Origin", base)]
        headers += [("Sec-Fetch-Site", "same-origin")]
        kind = "application/x-www-form-urlencoded"
        return request(method, f"/h5/hall/{SLUG}/{path}", base.split("//")[1], body, kind, headers)

    def sign_in(self, who: Guest, name: str) -> bytes:
        """The form with which somebody signs in."""
        given = passes.make(self.runtime, self.hall.campaign_id, who.openid)
        return self.form(who, "sign-in", **{"way": "pass", "pass": given, "name": name})


def figure(what: str, unit: str, ours: float, most: float, more: dict[str, Any] | None = None) -> Figure:
    """One figure beside what it may be at most."""
    return Figure(
        "evening", what, unit, ours, most, "at most", ours / most, aim=1.0, is_better_low=True, more=more or {}
    )


async def _others(evening: Evening) -> tuple[float, float]:
    """p99 in ms of the host's desk and of messages in the chat, both a few a second."""
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
    return part(waits(found[0], b"</main>"), 0.99), part(waits(found[1], b"success"), 0.99)


async def _beside(evening: Evening) -> list[Figure]:
    """The other doors with nobody in the hall, and then with every phone on a stream and a change each second."""
    await _others(evening)  # what is read once is read
    alone = await _others(evening)

    async def change() -> None:
        for scene in itertools.cycle(("prizes", "wall")):
            await asyncio.to_thread(evening.show, scene)
            await asyncio.sleep(1)

    await evening.wall.listen("?as=screen")
    crowd = await asyncio.to_thread(evening.crowd)
    idle = await _others(evening)
    heard, used = await asyncio.to_thread(crowd.heard), _used(evening, crowd)
    changing = asyncio.create_task(change())
    beside = await _others(evening)
    changing.cancel()
    changes = await asyncio.to_thread(crowd.heard) - heard
    if changes < BESIDE_S / 2:
        raise BenchProblem(f"somebody heard of {changes} changes in {BESIDE_S} s")
    more = {name: n - used[name] for name, n in _used(evening, crowd).items()} | {"changes": changes}
    what = ("the host's desk", "a message in the chat")
    return [
        Figure(
            "evening",
            f"{name}, 99 of 100, beside {GUESTS} streams",
            "ms",
            ours,
            before,
            "without streams",
            ours / before,
            is_better_low=True,
            more=more | {"streams_say_nothing_ms": quiet},
        )
        for name, ours, before, quiet in zip(what, beside, alone, idle, strict=True)
    ]


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
    await asyncio.sleep(2)
    nos = [json.loads(answer.rpartition(b"\r\n\r\n")[2])["no"] for _, answer in answers]
    walls = sorted(evening.wall.seen.get(no, began + 60) - at for no, at in zip(nos, moments, strict=True))
    if len(set(nos)) != COMING:
        raise BenchProblem(f"{len(set(nos))} numbers for {COMING} people")
    more = {"p50_ms": part(ms, 0.5), "p95_ms": part(ms, 0.95), "worst_ms": ms[-1], "worst_on_wall_s": walls[-1]}
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

    async def catch(who: Guest) -> None:
        looked.append(await evening.proxy.ask(heard + chance.random() * SPREAD_S, evening.get(who, "me")))
        for hit in moments[who.openid]:
            falls = heard + until + hit.at_ms / 1000
            tap = max(falls + chance.uniform(0.2, 1.5), time.monotonic())
            if tap < falls + FALL_S:  # else nobody saw it fall
                caught.append(await evening.proxy.ask(tap, evening.form(who, "rain", slot=str(hit.slot))))

    before = evening.bench.cpu_seconds(evening.web)
    await asyncio.gather(*map(catch, evening.guests[: GUESTS + COMING + RUSH]))
    cpu = evening.bench.cpu_seconds(evening.web) - before
    looks, ms = waits(looked, b'"moments"'), waits(caught, b'"outcome"')
    more = {"p50_ms": part(ms, 0.5), "worst_ms": ms[-1], "claims": len(ms), "cpu_s": cpu}
    more |= {"not_seen": sum(map(len, moments.values())) - len(ms)}
    more |= {"missed": sum(b'"caught"' not in answer for _, answer in caught)}
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
        for part_of_it in (_beside, _rush, _winners, _rain):
            yield from loop.run(part_of_it(evening))
