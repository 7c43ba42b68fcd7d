"""No packet, bucket or campaign stays where it is for ever: what once did, as stories (money I2, I13, F20, F44, F89)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update

from tests.campaigns.stories import MARKETER, campaign_of, is_lottery_on, launched, page_of, work
from tests.campaigns.test_launch import assert_sound
from tests.campaigns.test_lifecycle import DAY, counted, pass_time
from tests.draws.stage import set_stage
from tests.rows import in_one
from tests.servers import SimulatedWeChat
from wxbot.campaigns import launch, lease, settle, switch
from wxbot.campaigns.models import Campaign, Packet
from wxbot.db import Database
from wxbot.orders.models import Order
from wxbot.orders.reconcile import make_due
from wxbot.orders.send import send_due
from wxbot.runtime import Runtime
from wxbot.shake.lotteries import card_icon
from wxbot.shake.models import Bucket, Lottery
from wxbot.shake.steps import STEPS
from wxbot.worker import run_task


def ask_about_all(runtime: Runtime) -> None:
    """Every open order is asked about now."""
    with runtime.database.reading() as session:
        ids = list(session.scalars(select(Order.id)))
    for order_id in ids:
        in_one(runtime.database, make_due, order_id, runtime.clock.now())


# --- orders and packets -----------------------------------------------------------------------------------------


def test_an_order_that_fails_after_its_ticket_was_loaded_is_ordered_anew_F16_I2(
    runtime: Runtime, simulator: SimulatedWeChat
) -> None:
    """gethbinfo says FAILED about an accepted order: the money is back, so the packet gets another order."""
    campaign_id = launched(runtime, end_at=runtime.clock.now() + timedelta(days=10))
    work(runtime)
    failed = simulator.control("GET", "bank/orders?limit=1000")["orders"][0]["mch_billno"]
    simulator.control("POST", f"bank/orders/{failed}/fail", {"reason": "系统原因"})
    ask_about_all(runtime)
    work(runtime)
    assert counted(runtime, campaign_id) == {"loaded": 20}
    with runtime.database.reading() as session:
        assert len(session.scalars(select(Order)).all()) == 21
    assert_sound(runtime)


@pytest.mark.parametrize(
    ("order_status", "packet_status", "after"),
    [
        ("failed", "bound", "returned"),
        ("returned", "bound", "returned"),
        ("failed", "ticketed", "planned"),
        ("returned", "ticketed", "planned"),
        ("received", "ordered", "received"),
        ("received", "ticketed", "received"),
        ("received", "loaded", "received"),
    ],
)
def test_whatever_an_order_becomes_its_packet_follows_I2(
    runtime: Runtime, order_status: str, packet_status: str, after: str
) -> None:
    stage = set_stage(runtime, packets=1)
    with runtime.database.transaction() as session:
        session.execute(update(Order).values(status=order_status, is_noticed=False))
        session.execute(update(Packet).values(status=packet_status))
    campaign = campaign_of(runtime, stage.campaign_id)
    assert settle.settle(runtime, campaign) == 1
    assert settle.settle(runtime, campaign) == 0
    assert stage.packets()[0].status == after


def between(database: Database, beginning: str, step: Callable[[], None]) -> None:
    """Run `step` once, just before the first statement that begins so."""
    is_done = threading.Event()

    def look(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith(beginning) and not is_done.is_set():
            is_done.set()
            step()

    event.listen(database.engine, "before_cursor_execute", look)


def test_an_order_that_changes_while_its_packet_follows_is_looked_at_again_F14(runtime: Runtime) -> None:
    """Unknown when it was read, accepted when it is marked as seen: the acceptance must not be lost."""
    if runtime.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time: nothing changes in between")
    stage = set_stage(runtime, packets=1)
    with runtime.database.transaction() as session:
        session.execute(update(Order).values(status="unknown", is_noticed=False))
        session.execute(update(Packet).values(status="ordered"))
    other = Database(runtime.settings.database_url)

    def accept() -> None:
        with other.transaction() as session:
            session.execute(update(Order).values(status="accepted", is_noticed=False))

    between(runtime.database, "UPDATE orders", accept)
    for _ in range(2):
        settle.settle(runtime, campaign_of(runtime, stage.campaign_id))
    other.close()
    assert stage.packets()[0].status == "ticketed"


# --- buckets ------------------------------------------------------------------------------------------------------


def test_a_bucket_whose_tickets_all_expired_unanswered_is_given_up_F44(
    runtime: Runtime, simulator: SimulatedWeChat
) -> None:
    """setprizebucket is not answered for three days; the money comes back, is ordered anew and loaded."""
    simulator.control("PUT", "faults/shakearound/lottery/setprizebucket", {"kind": "drop_request"})
    campaign_id = launched(runtime, end_at=runtime.clock.now() + timedelta(days=10))
    work(runtime, rounds=12)
    simulator.advance(3 * DAY + 600)
    runtime.clock.refresh()
    work(runtime, rounds=12)
    simulator.control("DELETE", "faults")
    for _ in range(3):
        pass_time(runtime, simulator, 600)
    assert counted(runtime, campaign_id) == {"loaded": 20}
    assert campaign_of(runtime, campaign_id).status == "on"
    with runtime.database.reading() as session:
        assert set(session.scalars(select(Bucket.status))) == {"loaded", "refused"}
    assert_sound(runtime)


def expire_lease(runtime: Runtime) -> None:
    """As if the minute of the lease had passed."""
    with runtime.database.transaction() as session:
        session.execute(update(Campaign).values(lease_until=None))


@pytest.mark.on_postgresql
def test_two_workers_load_one_bucket_and_count_it_once_F20_F44(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    """A slow call outlives the lease; another worker advances the same campaign meanwhile."""
    campaign_id = launched(runtime)
    slow = {"kind": "slow", "seconds": 3, "times": 1}
    simulator.control("PUT", "faults/shakearound/lottery/setprizebucket", slow)
    first = threading.Thread(target=work, args=(runtime,))
    first.start()
    while not simulator.control("GET", "faults")["faults"]["/shakearound/lottery/setprizebucket"]["hits"]:
        first.join(0.05)
    expire_lease(runtime)
    work(runtime)
    first.join()
    work(runtime)
    assert counted(runtime, campaign_id) == {"loaded": 20}
    with runtime.database.reading() as session:
        assert list(session.scalars(select(Lottery.loaded))) == [20]
    assert_sound(runtime)


def test_a_worker_that_was_overtaken_plans_orders_and_loads_nothing_F21_F23(
    runtime: Runtime, simulator: SimulatedWeChat
) -> None:
    """It slept with an expired lease, or the campaign was closed under it: every writing step finds out."""
    campaign_id = launched(runtime)
    sleeper = lease.take(runtime, campaign_id)
    assert sleeper is not None
    assert lease.take(runtime, campaign_id) is None
    in_one(runtime.database, switch.close, campaign_id, MARKETER, runtime.clock.now())
    for step in STEPS["launching"][1:6]:
        with pytest.raises(lease.LeaseLost):
            step(runtime, sleeper)
    assert counted(runtime, campaign_id) == {}
    expire_lease(runtime)
    work(runtime)
    assert campaign_of(runtime, campaign_id).status == "closed"
    assert_sound(runtime)


# --- campaigns ----------------------------------------------------------------------------------------------------


def test_one_campaign_that_raises_does_not_keep_the_others_waiting_F89(
    runtime: Runtime, simulator: SimulatedWeChat, capfd: pytest.CaptureFixture[str]
) -> None:
    spoilt, sound = launched(runtime), launched(runtime)
    with runtime.database.transaction() as session:
        now = runtime.clock.now()
        session.add(Lottery(campaign_id=spoilt, ordinal=1, lottery_key="not sealed", total=60, created_at=now))
    for _ in range(6):
        run_task(runtime, "campaigns.advance")
        run_task(runtime, "orders.send")
    assert campaign_of(runtime, sound).status == "on"
    assert campaign_of(runtime, spoilt).status == "launching"
    assert "advance_failed" in "".join(capfd.readouterr())


def test_closing_comes_to_rest_when_wechat_refuses_the_switch_F49_I2(
    runtime: Runtime, simulator: SimulatedWeChat
) -> None:
    campaign_id = launched(runtime)
    work(runtime)
    refuse = {"kind": "refuse", "err_code": "9001069"}
    simulator.control("PUT", "faults/shakearound/lottery/setlotteryswitch", refuse)
    in_one(runtime.database, switch.close, campaign_id, MARKETER, runtime.clock.now())
    work(runtime, rounds=5)
    assert campaign_of(runtime, campaign_id).trouble == "9001069"
    simulator.advance(73 * 3600)
    runtime.clock.refresh()
    work(runtime, rounds=8)
    assert campaign_of(runtime, campaign_id).status == "closed"
    assert_sound(runtime)


def test_a_campaign_that_can_never_launch_closes_when_its_window_is_over_I2(
    runtime: Runtime, simulator: SimulatedWeChat
) -> None:
    refuse = {"kind": "refuse", "err_code": "9001060"}
    simulator.control("PUT", "faults/shakearound/lottery/addlotteryinfo", refuse)
    campaign_id = launched(runtime)
    work(runtime, rounds=3)
    assert campaign_of(runtime, campaign_id).status == "launching"
    simulator.advance(DAY + 60)
    runtime.clock.refresh()
    work(runtime)
    assert campaign_of(runtime, campaign_id).status == "closed"
    assert counted(runtime, campaign_id) == {"dropped": 20}
    assert_sound(runtime)


def test_a_lottery_lasts_as_long_as_its_campaign_even_when_launched_days_early(
    runtime: Runtime, simulator: SimulatedWeChat
) -> None:
    """91 days are the most a lottery may last: launched early it begins later, and is switched on when it has begun."""
    begin_at = runtime.clock.now() + timedelta(days=3)
    campaign_id = launched(runtime, begin_at=begin_at, end_at=begin_at + timedelta(days=91))
    work(runtime)
    (lottery,) = simulator.control("GET", "lotteries")["lotteries"]
    assert lottery["expire_time"] >= int((begin_at + timedelta(days=91)).timestamp())
    assert lottery["expire_time"] - lottery["begin_time"] <= 91 * DAY
    pass_time(runtime, simulator, 2.6 * DAY)
    assert (counted(runtime, campaign_id)["loaded"], is_lottery_on(runtime, campaign_id)) == (20, False)
    pass_time(runtime, simulator, 0.5 * DAY)
    (lottery,) = simulator.control("GET", "lotteries")["lotteries"]
    assert (lottery["onoff"], is_lottery_on(runtime, campaign_id)) == (1, True)


def test_the_page_of_another_installation_is_not_taken(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    """The account has a page of campaign 1 of a database that is gone: ours opens our own address."""
    icon_url = runtime.shakearound.material_add(card_icon(), "card.png")
    foreign = runtime.shakearound.page_add(
        title="旧", description="旧", page_url="https://old.example.test/h5/c/old", comment="wxbot 1", icon_url=icon_url
    )
    campaign_id = launched(runtime)
    assert campaign_id == 1
    work(runtime)
    assert page_of(runtime, campaign_id) != foreign


def test_a_repeat_that_we_never_sent_is_an_alarm_and_no_stock_F44(
    runtime: Runtime, simulator: SimulatedWeChat, capfd: pytest.CaptureFixture[str]
) -> None:
    """Somebody else has loaded five of our tickets: `repeat` means loaded only for a bucket whose answer was lost."""
    campaign_id = launched(runtime)
    launch.advance(runtime, campaign_id)
    send_due(runtime)
    with runtime.database.reading() as session:
        sealed = session.scalars(select(Order.sp_ticket).order_by(Order.id).limit(5)).all()
        lottery = session.scalars(select(Lottery)).one()
    runtime.shakearound.setprizebucket(
        lottery_id=str(lottery.lottery_id),
        mchid=runtime.settings.mch_id,
        sponsor_appid=runtime.settings.appid,
        sp_tickets=[runtime.vault.open(ticket) for ticket in sealed if ticket],
    )
    work(runtime)
    assert counted(runtime, campaign_id) == {"loaded": 15, "ticketed": 5}
    with runtime.database.reading() as session:
        bucket = session.scalars(select(Bucket)).one()
    assert (bucket.status, bucket.success_num, bucket.rejected) == ("loaded", 15, {"repeat": 5})
    assert "tickets_rejected" in "".join(capfd.readouterr())
    pass_time(runtime, simulator, 3 * DAY + 600)
    pass_time(runtime, simulator, 600)
    assert campaign_of(runtime, campaign_id).status == "closed"
    assert_sound(runtime)
