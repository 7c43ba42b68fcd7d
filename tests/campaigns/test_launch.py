"""The launch against the simulator: what stands in our books stands at WeChat."""

from __future__ import annotations

from sqlalchemy import select

from tests.campaigns.stories import campaign_of, is_lottery_on, launched, work
from tests.servers import SimulatedWeChat
from wxbot import invariants, ledger
from wxbot.campaigns.models import Packet
from wxbot.campaigns.packets import counts
from wxbot.orders.models import Order
from wxbot.runtime import Runtime
from wxbot.shake.models import Bucket, Lottery, Wave


def assert_sound(runtime: Runtime) -> None:
    """No invariant is broken."""
    assert {name: rows for name, rows in invariants.check(runtime.database).items() if rows} == {}


def test_launch_orders_loads_and_switches_on(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    """Approved → on: every packet is an order at the bank and a ticket in the lottery, and the books say so."""
    campaign_id = launched(runtime, packet_count=130, budget_fen=13000)
    work(runtime)
    campaign = campaign_of(runtime, campaign_id)
    assert (campaign.status, is_lottery_on(runtime, campaign_id), campaign.trouble) == ("on", True, None)
    with runtime.database.reading() as session:
        assert counts(session, campaign_id) == {"planned": 0, "ordered": 0, "ticketed": 0, "loaded": 130}
        assert [bucket.packets for bucket in session.scalars(select(Bucket).order_by(Bucket.id))] == [100, 30]
        assert len(session.scalars(select(Wave)).all()) == 1
        balances = ledger.balances(session, campaign_id)
        assert (balances["tickets"], balances["reserved"], balances["in_flight"]) == (13000, 0, 0)
        numbers = set(session.scalars(select(Order.mch_billno)))
    bank = simulator.control("GET", "bank/orders?limit=1000")
    assert {order["mch_billno"] for order in bank["orders"]} == numbers
    assert_sound(runtime)


def test_a_second_worker_finds_nothing_to_do(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    """The launch is level-triggered: run again it orders nothing again (F76)."""
    launched(runtime)
    work(runtime)
    before = simulator.control("GET", "bank/orders?limit=1000")["orders"]
    assert work(runtime) == 0
    assert simulator.control("GET", "bank/orders?limit=1000")["orders"] == before
    assert_sound(runtime)


def test_tickets_and_keys_are_sealed_at_rest(runtime: Runtime) -> None:
    """What is worth money cannot be read in the database (security S36)."""
    launched(runtime)
    work(runtime)
    with runtime.database.reading() as session:
        for order in session.scalars(select(Order)):
            assert order.sp_ticket is not None
            assert "|" not in order.sp_ticket
            ticket = runtime.vault.open(order.sp_ticket)
            assert runtime.vault.index(ticket) == order.sp_ticket_hash
        lottery = session.scalars(select(Lottery)).one()
        assert len(runtime.vault.open(lottery.lottery_key)) == 32
        assert {packet.status for packet in session.scalars(select(Packet))} == {"loaded"}
