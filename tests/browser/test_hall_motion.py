"""What moves on the big screen, as a machine without a graphics card must draw it: bounded, never smoothed, and nothing while nothing happens."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.test_hall_screen import HD, Screen, people, selection
from tests.hall.hosting import Host
from tests.hall.stage import open_hall
from tests.waiting import until_page
from wxbot.runtime import Runtime

pytestmark = pytest.mark.browser

PACE = """async (gaps) => {
  const { Pace } = await import('/static/hall/pace.js');
  const pace = new Pace();
  return gaps.map(([gap, frames]) => { for (let n = 0; n < frames; n += 1) { pace.hear(gap); } return pace.level; });
}"""
SHEET = """(room) => {
  const sheet = document.querySelector(`${room} canvas.sheet`);
  const box = sheet.getBoundingClientRect();
  const shown = [box.width * devicePixelRatio, box.height * devicePixelRatio];
  return { width: sheet.width, height: sheet.height, shown, rendering: getComputedStyle(sheet).imageRendering };
}"""
SEAM = """(room) => {
  const [back, sheet] = [document.querySelector('canvas.room'), document.querySelector(`${room} canvas.sheet`)];
  const box = sheet.getBoundingClientRect();
  const points = [[1, 1], [sheet.width - 2, 1], [1, sheet.height - 2], [sheet.width - 2, sheet.height - 2]];
  const of = (canvas, x, y) => [...canvas.getContext('2d').getImageData(x, y, 1, 1).data];
  const [left, top] = [Math.round(box.left * devicePixelRatio), Math.round(box.top * devicePixelRatio)];
  return points.map(([x, y]) => [of(sheet, x, y), of(back, left + x, top + y)]);
}"""
"""The colours in the corners of a sheet, each beside the room's at the same place."""
BEHIND = """async (frames) => {
  const [back, sheet, panel] = ['canvas.room', '#rain-sky canvas.sheet', '.rain-sum'].map((one) => document.querySelector(one));
  const [own, box] = [sheet.getBoundingClientRect(), panel.getBoundingClientRect()];
  const [y, packet] = [Math.round((box.top + box.bottom) / 2), Math.min(innerWidth, innerHeight) * 0.15];
  const of = (canvas, from, to, left, top) => canvas.getContext('2d').getImageData(Math.round(from - left), Math.round(y - top), Math.round(to - from), 1).data;
  const isOther = (from, to) => {
    const wanted = of(back, from, to, 0, 0);
    return of(sheet, from, to, own.left, own.top).some((value, n) => value !== wanted[n]);
  };
  const found = { beside: 0, behind: 0 };
  for (let n = 0; n < frames; n += 1) {
    await new Promise(requestAnimationFrame);
    found.beside += isOther(own.left + 1, box.left - 1);
    found.behind += isOther(box.left + packet, box.right - packet);
  }
  return found;
}"""
"""In how many frames something is drawn on a line through the middle of the panel: beside it, and where only what is all behind it can lie."""
DRAWN = """async (frames) => {
  const pen = document.querySelector('#roll-ball canvas.sheet').getContext('2d');
  let count = 0;
  pen.drawImage = function (...what) { count += 1; CanvasRenderingContext2D.prototype.drawImage.apply(this, what); };
  for (let n = 0; n < frames; n += 1) { await new Promise(requestAnimationFrame); }
  delete pen.drawImage;
  return count;
}"""
"""How often something is put on the ball's sheet in so many frames."""
COUNTED = """() => {
  const real = window.requestAnimationFrame;
  window.requestAnimationFrame = (step) => { window.framesAsked += 1; return real(step); };
}"""
RUNNING = "document.getAnimations().filter((one) => one.playState === 'running').length"
MOST_POINTS = {1: 2560 * 1440, 2: 1480 * 832}
"""By how many of the screen's a point is wide."""


@pytest.fixture
def screen(site: Runtime, page: Any) -> Screen:
    page.set_viewport_size(HD)
    screen = Screen(Host(open_hall(site, guests=5, prizes=({"stock": 9},), terms={"mode": "seed"})), page)
    screen.pair()
    return screen


def test_less_is_drawn_as_long_as_that_helps_a_slow_machine(screen: Screen) -> None:
    def pace(*gaps: tuple[float, int]) -> list[int]:
        levels: list[int] = screen.page.evaluate(PACE, gaps)
        return levels

    assert pace((16.7, 300)) == [0]
    assert pace((33, 60), (17, 300)) == [1, 1]
    assert pace((66, 60), (33, 60), (17, 300)) == [1, 2, 2]
    assert pace((100, 60), (80, 60), (60, 600)) == [1, 2, 2]  # there is nothing less than the least
    assert pace((33, 60), (33, 60), (33, 600)) == [
        1,
        0,
        0,
    ]  # a display of thirty frames a second: it is not the drawing
    assert pace((5000, 100)) == [0]  # the page was away


def test_a_count_of_one_has_its_word(screen: Screen) -> None:
    fill = "async ([said, values]) => (await import('/static/hall/dom.js')).fill(said, values)"
    said = "{n} {n:person is|people are} here, {m}"
    assert screen.page.evaluate(fill, [said, {"n": 1}]) == "1 person is here, {m}"
    assert screen.page.evaluate(fill, [said, {"n": 21, "m": "{n:a|b}"}]) == "21 people are here, {n:a|b}"


@pytest.mark.proof
def test_what_moves_is_bounded_and_each_of_its_points_is_one_of_the_screens_and_at_4k_exactly_four(
    screen: Screen,
) -> None:
    screen.page.emulate_media(reduced_motion="no-preference")
    now = screen.runtime.clock.unix()
    rain = {"id": 2, "kind": "rain", "status": "running", "begin": now - 5, "end": now + 600, "seconds": 600}
    scenes: tuple[tuple[str, dict[str, Any]], ...] = (
        ("#roll-ball", {"scene": "selection", "newest": people(60), "selection": selection(5, [], "drawn")}),
        ("#rain-sky", {"scene": "rain", "selection": None, "game": rain}),
    )
    for width, height, grain, rendering in ((1280, 720, 1, "auto"), (3840, 2160, 2, "pixelated")):
        screen.page.set_viewport_size({"width": width, "height": height})
        for room, changes in scenes:
            screen.show(**changes)
            until_page(screen.page, f"document.querySelector('{room} canvas.sheet')?.width * {grain} > {width} * 0.6")
            sheet = screen.page.evaluate(SHEET, room)
            assert sheet["shown"] == pytest.approx([sheet["width"] * grain, sheet["height"] * grain], abs=0.01), room
            assert sheet["rendering"] == rendering, room
            assert sheet["width"] * sheet["height"] <= MOST_POINTS[grain] * 1.001, room


def test_the_ball_stands_on_its_piece_of_the_room_and_still_where_no_motion_is_wanted(screen: Screen) -> None:
    screen.page.emulate_media(reduced_motion="no-preference")
    screen.show(scene="selection", newest=people(60), selection=selection(5, [], "drawn"))
    for width, height in ((1280, 720), (1024, 640)):
        screen.page.set_viewport_size({"width": width, "height": height})
        until_page(screen.page, f"document.querySelector('canvas.room').width === {width}")
        until_page(
            screen.page,
            f"Math.abs(document.querySelector('#roll-ball canvas.sheet')?.width - {width} * 0.94) < {width} * 0.06",
        )
        for found, wanted in screen.page.evaluate(SEAM, "#roll-ball"):
            assert found == wanted
    assert screen.page.evaluate(DRAWN, 20) > 0
    screen.page.emulate_media(reduced_motion="reduce")
    assert screen.page.evaluate(DRAWN, 20) == 0


def test_a_packet_that_is_all_behind_the_panel_of_a_rain_is_not_drawn(screen: Screen) -> None:
    screen.page.emulate_media(reduced_motion="no-preference")
    now = screen.runtime.clock.unix()
    ranks = [{"no": n, "name": f"来宾{n}", "count": 1} for n in range(1, 6)]
    rain = {"id": 2, "kind": "rain", "status": "running", "begin": now - 5, "end": now + 600, "seconds": 600}
    screen.show(scene="rain", selection=None, game={**rain, "ranks": ranks, "claimed": 5, "packets": 600})
    until_page(screen.page, "document.querySelector('#rain-sky canvas.sheet')?.width > 900")
    found = screen.page.evaluate(BEHIND, 180)
    assert found["beside"] > 0
    assert found["behind"] == 0


def test_a_name_on_the_ball_is_whole_and_only_a_very_long_one_is_cut(screen: Screen) -> None:
    screen.page.evaluate("""() => {
      window.written = new Set();
      for (const pen of [CanvasRenderingContext2D, OffscreenCanvasRenderingContext2D]) {
        const fillText = pen.prototype.fillText;
        pen.prototype.fillText = function (text, ...rest) { window.written.add(text); fillText.call(this, text, ...rest); };
      }
    }""")
    names = ["欧阳娜娜", "上官婉儿公主", "阿卜杜拉·买买提", "Christina Wang", "一二三四五六七八九十" * 2]
    screen.page.emulate_media(reduced_motion="no-preference")
    screen.show(
        scene="selection", newest=people(5, lambda n: names[n - 1]), guests=5, selection=selection(5, [], "drawn")
    )
    lines = ["欧阳娜娜", "上官婉", "儿公主", "阿卜杜拉·", "买买提", "Christina", "Wang"]
    until_page(screen.page, f"{lines}.every(line => window.written.has(line))")
    until_page(screen.page, "[...window.written].some(line => line.includes('…'))")
    written = set(screen.page.evaluate("[...window.written]"))
    assert [text[-1] for text in written if "…" in text] == ["…"]


@pytest.mark.own_profile
def test_nothing_is_drawn_while_nothing_happens(screen: Screen) -> None:
    page = screen.page
    page.emulate_media(reduced_motion="no-preference")
    page.clock.install()
    won = selection(3, people(3))
    page.evaluate(COUNTED)
    for changes in (
        {"scene": "wall", "newest": people(60)},
        {"scene": "prizes"},
        {"scene": "selection", "selection": won},
    ):
        screen.show(**changes)
        page.clock.run_for(30_000)
        until_page(page, f"{RUNNING} === 0")  # who has just come pops in
        page.evaluate("void (window.framesAsked = 0)")
        page.clock.run_for(30_000)
        assert page.evaluate("window.framesAsked") == 0, changes["scene"]
        assert page.evaluate(RUNNING) == 0
