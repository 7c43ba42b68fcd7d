"""The console's page of rules: every kind of reply, in place, in order, with the bench saying why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.replies.chats import Person
from tests.staff.consoles import NOON, Browser, console
from wxbot.replies import rules
from wxbot.replies.models import Dialogue, ReplyRule


@pytest.fixture
def app(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    with console(sqlite_url, redis_url, tmp_path, NOON) as made:
        yield made


def listed(app: Flask) -> list[ReplyRule]:
    with app.extensions["wxbot"].database.reading() as session:
        return list(rules.list_rules(session))


def test_a_rule_is_added_changed_moved_and_switched(app: Flask) -> None:
    li = Browser(app, "li")
    card = {"kind": "link", "title": "地址", "url": "https://map.example.com/", "text": "人民路 1 号"}
    assert li.post("/admin/replies", {"trigger": "equal", "pattern": "地址"} | card).status_code == 303
    li.post("/admin/replies", {"trigger": "prefix", "pattern": "怎么", "text": "请看说明"})
    assert [rule.reply_kind for rule in listed(app)] == ["link", "text"]
    li.post("/admin/replies/2/move", {"way": "up"})
    assert [(rule.id, rule.priority) for rule in listed(app)] == [(2, 10), (1, 20)]
    assert 'name="pattern"' in li.get("/admin/replies?edit=1").text.split('id="rule-1"')[1].split("</tr>")[0]
    changed = {"trigger": "contain", "pattern": "在哪", "kind": "dialogue", "dialogue": "bind", "text": "先认识一下"}
    assert li.post("/admin/replies/1", changed).headers["Location"].endswith("#rule-1")
    assert [(rule.reply_kind, rule.dialogue, rule.url) for rule in listed(app) if rule.id == 1] == [
        ("dialogue", "bind", "")
    ]
    li.post("/admin/replies/1/switch", {"on": "0"})
    assert [rule.is_on for rule in listed(app)] == [True, False]
    for path in (
        "/admin/replies/9",
        "/admin/replies/9/switch",
        "/admin/replies/9/move",
        "/admin/replies/standing/equal",
    ):
        assert li.post(path, changed).status_code == 404


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"kind": "link", "title": "a", "url": "http://x.example.com"}, "https://"),
        ({"kind": "link", "title": "", "url": "https://x.example.com"}, "标题"),
        ({"kind": "dialogue", "dialogue": "nothing"}, "对话"),
        ({"kind": "campaign"}, "活动"),
        ({"kind": "text", "text": ""}, "回复内容"),
    ],
)
def test_what_cannot_work_is_refused_where_it_was_typed(app: Flask, values: dict[str, str], said: str) -> None:
    li = Browser(app, "li")
    answer = li.post("/admin/replies", {"trigger": "equal", "pattern": "词"} | values)
    assert answer.status_code == 422
    assert said in answer.text.split('class="fault"')[1][:200]
    assert listed(app) == []


def test_conflicts_and_reasons_are_shown(app: Flask) -> None:
    li = Browser(app, "li")
    for trigger, pattern in (("contain", "红包"), ("equal", "抢红包"), ("equal", "绑定")):
        li.post("/admin/replies", {"trigger": trigger, "pattern": pattern, "text": "好", "priority": "5"})
        li.post("/admin/replies", {"trigger": "equal", "pattern": "抢红包", "text": "好"})
    page = li.get("/admin/replies").text
    assert "永远轮不到它" in page
    assert "代替了内置关键词「绑定」" in page
    bench = li.get("/admin/replies?try=我的红包").text
    assert "正好是对话“我的红包”的内置关键词" in bench
    assert "完全等于”的规则" in bench
    assert "规则 #" in li.get("/admin/dialogues").text


def test_welcome_default_and_photos_have_a_panel_of_their_own(app: Flask) -> None:
    li = Browser(app, "li")
    assert li.post("/admin/replies/standing/subscribe", {"kind": "text", "text": "您好"}).status_code == 303
    assert li.post("/admin/replies/standing/subscribe", {"kind": "text", "text": "您好呀"}).status_code == 303
    assert [(rule.trigger, rule.text) for rule in listed(app)] == [("subscribe", "您好呀")]
    assert li.post("/admin/replies/standing/default", {"kind": "dialogue", "dialogue": "bind"}).status_code == 422
    li.post("/admin/replies/standing/image", {"kind": "dialogue", "dialogue": "upload"})
    li.post("/admin/replies/standing/subscribe", {"kind": "text", "text": ""})
    assert [(rule.trigger, rule.dialogue) for rule in listed(app)] == [("image", "upload")]


def test_who_is_in_a_dialogue_is_shown_and_may_be_let_go(app: Flask) -> None:
    li, boss = Browser(app, "li"), Browser(app, "chen")
    ming = Person(app)
    ming.at = int(NOON.timestamp())
    with app.extensions["wxbot"].database.transaction() as session:
        session.add(
            Dialogue(
                openid=ming.openid,
                name="bind",
                step="phone",
                words="x",
                opened_at=NOON,
                touched_at=NOON,
                expires_at=NOON,
            )
        )
    page = boss.get("/admin/dialogues").text
    assert f"…{ming.openid[-8:]}" in page
    assert "已超时" in page
    li.post("/admin/dialogues/end", {"openid": ming.openid})
    assert ming.step == ""
    assert (
        "不在进行"
        in li.client.post(
            "/admin/dialogues/end", data={"csrf_token": li.token(), "openid": ming.openid}, follow_redirects=True
        ).text
    )


def test_a_claim_that_must_be_true_is_kept_and_pointed_at(app: Flask) -> None:
    li = Browser(app, "li")
    li.post("/admin/replies/standing/subscribe", {"text": "欢迎光临，人人有奖"})
    assert [rule.text for rule in listed(app)] == ["欢迎光临，人人有奖"]
    assert "要与实际设置相符" in li.get("/admin/replies").text
