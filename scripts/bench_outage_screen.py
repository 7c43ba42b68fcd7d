"""A big screen that fails: a spare computer opens the same address, is given the digits, shows what the first one showed, and leads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from bench_screen import FLAGS, chromium, driver
from bench_stage import HOST, BenchProblem, Figure, Ground

from tests.hall.hosting import Host
from tests.hall.stage import open_hall
from wxbot.hall import pairing, told
from wxbot.runtime import Runtime

SLUG, GUESTS, STOCK = "spare", 30, 9
TAKEN_S = 5.0
PATIENCE, PATIENCE_MS = 1_500, 30_000
"""Looks at a page before it is given up."""

SIZE = {"width": 1920, "height": 1080}

Step = tuple[str, Callable[[], Any], str, int]
"""A state of the screen: its name, what the host does, the phase of the page and how many winners it shows."""


def steps(desk: Host) -> tuple[Step, ...]:
    """The states of a selection, one after the other."""
    return (
        ("wall", lambda: None, "none", 0),
        ("armed", lambda: desk.arm(k=3), "ready", 0),
        ("rolling", desk.start, "rolling", 0),
        ("revealed", desk.reveal, "result", 3),
        ("one absent", lambda: desk.mark(1, desk.lines(1)[0].guest_no), "result", 3),
        ("confirmed", lambda: desk.confirm(1), "result", 3),
    )


class Stage:
    """Two computers before one hall: its pages come from gunicorn, its events from `live`."""

    def __init__(self, ground: Ground) -> None:
        settings = ground.settings(profile="simulator", public_url=f"http://{HOST}")
        live = ground.live("spare-live", settings)
        self.settings = settings.model_copy(update={"live_url": f"http://{HOST}:{live.port}"})
        web = ground.gunicorn("spare-web", "wsgi:app", self.settings)
        self.rules = f"MAP {HOST}:80 127.0.0.1:{web.port}, MAP {HOST} 127.0.0.1"
        self.runtime = Runtime(self.settings)
        hall = open_hall(self.runtime, ({"stock": STOCK},), GUESTS, SLUG, terms={"mode": "seed"})
        self.desk = Host(hall)
        self.desk.freeze()
        self.tell()

    def tell(self) -> None:
        """What every verb's page does after its commit."""
        told.tell(self.runtime, self.desk.id)

    def pair(self, browser: Any) -> tuple[Any, float]:
        """A computer that was off until now: open the address, type the digits; the page, and when that began."""
        digits = self.desk.do(pairing.offer, self.desk.id)
        page = browser.new_context(viewport=SIZE, reduced_motion="reduce").new_page()
        began = time.monotonic()
        page.goto(f"http://{HOST}/hall/{SLUG}/screen")
        page.locator("#pair-code").fill(digits)
        page.locator("#wall").wait_for(state="attached", timeout=PATIENCE_MS)  # the page of the screen has come
        return page, began

    def close(self) -> None:
        """Let go of Redis and the database."""
        self.runtime.close()


def until(page: Any, script: str, what: str) -> None:
    """Wait until it is true on the page."""
    for _ in range(PATIENCE):
        if page.evaluate(script):
            return
        page.wait_for_timeout(20)
    raise BenchProblem(f"the screen never came to this: {what}")


def run(ground: Ground) -> Iterator[Figure]:
    """In each state another computer takes over from the one before. Left out where there is no browser to drive."""
    path = chromium(ground, "a spare screen")
    if path is None:
        return
    with closing(Stage(ground)) as stage, driver() as playwright:
        rules = f"--host-resolver-rules={stage.rules}"
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, rules])
        waits, viewers = dict[str, float](), dict[str, float]()
        first, _ = stage.pair(browser)
        until(first, "document.body.dataset.role === 'lead'", "leads")
        for name, does, phase, cards in steps(stage.desk):
            does()
            stage.tell()
            until(first, f"document.body.dataset.phase === '{phase}'", name)
            spare, began = stage.pair(browser)
            shows = f"document.body.dataset.phase === '{phase}' && document.querySelectorAll('#winners .card').length === {cards}"
            until(spare, f"document.body.dataset.role === 'lead' && {shows}", f"a spare screen leads, {name}")
            waits[name] = time.monotonic() - began
            until(first, "document.body.dataset.role === 'viewer'", f"the first one looks on, {name}")
            viewers[name] = time.monotonic() - began
            first.context.close()
            first = spare
        browser.close()
    worst = max(waits.values())
    what = f"a spare screen leads and shows the same, the slowest of {len(waits)} states"
    more = {"states_s": waits, "first_looks_on_s": viewers}
    ratio = worst / TAKEN_S
    yield Figure("outage", what, "s", worst, TAKEN_S, "at most", ratio, aim=1.0, is_better_low=True, more=more)
