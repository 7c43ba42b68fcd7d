"""Seeds of the chain that rains of the evening itself still need are kept for them, and the desk says how many are left."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from tests.hall.hosting import leap
from tests.hall.night import TWO, Night, prize
from tests.hall.office import MORE, Office, words
from tests.hall.screens import pair, post
from tests.hall.test_added_games import RACE, RAIN, begin, sound
from wxbot.hall import seeds
from wxbot.hall import select as selecting
from wxbot.text import Refusal

KEPT = "种子只剩 1 个，要留给还没有开始的、现场加的红包雨，不能再锁定抽取：请开始红包雨；没有抽的奖请改办一场新的活动"
DROPS = {"kind": "rain", "name": "雨", "seconds": 20, "packets": 2, "total_fen": 200, "cap": 1}
DROPS |= {"min_fen": 100, "max_fen": 100}


def test_the_last_seed_is_kept_for_a_rain_that_waits(office: Office, client: FlaskClient) -> None:
    host, desk = office.host, f"/admin/halls/{office.host.id}"
    leap(host, to_d=999)
    office.ask(**RAIN)
    office.agree()
    seen = words(office.li.get(desk).text)
    assert "还可以抽取 1 次。 另有 1 个种子留给现场加的、还没有开始的红包雨。" in seen
    host.freeze()
    host.show(k=1)
    host.confirm(999)

    seen = office.li.get(desk).text
    assert KEPT in seen and f"{desk}/arm" not in seen and f"{desk}/game" in seen
    office.li.post(f"{desk}/arm", {"prize": "1", "k": "1"})
    assert words(office.li.get(desk).text).count(KEPT) == 2, "what the button says, too"
    pair(host, client)
    refused = post(client, "start")
    assert (refused.status_code, refused.json["error"]) == (409, KEPT)

    game = begin(host, 2)
    assert host.stage.log()[-1].body["d"] == 1000
    host.stage.over(game)
    seen = office.li.get(desk).text
    assert "种子已经用完：一场活动的大屏抽取和现场加的红包雨一共 1000 次。" in seen and f"{desk}/arm" not in seen
    with pytest.raises(Refusal, match="种子已经用完"):
        host.do(selecting.arm, host.id, 1, 1)
    sound(host)


def test_a_prize_on_the_spot_needs_a_seed_for_each_of_its_selections(office: Office) -> None:
    host = office.host
    leap(host, to_d=998)
    assert "现在还能用 3 个" in office.page(office.li)
    four = MORE | {"prize_stock": "4", "prize_each": "1"}
    assert "只剩 3 次抽取，这个奖品要抽 4 次：请把“一次抽几人”写多，或改加竞速" in office.ask(**four)
    office.ask(**RAIN)
    office.agree()
    assert "只剩 2 次抽取，这个奖品要抽 3 次" in office.ask(**MORE | {"prize_stock": "3", "prize_each": "1"})
    assert "加奖 × 4" in office.ask(**four | {"prize_each": "2"})
    host.freeze()
    for d in (998, 999):
        host.show(k=1)
        host.confirm(d)
    assert "1000 个种子都用完了，或者留给了已经加的红包雨，不能再加大屏抽取的奖品" in office.agree()
    assert len(host.left()) == 2
    office.li.post("/admin/halls/changes/2/refuse", {})
    assert "都用完了，或者留给了已经加的红包雨，不能再加红包雨：请改加竞速" in office.ask(**RAIN)
    assert "已提交" in office.ask(**RACE)


@given(st.lists(st.sampled_from(["select", "add", "rain"]), max_size=12))
def test_whatever_is_done_every_rain_that_was_added_can_begin(steps: list[str]) -> None:
    night = Night([prize(1, 12, scope="prize")], "seed", length=5)
    night.sign_in(14)
    night.freeze()
    waiting: list[int] = []

    def rain() -> None:
        night.rain(DROPS | {"prize": waiting.pop(0)})

    for number, step in enumerate(steps, 2):
        before = seeds.of(night.evening)
        try:
            if step == "select":
                seeds.require_free(night.evening)
                night.select(1, 1)
                night.settle()
            elif step == "add":
                night.say("game_added", game=DROPS | {"prize": number}, names=TWO)
                waiting.append(number)
            elif waiting:
                rain()
        except Refusal:
            assert step != "rain" and before.free == 0
        assert seeds.of(night.evening).left >= seeds.of(night.evening).kept == len(waiting)
    while waiting:
        rain()
