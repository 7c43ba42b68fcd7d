"""The three ways to roll, the key that chooses one, and the button of the screen that starts and stops: pressed as hastily as people do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.test_hall_screen import (
    HD,
    LAID_OUT,
    OVERFLOWS,
    SIZES,
    TINY,
    UNSEEN,
    Screen,
    armed,
    people,
    selection,
)
from tests.hall.hosting import Host
from tests.hall.stage import open_hall
from tests.waiting import until_page
from wxbot.runtime import Runtime

pytestmark = pytest.mark.browser

GUARD_MS = 1600
"""A press within a second and a half of the last one counts for nothing."""
LONG = ("欧阳娜娜", "阿卜杜热西提·买买提江", "Wolfeschlegelsteinhausen", "一二三四五六七八九十" * 2)
LIST, NUMBER, BALL = "list", "number", "ball"

SEEN = """async (of) => {
  const seen = [];
  for (let n = 0; n < 30; n += 1) {
    await new Promise(requestAnimationFrame);
    const boxes = [...document.querySelectorAll(`#roll-${of} .card, #roll-${of} .digit`)];
    seen.push(of === 'list' ? boxes.map((box) => [Number(box.dataset.no), box.innerText.trim().split('\\n').pop()]) : boxes.map((box) => box.innerText).join(''));
  }
  return seen;
}"""
"""What stands in the boxes of a roll in each of thirty frames: [number, name] of each card, or the digits."""
SHOWN = "['ball', 'list', 'number'].filter((each) => document.getElementById(`roll-${each}`).checkVisibility())"


@pytest.fixture
def screen(site: Runtime, page: Any) -> Screen:
    """Twelve guests, of whom one has won and may not win again."""
    page.set_viewport_size(TINY)
    desk = Host(open_hall(site, guests=12, prizes=({"stock": 9},), terms={"mode": "seed"}))
    desk.freeze()
    desk.show(k=1)
    desk.confirm(1)
    screen = Screen(desk, page)
    screen.pair()
    return screen


def skin(screen: Screen) -> str:
    found: str = screen.page.evaluate("document.body.dataset.skin")
    return found


def roll(screen: Screen, d: int) -> None:
    """The next selection, started by the host's phone."""
    screen.desk.start()
    screen.tell()
    screen.now()
    screen.phase("rolling")
    assert screen.desk.selections()[-1].d == d


def stop(screen: Screen, d: int) -> None:
    screen.desk.reveal()
    screen.tell()
    screen.now()
    screen.phase("result")
    won = [line.guest_no for line in screen.desk.lines(d)]
    assert [int(each.get_attribute("data-no")) for each in screen.page.locator("#winners .card").all()] == won
    assert screen.page.evaluate(SHOWN) == []
    screen.desk.confirm(d)


def test_key_b_chooses_between_ball_names_and_numbers_and_each_rolls_who_may_still_win(screen: Screen) -> None:
    page = screen.page
    page.emulate_media(reduced_motion="no-preference")
    pool = set(range(1, 13)) - {screen.desk.lines(1)[0].guest_no}
    armed(screen)
    assert skin(screen) == BALL and page.evaluate(SHOWN) == [BALL]
    page.keyboard.press("b")
    assert skin(screen) == LIST
    roll(screen, 2)
    assert page.evaluate(SHOWN) == [LIST]
    until_page(page, "document.querySelectorAll('#roll-list .card').length === 3")
    seen = page.evaluate(SEEN, LIST)
    cards = {(no, name) for frame in seen for no, name in frame}
    assert {len(frame) for frame in seen} == {3} and len(cards) > 3, "as many as are selected, and they change"
    assert {no for no, _ in cards} <= pool and all(name == f"来宾{no}" for no, name in cards)
    page.keyboard.press("b")
    assert skin(screen) == LIST and page.evaluate(SHOWN) == [LIST], "not while it rolls"
    stop(screen, 2)

    pool -= {line.guest_no for line in screen.desk.lines(2)}
    armed(screen)
    page.keyboard.press("B")
    assert skin(screen) == NUMBER
    roll(screen, 3)
    assert page.evaluate(SHOWN) == [NUMBER]
    numbers = set(page.evaluate(SEEN, NUMBER))
    assert len(numbers) > 1 and {len(each) for each in numbers} == {2} and {int(each) for each in numbers} <= pool
    stop(screen, 3)
    page.reload()
    screen.phase("result")
    assert skin(screen) == NUMBER, "the machine keeps what was chosen"
    page.keyboard.press("b")
    assert skin(screen) == BALL


def test_a_saving_screen_rolls_names_instead_of_the_ball(screen: Screen) -> None:
    armed(screen)
    screen.page.keyboard.press("s")
    assert skin(screen) == LIST
    roll(screen, 2)
    assert screen.page.evaluate(SHOWN) == [LIST]
    screen.page.keyboard.press("s")
    assert skin(screen) == BALL and screen.page.evaluate(SHOWN) == [BALL], "it goes on in the look that is right now"
    screen.page.keyboard.press("s")
    stop(screen, 2)


def test_a_double_click_on_the_button_starts_once_and_another_one_behind_the_guard_stops_once(screen: Screen) -> None:
    page, button = screen.page, screen.page.locator("[data-does=go]")
    page.mouse.move(300, 200)
    button.dblclick()
    assert screen.verbs() == [], "nothing is armed"
    armed(screen)
    page.wait_for_timeout(GUARD_MS)
    page.mouse.move(310, 210)
    button.dblclick()
    screen.phase("rolling")
    button.click(click_count=3)
    for key in ("Space", "Enter", "PageDown"):  # a click leaves the button, so a key is no second click on it
        page.keyboard.press(key)
    page.wait_for_timeout(300)
    assert screen.verbs() == ["start"] and screen.desk.selections()[-1].status == "drawn"
    page.wait_for_timeout(GUARD_MS)
    page.mouse.move(300, 200)
    button.dblclick()
    button.dblclick()
    screen.phase("result")
    assert screen.verbs() == ["start", "stop"]
    page.wait_for_timeout(GUARD_MS)
    page.mouse.move(310, 210)
    button.dblclick()
    assert screen.verbs() == ["start", "stop"] and page.locator("#winners .card").count() == 3
    assert [each.status for each in screen.desk.selections()] == ["confirmed", "revealed"]


def rolling(screen: Screen, look: str, k: int, first: int) -> None:
    """The screen rolls so many people in that look; their numbers begin with `first`."""
    newest = people(60, lambda no: LONG[no % len(LONG)], first)
    screen.show(scene="selection", newest=newest, selection=selection(k, [], "armed", d=first))
    while skin(screen) != look:
        screen.page.keyboard.press("b")
    screen.show(selection=selection(k, [], "drawn", d=first))
    screen.phase("rolling")
    assert screen.page.evaluate(SHOWN) == [look]


@pytest.mark.proof
@pytest.mark.parametrize("sizes", [SIZES[:1], SIZES[1:]], ids=["720p", "1080p and 4k"])
def test_every_roll_fits_at_720p_1080p_and_4k(screen: Screen, sizes: tuple[tuple[int, int], ...]) -> None:
    page = screen.page
    page.set_viewport_size(HD)
    page.evaluate(UNSEEN.replace("document.documentElement", "document.querySelector('canvas.room')"))
    rolls = ((LIST, 1), (LIST, 3), (LIST, 4), (LIST, 10), (LIST, 11), (LIST, 40), (NUMBER, 1), (BALL, 40))
    for turn, (look, k) in enumerate(rolls):
        rolling(screen, look, k, first=10_000 + turn * 100)
        for width, height in sizes:
            page.set_viewport_size({"width": width, "height": height})
            page.evaluate(LAID_OUT)
            assert page.evaluate(OVERFLOWS) == [], (look, k, height)
            boxes = page.locator(f"#roll-{look} :is(.card, .digit)").count()
            assert boxes == {LIST: min(k, 20), NUMBER: 5, BALL: 0}[look]
