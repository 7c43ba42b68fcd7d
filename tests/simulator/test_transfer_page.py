"""Receiving a transfer in a real browser: in the phone's web view, and on a page that stands on its own (wechat-protocol §4.7)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.simulator.conftest import Web
from tests.simulator.transfer_client import TransferClient, body_of
from wxbot.simulator import wire
from wxbot.simulator.server import Simulator

pytestmark = pytest.mark.browser

TEXT = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>领取奖励</title>
<script src="{home}/open/js/jweixin-1.6.0.js"></script>
<body><button id="receive">收款</button><p id="known"></p><p id="result"></p>
<script nonce="shop">
wx.config({config});
wx.ready(function () {{ wx.checkJsApi({{ jsApiList: ['requestMerchantTransfer', 'nothing'], success: function (res) {{
  document.getElementById('known').textContent = JSON.stringify(res.checkResult); }} }}); }});
document.getElementById('receive').onclick = function () {{
  WeixinJSBridge.invoke('requestMerchantTransfer', {call}, function (res) {{
    document.getElementById('result').textContent = res.err_msg; }});
}};
</script>"""


class RewardPage:
    """The application's page: its button asks WeChat for the transfer of `package`."""

    def __init__(self, simulator: Simulator) -> None:
        self.package = ""
        mine, home = self, simulator.http_url

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_arguments: Any) -> None:
                return

            def do_GET(self) -> None:
                call = {"mchId": "1900000001", "appId": "wx0123456789abcdef", "package": mine.package}
                body = TEXT.format(home=home, call=json.dumps(call), config=json.dumps(mine.config(self.path))).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                policy = f"default-src 'none'; script-src 'nonce-shop' {home}; frame-src {home}"
                self.send_header("Content-Security-Policy", policy)
                self.end_headers()
                self.wfile.write(body)

        self.simulator = simulator
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def config(self, path: str) -> dict[str, Any]:
        """What wx.config needs: without it the bridge lets nothing of money through."""
        with self.simulator.world.lock:
            jsapi_ticket = self.simulator.world.accounts.fetch_ticket("jsapi")[0]
        signature = wire.jsapi_sign(jsapi_ticket, "n1", 1773540000, self.url + path)
        config = {"appId": "wx0123456789abcdef", "timestamp": 1773540000, "nonceStr": "n1", "signature": signature}
        return config | {"jsApiList": ["requestMerchantTransfer"]}


@pytest.fixture
def reward(simulator: Simulator) -> Iterator[RewardPage]:
    page = RewardPage(simulator)
    simulator.world.account.js_domains.append(page.url.removeprefix("http://"))
    yield page
    page.server.shutdown()
    page.server.server_close()


def test_in_the_phone(simulator: Simulator, web: Web, reward: RewardPage, browser_page: Any) -> None:
    """A red packet: closed once, opened then; another person's is refused; the wallet knows what came in."""
    (ming, hong) = web.post("/_sim/people", json={"count": 2}).json()["people"]
    client = TransferClient(simulator)
    reward.package = client.create(body_of(ming["openid"], transfer_amount=888)).json()["package_info"]
    browser_page.goto(f"{simulator.http_url}/phone?person={ming['id']}")
    browser_page.wait_for_selector("[data-testid=tab-me]")

    def open_page() -> Any:
        browser_page.evaluate(f"import('/sim/static/phone/web.js').then((web) => web.openPage('{reward.url}'))")
        return browser_page.frame_locator("[data-testid=page]").last

    page = open_page()
    page.locator('#known >> text={"requestMerchantTransfer":true,"nothing":false}').wait_for()
    page.locator("#receive").click()
    browser_page.click("[data-testid=transfer-close]")
    page.locator("#result >> text=requestMerchantTransfer:cancel").wait_for()
    page.locator("#receive").click()
    browser_page.click("[data-testid=receive-transfer]")
    browser_page.wait_for_selector("[data-testid=transfer-ended][data-state=SUCCESS]")
    assert browser_page.text_content("[data-testid=amount]") == "8.88"
    browser_page.click("[data-testid=transfer-done]")
    page.locator("#result >> text=requestMerchantTransfer:ok").wait_for()
    assert client.query()["state"] == "SUCCESS"
    browser_page.click(".screen.web .bar-back")
    browser_page.click("[data-testid=tab-me]")
    browser_page.click("[data-testid=go-wallet]")
    browser_page.wait_for_selector("text=商家转账 · 来自示例小店")
    browser_page.goto(f"{simulator.http_url}/phone?person={hong['id']}")
    browser_page.wait_for_selector("[data-testid=tab-me]")
    page = open_page()
    page.locator("#receive").click()
    browser_page.wait_for_selector("[data-testid=transfer-refused] >> text=微信账号")
    browser_page.click("[data-testid=transfer-done]")
    page.locator("#result >> text=requestMerchantTransfer:fail").wait_for()


@pytest.mark.proof
def test_on_a_page_of_its_own(simulator: Simulator, web: Web, reward: RewardPage, browser_page: Any) -> None:
    """The confirm page lies over the page and gives its answer back to it."""
    ming = web.post("/_sim/people", json={}).json()["people"][0]
    client = TransferClient(simulator)
    made = client.create(body_of(ming["openid"], user_recv_style={"type": "CONFIRM_PAGE"})).json()
    reward.package = made["package_info"]
    cookies = {"sim_person": str(ming["id"]), "wxsim_client": "MicroMessenger/8.0.50"}
    browser_page.context.add_cookies(
        [{"name": name, "value": value, "url": simulator.http_url} for name, value in cookies.items()]
    )
    browser_page.goto(reward.url)
    browser_page.locator("#known >> text=true").wait_for()
    browser_page.click("#receive")
    native = browser_page.frame_locator("iframe")
    native.locator(".transfer-words >> text=摇一摇一等奖").wait_for()
    native.locator("[data-testid=receive-transfer]").click()
    native.locator("[data-testid=transfer-done]").click()
    browser_page.locator("#result >> text=requestMerchantTransfer:ok").wait_for()
    assert client.query()["state"] == "SUCCESS"
    browser_page.click("#receive")
    native.locator("[data-testid=transfer-refused] >> text=你已收款").wait_for()
