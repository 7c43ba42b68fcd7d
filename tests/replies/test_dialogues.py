"""Dialogues through the real callback: step by step, repeated, shuffled, in parallel, across processes and restarts."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, update

from tests.payouts.stories import fund, owe
from tests.replies.chats import PHONE, Person, add_kind, count, rows
from tests.waiting import until
from wxbot.callback import door as callback_door
from wxbot.once import TALKING_KEY
from wxbot.people.models import SmsOut
from wxbot.private_servers import free_port
from wxbot.replies import rules
from wxbot.replies.dialogues import actions, definitions, expiry
from wxbot.replies.dialogues.definitions import DIALOGUES, Declared, Parsed, Step
from wxbot.replies.models import Dialogue
from wxbot.runtime import Runtime
from wxbot.text import Text
from wxbot.vouchers.models import Photo, Voucher
from wxbot.vouchers.submit import PHOTOS_AT_MOST

MakeApp = Callable[..., Flask]


def runtime_of(app: Flask) -> Runtime:
    runtime: Runtime = app.extensions["wxbot"]
    return runtime


def pass_time(app: Flask, openid: str, by: timedelta) -> None:
    """Let a dialogue have waited that long."""
    with runtime_of(app).database.transaction() as session:
        row = session.get_one(Dialogue, openid)
        row.expires_at, row.touched_at, row.opened_at = row.expires_at - by, row.touched_at - by, row.opened_at - by


def add_rule(app: Flask, trigger: str, pattern: str, **content: Any) -> None:
    runtime = runtime_of(app)
    with runtime.database.transaction() as session:
        rules.add_rule(session, trigger, pattern, runtime.clock.now(), **content)
    app.extensions["wxbot.callback"].answers.forget()


# --- the stories --------------------------------------------------------------------------------------------------


def test_a_person_binds_a_phone_in_the_chat(both: Flask) -> None:
    ming = Person(both)
    assert "手机号" in ming.say("绑定")
    assert "11 位" in ming.say("明天")
    assert "验证码已发送" in ming.say("138 0013 8000")
    assert "不对" in ming.say("000000" if ming.code() != "000000" else "111111")
    assert "绑定成功" in ming.say(f"{ming.code()}{ming.code()[:2]}")
    assert (ming.bindings(), ming.step) == (["active"], "")
    assert "138****8000" in ming.say("绑定")
    row = ming.dialogue()
    assert row is not None
    assert PHONE not in str((row.answers, row.words, row.messages))


def test_a_person_uploads_a_voucher_in_the_chat(both: Flask) -> None:
    add_kind(both, "停车票")
    add_kind(both, "搬箱", "per_unit")
    add_kind(both, "餐费", "free")
    hong = Person(both)
    assert "1. 停车票\n2. 搬箱\n3. 餐费" in hong.say("上传凭证")
    assert "序号" in hong.say("9")
    assert "数量" in hong.say("2")
    assert "整数" in hong.say("一大堆")
    assert "数量要在 1 到 25" in hong.say("26")
    assert "照片" in hong.say("３箱")
    assert "先发送照片" in hong.say("完成")
    assert "第 1 张" in hong.show("m1")
    assert "第 2 张" in hong.show("m2")
    assert "收到 2 张" in hong.say("完成")
    [voucher] = rows(both, Voucher)
    assert (voucher.openid, voucher.units, voucher.amount_fen, voucher.via, voucher.is_complete) == (
        hong.openid,
        3,
        600,
        "chat",
        True,
    )
    assert sorted(photo.media_id for photo in rows(both, Photo)) == ["m1", "m2"]


def test_a_single_kind_is_not_asked_about_and_its_amount_is_checked(app: Flask) -> None:
    add_kind(app, "餐费", "free")
    hong = Person(app)
    assert "金额" in hong.say("上传凭证")
    assert "1.00 到 50.00" in hong.say("60")
    assert "照片" in hong.say("¥12.5")
    hong.show("m")
    hong.say("完成")
    assert [voucher.amount_fen for voucher in rows(app, Voucher)] == [1250]


def test_ones_packets_are_one_answer_and_leave_no_dialogue(app: Flask) -> None:
    ming = Person(app)
    said = ming.say("我的红包")
    assert "还没有红包" in said
    assert "/h5/me" in said
    assert ming.dialogue() is None
    ming.say("绑定")
    assert "还没有红包" in ming.say("我的红包")
    assert ming.step == "bind.phone"


def test_ones_own_packets_are_listed_with_their_states_and_nobody_elses_S28(app: Flask) -> None:
    add_kind(app)
    runtime, ming, hong = runtime_of(app), Person(app), Person(app)
    programme_id = fund(runtime)
    for n, person in enumerate([hong] + [ming] * 6):
        owe(runtime, programme_id, person.openid, amount_fen=100 + n, source_id=n)
    hong.say("上传凭证")
    hong.show("m")
    hong.say("完成")
    mine, theirs = ming.say("我的红包"), hong.say("我的红包")
    assert [amount in mine for amount in ("1.06 元 在路上", "1.02 元", "1.01 元", "1.00 元")] == [
        True,
        True,
        False,
        False,
    ]
    assert "1.00 元 在路上" in theirs
    assert "1 份凭证正在审核" in theirs
    assert "审核" not in mine


def test_nothing_to_upload_says_so(app: Flask) -> None:
    ming = Person(app)
    assert "没有可以上传" in ming.say("上传凭证")
    add_kind(app, needs_binding=True)
    assert "回复「绑定」" in ming.say("上传凭证")
    assert ming.dialogue() is None


def test_one_dialogue_at_a_time_and_always_a_way_out(app: Flask) -> None:
    add_kind(app)
    ming = Person(app)
    ming.say("绑定")
    assert "正在进行「绑定手机」" in ming.say("上传凭证")
    assert "手机号" in ming.say("绑定")
    assert "正在进行" in ming.tap("上传凭证")
    assert ming.step == "bind.phone"
    assert "已取消" in ming.say("退出")
    assert ming.step == ""
    ming.say("上传凭证")
    ming.show("m")
    assert "没有提交" in ming.say(" 取消 ")
    assert count(app, Voucher) == 0


def test_an_expired_dialogue_answers_kindly(app: Flask) -> None:
    add_rule(app, "equal", "营业时间", text="9 点到 22 点")
    ming = Person(app)
    for said, words in (("你好", "已自动结束"), ("营业时间", "9 点"), ("绑定", "手机号")):
        ming.say("绑定")
        pass_time(app, ming.openid, timedelta(minutes=11))
        assert words in ming.say(said)
    assert ming.say("取消")
    ming.say("绑定")
    pass_time(app, ming.openid, timedelta(minutes=11))
    assert expiry.sweep(runtime_of(app)) == 0
    pass_time(app, ming.openid, timedelta(days=1))
    assert expiry.sweep(runtime_of(app)) == 1
    assert (ming.step, ming.say("你好")) == ("", "")


def test_photos_whose_owner_forgot_the_last_word_are_submitted(both: Flask) -> None:
    add_kind(both)
    ming, hong = Person(both), Person(both)
    for person in (ming, hong):
        person.say("上传凭证")
    ming.show("m1")
    for person in (ming, hong):
        pass_time(both, person.openid, timedelta(minutes=11))
    assert expiry.sweep(runtime_of(both)) == 2
    assert expiry.sweep(runtime_of(both)) == 0
    assert [voucher.openid for voucher in rows(both, Voucher)] == [ming.openid]
    assert len(ming.notices()) == 1
    assert (ming.step, hong.step, hong.notices()) == ("", "", [])


# --- repeats, order, processes ------------------------------------------------------------------------------------


def test_every_message_again_in_any_order_changes_nothing_F33(both: Flask) -> None:
    add_kind(both)
    ming = Person(both)
    for text in ("绑定", "x", PHONE):
        ming.say(text)
    ming.say(ming.code())
    ming.say("上传凭证")
    ming.show("m1")
    ming.say("完成")
    before = (count(both, SmsOut), ming.bindings(), count(both, Voucher), count(both, Photo), ming.dialogue().messages)  # type: ignore[union-attr]
    dice = random.Random(5)
    for with_redis in (True, False, False):
        again = list(ming.sent)
        dice.shuffle(again)
        for fields, said in again:
            if not with_redis:
                runtime_of(both).redis.flushall()
            repeated = ming.post(fields)
            assert repeated == said if with_redis or fields is ming.sent[-1][0] else repeated in (said, "")
    after = (count(both, SmsOut), ming.bindings(), count(both, Voucher), count(both, Photo), ming.dialogue().messages)  # type: ignore[union-attr]
    assert after == before
    assert ming.step == ""


def test_an_older_message_that_arrives_late_moves_nothing_F33(app: Flask) -> None:
    ming = Person(app)
    early = ming.fields(Content="取消")
    ming.say("绑定")
    assert ming.post(early) == ""
    assert ming.step == "bind.phone"
    ming.say("取消")
    late = early | {"Content": "绑定", "MsgId": 77}
    runtime_of(app).redis.flushall()
    assert ming.post(late) == ""
    assert ming.step == ""


def test_photos_that_overtake_each_other_all_count(app: Flask) -> None:
    add_kind(app)
    ming = Person(app)
    ming.say("上传凭证")
    first, second, last = (ming.fields("image", PicUrl="u", MediaId=name) for name in ("m1", "m2", "m3"))
    finish = ming.fields(Content="完成")
    assert "第 1 张" in ming.post(second)
    assert "第 2 张" in ming.post(first)
    assert "收到 2 张" in ming.post(finish)
    assert "已放进" in ming.post(last)
    assert "已放进" in ming.post(last)
    assert sorted(photo.media_id for photo in rows(app, Photo)) == ["m1", "m2", "m3"]
    assert ming.show("m4") == ""


@pytest.mark.parametrize("with_redis", [True, False], ids=["with redis", "without redis"])
def test_32_deliveries_of_one_step_at_once_are_one_step_F33(make: MakeApp, with_redis: bool) -> None:
    apps = [make(), make()]
    if not with_redis:
        apps = [make(redis_url=f"redis://127.0.0.1:{free_port()}/0") for _ in range(2)]
    ming = Person(apps[0])
    for text, step in (("绑定", "bind.phone"), (PHONE, "bind.code")):
        fields = ming.fields(Content=text)
        with ThreadPoolExecutor(16) as threads:
            said = list(threads.map(lambda n, fields=fields: ming.post(fields, apps[n % 2]), range(32)))
        assert len(set(said)) == 1 and said[0]
        assert ming.step == step
    assert count(apps[0], SmsOut) == 1


def test_32_different_photos_at_once_are_all_kept_up_to_the_most(make: MakeApp) -> None:
    apps = [make(), make()]
    add_kind(apps[0])
    ming = Person(apps[0])
    ming.say("上传凭证")
    photos = [ming.fields("image", PicUrl="u", MediaId=f"m{n}") for n in range(12)]
    with ThreadPoolExecutor(12) as threads:
        said = list(threads.map(lambda n: ming.post(photos[n], apps[n % 2]), range(12)))
    assert sum("收到第" in words for words in said) == PHOTOS_AT_MOST
    assert len(ming.dialogue().answers["photos"]) == PHOTOS_AT_MOST  # type: ignore[union-attr]


def test_a_dialogue_goes_on_after_a_restart_and_in_another_process(make_sqlite: MakeApp) -> None:
    first, second = make_sqlite(), make_sqlite()
    ming = Person(first)
    ming.say("绑定")
    assert "验证码已发送" in ming.post(ming.fields(Content=PHONE), second)
    code, ming.app = ming.code(), make_sqlite()
    assert "绑定成功" in ming.say(code)


# --- Redis is a hint ----------------------------------------------------------------------------------------------


class Looks:
    """Counts how often the table of dialogues is asked about one person."""

    def __init__(self, app: Flask) -> None:
        self.n = 0
        event.listen(runtime_of(app).database.engine, "before_cursor_execute", self._count)

    def _count(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        self.n += "FROM dialogues" in statement and "openid =" in statement


def test_texts_outside_a_dialogue_ask_no_sql_and_redis_once(app: Flask) -> None:
    redis, other, looks = runtime_of(app).redis, Person(app), Looks(app)
    other.say("绑定")
    Person(app).say("你好")
    until(lambda: redis.sismember(TALKING_KEY, "*"), "the mark that somebody talks")
    assert redis.sismember(TALKING_KEY, other.openid)
    assert 0 < redis.ttl(TALKING_KEY) <= 60
    looks.n = 0
    before: Any = redis.info("commandstats")
    for person in (Person(app) for _ in range(30)):
        assert person.say("随便说说") == ""
        assert person.show("m") == ""
    after: Any = redis.info("commandstats")
    assert looks.n == 0
    asked = {name: seen["calls"] - before.get(name, {"calls": 0})["calls"] for name, seen in after.items()}
    assert {
        name: n for name, n in asked.items() if n and name in ("cmdstat_evalsha", "cmdstat_eval", "cmdstat_sadd")
    } == {"cmdstat_evalsha": 60}


def test_a_redis_that_was_emptied_or_lies_hides_no_dialogue(make_sqlite: MakeApp) -> None:
    app, other = make_sqlite(), make_sqlite()
    redis, ming = runtime_of(app).redis, Person(app)
    ming.say("绑定")
    redis.flushall()
    assert "11 位" in ming.say("一")
    until(lambda: redis.sismember(TALKING_KEY, "*"), "the mark that somebody talks")
    redis.srem(TALKING_KEY, ming.openid)  # an old copy came back
    other.extensions["wxbot.callback"].answers.book()
    assert "11 位" in ming.post(ming.fields(Content="二"), other)
    without = make_sqlite(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    assert "11 位" in ming.post(ming.fields(Content="三"), without)


# --- what takes too long ------------------------------------------------------------------------------------------


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A dialogue of one step whose work waits until it may go on; the door answers after a third of a second."""
    may_go = threading.Event()

    def wait(*_all: Any) -> actions.ActionResult:
        may_go.wait(20)
        return actions.ActionResult(Text("办好了", "done"))

    step = Step("wish", lambda _: Text("请说。", "Say it."), lambda turn, _: Parsed(value=turn.text), work="wait")
    monkeypatch.setitem(DIALOGUES, "slow", Declared("slow", Text("慢慢来", "slowly"), ("慢",), (step,)))
    monkeypatch.setitem(definitions.BY_KEYWORD, "慢", "slow")
    monkeypatch.setitem(actions.OPENINGS, "slow", lambda *_: actions.Opened("wish"))
    monkeypatch.setitem(actions.OUTSIDE, "wait", wait)
    monkeypatch.setattr(callback_door, "ANSWER_S", 0.35)
    yield may_go
    may_go.set()


def test_what_takes_too_long_is_answered_once_and_later_F37(both: Flask, slow: threading.Event) -> None:
    ming = Person(both)
    ming.say("慢")
    wish = ming.fields(Content="快")
    assert ming.post(wish) == ""
    runtime_of(both).redis.flushall()
    assert ming.post(wish) == ""  # another delivery waits, too, and starts nothing
    assert "还在办理" in ming.say("喂")
    slow.set()
    until(ming.notices, "a notice")
    assert [ming.post(wish) for _ in range(3)] == ["", "", ""] or ming.step == ""
    assert ming.notices() == ["办好了"]


def test_what_is_quick_enough_is_answered_at_once_and_never_again(app: Flask, slow: threading.Event) -> None:
    ming = Person(app)
    ming.say("慢")
    slow.set()
    wish = ming.fields(Content="快")
    assert {ming.post(wish) for _ in range(3)} == {"办好了"}
    assert ming.notices() == []


def test_a_process_that_died_in_the_middle_leaves_nobody_without_an_answer_F40(app: Flask) -> None:
    ming = Person(app)
    ming.say("绑定")
    with runtime_of(app).database.transaction() as session:  # claimed, then killed
        session.execute(update(Dialogue).values(words="", version=Dialogue.version + 1))
    pass_time(app, ming.openid, timedelta(minutes=2))
    assert expiry.sweep(runtime_of(app)) == 1
    assert len(ming.notices()) == 1
    assert "验证码已发送" in ming.say(PHONE)


# --- other ways in and out ----------------------------------------------------------------------------------------


def test_leaving_ends_the_dialogue_and_following_may_begin_one(app: Flask) -> None:
    ming = Person(app)
    ming.say("绑定")
    ming.deliver(ming.fields("event", Event="unsubscribe"))
    assert ming.step == ""
    assert "欢迎" in ming.deliver(ming.fields("event", Event="subscribe", EventKey=""))
    add_rule(app, "subscribe", "", text="您好，先认识一下。", dialogue="bind")
    said = ming.deliver(ming.fields("event", Event="subscribe", EventKey=""))
    assert said.startswith("您好，先认识一下。\n")
    assert ming.step == "bind.phone"


def test_a_withdrawn_authorisation_forgets_the_dialogue(app: Flask) -> None:
    ming = Person(app)
    ming.say("绑定")
    ming.deliver(ming.fields("event", Event="user_authorization_revoke", OpenID=ming.openid, RevokeInfo="1"))
    assert ming.dialogue() is None


def test_a_spoken_answer_counts_and_other_messages_ask_for_words(app: Flask) -> None:
    ming = Person(app)
    assert "手机号" in ming.deliver(ming.fields("voice", MediaId="v", Format="amr", Recognition="绑定。"))
    assert "请用文字回复" in ming.show("m")
    assert "请用文字回复" in ming.deliver(ming.fields("voice", MediaId="v", Format="amr", Recognition=""))
    assert "验证码已发送" in ming.deliver(ming.fields("voice", MediaId="v", Format="amr", Recognition=f"{PHONE}。"))


def test_a_bare_photo_begins_an_upload_only_by_a_rule(app: Flask) -> None:
    add_kind(app)
    add_rule(app, "default", "", text="回复「上传凭证」试试")
    ming = Person(app)
    assert "试试" in ming.show("m0")
    add_rule(app, "image", "", dialogue="upload")
    assert "第 1 张" in ming.show("m1")
    assert "收到 1 张" in ming.say("完成")
    assert [photo.media_id for photo in rows(app, Photo)] == ["m1"]


def test_a_wanted_photo_is_added_to_its_voucher(app: Flask) -> None:
    add_kind(app)
    ming = Person(app)
    assert "没有需要补照片" in ming.say("补照片")
    for text in ("上传凭证", None, "完成"):
        ming.say(text) if text else ming.show("m1")
    with runtime_of(app).database.transaction() as session:
        session.execute(update(Voucher).values(status="photo_wanted"))
    assert "重新拍" in ming.say("补照片")
    ming.show("m2")
    assert "收到 1 张" in ming.say("完成")
    assert {photo.voucher_id for photo in rows(app, Photo)} == {rows(app, Voucher)[0].id}


HOSTILE = (
    "<a href='https://evil.example.com'>x</a>",
    "{0.__class__}",
    "%s%n",
    "<Content>x</Content>",
    "\u202e红包",
    "１" * 50,
)


@pytest.mark.parametrize("name", [name for name, each in DIALOGUES.items() if each.steps])
def test_what_a_person_writes_is_never_said_back_S41(app: Flask, name: str) -> None:
    add_kind(app, "停车票")
    add_kind(app, "搬箱", "per_unit")
    ming = Person(app)
    ming.say(DIALOGUES[name].keywords[0])
    for text in HOSTILE:
        assert text not in ming.say(text)
    ming.say("2")
    for text in HOSTILE:
        assert text not in ming.say(text)
