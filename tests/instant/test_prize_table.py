"""The table of prizes in the console: read in marketers' spellings, shown again as typed, told what it means before a save."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests.staff.consoles import Browser
from wxbot.campaigns.models import Campaign
from wxbot.clock import SHANGHAI
from wxbot.instant.draft import read_prize_odds, read_release
from wxbot.instant.faults import faults_of_paid_texts
from wxbot.instant.forecast import draws_until
from wxbot.instant.prize_form import read_amounts
from wxbot.runtime import Runtime
from wxbot.text import Refusal


def wheel(runtime: Runtime, **changes: Any) -> dict[str, Any]:
    """A draft of a wheel as the console's form sends it."""
    day = (runtime.clock.now().astimezone(SHANGHAI) + timedelta(days=1)).replace(hour=9, minute=0)
    values: dict[str, Any] = {
        "mechanic": "instant",
        "name": "大转盘",
        "begin_at": f"{day:%Y-%m-%dT%H:%M}",
        "end_at": f"{day + timedelta(days=2, hours=12):%Y-%m-%dT%H:%M}",
        "budget": "500",
        "expected_people": "1000",
        "tries_per_person": "1",
        "act_name": "转一转",
        "rules": "转一转。",
        "organiser": "示例小店",
        "contact": "400-000-0000",
        "prize_kind": ["money", "money"],
        "prize_name": ["大奖", "小奖"],
        "prize_amount": ["8.88", "0.50－2.00"],
        "prize_odds": ["1/500", "20%"],
        "prize_stock": ["10", "50"],
        "prize_release": ["days", "once"],
        "prize_weights": ["3，2,1", ""],
        "prize_gone": ["consolation", "miss"],
    }
    return values | changes


def stored(runtime: Runtime) -> Campaign:
    with runtime.database.reading() as session:
        return session.scalars(select(Campaign)).one()


def test_a_prize_is_kept_with_its_release_and_what_follows_when_it_is_gone(marketer: Browser, runtime: Runtime) -> None:
    place = marketer.post("/admin/campaigns/new", wheel(runtime)).headers["Location"]
    first, second = stored(runtime).terms["prizes"]
    assert (first["odds_ppm"], first["release"], first["when_gone"]) == (
        2_000,
        {"way": "days", "weights": [3, 2, 1]},
        "consolation",
    )
    assert (second["split"], second["min_fen"], second["max_fen"], second["value_fen"]) == ("range", 50, 200, 200)
    edit = marketer.get(f"{place}/edit").text
    for typed in ("0.50-2.00", "3,2,1", 'value="days" selected', 'value="consolation" selected'):
        assert typed in edit
    page = unescape(marketer.get(place).text)
    assert "按天的份额 3,2,1" in page and "0.50" in page and "改发最后一个还有的奖品" in page


def test_each_prize_is_told_its_odds_its_cost_and_when_it_sells_out_while_typing(
    marketer: Browser, runtime: Runtime
) -> None:
    told = unescape(marketer.post("/admin/campaigns/forecast", wheel(runtime)).text)
    assert "约 500 次中 1 次" in told and "约 5 次中 1 次" in told and "预计花 ¥17.76，最多 ¥88.80" in told
    assert "最多 ¥100.00" in told
    assert "预计发出 2 / 10" in told and "发完" in told
    wrong = unescape(marketer.post("/admin/campaigns/forecast", wheel(runtime, prize_weights=["", ""])).text)
    assert "第 1 个奖品：按天投放填每天的份额" in wrong and "最多花费" not in wrong


def test_limits_make_fewer_draws_and_the_forecast_says_so(marketer: Browser, runtime: Runtime) -> None:
    """A thousand people, three days, one draw in four wins a prize of which there are more than enough."""

    def wins(**limits: str) -> int:
        prize = {"prize_odds": ["25", "0"], "prize_stock": ["9000", "1"], "prize_gone": ["miss", "consolation"]}
        form = wheel(
            runtime,
            **prize,
            prize_release=["once", "once"],
            budget="99999",
            **{"tries_per_day": limits["tries_per_person"], **limits},
        )
        told = unescape(marketer.post("/admin/campaigns/forecast", form).text)
        found = re.search(r"预计抽中</dt><dd>([0-9,]+) 次", told)
        assert found is not None, told
        return int(found[1].replace(",", ""))

    assert wins(tries_per_person="10") == 2_500
    assert wins(tries_per_person="10", tries_per_day="2") == 1_500
    assert wins(tries_per_person="4", wins_per_person="1") == pytest.approx(684, abs=2)  # 1 - 0.75⁴
    three_at_most = wins(tries_per_person="10", wins_per_day="1")
    assert three_at_most == pytest.approx(2_174, abs=2)  # one on each of three days
    assert wins(tries_per_person="10", winners_per_day="100") == 300


@given(st.integers(1, 5), st.integers(1, 8), st.floats(0.01, 1))
def test_draws_until_so_many_wins_are_those_of_every_course_of_luck(wins: int, tries: int, odds: float) -> None:
    mean = 0.0
    for course in product((True, False), repeat=tries):
        chance = math.prod(odds if won else 1 - odds for won in course)
        drawn = next((n for n in range(1, tries + 1) if sum(course[:n]) == wins), tries)
        mean += chance * drawn
    assert draws_until(wins, tries, odds) == pytest.approx(mean)


def test_the_step_of_the_rules_shows_them_as_they_will_be_published(marketer: Browser, runtime: Runtime) -> None:
    place = marketer.post("/admin/campaigns/new", wheel(runtime, is_allow_only="1", gap="5 分钟")).headers["Location"]
    (framed,) = re.findall(r'<iframe[^>]* src="([^"]+)"', unescape(marketer.get(f"{place}/edit?step=rules").text))
    told = unescape(marketer.get(marketer.get(framed).headers["Location"]).text)
    for said in ("0.2%（500 次中 1 次）", "只有主办方名单上的人可以参加", "至少间隔 300 秒", "示例小店 · 400-000-0000"):
        assert said in told, said


def test_a_form_of_before_the_schedules_is_still_read(marketer: Browser, runtime: Runtime) -> None:
    older = {key: value for key, value in wheel(runtime).items() if key not in ("prize_release", "prize_weights")}
    marketer.post("/admin/campaigns/new", older)
    assert [prize["release"]["way"] for prize in stored(runtime).terms["prizes"]] == ["once", "once"]


def test_odds_amounts_and_schedules_in_marketers_spellings() -> None:
    assert [read_prize_odds(each) for each in ("1/500", "１／500", "0.2", "0.2%", "1/3")] == [
        *([2_000] * 4),
        333_333,
    ]
    assert [read_amounts(each) for each in ("1", "0.5-2", "0.5～2", "0.5 至 2")] == [(100, 100), *([(50, 200)] * 3)]
    assert read_release("hours", "1 " * 24)["weights"] == [1] * 24
    for wrong in (("hours", "1,2"), ("days", ""), ("days", "0,0"), ("days", "a"), ("weekly", "")):
        with pytest.raises(Refusal):
            read_release(*wrong)
    for odds in ("2/500", "1/0", "1/2000000", "1/x", "often"):
        with pytest.raises(Refusal):
            read_prize_odds(odds)


def test_texts_that_a_payment_could_not_carry_are_named_before_the_submit(marketer: Browser, runtime: Runtime) -> None:
    typed = wheel(runtime, act_name="🎉 转一转", prize_name=["大奖", "小奖🧧"])
    edit = unescape(marketer.get(marketer.post("/admin/campaigns/new", typed).headers["Location"]).text)
    for wide in ("🎉", "🧧"):
        assert f"不能含“{wide}”：微信支付不收表情符号" in edit


@pytest.mark.parametrize(
    ("kind", "name", "remark", "named"),
    [
        ("money", "封面😀", "", ["prizes"]),
        ("money", "封面😀", "谢谢", []),
        ("code", "封面😀", "", []),
        ("money", "封面", "谢谢😀", ["remark"]),
        ("code", "封面", "谢\n谢", ["remark"]),
    ],
)
def test_what_a_payment_says_is_judged_and_nothing_else(kind: str, name: str, remark: str, named: list[str]) -> None:
    terms = {"channel": "transfer_bills", "prizes": [{"kind": kind, "name": name}]}
    values = {"act_name": "转一转", "remark": remark, "terms": terms}
    assert [slip.field for slip in faults_of_paid_texts(values, datetime.now(UTC))] == named
