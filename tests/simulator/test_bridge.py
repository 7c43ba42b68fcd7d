"""The JS bridges: what preVerifyJSAPI checks, and what a real browser does with the scripts (wechat-protocol §1.7, §9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.conftest import Web
from tests.simulator.shop_page import ShopPage
from tests.simulator.story import Shop
from wxbot.simulator import wire
from wxbot.simulator.bridge import is_secure_domain
from wxbot.simulator.server import Simulator

URL = "http://shop.example.test/draw?x=1"


def verify(simulator: Simulator, web: Web, url: str = URL, **changes: str) -> str:
    with simulator.world.lock:
        jsapi_ticket = simulator.world.accounts.fetch_ticket("jsapi")[0]
    args = {"verifyAppId": "wx0123456789abcdef", "verifyTimestamp": "1773540000", "verifyNonceStr": "n1"}
    args["verifySignature"] = wire.jsapi_sign(jsapi_ticket, "n1", "1773540000", URL)
    reply = web.post("/_sim/bridge/preVerifyJSAPI", json={"args": args | changes, "url": url}).json()
    return str(reply["err_msg"]).removeprefix("preVerifyJSAPI:")


def test_vector_a3_published_js_sdk_signature() -> None:
    ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
    found = wire.jsapi_sign(ticket, "Wm3WZYTPz0wzccnW", "1414587457", "http://mp.weixin.qq.com?params=value")
    assert found == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"


def test_a_right_signature_is_ok_and_the_fragment_does_not_count(simulator: Simulator, web: Web) -> None:
    assert verify(simulator, web) == "ok"
    assert verify(simulator, web, URL + "#top") == "ok"


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"verifySignature": "0" * 40}, "fail_invalid signature"),
        ({"verifyNonceStr": "n2"}, "fail_invalid signature"),
        ({"verifyTimestamp": "1773540001"}, "fail_invalid signature"),
        ({"verifyAppId": "wx0000000000000000"}, "fail_invalid url domain"),
        ({"verifyTimestamp": ""}, "fail"),
        ({"verifyTimestamp": "now"}, "fail"),
    ],
)
def test_anything_else_is_refused(simulator: Simulator, web: Web, changes: dict[str, str], answer: str) -> None:
    assert verify(simulator, web, **changes) == answer


def test_another_page_or_host_is_refused(simulator: Simulator, web: Web) -> None:
    assert verify(simulator, web, URL + "&y=2") == "fail_invalid signature"
    assert verify(simulator, web, "http://evil.example.test/draw?x=1") == "fail_invalid url domain"


@pytest.mark.parametrize(
    ("host", "is_one"),
    [
        ("shop.test", True),
        ("www.shop.test", True),
        ("otherhop.test", False),
        ("xshop.test", False),
        ("127.0.0.1:8000", True),
        ("127.0.0.1:8001", False),
        ("", False),
    ],
)
def test_secure_domains_cover_their_subdomains_only(host: str, is_one: bool) -> None:
    assert is_secure_domain(host, ["shop.test", "127.0.0.1:8000"]) is is_one


def test_the_script_way_names_only_its_own_callbacks(web: Web) -> None:
    path = "/_sim/bridge/getNetworkType.js?args={}&url=x&back="
    assert web.get(path + "__wxsim_back_1").text.startswith("__wxsim_back_1({")
    assert web.get(path + "alert").status_code == 400


# -- in a browser -------------------------------------------------------------------------------------------------------


@pytest.fixture
def page_of_shop(simulator: Simulator) -> Iterator[ShopPage]:
    page = ShopPage(simulator)
    simulator.world.account.js_domains.append(page.url.removeprefix("http://"))
    yield page
    page.close()


@pytest.fixture
def shop(simulator: Simulator, web: Web, token: str, page_of_shop: ShopPage) -> Shop:
    """A lottery with three tickets whose beacon leads to the shop's page."""
    shop = Shop(simulator, web, token)
    shop.hang_beacon(page_of_shop.url + "/draw")
    shop.lottery()
    shop.load(shop.tickets(3, total_amount="888"))
    page_of_shop.lottery_id = shop.lottery_id
    return shop


def held_by(shop: Shop, browser_page: Any, person: dict[str, Any]) -> None:
    """This browser is the person's phone and calls itself WeChat."""
    browser_page.goto(shop.simulator.http_url + "/clock")
    browser_page.context.add_cookies(
        [
            {"name": "sim_person", "value": str(person["id"]), "url": shop.simulator.http_url},
            {"name": "wxsim_client", "value": "MicroMessenger/8.0.50", "url": shop.simulator.http_url},
        ]
    )


@pytest.mark.browser
def test_a_page_on_its_own_draws_through_the_native_screen(shop: Shop, browser_page: Any) -> None:
    person = shop.person()
    held_by(shop, browser_page, person)
    card = shop.shake(person, 10011)
    browser_page.goto(card["url"])
    browser_page.locator("#config >> text=ready").wait_for()
    browser_page.click("#draw")
    browser_page.click("[data-testid=open-packet]")
    browser_page.locator("[data-testid=amount] >> text=8.88").wait_for()
    assert shop.control(f"/people/{person['id']}/wallet")["wallet_fen"] == 888
    browser_page.click(".packet-close")
    browser_page.wait_for_url(card["url"])
    assert browser_page.text_content("#called") == "no"  # §1.7: no callback


@pytest.mark.browser
def test_a_forwarded_page_cannot_draw(shop: Shop, browser_page: Any) -> None:
    anna, bert = shop.person(), shop.person()
    card = shop.shake(anna, 10011)
    held_by(shop, browser_page, bert)
    browser_page.goto(card["url"])
    browser_page.click("#draw")
    assert "11003" in browser_page.text_content("[data-testid=refusal]")
    assert not shop.simulator.world.bank.packets_of(bert["openid"])


@pytest.mark.browser
def test_a_wrong_config_says_so_and_ready_runs_all_the_same(
    shop: Shop, page_of_shop: ShopPage, browser_page: Any
) -> None:
    page_of_shop.wrong_config = True
    held_by(shop, browser_page, shop.person())
    browser_page.goto(page_of_shop.url + "/draw")
    browser_page.locator("#config >> text=config:invalid signature").wait_for()


ASKED = """async (names) => {
  const asked = {};
  for (const name of names) {
    asked[name] = await new Promise((done) => WeixinJSBridge.invoke(name, { jsApiList: [name] }, (res) => done(res.err_msg)));
  }
  return asked;
}"""
VERIFYING = "fail_the permission value is offline verifying"


@pytest.mark.browser
def test_the_bridge_itself_knows_what_a_page_may_call(shop: Shop, page_of_shop: ShopPage, browser_page: Any) -> None:
    """Whatever script the page has: the names that a rightly signed config listed, by their old names too (§9.3)."""
    page_of_shop.listed = ["hideMenuItems", "previewImage", "onMenuShareTimeline"]
    held_by(shop, browser_page, shop.person())
    browser_page.goto(page_of_shop.url + "/draw")
    browser_page.locator("#config >> text=ready").wait_for()
    listed = ["hideMenuItems", "imagePreview", "shareTimeline", "checkJsApi", "closeWindow"]
    denied = ["requestMerchantTransfer", "getNetworkType", "sendAppMessage", "scanQRCode"]
    assert browser_page.evaluate(ASKED, [*listed[:-1], *denied]) == {
        **{name: f"{name}:ok" for name in listed[:-1]},
        **{name: f"{name}:access_denied" for name in denied},
    }
    refusal = "() => new Promise((done) => wx.scanQRCode({ fail: (res) => done(res.errMsg) }))"
    assert browser_page.evaluate(refusal) == "scanQRCode:permission denied"
    page_of_shop.wrong_config = True
    browser_page.reload()
    browser_page.locator("#config >> text=config:invalid signature").wait_for()
    names = ["hideMenuItems", "requestMerchantTransfer"]
    assert browser_page.evaluate(ASKED, names) == {name: f"{name}:{VERIFYING}" for name in names}


@pytest.mark.parametrize(
    ("file", "status"),
    [
        ("jweixin-1.0.0.js", 200),
        ("jweixin-1.6.0.js", 200),
        ("jweixin-1.19.2.js", 200),
        ("jweixin-2.0.0.js", 404),
        ("x.js", 404),
    ],
)
def test_any_jweixin_of_the_first_major_version_is_served(web: Web, file: str, status: int) -> None:
    assert web.get(f"/open/js/{file}").status_code == status


@pytest.mark.browser
def test_outside_wechat_nothing_is_ever_ready(shop: Shop, page_of_shop: ShopPage, browser_page: Any) -> None:
    browser_page.goto(page_of_shop.url + "/draw")
    browser_page.click("#draw")
    browser_page.evaluate("new Promise((done) => setTimeout(done, 100))")  # where there is a bridge it is there by now
    assert browser_page.evaluate("typeof window.WeixinJSBridge") == "undefined"
    assert browser_page.text_content("#config") == ""
    assert browser_page.url.endswith("/draw")
