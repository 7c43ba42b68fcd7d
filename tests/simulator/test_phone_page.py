"""The phone and the bank in a real browser: a person follows, chats, shakes, draws, opens, and looks into the wallet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.conftest import Web
from tests.simulator.shop_page import ShopPage
from tests.simulator.story import Shop
from wxbot.simulator.server import Simulator

pytestmark = pytest.mark.browser


@pytest.fixture
def shop(simulator: Simulator, web: Web, token: str) -> Iterator[Shop]:
    page = ShopPage(simulator)
    simulator.world.account.js_domains.append(page.url.removeprefix("http://"))
    shop = Shop(simulator, web, token)
    shop.hang_beacon(page.url + "/draw")
    shop.lottery()
    shop.load(shop.tickets(2, total_amount="888"))
    page.lottery_id = shop.lottery_id
    yield shop
    page.close()


@pytest.fixture(
    params=[pytest.param((1280, 900), id="desktop", marks=pytest.mark.proof), pytest.param((390, 844), id="phone")]
)
def phone(request: pytest.FixtureRequest, shop: Shop, browser_page: Any) -> Any:
    """The phone page, switched on; nothing it does may end in a script error."""
    faults: list[str] = []
    browser_page.on("pageerror", lambda error: faults.append(str(error)))
    browser_page.set_viewport_size({"width": request.param[0], "height": request.param[1]})
    browser_page.goto(shop.simulator.http_url + "/phone")
    browser_page.wait_for_selector("[data-testid=tab-me]")
    yield browser_page
    assert faults == []


def tap(phone: Any, name: str) -> None:
    phone.click(f"[data-testid={name}]")


def test_the_whole_story_on_the_phone(shop: Shop, phone: Any) -> None:
    world = shop.simulator.world
    person = world.people.by_id(1)
    assert person is not None
    tap(phone, "open-chat")
    tap(phone, "follow")
    phone.wait_for_selector("[data-testid=say]")
    assert person.is_followed
    phone.fill("[data-testid=say]", "红包")
    phone.keyboard.press("Enter")
    phone.wait_for_selector(".line.person .bubble")
    text = {"touser": person.openid, "msgtype": "text", "text": {"content": '<a href="http://x.test/">看规则</a><b>'}}
    raw = json.dumps(text, ensure_ascii=False).encode()
    shop.web.post("/cgi-bin/message/custom/send", params={"access_token": shop.token}, data=raw)
    phone.wait_for_selector(".line.account .bubble a >> text=看规则")
    assert "<b>" in phone.text_content(".line.account .bubble")  # text stays text
    phone.click(".screen.chat .bar-back")
    phone.emulate_media(reduced_motion="no-preference")
    tap(phone, "tab-discover")
    tap(phone, "go-shake")
    phone.click("[data-testid=beacon-10011]")
    phone.keyboard.press("Space")
    tap(phone, "card")
    page = phone.frame_locator("[data-testid=page]")
    page.locator("#config >> text=ready").wait_for()
    page.locator("#draw").click()
    tap(phone, "open-packet")
    phone.wait_for_function("document.querySelector('[data-testid=amount]')?.textContent === '8.88'")
    phone.emulate_media(reduced_motion="reduce")  # what moves was seen
    assert (person.wallet_fen, world.bank.paid_fen) == (888, 888)
    phone.click(".packet-close")
    page.locator("#draw").click()
    assert "12013" in phone.text_content("[data-testid=refusal]")
    phone.click(".packet-close")
    phone.click(".screen.web .bar-back")
    phone.click(".screen.shake .bar-back")
    tap(phone, "tab-me")
    tap(phone, "go-wallet")
    phone.wait_for_selector(".plus >> text=+8.88")
    assert world.bank.broken_invariants() == []


def test_a_page_that_was_not_shaken_cannot_draw(shop: Shop, phone: Any) -> None:
    url = next(iter(shop.simulator.world.shake.beacons.pages.values())).page_url
    tap(phone, "tab-discover")
    phone.click("text=扫一扫")
    phone.fill(".dialog input", url)
    phone.keyboard.press("Enter")
    phone.frame_locator("[data-testid=page]").locator("#draw").click()
    assert "11002" in phone.text_content("[data-testid=refusal]")


@pytest.mark.proof
def test_a_template_lottery_opens_its_packet_by_itself(shop: Shop, phone: Any) -> None:
    page_id = shop.lottery(use_template="1")["page_id"]
    shop.load(shop.tickets(1, total_amount="666"))
    shop.call("/device/bindpage", {"device_identifier": {"device_id": 10011}, "page_ids": [page_id]})
    tap(phone, "tab-discover")
    tap(phone, "go-shake")
    phone.click("[data-testid=beacon-10011]")
    tap(phone, "shake")
    tap(phone, "card")
    tap(phone, "open-packet")
    phone.wait_for_function("document.querySelector('[data-testid=amount]')?.textContent === '6.66'")


def test_making_a_person_and_changing_phones(shop: Shop, phone: Any) -> None:
    tap(phone, "tab-friends")
    tap(phone, "new-person")
    phone.fill(".maker-name", "红包收割机")
    tap(phone, "make")
    tap(phone, "tab-me")
    phone.wait_for_selector(".me-head >> text=红包收割机")
    assert phone.evaluate("fetch('/phone/who').then(r => r.json()).then(r => r.person.nickname)") == "红包收割机"
    phone.context.add_cookies(
        [{"name": "wxbot_person", "value": "hers", "url": shop.simulator.http_url, "httpOnly": True}]
    )
    phone.context.add_cookies([{"name": "staff", "value": "console", "url": shop.simulator.http_url, "httpOnly": True}])

    def cookies() -> dict[str, str]:
        return {one["name"]: one["value"] for one in phone.context.cookies()}

    tap(phone, "tab-friends")
    phone.click(".rows >> text=小明")
    phone.wait_for_selector("[data-testid=open-chat]")
    assert (cookies().get("wxbot_person"), cookies()["staff"]) == (None, "console")
    tap(phone, "tab-friends")
    phone.click(".rows >> text=红包收割机")
    phone.wait_for_selector("[data-testid=open-chat]")
    assert cookies()["wxbot_person"] == "hers"


def test_the_bank_shows_the_books_and_moves_with_the_clock(shop: Shop, browser_page: Any) -> None:
    shop.tickets(25)
    browser_page.goto(shop.simulator.http_url + "/bank")
    browser_page.wait_for_selector("#books >> text=账目相符")
    assert browser_page.text_content("#frozen") == "¥42.76"
    assert browser_page.locator("#rows tr").count() == 20
    browser_page.click("#older")
    browser_page.wait_for_function("document.querySelectorAll('#rows tr').length === 7")
    browser_page.fill("[name=yuan]", "88.8")
    browser_page.click("#topup button")
    browser_page.wait_for_selector("#balance >> text=¥100,046.04")
    browser_page.click("[data-hours='72']")
    browser_page.wait_for_selector("#returned >> text=¥42.76")
    assert shop.simulator.world.bank.broken_invariants() == []


@pytest.mark.parametrize("path", ["/", "/clock", "/faults", "/log", "/hall"])
def test_the_other_pages_of_the_desk_open_without_a_script_error(shop: Shop, browser_page: Any, path: str) -> None:
    faults: list[str] = []
    browser_page.on("pageerror", lambda error: faults.append(str(error)))
    browser_page.goto(shop.simulator.http_url + path)
    browser_page.wait_for_selector("main")
    browser_page.wait_for_load_state("networkidle")
    assert faults == []


def test_a_fault_set_by_hand_works(shop: Shop, browser_page: Any) -> None:
    browser_page.goto(shop.simulator.http_url + "/faults")
    browser_page.fill("[name=endpoint]", "/mmpaymkttransfers/hbpreorder")
    browser_page.fill("[name=err_code]", "SYSTEMERROR")
    browser_page.click("#put .go")
    browser_page.wait_for_selector("#faults >> text=SYSTEMERROR")
    assert shop.pay.preorder()["err_code"] == "SYSTEMERROR"
    browser_page.click("#clear")
    browser_page.wait_for_selector("#faults >> text=没有故障")
    assert shop.pay.preorder()["result_code"] == "SUCCESS"
