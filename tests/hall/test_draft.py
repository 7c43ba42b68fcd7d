"""A hall from the console's form to its close: what a draft cannot be, what the launch publishes, when the doors open and shut."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.hall.drafts import gala
from tests.hall.hosting import Host
from tests.hall.stage import launched, open_hall
from tests.staff.consoles import PASSWORD, Browser
from wxbot import ledger
from wxbot.campaigns import draft, launch
from wxbot.campaigns.models import Campaign
from wxbot.hall import journal, selection
from wxbot.hall.models import Game, Hall, HallPrize
from wxbot.instant import awards
from wxbot.instant.models import Award, Prize, RuleVersion
from wxbot.runtime import Runtime
from wxbot.staff import accounts
from wxbot.staff.models import Staff
from wxbot.text import Refusal


def stored(runtime: Runtime) -> Campaign:
    with runtime.database.reading() as session:
        return session.scalars(select(Campaign)).one()


def test_a_draft_is_kept_with_its_prizes_their_rules_and_the_rain(marketer: Browser, runtime: Runtime) -> None:
    place = marketer.post("/admin/campaigns/new", gala(runtime)).headers["Location"]
    kept = stored(runtime)
    assert kept.half_written is None and kept.mechanic == "hall"
    third, first, rain = kept.terms["prizes"]
    assert (third["way"], third["per_selection"], third["scope"], third["absence"]) == (
        "selection",
        5,
        "evening",
        "slot",
    )
    assert (first["kind"], first["max_fen"], first["value_fen"], first["groups"]) == ("goods", 0, 300_000, ["销售部"])
    assert (rain["split"], rain["total_fen"], rain["seconds"], rain["per_selection"]) == ("exact", 10_000, 20, 3)
    assert (first["leftover"], rain["leftover"]) == ("budget", "person")
    edit = marketer.get(f"{place}/edit?step=prizes").text
    for typed in (
        "0.50-2.00",
        'value="100"',
        'value="slot" selected',
        'value="rain" selected',
        'value="person" selected',
        "3000.00",
    ):
        assert typed in edit
    page = unescape(marketer.get(place).text)
    assert "三个人举起事先备好的号码" in page and "只限 销售部" in page and "共 ¥100.00，正好分完" in page
    assert "没接住的也归本人" in page
    told = unescape(marketer.post("/admin/campaigns/forecast", gala(runtime)).text)
    assert "¥760.00" in told and "¥3,000.00" in told


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"budget": "700"}, "所有奖品发完要 760.00 元，预算不够"),
        ({"prize_total": ["", "", ""]}, "第 3 个奖品：请填总额"),
        ({"prize_groups": ["", "财务部", ""]}, "第 2 个奖品：没有“财务部”这个分组"),
        ({"prize_each": ["11", "1", "3"]}, "第 1 个奖品：一次抽取 1 到 10 人"),
        ({"prize_amount": ["60-70", "3000", "0.50-2.00"]}, "第 1 个奖品：金额请写一个数"),
        ({"prize_amount": ["66", "60000", "0.50-2.00"]}, "50,000"),
        ({"prize_seconds": ["", "", "1000"]}, "时长为 5 到 300 秒"),
        (
            {"prize_amount": ["66", "3000", "0.50-90"], "prize_total": ["", "", "500"], "budget": "9000"},
            "第 3 个奖品：一个人抢满 3 个可以得到 270.00 元，商家转账每笔最多 200.00 元",
        ),
        ({"prize_stock": ["10", "1", "20001"], "prize_amount": ["66", "3000", "0.50"]}, "红包雨最多 20,000 个红包"),
        ({"prize_way": ["selection", "race", "rain"]}, "第 2 个奖品：竞速的奖品请用现金或卡密"),
        ({"prize_leftover": ["", "", "host"]}, "第 3 个奖品：请选择没接住的红包归谁"),
        ({"mode": "dice"}, "请选择随机来源"),
        ({"end_at": "9999-12-31T23:59"}, "一场现场活动从开始到结束最多 7 天，最晚到"),
        ({"prize_name": ["关注后抽奖", "一等奖", "红包雨"]}, "关注"),
    ],
)
def test_what_a_hall_cannot_be_is_named_beside_its_field(
    marketer: Browser, runtime: Runtime, changes: dict[str, Any], sentence: str
) -> None:
    marketer.post("/admin/campaigns/new", gala(runtime, **changes))
    kept = stored(runtime)
    assert kept.half_written is not None
    assert sentence in unescape(marketer.get(f"/admin/campaigns/{kept.id}/edit?step=check").text)


def test_the_form_speaks_of_a_hall(marketer: Browser) -> None:
    seen = marketer.get("/admin/campaigns/new?mechanic=hall").text
    for word in ("奖品和规则", "时间和来宾", "谁能来", "一次抽几人", "每人最多抢"):
        assert word in seen, word
    assert "概率" not in seen and "谁能抽" not in seen
    assert "奖品和概率" in marketer.get("/admin/campaigns/new?mechanic=instant").text


def test_a_rehearsal_needs_no_money_for_its_prizes(marketer: Browser, runtime: Runtime) -> None:
    marketer.post("/admin/campaigns/new", gala(runtime, budget="1", is_rehearsal="1"))
    assert stored(runtime).half_written is None


def test_the_launch_lays_prizes_games_and_rules_and_commits_to_a_chain_before_the_doors_open(runtime: Runtime) -> None:
    begin_at = runtime.clock.now() + timedelta(hours=1)
    rain = {"way": "rain", "split": "exact", "total_fen": 1_000, "stock": 10, "per_selection": 2, "max_fen": 200}
    rain |= {"leftover": "person"}
    hall = launched(runtime, [{"groups": ["销售部"]}, rain], begin_at=begin_at, terms={"groups": ["销售部"]})
    assert hall.campaign().status == "on"
    committed, scheduled, fixed = hall.log()
    assert (scheduled.kind, scheduled.body) == ("scheduled", {"until": int(hall.campaign().end_at.timestamp())})
    assert fixed.kind == "game_fixed", "a rain is fixed with the commitment"
    assert committed.kind == "committed" and committed.body["hall_id"] == "gala" and committed.body["mode"] == "hall"
    assert [prize["name"] for prize in committed.body["prizes"]] == ["三等奖"]
    kept = hall.hall()
    chain = selection.make_chain("gala", bytes.fromhex(runtime.vault.open(kept.seed_sealed)), kept.chain_length)
    assert committed.body["commitment"] == kept.commitment == chain[0].hex()
    with runtime.database.reading() as session:
        rules = session.scalars(select(HallPrize)).one()
        game = session.scalars(select(Game)).one()
        prizes = session.scalars(select(Prize).order_by(Prize.ordinal)).all()
        published = session.scalars(select(RuleVersion)).one()
    assert (rules.ordinal, rules.per_selection, rules.groups) == (1, 3, ["销售部"])
    assert (game.kind, game.prize_id, game.terms["packets"]) == ("rain", prizes[1].id, 10)
    assert game.terms["leftover"] == "person"
    assert [(prize.odds_ppm, prize.left) for prize in prizes] == [(0, 3), (0, 10)]
    said = str(published.text["zh"])
    assert "没接住的红包也归本人；中途被排除的人，手机上已经显示接到的归本人，之后的接不到" in said
    assert "keeps what their phone says they caught" in str(published.text["en"])
    assert kept.commitment in said and "没有任何设置可以指定中奖人" in said and "示例小店" in said
    hall.work()
    assert len(hall.log()) == 3, "the doors stay shut until the window begins"
    with runtime.database.transaction() as session:
        session.execute(update(Campaign).values(begin_at=runtime.clock.now() - timedelta(seconds=1)))
    hall.work()
    hall.work()
    assert [line.kind for line in hall.log()] == ["committed", "scheduled", "game_fixed", "opened"]


def test_a_hall_goes_from_a_marketers_draft_over_a_second_persons_approval_to_its_commitment(
    marketer: Browser, runtime: Runtime
) -> None:
    marketer.post("/admin/campaigns/new", gala(runtime))
    campaign = stored(runtime)
    now = runtime.clock.now()
    accounts.hire(runtime.database, "chen.test", "chen", "cashier", PASSWORD, now - timedelta(days=30))
    with runtime.database.reading() as session:
        people = {row.login: row.id for row in session.scalars(select(Staff))}
    with pytest.raises(Refusal, match="微信"), runtime.database.transaction() as session:
        draft.submit(session, campaign.id, people["li.test"], now)
    with runtime.database.transaction() as session:
        for number, staff_id in enumerate(people.values()):
            session.get_one(Staff, staff_id).openid = f"o-staff-{number}"
    with runtime.database.transaction() as session:
        seen = draft.submit(session, campaign.id, people["li.test"], now)
    with pytest.raises(Refusal, match="内容与提交时不一致"), runtime.database.transaction() as session:
        terms = dict(campaign.terms)
        terms["prizes"] = [terms["prizes"][0] | {"groups": ["销售部"]}, *terms["prizes"][1:]]
        session.get_one(Campaign, campaign.id).terms = terms
        session.flush()
        draft.approve(session, campaign.id, people["chen.test"], now, seen)
    with runtime.database.transaction() as session:
        draft.approve(session, campaign.id, people["chen.test"], now, seen)
        assert ledger.balances(session, campaign.id)["reserved"] == 250_000
    with runtime.database.transaction() as session:
        launch.launch(session, campaign.id, people["li.test"], now)
    while launch.advance(runtime, campaign.id):
        pass
    with runtime.database.reading() as session:
        assert session.get_one(Campaign, campaign.id).status == "on"
        assert [line.kind for line in journal.entries(session, campaign.id)] == ["committed", "scheduled", "game_fixed"]
        assert session.get_one(Hall, campaign.id).mode == "hall"


def test_a_hall_without_the_money_for_its_prizes_is_not_launched(runtime: Runtime) -> None:
    hall = launched(runtime, [{}], budget_fen=299)
    campaign = hall.campaign()
    assert campaign.status == "launching" and "预算" in str(campaign.trouble_words)


def test_the_close_is_the_last_line_of_the_log(runtime: Runtime) -> None:
    hall = open_hall(runtime)
    with runtime.database.transaction() as session:
        session.execute(update(Campaign).values(status="closing"))
    hall.work()
    assert hall.campaign().status == "closed"
    assert [line.kind for line in hall.log()] == ["committed", "scheduled", "opened", "closed"]


def test_the_close_waits_for_a_selection_that_runs_and_for_what_is_owed_and_gives_the_rest_back(
    runtime: Runtime,
) -> None:
    hall = open_hall(runtime, [{"stock": 2, "per_selection": 1}], guests=2, terms={"carry": False})
    host = Host(hall)
    host.draw()
    host.reveal()
    with runtime.database.transaction() as session:
        session.execute(update(Campaign).values(status="closing"))
    hall.work()
    assert hall.campaign().status == "closing", "a selection is not settled"
    host.confirm(1)
    hall.work()
    assert hall.campaign().status == "closing", "the winner has not collected yet"
    with runtime.database.transaction() as session:
        session.execute(update(Award).values(deadline_at=runtime.clock.now() - timedelta(seconds=1)))
    awards.forfeit_due(runtime)
    hall.work()
    assert hall.campaign().status == "closed" and hall.log()[-1].kind == "closed"
    with runtime.database.reading() as session:
        balances = ledger.balances(session, hall.campaign_id)
    assert (balances["reserved"], balances["owed"]) == (0, 0)


def test_guests_of_a_hall_have_dense_numbers_that_the_log_says(runtime: Runtime) -> None:
    hall = open_hall(runtime, guests=3, terms={"groups": ["A", "B"]})
    assert [(guest.no, guest.group) for guest in hall.guests()] == [(1, "A"), (2, "B"), (3, "A")]
    assert [line.body for line in hall.log() if line.kind == "signed_in"] == [{"no": 1}, {"no": 2}, {"no": 3}]


def test_a_draft_that_is_deleted_leaves_nothing(marketer: Browser, runtime: Runtime) -> None:
    place = marketer.post("/admin/campaigns/new", gala(runtime)).headers["Location"]
    marketer.post(f"{place}/delete", {})
    with runtime.database.reading() as session:
        assert session.scalars(select(Campaign)).all() == []
