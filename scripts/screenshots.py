"""Take the screenshots of the README: a demo on free ports, an afternoon of people in it, a browser that looks around.

make screenshots        writes docs/images/*.png, each a palette image of at most 150 KB
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import screenshots_payouts as payouts  # noqa: E402
from camera import DESK, PHONE, SCALE, chromium, demo, keep, side_by_side, sign_in, window  # noqa: E402

from wxbot.clock import SHANGHAI  # noqa: E402
from wxbot.demo import seed  # noqa: E402
from wxbot.demo.actors import Clerk, Person, World  # noqa: E402
from wxbot.demo.run import set_menu  # noqa: E402
from wxbot.demo.stage import Stage  # noqa: E402

FIRST_HOUR = 10
"""The shop opens at ten: the simulated clock goes there before anybody comes."""

GUESTS_PER_HOUR = (4, 7, 11, 9, 6, 8, 13)
LOOKERS = 3
"""Of the guests of each hour, how many open the link without a shake and are turned away."""


# --- some life ----------------------------------------------------------------------------------------------------


def open_shop(stage: Stage, world: World) -> int:
    """Go to the morning, seed the demo; returns the beacon's number."""
    database, clock = stage.parts()
    now = clock.now().astimezone(SHANGHAI)
    morning = now.replace(hour=FIRST_HOUR, minute=0, second=0) + timedelta(days=1)
    advance(world, (morning - now).total_seconds())
    clock.refresh()
    beacon = world.call("POST", "beacons", {"comment": "柜台前"})["beacon"]
    set_menu(stage, *seed.seed(database, stage.vault(), world, clock.now(), int(beacon["device_id"])))
    database.close()
    advance(world, 10)
    return int(beacon["device_id"])


def advance(world: World, seconds: float) -> None:
    """Move the simulated clock; every process reads it twice a second."""
    world.call("POST", "clock", {"advance_s": seconds})
    time.sleep(1.5)


def wait_until_on(stage: Stage, clerk: Clerk) -> str:
    """Wait until the seeded campaign runs; returns the address of its page on the phone."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        page = clerk._read("/campaigns/1")
        if 'data-dialog="do-pause"' in page:
            return page.split('data-copy="')[1].split('"')[0]
        time.sleep(0.5)
    raise SystemExit("the demo's campaign did not start; run `wxbot demo` and look at the worker's log")


def visit(person: Person, device_id: int, page_url: str, number: int) -> None:
    """One guest: follows, chats, shakes, draws, and mostly opens the packet."""
    person.take_phone()
    if number % 3:
        person.world.call("POST", f"people/{person.id}/follow", {})
        person.world.call("POST", f"people/{person.id}/messages", {"type": "text", "content": "红包"})
    if number < LOOKERS:
        person.ask_to_draw(page_url, person.open_page(page_url))
        return
    person.walk_to(device_id)
    url = person.shake()
    answer = person.ask_to_draw(url, person.open_page(url))
    if "jump" in answer:
        person.jump(url, answer["jump"])
        if number % 4:
            person.open_packets()


def let_people_in(world: World, device_id: int, page_url: str) -> None:
    """An afternoon, hour by hour."""
    with ThreadPoolExecutor(3) as crowd:
        for guests in GUESTS_PER_HOUR:
            made = world.call("POST", "people", {"count": guests})["people"]
            people = [Person(world, known) for known in made]
            list(crowd.map(lambda pair: visit(pair[1], device_id, page_url, pair[0]), enumerate(people)))
            world.call("POST", "pushes/settle", {})
            advance(world, 3600)


def fill_desk(stage: Stage, device_id: int, now: datetime) -> None:
    """Two more campaigns, so that lists are lists: one waits for approval, one is a draft."""
    clerk = Clerk(stage.public_url, seed.MARKETER.login, seed.PASSWORD)
    for name, budget, days, is_submitted in (("元宵灯会", "880.00", 3, True), ("会员日", "300.00", 10, False)):
        begin = (now + timedelta(days=days)).replace(hour=9, minute=0)
        campaign_id = clerk.draft(**draft_fields(name, budget, begin, device_id))
        if is_submitted:
            clerk.press(campaign_id, "submit")


def draft_fields(name: str, budget: str, begin: datetime, device_id: int) -> dict[str, str]:
    """The form of a campaign of three days."""
    return {
        "name": name,
        "begin_at": f"{begin:%Y-%m-%dT%H:%M}",
        "end_at": f"{begin + timedelta(days=3):%Y-%m-%dT%H:%M}",
        "daily_from": "09:00",
        "daily_until": "21:00",
        "budget": budget,
        "split": "random",
        "packet_count": "120",
        "min_amount": "1.00",
        "max_amount": "18.88",
        "tries_per_person": "3",
        "tries_per_day": "1",
        "odds": "100",
        "expected_people": "200",
        "send_name": "示例小店",
        "act_name": name,
        "wishing": "团团圆圆，红红火火",
        "remark": name,
        "title": name,
        "description": "摇一摇领红包",
        "organiser": "示例小店",
        "contact": "400-000-0000",
        "device_ids": str(device_id),
        "rules": "到店打开微信摇一摇（周边）即可参加，每人最多一个红包。",
    }


# --- the pictures -------------------------------------------------------------------------------------------------


def film_phone(browser: Any, stage: Stage, device_id: int) -> None:
    """Chat, shake, draw and open on a phone: four screens of one story."""
    page = window(browser, PHONE, SCALE)
    page.goto(f"{stage.wechat_url}/phone")

    def tap(name: str) -> None:
        page.click(f"[data-testid={name}]")

    tap("open-chat")
    tap("follow")
    page.wait_for_selector(".line.account .bubble")
    page.click(".menu-button >> text=红包")
    page.click(".menu-list >> text=摇一摇活动")
    page.wait_for_selector(".news-first")
    page.wait_for_timeout(800)
    shots = [page.screenshot()]
    page.click(".screen.chat .bar-back")
    tap("tab-discover")
    tap("go-shake")
    tap(f"beacon-{device_id}")
    page.wait_for_timeout(900)
    page.keyboard.press("Space")
    page.wait_for_selector("[data-testid=card]")
    page.wait_for_timeout(700)
    shots.append(page.screenshot())
    tap("card")
    inside = page.frame_locator("[data-testid=page]")
    inside.locator("#draw:not([disabled])").wait_for()
    page.wait_for_timeout(1200)
    shots.append(page.screenshot())
    inside.locator("#draw").click()
    tap("open-packet")
    page.wait_for_function("Number(document.querySelector('[data-testid=amount]')?.textContent) >= 1")
    page.wait_for_timeout(900)
    shots.append(page.screenshot())
    keep("phone", side_by_side(shots), 1400)


def film_wheel(browser: Any, stage: Stage, world: World) -> None:
    """A stranger comes by the start page, turns the wheel, wins, and takes the money: four screens; who wins nothing makes room."""
    page = window(browser, PHONE, SCALE)
    while True:
        (known,) = world.call("POST", "people", {"count": 1})["people"]
        page.goto(f"{stage.wechat_url}/phone?person={known['id']}")
        way_in = page.locator("[data-testid=pinned] >> text=幸运大转盘")
        way_in.wait_for()
        page.wait_for_timeout(800)
        shots = [page.screenshot()]
        way_in.click()
        inside = page.frame_locator("[data-testid=page]")
        inside.locator("#go").wait_for()
        page.wait_for_timeout(1500)
        shots.append(page.screenshot())
        inside.locator("#go").click()
        inside.locator("#sheet:not([hidden])").wait_for()
        page.wait_for_timeout(900)
        if inside.locator("#sheet-main").inner_text() == "领取":
            break
    shots.append(page.screenshot())
    inside.locator("#sheet-main").click()
    page.wait_for_selector("[data-testid=receive-transfer]")
    page.wait_for_timeout(900)
    shots.append(page.screenshot())
    keep("phone-wheel", side_by_side(shots), 1400)


def film_simulator(browser: Any, stage: Stage) -> None:
    """The phone with what stands beside it, and the bank."""
    page = window(browser, DESK)
    page.goto(f"{stage.wechat_url}/phone")
    page.click("[data-testid=tab-discover]")
    page.click("[data-testid=go-shake]")
    page.wait_for_timeout(2500)
    keep("simulator", page.screenshot())
    page.goto(f"{stage.wechat_url}/bank")
    page.wait_for_selector("#books >> text=账目相符")
    page.wait_for_timeout(800)
    keep("bank", page.screenshot())


def film_console(browser: Any, stage: Stage) -> None:
    """Overview, a running campaign in both languages, a draft with its forecast, the ledger."""
    marketer = sign_in(browser, stage, seed.MARKETER.login)
    marketer.goto(f"{stage.public_url}/admin/campaigns/new")
    for name, value in {"name": "周年庆", "budget": "2000", "packet_count": "400", "expected_people": "900"}.items():
        marketer.fill(f"#{name}", value)
    marketer.wait_for_selector("#forecast:has-text('2,000.00')")
    marketer.wait_for_timeout(600)
    keep("draft", marketer.screenshot())
    marketer.goto(f"{stage.public_url}/admin/campaigns/1")
    drawn = "window.Chart && Chart.getChart(document.querySelector('canvas[data-chart=draws]'))"
    marketer.wait_for_function(drawn)
    marketer.wait_for_timeout(2500)
    keep("campaign", marketer.screenshot())
    cashier = sign_in(browser, stage, seed.CASHIER.login)
    cashier.wait_for_timeout(2500)
    keep("overview", cashier.screenshot())
    cashier.goto(f"{stage.public_url}/admin/ledger")
    cashier.wait_for_timeout(800)
    keep("ledger", cashier.screenshot())
    marketer.click(".me summary")
    marketer.click("button[value=en]")
    marketer.goto(f"{stage.public_url}/admin/campaigns/1")
    marketer.wait_for_function(drawn)
    marketer.wait_for_timeout(2500)
    keep("campaign-en", marketer.screenshot())


def main() -> None:
    """Set the stage in a folder of its own, take every picture, stop everything again."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with demo() as (stage, world):
        device_id = open_shop(stage, world)
        page_url = wait_until_on(stage, Clerk(stage.public_url, seed.MARKETER.login, seed.PASSWORD))
        let_people_in(world, device_id, page_url)
        database, clock = stage.parts()
        fill_desk(stage, device_id, clock.now().astimezone(SHANGHAI))
        database.close()
        people = payouts.pay_people(stage, world)
        with chromium() as browser:
            film_phone(browser, stage, device_id)
            film_wheel(browser, stage, world)
            film_simulator(browser, stage)
            film_console(browser, stage)
            payouts.film_phone(browser, stage, people)
            payouts.film_reviewer(browser, stage)
            payouts.film_cashier(browser, stage, people)


if __name__ == "__main__":
    main()
