"""The whole story in a real browser, phone and console side by side, on real processes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from wxbot import invariants
from wxbot.clock import SHANGHAI
from wxbot.demo.actors import World
from wxbot.demo.seed import CASHIER, MARKETER, PASSWORD
from wxbot.demo.stage import Stage

pytestmark = [pytest.mark.browser, pytest.mark.proof, pytest.mark.timeout(300)]


def sign_in(chromium: Any, stage: Stage, login: str) -> Any:
    """A desktop window of the console, signed in."""
    page = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN").new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{stage.public_url}/admin/sign-in")
    page.fill("#login", login)
    page.fill("#password", PASSWORD)
    page.click(".door-card .btn-primary")
    page.wait_for_url(lambda url: "sign-in" not in url)
    return page


def press(page: Any, dialog: str) -> None:
    """Open a confirm dialog of the campaign's page and confirm it."""
    page.click(f'[data-dialog="{dialog}"]')
    page.click(f"#{dialog} button[type=submit]")
    page.wait_for_load_state()


def test_a_campaign_from_draft_to_wallet(stage: Stage, chromium: Any) -> None:
    world = World(stage.wechat_url)
    device_id = world.call("POST", "beacons", {"comment": "门口"})["beacon"]["device_id"]
    database, clock = stage.parts()
    now = clock.now().astimezone(SHANGHAI)

    marketer = sign_in(chromium, stage, MARKETER.login)
    marketer.goto(f"{stage.public_url}/admin/campaigns/new")
    fields = {
        "name": "浏览器里的活动",
        "begin_at": f"{now + timedelta(minutes=2):%Y-%m-%dT%H:%M}",
        "end_at": f"{now + timedelta(days=1):%Y-%m-%dT%H:%M}",
        "budget": "24.00",
        "packet_count": "12",
        "send_name": "示例小店",
        "act_name": "店庆有礼",
        "wishing": "恭喜发财",
        "remark": "店庆",
        "title": "店庆红包",
        "description": "到店摇一摇",
        "rules": "到店打开微信摇一摇参加。",
        "organiser": "示例小店",
        "contact": "400-000-0000",
        "device_ids": str(device_id),
        "expected_people": "20",
        "daily_from": "00:00",
        "daily_until": "24:00",
    }
    for name, value in fields.items():
        marketer.fill(f"#{name}", value)
    marketer.click('label.choice:has(input[value="fixed"])')
    marketer.fill("#packet_amount", "2.00")
    marketer.click("#draft button[type=submit]")
    marketer.wait_for_url("**/campaigns/1")
    press(marketer, "do-submit")

    cashier = sign_in(chromium, stage, CASHIER.login)
    cashier.goto(f"{stage.public_url}/admin/campaigns/1")
    press(cashier, "do-approve")
    marketer.reload()
    press(marketer, "do-launch")
    marketer.wait_for_selector('[data-dialog="do-pause"]', timeout=90_000)  # live, without reloading

    world.call("POST", "clock", {"advance_s": 180})
    phone = chromium.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN").new_page()
    phone.set_default_timeout(60_000)
    faults: list[str] = []
    phone.on("pageerror", lambda error: faults.append(str(error)))
    phone.goto(f"{stage.wechat_url}/phone")
    phone.click("[data-testid=tab-discover]")
    phone.click("[data-testid=go-shake]")
    phone.click(f"[data-testid=beacon-{device_id}]")
    phone.keyboard.press("Space")
    phone.click("[data-testid=card]")
    page = phone.frame_locator("[data-testid=page]")
    page.locator("#draw:not([disabled])").click()
    phone.click("[data-testid=open-packet]")
    phone.wait_for_function("document.querySelector('[data-testid=amount]')?.textContent === '2.00'")
    assert faults == []

    marketer.locator(".progress-row", has_text="已抽中").locator(
        "b", has_text="1"
    ).wait_for()  # the console saw it, live
    assert {name: rows for name, rows in invariants.check(database).items() if rows} == {}
    database.close()
