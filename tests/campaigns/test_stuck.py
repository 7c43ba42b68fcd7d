"""No packet, bucket or campaign stays where it is for ever: what once did, as stories (money I2, I13, F20, F44, F89)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, text, update

from tests.campaigns.stories import MARKETER, campaign_of, launched, work
from tests.campaigns.test_launch import assert_sound
from tests.campaigns.test_lifecycle import DAY, counted, pass_time
from tests.draws.stage import set_stage
from tests.servers import SimulatedWeChat
from wxbot.campaigns import absorb, switch
from wxbot.campaigns.models import Bucket, Campaign, Lottery, Packet
from wxbot.db import Database
from wxbot.orders.models import Order
from wxbot.orders.reconcile import ask_now
from wxbot.runtime import Runtime


def ask_about_all(runtime: Runtime) -> None:
    """Every open order is asked about now."""
    with runtime.database.reading() as session:
        ids = list(session.scalars(select(Order.id)))
    for order_id in ids:
        ask_now(runtime, order_id, runtime.clock.now())


# --- orders and packets -----------------------------------------------------------------------------------------


def test_F16_I2_an_order_that_fails_after_its_ticket_was_loaded_is_ordered_anew(
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
def test_I2_whatever_an_order_becomes_its_packet_follows(
    runtime: Runtime, order_status: str, packet_status: str, after: str
) -> None:
    stage = set_stage(runtime, packets=1)
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        session.execute(update(Order).values(status=order_status, is_noticed=False))
        session.execute(update(Packet).values(status=packet_status))
        campaign = session.get_one(Campaign, stage.campaign_id)
        assert absorb.absorb(session, campaign, now) == 1
        assert absorb.absorb(session, campaign, now) == 0
    assert stage.packets()[0].status == after


def between(database: Database, beginning: str, step: Callable[[], None]) -> None:
    """Run `step` once, just before the first statement that begins so."""
    is_done = threading.Event()

    def look(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith(beginning) and not is_done.is_set():
            is_done.set()
            step()

    event.listen(database.engine, "before_cursor_execute", look)


def test_F14_an_order_that_changes_while_it_is_absorbed_is_looked_at_again(runtime: Runtime) -> None:
    """Unknown when absorb read it, accepted when absorb marks it as seen: the acceptance must not be lost."""
    if runtime.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time: nothing changes in between")
    stage = set_stage(runtime, packets=1)
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        session.execute(update(Order).values(status="unknown", is_noticed=False))
        session.execute(update(Packet).values(status="ordered"))
    other = Database(runtime.settings.database_url)

    def accept() -> None:
        with other.transaction() as session:
            session.execute(update(Order).values(status="accepted", is_noticed=False))

    between(runtime.database, "UPDATE orders", accept)
    for _ in range(2):
        with runtime.database.transaction() as session:
            absorb.absorb(session, session.get_one(Campaign, stage.campaign_id), now)
    other.close()
    assert stage.packets()[0].status == "ticketed"
