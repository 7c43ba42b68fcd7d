"""The big screen of a hall in a real browser: keys, takeover, hostile names, every layout, and no winner before the stop."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.axe import serious
from tests.browser.slow import held_back, open_without
from tests.hall.hosting import Host
from tests.hall.stage import OpenHall, open_hall
from tests.waiting import until_page
from wxbot.hall import pairing, scenes, told, wire
from wxbot.runtime import Runtime

pytestmark = pytest.mark.browser

HD = {"width": 1280, "height": 720}
"""The smallest screen: to draw it takes half as long as the usual one, which SIZES has."""
TINY = {"width": 640, "height": 360}
"""For what is not about how the screen looks: a quarter of the points to draw in each frame."""
UNSEEN = "document.documentElement.style.visibility = 'hidden'"
"""A page is laid out and not painted, which takes most of it."""
LAID_OUT = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""The page has heard of its new size and has drawn a frame since, however long this machine takes for one."""
SIZES = ((1280, 720), (1920, 1080), (3840, 2160))
GUESTS = 30

OVERFLOWS = """() => {
  const found = [];
  for (const each of document.querySelectorAll('body *')) {
    const box = each.getBoundingClientRect();
    if (!box.width || !box.height || each.closest('.room, canvas, script, dialog, nav, #rain-sky, #flying')) { continue; }
    const name = each.id || each.className;
    if (box.right > innerWidth + 1 || box.bottom > innerHeight + 1 || box.left < -1 || box.top < -1) { found.push(`${name} is outside`); }
    const style = getComputedStyle(each);
    const holds = [...each.childNodes].some((one) => one.nodeType === 3 && one.textContent.trim());
    if (!holds) { continue; }
    if (parseFloat(style.fontSize) < innerHeight * 0.03 - 0.5 && !each.matches('.letter')) { found.push(`${name} is small`); }
    if (style.overflow !== 'hidden' && each.scrollWidth > each.clientWidth + 2 && style.display !== 'inline') { found.push(`${name} is wide`); }
    const parent = each.parentElement.closest('.card, .prize');
    if (parent && box.bottom > parent.getBoundingClientRect().bottom + 2) { found.push(`${name} leaves its box`); }
  }
  return found;
}"""


class Screen:
    """One browser page that was paired, and the desk beside it."""

    def __init__(self, desk: Host, page: Any) -> None:
        self.desk, self.page, self.hall = desk, page, desk.stage
        self.sent: list[str] = []
        self.page.on("request", lambda request: request.method == "POST" and self.sent.append(request.url))

    @property
    def runtime(self) -> Runtime:
        return self.hall.runtime

    @property
    def address(self) -> str:
        return f"{self.runtime.settings.public_url}/hall/{self.hall.slug}/screen"

    def pair(self) -> None:
        digits = self.desk.do(pairing.offer, self.desk.id)
        self.page.goto(self.address)
        with self.page.expect_navigation():  # the pairing page makes way for the screen
            self.page.locator("#pair-code").fill(digits)
        until_page(self.page, "!!document.body.dataset.v")  # the page is there before its first state is
        self.sent.clear()

    def tell(self) -> None:
        told.tell(self.runtime, self.desk.id)

    def now(self) -> None:
        """Ask for the state at once instead of within a second."""
        self.page.evaluate("dispatchEvent(new Event('online'))")

    def phase(self, phase: str) -> None:
        until_page(self.page, f"document.body.dataset.phase === '{phase}'")

    def show(self, **changes: Any) -> None:
        """A state that no rows stand behind, as Redis would hold it: for what would take a thousand people."""
        state = json.loads(told.text_of(self.runtime, self.hall.slug) or "{}")
        state |= {"v": state["v"] + 1, **changes}
        self.runtime.redis.set(wire.state_key(self.hall.slug), json.dumps(state))
        self.now()
        until_page(self.page, f"document.body.dataset.v === '{state['v']}'")

    def verbs(self) -> list[str]:
        return [url.rpartition("/")[2] for url in self.sent]


@pytest.fixture
def hall(site: Runtime) -> OpenHall:
    return open_hall(site, guests=GUESTS, prizes=({"stock": 9},), terms={"mode": "seed"})


@pytest.fixture
def screen(hall: OpenHall, page: Any) -> Screen:
    desk = Host(hall)
    desk.freeze()
    page.set_viewport_size(HD)
    screen = Screen(desk, page)
    screen.pair()
    return screen


def armed(screen: Screen, k: int = 3) -> None:
    screen.desk.arm(k=k)
    screen.tell()
    screen.now()
    screen.phase("ready")


def people(count: int, name: Callable[[int], str] = "来宾{}".format, first: int = 1) -> list[dict[str, Any]]:
    return [
        {"place": no, "no": no, "name": name(no), "face": "", "group": "", "status": "won"}
        for no in range(first, first + count)
    ]


def selection(k: int, winners: list[dict[str, Any]], status: str = "revealed", **more: Any) -> dict[str, Any]:
    fixed = {"d": k, "prize": 1, "k": k, "status": status, "pool": 500, "pool_hash": "8" * 64}
    return {**fixed, "entropy_kind": "seed", "entropy_text": "", "reason": "", "winners": winners, **more}


def prizes(count: int) -> list[dict[str, Any]]:
    one = {"kind": "money", "amount_fen": 888_800, "stock": 100, "open": 40, "per_selection": 1}
    return [{"ordinal": n, "name": f"年终特别幸运大奖第 {n} 轮", **one} for n in range(1, count + 1)]


def test_space_starts_and_stops_once_and_no_winner_reaches_the_browser_before_the_stop(screen: Screen) -> None:
    bodies: list[tuple[str, str]] = []
    screen.page.set_viewport_size(TINY)
    screen.page.on("response", lambda answer: bodies.append((answer.url, answer.text())))
    screen.page.keyboard.press("Space")  # nothing is armed
    armed(screen)
    screen.page.wait_for_timeout(1600)  # a second press within a second and a half counts for nothing
    bodies.clear()
    screen.page.keyboard.press("Space")
    for key in ("Space", "Enter", "PageDown", "Space"):
        screen.page.keyboard.press(key)
    screen.phase("rolling")
    screen.page.evaluate(
        "for (let n = 0; n < 30; n += 1) dispatchEvent(new KeyboardEvent('keydown', {key: ' ', repeat: true}))"
    )
    screen.page.wait_for_timeout(1600)
    screen.page.evaluate("dispatchEvent(new KeyboardEvent('keydown', {key: 'PageDown', repeat: true}))")
    assert screen.verbs() == ["start"]
    before = list(bodies)
    assert any(url.endswith("/start") for url, _ in before) and any(url.endswith("/state") for url, _ in before)
    for url, body in before:
        assert "来宾" not in body or '"winners":[{' not in body.replace(" ", ""), url
        assert not url.endswith("/pool?d=1")  # it was asked for when the prize was armed
    assert screen.page.evaluate("document.querySelectorAll('#winners .card').length") == 0
    screen.page.keyboard.press("PageDown")
    screen.phase("result")
    assert screen.verbs() == ["start", "stop"]
    shown = [int(each.get_attribute("data-no")) for each in screen.page.locator("#winners .card").all()]
    assert shown == [line.guest_no for line in screen.desk.lines(1)]
    screen.page.wait_for_timeout(1600)
    for key in ("Space", "Escape", "Enter", "PageDown"):  # nothing is armed any more, and nothing is ever discarded
        screen.page.keyboard.press(key)
    assert screen.verbs() == ["start", "stop"] and screen.page.locator("#winners .card").count() == 3


def test_digits_that_were_typed_before_the_script_came_pair_the_screen(screen: Screen) -> None:
    page = screen.page
    page.context.clear_cookies()
    digits = screen.desk.do(pairing.offer, screen.desk.id)
    with held_back(page, "**/hall/screen.js*"):
        open_without(page, screen.address)
        page.locator("#pair-code").fill(digits)
    until_page(page, "!!document.body?.dataset.v")


def test_keys_do_nothing_while_somebody_types_or_a_dialog_is_open(screen: Screen) -> None:
    screen.page.set_viewport_size(TINY)
    armed(screen)
    screen.page.wait_for_timeout(1600)
    screen.page.evaluate("document.body.append(Object.assign(document.createElement('input'), {id: 'note'}))")
    screen.page.locator("#note").focus()
    for key in ("Space", "Enter", "PageDown"):
        screen.page.keyboard.press(key)
    screen.page.evaluate("document.getElementById('note').remove()")
    screen.page.mouse.move(300, 300)
    screen.page.locator("[data-does=verify]").click()
    screen.page.keyboard.press("PageDown")
    assert not serious(screen.page)
    screen.page.keyboard.press("Escape")
    assert screen.verbs() == [] and screen.page.evaluate("document.body.dataset.phase") == "ready"
    screen.page.wait_for_timeout(1600)
    screen.page.keyboard.press("PageDown")
    screen.phase("rolling")
    assert screen.verbs() == ["start"]


@pytest.mark.own_profile
@pytest.mark.proof
def test_while_the_answer_is_late_the_roll_goes_on_and_the_same_selection_is_shown_in_the_end(screen: Screen) -> None:
    armed(screen)
    screen.page.clock.install()
    screen.page.clock.run_for(2000)
    with screen.page.expect_request_finished(lambda request: request.url.endswith("/start")):
        screen.page.keyboard.press("Space")
    screen.phase("rolling")
    screen.page.context.set_offline(True)
    screen.page.clock.run_for(2000)
    screen.page.keyboard.press("Space")
    screen.page.clock.run_for(7000)
    assert screen.page.locator("#pick-late").is_hidden()
    screen.page.clock.run_for(2000)
    assert screen.page.locator("#pick-late").is_visible()
    assert screen.page.evaluate("document.body.dataset.phase") == "rolling"
    screen.page.context.set_offline(False)
    for _ in range(40):
        screen.page.clock.run_for(500)
        screen.page.wait_for_timeout(50)
        if screen.page.evaluate("document.body.dataset.phase") == "result":
            break
    assert screen.page.locator("#winners .card").count() == 3 and screen.page.locator("#pick-late").is_hidden()
    assert [each.status for each in screen.desk.selections()] == ["revealed"]


@pytest.mark.proof
def test_a_second_screen_takes_over_in_the_middle_of_a_roll_and_the_first_looks_on(
    screen: Screen, browser_profile: Any
) -> None:
    armed(screen)
    screen.page.wait_for_timeout(1600)
    screen.page.keyboard.press("Space")
    screen.phase("rolling")
    other = browser_profile.browser.new_context(viewport=HD, reduced_motion="reduce")
    second = Screen(screen.desk, other.new_page())
    second.pair()
    second.phase("rolling")
    until_page(screen.page, "document.body.dataset.role === 'viewer'")
    screen.sent.clear()
    screen.page.wait_for_timeout(1600)
    screen.page.keyboard.press("Space")
    screen.page.locator("#notice", has_text="另一块").wait_for()
    assert [each.status for each in screen.desk.selections()] == ["drawn"]
    second.page.keyboard.press("Space")
    second.phase("result")
    screen.phase("result")
    assert screen.page.locator("#winners .card").count() == 3
    other.close()


@pytest.mark.proof
def test_a_spare_screen_shows_each_state_as_it_stands_and_leads(screen: Screen, browser_profile: Any) -> None:
    other = browser_profile.browser.new_context(viewport=HD, reduced_motion="reduce")
    spare, desk = Screen(screen.desk, other.new_page()), screen.desk
    steps: tuple[tuple[Callable[[], Any], str, int], ...] = (
        (lambda: None, "none", 0),
        (lambda: desk.arm(k=3), "ready", 0),
        (desk.start, "rolling", 0),
        (desk.reveal, "result", 3),
        (lambda: desk.mark(1, desk.lines(1)[0].guest_no), "result", 3),
        (lambda: desk.confirm(1), "result", 3),
    )
    for step, phase, cards in steps:
        step()
        screen.tell()
        spare.page.context.clear_cookies()
        spare.pair()
        spare.phase(phase)
        assert spare.page.locator("#winners .card").count() == cards
        assert spare.page.evaluate("document.body.dataset.role") == "lead"
        until_page(screen.page, "document.body.dataset.role === 'viewer'")
    other.close()


def test_who_signs_in_pops_in_and_one_key_takes_the_newest_off_the_wall(screen: Screen) -> None:
    screen.page.locator("#code-picture").wait_for()
    screen.hall.come(1)
    screen.tell()
    screen.page.locator("#wall-hero", has_text=f"来宾{GUESTS + 1}").wait_for()
    assert f"{GUESTS + 1}" in screen.page.locator("#guests").inner_text()
    with screen.page.expect_response("**/hide"):
        screen.page.keyboard.press("h")
    screen.page.locator("#notice", has_text=f"{GUESTS + 1}").wait_for()
    until_page(screen.page, f"!document.querySelector('#wall-grid [data-no=\"{GUESTS + 1}\"]')")
    assert screen.hall.guests()[-1].is_hidden


@pytest.mark.proof
def test_absentees_and_voids_are_marked_as_they_are_decided(screen: Screen) -> None:
    screen.desk.show(k=3)
    screen.tell()
    screen.now()
    screen.phase("result")
    absent = screen.desk.lines(1)[1].guest_no
    screen.desk.mark(1, absent)
    screen.tell()
    screen.now()
    screen.page.locator(f"#winners [data-no='{absent}'] .stamp", has_text="缺席").wait_for()
    assert screen.page.locator("#winners .card").count() == 3
    assert screen.page.locator("#pick-count").inner_text() == "恭喜以下 2 位中奖", "the absent are not congratulated"
    screen.desk.confirm(1)
    screen.desk.show(k=1)
    screen.tell()
    screen.now()
    screen.page.locator("#pick-d", has_text="第 2 个名额 · 第 1 次补抽").wait_for()
    gone = [{**each, "status": "voided"} for each in people(3)]
    screen.show(selection=selection(3, gone, "voided", d=9, reason="号码读错了"))
    screen.page.locator("#pick-reason", has_text="号码读错了").wait_for()
    assert "恭喜" not in screen.page.locator("#pick-count").inner_text()


def test_the_words_of_the_screen_change_where_they_stand_when_the_host_chooses_another_language(screen: Screen) -> None:
    page = screen.page
    screen.desk.show(k=3)
    screen.desk.mark(1, screen.desk.lines(1)[1].guest_no)
    screen.tell()
    screen.now()
    page.locator("#winners .stamp", has_text="缺席").wait_for()
    page.evaluate("void (window.isTheSamePage = true)")
    screen.desk.do(lambda session, now: scenes.speak(session, screen.desk.id, "en"))
    screen.tell()
    screen.now()
    page.locator("#winners .stamp", has_text="Absent").wait_for()
    assert page.locator("#pick-count").inner_text() == "Congratulations! 2 won"
    assert page.locator("[data-does=verify]").inner_text() == "How to verify"
    assert page.locator("#verify h2").text_content() == "How to verify this lottery"
    words = page.evaluate("document.body.innerText")
    assert not any(word in words for word in ("承诺值", "已签到", "怎么", "恭喜", "欢迎", "静音"))
    assert page.evaluate("window.isTheSamePage && document.documentElement.lang") == "en"
    assert page.locator("#winners .card").count() == 3 and screen.verbs() == []


def test_commitment_and_rosters_are_shown_whole_for_whoever_takes_a_picture(screen: Screen) -> None:
    def shown(place: str) -> str:
        return "".join(screen.page.locator(place).inner_text().split())

    hall = screen.hall.hall()
    assert shown("#commitment") == hall.commitment
    assert screen.page.locator("#notice").is_hidden(), "nothing new was frozen"
    roster = screen.desk.freeze()
    screen.tell()
    screen.now()
    screen.page.locator("#notice-text", has_text=f"第 2 版 · {GUESTS} 人").wait_for()
    assert shown("#notice-hash") == roster.sha256
    armed(screen)
    assert shown("#pick-roster-hash") == roster.sha256
    assert shown("#pick-hash") == screen.desk.selections()[0].pool_hash
    screen.page.locator("[data-does=verify]").click()
    assert shown("#verify-roster-hash") == roster.sha256
    assert shown("#verify-commitment") == hall.commitment


def test_the_end_of_a_race_says_who_has_won_and_what(screen: Screen) -> None:
    ranks = [{"no": n, "name": f"来宾{n}", "team": "", "counted": 300 - n, "won": n in (1, 3)} for n in (1, 2, 3)]
    game = {"id": 1, "prize": 1, "kind": "race", "begin": 1, "end": 2, "seconds": 30, "ranks": ranks}
    screen.show(scene="race", game={**game, "status": "over"}, prizes=prizes(1))
    assert screen.page.locator("#race-small").inner_text() == "时间到"
    screen.show(scene="race", game={**game, "status": "settled"}, prizes=prizes(1))
    assert screen.page.locator("#race-prize").inner_text() == "年终特别幸运大奖第 1 轮 ¥8888"
    assert screen.page.locator("#race-small").inner_text() == "恭喜以下 2 位中奖"
    assert screen.page.locator("#race-track [data-won=on] .lane-name").all_inner_texts() == ["来宾1", "来宾3"]


def found(k: int) -> list[dict[str, Any]]:
    """The list of a prize: confirmed winners, and some who were found after a restore, of whom one has lost their number."""
    nameless: dict[str, Any] = {"no": 0, "name": "", "face": "", "status": "found"}
    winners = [{**each, "status": "found" if n % 2 else "confirmed"} for n, each in enumerate(people(k - 1), 1)]
    return [{"prize": 1, "winners": [*winners, nameless]}]


def test_who_was_found_after_a_restore_is_in_the_list_with_a_word_that_says_so(screen: Screen) -> None:
    screen.show(scene="results", results=found(3))
    assert screen.page.locator("#results-grid .no").all_inner_texts() == ["1＊", "2", "＊"]
    assert screen.page.locator("#results-grid .name").last.inner_text() == "—"
    assert screen.page.locator("#results-void").inner_text() == "＊ 数据恢复后认定，— 是签到号已丢失"
    assert screen.page.locator("#results-grid .stamp").count() == 0


SCENES: dict[str, dict[str, Any]] = {
    **{f"{k} found": {"scene": "results", "results": found(k)} for k in (1, 3, 20, 40)},
    **{
        f"{k} winners": {"scene": "selection", "selection": selection(k, people(k, lambda no: f"欧阳晓{no}"))}
        for k in (1, 3, 10, 20, 40, 100)
    },
    **{f"{n} prizes": {"scene": "prizes", "prizes": prizes(n)} for n in (1, 6, 30)},
    "results": {
        "scene": "results",
        "results": [{"prize": 1, "winners": people(90)}],
        "void": [{"d": 1, "reason": "误"}],
    },
    "wall": {"scene": "wall", "newest": people(60)},
    "armed": {
        "scene": "selection",
        "selection": selection(5, [], "armed", entropy_text="AB12345678 CD87654321 EF11223344", entropy_kind="hall"),
    },
    "void": {"scene": "selection", "selection": selection(6, [], "voided", reason="音响故障" * 40)},
    "race": {
        "scene": "race",
        "game": {
            "id": 1,
            "kind": "race",
            "status": "running",
            "begin": 0,
            "end": 0,
            "seconds": 30,
            "ranks": [{"no": n, "name": f"来宾{n}", "team": "", "counted": 300 - n} for n in range(1, 20)],
        },
    },
    "rain": {
        "scene": "rain",
        "game": {
            "id": 2,
            "kind": "rain",
            "status": "running",
            "begin": 0,
            "end": 0,
            "seconds": 30,
            "claimed": 99999,
            "packets": 99999,
            "claimed_fen": 99999999,
        },
    },
}


@pytest.mark.parametrize(
    "sizes", [SIZES[:1], pytest.param(SIZES[1:], marks=pytest.mark.proof)], ids=["720p", "1080p and 4k"]
)
def test_every_scene_fits_at_720p_1080p_and_4k_with_letters_of_three_per_cent(
    screen: Screen, sizes: tuple[tuple[int, int], ...]
) -> None:
    screen.page.evaluate(UNSEEN)
    for name, changes in SCENES.items():
        screen.show(**{"selection": None, "game": None, **changes})
        for width, height in sizes:
            screen.page.set_viewport_size({"width": width, "height": height})
            screen.page.evaluate(LAID_OUT)
            assert screen.page.evaluate(OVERFLOWS) == [], (name, height)
    screen.page.evaluate(UNSEEN.replace("hidden", "visible"))
    assert not serious(screen.page)


BAD = (
    "<img src=x onerror=hacked()>",
    "<script>hacked()</script>",
    "\u202e\u2067ابجد\u202eفغ",
    "👨‍👩‍👧‍👦🏳️‍🌈" * 20,
    "a" * 200,
    "Z̷̡̛͇̬̃̋a̸͎l̵g̶o̷" * 15,
    "'\"><svg onload=hacked()>",
    "{{7*7}}${7*7}",
    "\u0000\u0007\u001b[31m",
    "﷽" * 40,
    "W" * 40,
    "\u200b\u200d\ufeff",
    "javascript:hacked()",
    "</title></style>",
    "名" * 200,
)


def test_a_thousand_hostile_names_run_no_script_and_leave_no_box(screen: Screen) -> None:
    page = screen.page
    page.evaluate("void (window.hacked = () => { window.isHacked = true; })")
    page.evaluate(UNSEEN)
    chance = random.Random(7)

    def name(_: int) -> str:
        return "".join(chance.choice(BAD) for _ in range(chance.randint(1, 3)))[:200]

    seen = 0
    for turn, k in enumerate((1, 10, 20, 40, 100, 100, 100, 100, 100)):
        winners = people(k, name, turn * 1000 + 1)
        danmaku = [{"id": turn, "words": name(0), "no": 1}]
        changes = {"name": name(0), "newest": people(60, name, turn * 1000 + 200), "danmaku": danmaku}
        screen.show(scene="wall", **changes)
        assert page.evaluate(OVERFLOWS) == []
        screen.show(scene="selection", selection=selection(k, winners, d=turn + 1), **changes)
        page.evaluate(LAID_OUT)
        assert page.evaluate(OVERFLOWS) == [], k
        seen += k + 60
    assert seen >= 1000
    assert page.evaluate(
        "window.isHacked === undefined && document.querySelectorAll('main img:not(#code-picture)').length === 0"
    )
    assert page.evaluate("document.querySelectorAll('main script, main svg').length") == 0


@pytest.mark.proof
def test_ten_thousand_people_are_at_most_two_hundred_cards(screen: Screen) -> None:
    everybody = people(10_000)
    body = json.dumps({"people": everybody})
    screen.page.route("**/pool?*", lambda route: route.fulfill(content_type="application/json", body=body))
    with screen.page.expect_request_finished(lambda request: "/pool?" in request.url):
        screen.show(scene="selection", guests=10_000, newest=everybody[:60], selection=selection(100, [], "drawn"))
    screen.phase("rolling")
    for _ in range(3):
        screen.page.evaluate(LAID_OUT)
        assert screen.page.evaluate("document.querySelectorAll('.card').length") <= 200
        screen.page.keyboard.press("s")  # saving mode: no ball, nothing that moves but names
