"""A running campaign changes only to people's advantage, when a second person agrees, and its draws and its archive follow."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from tests.draws.stage import Phone
from tests.instant.stage import InstantStage, approved, archive_of, set_wheel, tap
from tests.staff.consoles import PASSWORD, Browser
from wxbot import invariants
from wxbot.campaigns import launch
from wxbot.campaigns.models import Campaign
from wxbot.clock import SHANGHAI
from wxbot.draws.draw_state import draw_state_of
from wxbot.instant.archive import checked
from wxbot.instant.gaps import LEAP, leap
from wxbot.instant.models import PrizeCode, RuleVersion
from wxbot.payouts.models import RuleChange
from wxbot.runtime import Runtime
from wxbot.staff import accounts
from wxbot.staff.models import Staff


class Office:
    """A marketer who wrote a campaign, and a cashier who agrees."""

    def __init__(self, app: Flask, runtime: Runtime) -> None:
        for login, role in (("li", "marketer"), ("wang", "cashier")):
            accounts.hire(runtime.database, f"{login}.test", login, role, PASSWORD, runtime.clock.now())
        with runtime.database.transaction() as session:
            session.execute(update(Staff).values(openid="o-" + Staff.login))
        self.runtime = runtime
        self.li, self.wang = Browser(app, "li"), Browser(app, "wang")

    def wheel(self, *prizes: dict[str, Any], **changes: Any) -> InstantStage:
        return set_wheel(self.runtime, *prizes, created_by=1, **changes)

    def ask(self, stage: InstantStage, **form: str) -> str:
        """What the marketer reads after asking."""
        self.li.post(f"/admin/campaigns/{stage.campaign_id}/changes", form)
        return self.page(self.li, stage)

    def page(self, browser: Browser, stage: InstantStage) -> str:
        told = unescape(browser.get(f"/admin/campaigns/{stage.campaign_id}/changes").text)
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", told))

    def seen(self, stage: InstantStage) -> str:
        found = re.search(
            r'name="content_sha256" value="(\w*)"',
            self.wang.get(f"/admin/campaigns/{stage.campaign_id}/changes").text,
        )
        assert found
        return found[1]

    def agree(self, stage: InstantStage, seen: str = "") -> str:
        """What the cashier reads after agreeing to what the page shows, or to something else."""
        form = {"content_sha256": seen or self.seen(stage)}
        self.wang.post(f"/admin/campaigns/changes/{self.change().id}/approve", form)
        draw_state_of(self.runtime).snapshots.forget()
        return self.page(self.wang, stage)

    def change(self) -> RuleChange:
        with self.runtime.database.reading() as session:
            return session.scalars(select(RuleChange).order_by(RuleChange.id.desc()).limit(1)).one()

    def versions(self, stage: InstantStage) -> int:
        with self.runtime.database.reading() as session:
            return len(session.scalars(select(RuleVersion).where(RuleVersion.campaign_id == stage.campaign_id)).all())

    def campaign(self, stage: InstantStage) -> Campaign:
        with self.runtime.database.reading() as session:
            return session.get_one(Campaign, stage.campaign_id)


@pytest.fixture
def office(app: Flask, runtime: Runtime) -> Office:
    return Office(app, runtime)


def later(stage: InstantStage, days: int) -> str:
    with stage.runtime.database.reading() as session:
        end_at = session.get_one(Campaign, stage.campaign_id).end_at
    return f"{(end_at + timedelta(days=days)).astimezone(SHANGHAI):%Y-%m-%dT%H:%M}"


def test_more_stock_and_a_later_end_hold_when_a_second_person_agrees_and_draws_follow(
    office: Office, runtime: Runtime, ming: Phone, hong: Phone
) -> None:
    stage = office.wheel({"stock": 1}, {"odds_ppm": 0, "stock": 1}, budget_fen=200)  # by today's checks, one too many
    before = office.campaign(stage)
    assert tap(ming, stage).get_json()["outcome"] == "won"
    assert tap(hong, stage).get_json()["outcome"] != "won"
    asked = office.ask(stage, more_1="2", end_at=later(stage, 2))
    assert "已提交" in asked and "一元 1 → 3" in asked and "预算 ¥2.00 → ¥4.00" in asked and "批准" in asked
    assert "进行中的活动要改" in office.wang.get("/admin/").text
    assert "有一项修改等待批准" in office.li.get(f"/admin/campaigns/{stage.campaign_id}").text
    assert (office.versions(stage), stage.prizes()[0].stock, office.campaign(stage).end_at) == (1, 1, before.end_at)
    assert office.li.post(f"/admin/campaigns/changes/{office.change().id}/approve", {}).status_code == 403

    assert "新规则已公布" in office.agree(stage)
    after = office.campaign(stage)
    assert (office.versions(stage), after.budget_fen, after.version) == (2, 400, before.version + 1)
    assert timedelta(days=2) - (after.end_at - before.end_at) < timedelta(minutes=1)
    assert after.terms["prizes"][0]["stock"] == 3 and (stage.prizes()[0].stock, stage.prizes()[0].left) == (3, 2)
    kept, books = stage.books()
    assert (kept.budget_fen, books["reserved"], books["owed"]) == (400, 300, 100)
    assert tap(hong, stage).get_json()["outcome"] == "won"
    assert [draw.rule_version for draw in stage.draws() if draw.outcome == "won"] == [1, 2]
    stage.check_books()
    with runtime.database.transaction() as session:
        assert leap(session, "restored", runtime.clock.now()) == 1
    assert tap(ming, stage).get_json()["k"] > LEAP
    stage.change(status="closing", carry=True)
    stage.work()
    assert (office.campaign(stage).status, {award.status for award in stage.awards()}) == ("closed", {"open"})
    lines = archive_of(stage)
    assert checked(lines).findings == [], "two versions, a gap, and awards that are carried to their deadline"
    assert {fault.what for fault in checked([line for line in lines if '"award"' not in line]).findings} >= {"award"}
    assert "3 份" in ming.get(f"{stage.path}/rules").get_data(as_text=True)
    assert "进行中的活动要改" not in office.wang.get("/admin/").text
    with runtime.database.reading() as session:
        assert invariants.payouts_have_two_people(session) == invariants.four_eyes(session) == 0


@pytest.mark.parametrize(
    ("prize", "form", "said"),
    [
        ({}, {"end_at": "-1"}, "结束时间提前了"),
        ({"release": {"way": "even", "weights": []}}, {"end_at": "+3"}, "的投放变慢了"),
        ({"split": "exact", "total_fen": 500}, {"more_1": "1"}, "已经分好，不能再改数量和总额"),
        ({"kind": "code", "min_fen": 0, "max_fen": 0}, {"more_1": "1"}, "还缺 1 个卡密"),
        ({}, {"more_1": "一百"}, "请填写整数"),
        ({}, {"more_1": "99999999"}, "数量为 1 到"),
        ({}, {"more_2": "1"}, "状态已经变化"),
        ({}, {}, "没有要改的内容"),
    ],
)
def test_what_would_be_worse_for_anybody_or_is_not_covered_is_refused(
    office: Office, runtime: Runtime, prize: dict[str, Any], form: dict[str, str], said: str
) -> None:
    stage = office.wheel(prize, budget_fen=500) if prize.get("kind") != "code" else coded(office)
    if days := int(form.get("end_at", "0")):
        form = {"end_at": later(stage, days)}
    assert said in office.ask(stage, **form)
    with runtime.database.reading() as session:
        assert session.scalars(select(RuleChange)).all() == []


def coded(office: Office) -> InstantStage:
    """A campaign that gives codes, and has one for its one prize."""
    prize = {"kind": "code", "min_fen": 0, "max_fen": 0, "value_fen": 100, "stock": 1}
    stage = approved(office.runtime, prize, created_by=1)
    stage.import_codes("KEY-1")
    stage.work()
    return stage


def test_only_what_was_seen_is_agreed_to_one_waits_at_a_time_and_it_can_be_taken_back(
    office: Office, runtime: Runtime
) -> None:
    stage = office.wheel({"stock": 1}, budget_fen=100)
    office.ask(stage, more_1="1")
    assert "已有一项规则修改等待批准" in office.ask(stage, more_1="5")
    first = office.seen(stage)
    office.li.post(f"/admin/campaigns/changes/{office.change().id}/refuse", {})
    assert "新的结束时间" in office.page(office.li, stage)
    office.ask(stage, more_1="5")
    assert "内容与看到的不一致" in office.agree(stage, first)
    assert stage.prizes()[0].stock == 1
    with runtime.database.transaction() as session:
        session.execute(update(Staff).where(Staff.login == "wang.test").values(openid=None))
    assert "wang还没有绑定自己的微信" in office.agree(stage, "x")
    stage.change(status="closing")
    assert "只有进行中或暂停的活动" in office.agree(stage, "x")
    assert "进行中的活动要改" not in office.wang.get("/admin/").text
    assert (office.versions(stage), stage.books()[0].budget_fen) == (1, 100)


def test_a_run_that_knew_the_old_end_does_not_close_a_campaign_that_was_extended(
    office: Office, runtime: Runtime
) -> None:
    stage = office.wheel({})
    known = office.campaign(stage)
    office.ask(stage, end_at=later(stage, 1))
    office.agree(stage)
    known.end_at = runtime.clock.now() - timedelta(seconds=1)
    assert launch.end(runtime, known) == 0
    assert office.campaign(stage).status == "on"


def test_codes_lie_ready_while_a_campaign_runs_and_are_given_when_their_number_is_agreed_to(
    office: Office, runtime: Runtime, ming: Phone, hong: Phone
) -> None:
    stage = coded(office)
    assert tap(ming, stage).get_json()["outcome"] == "won"
    assert "先导入卡密" in office.page(office.li, stage)
    assert "新增 1 个" in office.li.post(f"/admin/campaigns/{stage.campaign_id}/codes/1", {"codes": "KEY-2"}).text
    assert (stage.prizes()[0].stock, stage.prizes()[0].left) == (1, 0), "the draws of before are not forgotten"
    draw_state_of(runtime).snapshots.forget()
    assert tap(hong, stage).get_json()["outcome"] == "sold_out"
    office.ask(stage, more_1="1")
    office.agree(stage)
    assert tap(hong, stage).get_json()["outcome"] == "won"
    with runtime.database.reading() as session:
        assert None not in session.scalars(select(PrizeCode.award_id)).all()
