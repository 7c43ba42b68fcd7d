"""Guests by the hundred in a real hall: they sign in, catch, shake, lose the network and come back; each of twelve phones is one of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.hall.guests import code_of
from tests.hall.stage import RACE, RAIN, OpenHall, open_hall
from tests.live.stage import living
from tests.servers import LoopbackServer, SimulatedWeChat
from tests.sites import site_at
from tests.waiting import until
from wxbot.hall import games, told
from wxbot.hall.models import Invited, RaceCount, RainHit
from wxbot.private_servers import free_port
from wxbot.runtime import Runtime
from wxbot.simulator.hall_guest import Guest, Place
from wxbot.simulator.hall_wall import Wall

WORD = "星河"


@pytest.fixture
def wechat(simulator_server: SimulatedWeChat) -> SimulatedWeChat:
    """The simulator as a process of its own, nobody in it."""
    simulator_server.reset()
    return simulator_server


@pytest.fixture
def site(wechat: SimulatedWeChat, sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Runtime]:
    """The application on a port."""
    with site_at(wechat, sqlite_url, redis_url, tmp_path) as runtime:
        yield runtime


def hall_at(site: Runtime, *prizes: dict[str, Any], **terms: Any) -> OpenHall:
    """A hall whose door has a word."""
    hall = open_hall(site, prizes or ({},), budget_fen=20_000, terms={"day_word": WORD, **terms})
    told.tell(site, hall.campaign_id)
    return hall


def door(site: Runtime, hall: OpenHall) -> str:
    return f"{site.settings.public_url}{hall.path}?door=1"


def come(wechat: SimulatedWeChat, url: str, count: int, **more: Any) -> list[dict[str, Any]]:
    """So many guests, when each of them is here or was turned away."""
    wechat.control("POST", "hall/guests", {"url": url, "count": count, **more})
    until(lambda: wechat.control("GET", "hall")["states"]["coming"] == 0, "everybody has arrived")
    guests: list[dict[str, Any]] = wechat.control("GET", "hall/guests")["guests"]
    return guests


def states(wechat: SimulatedWeChat) -> dict[str, int]:
    """The states in which there is somebody."""
    found: dict[str, int] = wechat.control("GET", "hall")["states"]
    return {name: count for name, count in found.items() if count}


def test_guests_sign_in_at_the_door_and_by_the_screen(wechat: SimulatedWeChat, site: Runtime) -> None:
    hall = hall_at(site, groups=["红队", "蓝队"])
    come(wechat, door(site, hall), 8, word=WORD)
    seen = come(wechat, f"{site.settings.public_url}{hall.path}?code={code_of(hall)}", 4)
    assert states(wechat) == {"here": 12}, [guest["reason"] for guest in seen]
    assert sorted(guest["no"] for guest in seen) == list(range(1, 13))
    rows = hall.guests()
    assert {row.name for row in rows} == {guest["nickname"] for guest in seen}
    assert {row.group for row in rows} == {"红队", "蓝队"}


def test_invited_guests_come_with_their_row_of_the_list(wechat: SimulatedWeChat, site: Runtime) -> None:
    hall = hall_at(site, is_invited_only=True)
    with site.database.transaction() as session:
        session.add_all(Invited(campaign_id=hall.campaign_id, key=f"a00{n}", name=f"宾客{n}") for n in (1, 2))
    rows = [["A001", "宾客1"], ["A002", "宾客2"], ["A009", "宾客9"]]
    seen = come(wechat, door(site, hall), 4, word=WORD, rows=rows)
    assert states(wechat) == {"here": 2, "turned_away": 2}, [guest["reason"] for guest in seen]
    assert {row.name for row in hall.guests()} == {"宾客1", "宾客2"}
    assert all("名单" in guest["reason"] for guest in seen if guest["state"] == "turned_away")


def test_who_has_no_word_or_an_old_code_is_turned_away_with_the_sentence_of_the_page(
    wechat: SimulatedWeChat, site: Runtime
) -> None:
    hall = hall_at(site)
    come(wechat, door(site, hall), 2, word="别的")
    come(wechat, f"{site.settings.public_url}{hall.path}?code={code_of(hall, back_s=120)}", 1)
    seen = wechat.control("GET", "hall")
    assert states(wechat) == {"turned_away": 3} and hall.guests() == []
    assert sorted(seen["turned_away"].values()) == [1, 2]
    assert any("口令" in said for said in seen["turned_away"])
    assert any("签到码" in said for said in seen["turned_away"])


def test_guests_leave_lose_the_network_and_come_back_as_who_they_were(wechat: SimulatedWeChat, site: Runtime) -> None:
    hall = hall_at(site)
    before = come(wechat, door(site, hall), 6, word=WORD)
    wechat.control("POST", "hall/leave", {"count": 2})
    wechat.control("POST", "hall/lose_network", {"seconds": 3000, "ids": [before[0]["id"]]})
    wechat.control("POST", "hall/lose_network", {"seconds": 0.5, "count": 1})
    assert states(wechat) == {"here": 2, "left": 2, "offline": 2}
    until(lambda: states(wechat) == {"here": 3, "left": 2, "offline": 1}, "one has network again by itself")
    wechat.control("POST", "hall/come_back", {})
    until(lambda: states(wechat) == {"here": 6}, "everybody is back")
    after = wechat.control("GET", "hall/guests")["guests"]
    assert [guest["no"] for guest in after] == [guest["no"] for guest in before]
    assert len(hall.guests()) == 6


def begin_game(site: Runtime, hall: OpenHall, ordinal: int) -> None:
    """Begin a game, most of its countdown over."""
    with site.database.transaction() as session:
        now = site.database.now(session)
        game = games.begin(session, site.vault, hall.campaign_id, ordinal, now)
        assert game.begin_at is not None and game.end_at is not None
        sooner = game.begin_at - now - timedelta(seconds=2)
        game.begin_at, game.end_at = game.begin_at - sooner, game.end_at - sooner
    told.tell(site, hall.campaign_id)


def test_guests_catch_what_falls_on_their_phones_unless_they_have_no_network(
    wechat: SimulatedWeChat, site: Runtime
) -> None:
    hall = hall_at(site, RAIN | {"seconds": 12})  # a machine that stands for some seconds misses some, not all
    first, *_ = come(wechat, door(site, hall), 6, word=WORD)
    wechat.control("POST", "hall/tap", {"share": 1})
    begin_game(site, hall, 1)
    wechat.control("POST", "hall/lose_network", {"seconds": 3000, "ids": [first["id"]]})

    with site.database.reading() as session:
        falling = sum(hit.guest_no != first["no"] for hit in session.scalars(select(RainHit)))

    def fallen() -> Any:
        now = wechat.control("GET", "hall")
        return now if now["caught"] + now["missed"] >= falling else None

    seen = until(fallen, "the packets of five phones")
    guests = wechat.control("GET", "hall/guests")["guests"]
    with site.database.reading() as session:
        hits = list(session.scalars(select(RainHit).where(RainHit.claimed_at.is_not(None))))
    assert sum(hit.amount_fen for hit in hits) == seen["caught_fen"] == sum(guest["caught_fen"] for guest in guests)
    # What a busy machine reaches too late is missed, as on a slow phone: the count and the rows agree all the same.
    assert seen["caught"] == len(hits) > 0
    assert first["no"] not in {hit.guest_no for hit in hits}
    assert (guests[0]["state"], guests[0]["caught"]) == ("offline", 0)


@pytest.fixture
def raced(wechat: SimulatedWeChat, sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Runtime]:
    """The application, and `wxbot live` beside it."""
    (tmp_path / "states").mkdir()
    with site_at(wechat, sqlite_url, redis_url, tmp_path, living, live_state_dir=tmp_path / "states") as runtime:
        yield runtime


def test_guests_shake_in_a_race_and_go_on_after_a_lost_network(wechat: SimulatedWeChat, raced: Runtime) -> None:
    hall = hall_at(raced, RACE | {"seconds": 5})
    guests = come(wechat, door(raced, hall), 5, word=WORD)
    wechat.control("POST", "hall/shake", {"per_s": 6})
    begin_game(raced, hall, 1)
    until(lambda: wechat.control("GET", "hall")["racing"] == 5, "five race", pause_s=0.2)
    wechat.control("POST", "hall/lose_network", {"seconds": 0.5, "ids": [guests[0]["id"]]})
    until(lambda: wechat.control("GET", "hall")["racing"] == 5, "all five race again", pause_s=0.2)

    def counted() -> dict[int, int]:
        with raced.database.reading() as session:
            return {row.guest_no: row.counted for row in session.scalars(select(RaceCount))}

    def is_all() -> bool:
        shaken = {guest["no"]: guest["shaken"] for guest in wechat.control("GET", "hall/guests")["guests"]}
        return counted() == shaken and min(shaken.values()) > 10

    until(is_all, "the rows say what was shaken", pause_s=0.5)


@pytest.mark.proof
def test_the_frame_of_a_phone_has_open_streams_until_its_guest_has_no_network(
    wechat: SimulatedWeChat, raced: Runtime
) -> None:
    hall = hall_at(raced, RACE | {"seconds": 5})
    come(wechat, door(raced, hall), 1, word=WORD)
    (phone,) = wechat.control("POST", "hall/wall", {})["phones"]
    origin = phone["url"].removesuffix(hall.path)
    page = requests.get(phone["url"], timeout=10).text
    assert f'"live": "{origin}"' in page and str(raced.settings.live_url) not in page
    begin_game(raced, hall, 1)
    with (
        requests.get(f"{origin}/live/{hall.slug}/events?as=phone", stream=True, timeout=10) as events,
        connect(f"{origin.replace('http', 'ws', 1)}/live/{hall.slug}/race", origin=Origin(origin)) as socket,
    ):
        assert any(line.startswith(b"event: state") for line in events.iter_lines())
        seq = iter(range(1, 100))

        def is_heard() -> bool:
            socket.send(json.dumps({"seq": next(seq), "count": 3}))
            with suppress(TimeoutError):
                return "ack" in socket.recv(timeout=0.5)
            return False

        until(is_heard, "what is counted of this phone")
        wechat.control("POST", "hall/lose_network", {"seconds": 3000})
        with pytest.raises(ConnectionClosed):
            while True:
                socket.recv(timeout=10)


def test_each_phone_of_the_wall_is_one_of_the_guests(wechat: SimulatedWeChat, site: Runtime) -> None:
    hall = hall_at(site)
    come(wechat, door(site, hall), 14, word=WORD)
    wall = wechat.control("POST", "hall/wall", {})
    assert wall["screen"] == f"{site.settings.public_url}/hall/{hall.slug}/screen"
    assert len(wall["phones"]) == 12
    me = {row.no: row.name for row in hall.guests()}
    for phone in wall["phones"][:3]:
        own = requests.get(f"{phone['url']}/me", timeout=10).json()
        assert (own["no"], own["name"]) == (phone["no"], me[phone["no"]])
    page = requests.get(wall["phones"][0]["url"], timeout=10)
    assert wall["phones"][0]["nickname"] in page.text and not page.cookies
    assert wechat.base not in page.text, "what a page asks of WeChat it asks as this guest"
    origin = wall["phones"][1]["url"].removesuffix(hall.path)
    mark = page_mark(requests.get(wall["phones"][1]["url"], timeout=10).text)
    said = requests.post(
        f"{wall['phones'][1]['url']}/danmaku",
        data={"words": "你好"},
        headers={"Origin": origin, "X-Form-Mark": mark, "Accept": "application/json"},
        timeout=10,
    )
    assert said.json()["outcome"] == "sent"
    wechat.control("POST", "hall/leave", {"ids": [wall["phones"][2]["id"]]})
    with pytest.raises(requests.ConnectionError):
        requests.get(wall["phones"][2]["url"], timeout=10)
    wechat.reset()
    assert wechat.control("GET", "hall")["guests"] == 0


def test_cookies_stay_with_the_guest_and_redirects_lead_back_to_the_phone() -> None:
    with LoopbackServer() as server:

        def site(environ: dict[str, Any], start: Any) -> list[bytes]:
            if environ["PATH_INFO"] == "/first":
                start("302 Found", [("Location", f"{server.url}/next"), ("Set-Cookie", "openid=mine; Path=/")])
                return [b""]
            start("200 OK", [("Content-Type", "text/plain")])
            return [environ.get("HTTP_COOKIE", "").encode()]

        server.serve(site)
        guest = Guest(1, "阿明", Place(f"{server.url}/h5/hall/x"), "127.0.0.1", state="here")
        with closing(Wall()) as wall:
            (phone,) = wall.hang([guest], "http://127.0.0.1:1")
            origin = str(phone["url"]).removesuffix("/h5/hall/x")
            first = requests.get(f"{origin}/first", allow_redirects=False, timeout=10)
            assert first.headers["Location"] == f"{origin}/next" and not first.cookies
            shown = requests.get(f"{origin}/next", cookies={"openid": "of somebody else"}, timeout=10)
            assert shown.text == "openid=mine"


def page_mark(page: str) -> str:
    """What the page's script sends with what it posts."""
    return str(json.loads(page.partition('id="state">')[2].partition("</script>")[0])["mark"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("guests", {"url": "ftp://x/"}),
        ("guests", {"url": "http://127.0.0.1:1/h5/hall/x", "count": 1001}),
        ("guests", {"url": "http://127.0.0.1:1/h5/hall/x", "count": True}),
        ("guests", {"url": "http://127.0.0.1:1/h5/hall/x", "rows": [["A001"]]}),
        ("tap", {"share": 1.5}),
        ("shake", {"per_s": -1}),
        ("lose_network", {}),
        ("leave", {"ids": "all"}),
    ],
)
def test_a_wrong_value_is_refused_with_a_sentence(wechat: SimulatedWeChat, path: str, body: dict[str, Any]) -> None:
    reply = requests.post(f"{wechat.base}/_sim/hall/{path}", json=body, timeout=10)
    assert reply.status_code == 400 and "must" in reply.json()["error"]


def test_a_page_that_does_not_answer_turns_guests_away(wechat: SimulatedWeChat) -> None:
    wechat.control("POST", "hall/guests", {"url": f"http://127.0.0.1:{free_port()}/h5/hall/x", "count": 1})
    until(lambda: states(wechat) == {"turned_away": 1}, "the guest gave up")
    assert requests.post(f"{wechat.base}/_sim/hall/wall", json={}, timeout=10).json()["phones"] == []


@pytest.mark.browser
def test_the_page_sends_guests_and_hangs_their_phones_on_the_wall(
    wechat: SimulatedWeChat, site: Runtime, browser_page: Any
) -> None:
    hall = hall_at(site)
    wechat.control("PUT", "pinned", {"pinned": [{"title": "年会", "note": "口令", "url": door(site, hall)}]})
    browser_page.goto(f"{wechat.base}/hall")
    browser_page.locator("#note", has_text="年会").wait_for()
    browser_page.fill("#come [name=word]", WORD)
    browser_page.fill("#come [name=count]", "13")
    browser_page.click("#come button")
    browser_page.locator(".tile.main dd", has_text="13").wait_for()
    browser_page.click("#hang")
    names = {row.no: row.name for row in hall.guests()}
    browser_page.locator(".hall-phone").nth(11).wait_for()
    for place in (0, 1):
        no = int(browser_page.locator(".hall-phone .mark").nth(place).inner_text())
        frame = browser_page.frame_locator(".hall-phone iframe").nth(place)
        assert frame.locator(".hall-name bdi").first.inner_text() == names[no]
    assert browser_page.locator("#screen").get_attribute("href").endswith(f"/hall/{hall.slug}/screen")
    browser_page.frame_locator("#big iframe").locator("body").wait_for()
    for width, height in ((390, 844), (1440, 900), (320, 640)):
        browser_page.set_viewport_size({"width": width, "height": height})
        assert browser_page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width
        look(browser_page, f"guests-{width}")
    browser_page.locator(".hall-keys button").first.click()
    browser_page.locator(".hall-glass.is-away").wait_for()
    assert states(wechat) == {"here": 12, "offline": 1}


def look(page: Any, name: str) -> None:
    """Keep a picture, where somebody asks for them."""
    if folder := os.environ.get("WXBOT_PICTURES"):
        page.wait_for_timeout(2500)
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
