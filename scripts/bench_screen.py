"""The big screen of a hall in a Chromium without a graphics card: frames, the main thread, and memory over an evening.

The page is the application's own, answered within this process, so nothing but the browser works while it is measured. Two hours
pass by the browser's own clock, made fast: sign-ins, selections, results, words of guests, a rain and a race, again and again.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from bench_stage import HOST, BenchProblem, Figure, Ground
from flask.testing import FlaskClient

from wxbot import budget
from wxbot.app import create_app
from wxbot.campaigns.models import Campaign
from wxbot.hall import screen_pass, wire
from wxbot.hall.models import Hall
from wxbot.runtime import Runtime

BROWSERS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
SIZES = ((1280, 720), (1920, 1080), (3840, 2160))
POOL = 10_000
SAMPLE = 400
SLUG = "bench"
URL = f"https://{HOST}/hall/{SLUG}/screen"
WARM_S, WATCHED_S, IDLE_S = 3.0, 5.0, 12.0
AIM_FRAMES = 55 / 60
AIM_ROLLING = 0.40
AIM_IDLE = 0.03
AIM_MEMORY = 1.15
MINUTES, QUICK_MINUTES = 120, 12
GC_ROUNDS = 3
PATIENCE = 200
"""Tenths of a second."""

FRAMES = """(ms) => new Promise((tell) => {
  const gaps = [];
  const began = performance.now();
  let last = began;
  const frame = (now) => {
    gaps.push(now - last);
    last = now;
    if (now - began < ms) { requestAnimationFrame(frame); return; }
    gaps.sort((a, b) => a - b);
    tell({ median: 1000 / gaps[gaps.length >> 1], mean: (gaps.length * 1000) / (now - began) });
  };
  requestAnimationFrame(frame);
})"""


def people(first: int, count: int) -> list[dict[str, Any]]:
    """Guests as the screen is told of them."""
    return [{"no": no, "name": f"欧阳来宾{no}", "face": ""} for no in range(first, first + count)]


def winners(first: int, count: int) -> list[dict[str, Any]]:
    """Guests who won."""
    more = {"group": "", "status": "won", "slot": 1, "redraw": 0}
    return [{**person, "place": place, **more} for place, person in enumerate(people(first, count), 1)]


class Evening:
    """A hall whose public state is whatever is put into Redis, and a browser that shows it."""

    def __init__(self, ground: Ground) -> None:
        self.runtime = Runtime(ground.settings())
        self.client: FlaskClient = create_app(self.runtime).test_client(use_cookies=False)
        self.v = int(time.time() * 1000)
        self.pass_ = f"{screen_pass.cookie_name(self.runtime, SLUG)}={screen_pass.write(self.runtime, SLUG, 1)}"
        self._rows()

    def _rows(self) -> None:
        with self.runtime.database.transaction() as session:
            now = self.runtime.database.now(session)
            campaign = Campaign(
                id=budget.create(session, "campaign", "年会"),
                slug=SLUG,
                name="年会",
                mechanic="hall",
                status="on",
                begin_at=now,
                end_at=now + timedelta(days=1),
                budget_fen=100,
                split="fixed",
                packet_count=1,
                packet_fen=100,
                split_seed="s",
                send_name="示例公司",
                act_name="星河年会之夜",
                wishing="恭喜发财",
                remark="年会",
                terms={},
                created_by=1,
                created_at=now,
                updated_at=now,
            )
            session.add(campaign)
            session.flush()
            seal = self.runtime.vault.seal
            keys = {"seed_sealed": seal("00" * 32), "code_key_sealed": seal("00" * 32)}
            session.add(Hall(campaign_id=campaign.id, commitment="9a" * 32, mode="seed", screen_epoch=1, **keys))

    def put(self, **changes: Any) -> None:
        """What the screen is told next."""
        self.v += 1
        state: dict[str, Any] = {
            "v": self.v, "slug": SLUG, "name": "星河年会之夜", "at": int(time.time()), "scene": "wall", "epoch": 1, "mode": "seed",
            "commitment": "9a" * 32, "rehearsal": False, "guests": POOL, "newest": people(1, 60), "roster": None, "selection": None,
            "prizes": [{"ordinal": 1, "name": "一等奖", "kind": "money", "amount_fen": 88800, "stock": 100, "open": 9, "per_selection": 3}],
            "results": [], "void": [], "danmaku": [], "game": None,
        }  # fmt: skip
        self.runtime.redis.set(wire.state_key(SLUG), json.dumps(state | changes))

    def answer(self, route: Any) -> None:
        """Answer the browser as the application does; of the pool as if ten thousand people were in it."""
        asked = route.request
        parts = urlsplit(asked.url)
        if parts.netloc != HOST or parts.path.startswith("/live/"):
            route.fulfill(status=404)
        elif parts.path.endswith("/pool"):
            route.fulfill(content_type="application/json", body=json.dumps({"people": people(1, SAMPLE)}))
        else:
            headers = {"Cookie": self.pass_, "Accept": asked.headers.get("accept", "")}
            got = self.client.get(f"{parts.path}?{parts.query}", base_url=f"https://{HOST}", headers=headers)
            route.fulfill(status=got.status_code, headers=dict(got.headers), body=got.get_data())

    def page(self, browser: Any, width: int, height: int) -> Any:
        """A browser page of this size; `answer` shows its pass as if it had been paired."""
        context = browser.new_context(viewport={"width": width, "height": height}, ignore_https_errors=True)
        context.route("**/*", self.answer)
        return context.new_page()

    def close(self) -> None:
        self.runtime.close()


def selection(k: int, d: int, status: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """A selection as the screen is told of it."""
    fixed = {"d": d, "prize": 1, "k": k, "status": status, "pool": POOL, "pool_hash": "8" * 64, "entropy_kind": "seed"}
    return fixed | {"entropy_text": "", "reason": "", "winners": found}


class Watch:
    """What the browser says of one page's main thread and memory."""

    def __init__(self, page: Any) -> None:
        self._cdp = page.context.new_cdp_session(page)
        self._cdp.send("Performance.enable")
        self._cdp.send("HeapProfiler.enable")

    def read(self) -> dict[str, float]:
        return {each["name"]: each["value"] for each in self._cdp.send("Performance.getMetrics")["metrics"]}

    def heap(self) -> dict[str, float]:
        """After the garbage is gone: bytes, nodes, listeners."""
        for _ in range(GC_ROUNDS):
            self._cdp.send("HeapProfiler.collectGarbage")
        found = self.read()
        return {name: found[name] for name in ("JSHeapUsedSize", "Nodes", "JSEventListeners")}


def run(ground: Ground) -> Iterator[Figure]:
    """Chromium without a graphics card, at three sizes; then an evening. Left out where there is no browser to drive."""
    names = [os.environ.get("WXBOT_CHROMIUM") or "", *BROWSERS]
    path = next((found for name in names if name and (found := shutil.which(name))), None)
    if path is None or importlib.util.find_spec("playwright") is None:
        ground.say("screen is left out: it wants Chromium and what `make test` installs.")
        return
    sync_playwright = importlib.import_module("playwright.sync_api").sync_playwright
    with closing(Evening(ground)) as evening, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for width, height in SIZES:
            ground.say(f"  the ball at {width}×{height}")
            yield from rolling(evening, browser, width, height)
        minutes = MINUTES if ground.size.rounds > 1 else QUICK_MINUTES
        ground.say(f"  {minutes} minutes of an evening")
        yield memory(evening, browser, minutes)
        browser.close()


def rolling(evening: Evening, browser: Any, width: int, height: int) -> Iterator[Figure]:
    """Frames a second of the rolling ball beside an empty page's, and how busy the main thread is."""
    page = evening.page(browser, width, height)
    page.goto("about:blank")
    empty = page.evaluate(FRAMES, WATCHED_S * 400)
    evening.put(scene="selection", selection=selection(100, 1, "drawn", []))
    page.goto(URL)
    for _ in range(PATIENCE):
        if page.evaluate("document.body.dataset.phase") == "rolling":
            break
        page.wait_for_timeout(100)
    else:
        raise BenchProblem("the screen does not roll")
    page.wait_for_timeout(WARM_S * 1000)
    watch = Watch(page)
    before, began = watch.read(), time.monotonic()
    frames = page.evaluate(FRAMES, WATCHED_S * 1000)
    busy = {name: (value - before[name]) / (time.monotonic() - began) for name, value in watch.read().items()}
    size = f"{width}×{height}"
    more = {"mean": frames["mean"], "cards": page.evaluate("document.querySelectorAll('.card').length")}
    ratio = frames["median"] / empty["median"]
    yield Figure(
        "screen",
        f"frames, ball, {size}",
        "/s",
        frames["median"],
        empty["median"],
        "an empty page",
        ratio,
        1.0,
        more=more,
    )
    script = busy["ScriptDuration"]
    yield Figure(
        "screen",
        f"script, ball, {size}",
        "cores",
        script,
        AIM_ROLLING,
        "the bar",
        script / AIM_ROLLING,
        1.0,
        is_better_low=True,
    )
    evening.put(scene="selection", selection=selection(100, 1, "revealed", winners(1, 100)))
    page.wait_for_timeout(IDLE_S * 1000)
    before, began = watch.read(), time.monotonic()
    page.wait_for_timeout(WATCHED_S * 1000)
    idle = (watch.read()["TaskDuration"] - before["TaskDuration"]) / (time.monotonic() - began)
    yield Figure(
        "screen",
        f"idle, 100 winners, {size}",
        "cores",
        idle,
        AIM_IDLE,
        "the bar",
        idle / AIM_IDLE,
        1.0,
        is_better_low=True,
    )
    page.context.close()


def memory(evening: Evening, browser: Any, minutes: int) -> Figure:
    """What the page holds after so many minutes, beside what it held after the first tenth of them."""
    page = evening.page(browser, 1280, 720)
    page.clock.install()
    evening.put()
    page.goto(URL)
    watch = Watch(page)
    marks: list[dict[str, float]] = []
    for minute in range(minutes):
        live(evening, page, minute)
        if minute in (minutes // 10, minutes // 2, minutes - 1):
            evening.put(newest=people(1, 60))
            step(page, 15)
            marks.append(watch.heap())
    early, late = marks[0]["JSHeapUsedSize"] / 2**20, marks[-1]["JSHeapUsedSize"] / 2**20
    more = {"nodes": [mark["Nodes"] for mark in marks], "listeners": [mark["JSEventListeners"] for mark in marks]}
    what = f"memory after {minutes} minutes"
    page.context.close()
    return Figure(
        "screen", what, "MB", late, early, "after a tenth", late / early, AIM_MEMORY, is_better_low=True, more=more
    )


def step(page: Any, seconds: int) -> None:
    """Let so much of the browser's own time pass, and what it asked meanwhile be answered."""
    page.clock.run_for(seconds * 1000)
    page.evaluate("dispatchEvent(new Event('online'))")
    page.wait_for_timeout(30)


def live(evening: Evening, page: Any, minute: int) -> None:
    """One minute: people come and write; every sixth minute a selection, every twelfth a game."""
    first = minute * 60 + 1
    words = [{"id": minute * 30 + n, "words": f"新年快乐{n}", "no": n} for n in range(20)]
    evening.put(newest=people(first, 60), danmaku=words)
    step(page, 15)
    if minute % 6 == 0:
        k = (1, 10, 40, 100)[minute // 6 % 4]
        evening.put(scene="selection", selection=selection(k, minute + 1, "drawn", []))
        step(page, 4)
        evening.put(scene="selection", selection=selection(k, minute + 1, "revealed", winners(first, k)))
    elif minute % 12 in (3, 9):
        kind = "rain" if minute % 12 == 3 else "race"
        now = time.time()
        ranks = [{"no": n, "name": f"来宾{n}", "team": "", "counted": 300 - n} for n in range(first, first + 20)]
        game = {
            "id": minute,
            "kind": kind,
            "status": "running",
            "begin": now,
            "end": now + 30,
            "seconds": 30,
            "ranks": ranks,
        }
        evening.put(scene=kind, game=game)
        step(page, 4)
    else:
        evening.put(scene="results", results=[{"prize": 1, "winners": winners(first, 90)}], danmaku=words)
    step(page, 30)
