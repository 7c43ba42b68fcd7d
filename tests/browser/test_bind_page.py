"""Someone binds a phone in a real browser, under the policy that our own headers set, with the SMS on the simulated phone."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from tests.conftest import Cast, simulator_settings
from tests.people.conftest import LISTED, enlist
from tests.servers import SimulatedWeChat
from wxbot.app import create_app
from wxbot.people import bindings, outbox
from wxbot.private_servers import free_port
from wxbot.runtime import Runtime

pytestmark = pytest.mark.browser


@pytest.fixture
def site(simulator: SimulatedWeChat, sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Runtime]:
    """The application on a free port; one phone is on the roster."""
    port = free_port()
    domains = [f"127.0.0.1:{port}"]
    simulator.control("PUT", "account", {"oauth_domains": domains, "js_domains": domains})
    settings = simulator_settings(simulator, sqlite_url, redis_url, tmp_path, public_url=f"http://127.0.0.1:{port}")
    with closing(Runtime(settings)) as runtime:
        enlist(runtime, LISTED, "陈一")
        server = make_server("127.0.0.1", port, create_app(runtime), threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield runtime
        server.shutdown()
        thread.join(10)


def test_a_phone_is_bound_in_a_browser(
    browser_page: Any, site: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    loud: list[str] = []
    phone = browser_page
    phone.on("console", lambda message: loud.append(message.text) if message.type == "error" else None)
    phone.context.add_cookies(
        [
            {"name": "sim_person", "value": str(cast.ming.id), "domain": "127.0.0.1", "path": "/"},
            {"name": "wxsim_client", "value": "MicroMessenger/8.0.50", "domain": "127.0.0.1", "path": "/"},
        ]
    )
    phone.goto(f"{site.settings.public_url}/h5/bind")
    phone.fill("#phone", "１３８ 0013-8000")
    phone.locator("#send").click()
    phone.locator("#told", has_text="138****8000").wait_for()
    assert phone.locator("#send").is_disabled()
    assert re.search(r"\d+ 秒后重发", phone.locator("#send").inner_text())
    outbox.send_due(site)
    phone.fill("#phone", "13900139000")
    assert phone.locator("#send").is_enabled(), "a number that was wrong is corrected at once"
    phone.fill("#code", "123456")
    phone.locator("#submit").click()
    phone.locator("#told", has_text="手机号改过了").wait_for()
    phone.fill("#phone", "１３８ 0013-8000")
    text = simulator.control("GET", "sms?phone=%2B8613800138000")["messages"][-1]["text"]
    phone.fill("#code", "12")
    phone.locator("#submit").click()
    phone.locator("#told", has_text="6 位数字").wait_for()
    assert phone.locator("#phone").input_value() == "１３８ 0013-8000"
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.fill("#code", re.search(r"\d{6}", text)[0])  # type: ignore[index]
    phone.locator("#code").press("Enter")
    phone.locator(".bind-phone", has_text="138****8000").wait_for()
    phone.locator(".bind-state", has_text="绑定于").wait_for()
    phone.locator(".bind-told").wait_for(state="detached")  # the page has loaded itself anew, through WeChat
    with site.database.reading() as session:
        bound = bindings.active(session, cast.ming.openid)
    assert bound is not None and bound.via == "h5"
    assert [line for line in loud if "422" not in line and "409" not in line] == []
