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
from collections.abc import Callable, Iterator
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
FLAGS = ("--no-sandbox", "--disable-gpu")
STAGE = (1920, 1080)
MOVING = {STAGE: ("ball", "rain", "race"), (1280, 720): ("ball",), (3840, 2160): ("ball", "rain")}
"""Size of the screen → what is measured on it."""
STILL = ("winners", "wall")
POOL = 10_000
SAMPLE = 400
SLUG = "bench"
URL = f"https://{HOST}/hall/{SLUG}/screen"
WARM_S, WATCHED_S, IDLE_S = 3.0, 5.0, 12.0
QUICK_WARM_S, QUICK_WATCHED_S = 1.0, 2.0
AIM_FRAMES = 55.0
AIM_ROLLING = 0.40
AIM_IDLE = 0.03
AIM_MEMORY = 1.15
MINUTES, QUICK_MINUTES = 120, 24
STEADY = 12
"""Minutes after which the screen has shown each of its scenes once."""
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


SHEETS = "[...document.querySelectorAll('canvas.sheet')].filter(e => e.offsetParent).map(e => [e.width, e.height])"


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
        self.is_quick = ground.size.is_quick
        self.warm_s, self.watched_s = (QUICK_WARM_S, QUICK_WATCHED_S) if self.is_quick else (WARM_S, WATCHED_S)
        self.faults: list[str] = []
        """What went wrong within the pages so far."""
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
            "v": self.v,
            "slug": SLUG,
            "name": "星河年会之夜",
            "at": int(time.time()),
            "scene": "wall",
            "epoch": 1,
            "mode": "seed",
            "commitment": "9a" * 32,
            "rehearsal": False,
            "guests": POOL,
            "newest": people(1, 60),
            "roster": None,
            "selection": None,
            "prizes": [
                {
                    "ordinal": 1,
                    "name": "一等奖",
                    "kind": "money",
                    "amount_fen": 88800,
                    "stock": 100,
                    "open": 9,
                    "per_selection": 3,
                }
            ],
            "results": [],
            "void": [],
            "danmaku": [],
            "game": None,
        }
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
        page = context.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        return page

    def leave(self, page: Any) -> None:
        """Close a page. Raises BenchProblem when something went wrong within it: it may not have shown what was measured."""
        page.context.close()
        if self.faults:
            raise BenchProblem(f"the page says: {self.faults[0]}")

    def close(self) -> None:
        self.runtime.close()


def selection(k: int, d: int, status: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """A selection as the screen is told of it."""
    fixed = {"d": d, "prize": 1, "k": k, "status": status, "pool": POOL, "pool_hash": "8" * 64, "entropy_kind": "seed"}
    return fixed | {"entropy_text": "", "reason": "", "winners": found}


class Watch:
    """What the browser says of one page's main thread and memory, and of its own processes."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self._cdp = page.context.new_cdp_session(page)
        self._cdp.send("Performance.enable")
        self._cdp.send("HeapProfiler.enable")
        self._all = page.context.browser.new_browser_cdp_session()

    def read(self) -> dict[str, float]:
        return {each["name"]: each["value"] for each in self._cdp.send("Performance.getMetrics")["metrics"]}

    def heap(self) -> dict[str, float]:
        """After the garbage is gone: bytes, elements of the page, listeners; and all nodes, of which some that were taken out may wait to be gone."""
        for _ in range(GC_ROUNDS):
            self._cdp.send("HeapProfiler.collectGarbage")
        found = self.read()
        kept = {name: found[name] for name in ("JSHeapUsedSize", "Nodes", "JSEventListeners")}
        return kept | {"Elements": self._page.evaluate("document.querySelectorAll('*').length")}

    def _seconds(self) -> dict[str, float]:
        """Processor time so far: of all processes of the browser, and of the page's main thread, without its waiting for a processor."""
        processes = self._all.send("SystemInfo.getProcessInfo")["processInfo"]
        return {"all": sum(each["cpuTime"] for each in processes), "main": self.read()["ThreadTime"]}

    def busy(self, wait: Callable[[], Any]) -> tuple[dict[str, float], Any]:
        """Cores that were busy while `wait` lasted, and what it answered."""
        before, began = self._seconds(), time.monotonic()
        found = wait()
        after, passed = self._seconds(), time.monotonic() - began
        return {name: (after[name] - value) / passed for name, value in before.items()}, found


def chromium(ground: Ground, what: str) -> str | None:
    """Where a browser is that can be driven; where there is none says what is left out for it."""
    names = [os.environ.get("WXBOT_CHROMIUM") or "", *BROWSERS]
    path = next((found for name in names if name and (found := shutil.which(name))), None)
    if path is None or importlib.util.find_spec("playwright") is None:
        ground.leave_out(f"{what} is left out: it wants Chromium and what `make test` installs.")
        return None
    return path


def driver() -> Any:
    """What drives it, while it is open."""
    return importlib.import_module("playwright.sync_api").sync_playwright()


def run(ground: Ground) -> Iterator[Figure]:
    """Chromium without a graphics card, at three sizes; then an evening. Left out where there is no browser to drive."""
    path = chromium(ground, "screen")
    if path is None:
        return
    with closing(Evening(ground)) as evening, driver() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        for (width, height), scenes in MOVING.items():
            ground.say(f"  what moves at {width}×{height}")
            for scene in scenes:
                yield from moving(evening, browser, scene, (width, height))
        ground.say("  what stands still")
        for scene in STILL:
            yield still(evening, browser, scene)
        minutes = QUICK_MINUTES if evening.is_quick else MINUTES
        ground.say(f"  {minutes} minutes of an evening")
        yield from memory(evening, browser, minutes)
        browser.close()


def scene_of(name: str) -> dict[str, Any]:
    """What the screen is told to show a scene."""
    now = time.time()
    ranks = [{"no": no, "name": f"来宾{no}", "team": "", "counted": 300 - 9 * no} for no in range(1, 21)]
    game = {"id": 1, "status": "running", "begin": now, "end": now + 600, "seconds": 600, "ranks": ranks}
    rolling = {"scene": "selection", "selection": selection(100, 1, "drawn", [])}
    scenes: dict[str, dict[str, Any]] = {
        "ball": rolling,
        "winners": {"scene": "selection", "selection": selection(100, 1, "revealed", winners(1, 100))},
        "wall": {"scene": "wall"},
        "rain": {"scene": "rain", "game": {**game, "kind": "rain", "claimed": 123, "packets": 600}},
        "race": {"scene": "race", "game": {**game, "kind": "race"}},
    }
    return scenes[name]


def opened(evening: Evening, browser: Any, scene: str, size: tuple[int, int]) -> Any:
    """A page that shows the scene."""
    page = evening.page(browser, *size)
    evening.put(**scene_of(scene))
    page.goto(URL)
    wanted = (scene_of(scene)["scene"], {"ball": "rolling", "winners": "result"}.get(scene, "none"))
    for _ in range(PATIENCE):
        shown = page.evaluate("[document.body.dataset.scene, document.body.dataset.phase || 'none']")
        if tuple(shown) == wanted:
            return page
        page.wait_for_timeout(100)
    raise BenchProblem(f"the screen does not show {scene}")


def figure(what: str, unit: str, ours: float, most: float, more: dict[str, Any]) -> Figure:
    """A figure beside what it may be at most."""
    return Figure("screen", what, unit, ours, most, "at most", ours / most, 1.0, is_better_low=True, more=more)


def moving(evening: Evening, browser: Any, scene: str, size: tuple[int, int]) -> Iterator[Figure]:
    """Frames a second of a scene beside an empty page's, and what they cost."""
    page = evening.page(browser, *size)
    page.goto("about:blank")
    empty = page.evaluate(FRAMES, evening.watched_s * 400)
    page.context.close()
    page = opened(evening, browser, scene, size)
    page.wait_for_timeout(evening.warm_s * 1000)
    busy, frames = Watch(page).busy(lambda: page.evaluate(FRAMES, evening.watched_s * 1000))
    more = {
        "mean": frames["mean"],
        "ms_a_frame": 1000 * busy["all"] / frames["mean"],
        "pace": page.evaluate("document.body.dataset.pace"),
        "sheets": page.evaluate(SHEETS),
        "load": os.getloadavg()[0],
    }
    what = f"{scene}, {size[0]}×{size[1]}"
    ratio = frames["median"] / empty["median"]
    yield Figure(
        *("screen", f"frames, {what}", "/s", frames["median"], empty["median"], "an empty page", ratio),
        aim=1.0 if empty["median"] < AIM_FRAMES else round(AIM_FRAMES / empty["median"], 2),
        more=more,
    )
    yield figure(f"whole browser, {what}", "cores", busy["all"], AIM_ROLLING, more)
    yield figure(f"its main thread, {what}", "cores", busy["main"], AIM_ROLLING, more)
    evening.leave(page)


def still(evening: Evening, browser: Any, scene: str) -> Figure:
    """What a scene costs in which nothing moves any more."""
    page = opened(evening, browser, scene, STAGE)
    page.wait_for_timeout(IDLE_S * 1000)
    busy, _ = Watch(page).busy(lambda: page.wait_for_timeout(evening.watched_s * 1000))
    evening.leave(page)
    return figure(f"whole browser, idle, {scene}", "cores", busy["all"], AIM_IDLE, {"main_thread": busy["main"]})


def memory(evening: Evening, browser: Any, minutes: int) -> Iterator[Figure]:
    """What the page holds at half time and at the end of so many minutes, beside what it held after the first twelve, in which every scene was on."""
    page = evening.page(browser, 1280, 720)
    page.clock.install()
    evening.put()
    page.goto(URL)
    watch = Watch(page)
    marks: dict[int, dict[str, float]] = {}
    for minute in range(minutes):
        live(evening, page, minute)
        if minute + 1 in (STEADY, minutes // 2, minutes):
            evening.put(newest=people(1, 60))
            step(evening, page, 15)
            marks[minute + 1] = watch.heap()
    evening.leave(page)
    first = marks.pop(STEADY)
    for name, unit, size in (("JSHeapUsedSize", "MB", 2**20), ("Elements", "elements", 1)):
        for minute in marks:
            ours, early = marks[minute][name] / size, first[name] / size
            yield Figure(
                *("screen", f"{unit} after {minute} minutes", unit, ours, early, f"after {STEADY}", ours / early),
                aim=AIM_MEMORY,
                is_better_low=True,
                more=marks[minute],
            )


def step(evening: Evening, page: Any, seconds: int) -> None:
    """Let so much of the browser's own time pass, and what it asked meanwhile be answered; returns when it shows what it was told last."""
    page.clock.run_for(seconds * 1000)
    for _ in range(PATIENCE):
        page.evaluate("dispatchEvent(new Event('online'))")
        page.wait_for_timeout(30)
        if page.evaluate("document.body.dataset.v") == str(evening.v):
            return
    raise BenchProblem("the screen does not show what it was told")


def live(evening: Evening, page: Any, minute: int) -> None:
    """One minute: people come and write; every sixth minute a selection, every twelfth a game."""
    first = minute * 60 + 1
    words = [{"id": minute * 30 + n, "words": f"新年快乐{n}", "no": n} for n in range(20)]
    evening.put(newest=people(first, 60), danmaku=words)
    step(evening, page, 15)
    if minute % 6 == 0:
        k = (1, 10, 40, 100)[minute // 6 % 4]
        evening.put(scene="selection", selection=selection(k, minute + 1, "drawn", []))
        step(evening, page, 4)
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
        step(evening, page, 4)
    else:
        evening.put(scene="results", results=[{"prize": 1, "winners": winners(first, 90)}], danmaku=words)
    step(evening, page, 30)
