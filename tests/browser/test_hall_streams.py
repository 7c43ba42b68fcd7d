"""A screen and a phone beside a real `wxbot live`, all of one origin as deploy/ has it: what they know comes over their streams, a race over its socket."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.browser.conftest import belong
from tests.browser.test_hall_screen import TINY, Screen
from tests.conftest import Cast
from tests.hall.guests import code_of
from tests.hall.hosting import Host
from tests.hall.stage import RACE, OpenHall, open_hall
from tests.live.stage import LiveStage, ack_of
from tests.reverse_proxy import ReverseProxy
from tests.servers import SimulatedWeChat
from tests.sites import site_at
from tests.test_logs import process
from tests.waiting import until, until_page, until_settled
from wxbot.hall import coming, games, rehearse
from wxbot.hall.models import Game, RaceCount
from wxbot.payouts.models import Payout
from wxbot.runtime import Runtime
from wxbot.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.proof]

RED, BLUE = "红队", "蓝队"
OF_PHONE = (b"/h5/hall/", b"/race ")
"""What the requests of a phone say, and none of the screen's."""
POLLED = re.compile(r"/state(\.json)?$")
HAND = """() => {
  const tap = document.querySelector('.hall-tap');
  window.given = 1;
  dispatchEvent(new DeviceMotionEvent('devicemotion', { acceleration: { x: 20, y: 0, z: 0 } }));
  window.hand = setInterval(() => { window.given += 1; tap.dispatchEvent(new PointerEvent('pointerdown')); }, 125);
}"""
"""A hand that shakes once and taps eight times a second, fewer than are believed, and counts for itself."""
REST = "() => { clearInterval(window.hand); return window.given; }"


class Streams:
    """The application and `live` behind one origin."""

    def __init__(self, runtime: Runtime, live: LiveStage, proxy: ReverseProxy) -> None:
        self.runtime, self.live, self.proxy = runtime, live, proxy

    def counts(self) -> dict[int, int]:
        """Guest → shakes by the rows."""
        with self.runtime.database.reading() as session:
            return {row.guest_no: row.counted for row in session.scalars(select(RaceCount))}


@pytest.fixture
def streams(simulator: SimulatedWeChat, sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Streams]:
    """The site as people find it; WXBOT_LIVE_URL is empty, as behind nginx."""
    behind: list[ReverseProxy] = []
    beside: list[LiveStage] = []

    @contextmanager
    def front(url: str) -> Iterator[str]:
        with ReverseProxy(int(url.rpartition(":")[2])) as proxy:
            behind.append(proxy)
            yield proxy.url

    @contextmanager
    def living(settings: Settings) -> Iterator[dict[str, str]]:
        with closing(LiveStage(settings, tmp_path)) as stage:
            beside.append(stage)
            behind[0].live_port = stage.start()[0].port
            yield {}

    with site_at(simulator, sqlite_url, redis_url, tmp_path, living, front) as runtime:
        assert runtime.settings.live_url == ""
        yield Streams(runtime, beside[0], behind[0])


def without_polling(page: Any) -> Any:
    """The page is refused whatever it polls: what it learns of the hall after this comes over its stream."""
    page.route(POLLED, lambda route: route.fulfill(status=503, body="{}"))
    return page


def signs_in(phone: Any, hall: OpenHall, group: str) -> None:
    phone.goto(f"{hall.runtime.settings.public_url}{hall.path}?code={code_of(hall)}")
    phone.locator("#name").fill("阿明")
    phone.locator("#group").select_option(group)
    phone.locator("button[type=submit]").click()
    phone.locator(".hall-no").wait_for()


def shown(phone: Any) -> int:
    """How often the phone says that it was shaken."""
    return int(phone.locator(".hall-count").inner_text().removesuffix(" 下"))


def begin(desk: Host, ordinal: int) -> None:
    """A game of the desk, two seconds of its countdown left."""
    game: Game = desk.do(games.begin, desk.stage.runtime.vault, desk.id, ordinal)
    assert game.end_at is not None
    move(desk, begin_at=desk.stage.runtime.clock.now() + timedelta(seconds=2), end_at=game.end_at)


def end(desk: Host) -> None:
    """The game is over in a second."""
    move(desk, end_at=desk.stage.runtime.clock.now() + timedelta(seconds=1))


def move(desk: Host, **times: datetime) -> None:
    with desk.stage.runtime.database.transaction() as session:
        session.execute(update(Game).where(Game.campaign_id == desk.id).values(times))
    desk.tell()


def test_a_sign_in_and_a_race_of_teams_come_over_streams_and_a_phone_without_network_loses_no_shake(
    streams: Streams, page: Any, cast: Cast
) -> None:
    hall = open_hall(
        streams.runtime,
        [RACE | {"stock": 1, "seconds": 60}],
        guests=2,  # of both teams
        end_at=streams.runtime.clock.now() + timedelta(hours=5),
        terms={"groups": [RED, BLUE]},
    )
    screen = Screen(Host(hall), without_polling(page))
    page.set_viewport_size(TINY)
    screen.pair()
    page.locator(".card", has_text="来宾2").wait_for()
    phone = without_polling(page.context.new_page())
    phone.add_init_script("Math.random = () => 0")  # what is asked or opened again is so at once
    belong(phone, cast.ming)
    signs_in(phone, hall, RED)
    page.locator(".card", has_text="阿明").wait_for()

    coming.remember(streams.runtime, hall.slug, hall.guests()[1])
    begin(screen.desk, 1)
    phone.locator(".hall-race .hall-left", has_text="马上开始").wait_for()
    until_page(page, "document.body.dataset.scene === 'race'")
    with streams.live.runner(streams.live.servers[0], hall.slug, hall.openids[1]) as other:
        phone.locator(".hall-tap:enabled").wait_for()
        if phone.evaluate("wxbotMotion.mustAsk"):  # of newer browsers on every system
            phone.locator("button", has_text="打开摇一摇").click()
            phone.locator("button", has_text="打开摇一摇").wait_for(state="detached")
        phone.evaluate(HAND)
        until(lambda: shown(phone) > 8, "a second has passed: as often as the other says, a hand can")
        other.send(json.dumps({"seq": 1, "count": 3}))
        assert ack_of(other, 1)["count"] == 3
        phone.locator(".hall-told", has_text="第 1 名，共 2 人").wait_for()
        for place, team in ((1, RED), (2, BLUE)):
            page.locator(f"#race-track .lane[data-place='{place}'] .lane-name", has_text=team).wait_for()

        streams.proxy.cut(*OF_PHONE)
        phone.locator(".hall-told", has_text="正在重连").wait_for()
        before = shown(phone)
        until(lambda: shown(phone) > before + 3, "a phone without network goes on counting")
        streams.proxy.mend()
        phone.locator(".hall-told", has_text="第 1 名，共 2 人").wait_for()
    given = phone.evaluate(REST)
    end(screen.desk)
    phone.locator(".hall-left", has_text="时间到").wait_for()
    assert shown(phone) == given
    until(lambda: streams.counts() == {2: 3, 3: given}, lambda: f"{streams.counts()} of {given}")
    until(lambda: hall.work() or hall.awards(), "the race is settled")
    phone.locator("#me[data-stage=confirmed]").wait_for()
    assert "竞速" in phone.locator("#stage-title").inner_text()
    page.locator("#race-track .lane[data-won=on] .lane-name", has_text="阿明").wait_for()


@pytest.mark.timeout(400)
def test_simulated_guests_of_a_rehearsal_race_over_worker_and_live_until_the_screen_has_its_winners(
    streams: Streams, page: Any, tmp_path: Path
) -> None:
    hall = open_hall(
        streams.runtime,
        [RACE | {"stock": 3, "seconds": 60}],
        end_at=streams.runtime.clock.now() + timedelta(hours=5),
        terms={"groups": [RED, BLUE], "is_rehearsal": True, "mode": "seed"},
    )
    desk = Host(hall)
    desk.do(rehearse.put_in, desk.id, 8)
    screen = Screen(desk, without_polling(page))
    page.set_viewport_size(TINY)
    screen.pair()
    log = tmp_path / "worker.log"
    with process(streams.runtime.settings, log, "worker"):
        begin(desk, 1)
        until_page(page, "document.body.dataset.scene === 'race'")
        lanes = page.locator("#race-track .lane-name")
        for team in (RED, BLUE):
            lanes.filter(has_text=team).wait_for()
        until(lambda: len(streams.counts()) == 8 and min(streams.counts().values()) > 10, lambda: f"{streams.counts()}")
        end(desk)
        won = page.locator("#race-track .lane[data-won=on]")
        won.nth(2).wait_for()
        until_settled(page)
        shook = {guest.name: streams.counts()[guest.no] for guest in hall.guests()}
        names = won.locator(".lane-name").all_inner_texts()
        assert [shook[name] for name in names] == sorted(shook.values(), reverse=True)[:3]
    assert "task_failed" not in log.read_text(encoding="utf-8")
    with streams.runtime.database.reading() as session:
        assert session.scalars(select(Payout)).all() == [], "nobody is owed anything"
