"""The report of each day of a campaign: written once by the worker when the day is over, equal to the rows, shown and taken away."""

from __future__ import annotations

import re
from datetime import timedelta

from flask import Flask
from sqlalchemy import func, select

from tests.conftest import Cast
from tests.draws.stage import Phone
from tests.instant import stage as wheels
from tests.instant.stage import InstantStage
from tests.instant.test_admin_awards import rows_of, words
from tests.instant.test_remind import go_to
from tests.instant.winners import mine, tap
from tests.payouts.stories import pass_time
from tests.payouts.test_pay import take
from tests.servers import SimulatedWeChat
from tests.staff.consoles import PASSWORD, Browser
from wxbot.campaigns import switch
from wxbot.campaigns.mechanic import DAY_SUMS
from wxbot.clock import shanghai_day
from wxbot.draws.models import CampaignDay
from wxbot.instant.models import Award, InstantDraw
from wxbot.runtime import Runtime
from wxbot.staff import accounts
from wxbot.worker import run_task, run_until_quiet

DAY = timedelta(days=1)


def kept(stage: InstantStage) -> list[CampaignDay]:
    with stage.runtime.database.reading() as session:
        return list(session.scalars(select(CampaignDay).order_by(CampaignDay.day)))


def figures(row: CampaignDay) -> dict[str, int]:
    """What is not 0 of a day, visits apart."""
    return {name: getattr(row, name) for name in DAY_SUMS if getattr(row, name) and name != "visits"}


def check_sums(stage: InstantStage) -> None:
    """All days together are the rows."""
    days = kept(stage)
    total = {name: sum(getattr(row, name) for row in days) for name in DAY_SUMS}
    with stage.runtime.database.reading() as session:
        draws, won_fen = session.execute(select(func.count(), func.sum(InstantDraw.amount_fen))).one()
        ended = {
            status: (n, fen)
            for status, n, fen in session.execute(
                select(Award.status, func.count(), func.sum(Award.amount_fen)).group_by(Award.status)
            )
        }
        tapped = session.scalar(select(func.count()).where(Award.tapped_at.is_not(None)))
    assert (total["draws"], total["won_fen"], total["tapped"]) == (draws, won_fen, tapped)
    for status in ("paid", "forfeited"):
        assert (total[status], total[f"{status}_fen"]) == ended.get(status, (0, 0))


def test_each_day_is_written_once_when_it_is_over_and_all_of_them_are_the_rows(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone, hong: Phone, app: Flask
) -> None:
    noon = go_to(runtime, simulator, 12)
    stage = wheels.set_wheel(
        runtime,
        {"stock": 3, "odds_ppm": 1_000_000},
        {"name": "备用", "stock": 1, "odds_ppm": 0},
        tries_per_person=2,
        tries_per_day=2,
        terms={"claim_s": 36 * 3600},
    )
    for phone in (ming, ming, hong):
        wheels.tap(phone, stage)
    tap(ming, mine(ming)["awards"][0]["id"], mine(ming)["form_mark"])
    assert run_task(runtime, "campaigns.days") == 0  # nothing is over yet
    go_to(runtime, simulator, 23, 59)
    wheels.tap(hong, stage)
    go_to(runtime, simulator, 0, 2)
    assert run_task(runtime, "campaigns.days") == 0  # its last draws may not be committed yet
    run_until_quiet(runtime)
    take(simulator, cast.ming, "transfer_bills")
    go_to(runtime, simulator, 0, 30)
    pass_time(runtime, simulator, 90)
    assert (run_task(runtime, "campaigns.days"), run_task(runtime, "campaigns.days")) == (1, 0)
    (first,) = kept(stage)
    today = shanghai_day(noon)
    assert (first.day, first.is_last) == (today.isoformat(), False)
    assert figures(first) == {"people": 2, "draws": 4, "wins": 3, "won_fen": 300, "tapped": 1}
    assert first.prizes[0] == {"name": "一元", "stock": 3, "given": 3, "left": 0}
    # The worker was away for two days, somebody never asked, and the campaign is closed.
    simulator.advance(2 * DAY.total_seconds())
    runtime.clock.refresh()
    assert run_task(runtime, "awards.forfeit") == 2
    with runtime.database.transaction() as session:
        switch.close(session, stage.campaign_id, 1, runtime.clock.now())
    run_until_quiet(runtime)
    accounts.hire(runtime.database, "wang.test", "wang", "cashier", PASSWORD, runtime.clock.now())
    page = words(Browser(app, "wang").get(f"/admin/campaigns/{stage.campaign_id}/days").text)
    assert re.search(rf"{today + 3 * DAY} 到现在 \d+ 0 0 人 0 0 0 2 ¥2.00 一元 0 / 3 已经发完", page), page
    assert run_task(runtime, "campaigns.days") == 2
    simulator.advance(5 * DAY.total_seconds())
    runtime.clock.refresh()
    assert (run_task(runtime, "campaigns.days"), run_task(runtime, "campaigns.days")) == (1, 0)
    days = kept(stage)
    assert [row.day for row in days] == [(today + n * DAY).isoformat() for n in range(4)]
    assert [figures(row) for row in days[1:]] == [
        {"paid": 1, "paid_fen": 100},
        {},
        {"forfeited": 2, "forfeited_fen": 200},
    ]
    assert [row.is_last for row in days] == [False, False, False, True]
    check_sums(stage)
    taken_away(Browser(app, "wang"), stage, first.day)


def taken_away(cashier: Browser, stage: InstantStage, day: str) -> None:
    """The page, its sheet, and the winners of one day."""
    place = f"/admin/campaigns/{stage.campaign_id}"
    page = words(cashier.get(f"{place}/days").text)
    assert "到现在" not in page
    assert re.search(rf"{day} \d+ 4 2 人 3 ¥3.00 1 0 0 一元 0 / 3 已经发完 备用 1 / 1 当天发出 0 个 中奖名单", page), (
        page
    )
    header, *lines = rows_of(cashier.post(f"{place}/days.xlsx").data, "xlsx")
    assert (len(lines), lines[-1][0]) == (4, day)
    assert dict(zip(header, lines[-1], strict=True))["奖品剩余"] == "一元 0/3；备用 1/1"
    assert len(rows_of(cashier.post(f"{place}/winners.xlsx", {"day": day}).data, "xlsx")) == 4
    later = cashier.post(f"{place}/winners.xlsx", {"day": lines[0][0]})
    assert len(rows_of(later.data, "xlsx")) == 1
    assert cashier.post(f"{place}/winners.xlsx", {"day": "yesterday"}).status_code == 404
