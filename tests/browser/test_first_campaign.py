"""A new user's first campaign, from an empty console to the approval, in a real browser."""

from typing import Any

import pytest

from tests.browser.test_console import Served, served
from wxbot.campaigns.models import Campaign

__all__ = ["served"]

pytestmark = pytest.mark.browser

TEXTS = {
    "#name": "五一到店抽奖",
    "#title": "五一红包",
    "#description": "到店摇一摇",
    "#act_name": "五一有礼",
    "#remark": "到店有礼",
    "#organiser": "晨光咖啡有限公司",
    "#contact": "400-000-0000",
    "#rules": "活动期间到店摇一摇即可参加，每人最多一个红包。",
}


def press(page: Any, name: str) -> None:
    """A button that leads to another page, which is there afterwards with its scripts."""
    with page.expect_navigation():
        page.get_by_role("button", name=name).click()


def test_a_first_campaign_is_half_written_left_finished_and_approved(served: Served, browser_page: Any) -> None:
    page = browser_page
    questions: list[str] = []
    page.on("dialog", lambda dialog: (questions.append(dialog.type), dialog.dismiss()))
    served.sign_in(page, "zhao")
    page.goto(f"{served.base}/campaigns")
    page.locator(".empty-state .btn-primary").click()
    with page.expect_navigation():
        page.get_by_text("不用模板").last.click()  # shake stands last
    assert page.locator(".fault").count() == 0
    page.fill("#name", TEXTS["#name"])
    press(page, "奖品和概率")
    page.fill("#odds", "1/10")
    page.wait_for_selector("#forecast:has-text('十次中一次填 10')")
    assert "¥" not in page.locator("#forecast").inner_text()
    with page.expect_event("dialog"):
        page.get_by_role("navigation").get_by_role("link", name="活动").last.click()
    assert questions == ["beforeunload"] and "step=prizes" in page.url
    page.get_by_role("button", name="下一步").click()
    page.wait_for_url("**/edit?step=when")
    page.get_by_role("button", name="检查并提交").click()
    page.get_by_role("button", name="摇一摇设备编号").click()
    page.wait_for_selector("#fault-device_ids:has-text('请填写至少一个摇一摇设备编号')")
    page.get_by_role("button", name="奖品和概率").click()
    assert page.locator("#odds").input_value() == "1/10"
    page.goto(f"{served.base}/campaigns")
    assert questions == ["beforeunload"]
    page.get_by_text("五一到店抽奖").click()
    page.get_by_role("link", name="继续写").click()
    press(page, "是什么")
    left = TEXTS | {"#odds": "10%", "#device_ids": "10011"}
    while page.locator("#hand-in").count() == 0:
        for field in [field for field in left if page.locator(field).is_visible()]:
            page.fill(field, left.pop(field))
        press(page, "下一步")
    page.wait_for_selector("#forecast:has-text('约 10 次中 1 次')")
    page.get_by_role("link", name="再看一遍全部内容").click()
    page.click("[data-dialog=do-submit]")
    page.locator("#do-submit .btn-primary").click()
    page.wait_for_selector(".tag-submitted")
    address = page.url
    served.sign_out(page)
    served.sign_in(page, "wang")
    page.goto(address)
    page.click("[data-dialog=do-approve]")
    page.locator("#do-approve .btn-primary").click()
    page.wait_for_selector(".tag-approved")
    with served.app.extensions["wxbot"].database.reading() as session:
        campaign = session.get_one(Campaign, int(address.rpartition("/")[2]))
        assert (campaign.terms["odds_ppm"], campaign.terms["device_ids"], campaign.status) == (
            100_000,
            [10011],
            "approved",
        )
