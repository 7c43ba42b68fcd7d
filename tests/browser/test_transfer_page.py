"""Taking a transfer in a real browser: our page, WeChat's confirm page over it, and the page that learns the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from tests.conftest import Cast, simulator_settings
from tests.payouts.stories import fund, owe, payout_of
from tests.servers import SimulatedWeChat
from wxbot.app import create_app
from wxbot.private_servers import free_port
from wxbot.runtime import Runtime
from wxbot.worker import run_until_quiet

pytestmark = pytest.mark.browser


@pytest.fixture
def site(simulator: SimulatedWeChat, sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Runtime]:
    """The application on a free port of its own, its merchant with money."""
    port = free_port()
    domains = [f"127.0.0.1:{port}"]
    simulator.control("PUT", "account", {"oauth_domains": domains, "js_domains": domains})
    simulator.control("POST", "bank/topup", {"amount_fen": 1_000_000})
    settings = simulator_settings(simulator, sqlite_url, redis_url, tmp_path, public_url=f"http://127.0.0.1:{port}")
    with closing(Runtime(settings)) as runtime:
        server = make_server("127.0.0.1", port, create_app(runtime), threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield runtime
        server.shutdown()
        thread.join(10)


@pytest.fixture
def phone(browser_page: Any, cast: Cast) -> Any:
    """阿明's phone; a script or style that our policy blocks fails the test."""
    loud: list[str] = []
    browser_page.on(
        "console", lambda message: loud.append(message.text) if "Content Security Policy" in message.text else None
    )
    cookies = {"sim_person": str(cast.ming.id), "wxsim_client": "MicroMessenger/8.0.50"}
    browser_page.context.add_cookies(
        [{"name": name, "value": value, "domain": "127.0.0.1", "path": "/"} for name, value in cookies.items()]
    )
    yield browser_page
    assert loud == []


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
    assert phone.locator("#take").count() == 0
    assert payout_of(site, payout_id).status == "paid"


def test_nothing_spills_over_the_edge(phone: Any, site: Runtime, cast: Cast) -> None:
    programme_id = fund(site, channel="transfer_bills", act_name="一个特别特别特别特别长的活动名称啊", wishing="W" * 60)
    payout_id = owe(site, programme_id, cast.ming.openid, 20_000 - 1)
    run_until_quiet(site)
    for path in ("/h5/me", f"/h5/pay/{payout_of(site, payout_id).public_id}", "/h5/pay/none"):
        phone.goto(f"{site.settings.public_url}{path}")
        for width in (320, 390):
            phone.set_viewport_size({"width": width, "height": 844})
            assert phone.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
