"""An instant campaign inside the simulator's phone: motion that is allowed, refused or never answered, and a card passed on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Cast, Person
from tests.instant.stage import InstantStage, set_wheel
from tests.servers import SimulatedWeChat
from wxbot.campaigns.entries import SHARED
from wxbot.runtime import Runtime

pytestmark = pytest.mark.browser


def open_phone(page: Any, simulator: SimulatedWeChat, person: Person) -> None:
    """The simulator's phone in the hand of this person."""
    page.goto(f"{simulator.base}/phone?person={person.id}")
    page.locator("[data-testid=tab-me]").wait_for()


def the_page(page: Any, url: str = "") -> Any:
    """The campaign's page in the phone's web view, opened anew where `url` says which."""
    if url:
        page.evaluate("url => import('/sim/static/phone/web.js').then((web) => web.openPage(url))", url)
    return page.frame_locator(".screen.web:last-child [data-testid=page]")


def menu(page: Any, label: str) -> None:
    page.locator(".screen.web:last-child .web-bar [aria-label=更多]").click()
    page.locator(".sheet-row", has_text=label).click()


def test_shaking_draws_where_motion_is_allowed_and_the_button_does_the_same_where_it_is_not(
    page: Any, site: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    stage = set_wheel(site, {}, terms={"skin": "shake"})
    open_phone(page, simulator, cast.wang)
    for drawn, permission in enumerate(("granted", "denied", "unanswered")):
        simulator.control("PUT", "switches", {"motion_permission": permission})
        inside = the_page(page, f"{site.settings.public_url}{stage.path}")
        menu(page, "摇手机")  # nobody asked for motion yet: nothing is felt
        inside.locator("#go", has_text="开始摇").click()
        if permission != "granted":
            inside.locator("#hint", has_text="没有感应到摇动，点一下按钮也能抽").wait_for()
            menu(page, "摇手机")
            inside.locator("#go", has_text="点一下也能抽").wait_for()
            assert len(stage.draws()) == drawn
            inside.locator("#go").click()
        else:
            inside.locator("#hint", has_text="摇一摇手机").wait_for()
            menu(page, "摇手机")
        inside.locator("#sheet-title", has_text="抽中").wait_for()
        assert len(stage.draws()) == drawn + 1
    assert {draw.openid for draw in stage.draws()} == {cast.wang.openid}


@pytest.mark.proof
def test_a_stranger_passes_the_page_on_and_nothing_changes_for_it(
    page: Any, site: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    """From the start page's button, by the menu, to the friend's draw."""
    stage: InstantStage = set_wheel(site, {"name": "一元红包"}, tries_per_person=2, tries_per_day=2)
    link = f"{site.settings.public_url}{stage.path}"
    simulator.control("PUT", "pinned", {"pinned": [{"title": "转一转", "url": link}]})
    open_phone(page, simulator, cast.wang)
    page.locator("[data-testid=stranger]").click()
    page.locator(".sheet-row", has_text="快照页").click()
    inside = the_page(page)
    inside.locator("main", has_text="使用完整服务").wait_for()
    with page.expect_response(
        "**/bridge/updateAppMessageShareData"
    ):  # the page tells WeChat its card when its config is found right
        page.locator("[data-testid=full-service]").click()
    inside.locator("#tries", has_text="还可以抽 2 次").wait_for()
    assert "分享不增加次数，也不提高中奖率" in inside.locator("main").inner_text()
    odds = inside.locator(".prizes").inner_text()
    menu(page, "发送给朋友")
    page.locator("[data-testid=choose] button", has_text="小红").click()
    page.locator(".toast", has_text="已发送").wait_for()
    menu(page, "刷新")
    inside.locator("#tries", has_text="还可以抽 2 次").wait_for()
    assert inside.locator(".prizes").inner_text() == odds

    open_phone(page, simulator, cast.hong)
    page.locator(".chat-row", has_text="[链接] 转一转").click()
    card = page.locator("[data-testid=shared-card]")
    assert card.inner_text().split("\n") == ["转一转", "活动规则和中奖机会见页面。"]
    assert card.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth > 0)")
    card.click()
    inside.locator("#go").click()
    inside.locator("#sheet-title", has_text="抽中").wait_for()
    (draw,) = stage.draws()
    assert (draw.openid, draw.channel_code) == (cast.hong.openid, SHARED)
