"""Limits, channel and conditions of a draft of instant draws: typed in words, stored, shown again, shown to who approves."""

from __future__ import annotations

from html import unescape

import pytest

from tests.instant.test_prize_table import stored, wheel
from tests.staff.consoles import Browser
from wxbot.instant.conditions import gap_text, read_gap, read_limit, read_password
from wxbot.runtime import Runtime
from wxbot.text import Refusal

TYPED = {
    "wins_per_person": "2",
    "wins_per_day": "1",
    "winners_per_day": "",
    "gap": "5 分钟",
    "channel": "sendredpack",
    "needs_binding": "1",
    "carry": "1",
    "password": " 晨光  你好 ",
}


def test_limits_and_conditions_are_kept_and_shown_to_who_approves(marketer: Browser, runtime: Runtime) -> None:
    fitting = {"prize_amount": ["8.88", "1-2"], "prize_total": ["", "75"]}
    place = marketer.post("/admin/campaigns/new", wheel(runtime, **TYPED, **fitting)).headers["Location"]
    campaign = stored(runtime)
    assert campaign.half_written is None, marketer.get(place + "/edit").text
    terms = campaign.terms
    assert (terms["wins_per_person"], terms["wins_per_day"], terms["winners_per_day"]) == (2, 1, None)
    assert (terms["gap_s"], terms["channel"], terms["password"]) == (300, "sendredpack", "晨光 你好")
    assert (terms["needs_binding"], terms["is_allow_only"], terms["carry"]) == (True, False, True)
    exact = terms["prizes"][1]
    assert (exact["split"], exact["min_fen"], exact["max_fen"], exact["total_fen"]) == ("exact", 100, 200, 7_500)
    edit = unescape(marketer.get(f"{place}/edit").text)
    for said in ('value="5 分钟"', 'value="sendredpack" selected', 'value="75.00"', 'value="晨光 你好"', "1.00-2.00"):
        assert said in edit
    assert 'name="winners_per_day" type="text" value=""' in edit and 'placeholder="不限"' in edit
    page = unescape(marketer.get(place).text)
    for said in ("最多 2 次", "不限", "5 分钟", "现金红包", "晨光 你好", "正好分完"):
        assert said in page


def test_what_a_channel_or_a_limit_cannot_do_is_said_beside_its_field(marketer: Browser, runtime: Runtime) -> None:
    wrong = {"wins_per_person": "0", "gap": "soon", "channel": "cash"}
    place = marketer.post("/admin/campaigns/new", wheel(runtime, **wrong)).headers["Location"]
    edit = unescape(marketer.get(place).text)
    for said in ("不限制就留空", "30 秒、5 分钟或 1 小时", "请选择怎么付款"):
        assert said in edit
    small = wheel(runtime, channel="sendredpack", wins_per_person="1", wins_per_day="2", prize_total=["", "5000"])
    edit = unescape(marketer.get(marketer.post("/admin/campaigns/new", small).headers["Location"]).text)
    for said in ("现金红包每笔为 1.00", "每天不能多于一共的次数", "总额分不成这么多份"):
        assert said in edit


def test_a_word_to_type_is_read_by_the_linter_when_it_is_saved(marketer: Browser, runtime: Runtime) -> None:
    for word in ("关注公众号领红包", "关 注 后 抽 奖", "分享到朋友圈抽奖"):
        edit = marketer.post("/admin/campaigns/new", wheel(runtime, password=word)).headers["Location"]
        assert edit.endswith("/edit"), word
        page = marketer.get(f"{edit}?step=when").text
        assert 'id="fault-password"' in page and f'value="{word}"' in page, word
    assert marketer.post("/admin/campaigns/new", wheel(runtime, password="晨光你好")).headers["Location"].endswith("4")


def test_only_listed_people_and_nobody_on_the_list_is_said_while_typing(marketer: Browser, runtime: Runtime) -> None:
    told = unescape(marketer.post("/admin/campaigns/forecast", wheel(runtime, is_allow_only="1")).text)
    assert "名单还是空的" in told
    assert "名单还是空的" not in unescape(marketer.post("/admin/campaigns/forecast", wheel(runtime)).text)


def test_limits_and_gaps_in_marketers_spellings() -> None:
    assert [read_limit(each) for each in ("", "不限", "３", "1,000")] == [None, None, 3, 1000]
    assert [read_gap(each) for each in ("", "30", "30秒", "5 分钟", "1小时", "２ min")] == [
        None,
        30,
        30,
        300,
        3600,
        120,
    ]
    assert [read_gap(gap_text(gap_s)) for gap_s in (1, 59, 60, 90, 3600, 7200)] == [1, 59, 60, 90, 3600, 7200]
    assert read_password("  ") is None
    for read, wrong in ((read_limit, "0"), (read_limit, "-1"), (read_gap, "25 小时"), (read_gap, "0"), (read_gap, "x")):
        with pytest.raises(Refusal):
            read(wrong)
    with pytest.raises(Refusal):
        read_password("长" * 33)
