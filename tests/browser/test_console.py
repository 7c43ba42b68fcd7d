"""The console in a real browser: drafting with a live forecast, approval, live progress, no script from data."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask

from tests.browser.axe import serious
from tests.browser.conftest import enter
from tests.browser.slow import held_back, open_without
from tests.instant.stage import approved
from tests.servers import LoopbackServer
from tests.staff.consoles import NOON, console, seed_story
from tests.waiting import until_settled
from wxbot import ledger
from wxbot.campaigns.models import Campaign
from wxbot.campaigns.trouble import write_trouble
from wxbot.campaigns.wizard import STEPS
from wxbot.text import Refusal, Text

pytestmark = pytest.mark.browser


class Served:
    """A console behind a port."""

    def __init__(self, app: Flask, base: str) -> None:
        self.app, self.base = app, base

    def sign_in(self, page: Any, login: str) -> None:
        enter(page, self.app, login)

    def sign_out(self, page: Any) -> None:
        page.context.clear_cookies()


@pytest.fixture
def served(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Served]:
    with (
        console(sqlite_url, redis_url, tmp_path, NOON, public_url="http://127.0.0.1") as app,
        LoopbackServer() as server,
    ):
        seed_story(app.extensions["wxbot"].database, NOON, packets=300)
        server.serve(app.wsgi_app)
        yield Served(app, f"{server.url}/admin")


@pytest.mark.proof
def test_a_draft_is_written_with_a_live_forecast_and_every_fault_is_shown(served: Served, page: Any) -> None:
    served.sign_in(page, "li")
    page.goto(f"{served.base}/campaigns/new?mechanic=shake&step=prizes")
    page.get_by_text("固定金额").click()
    page.fill("#packet_count", "20000")
    page.fill("#packet_amount", "2")
    page.wait_for_selector("#forecast:has-text('红包合计 40,000.00 元，超出预算')")
    assert "备货需要" not in page.locator("#forecast").inner_text()
    page.fill("#budget", "40,000")
    page.wait_for_selector("#forecast:has-text('¥40,000.00')")
    assert "备货需要 2 天" in page.locator("#forecast").inner_text()
    page.fill("#budget", "400")
    page.click(".save-bar .btn-primary")
    with page.expect_navigation():
        page.locator(".wizard li", has_text="检查").locator("button").click()
    assert page.locator(".named [name=mend]").count() >= 6
    page.locator(".named [value=budget]").click()
    page.wait_for_selector("#fault-budget")
    page.locator(".wizard li", has_text="页面").locator("button").click()
    page.fill("#wishing", "岁岁平安")
    assert page.locator("[data-shows=wishing]").inner_text() == "岁岁平安"


def test_what_was_typed_before_the_script_came_is_not_left_without_a_question(
    served: Served, browser_page: Any
) -> None:
    browser_page.on("dialog", lambda dialog: dialog.dismiss())
    served.sign_in(browser_page, "li")
    with held_back(browser_page, "**/unsaved.js*"):
        open_without(browser_page, f"{served.base}/campaigns/new?mechanic=shake&step=prizes")
        browser_page.fill("#budget", "20000")
    with browser_page.expect_event("dialog") as asked:
        browser_page.locator(".crumbs a").first.click()
    assert asked.value.type == "beforeunload"


@pytest.mark.proof
def test_approve_by_a_second_person_and_watch_it_live(served: Served, page: Any) -> None:
    served.sign_in(page, "wang")
    page.goto(f"{served.base}/campaigns/2")
    page.click("[data-dialog=do-approve]")
    page.locator("#do-approve .btn-primary").click()
    page.wait_for_selector(".notice-success")
    assert page.locator(".head .tag").inner_text() == "已批准"
    with served.app.extensions["wxbot"].database.transaction() as session:
        write_trouble(
            session, session.get_one(Campaign, 2), Refusal("NOTENOUGH", Text("商户余额不足，请充值", "Top up"))
        )
    page.wait_for_selector(".notice-danger:has-text('NOTENOUGH')")


def test_pause_and_resume_with_charts_drawn(served: Served, page: Any) -> None:
    served.sign_in(page, "li")
    with held_back(page, "**/vendor/*.js*"):
        open_without(page, f"{served.base}/campaigns/1")
        page.click("[data-dialog=do-pause]")
        page.locator("#do-pause").wait_for()  # stopping need not wait for the charts
    page.wait_for_selector("canvas[data-chart=money][data-points]")
    page.wait_for_selector("canvas[data-chart=draws][data-points]")
    page.locator("#do-pause .btn-warning").click()
    page.wait_for_selector(".tag-off")
    page.click("[data-dialog=do-resume]")
    page.locator("#do-resume .btn-primary").click()
    page.wait_for_selector(".tag-on")


@pytest.mark.proof
def test_the_money_of_one_hour_is_bars_and_of_many_hours_lines(served: Served, page: Any) -> None:
    with served.app.extensions["wxbot"].database.transaction() as session:
        session.get_one(Campaign, 2).status = "on"
        ledger.post(session, [ledger.Posting("ordered", "first-hour", "reserved", "in_flight", 188, 2)], NOON)
    served.sign_in(page, "li")
    for campaign_id, kind in ((1, "line"), (2, "bar")):
        page.goto(f"{served.base}/campaigns/{campaign_id}")
        page.wait_for_selector("canvas[data-chart=money][data-points]")
        assert page.evaluate("Chart.getChart(document.querySelector('canvas[data-chart=money]')).config.type") == kind


def test_hostile_texts_run_nowhere_on_any_page_S41(served: Served, page: Any) -> None:
    evil = '<img src=x onerror=alert(1)>"><svg/onload=alert(1)></script><script>alert(1)</script>'
    with served.app.extensions["wxbot"].database.transaction() as session:
        for campaign_id in (1, 2):
            campaign = session.get_one(Campaign, campaign_id)
            campaign.name, campaign.rules, campaign.organiser = evil[:60], evil, evil[:60]
            write_trouble(session, campaign, Refusal(evil, Text(evil, evil)))
    served.sign_in(page, "li")
    paths = ("/", "/campaigns", "/campaigns/1", "/campaigns/2", "/campaigns/1/packets", "/campaigns/1/packets/1000007")
    for path in paths:
        page.goto(served.base + path)
        page.wait_for_load_state("networkidle" if "packets" in path else "load")
    served.sign_out(page)
    served.sign_in(page, "chen")
    page.goto(f"{served.base}/audit")


def test_no_page_is_wider_than_a_phone(served: Served, page: Any) -> None:
    served.sign_in(page, "li")
    for path in ("/", "/campaigns", "/campaigns/1", "/campaigns/new", "/campaigns/1/packets"):
        page.goto(served.base + path)
        until_settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    stage = approved(served.app.extensions["wxbot"], {"name": "Packet"}, status="draft")
    with page.expect_navigation():
        page.locator("[name=locale][value=en]").first.dispatch_event("click")
    for step in STEPS:
        page.goto(f"{served.base}/campaigns/{stage.campaign_id}/edit?step={step}")
        assert page.locator(".wizard .is-now .step-word").inner_text().isascii()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, step


def test_a_draft_is_played_on_the_phone_in_the_console_under_our_own_policy(page: Any, served: Served) -> None:
    """The frame is let in and loads, a wished-for win is collected to its end, and the code's address opens it without a session."""
    stage = approved(served.app.extensions["wxbot"], {"name": "一元红包"}, status="draft")
    served.sign_in(page, "li")
    page.goto(f"{served.base}/campaigns/{stage.campaign_id}/preview")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    assert not serious(page)
    page.set_viewport_size({"width": 1440, "height": 900})
    phone = page.frame_locator(".phone-frame")
    phone.locator("#wish").select_option("1")
    phone.locator("#go").click()
    phone.locator("#sheet-prize", has_text="¥1.00 · 一元红包").wait_for()
    phone.locator("#sheet-main", has_text="领取").click()
    phone.locator("#sheet-main", has_text="看到账后的样子").click()
    phone.locator(".sheet-card[data-state=paid]").wait_for()
    phone.locator("#sheet-close").click()
    assert "已领取" in phone.locator("#mine-list").inner_text()
    link = page.locator(".copy-row input").input_value()
    page.goto(f"{served.base}/campaigns/{stage.campaign_id}/edit?step=check")
    page.frame_locator(".draft .phone-frame").locator("#go").wait_for()
    served.sign_out(page)
    page.goto(served.base.removesuffix("/admin") + urlsplit(link).path)
    assert not serious(page)
    page.locator("#wish").select_option("lost")
    page.locator("#go").click()
    page.locator("#sheet-title", has_text="没有抽中").wait_for()
    assert stage.draws() == [] and stage.awards() == []
