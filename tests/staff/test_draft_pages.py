"""Drafts in the console: anything is kept, the check comes with the submission, and what may surprise is said before the approval."""

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

from flask import Flask
from sqlalchemy import select, update

from tests.staff.consoles import NOON, Browser, form_at
from wxbot.budget import Budget
from wxbot.campaigns import draft
from wxbot.campaigns.models import Campaign
from wxbot.clock import SHANGHAI
from wxbot.db import Database
from wxbot.draws.models import Draw, DrawCount
from wxbot.staff.models import AuditEvent

TYPED: dict[str, Any] = {
    "name": "五一 <想法>",
    "budget": "大概两千",
    "odds": "1/10",
    "rules": "第一行\r\n第二行",
    "split": "tiers",
}
TIERS = {"tier_label": ["一等奖", ""], "tier_amount": ["八十八", ""], "tier_count": ["", ""]}


def database_of(app: Flask) -> Database:
    database: Database = app.extensions["wxbot"].database
    return database


def kept(browser: Browser, values: dict[str, Any], path: str = "/admin/campaigns/new") -> str:
    """Save a form; where the answer leads to."""
    answer = browser.post(path, values)
    assert answer.status_code == 303
    return answer.headers["Location"]


def notices(browser: Browser, path: str) -> str:
    """The notices of a page, without markup."""
    return unescape(
        re.sub(r"<[^>]+>", " ", " ".join(re.findall(r'class="notice .*?</div></div>', browser.get(path).text, re.S)))
    )


def test_a_half_written_draft_is_kept_as_it_was_typed_and_cannot_be_submitted(console_app: Flask) -> None:
    browser = Browser(console_app, "li")
    edit = kept(browser, TYPED | TIERS)
    page, text = edit.removesuffix("/edit"), unescape(browser.get(edit).text)
    for typed in ("五一 <想法>", "大概两千", "1/10", "第二行", "八十八", "一等奖"):
        assert typed in text
    assert 'value="tiers" checked' in text
    browser.post(f"{page}/submit")
    told = unescape(browser.get(page).text)
    assert (
        "最多四位小数" in told and "没有入口" in told and "还没写完" in told and 'data-dialog="do-submit"' not in told
    )
    assert "还没写完" in browser.get("/admin/campaigns").text
    with database_of(console_app).reading() as session:
        campaign = session.get_one(Campaign, 1)
        assert (campaign.status, campaign.name, campaign.budget_fen) == ("draft", "五一 <想法>", 0)
        assert session.scalars(select(AuditEvent.outcome).where(AuditEvent.action == "campaign_submit")).all() == [
            "refused"
        ]
    whole = form_at(NOON)
    assert kept(browser, whole, edit) == page
    assert browser.post(f"{page}/submit").status_code == 303
    with database_of(console_app).reading() as session:
        campaign = session.get_one(Campaign, 1)
        assert (campaign.status, campaign.half_written, campaign.budget_fen) == ("submitted", None, 40_000)


def test_whatever_is_written_comes_back_and_is_never_submitted(console_app: Flask) -> None:
    browser = Browser(console_app, "li")
    forms: tuple[dict[str, Any], ...] = (
        {},
        {"name": "长" * 300},
        {"begin_at": "2026-03-16T09:00", "name": "只有开始"},
        {"split": "抽签", "budget": "400", "name": "反"},
        form_at(NOON, rules="关注后即可领取", keyword=""),
        form_at(NOON, device_ids="", keyword=""),
    )
    for values in forms:
        edit = kept(browser, values)
        shown = unescape(browser.get(edit).text)
        for field, typed in values.items():
            assert typed.split("\n")[0] in shown or field == "split"
        browser.post(f"{edit.removesuffix('/edit')}/submit")
    with database_of(console_app).reading() as session:
        assert session.scalars(select(Campaign.status)).all() == ["draft"] * len(forms)


def test_a_field_of_absurd_length_is_shown_again_and_not_kept(console_app: Flask) -> None:
    browser = Browser(console_app, "li")
    answer = browser.post("/admin/campaigns/new", {"rules": "x" * 20_001})
    assert answer.status_code == 422 and "每一栏最多" in answer.text
    with database_of(console_app).reading() as session:
        assert session.scalars(select(Campaign)).all() == []


def test_a_keyword_that_is_taken_waits_in_the_draft_until_it_is_free(console_app: Flask) -> None:
    browser = Browser(console_app, "li")
    kept(browser, form_at(NOON, keyword="Cafe"))
    edit = kept(browser, form_at(NOON, keyword="CAFE"))
    assert "关键词已被活动" in browser.get(edit).text
    page = edit.removesuffix("/edit")
    browser.post(f"{page}/submit")
    with database_of(console_app).transaction() as session:
        assert session.get_one(Campaign, 2).status == "draft"
        session.execute(update(Campaign).where(Campaign.id == 1).values(status="closed"))
    browser.post(f"{page}/submit")
    with database_of(console_app).reading() as session:
        campaign = session.get_one(Campaign, 2)
        assert (campaign.status, campaign.keyword, campaign.half_written) == ("submitted", "CAFE", None)


def test_a_draft_is_deleted_with_a_line_in_the_audit_log_and_its_number_is_never_given_again(
    console_app: Flask,
) -> None:
    browser = Browser(console_app, "li")
    page = kept(browser, form_at(NOON))
    assert Browser(console_app, "zhao").post(f"{page}/delete").status_code == 404
    assert Browser(console_app, "wang").post(f"{page}/delete").status_code == 403
    assert browser.post(f"{page}/delete").headers["Location"] == "/admin/campaigns"
    assert browser.get(page).status_code == 404
    again = kept(browser, form_at(NOON))
    assert again == "/admin/campaigns/2"
    browser.post(f"{again}/submit")
    assert browser.post(f"{again}/delete").headers["Location"] == again
    with database_of(console_app).reading() as session:
        assert [row.id for row in session.scalars(select(Campaign))] == [2]
        assert session.get_one(Budget, 1).budget_fen == 0
        events = session.scalars(
            select(AuditEvent).where(AuditEvent.action == "campaign_delete").order_by(AuditEvent.id)
        ).all()
    assert [(event.target, event.outcome) for event in events] == [("campaign:1", "done"), ("campaign:2", "refused")]
    assert events[0].detail["name"] == "新春到店有礼"
    assert "删除草稿" in Browser(console_app, "chen").get("/admin/audit").text


def test_the_list_is_searched_by_name_keyword_and_number_and_paged(console_app: Flask) -> None:
    browser = Browser(console_app, "li")
    for n in range(23):
        kept(browser, {"name": f"周末 100% 第{n:02d}场", "keyword": ""})
    kept(browser, form_at(NOON, name="会员_日", act_name="会员有礼", keyword="Vip"))

    def found(query: str) -> list[str]:
        return re.findall(r'campaign-card" href="/admin/campaigns/(\d+)', browser.get(f"/admin/campaigns?{query}").text)

    for query in ("q=会员_", "q=vip", "q=会员有礼", "q=24", "q=%2324"):
        assert found(query) == ["24"], query
    for query in ("q=员日", "q=_", "q=100%25x", "q=没有"):
        assert found(query) == (["24"] if query == "q=_" else []), query
    assert "没有找到" in browser.get("/admin/campaigns?q=没有").text
    first = browser.get("/admin/campaigns?q=100%25").text
    older = unescape(re.findall(r'class="pager"><a class="btn" href="([^"]+)', first)[0])
    assert (
        len(re.findall("campaign-card", first)) == 20 and len(re.findall("campaign-card", browser.get(older).text)) == 3
    )
    assert Browser(console_app, "zhao").get("/admin/campaigns?q=会员").text.count("campaign-card") == 0


def test_a_copy_keeps_hours_and_length_but_no_date_that_has_passed(console_app: Flask) -> None:
    browser = Browser(console_app, "li")
    page = kept(browser, form_at(NOON))
    ahead = kept(browser, {}, f"{page}/copy")
    with database_of(console_app).transaction() as session:
        source, copied = session.get_one(Campaign, 1), session.get_one(Campaign, 2)
        assert copied.begin_at == source.begin_at
        source.begin_at -= timedelta(days=9)
        source.end_at -= timedelta(days=9)
        begin_at, length = source.begin_at, source.end_at - source.begin_at
    edit = kept(browser, {}, f"{page}/copy")
    assert "日期顺延到" in browser.get(edit).text and edit != ahead
    with database_of(console_app).reading() as session:
        copied = session.get_one(Campaign, 3)
        assert NOON < copied.begin_at < NOON + timedelta(days=1)
        assert copied.begin_at.astimezone(SHANGHAI).time() == begin_at.astimezone(SHANGHAI).time()
        assert copied.end_at - copied.begin_at == length
    half = kept(browser, {"name": "旧", "begin_at": "2026-01-01T09:00", "end_at": "2026-01-05T09:00", "odds": "x"})
    text = browser.get(kept(browser, {}, f"{half.removesuffix('/edit')}/copy")).text
    assert "2026-01" not in text and 'value="x"' in text and "旧 副本" in text


def test_what_may_surprise_is_said_while_writing_and_before_the_approval(console_app: Flask) -> None:
    browser, cashier = Browser(console_app, "li"), Browser(console_app, "wang")
    first = kept(browser, form_at(NOON, name="门口抽奖", keyword=""))
    browser.post(f"{first}/submit")
    night = form_at(NOON, name="夜场", keyword="", device_ids="1002，1003", daily_from="00:30", daily_until="07:30")
    second = kept(browser, night)
    browser.post(f"{second}/submit")
    for words in (notices(cashier, second), browser.post("/admin/campaigns/forecast", night | {"campaign": "2"}).text):
        assert "“门口抽奖”也用设备 1002：" in words and "0:30–7:30" in words and "1003" not in words
    for form in (
        form_at(NOON, keyword="", device_ids="1009"),
        form_at(NOON + timedelta(days=9), keyword="", device_ids="1002"),
    ):
        assert "也用设备" not in browser.post("/admin/campaigns/forecast", form).text
    assert "不收新红包" not in browser.post("/admin/campaigns/forecast", form_at(NOON, daily_from="08:00")).text
    with database_of(console_app).transaction() as session:
        session.execute(update(Campaign).where(Campaign.id == 1).values(status="closed"))
    assert "也用设备" not in notices(cashier, second)


def test_without_a_beacon_nobody_approves_or_launches_what_an_older_version_let_pass(console_app: Flask) -> None:
    browser, cashier = Browser(console_app, "li"), Browser(console_app, "wang")
    page = kept(browser, form_at(NOON))
    browser.post(f"{page}/submit")
    with database_of(console_app).transaction() as session:
        campaign = session.get_one(Campaign, 1)
        campaign.terms = campaign.terms | {"device_ids": []}
        campaign.content_sha256 = sha256 = draft.content_sha256(campaign)
    assert "没有入口" in notices(cashier, page)
    cashier.post(f"{page}/approve", {"content_sha256": sha256})
    with database_of(console_app).transaction() as session:
        campaign = session.get_one(Campaign, 1)
        assert campaign.status == "submitted"
        campaign.status = "approved"
    browser.post(f"{page}/launch")
    assert "没有入口" in browser.get(page).text
    with database_of(console_app).reading() as session:
        assert session.get_one(Campaign, 1).status == "approved"


def test_beside_a_fault_the_forecast_shows_the_fault_and_no_figure(console_app: Flask) -> None:
    browser = Browser(console_app, "li")
    tiers = {"split": "tiers", "tier_label": ["a"], "tier_amount": ["x"], "tier_count": ["5"]}
    for changes, word, fault in (
        ({"budget": "4oo"}, "预算", "请填写金额"),
        ({"odds": "1/10"}, "中奖概率", "十次中一次填 10"),
        ({"end_at": "2026-03-01T09:00"}, "结束时间", "已经过去"),
        ({"end_at": "9999-12-31T23:59"}, "结束时间", "请检查年月日"),
        ({"packet_amount": "0.5"}, "每个金额", "微信规定"),
        (tiers, "分档奖励", "第 1 档"),
    ):
        shown = browser.post("/admin/campaigns/forecast", form_at(NOON) | changes).text
        assert word in shown and fault in shown and "¥" not in shown and "填好时间" not in shown, changes


def test_the_forecast_speaks_of_people_chances_and_money(console_app: Flask) -> None:
    shown = Browser(console_app, "li").post("/admin/campaigns/forecast", form_at(NOON, odds="10%")).text
    assert "约 10 次中 1 次" in shown and "边抽边补" in shown
    for word in ("批", "下单", "录入", "奖池", "备货批次"):
        assert word not in shown
    assert "填好时间" in Browser(console_app, "li").post("/admin/campaigns/forecast", {}).text


def test_the_funnel_counts_people_once_and_a_lost_try_turns_nobody_away(story_app: Flask) -> None:
    browser = Browser(story_app, "li")
    before = json.loads(browser.get("/admin/campaigns/2/draws.json").text)
    assert before["labels"] == []
    with database_of(story_app).transaction() as session:
        for n, (openid, status) in enumerate(
            (("oA", "missed"), ("oA", "missed"), ("oB", "missed"), ("oB", "admitted"))
        ):
            session.add(Draw(campaign_id=2, openid=openid, status=status, ticket_hash=f"t{n}", admitted_at=NOON))
        for outcome, n in (("page", 9), ("shake", 7), ("missed", 3), ("admitted", 2), ("too_often", 4)):
            session.add(DrawCount(campaign_id=2, hour=NOON.replace(minute=0), outcome=outcome, n=n))
        session.add(DrawCount(campaign_id=2, hour=NOON.replace(minute=0) - timedelta(hours=5), outcome="page", n=1))
    shown = browser.get("/admin/campaigns/2/funnel").text
    rows = dict(re.findall(r"<span>([^<]+)</span><svg.*?<b>([\d,]+)</b>", shown, re.S))
    assert (rows["抽过的人"], rows["抽中的人"], rows["抽奖"], rows["没抽中"], rows["打开页面"]) == (
        "2",
        "0",
        "5",
        "3",
        "10",
    )
    refused = shown.split("被婉拒的次数")[1]
    assert "点得太快啦" in refused and "这次没有抽中" not in refused
    chart = json.loads(browser.get("/admin/campaigns/2/draws.json").text)
    assert chart["series"]["page"] == [1, 0, 0, 0, 0, 9]
    assert (sum(chart["series"]["refused"]), sum(chart["series"]["missed"])) == (4, 3)
    assert len(chart["labels"]) == 6
