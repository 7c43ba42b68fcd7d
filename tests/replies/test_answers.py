"""What the chat says about a campaign at every moment of its life, and that it says so without SQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from wxbot.campaigns.models import Campaign
from wxbot.db import Database
from wxbot.replies import rules
from wxbot.replies.answers import Answers, Book, read_book
from wxbot.wechat.messages import NewsReply, TextReply

NOW = datetime(2026, 11, 21, 4, tzinfo=UTC)


def write_campaign(
    database: Database, status: str, slug: str = "autumn", keyword: str = "红包", **changes: object
) -> int:
    """A campaign that runs from an hour ago until tomorrow."""
    values: dict[str, object] = {
        "slug": slug,
        "name": "秋日红包",
        "status": status,
        "begin_at": NOW - timedelta(hours=1),
        "end_at": NOW + timedelta(days=1),
        "budget_fen": 10_000,
        "split": "fixed",
        "packet_count": 100,
        "packet_fen": 100,
        "split_seed": "0",
        "send_name": "小店",
        "act_name": "秋日",
        "wishing": "好",
        "remark": "x",
        "terms": {"title": "秋日", "description": "摇一摇"},
        "keyword": keyword,
        "created_by": 1,
        "created_at": NOW,
        "updated_at": NOW,
    }
    with database.transaction() as session:
        campaign = Campaign(**(values | changes))
        session.add(campaign)
        session.flush()
        return campaign.id


def answers_of(database: Database) -> Answers:
    def read() -> Book:
        with database.reading() as session:
            return read_book(session)

    return Answers(read, "https://shop.example.com", "小店")


def test_a_running_campaign_answers_with_a_card_to_its_page(database: Database) -> None:
    write_campaign(database, "on")
    reply = answers_of(database).to_text(" 红包 ", NOW)
    assert isinstance(reply, NewsReply)
    assert reply.articles[0].title == "秋日"  # the name that people read, not the one of the console
    assert reply.articles[0].url == "https://shop.example.com/h5/c/autumn?c=keyword"
    assert reply.articles[0].description == "摇一摇"
    assert reply.articles[0].pic_url == "https://shop.example.com/static/h5/card-wide.png"


@pytest.mark.parametrize(
    ("look", "picture"),
    [({"picture": "a" * 64}, f"/h5/c/autumn/picture/{'a' * 64}.jpg"), ({}, "/static/h5/card-wide.png")],
)
def test_the_card_of_draws_has_the_campaigns_picture_and_a_text_that_promises_nothing(
    database: Database, look: dict[str, str], picture: str
) -> None:
    write_campaign(database, "on", mechanic="instant", terms={"look": look})
    for language, text in (("zh", "活动规则和中奖机会见页面。"), ("en", "Rules and odds are on the page.")):
        reply = answers_of(database).to_text("红包", NOW, language)
        assert isinstance(reply, NewsReply)
        assert (reply.articles[0].description, reply.articles[0].pic_url) == (
            text,
            f"https://shop.example.com{picture}",
        )


@pytest.mark.parametrize(
    ("status", "shift", "words"),
    [
        ("launching", timedelta(), "马上开始"),
        ("on", timedelta(hours=-2), "将于11月21日 11:00 开始"),
        ("off", timedelta(), "暂停"),
        ("on", timedelta(days=2), "已经结束"),
        ("closing", timedelta(), "已经结束"),
        ("closed", timedelta(), "已经结束"),
    ],
)
def test_a_campaign_that_does_not_run_says_why(database: Database, status: str, shift: timedelta, words: str) -> None:
    write_campaign(database, status)
    reply = answers_of(database).to_text("红包", NOW + shift)
    assert isinstance(reply, TextReply)
    assert words in reply.content


@pytest.mark.parametrize("status", ["draft", "submitted", "approved"])
def test_nobody_hears_of_a_campaign_before_its_launch(database: Database, status: str) -> None:
    campaign_id = write_campaign(database, status)
    with database.transaction() as session:
        rules.add_rule(session, "equal", "秋天", NOW, campaign_id=campaign_id)
    answers = answers_of(database)
    assert answers.to_text("红包", NOW) is None
    reply = answers.to_text("秋天", NOW)
    assert isinstance(reply, TextReply)
    assert "秋日" not in reply.content


def test_a_rule_comes_before_a_campaigns_own_keyword(database: Database) -> None:
    write_campaign(database, "on")
    with database.transaction() as session:
        rules.add_rule(session, "equal", "红包", NOW, text="自己的回答")
        rules.add_rule(session, "default", "", NOW, text="默认")
    answers = answers_of(database)
    assert answers.to_text("红包", NOW) == TextReply("自己的回答")
    assert answers.to_text("别的", NOW) == TextReply("默认")
    assert answers.to_anything_else(NOW) == TextReply("默认")


def test_a_keyword_used_again_leads_to_the_campaign_that_still_runs(database: Database) -> None:
    write_campaign(database, "on", slug="second")
    write_campaign(database, "closed", slug="third")
    reply = answers_of(database).to_text("红包", NOW)
    assert isinstance(reply, NewsReply)
    assert reply.articles[0].url.endswith("/h5/c/second?c=keyword")


def test_the_welcome_is_a_rule_or_a_plain_greeting(database: Database) -> None:
    plain = answers_of(database).to_new_follower(NOW)
    assert isinstance(plain, TextReply)
    assert "小店" in plain.content
    with database.transaction() as session:
        rules.add_rule(session, "subscribe", "", NOW, text="你好呀")
    assert answers_of(database).to_new_follower(NOW) == TextReply("你好呀")


def test_a_scanned_code_answers_with_its_campaigns_card_and_a_new_follower_hears_of_nothing_else(
    database: Database,
) -> None:
    write_campaign(database, "on", keyword="")
    with database.transaction() as session:
        rules.add_rule(session, "subscribe", "", NOW, text="你好呀")
    answers = answers_of(database)
    for reply in (answers.to_scan("campaign:autumn", NOW), answers.to_new_follower(NOW, scene="campaign:autumn")):
        assert isinstance(reply, NewsReply)
        assert reply.articles[0].url == "https://shop.example.com/h5/c/autumn?c=scene"
        assert not any(word in reply.articles[0].description for word in ("关注", "领", "抽"))
    assert answers.to_scan("store42", NOW) is None
    assert answers.to_scan("campaign:gone", NOW) is None
    assert answers.to_scan("autumn", NOW) is None
    assert answers.to_new_follower(NOW, scene="store42") == TextReply("你好呀")


def test_the_rules_are_not_read_for_every_message(database: Database) -> None:
    reads = []

    def read() -> Book:
        reads.append(1)
        with database.reading() as session:
            return read_book(session)

    answers = Answers(read, "https://shop.example.com", "小店")
    for _ in range(50):
        answers.to_text("x", NOW)
    assert len(reads) <= 2
    answers.forget()
    answers.to_text("x", NOW)
    assert len(reads) <= 3


def test_a_message_that_comes_while_the_rules_are_first_read_is_answered_by_them(database: Database) -> None:
    """A new follower and their first word come together, to two threads of a process that has just begun."""
    with database.transaction() as session:
        rules.add_rule(session, "equal", "红包", NOW, text="来啦")
    begun, may_go_on = Event(), Event()

    def read() -> Book:
        begun.set()
        assert may_go_on.wait(60)
        with database.reading() as session:
            return read_book(session)

    answers = Answers(read, "https://shop.example.com", "小店")
    with ThreadPoolExecutor(2) as threads:
        greeting = threads.submit(answers.to_new_follower, NOW)
        assert begun.wait(60)
        reply = threads.submit(answers.to_text, "红包", NOW)
        wait([reply], timeout=0.1)
        may_go_on.set()
        assert reply.result() == TextReply("来啦")
        assert greeting.result() is not None


def test_unreadable_rules_leave_the_last_ones_in_force(database: Database) -> None:
    with database.transaction() as session:
        rules.add_rule(session, "equal", "红包", NOW, text="来啦")
    is_down = False

    def read() -> Book:
        if is_down:
            raise TimeoutError
        with database.reading() as session:
            return read_book(session)

    answers = Answers(read, "https://shop.example.com", "小店")
    assert answers.to_text("红包", NOW) == TextReply("来啦")
    is_down = True
    answers.forget()
    assert answers.to_text("红包", NOW) == TextReply("来啦")
    assert answers.to_text("红包", NOW) == TextReply("来啦")
