"""What is pinned to the start page of every phone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.conftest import Web

PINS = [
    {"title": "大转盘", "note": "链接", "url": "https://shop.example.test/h5/c/wheel"},
    {"title": "刮刮卡", "say": "刮刮卡"},
    {"title": "摇一摇", "shake": True},
]


def test_pins_stay_in_their_order_and_with_the_world(web: Web) -> None:
    assert web.get("/_sim/pinned").json() == {"pinned": []}
    assert web.put("/_sim/pinned", json={"pinned": PINS}).json() == {"pinned": PINS}
    web.put("/_sim/world", json=web.get("/_sim/world").json())
    assert web.get("/_sim/pinned").json() == {"pinned": PINS}


@pytest.mark.parametrize(
    "row",
    [
        "大转盘",
        {"title": "", "say": "x"},
        {"title": "无处可去"},
        {"title": "两处", "say": "x", "shake": True},
        {"title": "脚本", "url": "javascript:alert(1)"},
        {"title": "假", "shake": False},
        {"title": "多", "say": "x", "colour": "red"},
    ],
)
def test_a_pin_that_leads_nowhere_is_refused_and_the_others_stay(web: Web, row: Any) -> None:
    web.put("/_sim/pinned", json={"pinned": PINS})
    assert web.put("/_sim/pinned", json={"pinned": [row]}).status_code == 400
    assert web.get("/_sim/pinned").json() == {"pinned": PINS}
