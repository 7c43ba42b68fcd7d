"""Signing in by the code of the screen or the printed one at the door: one number each, names that a room can read, limits by person."""

from __future__ import annotations

import json
import random
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from tests.conftest import Cast
from tests.draws.stage import BASE, Phone
from tests.hall.guests import code_of, enter, fields_of, send, shown
from tests.hall.stage import launched, open_hall
from wxbot.campaigns.models import Campaign
from wxbot.draws.draw_state import draw_state_of
from wxbot.hall import door_code, names, rates, reception, selection, sign_in, telling, wire
from wxbot.lineage import Lineage
from wxbot.people import marks
from wxbot.rate_limit import Rate
from wxbot.runtime import Runtime
from wxbot.staff.models import Staff
from wxbot.text import Refusal

KEY = bytes(range(32))


# --- the code -----------------------------------------------------------------------------------------------------


@given(st.floats(min_value=1_000, max_value=4e9), st.floats(min_value=0, max_value=300))
def test_a_code_lives_until_the_end_of_the_next_window(unix: float, later_s: float) -> None:
    code = door_code.code_at(KEY, unix)
    lives = int(unix + later_s) // 30 - int(unix) // 30 <= 1
    assert door_code.accepts(KEY, code, unix + later_s) is lives
    assert not door_code.accepts(KEY, code, unix - 31), "no code counts before its time"
    assert not door_code.accepts(bytes(32), code, unix)


@pytest.mark.parametrize("code", ["", "a", "é" * 16, "\ud800", "a" * 4000])
def test_what_is_no_code_is_refused(code: str) -> None:
    assert not door_code.accepts(KEY, code.encode("utf-8", "replace").decode(), 1_000)


# --- the way in ---------------------------------------------------------------------------------------------------


def test_a_guest_signs_in_by_the_code_and_keeps_one_number(runtime: Runtime, ming: Phone, hong: Phone) -> None:
    hall = open_hall(runtime)
    page = shown(ming.open(f"{hall.path}?code={code_of(hall)}"))
    assert hall.hall().commitment in page and "上墙的名字" in page
    reply = enter(ming, hall)
    assert (reply.status_code, reply.headers["Location"]) == (303, hall.path)
    assert "你的签到号" in shown(ming.open(hall.path)), "a guest needs no code any more"
    assert enter(hong, hall, name="小红").status_code == 303
    again = send(ming, hall, {"name": "别名", **fields_of(page)}, Accept="application/json")
    assert again.get_json() == {"outcome": "signed_in", "no": 1}
    first, second = hall.guests()
    assert (first.no, first.name, second.no, second.name) == (1, "阿明", 2, "小红")
    assert first.person == selection.person_id(bytes.fromhex(first.salt), hall.slug, first.openid)
    assert [line.body for line in hall.log() if line.kind == "signed_in"] == [{"no": 1}, {"no": 2}]
    known = wire.read_guest(str(runtime.redis.get(wire.guest_key(hall.slug, first.openid))))
    assert known == wire.KnownGuest(1, "", "阿明")


def test_a_photo_of_the_code_is_dead_and_a_pass_outlives_its_code(runtime: Runtime, ming: Phone, hong: Phone) -> None:
    hall = open_hall(runtime)
    for query in ("", f"code={code_of(hall, back_s=61)}", "code=abcdefgh23456723", "door=1"):
        page = shown(ming.open(f"{hall.path}?{query}"))
        assert "请扫大屏上的二维码" in page and "<form" not in page
    page = shown(ming.open(f"{hall.path}?code={code_of(hall, back_s=30)}"))
    form = fields_of(page)
    other = fields_of(shown(hong.open(f"{hall.path}?code={code_of(hall)}")))
    stolen = send(hong, hall, {"name": "小红", **other, "pass": form["pass"]})
    assert stolen.status_code == 422 and "签到码过期了" in shown(stolen)
    assert send(ming, hall, {"name": "阿明", **form}).status_code == 303
    assert [guest.name for guest in hall.guests()] == ["阿明"]


def test_a_form_of_another_site_and_one_without_a_session_sign_nobody_in(
    app: Flask, runtime: Runtime, ming: Phone
) -> None:
    hall = open_hall(runtime)
    form = fields_of(shown(ming.open(f"{hall.path}?code={code_of(hall)}")))
    assert send(ming, hall, {"name": "阿明", **form}, Origin="https://evil.example").status_code == 409
    assert send(ming, hall, {"name": "阿明", **form, "form_mark": "1.2"}).status_code == 409
    stranger = Phone(app, runtime)
    assert send(stranger, hall, {"name": "阿明", **form}).status_code == 401
    assert hall.guests() == []


def test_the_printed_code_asks_for_the_word_of_the_day(runtime: Runtime, ming: Phone) -> None:
    hall = open_hall(runtime, terms={"day_word": "Cherry 红"})
    wrong = enter(ming, hall, "door=1", word="苹果")
    assert wrong.status_code == 422 and "口令不对" in shown(wrong) and 'value="阿明"' in shown(wrong)
    assert enter(ming, hall, "door=1", word=" cherry红 ").status_code == 303
    assert len(hall.guests()) == 1


def test_the_word_of_the_day_cannot_be_guessed_for_long(runtime: Runtime, ming: Phone) -> None:
    hall = open_hall(runtime, terms={"day_word": "樱桃"})
    statuses = [enter(ming, hall, "door=1", word=f"猜{n}").status_code for n in range(11)]
    assert statuses == [422] * 10 + [429]
    assert enter(ming, hall, "door=1", word="樱桃").status_code == 429


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"status": "off"}, "签到暂停了"),
        ({"status": "closing"}, "活动已经结束"),
        ({"end_at": timedelta(seconds=-1)}, "活动已经结束"),
        ({"begin_at": timedelta(hours=1)}, "签到还没开始"),
    ],
)
def test_while_nobody_can_come_in_the_page_says_why_and_shows_the_commitment(
    runtime: Runtime, ming: Phone, changes: dict[str, Any], sentence: str
) -> None:
    hall = open_hall(runtime)
    form = fields_of(shown(ming.open(f"{hall.path}?code={code_of(hall)}")))
    now = runtime.clock.now()
    values = {name: now + value if isinstance(value, timedelta) else value for name, value in changes.items()}
    with runtime.database.transaction() as session:
        session.execute(update(Campaign).values(**values))
    draw_state_of(runtime).snapshots.forget()
    page = shown(ming.open(f"{hall.path}?code={code_of(hall)}"))
    assert sentence in page and hall.hall().commitment in page and "<form" not in page
    assert send(ming, hall, {"name": "阿明", **form}).status_code == 409
    assert hall.guests() == []


def test_a_database_that_may_be_an_old_copy_gives_nobody_a_number(runtime: Runtime, ming: Phone) -> None:
    hall = open_hall(runtime)
    form = fields_of(shown(ming.open(f"{hall.path}?code={code_of(hall)}")))
    with runtime.database.transaction() as session:
        session.merge(Lineage(id=1, database_id="copy", frozen_why="older", frozen_at=runtime.clock.now()))
    draw_state_of(runtime).snapshots.forget()
    assert "签到暂停了" in shown(ming.open(f"{hall.path}?code={code_of(hall)}"))
    assert send(ming, hall, {"name": "阿明", **form}).status_code == 409
    assert hall.guests() == []


def test_the_first_guest_opens_the_doors_when_no_worker_has_yet(runtime: Runtime) -> None:
    hall = launched(runtime, begin_at=runtime.clock.now() + timedelta(hours=1))
    with runtime.database.transaction() as session:
        session.execute(update(Campaign).values(begin_at=runtime.clock.now() - timedelta(seconds=1)))
    hall.come(1)
    assert [line.kind for line in hall.log()] == ["committed", "scheduled", "opened", "signed_in"]


def test_staff_who_steer_it_and_blocked_people_take_no_part(
    runtime: Runtime, ming: Phone, hong: Phone, cast: Cast
) -> None:
    hall = open_hall(runtime)
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        session.add(
            Staff(login="host", name="主持", role="admin", password_hash="x", openid=cast.ming.openid, created_at=now)
        )
        marks.put(session, runtime.vault, "block", "openid", cast.hong.openid, "试", None, now)
    reply = enter(ming, hall)
    assert reply.status_code == 422 and "工作人员" in shown(reply)
    reply = enter(hong, hall)
    assert reply.status_code == 422 and "请联系主办方" in shown(reply)
    assert hall.guests() == []


def test_a_group_is_chosen_among_those_there_are(runtime: Runtime, ming: Phone) -> None:
    hall = open_hall(runtime, terms={"groups": ["销售部", "技术部"]})
    assert enter(ming, hall, group="董事会").status_code == 422
    assert enter(ming, hall, group="技术部").status_code == 303
    assert hall.guests()[0].group == "技术部"


def test_the_page_outside_of_wechat_and_the_campaigns_own_page_lead_to_the_hall(
    app: Flask, runtime: Runtime, ming: Phone
) -> None:
    hall = open_hall(runtime)
    outside = shown(Phone(app, runtime, agent="Mozilla/5.0 Firefox").get(hall.path))
    assert "扫现场大屏上的二维码" in outside
    assert f'href="{hall.path}"' in shown(ming.open(f"/h5/c/{hall.slug}"))
    rules = shown(ming.open(f"/h5/c/{hall.slug}/rules"))
    assert hall.hall().commitment in rules and "怎样检查" in rules
    draw = ming.client.post(f"/h5/c/{hall.slug}/draw", base_url=BASE, json={"page_token": "x", "ticket": "y"})
    assert hall.awards() == [] and draw.status_code >= 400


# --- limits -------------------------------------------------------------------------------------------------------


def test_one_person_who_asks_without_end_is_slowed_and_the_others_behind_the_address_are_not(
    runtime: Runtime, ming: Phone, hong: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(rates.RATES, "look", Rate(rates.RATES["look"].most, 10**9))  # no window ends meanwhile
    hall = open_hall(runtime)
    enter(ming, hall)
    enter(hong, hall)
    statuses = [ming.get(f"{hall.path}/me", Accept="application/json").status_code for _ in range(160)]
    assert statuses[0] == 200 and 429 in statuses[140:]
    assert hong.get(f"{hall.path}/me", Accept="application/json").status_code == 200


@pytest.mark.on_postgresql
def test_a_hundred_who_come_at_once_all_have_a_number_and_the_same_person_twice_has_one(runtime: Runtime) -> None:
    hall = open_hall(runtime)

    def come(number: int) -> int:
        comer = sign_in.Comer(f"o-{number % 100:03d}", sign_in.GuestDetails("某某"))
        return reception.come(runtime, hall.campaign_id, comer).no

    with ThreadPoolExecutor(16) as pool:
        numbers = list(pool.map(come, range(120)))
    assert sorted(set(numbers)) == list(range(1, 101)) and numbers[:20] == numbers[100:]
    assert [line.body["no"] for line in hall.log() if line.kind == "signed_in"] == list(range(1, 101))
    assert hall.hall().next_no == 101


@pytest.mark.on_both
def test_who_is_refused_among_those_of_one_commit_keeps_nobody_from_coming_in(runtime: Runtime) -> None:
    hall = open_hall(runtime, guests=1)
    line = sign_in.GuestDetails("王", invited_id=7)
    comers = [sign_in.Comer("o-a", line), sign_in.Comer("o-b", line), sign_in.Comer("o-c", sign_in.GuestDetails("李"))]
    comers += [comers[0], sign_in.Comer(hall.openids[0], sign_in.GuestDetails("别名"))]
    with runtime.database.transaction() as session:
        found = sign_in.sign_in_all(session, hall.campaign_id, comers, runtime.database.now(session))
    assert [each.reason if isinstance(each, Refusal) else each.no for each in found] == [2, "taken", 3, 2, 1]
    assert [line.body["no"] for line in hall.log() if line.kind == "signed_in"] == [1, 2, 3]


def test_what_the_screen_is_told_follows_a_sign_in_at_once_and_a_crowd_in_one_word(runtime: Runtime) -> None:
    hall = open_hall(runtime, guests=3)
    told: list[int] = []
    redis: Any = runtime.redis
    listener = redis.pubsub(ignore_subscribe_messages=True)
    listener.subscribe(wire.channel(hall.slug))
    listener.get_message(timeout=5)
    for _ in range(50):
        telling.soon(runtime, hall.campaign_id)
    while listener.get_message(timeout=1) is not None:
        told.append(1)
    assert 1 <= len(told) <= 3
    assert json.loads(str(runtime.redis.get(wire.state_key(hall.slug))))["guests"] == 3


# --- names --------------------------------------------------------------------------------------------------------


def hostile(number: int) -> str:
    """One of a thousand names that somebody might type to break the wall."""
    dice = random.Random(number)
    parts = [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "{{7*7}}",
        "\u202e\u2066",
        "\u200b\ufeff",
        "👨‍👩‍👧‍👦",
        "🧧",
        "a\u0301\u0302\u0303\u0304\u0305",
        "王小明",
        "</script>",
        "&lt;b&gt;",
        "\x00\x1b[31m",
        "名" * 200,
        "\r\nSet-Cookie: a=b",
        "'; DROP TABLE halls;--",
        "ﷺ",
        "𝕳𝖆𝖓𝖘",
        "\ud83d",
    ]
    return "".join(dice.sample(parts, dice.randint(1, 4)))


def test_no_name_of_a_thousand_hostile_ones_is_more_than_a_short_line_of_text() -> None:
    taken = 0
    for number in range(1_000):
        try:
            name = names.read_name(hostile(number))
        except Refusal as refusal:
            assert refusal.field == "name" and refusal.text.zh and refusal.text.en
            continue
        taken += 1
        assert 0 < len(name) <= names.NAME_CHARS
        assert not re.search("[\x00-\x1f\u202a-\u202e\u2066-\u2069\u200b\ufeff\ud800-\udfff]", name)
    assert taken > 100


@given(st.text(max_size=60))
def test_a_name_that_is_taken_is_taken_again_as_it_stands(text: str) -> None:
    try:
        name = names.read_name(text)
    except Refusal:
        return
    assert names.read_name(name) == name and name == " ".join(name.split())


@pytest.mark.parametrize(
    "name", ["", "   ", "\u200b", "。。。", "傻 逼", "ＦＵＣＫ you", "关注领红包", "13800138000", "腾讯客服"]
)
def test_names_that_no_wall_shows(name: str) -> None:
    with pytest.raises(Refusal):
        names.read_name(name)


@pytest.mark.parametrize("name", ["王", "张伟 2", "Anna-Lena", "😀", "欧阳·娜娜", "No.7"])
def test_names_that_walls_show(name: str) -> None:
    assert names.read_name(name) == name


def test_a_name_is_text_on_the_page(runtime: Runtime, ming: Phone) -> None:
    hall = open_hall(runtime)
    assert enter(ming, hall, name="<b>&'\"</b>").status_code == 303
    page = ming.open(hall.path).get_data(as_text=True)
    assert "<bdi>&lt;b&gt;&amp;&#39;&#34;&lt;/b&gt;</bdi>" in page and "<b>&" not in page
