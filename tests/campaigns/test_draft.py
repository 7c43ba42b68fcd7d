"""Drafts: every fault named, edited only as drafts, approved once and by a second person."""

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from tests.campaigns.drafts import NOW, form, hire
from tests.examples import many
from tests.rows import in_one
from wxbot import ledger
from wxbot.budget import Budget
from wxbot.campaigns import draft, draft_faults, draft_form
from wxbot.campaigns.models import Campaign
from wxbot.db import Database
from wxbot.money import NotMoney, parse_yuan, yuan
from wxbot.shake import draft as draft_part
from wxbot.text import Faulty, Refusal


def fields(changes: dict[str, Any]) -> set[str]:
    with pytest.raises(Faulty) as caught:
        draft.read(form(**changes), NOW)
    for fault in caught.value.faults:
        assert fault.text.zh and fault.text.en
    return {fault.field for fault in caught.value.faults}


def test_a_good_form_becomes_fen_and_utc() -> None:
    made = draft.read(form(odds="0.0025"), NOW)
    assert made.budget_fen == 40_000
    assert made.packet_fen == 200
    assert made.begin_at.isoformat() == "2026-03-16T01:00:00+00:00"
    assert (made.daily_from, made.daily_until) == (540, 1260)
    assert made.terms["odds_ppm"] == 25
    assert made.terms["device_ids"] == [1001, 1002]


def test_a_night_is_written_with_the_next_days_time_and_one_that_is_cut_is_cautioned(database: Database) -> None:
    def cautions(**changes: str) -> set[str | None]:
        made = draft.read(form(daily_from="22:00", daily_until="02:00", **changes), NOW)
        values = {name: getattr(made, name) for name in ("begin_at", "end_at", "daily_from", "daily_until")}
        found = list(draft_faults._night(values))
        said.update({each.field or "": each.text.zh for each in found})
        return {each.field for each in found}

    said: dict[str, str] = {}

    assert cautions(begin_at="2026-03-16T22:00", end_at="2026-03-18T02:00") == set()
    assert cautions(begin_at="2026-03-16T22:00", end_at="2026-03-18T12:00") == set()
    assert cautions(begin_at="2026-03-16T00:00", end_at="2026-03-18T00:00") == {"begin_at", "end_at"}
    assert cautions(begin_at="2026-03-16T22:00", end_at="2026-03-18T01:00") == {"end_at"}
    assert said["end_at"].endswith("请把结束时间写成同一天的 02:00")
    assert cautions(begin_at="2026-03-16T22:00", end_at="2026-03-18T02:01") == set()
    assert cautions(begin_at="2026-03-16T22:00", end_at="2026-03-18T22:00") == set()
    assert cautions(begin_at="2026-03-16T20:00", end_at="2026-03-18T23:30") == {"end_at"}
    assert said["end_at"].endswith("请把结束时间写成次日 02:00")
    assert fields({"daily_from": "22:00", "daily_until": "22:00"}) == {"daily_until"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "长" * 41),
        ("name", "\u200b\u202e"),
        ("begin_at", "tomorrow"),
        ("begin_at", "2025-01-01T00:00"),
        ("end_at", "2026-03-16T09:00"),
        ("end_at", "2026-06-30T00:00"),
        ("end_at", "9999-99-99T00:00"),
        ("daily_from", "25:00"),
        ("daily_until", "09:00"),
        ("budget", "1.001"),
        ("budget", "1e3"),
        ("budget", "NaN"),
        ("budget", "-5"),
        ("budget", "0"),
        ("budget", "399.99"),
        ("packet_count", "0"),
        ("packet_count", "100001"),
        ("packet_count", "2.5"),
        ("packet_amount", "0.99"),
        ("packet_amount", "1000.01"),
        ("odds", "0"),
        ("odds", "100.0001"),
        ("odds", "1e2"),
        ("odds", "0.00001"),
        ("odds", "150"),
        ("tries_per_person", "0"),
        ("tries_per_day", "4"),
        ("split", "lucky"),
        ("title", "七个汉字就太长"),
        ("title", "thirteen-char"),
        ("description", "八个汉字描述太长"),
        ("wishing", "祝" * 17),
        ("send_name", "一二三四五六七八九十一"),
        ("act_name", "x" * 33),
        ("remark", "汉" * 11),
        ("wishing", "新年🧧"),
        ("send_name", "小店🏪"),
        ("act_name", "👨\u200d👩"),
        ("remark", "𠮷"),
        ("jump_url", "javascript:alert(1)"),
        ("jump_url", "https://user:pw@evil.test/"),
        ("jump_url", "//x"),
        ("jump_url", "http://shop.example.test/after"),
        ("jump_url", "HTTP://shop.example.test/"),
        ("jump_url", "shop.example.test/after"),
        ("jump_url", "ｈｔｔｐ://shop.example.test/"),
        ("device_ids", "12a"),
        ("device_ids", "10²"),
        ("device_ids", ""),
        ("device_ids", " , "),
        ("odds", "1/10"),
        ("odds", "10¹"),
        ("odds", "1,0"),
        ("odds", "10%%"),
        ("odds", "10‰"),
        ("odds", "百分之十"),
        ("odds", "٣"),
        ("budget", "4,00"),
        ("budget", "400¹"),
        ("budget", "¥"),
        ("tries_per_person", "1,0"),
        ("tries_per_person", "③"),
        ("expected_people", "2²"),
        ("expected_people", "1/2"),
        ("daily_from", "９：６０"),
        ("rules", "x" * 5001),
        ("organiser", ""),
        ("contact", ""),
        ("title", "微信官方红包"),
    ],
)
def test_every_fault_stands_beside_its_field(field: str, value: str) -> None:
    assert field in fields({field: value}) or ("budget" in fields({field: value}) and field.startswith("packet"))


@pytest.mark.parametrize(
    ("typed", "ppm"),
    [
        ("10%", 100_000),
        ("10 %", 100_000),
        ("１０％", 100_000),
        (" 10．5 ％ ", 105_000),
        ("0.1%", 1_000),
        ("0.1", 1_000),
        ("100％", 1_000_000),
    ],
)
def test_odds_are_percent_in_every_spelling(typed: str, ppm: int) -> None:
    assert draft.read(form(odds=typed), NOW).terms["odds_ppm"] == ppm


@pytest.mark.parametrize("typed", ["1,200", "１２００", "1，200", "1200"])
@pytest.mark.parametrize("mark", ["{}", "¥{}", "￥ {}", "{} 元", "{}．00"])
def test_numbers_and_amounts_are_read_as_people_type_them(typed: str, mark: str) -> None:
    made = draft.read(form(expected_people=typed, budget=mark.format(typed)), NOW)
    assert (made.expected_people, made.budget_fen) == (1_200, 120_000)


def test_all_faults_are_named_at_once() -> None:
    assert {"budget", "odds", "title", "daily_from", "wishing"} <= fields(
        {"budget": "x", "odds": "x", "title": "", "daily_from": "x", "wishing": "祝" * 20}
    )
    assert len(fields(dict.fromkeys(("name", "begin_at", "end_at", "budget", "send_name", "rules"), ""))) == 6


@pytest.mark.parametrize(
    "text",
    [
        "关注后即可领取红包",
        "请先关注公众号后抽奖",
        "分享到朋友圈再抽一次",
        "转发给好友得红包",
        "集赞20个",
        "邀请好友一起领",
        "好友助力",
        "Follow us to win a packet",
        "share this page to get another try",
    ],
)
def test_conditions_of_following_or_sharing_are_refused_S40(text: str) -> None:
    assert "rules" in fields({"rules": text})


@pytest.mark.parametrize("text", ["无需关注即可参与", "转发的页面不能参与抽奖", "本活动与分享无关", "请关注店内海报"])
def test_honest_rules_pass_S40(text: str) -> None:
    assert draft.read(form(rules=text), NOW).rules == text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"split": "random", "min_amount": "1", "max_amount": "1.50"}, "budget"),
        ({"split": "random", "min_amount": "3", "max_amount": "9"}, "budget"),
        ({"split": "random", "min_amount": "5", "max_amount": "1"}, "max_amount"),
        ({"split": "random", "min_amount": "0.5", "max_amount": "9"}, "min_amount"),
        ({"split": "tiers"}, "tiers"),
        ({"split": "tiers", "tier_label": ["a"], "tier_amount": ["0.5"], "tier_count": ["5"]}, "tiers"),
        ({"split": "tiers", "tier_label": ["a"], "tier_amount": ["x"], "tier_count": ["5"]}, "tiers"),
        ({"split": "tiers", "tier_label": ["a"], "tier_amount": ["500"], "tier_count": ["5"]}, "budget"),
        ({"split": "tiers", "tier_label": ["a"], "tier_amount": ["5"], "tier_count": ["0"]}, "tiers"),
    ],
)
def test_splits_that_cannot_be_are_named_F31(changes: dict[str, Any], field: str) -> None:
    assert field in fields(changes)


def test_every_amount_up_to_199_yuan_round_trips_F30() -> None:
    for amount_fen in range(19_901):
        assert parse_yuan(yuan(amount_fen)) == amount_fen


@given(st.text(max_size=12))
@many()
def test_money_text_is_exact_or_refused_F30(text: str) -> None:
    try:
        amount_fen = parse_yuan(text)
    except NotMoney:
        return
    assert isinstance(amount_fen, int)
    assert amount_fen >= 0
    assert parse_yuan(yuan(amount_fen)) == amount_fen


@given(
    st.dictionaries(
        st.sampled_from(sorted({*draft_form.READERS, *draft_part.PART.fields, "tier_amount"})), st.text(max_size=30)
    )
)
@many()
def test_no_text_in_a_form_breaks_the_reader_S74(changes: dict[str, str]) -> None:
    try:
        draft.read(form(**changes), NOW)
    except Faulty as faulty:
        assert faulty.faults


def test_a_draft_is_saved_edited_submitted_approved(database: Database) -> None:
    with database.transaction() as session:
        marketer, cashier = hire(session, "marketer", "cashier")
    campaign_id = in_one(database, draft.save, draft.read(form(), NOW), marketer, NOW)
    in_one(database, draft.save, draft.read(form(name="春天"), NOW), marketer, NOW, campaign_id)
    sha256 = in_one(database, draft.submit, campaign_id, marketer, NOW)
    in_one(database, draft.approve, campaign_id, cashier, NOW, sha256)
    with database.reading() as session:
        campaign = session.get_one(Campaign, campaign_id)
        assert (campaign.name, campaign.status, campaign.approved_by) == ("春天", "approved", cashier)
        assert session.get_one(Budget, campaign_id).budget_fen == 40_000
        assert ledger.balances(session, campaign_id)["reserved"] == 40_000
        assert len(draft.amounts_of(campaign)) == 200
        assert draft.content_sha256(campaign) == campaign.content_sha256


def test_the_person_who_wrote_or_submitted_cannot_approve_S56(database: Database) -> None:
    with database.transaction() as session:
        writer, submitter, cashier = hire(session, "marketer", "marketer", "cashier")
    campaign_id = in_one(database, draft.save, draft.read(form(), NOW), writer, NOW)
    in_one(database, draft.submit, campaign_id, submitter, NOW)
    for person in (writer, submitter):
        with pytest.raises(Refusal) as caught:
            in_one(database, draft.approve, campaign_id, person, NOW)
        assert caught.value.reason == "four_eyes"
    in_one(database, draft.approve, campaign_id, cashier, NOW)


def test_the_database_itself_refuses_one_person_as_both_S56(database: Database) -> None:
    with database.transaction() as session:
        (marketer,) = hire(session, "marketer")
    campaign_id = in_one(database, draft.save, draft.read(form(), NOW), marketer, NOW)
    in_one(database, draft.submit, campaign_id, marketer, NOW)
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(
            update(Campaign).where(Campaign.id == campaign_id).values(approved_by=marketer, status="approved")
        )


def test_approval_binds_the_content_that_was_shown_I16(database: Database) -> None:
    with database.transaction() as session:
        marketer, cashier = hire(session, "marketer", "cashier")
    campaign_id = in_one(database, draft.save, draft.read(form(), NOW), marketer, NOW)
    in_one(database, draft.submit, campaign_id, marketer, NOW)
    with pytest.raises(Refusal) as caught:
        in_one(database, draft.approve, campaign_id, cashier, NOW, "0" * 64)
    assert caught.value.reason == "content"
    with database.transaction() as session:  # a change by hand, past the verbs
        session.execute(update(Campaign).where(Campaign.id == campaign_id).values(packet_fen=100))
    with pytest.raises(Refusal):
        in_one(database, draft.approve, campaign_id, cashier, NOW)


def test_thirty_two_approvals_at_once_set_the_money_aside_once_F24(database: Database) -> None:
    with database.transaction() as session:
        marketer, *cashiers = hire(session, "marketer", *["cashier"] * 4)
    campaign_id = in_one(database, draft.save, draft.read(form(), NOW), marketer, NOW)
    in_one(database, draft.submit, campaign_id, marketer, NOW)
    outcomes: list[str] = []

    def click(cashier: int) -> None:
        try:
            in_one(database, draft.approve, campaign_id, cashier, NOW)
            outcomes.append("approved")
        except Refusal as refused:
            outcomes.append(refused.reason)

    clicks = [threading.Thread(target=click, args=(cashiers[n % 4],)) for n in range(32)]
    for thread in clicks:
        thread.start()
    for thread in clicks:
        thread.join()
    assert sorted(outcomes) == ["approved"] + ["status"] * 31
    with database.reading() as session:
        assert ledger.balances(session)["reserved"] == 40_000


def test_only_a_draft_can_be_edited_and_sending_back_gives_the_money_back(database: Database) -> None:
    with database.transaction() as session:
        marketer, cashier = hire(session, "marketer", "cashier")
    good = draft.read(form(), NOW)
    campaign_id = in_one(database, draft.save, good, marketer, NOW)
    in_one(database, draft.submit, campaign_id, marketer, NOW)
    with pytest.raises(Refusal):
        in_one(database, draft.save, good, marketer, NOW, campaign_id)
    in_one(database, draft.approve, campaign_id, cashier, NOW)
    in_one(database, draft.send_back, campaign_id, cashier, NOW)
    with database.reading() as session:
        assert ledger.balances(session)["reserved"] == 0
        assert [row.budget_fen for row in session.scalars(select(Budget))] == [0]
    in_one(database, draft.save, good, marketer, NOW, campaign_id)
    in_one(database, draft.submit, campaign_id, marketer, NOW)
    in_one(database, draft.approve, campaign_id, cashier, NOW)
    with database.reading() as session:
        assert ledger.balances(session)["reserved"] == 40_000


def test_a_keyword_belongs_to_one_campaign_and_a_copy_has_none(database: Database) -> None:
    with database.transaction() as session:
        (marketer,) = hire(session, "marketer")
    campaign_id = in_one(database, draft.save, draft.read(form(keyword="Cafe"), NOW), marketer, NOW)
    with pytest.raises(Faulty) as caught:
        in_one(database, draft.save, draft.read(form(keyword="CAFE"), NOW), marketer, NOW)
    assert [fault.field for fault in caught.value.faults] == ["keyword"]
    copied = in_one(database, draft.copy, campaign_id, marketer, NOW)
    with database.reading() as session:
        first, second = session.get_one(Campaign, campaign_id), session.get_one(Campaign, copied)
        assert second.keyword == ""
        assert second.split_seed != first.split_seed
        assert second.status == "draft"


def test_what_nobody_sees_is_no_part_of_a_text() -> None:
    made = draft.read(form(name="\u202e新春\u200b摇红包", rules="第一条\x07\r\n第二条\u2028第三条"), NOW)
    assert (made.name, made.rules) == ("新春摇红包", "第一条\n第二条\n第三条")
