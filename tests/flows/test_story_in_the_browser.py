"""A new user's first campaign in a real browser, on real processes: from a console without anybody to money in a wallet.

An admin is made on the machine, hires in the console, the marketer drafts, the cashier waits a day and approves, the
marketer launches, a phone of the simulator draws, and everybody sees the money.
"""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from wxbot import invariants
from wxbot.clock import SHANGHAI
from wxbot.demo.actors import World
from wxbot.demo.stage import Stage

pytestmark = [pytest.mark.browser, pytest.mark.proof, pytest.mark.timeout(300)]

PASSWORD = "correct-horse-7"
TEAM = {"mei": ("小梅", "marketer"), "chen": ("陈姐", "cashier")}


class Window:
    """One person of the staff at a desk."""

    def __init__(self, chromium: Any, stage: Stage) -> None:
        self.base = f"{stage.public_url}/admin"
        self.page = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN").new_page()
        self.page.set_default_timeout(60_000)

    def enter(self, login: str, password: str = PASSWORD) -> None:
        self.page.context.clear_cookies()
        self.page.goto(f"{self.base}/sign-in")
        self.page.fill("#login", login)
        self.page.fill("#password", password)
        self.page.click(".door-card .btn-primary")
        self.page.wait_for_url(lambda url: "sign-in" not in url)

    def wait_until_signed_out(self) -> None:
        """Until the web has followed the clock past the end of the session: who signs in before would be out again at once."""
        while "sign-in" not in self.page.url:
            self.page.wait_for_timeout(200)
            self.open("/")

    def enter_first(self, login: str, temporary: str) -> None:
        """With the password that was handed over, which has to be changed at once."""
        self.enter(login, temporary)
        assert self.page.url.endswith("/password")
        for field, value in (("old", temporary), ("password", PASSWORD), ("again", PASSWORD)):
            self.page.fill(f"[name={field}]", value)
        self.page.locator("main .btn-primary").click()
        self.page.wait_for_url("**/sign-in")
        self.enter(login)

    def open(self, path: str) -> None:
        self.page.goto(self.base + path)

    def press(self, dialog: str) -> None:
        """Open a confirm dialog of the campaign's page and confirm it."""
        self.page.click(f'[data-dialog="{dialog}"]')
        with self.page.expect_navigation():
            self.page.click(f"#{dialog} button[type=submit]")

    def says(self, *words: str) -> None:
        for word in words:
            self.page.locator("main", has_text=word).wait_for()


def added_on_the_machine(stage: Stage, login: str, role: str) -> str:
    """The password that `wxbot staff add` prints once."""
    command = [sys.executable, "-m", "wxbot", "staff", "add", login, "--role", role]
    made = subprocess.run(command, env=stage.environment(), capture_output=True, text=True, timeout=60, check=True)
    return made.stdout.rsplit(": ", 1)[1].strip()


def draft(device_id: str) -> dict[str, str]:
    """What a marketer types; the rest stands in the form already."""
    return {
        "name": "开业摇一摇",
        "budget": "24.00",
        "packet_count": "12",
        "daily_from": "00:00",
        "daily_until": "24:00",
        "title": "开业红包",
        "description": "到店摇一摇",
        "act_name": "开业有礼",
        "remark": "到店有礼",
        "organiser": "晨光咖啡有限公司",
        "contact": "400-000-0000",
        "rules": "到店打开微信摇一摇参加，每人最多一个红包。",
        "device_ids": device_id,
    }


def test_from_an_empty_console_to_a_packet_in_a_wallet(empty_stage: Stage, chromium: Any) -> None:
    stage, world = empty_stage, World(empty_stage.wechat_url)
    device_id = str(world.call("POST", "beacons", {"comment": "门口"})["beacon"]["device_id"])
    admin, marketer, cashier = (Window(chromium, stage) for _ in range(3))
    database, clock = stage.parts()
    begins = clock.now().astimezone(SHANGHAI) + timedelta(hours=2)

    admin.enter_first("boss", added_on_the_machine(stage, "boss", "admin"))
    handed = {}
    for login, (name, role) in TEAM.items():
        admin.page.fill("#login", login)
        admin.page.fill("#name", name)
        admin.page.select_option("#role", role)
        admin.page.locator("form.side-card .btn-primary").click()
        handed[login] = admin.page.locator("code.secret").inner_text()
        admin.page.locator("main .btn-primary").click()
    admin.says("这些账号刚在后台新建", "小梅", "陈姐")

    marketer.enter_first("mei", handed["mei"])
    marketer.open("/campaigns")
    marketer.page.locator(".empty-state .btn-primary").click()
    with marketer.page.expect_navigation():
        marketer.page.get_by_text("不用模板").last.click()  # shake stands last
    left = draft("") | {"begin_at": f"{begins:%Y-%m-%dT%H:%M}"}
    for step in ("prizes", "when", "pages", "rules", "check"):
        for field in [field for field in left if marketer.page.locator(f"#{field}").is_visible()]:
            marketer.page.fill(f"#{field}", left.pop(field))
        marketer.page.get_by_role("button", name="下一步").click()
        marketer.page.wait_for_url(re.compile(rf"step={step}$"))
    marketer.page.get_by_role("button", name="摇一摇设备编号").click()  # what is missing, and the way to it
    marketer.page.wait_for_url(re.compile(r"#fault-device_ids$"))
    marketer.page.fill("#device_ids", device_id)
    marketer.page.get_by_role("button", name="检查并提交").click()
    marketer.page.locator("[form=hand-in]").click()
    marketer.says("已提交")

    cashier.enter_first("chen", handed["chen"])
    cashier.says("活动待审批")
    cashier.open("/campaigns/1")
    cashier.says("之后才能审批")  # hired in the console a moment ago
    assert cashier.page.locator('[data-dialog="do-approve"]').count() == 0
    world.call("POST", "clock", {"advance_s": 25 * 3600})
    cashier.wait_until_signed_out()
    cashier.enter("chen")
    cashier.open("/campaigns/1")
    cashier.press("do-approve")
    cashier.says("已批准")
    marketer.enter("mei")
    marketer.says("活动待启动")
    marketer.open("/campaigns/1")
    marketer.press("do-launch")
    marketer.page.wait_for_selector('[data-dialog="do-pause"]', timeout=90_000)  # live, without reloading

    mobile = {
        "viewport": {"width": 390, "height": 844},
        "locale": "zh-CN",
        "reduced_motion": "reduce",
    }  # no sum counts up
    phone = chromium.new_context(**mobile).new_page()
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
    won = phone.locator("[data-testid=amount]")
    won.wait_for()
    assert faults == []

    progress = marketer.page.locator(".progress-row", has_text="已抽中")
    progress.locator("b", has_text="1").wait_for()  # the console saw it, live
    amount = won.inner_text()
    cashier.open("/")
    cashier.page.locator(".legend li", has_text="待领取").locator("b", has_text=f"¥{amount}").wait_for()
    cashier.open("/ledger")
    cashier.says(f"¥{amount}")
    assert {name: rows for name, rows in invariants.check(database).items() if rows} == {}
    database.close()
