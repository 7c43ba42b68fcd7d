"""The hall's pictures of the README: wall, roll, result, rain and race on the big screen, the guest's phone, the host's desk.

python scripts/screenshots_hall.py        a demo of its own on free ports; docs/images/hall-*.png
"""

from __future__ import annotations

import re
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from camera import PHONE, SCALE, chromium, demo, keep, side_by_side, window  # noqa: E402

from wxbot.clock import Clock  # noqa: E402
from wxbot.demo import hall_story, seed, visitors  # noqa: E402
from wxbot.demo.actors import World, until  # noqa: E402
from wxbot.demo.hall_guest import Guest  # noqa: E402
from wxbot.demo.run import set_menu  # noqa: E402
from wxbot.demo.stage import Stage  # noqa: E402

STAGE_SCREEN = {"width": 1600, "height": 900}
HALL = 3
"""The number of the demo's hall among its campaigns."""


def hand_over(browser: Any, guest: Guest) -> Any:
    """A window of a guest's phone: signed in as they are."""
    page = window(browser, PHONE, SCALE)
    host = urlsplit(guest.base_url).hostname
    agent = str(guest.session.headers["User-Agent"])
    page.context.set_extra_http_headers({"User-Agent": agent})
    page.context.add_cookies(
        [{"name": each.name, "value": str(each.value), "domain": host, "path": "/"} for each in guest.session.cookies]
    )
    return page


def film(browser: Any, stage: Stage, desk: hall_story.Desk, slug: str, guests: list[Guest], clock: Clock) -> None:
    """One evening, a picture at each turn."""
    screen, page = hall_story.Screen(stage.public_url, slug), window(browser, STAGE_SCREEN)
    digits = re.search(r'class="host-digits[^>]*aria-label="([0-9]{6})"', desk.do(HALL, "pair"))
    assert digits is not None
    screen.press("pair", code=digits[1])
    page.context.add_cookies(
        [
            {"name": each.name, "value": str(each.value), "domain": "127.0.0.1", "path": "/"}
            for each in screen.session.cookies
        ]
    )
    page.goto(f"{stage.public_url}/hall/{slug}/screen")
    page.wait_for_timeout(4000)
    keep("hall-wall", page.screenshot())
    phone = hand_over(browser, guests[0])
    phone.goto(f"{stage.public_url}/h5/hall/{slug}")
    phone.wait_for_timeout(1500)
    phones = [phone.screenshot()]
    desk.do(HALL, "freeze")
    desk.do(HALL, "arm", prize=1, k=10)
    desk.do(HALL, "numbers", number_1="AB47110815", number_2="CD12345678", number_3="EF87654321")
    page.wait_for_timeout(1500)
    screen.press("start")
    page.wait_for_timeout(3500)
    keep("hall-roll", page.screenshot())
    winners = screen.press("stop")["winners"]
    page.wait_for_timeout(4500)
    keep("hall-result", page.screenshot())
    winner = guests[winners[0]["no"] - 1]
    desk.do(HALL, "confirm", d=1)
    won = hand_over(browser, winner)
    won.goto(f"{stage.public_url}/h5/hall/{slug}")
    won.wait_for_timeout(1500)
    phones.append(won.screenshot())
    desk.do(HALL, "game", prize=4)
    rich = max(guests[:40], key=lambda each: len(each.own(slug)["game"]["moments"]))
    falling = hand_over(browser, rich)
    falling.goto(f"{stage.public_url}/h5/hall/{slug}")
    game = rich.own(slug)["game"]
    first = min(hit["at_ms"] for hit in game["moments"])
    time.sleep(max(0.0, game["begin"] + first / 1000 - rich.own(slug)["now"] + 0.9))
    phones.append(falling.screenshot())
    for hit in game["moments"]:
        rich.catch(slug, hit["slot"])
    keep("hall-rain", page.screenshot())
    until(lambda: screen.read("state")["game"]["status"] == "settled", "the rain to be settled")
    desk.do(HALL, "game", prize=5)
    runners = guests[:12]
    games = [each.own(slug)["game"] for each in runners]
    threads = [
        threading.Thread(target=each.race, args=(stage.live_url, slug, game, 10 - n % 6, clock), daemon=True)
        for n, (each, game) in enumerate(zip(runners, games, strict=True))
    ]
    for thread in threads:
        thread.start()
    shaking = hand_over(browser, guests[20])
    shaking.goto(f"{stage.public_url}/h5/hall/{slug}")
    time.sleep(12)
    phones.append(shaking.screenshot())
    keep("hall-race", page.screenshot())
    keep("hall-phone", side_by_side(phones))
    for thread in threads:
        thread.join(timeout=30)


def sign_in(stage: Stage, world: World, door: str) -> list[Guest]:
    """Sixty guests, in the order of their numbers."""
    known = world.call("POST", "people", {"count": visitors.HALL_GUESTS})["people"]
    guests = [Guest(world, each, base_url=stage.public_url) for each in known]
    for guest in guests:
        guest.take_phone()
    until(lambda: guests[0].may_sign_in(door), "the doors to open")
    for guest in guests:
        guest.sign_in(door, seed.DAY_WORD)
    return guests


def main() -> None:
    """Set the stage, sign sixty guests in, film."""
    with demo(with_live=True) as (stage, world):
        database, clock = stage.parts()
        beacon = world.call("POST", "beacons", {"comment": "柜台前"})["beacon"]
        wheel, hall = seed.seed(database, stage.vault(), world, clock.now(), int(beacon["device_id"]))
        set_menu(stage, wheel, hall)
        door = seed.hall_door(stage.public_url, hall)
        guests = sign_in(stage, world, door)
        desk = hall_story.Desk(stage.public_url, seed.MARKETER.login, seed.PASSWORD)
        with chromium() as browser:
            film(browser, stage, desk, hall, guests, clock)
        database.close()


if __name__ == "__main__":
    main()
