"""Someone binds a phone in a real browser, under the policy that our own headers set, with the SMS on the simulated phone."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conftest import Cast
from tests.people.conftest import LISTED, enlist
from tests.servers import SimulatedWeChat
from wxbot.people import bindings, outbox
from wxbot.runtime import Runtime

pytestmark = pytest.mark.browser


def test_a_phone_is_bound_in_a_browser(phone: Any, site: Runtime, simulator: SimulatedWeChat, cast: Cast) -> None:
    loud: list[str] = []
    phone.on("console", lambda message: loud.append(message.text) if message.type == "error" else None)
    enlist(site, LISTED, "陈一")
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
