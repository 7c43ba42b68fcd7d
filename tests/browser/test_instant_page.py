"""The page of an instant campaign in a real browser at phone size, under our own policy, with the simulator's WeChat around it."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.browser.axe import serious
from tests.browser.conftest import hold
from tests.browser.crowd import turn_away_once
from tests.browser.slow import open_slowly
from tests.conftest import Cast
from tests.instant.stage import InstantStage, set_wheel
from tests.servers import SimulatedWeChat
from tests.waiting import until_page
from wxbot.instant.models import InstantTerms
from wxbot.people.models import Follower
from wxbot.runtime import Runtime
from wxbot.worker import run_until_quiet

pytestmark = pytest.mark.browser

FIRST_LOAD_KB = 80
"""What the first look may load from us, compressed."""

SKINS = ["wheel", *(pytest.param(skin, marks=pytest.mark.proof) for skin in ("grid", "scratch", "shake"))]
WIN = {"name": "一元红包"}
MISS = {"name": "大奖", "odds_ppm": 1, "stock": 1}


def address(stage: InstantStage, more: str = "") -> str:
    return f"{stage.runtime.settings.public_url}{stage.path}{more}"


def draw(phone: Any, skin: str) -> None:
    """The gesture of a skin, by its button."""
    phone.locator("#go").click()
    if skin == "shake":
        phone.locator("#go-word", has_text="点一下也能抽").wait_for()  # no movement comes: the button does the same
        phone.locator("#go").click()
    if skin == "scratch":
        phone.locator("#skip").click()


@pytest.mark.parametrize("skin", SKINS)
def test_a_stranger_draws_collects_and_has_the_money_without_following(
    phone: Any, site: Runtime, simulator: SimulatedWeChat, cast: Cast, skin: str
) -> None:
    stage = set_wheel(site, WIN, terms={"skin": skin}, send_name="示例小店", wishing="恭喜", remark="转一转奖品")
    hold(phone, cast.wang)
    simulator.control("PATCH", f"people/{cast.wang.id}", {"is_snapshot": True})
    phone.goto(address(stage, "?c=poster"))
    assert "使用完整服务" in phone.locator("main").inner_text()  # a virtual openid: nobody could be paid
    simulator.control("PATCH", f"people/{cast.wang.id}", {"is_snapshot": False})
    phone.goto(address(stage, "?c=poster"))
    phone.emulate_media(reduced_motion="no-preference")
    draw(phone, skin)
    if skin == "wheel":  # as a layer, so that no frame of it is painted anew
        assert phone.locator("#disc").evaluate("(disc) => getComputedStyle(disc).willChange") == "transform"
    phone.locator("#sheet-title", has_text="抽中").wait_for()
    assert phone.locator(".is-turning").count() == 0
    phone.emulate_media(reduced_motion="reduce")  # what moves was seen
    assert "1.00" in phone.locator("#sheet-prize").inner_text()
    assert "前领取" in phone.locator("#sheet-deadline").inner_text()
    phone.locator("#sheet-main", has_text="领取").click()
    phone.locator("#sheet-main", has_text="正在准备").wait_for()
    while stage.awards()[0].status != "collecting":  # the tap is kept; what follows is the worker's
        phone.wait_for_timeout(50)
    run_until_quiet(site)
    wechat = phone.frame_locator("iframe[title=微信]")
    wechat.locator("[data-testid=transfer-close]").click()
    phone.locator("#sheet-text", has_text="还没有确认收款").wait_for()
    phone.locator("#sheet-main").click()
    wechat.locator("[data-testid=receive-transfer]").click()
    with phone.expect_response("**/look?*"):  # the page asks to have WeChat asked
        wechat.locator("[data-testid=transfer-done]").click()
    phone.locator("#sheet-main", has_text="正在确认").wait_for()
    run_until_quiet(site)
    phone.locator(".sheet-card[data-state=paid]").wait_for()
    (award,) = stage.awards()
    assert (award.status, award.openid, stage.draws()[0].channel_code) == ("paid", cast.wang.openid, "poster")
    assert simulator.control("GET", f"people/{cast.wang.id}/wallet")["wallet_fen"] == 100
    with site.database.reading() as session:
        assert session.scalars(select(Follower)).all() == []
    phone.locator("#sheet-close").click()
    assert "已领取" in phone.locator("#mine-list").inner_text()
    open_slowly(phone, phone.locator(".all-mine").evaluate("(link) => link.href"))
    phone.locator("[data-award]").click()
    phone.locator("#sheet-text", has_text="零钱").wait_for()
    assert not serious(phone)


def test_one_tap_is_one_draw_through_double_taps_a_dead_network_reload_and_back(phone: Any, site: Runtime) -> None:
    stage = set_wheel(site, WIN)
    phone.goto(address(stage))
    phone.context.set_offline(True)
    phone.locator("#go").dblclick()
    phone.locator("#hint", has_text="网络有点慢").wait_for()
    phone.context.set_offline(False)
    phone.reload()  # the tap is remembered, and is asked for again
    phone.locator("#sheet-title", has_text="抽中").wait_for()
    assert len(stage.draws()) == 1
    phone.locator("#sheet-close").click()
    phone.emulate_media(reduced_motion="no-preference")
    phone.locator("#go").click()
    until_page(phone, "sessionStorage.length && JSON.parse(sessionStorage.getItem(sessionStorage.key(0))).answer")
    phone.goto(address(stage, "/rules"))  # away before the wheel stood still
    phone.go_back()
    phone.locator("#sheet-title", has_text="抽中").wait_for()
    assert len(stage.draws()) == 2
    phone.locator("#sheet-close").click()
    assert phone.locator("#mine-list li").count() == 2


def test_a_miss_says_so_and_offers_what_is_left_also_after_a_wait_in_line(phone: Any, site: Runtime) -> None:
    stage = set_wheel(site, MISS, tries_per_person=9, tries_per_day=2)
    asked = turn_away_once(phone, site)
    phone.goto(address(stage))
    phone.keyboard.press("Tab")
    phone.locator("#go").focus()
    phone.keyboard.press("Enter")
    phone.locator("#hint", has_text="正在排队").wait_for()
    phone.locator("#sheet-title", has_text="没有抽中").wait_for()
    assert not serious(phone)
    assert [each["nonce"] for each in asked] == [asked[0]["nonce"]] * 2 and asked[1]["place"]
    phone.locator("#sheet-main", has_text="再抽一次").click()
    phone.locator("#sheet-title", has_text="没有抽中").wait_for()
    until_page(phone, "document.getElementById('go').disabled")
    phone.keyboard.press("Escape")
    assert phone.locator("#sheet").is_hidden()
    phone.locator("#hint", has_text="今天的机会用完了。明天还可以再来抽").wait_for()
    assert [row.outcome for row in stage.draws()] == ["lost", "lost"] and "place" not in asked[2]


@pytest.mark.proof
def test_the_gap_between_two_draws_is_counted_down_and_ends_by_itself(phone: Any, site: Runtime) -> None:
    stage = set_wheel(site, MISS, terms={"gap_s": 600})
    phone.goto(address(stage))
    assert "至少 10 分钟" in phone.locator(".facts dl").inner_text()
    draw(phone, "wheel")
    phone.locator("#sheet-title", has_text="没有抽中").wait_for()
    assert phone.locator("#sheet-main").is_hidden(), "nobody is led to a draw that is refused"
    phone.locator("#sheet-close").click()
    for _ in ("at once", "after a reload"):
        assert phone.locator("#go").is_disabled()
        assert "两次抽奖至少间隔 10 分钟" in phone.locator("#hint").inner_text()
        left = r"还可以抽 2 次 · 距下次可抽还有 00:(10:00|0\d:\d\d)"
        assert re.fullmatch(left, phone.locator("#tries").inner_text())
        phone.reload()
    assert not serious(phone)
    with site.database.transaction() as session:
        session.get_one(InstantTerms, stage.campaign_id).gap_s = 12
    stage.change()
    phone.reload()
    until_page(phone, "!document.getElementById('go').disabled")
    assert "距下次" not in phone.locator("#tries").inner_text()
    assert phone.locator("#hint").inner_text() == "准备好了，随时可以抽。"


def test_who_must_bind_is_led_there_and_a_campaign_that_ends_meanwhile_offers_no_tries(
    phone: Any, site: Runtime
) -> None:
    stage = set_wheel(site, MISS, terms={"needs_binding": True})
    phone.goto(address(stage))
    assert "还可以抽 3 次" in phone.locator("#tries").inner_text()
    phone.locator("#go").click()
    phone.locator("#sheet-main", has_text="去绑定手机号").wait_for()
    phone.locator("#sheet-close").click()
    stage.change(end_at=site.clock.now())
    phone.locator("#go").click()
    phone.locator("#sheet-title", has_text="活动已经结束").wait_for()
    phone.locator("#chip", has_text="已经结束").wait_for()
    assert phone.locator("#go").is_disabled() and phone.locator("#tries").inner_text() == ""
    stage.change(end_at=site.clock.now() + timedelta(days=1))
    phone.reload()
    phone.locator("#go").click()
    phone.locator("#sheet-main", has_text="去绑定手机号").click()
    phone.locator("form#bind").wait_for()
    assert stage.draws() == []


@pytest.mark.parametrize("skin", SKINS)
def test_the_first_look_is_small_loads_nothing_from_others_and_fits_every_phone(
    phone: Any, site: Runtime, skin: str
) -> None:
    bodies: dict[str, bytes] = {}
    foreign: set[str] = set()
    own, wechat = site.settings.public_url, site.settings.res_base

    def note(response: Any) -> None:
        if response.url.startswith(own):
            if response.status == 200:
                bodies[response.url] = response.body()
        elif not response.url.startswith(wechat) and not response.url.startswith(site.settings.open_base):
            foreign.add(response.url)

    phone.on("response", note)
    many = [WIN | {"name": f"特别特别长的奖品名字{n}", "odds_ppm": 1000} for n in range(9)]
    stage = set_wheel(site, *many, terms={"skin": skin}, act_name="一个名字特别特别特别长的活动啊", organiser="W" * 40)
    phone.goto(address(stage))
    phone.wait_for_load_state("networkidle")
    assert foreign == set()
    size = sum(len(gzip.compress(body)) for body in bodies.values())
    assert 0 < size < FIRST_LOAD_KB * 1024, {url: len(gzip.compress(body)) for url, body in bodies.items()}
    assert not serious(phone)
    for width in (320, 390, 430):
        for more in ("", "?lang=en"):
            phone.set_viewport_size({"width": width, "height": 844})
            phone.goto(address(stage, more))
            assert phone.evaluate("document.documentElement.scrollWidth") <= width, (width, more)


@pytest.mark.proof
def test_a_tap_that_another_person_left_on_this_phone_is_not_drawn(phone: Any, site: Runtime, cast: Cast) -> None:
    stage = set_wheel(site, WIN)
    phone.goto(address(stage))
    phone.evaluate("key => sessionStorage.setItem('wxbot:' + key, JSON.stringify({nonce: 'f'.repeat(40)}))", stage.path)
    phone.reload()
    until_page(phone, "sessionStorage.length === 0")
    assert stage.draws() == []
    phone.locator("#go").click()
    phone.locator("#sheet-title", has_text="抽中").wait_for()
    assert len(stage.draws()) == 1


def test_a_word_is_asked_for_where_the_campaign_has_one(phone: Any, site: Runtime) -> None:
    stage = set_wheel(site, WIN, terms={"password": "新年好"})
    open_slowly(phone, address(stage))
    phone.locator("#go").click()
    assert phone.evaluate("document.activeElement.id") == "password-word"
    phone.locator("#password-word").fill("不对")
    phone.locator("#go").click()
    phone.locator("#sheet-title", has_text="口令不对").wait_for()
    phone.locator("#sheet-close").click()
    phone.locator("#password-word").fill(" 新年好 ")
    phone.locator("#password-word").press("Enter")
    phone.locator("#sheet-title", has_text="恭喜").wait_for()
    assert len(stage.draws()) == 1
