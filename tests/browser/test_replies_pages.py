"""Rules and menu in a real browser: fields that follow the kind, editing in place, the menu drawn while it is typed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import simulator_settings
from tests.servers import LoopbackServer, SimulatedWeChat
from tests.staff.consoles import PASSWORD
from tests.waiting import until_settled
from wxbot.app import create_app
from wxbot.replies import rules
from wxbot.runtime import Runtime
from wxbot.staff import accounts

pytestmark = pytest.mark.browser


@pytest.fixture
def served(
    simulator: SimulatedWeChat, sqlite_url: str, redis_url: str, tmp_path: Path
) -> Iterator[tuple[str, Runtime]]:
    """A console behind a port, whose WeChat is the simulator."""
    with LoopbackServer() as server:
        settings = simulator_settings(simulator, sqlite_url, redis_url, tmp_path, public_url=server.url)
        runtime = Runtime(settings)
        accounts.hire(runtime.database, "li.test", "李运营", "marketer", PASSWORD, runtime.clock.now())
        app = create_app(runtime)
        server.serve(app.wsgi_app)
        yield f"{server.url}/admin", runtime
        app.extensions["wxbot.callback"].close()
        runtime.close()


@pytest.fixture
def page(page: Any, served: tuple[str, Runtime]) -> Any:
    """Signed in, on a desk's screen."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{served[0]}/sign-in")
    page.fill("#login", "li.test")
    page.fill("#password", PASSWORD)
    page.click(".door-card .btn-primary")
    page.wait_for_url(lambda url: "sign-in" not in url)
    return page


def test_rules_are_written_edited_in_place_and_tried(served: tuple[str, Runtime], page: Any) -> None:
    base, runtime = served
    page.goto(f"{base}/replies")
    assert not page.is_visible("#url-new")
    page.select_option("#kind-new", "link")
    page.fill("#pattern", "地址")
    page.fill("#title-new", "怎么来")
    page.fill("#url-new", "https://map.example.com/")
    page.click(".side-card .btn-primary")
    page.wait_for_selector("#rule-1")
    page.click("#rule-1 >> text=修改")
    page.wait_for_selector("#rule-1 form [data-kind-choice]")
    assert not page.is_visible("#dialogue-1")
    page.select_option("#kind-1", "dialogue")
    assert not page.is_visible("#url-1")
    page.fill("#pattern-1", "我的红包")
    page.select_option("#dialogue-1", "bind")
    page.click("#rule-1 .btn-primary")
    page.wait_for_selector("#rule-1 .conflict-dialogue")
    page.fill("[name=try]", "我的红包")
    page.keyboard.press("Enter")
    page.wait_for_selector("#bench .wins")
    assert "绑定手机" in page.inner_text("#bench")
    page.click("#subscribe summary")
    page.fill("#text-subscribe", "您好")
    page.click("#subscribe .btn-primary")
    page.wait_for_selector(".notice-success")
    with runtime.database.reading() as session:
        assert [(rule.trigger, rule.dialogue or rule.text) for rule in rules.list_rules(session)] == [
            ("equal", "bind"),
            ("subscribe", "您好"),
        ]
    for path in ("replies", "menu", "dialogues"):
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(f"{base}/{path}")
        until_settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


@pytest.mark.proof
def test_a_menu_is_drawn_while_it_is_typed_and_published(served: tuple[str, Runtime], page: Any) -> None:
    base, runtime = served
    page.goto(f"{base}/menu")
    page.fill("[name=name-0]", "我的红包")
    page.select_option("[name=type-0]", "click")
    page.fill("[name=value-0]", "我的红包")
    page.click("text=子菜单 >> nth=1")
    page.fill("[name=name-1]", "更多")
    page.fill("[name=name-1-0]", "<b>规则</b>")
    page.fill("[name=value-1-0]", "https://www.example.com/")
    assert page.inner_text("#menu-phone .phone-bar").split() == ["我的红包", "<b>规则</b>", "≡", "更多"]
    page.click("text=保存并对比")
    page.wait_for_selector(".tag-diff-added")
    page.click(".row-buttons .btn-primary")
    page.wait_for_selector(".notice-success")
    assert [button["name"] for button in runtime.official_account.menu_get()] == ["我的红包", "更多"]
