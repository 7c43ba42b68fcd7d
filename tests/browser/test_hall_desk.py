"""The host's desk in a real browser, on a phone in the hand: one evening by its buttons, each as high as a finger."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tests.browser.axe import serious
from tests.hall.hosting import Host, numbers
from tests.hall.stage import open_hall
from tests.staff.consoles import PASSWORD
from tests.waiting import until_page, until_settled
from wxbot.campaigns.models import Campaign
from wxbot.hall.models import Hall
from wxbot.runtime import Runtime
from wxbot.staff import accounts
from wxbot.staff.console import LANGUAGE_COOKIE
from wxbot.staff.models import Staff

pytestmark = pytest.mark.browser

SMALL = (
    "[...document.querySelectorAll('main button, main .btn, main input:not([type=hidden]), main select, main summary')]"
    ".filter(e => e.offsetParent && !e.closest('dialog') && e.getBoundingClientRect().height < 44).map(e => e.outerHTML)"
)


A4 = 688
"""Points of CSS that a sheet of A4 is wide within its margins."""
CUT_OFF = "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.outerHTML)"


def look(page: Any, name: str) -> None:
    """Keep a picture, where somebody asks for them."""
    folder = os.environ.get("WXBOT_PICTURES")
    if folder:
        page.screenshot(path=str(Path(folder) / f"desk-{name}.png"), full_page=True)


def fits(page: Any, name: str) -> None:
    """Nothing is cut off or too small for a finger."""
    until_settled(page)
    look(page, name)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    if page.viewport_size["width"] < 500:
        assert page.evaluate(SMALL) == []


def check(page: Any, name: str) -> None:
    """It fits, and nothing is unreadable."""
    fits(page, name)
    assert serious(page) == []


def check_at_each_size(page: Any, name: str) -> None:
    """It fits every size; what can be read at one of them can be at the others."""
    for width, height in ((320, 640), (1440, 900)):
        page.set_viewport_size({"width": width, "height": height})
        fits(page, f"{name}-{width}")
    page.set_viewport_size({"width": 390, "height": 844})
    check(page, name)


def test_a_host_holds_an_evening_with_their_phone(page: Any, site: Runtime) -> None:
    accounts.hire(site.database, "li.test", "李运营", "marketer", PASSWORD, site.clock.now())
    with site.database.transaction() as session:
        session.execute(update(Staff).values(openid="o-li"))  # who asks for a change is a person whom WeChat knows
    prizes: list[dict[str, Any]] = [
        {"name": "三等奖"},
        {"name": "一等奖：一辆很长名字的自行车", "kind": "goods", "min_fen": 0, "max_fen": 0, "stock": 1},
    ]
    host = Host(open_hall(site, prizes, guests=12))
    base = site.settings.public_url
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{base}/admin/sign-in")
    page.locator("[name=login]").fill("li.test")
    page.locator("[name=password]").fill(PASSWORD)
    with page.expect_navigation():
        page.locator("form button[type=submit]").first.click()
    page.goto(f"{base}/admin/halls/{host.id}")
    check(page, "1-begin")
    lost = {
        "kind": "prize",
        "name": "加奖：一张名字很长很长的视频网站会员月卡",
        "pieces": 20,
        "names": ["李运营（li.test）", "王财务（wang.test）"],
    }
    with site.database.transaction() as session:
        session.get_one(Hall, host.id).lost_prizes = [lost, {**lost, "kind": "race", "name": "再跑一次"}]
    page.reload()
    page.locator("#lost").wait_for()
    check_at_each_size(page, "1-lost")
    assert page.locator("#ending").inner_text() == ""
    with site.database.transaction() as session:
        session.execute(update(Campaign).values(end_at=site.clock.now() + timedelta(minutes=14)))
    # By the pulse, without the page being asked for anew.
    page.locator("#ending", has_text="还有 2 个奖项没有发完").wait_for()
    check_at_each_size(page, "1-ending")
    page.locator("#ending a", has_text="延期、现场加奖").click()
    for name, typed in (("name", "总经理加奖"), ("amount", "100"), ("stock", "2")):
        page.locator(f"[name=prize_{name}]").fill(typed)
    for way in ("rain", "race", "selection"):
        page.locator("[name=prize_way]").select_option(way)
        assert page.locator("[name=prize_total]").is_visible() == (way == "rain")
        check_at_each_size(page, f"1-changes-{way}")
    page.goto(f"{page.url}/codes")
    check(page, "1-codes")
    page.go_back()
    page.locator("[name=prize_name]").wait_for()
    for name, typed in (("name", "总经理加奖"), ("amount", "100"), ("stock", "2")):
        page.locator(f"[name=prize_{name}]").fill(typed)
    page.locator("form[action$='/changes'] button").click()
    page.locator("strong", has_text="总经理加奖 × 2").wait_for()
    check_at_each_size(page, "1-waiting")
    page.goto(f"{base}/admin/halls/{host.id}")
    page.locator("[data-dialog=do-freeze]").click()
    page.locator("#do-freeze button[type=submit]").click()
    page.locator("text=第 1 版").wait_for()
    check(page, "2-frozen")
    page.locator("form[action$='/arm'] button").first.click()
    page.locator("#number_1").wait_for()
    check(page, "3-armed")
    for place in (1, 2, 3):
        page.locator(f"#number_{place}").fill("AB12345678" if place > 1 else "AB12")
    page.locator("form[action$='/numbers'] button").click()
    assert page.locator("#number_1:invalid").count() == 1 and page.locator("#number_2").input_value() == "AB12345678"
    for place, typed in enumerate(numbers(1), 1):
        page.locator(f"#number_{place}").fill(typed)
    page.locator("form[action$='/numbers'] button").click()
    page.locator("form[action$='/start'] button").click()
    page.locator("form[action$='/stop'] button").wait_for()
    check(page, "4-rolling")
    host.reveal()  # somebody stops it at the screen: the desk follows by itself
    page.locator(".host-winners li").first.wait_for()
    page.locator(".host-winners form[action$='/absent'] button").first.click()
    page.locator(".host-winners .is-absent").wait_for()
    page.set_viewport_size({"width": 320, "height": 640})
    check(page, "5-revealed")
    page.locator("[data-dialog=do-confirm]").click()
    page.locator("#do-confirm button[type=submit]").click()
    page.locator("text=选一个奖项").wait_for()
    assert len(host.stage.awards()) == 2
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("form[action*='/pair'] button").click()
    page.locator(".host-digits").wait_for()
    until_page(page, "document.querySelector('.host-digits').getBoundingClientRect().bottom < innerHeight")
    page.locator("#guests .host-more summary").first.click()
    check(page, "6-screen")
    page.set_viewport_size({"width": 1440, "height": 900})
    check(page, "7-wide")
    page.goto(f"{base}/admin/halls/{host.id}/record")
    check(page, "8-record")
    page.set_viewport_size({"width": A4, "height": 1000})
    page.emulate_media(media="print")
    for language in ("zh", "en"):
        page.context.add_cookies([{"name": LANGUAGE_COOKIE, "value": language, "url": base}])
        page.reload()
        fits(page, f"9-printed-{language}")
        assert page.evaluate(CUT_OFF) == []
    assert serious(page) == []


@pytest.mark.proof
def test_a_host_who_rehearses_alone_puts_guests_in(page: Any, site: Runtime) -> None:
    accounts.hire(site.database, "li.test", "李运营", "marketer", PASSWORD, site.clock.now())
    host = Host(open_hall(site, terms={"is_rehearsal": True, "mode": "seed"}))
    base = site.settings.public_url
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{base}/admin/sign-in")
    page.locator("[name=login]").fill("li.test")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("form button[type=submit]").first.click()
    page.wait_for_load_state()
    page.goto(f"{base}/admin/halls/{host.id}")
    page.locator("#simulated-n").fill("45")
    page.locator("#simulated button").click()
    page.locator("#guests .tag").first.wait_for()
    assert "45" in page.locator("#simulated .tag").inner_text() and page.locator("#guests .tag").count() == 30
    check_at_each_size(page, "rehearsal")
    page.context.add_cookies([{"name": LANGUAGE_COOKIE, "value": "en", "url": base}])
    page.emulate_media(color_scheme="dark")
    page.reload()
    assert "Simulated guests" in page.locator("#simulated").inner_text()
    check_at_each_size(page, "rehearsal-en-dark")
