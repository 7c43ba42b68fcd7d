"""The report of the days of a hall: who signed in, what was selected and won, by the rows of the evening."""

from __future__ import annotations

import re
from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from tests.hall.hosting import Host
from tests.hall.stage import open_hall
from tests.instant.test_admin_awards import rows_of, words
from tests.instant.test_days import figures
from tests.instant.test_remind import go_to
from tests.servers import SimulatedWeChat
from tests.staff.consoles import PASSWORD, Browser
from wxbot.campaigns import switch
from wxbot.clock import shanghai_day
from wxbot.draws.models import CampaignDay
from wxbot.runtime import Runtime
from wxbot.staff import accounts
from wxbot.worker import run_task

DAY = timedelta(days=1)


def test_a_hall_over_midnight_has_a_report_of_its_days(
    runtime: Runtime, simulator: SimulatedWeChat, app: Flask
) -> None:
    begun = go_to(runtime, simulator, 20)
    two = {"name": "二等奖", "stock": 1, "min_fen": 200, "max_fen": 200, "per_selection": 1}
    stage = open_hall(runtime, ({}, two), guests=4, terms={"mode": "seed"}, end_at=begun + timedelta(hours=8))
    desk = Host(stage)
    desk.freeze()
    desk.show(k=2)
    desk.confirm(1)
    go_to(runtime, simulator, 0, 30)
    desk.show(prize=2)
    desk.confirm(2)
    desk.show(k=1)  # nobody is owed anything of what was not confirmed
    desk.mark(3, desk.lines(3)[0].guest_no)
    desk.confirm(3)
    today = shanghai_day(begun)
    assert (run_task(runtime, "campaigns.days"), run_task(runtime, "campaigns.days")) == (1, 0)
    with runtime.database.reading() as session:
        (first,) = session.scalars(select(CampaignDay)).all()
    assert (first.day, first.is_last) == (today.isoformat(), False)
    assert figures(first) == {"people": 4, "draws": 1, "wins": 2, "won_fen": 200}
    assert first.prizes == [
        {"name": "三等奖", "stock": 3, "given": 2, "left": 1},
        {"name": "二等奖", "stock": 1, "given": 0, "left": 1},
    ]
    accounts.hire(runtime.database, "wang.test", "wang", "cashier", PASSWORD, runtime.clock.now())
    cashier, place = Browser(app, "wang"), f"/admin/campaigns/{stage.campaign_id}"
    page = words(cashier.get(f"{place}/days").text)
    assert re.search(rf"{today + DAY} 到现在 0 2 1 ¥2.00 0 0 0 三等奖 1 / 3 当天发出 0 个 二等奖 0 / 1", page), page
    header, so_far, kept = rows_of(cashier.post(f"{place}/days.csv").data, "csv")
    assert dict(zip(header, kept, strict=True))["奖品剩余"] == "三等奖 1/3；二等奖 1/1"
    assert len(rows_of(cashier.post(f"{place}/winners.xlsx", {"day": so_far[0]}).data, "xlsx")) == 2  # with its header
    with runtime.database.transaction() as session:
        switch.close(session, stage.campaign_id, 1, runtime.clock.now())
    stage.work()
    simulator.advance(9 * DAY.total_seconds())
    runtime.clock.refresh()
    assert run_task(runtime, "awards.forfeit") == 3
    stage.work()  # closed at last
    run_task(runtime, "campaigns.days")
    go_to(runtime, simulator, 0, 30)
    run_task(runtime, "campaigns.days")
    with runtime.database.reading() as session:
        days = session.scalars(select(CampaignDay).order_by(CampaignDay.day)).all()
    assert (figures(days[1])["won_fen"], figures(days[-1])) == (200, {"forfeited": 3, "forfeited_fen": 400})
    assert [row.is_last for row in days] == [False] * (len(days) - 1) + [True]
