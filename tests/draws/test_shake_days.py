"""The report of the days of a shake campaign: its own rows, counted by the task that writes every campaign's days."""

from __future__ import annotations

import re
from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from tests.conftest import Cast
from tests.draws.stage import Phone, Stage, set_stage
from tests.instant.test_admin_awards import rows_of, words
from tests.instant.test_remind import go_to
from tests.servers import SimulatedWeChat
from tests.staff.consoles import PASSWORD, Browser
from wxbot.campaigns.mechanic import DAY_SUMS
from wxbot.campaigns.models import Packet, PacketStatus
from wxbot.campaigns.packets import move_packets
from wxbot.clock import shanghai_day
from wxbot.draws.draw_state import draw_state_of
from wxbot.draws.models import CampaignDay
from wxbot.quotas import Quota
from wxbot.runtime import Runtime
from wxbot.shake import bind
from wxbot.staff import accounts
from wxbot.worker import run_task

DAY = timedelta(days=1)


def figures(row: CampaignDay) -> dict[str, int]:
    """What is not 0 of a day, visits apart."""
    return {name: getattr(row, name) for name in DAY_SUMS if getattr(row, name) and name != "visits"}


def visitors_known(runtime: Runtime) -> int:
    """Of how many people it is known that they have opened the page before."""
    draw_state_of(runtime).counts.write()
    with runtime.database.reading() as session:
        return sum(name.startswith("visit:") for name in session.scalars(select(Quota.name)))


def settle(stage: Stage, place: int, status: PacketStatus) -> None:
    """A packet that was won ends."""
    now = stage.runtime.clock.now()
    with stage.runtime.database.transaction() as session:
        packet = session.scalars(select(Packet).order_by(Packet.ordinal).offset(place).limit(1)).one()
        move_packets(session, [packet.id], packet.status, status, now, settled_at=now)


def test_a_shake_campaign_has_the_same_report_of_its_days(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone, hong: Phone, app: Flask
) -> None:
    noon = go_to(runtime, simulator, 12)
    stage = set_stage(runtime, packets=3, launched_at=noon)
    for phone, person in ((ming, cast.ming), (hong, cast.hong)):
        assert phone.draw(stage, stage.shake(person.openid)).get_json()["outcome"] == "admitted"
    bind.record(runtime, stage.bind_event(cast.ming.openid, 0), runtime.clock.now())
    settle(stage, 0, "received")
    bind.record(runtime, stage.bind_event(cast.hong.openid, 1), runtime.clock.now())
    today = shanghai_day(noon)
    go_to(runtime, simulator, 0, 30)
    settle(stage, 1, "returned")
    assert (run_task(runtime, "campaigns.days"), run_task(runtime, "campaigns.days")) == (1, 0)
    with runtime.database.reading() as session:
        (first,) = session.scalars(select(CampaignDay)).all()
    assert (first.day, first.is_last) == (today.isoformat(), False)
    assert figures(first) == {
        "people": 2,
        "draws": 2,
        "wins": 2,
        "won_fen": 200,
        "tapped": 1,
        "paid": 1,
        "paid_fen": 100,
    }
    assert first.prizes == [{"name": "", "stock": 3, "given": 2, "left": 1}]
    accounts.hire(runtime.database, "wang.test", "wang", "cashier", PASSWORD, runtime.clock.now())
    cashier, place = Browser(app, "wang"), f"/admin/campaigns/{stage.campaign_id}"
    assert f"{place}/days" in cashier.get(f"{place}/live").text
    page = words(cashier.get(f"{place}/days").text)
    assert re.search(rf"{today + DAY} 到现在 0 0 0 人 0 0 0 1 ¥1.00 红包 1 / 3", page), page
    assert re.search(rf"{today} \d+ 2 2 人 2 ¥2.00 1 1 ¥1.00 0 红包 1 / 3", page) and "中奖名单" not in page, page
    header, so_far, kept = rows_of(cashier.post(f"{place}/days.csv").data, "csv")
    assert (so_far[0], kept[0]) == ((today + DAY).isoformat(), today.isoformat())
    assert dict(zip(header, kept, strict=True))["奖品剩余"] == "红包 1/3"
    assert cashier.post(f"{place}/days.pdf").status_code == 404
    settle(stage, 2, "dropped")
    stage.change(status="closed", updated_at=runtime.clock.now())
    simulator.advance(3 * DAY.total_seconds())
    runtime.clock.refresh()
    assert visitors_known(runtime) == 2
    assert (run_task(runtime, "campaigns.days"), run_task(runtime, "campaigns.days")) == (1, 0)
    assert visitors_known(runtime) == 0, "nothing can happen any more: who looked is forgotten, how many did is not"
    with runtime.database.reading() as session:
        last = session.scalars(select(CampaignDay).order_by(CampaignDay.day.desc())).first()
    assert last is not None and last.is_last and figures(last) == {"forfeited": 1, "forfeited_fen": 100}


def test_a_draft_has_no_days(runtime: Runtime, app: Flask) -> None:
    stage = set_stage(runtime, status="draft")
    accounts.hire(runtime.database, "wang.test", "wang", "cashier", PASSWORD, runtime.clock.now())
    assert Browser(app, "wang").get(f"/admin/campaigns/{stage.campaign_id}/days").status_code == 404
