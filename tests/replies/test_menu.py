"""The menu: what WeChat refuses is seen before, the same menu is the same, and publishing ends in what was compared."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import settings as few
from hypothesis import strategies as st

from tests.conftest import simulator_settings
from tests.servers import SimulatedWeChat
from tests.staff.consoles import PASSWORD, Browser
from wxbot.app import create_app
from wxbot.replies import menu
from wxbot.runtime import Runtime
from wxbot.simulator.menus import KEYED, TYPES
from wxbot.staff import accounts

OURS = "https://shop.example.com"
FINE: list[dict[str, Any]] = [
    {"type": "click", "name": "我的红包", "key": "我的红包"},
    {"name": "更多", "sub_button": [{"type": "view", "name": "规则", "url": f"{OURS}/rules"}]},
]


def fault(button: dict[str, Any]) -> str:
    found = menu.faults_of([button], OURS)
    return found[0].text.zh if found else ""


@pytest.mark.parametrize(
    ("button", "said"),
    [
        ({"type": "click", "name": "红包红包红", "key": "k"}, ""),
        ({"type": "click", "name": "红包红包红包", "key": "k"}, "太长"),
        ({"type": "click", "name": "", "key": "k"}, "名称"),
        ({"type": "click", "name": "a", "key": ""}, "相当于"),
        ({"type": "click", "name": "a", "key": "红" * 43}, "太长"),
        ({"type": "view", "name": "a", "url": "https://elsewhere.example.com/x"}, ""),
        ({"type": "view", "name": "a", "url": "http://elsewhere.example.com/x"}, "https"),
        ({"type": "view", "name": "a", "url": f"{OURS}/x"}, ""),
        ({"type": "view", "name": "a", "url": "http://shop.example.com/x"}, ""),
        ({"type": "view", "name": "a", "url": "http://shop.example.com@evil.example.com/"}, "完整网址"),
        ({"type": "view", "name": "a", "url": "javascript:alert(1)"}, "完整网址"),
        ({"type": "view", "name": "a", "url": "https://[x"}, "完整网址"),
        ({"type": "view", "name": "a", "url": "https://x.example.com/" + "y" * 1024}, "1024"),
        ({"type": "miniprogram", "name": "a", "url": OURS, "appid": "wx1", "pagepath": ""}, "小程序"),
        ({"type": "jump", "name": "a"}, "做什么"),
        ({"type": "click", "name": "粉享得", "key": "k"}, "诱导分享"),
    ],
)
def test_what_wechat_refuses_is_said_before(button: dict[str, Any], said: str) -> None:
    assert said in fault(button)
    assert bool(said) == bool(fault(button))


def test_four_external_sites_are_one_too_many() -> None:
    made = [{"type": "view", "name": "a", "url": f"https://s{n}.example.com/"} for n in range(4)]
    button = {"name": "b", "sub_button": made}
    assert "三个" in fault(button)
    assert fault({"name": "b", "sub_button": [*made[:3], {"type": "view", "name": "a", "url": OURS}]}) == ""


def test_the_editor_knows_the_types_that_wechat_knows() -> None:
    assert set(menu.KEYED) == set(KEYED)
    assert set(menu.TYPES) <= set(TYPES)


names = st.text("红包菜单ab ", max_size=4)
entries = st.fixed_dictionaries({"type": st.just("click"), "name": names, "key": names})
menus = st.lists(
    st.one_of(
        entries,
        st.builds(lambda name, under: {"name": name, "sub_button": under}, names, st.lists(entries, max_size=3)),
    ),
    max_size=3,
)


@few(max_examples=40)
@given(menus, menus)
def test_a_comparison_is_empty_exactly_for_the_same_menu(first: list[Any], second: list[Any]) -> None:
    assert menu.tidy(menu.tidy(first)) == menu.tidy(first)
    assert {change.kind for change in menu.diff(first, first)} <= {"same"}
    differs = any(change.kind != "same" for change in menu.diff(first, second))
    assert differs == (menu.tidy(first) != menu.tidy(second))


# --- through the console, to the simulated WeChat -----------------------------------------------------------------


@pytest.fixture
def app(simulator: SimulatedWeChat, sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    settings = simulator_settings(simulator, sqlite_url, redis_url, tmp_path, public_url="http://localhost")
    runtime = Runtime(settings)
    accounts.hire(runtime.database, "li.test", "李运营", "marketer", PASSWORD, runtime.clock.now())
    made = create_app(runtime)
    yield made
    made.extensions["wxbot.callback"].close()
    runtime.close()


def form(version: int, **changes: str) -> dict[str, str]:
    values = {
        "version": str(version),
        "name-0": "我的红包",
        "type-0": "click",
        "value-0": "我的红包",
        "name-1": "更多",
        "name-1-0": "官网",
        "type-1-0": "view",
        "value-1-0": "https://www.example.com/",
    }
    return values | changes


def seen_in(page: str) -> str:
    return page.split('name="seen" value="')[1].split('"')[0]


def test_a_menu_is_drafted_compared_published_and_taken_over(app: Flask) -> None:
    browser, account = Browser(app, "li"), app.extensions["wxbot"].official_account
    refused = browser.post("/admin/menu", form(0, **{"value-1-0": "http://www.example.com/"}))
    assert (refused.status_code, "https://" in refused.text, account.menu_get()) == (422, True, [])
    assert browser.post("/admin/menu", form(0)).status_code == 303
    page = browser.get("/admin/menu").text
    assert "开始对话" in page
    compared = browser.get("/admin/menu/review").text
    assert "tag-diff-added" in compared
    good = {"version": "1", "seen": seen_in(compared)}
    assert browser.post("/admin/menu/publish", good).headers["Location"].endswith("/admin/menu")
    assert [button["name"] for button in account.menu_get()] == ["我的红包", "更多"]
    assert "不用发布" in browser.get("/admin/menu/review").text
    account.menu_create([{"type": "click", "name": "别人改的", "key": "x"}])
    assert "tag-diff-changed" in browser.get("/admin/menu/review").text
    assert browser.post("/admin/menu/fetch", {"version": "1"}).status_code == 303
    assert "别人改的" in browser.get("/admin/menu").text


def test_what_may_surprise_is_said_beside_its_entry_and_before_it_is_published(app: Flask) -> None:
    browser = Browser(app, "li")
    assert browser.post("/admin/menu", form(0, **{"name-1-0": "百分百中"})).status_code == 303
    for page in ("/admin/menu", "/admin/menu/review"):
        assert "“百分百中”要与实际设置相符" in unescape(browser.get(page).text), page
    browser.post("/admin/menu", form(1))
    assert "要与实际设置相符" not in browser.get("/admin/menu").text + browser.get("/admin/menu/review").text


def test_nothing_is_published_that_was_not_compared(app: Flask) -> None:
    browser, account = Browser(app, "li"), app.extensions["wxbot"].official_account
    browser.post("/admin/menu", form(0))
    seen = seen_in(browser.get("/admin/menu/review").text)
    assert browser.post("/admin/menu", form(1, **{"name-0": "红包"})).status_code == 303
    browser.post("/admin/menu/publish", {"version": "1", "seen": seen})
    account.menu_create([{"type": "click", "name": "别人", "key": "x"}])
    browser.post("/admin/menu/publish", {"version": "2", "seen": seen})
    assert [button["name"] for button in account.menu_get()] == ["别人"]
    assert browser.post("/admin/menu", form(1)).status_code == 409


def test_a_wechat_that_does_not_answer_changes_nothing_and_says_so(app: Flask, simulator: SimulatedWeChat) -> None:
    browser = Browser(app, "li")
    browser.post("/admin/menu", form(0))
    seen = seen_in(browser.get("/admin/menu/review").text)
    good = {"version": "1", "seen": seen}
    simulator.control("PUT", "faults/cgi-bin/menu/create", {"kind": "refuse", "err_code": "40018", "times": 1})
    assert browser.post("/admin/menu/publish", good).headers["Location"].endswith("/review")
    assert "40018" in browser.get("/admin/menu/review").text
    assert app.extensions["wxbot"].official_account.menu_get() == []
    simulator.control("PUT", "faults/cgi-bin/menu/create", {"kind": "drop_reply", "times": 1})
    assert browser.post("/admin/menu/publish", good).headers["Location"].endswith("/admin/menu")
    assert "已发布" in browser.get("/admin/menu").text
