"""The draw page in a real browser, under the policy that our own headers set, with the simulator's bridge scripts."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.crowd import turn_away_once
from tests.browser.slow import open_slowly
from tests.conftest import Cast
from tests.draws.stage import LOTTERY_ID, Stage, set_stage
from wxbot.runtime import Runtime
from wxbot.shake import bind

pytestmark = pytest.mark.browser

OWN_KB = 100
"""What the page may load from us, uncompressed."""


@pytest.fixture
def stage(site: Runtime) -> Stage:
    """A campaign of shaking that is on."""
    return set_stage(site, packets=20)


def address(stage: Stage, more: str = "") -> str:
    return f"{stage.runtime.settings.public_url}{stage.path}{more}"


def test_someone_shakes_draws_and_sees_that_a_packet_was_bound(phone: Any, stage: Stage, cast: Cast) -> None:
    loud: list[str] = []
    phone.on("console", lambda message: loud.append(message.text) if message.type == "error" else None)
    jumps: list[dict[str, Any]] = []

    def native(route: Any) -> None:
        jumps.append(json.loads(parse_qs(urlsplit(route.request.url).query)["args"][0]))
        route.fulfill(status=204)  # WeChat's own screen lies over the page; the page stays where it is

    phone.route("**/native/hongbao**", native)
    open_slowly(phone, address(stage, f"?ticket={stage.shake(cast.ming.openid)}"))
    assert phone.locator("h1").inner_text() == "新春"
    assert phone.locator("#chip").inner_text() == "正在进行"
    phone.locator("#draw").click()
    phone.locator("#hint", has_text="以微信页面为准").wait_for()
    (jump,) = jumps
    assert set(jump) == {"lottery_id", "noncestr", "openid", "sign"}
    assert (jump["lottery_id"], jump["openid"]) == (LOTTERY_ID, cast.ming.openid)
    assert "拆开" not in phone.locator("main").inner_text()
    bind.record(stage.runtime, stage.bind_event(cast.ming.openid), stage.runtime.clock.now())
    phone.locator("#dialog-title").wait_for()
    assert "红包在你的微信里" in phone.locator("#dialog-text").inner_text()
    assert phone.locator("#taken").inner_text() == "1"
    phone.locator("#dialog-ok").click()
    assert phone.locator("#draw").is_disabled()
    assert loud == []


def test_a_refusal_is_a_kind_dialog_also_after_a_wait_in_line(phone: Any, stage: Stage) -> None:
    asked = turn_away_once(phone, stage.runtime)
    phone.goto(address(stage))
    phone.locator("#draw").click()
    phone.locator("#hint", has_text="正在排队").wait_for()
    phone.locator("#dialog-title").wait_for()
    assert phone.locator("#dialog-title").inner_text() == "要先摇一摇哦"
    assert len(asked) == 2 and asked[1]["place"]
    phone.keyboard.press("Escape")
    assert phone.locator("#dialog-title").is_hidden()


@pytest.mark.proof
def test_a_pause_is_seen_without_reloading(phone: Any, stage: Stage, cast: Cast) -> None:
    phone.goto(address(stage, f"?ticket={stage.shake(cast.ming.openid)}"))
    stage.change(status="off")
    phone.locator("#chip", has_text="暂停中").wait_for()
    assert phone.locator("#draw").is_disabled()
    assert "主办方正在处理" in phone.locator("#hint").inner_text()
    stage.change(status="on")
    phone.locator("#chip", has_text="正在进行").wait_for()
    assert phone.locator("#draw").is_enabled()


def test_outside_wechat_the_page_says_what_to_do(browser_page: Any, stage: Stage) -> None:
    browser_page.goto(address(stage))
    assert "请在微信里打开" in browser_page.locator("main").inner_text()
    assert browser_page.locator("figure svg").bounding_box()["width"] > 150


@pytest.mark.proof
def test_nothing_spills_over_the_edge_and_little_is_loaded(phone: Any, stage: Stage, cast: Cast) -> None:
    sizes: dict[str, int] = {}

    def note(response: Any) -> None:
        if response.url.startswith(stage.runtime.settings.public_url) and response.status == 200:
            sizes[response.url] = len(response.body())

    phone.on("response", note)
    stage.change(name="一个名字特别特别特别特别特别特别长的活动" * 2, organiser="Averyverylongnamewithoutanyspaces" * 1)
    for width in (320, 390, 430, 1280):
        sizes.clear()
        phone.set_viewport_size({"width": width, "height": 844})
        for more in (f"?ticket={stage.shake(cast.ming.openid)}", "/rules", "/after"):
            phone.goto(address(stage, more))
            phone.wait_for_load_state("networkidle")
            assert phone.evaluate("document.documentElement.scrollWidth") <= width
        assert 0 < sum(sizes.values()) < OWN_KB * 1024, width
