"""What keeps a prize waiting, as its person reads it on a phone: which it is, and when it goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.browser.axe import serious
from tests.conftest import Cast
from tests.instant.winners import Instant, set_instant
from tests.payouts.stories import pass_time
from tests.servers import SimulatedWeChat
from wxbot.clock import SHANGHAI
from wxbot.instant import awards
from wxbot.orders import throttle
from wxbot.runtime import Runtime
from wxbot.worker import run_task, run_until_quiet

pytestmark = [pytest.mark.browser, pytest.mark.proof]


def asked_for(campaign: Instant, openid: str) -> str:
    """A prize that its person has tapped for."""
    won = campaign.win(openid)
    with campaign.runtime.database.transaction() as session:
        award = awards.find(session, won, openid)
        assert award is not None
        awards.collect(session, award, campaign.runtime.database.now(session))
    return won


def change(site: Runtime, **settings: Any) -> None:
    site.settings = site.settings.model_copy(update=settings)


def read(phone: Any, won: str, words: str) -> None:
    """A prize says so in the list and in its sheet, and everybody can read it: also in the dark and on a small phone."""
    url = phone.url
    for scheme, language, width in (("light", "zh", 390), ("dark", "en", 320)):
        phone.set_viewport_size({"width": width, "height": 844})
        phone.emulate_media(color_scheme=scheme)
        phone.goto(url.split("?")[0] + f"?lang={language}")
        row = phone.locator(f"[data-award='{won}']")
        listed = row.locator("small").nth(1).inner_text()
        row.click()
        phone.locator(".sheet-card").wait_for()
        said = phone.locator("#sheet-text").inner_text()
        assert said == listed
        assert phone.locator(".sheet-card").inner_text().count("前领取") <= 1, "the deadline is said once"
        if language == "zh":
            assert words in said, said
        else:
            assert said.isascii(), said
        assert phone.evaluate("document.documentElement.scrollWidth") <= width
        assert not serious(phone)
        phone.locator("#sheet-close").click()


def test_what_holds_a_prize_is_told_with_when_it_goes_on(
    phone: Any, site: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    openid, day = cast.ming.openid, site.clock.now().astimezone(SHANGHAI)
    noon = day.replace(hour=12, minute=0) + timedelta(days=1)
    pass_time(site, simulator, (noon - site.clock.now()).total_seconds())
    campaign = set_instant(site, budget_fen=500_000)
    late, gone = asked_for(campaign, openid), campaign.win(openid, life_s=3600)
    run_until_quiet(site)
    pass_time(site, simulator, 25 * 3600)  # nobody confirms within a day
    phone.goto(f"{site.settings.public_url}/h5/awards")
    read(phone, late, "上一次没有在 24 小时内确认。请在")
    read(phone, gone, "兑奖截止前没有领取")

    won = campaign.win(openid)
    with site.database.transaction() as session:
        throttle.stop_lane(session, site.settings.mch_id, throttle.OPERATOR_STOP, site.clock.now())
    phone.reload()
    phone.locator(f"[data-award='{won}']").click()
    phone.locator("#sheet-main", has_text="Collect").click()
    phone.locator(".sheet-card[data-state=held]").wait_for()
    run_until_quiet(site)
    read(phone, won, "主办方暂停了发放，恢复后自动继续")
    phone.locator(f"[data-award='{won}']").click()
    with site.database.transaction() as session:
        throttle.open_lane(session, site.settings.mch_id, by_staff=True)
    run_until_quiet(site)
    phone.locator(".sheet-card[data-state=confirm]").wait_for()  # by itself, without a tap
    phone.locator("#sheet-close").click()
    assert "Waiting for you" in phone.locator(f"[data-award='{won}']").inner_text()

    change(site, person_packets_per_day=1)
    full = asked_for(campaign, openid)
    run_until_quiet(site)
    read(phone, full, "您今天收到的红包已达微信的上限")
    change(site, pay_per_second=1, person_packets_per_day=100)
    many = [asked_for(campaign, openid) for _ in range(12)]
    run_task(site, "payouts.order")
    read(phone, many[-1], "领取的人多")
    change(site, pay_per_second=1000, pay_quiet_hours=True)
    run_until_quiet(site)
    night = noon.replace(hour=2) + timedelta(days=3)
    pass_time(site, simulator, (night - site.clock.now()).total_seconds())
    packets = set_instant(site, channel="sendredpack")
    resting = asked_for(packets, openid)
    run_until_quiet(site)
    phone.goto(f"{site.settings.public_url}/h5/awards")
    read(phone, resting, "夜间不发放")
    phone.set_viewport_size({"width": 390, "height": 844})
    phone.emulate_media(color_scheme="light")
    phone.goto(f"{site.settings.public_url}/h5/c/wheel{packets.campaign_id}")
    assert "夜间不发放" in phone.locator("#mine-list small").inner_text()
