"""A campaign's life after the launch: tickets expire and are ordered anew, pause, close, and the books at rest."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.campaigns.stories import MARKETER, campaign_of, is_lottery_on, launched, work
from tests.campaigns.test_launch import assert_sound
from tests.rows import in_one
from tests.servers import SimulatedWeChat
from wxbot import ledger
from wxbot.campaigns import switch
from wxbot.campaigns.models import Packet
from wxbot.campaigns.packets import counts
from wxbot.orders.models import Order
from wxbot.runtime import Runtime
from wxbot.shake import pool
from wxbot.shake.models import Lottery, Wave
from wxbot.text import Refusal

DAY = 24 * 3600


def pass_time(runtime: Runtime, simulator: SimulatedWeChat, seconds: float) -> None:
    """Move both clocks on and do what is due."""
    simulator.advance(seconds)
    runtime.clock.refresh()
    work(runtime)


def counted(runtime: Runtime, campaign_id: int) -> dict[str, int]:
    """Packets per status, zeros left out."""
    with runtime.database.reading() as session:
        return {status: n for status, n in counts(session, campaign_id).items() if n}


def test_tickets_that_expire_are_ordered_again_in_a_new_wave_F45(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    """Ten days, nobody draws. All packets are out, so they expire together: within two hours their money is back and
    they are ordered again; at every moment the stock is what can be drawn, and each packet has one live order."""
    campaign_id = launched(
        runtime, packet_count=30, budget_fen=3000, end_at=runtime.clock.now() + timedelta(days=10), tries_per_day=1
    )
    work(runtime)
    for _ in range(12):
        pass_time(runtime, simulator, DAY / 2 - 7200)
        pass_time(runtime, simulator, 7200)
        if campaign_of(runtime, campaign_id).status == "on" and counted(runtime, campaign_id).get("loaded"):
            pass_time(runtime, simulator, 7200)
        with runtime.database.reading() as session:
            now = runtime.database.now(session)
            if campaign_of(runtime, campaign_id).status == "on":
                assert pool.live_stock(session, campaign_id, now) > 0
            stale = (
                select(func.count())
                .select_from(Order)
                .where(Order.status == "accepted", Order.expires_at < now - timedelta(hours=2))
            )
            assert session.execute(stale).scalar_one() == 0
        assert_sound(runtime)
    with runtime.database.reading() as session:
        assert session.execute(select(func.count()).select_from(Wave)).scalar_one() >= 2
        assert (
            session.execute(select(func.count()).select_from(Order).where(Order.status == "returned")).scalar_one()
            >= 30
        )
    bank = simulator.control("GET", "bank")
    with runtime.database.reading() as session:
        assert ledger.total_posted(session, "returned") == bank["totals"]["returned_fen"]


def test_closing_waits_for_what_is_loaded_and_returns_the_reserve(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    campaign_id = launched(runtime)
    work(runtime)
    in_one(runtime.database, switch.close, campaign_id, MARKETER, runtime.clock.now())
    work(runtime)
    campaign = campaign_of(runtime, campaign_id)
    assert (campaign.status, is_lottery_on(runtime, campaign_id)) == ("closing", False)
    assert counted(runtime, campaign_id) == {"loaded": 20}
    pass_time(runtime, simulator, 73 * 3600)
    assert campaign_of(runtime, campaign_id).status == "closed"
    assert counted(runtime, campaign_id) == {"dropped": 20}
    with runtime.database.reading() as session:
        assert {name: fen for name, fen in ledger.balances(session, campaign_id).items() if fen} == {}
    assert_sound(runtime)


def test_closing_before_anything_was_sent_cancels_the_orders(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    """Orders that were planned but never sent fail definitely: nothing was on the wire."""
    simulator.control("PUT", "faults/mmpaymkttransfers/hbpreorder", {"kind": "refuse", "err_code": "NOTENOUGH"})
    campaign_id = launched(runtime)
    work(runtime)
    in_one(runtime.database, switch.close, campaign_id, MARKETER, runtime.clock.now())
    work(runtime)
    with runtime.database.reading() as session:
        by_status = dict(session.execute(select(Order.status, func.count()).group_by(Order.status)).all())
    assert by_status["failed"] > 0
    assert set(by_status) <= {"failed", "unknown"}
    assert counted(runtime, campaign_id).get("loaded", 0) == 0
    assert_sound(runtime)


def test_pause_switches_the_lottery_off_and_resume_on(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    campaign_id = launched(runtime)
    work(runtime)
    in_one(runtime.database, switch.pause, campaign_id, MARKETER, runtime.clock.now())
    work(runtime)
    assert not simulator.control("GET", "lotteries")["lotteries"][0]["onoff"]
    with pytest.raises(Refusal):
        in_one(runtime.database, switch.pause, campaign_id, MARKETER, runtime.clock.now())
    in_one(runtime.database, switch.resume, campaign_id, MARKETER, runtime.clock.now())
    work(runtime)
    assert simulator.control("GET", "lotteries")["lotteries"][0]["onoff"]
    assert_sound(runtime)


def test_a_campaign_closes_itself_when_its_window_is_over(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    campaign_id = launched(runtime)
    work(runtime)
    pass_time(runtime, simulator, DAY + 60)
    assert campaign_of(runtime, campaign_id).status == "closing"
    pass_time(runtime, simulator, 2 * DAY + 600)
    assert campaign_of(runtime, campaign_id).status == "closed"
    assert_sound(runtime)


def test_a_full_lottery_is_followed_by_another(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    """Re-ordered tickets count again at WeChat: when the ceiling is reached the campaign gets a further lottery."""
    campaign_id = launched(runtime, packet_count=5, budget_fen=500, end_at=runtime.clock.now() + timedelta(days=20))
    work(runtime)
    for _ in range(20):
        pass_time(runtime, simulator, DAY)
    with runtime.database.reading() as session:
        lotteries = session.scalars(select(Lottery).where(Lottery.campaign_id == campaign_id)).all()
        assert len(lotteries) >= 2
        assert all(lottery.loaded <= lottery.total for lottery in lotteries)
        assert session.execute(select(func.count()).select_from(Packet)).scalar_one() == 5
    assert_sound(runtime)


def test_the_breaker_stops_lane_and_a_probe_opens_it_F49(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    """NOTENOUGH: one refusal stops new sending, no packet fails, and after the top-up the same numbers go on."""
    simulator.control("PUT", "faults/mmpaymkttransfers/hbpreorder", {"kind": "refuse", "err_code": "NOTENOUGH"})
    campaign_id = launched(runtime, packet_count=100, budget_fen=10000)
    work(runtime)
    with runtime.database.reading() as session:
        sends = session.execute(select(func.sum(Order.sends))).scalar_one()
        numbers = set(session.scalars(select(Order.mch_billno)))
    assert sends <= 3 * runtime.settings.pay_concurrency
    simulator.control("DELETE", "faults")
    for _ in range(4):
        pass_time(runtime, simulator, 70)
    assert counted(runtime, campaign_id) == {"loaded": 100}
    with runtime.database.reading() as session:
        assert set(session.scalars(select(Order.mch_billno))) == numbers
    assert_sound(runtime)
