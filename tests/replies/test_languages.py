"""One language for each person in the chat, a wrong number corrected, and who must bind first hears it first."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from tests.replies.chats import PHONE, Person, add_kind
from tests.replies.test_answers import write_campaign
from tests.replies.test_dialogues import add_rule, runtime_of
from wxbot.people import languages, notices
from wxbot.text import Text

# --- one language -------------------------------------------------------------------------------------------------

LATIN = re.compile(r"[A-Za-z]{2,}")
HAN = re.compile(r"[\u4e00-\u9fff]")


def test_the_chat_speaks_chinese_and_nothing_else_to_whoever_shows_no_other_language(both: Flask) -> None:
    add_kind(both)
    ming = Person(both)
    for text in (
        "绑定",
        "ok",
        "12",
        PHONE,
        "1",
        "换号码",
        PHONE,
        "取消",
        "上传凭证",
        "好",
        "取消",
        "我的红包",
        "补照片",
    ):
        said = re.sub(r"<a [^>]*>", "", ming.say(text))
        assert HAN.search(said), text
        assert not LATIN.search(said), said


def test_who_writes_english_is_answered_in_english_from_then_on_notices_too(both: Flask) -> None:
    add_kind(both, "Ticket", ask="")
    hong = Person(both)
    said = [hong.say("bind"), hong.say("how does that work"), hong.say(PHONE), hong.say(hong.code())]
    said += [hong.say("上传凭证"), hong.show("m1"), hong.say("done"), hong.say("我的红包"), hong.say("补照片")]
    for each in said:
        assert not HAN.search(re.sub(r"<a [^>]*>", "", each)), each
    assert "See all red packets" in said[-2]
    runtime = runtime_of(both)
    with runtime.database.transaction() as session:
        notices.tell(session, hong.openid, "voucher", "1", Text("通过了。", "Approved."), now=runtime.clock.now())
    assert hong.notices() == ["Approved."]
    assert "Send another number" in hong.say("绑定")
    assert HAN.search(hong.say("怎么换绑手机号？")), "the newest that they write counts"


def test_a_commands_chinese_name_turns_nobodys_language(app: Flask) -> None:
    """English sentences name English words, but posters and menus show the Chinese ones to everybody."""
    hong = Person(app)
    hong.say("bind")
    assert "Send your 11-digit" in hong.say("绑定")
    assert "Cancelled" in hong.say("取消")
    assert "Send your 11-digit" in hong.tap("绑定")


def test_outside_a_dialogue_the_language_costs_no_sql(app: Flask) -> None:
    """What was shown before is known to the process; what is written now decides at once; a keyword of staff's is neither."""
    runtime, hong, ming = runtime_of(app), Person(app), Person(app)
    write_campaign(runtime.database, "closed", keyword="lucky draw day")
    with runtime.database.transaction() as session:
        languages.note(session, hong.openid, "en", runtime.clock.now(), is_written=False)
    app.extensions["wxbot.callback"].answers.forget()
    assert "is over" in hong.say("lucky draw day")
    assert "已经结束" in ming.say("lucky draw day")
    asked: list[str] = []
    event.listen(runtime.database.engine, "before_cursor_execute", lambda *all: asked.append(all[2]))
    app.extensions["wxbot.callback"].answers.book()
    asked.clear()
    for person in (hong, ming):
        person.say("lucky draw day")
    assert not [each for each in asked if "person_languages" in each and "noted_at >" not in each]


# --- a wrong number -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["13900139000", "+86 139-0013-9000", "换号码", "change number"])
def test_a_wrong_number_is_corrected_while_the_code_is_awaited(both: Flask, said: str) -> None:
    ming = Person(both)
    ming.say("绑定")
    ming.say("13700137000")
    first = ming.code()
    answer = ming.say(said)
    if ming.step == "bind.phone":
        assert "11" in answer
        answer = ming.say("13900139000")
    assert "139****9000" in answer
    assert ming.step == "bind.code"
    if first != ming.code():
        ming.say(first)
        assert ming.bindings() == [], "the code of the wrong number is void"
    ming.say(ming.code())
    assert ming.bindings() == ["active"]


# --- who must bind first ------------------------------------------------------------------------------------------


def test_who_must_bind_first_hears_it_before_anything_is_chosen(app: Flask) -> None:
    add_kind(app, "停车票", needs_binding=True)
    add_kind(app, "餐费", "free", needs_binding=True)
    ming = Person(app)
    assert "回复「绑定」" in ming.say("上传凭证")
    assert ming.step == ""
    add_kind(app, "搬箱", "per_unit")
    said = ming.say("上传凭证")
    assert "停车票" not in said and "搬箱" in said
    assert "另有 2 种要先绑定手机号" in said
    add_rule(app, "image", "", dialogue="upload")
    ming.say("取消")
    assert "数量" in ming.show("m1")


# --- pure -----------------------------------------------------------------------------------------------------------


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1), st.text(max_size=20))
def test_one_chinese_character_makes_a_text_chinese(han: str, rest: str) -> None:
    assert languages.written(rest + han) == "zh"


@given(st.text(st.characters(codec="ascii"), max_size=40))
def test_a_text_without_words_shows_nothing(text: str) -> None:
    shown = languages.written(text)
    assert shown in (None, "en")
    assert shown is None or len(re.findall("[A-Za-z]{2,}", text)) >= 2


@pytest.mark.parametrize(
    "text", ["", "ok", "13800138000", "iPhone", "😀 😀", "123456", "a b c", "OK 👌", "+86 138 0013 8000"]
)
def test_what_everybody_writes_shows_no_language(text: str) -> None:
    assert languages.written(text) is None
