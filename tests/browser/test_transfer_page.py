"""Taking a transfer in a real browser: our page, WeChat's confirm page over it, and the page that learns the end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.slow import bring_bridge, hold_bridge
from tests.conftest import Cast
from tests.payouts.stories import fund, owe, payout_of
from wxbot.runtime import Runtime
from wxbot.worker import run_until_quiet

pytestmark = pytest.mark.browser


def test_a_transfer_is_refused_once_taken_then_and_seen_as_received(phone: Any, site: Runtime, cast: Cast) -> None:
    payout_id = owe(site, fund(site, channel="transfer_bills"), cast.ming.openid, 880)
    run_until_quiet(site)
    base = site.settings.public_url
    phone.goto(f"{base}/h5/me")
    assert phone.locator(".one-word").inner_text() == "待领取"
    phone.locator(".one a").click()
    wechat = phone.frame_locator("iframe[title=微信]")
    phone.locator("#take").click()
    wechat.locator("[data-testid=transfer-close]").click()
    phone.locator("#dialog-text", has_text="没有完成领取").wait_for()
    phone.locator("#dialog-ok").click()
    phone.locator("#take").click()
    wechat.locator("[data-testid=receive-transfer]").click()
    wechat.locator("[data-testid=transfer-done]").click()
    phone.locator("#take", has_text="正在确认到账").wait_for()
    run_until_quiet(site)
    phone.locator("#word", has_text="已领取").wait_for()
    phone.wait_for_load_state()
    assert phone.locator("#take").count() == 0
    assert payout_of(site, payout_id).status == "paid"


def test_a_tap_that_comes_before_the_script_or_the_bridge_is_not_lost(phone: Any, site: Runtime, cast: Cast) -> None:
    payout_id = owe(site, fund(site, channel="transfer_bills"), cast.ming.openid, 880)
    run_until_quiet(site)
    held: list[Any] = []
    hold_bridge(phone)
    phone.route("**/pay.js*", lambda route: held.append(route))
    phone.goto(f"{site.settings.public_url}/h5/pay/{payout_of(site, payout_id).public_id}", wait_until="commit")
    button = phone.locator("#take")
    button.wait_for()
    assert button.is_disabled()
    held.pop().continue_()
    button.click()
    phone.locator("#take:disabled", has_text="正在打开").wait_for()
    phone.wait_for_timeout(100)
    assert phone.locator("#dialog").is_hidden()
    bring_bridge(phone)
    phone.frame_locator("iframe[title=微信]").locator("[data-testid=receive-transfer]").wait_for()
    assert phone.locator("#dialog").is_hidden()


@pytest.mark.proof
def test_nothing_spills_over_the_edge(phone: Any, site: Runtime, cast: Cast) -> None:
    programme_id = fund(site, channel="transfer_bills", act_name="一个特别特别特别特别长的活动名称啊", wishing="W" * 60)
    payout_id = owe(site, programme_id, cast.ming.openid, 20_000 - 1)
    run_until_quiet(site)
    for path in ("/h5/me", f"/h5/pay/{payout_of(site, payout_id).public_id}", "/h5/pay/none"):
        phone.goto(f"{site.settings.public_url}{path}")
        for width in (320, 390):
            phone.set_viewport_size({"width": width, "height": 844})
            assert phone.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
