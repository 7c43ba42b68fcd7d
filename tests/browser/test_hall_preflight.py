"""Before the evening: what the pre-flight page says of a machine that is fit to be the screen, and what to do about one that is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import Any

import pytest

from tests.browser.axe import serious
from tests.browser.test_hall_screen import HD, OVERFLOWS, TINY, Screen
from tests.hall.hosting import Host
from tests.hall.stage import open_hall
from tests.live.stage import living
from tests.servers import SimulatedWeChat
from tests.sites import site_at
from tests.waiting import until_page
from wxbot.hall.screen_words import SCRIPT
from wxbot.runtime import Runtime

pytestmark = pytest.mark.browser

BY_ITSELF = ("network", "clock", "stream", "size", "fonts", "frames", "awake")
"""What the page looks at without being asked."""
BY_HAND = ("sound", "full", "clicker")
KEPT_AWAKE_BY_HAND = {"awake": ("bad", SCRIPT["check_awake_bad"].zh)}
"""A browser without a display of its own keeps none awake, and says what else does."""

DISPLAY = """(frames) => {
  let now = 0, steps = [];
  const frame = () => { now += 1000 / frames; const due = steps; steps = []; due.forEach((step) => step(now)); };
  performance.now = () => now;
  window.requestAnimationFrame = (step) => { if (steps.push(step) === 1) { setTimeout(frame); } return 1; };
}"""
"""A display with so many frames a second, however busy the machine of the test is."""

UNFIT = """
navigator.wakeLock.request = () => Promise.reject(new Error('no'));
Element.prototype.requestFullscreen = () => Promise.reject(new Error('no'));
CanvasRenderingContext2D.prototype.fillText = () => {};
AudioContext.prototype.resume = () => Promise.reject(new Error('no'));
Object.defineProperty(AudioContext.prototype, 'state', { get: () => 'suspended' });
"""
"""No wake lock, no full screen, no letter in any font, no sound."""


def look(screen: Screen, script: str = "") -> None:
    """Open the page on this machine; what it looks at by itself is done when this returns."""
    if script:
        screen.page.add_init_script(script)
    screen.page.goto(screen.address.replace("/screen", "/preflight"))
    settled(screen)


def settled(screen: Screen) -> None:
    for check in BY_ITSELF:
        until_page(screen.page, f"document.querySelector('#check-{check} .said').textContent !== '…'")


def by_hand(screen: Screen) -> None:
    """The two buttons; the page has said something of each when this returns."""
    for button, check in (("try-sound", "sound"), ("try-full", "full")):
        screen.page.locator(f"#{button}").click()
        until_page(screen.page, f"document.querySelector('#check-{check}').dataset.state !== 'open'")


def lines(screen: Screen) -> dict[str, tuple[str, str]]:
    """Check → its state and its sentence."""
    found = {
        each.get_attribute("id").removeprefix("check-"): each for each in screen.page.locator(".checks > li").all()
    }
    return {
        name: (each.get_attribute("data-state"), each.locator(".said").inner_text()) for name, each in found.items()
    }


def not_good(seen: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Of what the page looks at by itself, the lines that are not green."""
    return {name: said for name, said in seen.items() if said[0] != "good" and name not in (*BY_HAND, "rehearsal")}


def frames(of: int) -> str:
    return f"({DISPLAY})({of});"


def rehearsing(site: Runtime, page: Any) -> Screen:
    page.set_viewport_size(HD)
    screen = Screen(
        Host(open_hall(site, guests=5, prizes=({"stock": 9},), terms={"mode": "seed", "is_rehearsal": True})), page
    )
    screen.desk.freeze()
    return screen


@pytest.fixture
def site_with_streams(simulator: SimulatedWeChat, sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Runtime]:
    """The application, and `wxbot live` beside it."""
    with site_at(simulator, sqlite_url, redis_url, tmp_path, living) as runtime:
        yield runtime


@pytest.mark.proof
def test_each_line_of_a_machine_that_is_fit_is_good(site_with_streams: Runtime, page: Any) -> None:
    screen = rehearsing(site_with_streams, page)
    screen.pair()
    look(screen, frames(60))
    seen = lines(screen)
    assert list(seen) == [*BY_ITSELF, *BY_HAND, "rehearsal"]
    assert not_good(seen) in ({}, KEPT_AWAKE_BY_HAND)
    assert {seen[name][0] for name in (*BY_HAND, "rehearsal")} == {"open"}, "nobody has tried them yet"
    assert (seen["size"][1], seen["frames"][1]) == ("1280 × 720", "每秒 60 帧")
    by_hand(screen)
    page.evaluate("document.exitFullscreen()")
    page.keyboard.press("PageDown")
    for done, state in ((1, "open"), (2, "good")):
        screen.desk.show(k=1)
        screen.desk.confirm(done)
        screen.tell()
        page.locator("#again").click()
        page.locator("#check-rehearsal .said", has_text=f"已完成 {done} / 2 次").wait_for()
        assert lines(screen)["rehearsal"][0] == state
    settled(screen)
    assert not_good(lines(screen)) in ({}, KEPT_AWAKE_BY_HAND)
    assert {lines(screen)[name][0] for name in (*BY_HAND, "rehearsal")} == {"good"}
    assert page.evaluate(OVERFLOWS) == []
    assert not serious(page)


def test_each_line_of_a_machine_that_is_not_fit_says_what_to_do(site: Runtime, page: Any) -> None:
    screen = rehearsing(site, page)
    look(screen)
    seen = lines(screen)
    assert seen["stream"] == ("open", SCRIPT["check_stream_unpaired"].zh), "whoever sets it up may look before pairing"
    assert seen["rehearsal"] == ("open", "已完成 0 / 2 次")
    screen.pair()
    page.set_viewport_size(TINY)
    page.route("**/now", lambda route: route.fulfill(json={"now": time() + 60}))
    look(screen, UNFIT + frames(20))
    by_hand(screen)
    seen = lines(screen)
    bad = ("clock", "stream", "size", "fonts", "frames", "awake", "sound", "full")
    assert {name for name, said in seen.items() if said[0] == "bad"} == set(bad)
    for name in bad:
        said = SCRIPT[f"check_{name}_bad"].zh.format(s="60.0", fps=20, width=640, height=360)
        assert seen[name][1].replace("59.9", "60.0") == said, name
    assert page.evaluate(OVERFLOWS) == []
    page.route("**/now", lambda route: route.abort())
    page.locator("#again").click()
    page.locator("#check-network[data-state=bad] .said", has_text=SCRIPT["check_network_bad"].zh).wait_for()
