"""Workers beside each other, answers that belong to others, old numbers, a clock set back: the order stays right."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select, update

from tests.campaigns.stories import campaign_of, launched, work
from tests.campaigns.test_launch import assert_sound
from tests.campaigns.test_lifecycle import counted, pass_time
from tests.draws.stage import set_stage
from tests.rows import in_one
from tests.servers import SimulatedWeChat
from wxbot import budget, ledger
from wxbot.campaigns import switch
from wxbot.campaigns.models import Campaign
from wxbot.db import Database
from wxbot.orders import outcome, throttle
from wxbot.orders.channels import PaymentRequest
from wxbot.orders.decide import ASK_HORIZON, Decision
from wxbot.orders.models import Evidence, LaneState, Order
from wxbot.orders.outcome import DecidedOrder
from wxbot.orders.plan import cancel_planned, plan_orders
from wxbot.orders.reconcile import _claim as claim_questions
from wxbot.orders.reconcile import reconcile_due
from wxbot.orders.send import LEASE, recover_sending, send_due
from wxbot.orders.send import _claim as claim_sends
from wxbot.runtime import Runtime
from wxbot.shake import bind

TEXTS = {"send_name": "示例小店", "act_name": "开业有礼", "wishing": "恭喜发财", "remark": "到店有礼"}


def planned(runtime: Runtime, orders: int = 4, campaign_id: int = 1, first: int = 1) -> list[int]:
    """Orders that were planned a moment ago, of a campaign with a budget of its own; returns their ids."""
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        if session.get(budget.Budget, campaign_id) is None:
            budget.open_budget(session, campaign_id, 1_000_000)
        payment_requests = [PaymentRequest("packet", first + n, campaign_id, 100, TEXTS) for n in range(orders)]
        return list(plan_orders(session, runtime.settings, "hbpreorder", payment_requests, now).values())


def orders_of(runtime: Runtime) -> list[Order]:
    with runtime.database.reading() as session:
        return list(session.scalars(select(Order).order_by(Order.id)))


def change(runtime: Runtime, **values: Any) -> None:
    """Write columns of every order."""
    with runtime.database.transaction() as session:
        session.execute(update(Order).values(**values))


def recorded(simulator: SimulatedWeChat) -> set[str]:
    return {order["mch_billno"] for order in simulator.control("GET", "bank/orders?limit=1000")["orders"]}


# --- the breaker ----------------------------------------------------------------------------------------------------


@pytest.mark.on_postgresql
def test_rule13_the_breaker_holds_when_the_balance_ends_in_the_middle(
    runtime: Runtime, simulator: SimulatedWeChat
) -> None:
    """The balance is enough for ten: what was accepted before the refusal must not open the lane again."""
    simulator.control("POST", "bank/topup", {"amount_fen": 1000 - simulator.control("GET", "bank")["balance_fen"]})
    planned(runtime, 200)
    send_due(runtime)
    statuses = [order.status for order in orders_of(runtime)]
    assert statuses.count("accepted") == 10
    assert statuses.count("planned") > 100
    with runtime.database.reading() as session:
        assert session.scalars(select(LaneState.stopped_code)).one() == "NOTENOUGH"
    simulator.control("POST", "bank/topup", {"amount_fen": 100_000})
    for _ in range(3):
        simulator.advance(70)
        runtime.clock.refresh()
        send_due(runtime)
    assert {order.status for order in orders_of(runtime)} == {"accepted"}


def test_a_number_refused_every_minute_leaves_a_bounded_trace_F90(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    simulator.control("PUT", "faults/mmpaymkttransfers/hbpreorder", {"kind": "refuse", "err_code": "NOTENOUGH"})
    planned(runtime, 1)
    for _ in range(70):
        send_due(runtime)
        simulator.advance(65)
        runtime.clock.refresh()
    (order,) = orders_of(runtime)
    assert order.sends >= 60
    with runtime.database.reading() as session:
        assert len(session.scalars(select(Evidence.id)).all()) <= 20 + order.sends // 20 + 1


def test_a_clock_that_was_set_back_keeps_nothing_waiting_F73(runtime: Runtime) -> None:
    """A lease and a probe of tomorrow, written before the clock was corrected."""
    planned(runtime, 1)
    tomorrow = runtime.clock.now() + timedelta(days=1)
    change(runtime, status="sending", lease_until=tomorrow)
    with runtime.database.transaction() as session:
        assert recover_sending(session, runtime.clock.now()) == 1
        throttle.stop_lane(session, runtime.settings.mch_id, "NOTENOUGH", tomorrow)
        assert throttle.grant(session, runtime.settings, [100] * 5, runtime.clock.now()).allowed == 1
        assert throttle.grant(session, runtime.settings, [100] * 5, runtime.clock.now()).allowed == 0
    change(runtime, status="sending", lease_until=runtime.clock.now() + LEASE)
    with runtime.database.transaction() as session:
        assert recover_sending(session, runtime.clock.now()) == 0


# --- old numbers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["send", "query"])
def test_a_number_of_25_days_is_not_sent_any_more_but_goes_to_a_person_W4_W22(
    runtime: Runtime, simulator: SimulatedWeChat, step: str
) -> None:
    planned(runtime, 1)
    now = runtime.clock.now()
    change(runtime, status="unknown", next_step=step, next_check_at=now, created_at=now - ASK_HORIZON)
    assert send_due(runtime).sent == 0
    assert reconcile_due(runtime) == 1
    assert [order.status for order in orders_of(runtime)] == ["manual"]
    assert recorded(simulator) == set()
    assert reconcile_due(runtime) == 0


def test_a_number_that_waited_for_days_is_still_placed_F08(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    """The line stood still for four days: what WeChat never saw is sent under its own number, not left for a person."""
    planned(runtime, 1)
    now = runtime.clock.now()
    old = {"created_at": now - timedelta(days=4), "sent_at": now - timedelta(days=4)}
    change(runtime, status="unknown", err_code="NOTENOUGH", next_step="query", next_check_at=now, **old)
    assert reconcile_due(runtime) == 1
    assert send_due(runtime).accepted == 1
    (order,) = orders_of(runtime)
    assert recorded(simulator) == {order.mch_billno}
    assert order.expires_at is not None
    assert order.expires_at > now + timedelta(hours=71)


# --- answers that belong to others ------------------------------------------------------------------------------------


def test_a_ticket_of_another_order_proves_nothing_and_spoils_no_batch_F11_F32b_F89(runtime: Runtime) -> None:
    """One answer of a batch brings the ticket of an order that has it already: the others are booked all the same."""
    planned(runtime, 4)
    change(runtime, status="sending")
    orders = orders_of(runtime)
    now = runtime.clock.now()

    def decided_order(order: Order, proof: str) -> DecidedOrder:
        return DecidedOrder(
            order, Decision("accepted", detail_id=f"d{proof}", secret="t", evidence="x"), f"h{proof}", "sealed"
        )

    with runtime.database.transaction() as session:
        assert outcome.apply(session, [decided_order(orders[0], "A")], now) == 1
    with runtime.database.transaction() as session:
        outcome.apply(
            session, [decided_order(orders[1], "A"), decided_order(orders[2], "B"), decided_order(orders[3], "B")], now
        )
    after = orders_of(runtime)
    assert [order.status for order in after] == ["accepted", "unknown", "accepted", "unknown"]
    assert [order.detail_id for order in after] == ["dA", None, "dB", None]
    assert {order.err_code for order in after if order.status == "unknown"} == {"FOREIGN_PROOF"}
    with runtime.database.reading() as session:
        assert ledger.balances(session)["in_flight"] == 200


# --- workers beside each other ----------------------------------------------------------------------------------------


@pytest.fixture
def other(runtime: Runtime) -> Iterator[Database]:
    """Another process's database."""
    made = Database(runtime.settings.database_url, runtime.clock)
    yield made
    made.close()


@pytest.mark.on_postgresql
def test_two_workers_never_ask_or_send_the_same_order_at_once_F20(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    planned(runtime, 40)
    change(runtime, status="unknown", next_step="query", next_check_at=runtime.clock.now())
    barrier = threading.Barrier(6)

    def claim(_number: int) -> list[int]:
        barrier.wait()
        return [order.id for order in claim_questions(runtime, 40)]

    with ThreadPoolExecutor(6) as pool:
        claimed = [order_id for ids in pool.map(claim, range(6)) for order_id in ids]
    assert len(claimed) == len(set(claimed)) == 40


@pytest.mark.on_both
def test_a_question_that_was_overtaken_by_a_sender_claims_nothing_F14(runtime: Runtime, other: Database) -> None:
    """Between looking and claiming another worker has sent the number again: its answer must still be written."""
    if runtime.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time: nothing changes in between")
    planned(runtime, 1)
    change(runtime, status="unknown", next_step="query", next_check_at=runtime.clock.now())
    is_done = threading.Event()

    def overtake(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("UPDATE orders") and not is_done.is_set():
            is_done.set()
            with other.transaction() as session:
                session.execute(
                    update(Order).values(status="sending", next_step=None, next_check_at=None, lease_epoch=7)
                )

    event.listen(runtime.database.engine, "before_cursor_execute", overtake)
    assert claim_questions(runtime, 10) in ([], ())
    assert [(order.status, order.lease_epoch) for order in orders_of(runtime)] == [("sending", 7)]


@pytest.mark.on_both
@pytest.mark.timeout(120)
def test_planning_settling_and_cancelling_at_once_never_wait_in_a_circle_F67(runtime: Runtime, other: Database) -> None:
    """Three workers on one campaign's budget and balances; each unit of work is done at its first try."""
    rounds = 12
    planned(runtime, 1)
    faults: list[BaseException] = []

    def plan_some() -> None:
        for number in range(rounds):
            planned(runtime, 20, first=100 + 20 * number)

    def settle_some() -> None:
        for number in range(rounds):
            ids = planned(runtime, 20, first=10_000 + 20 * number)
            with other.transaction() as session:
                mine = update(Order).where(Order.id.in_(ids), Order.status == "planned")
                session.execute(mine.values(status="unknown"))
            with other.reading() as session:
                orders = session.scalars(select(Order).where(Order.id.in_(ids), Order.status == "unknown")).all()
            with other.transaction() as session:
                outcome.apply(
                    session, [DecidedOrder(order, Decision("failed")) for order in orders], other.now(session)
                )

    def cancel_some() -> None:
        for _ in range(2 * rounds):
            with other.transaction() as session:
                cancel_planned(session, 1, other.now(session), limit=15)

    def run(task: Any) -> None:
        try:
            task()
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in (plan_some, settle_some, cancel_some)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with runtime.database.reading() as session:
        assert ledger.unbalanced_accounts(session) == []
        live = session.scalar(select(func.count()).select_from(Order).where(Order.holding == "in_flight"))
        assert session.get_one(budget.Budget, 1).committed_fen == 100 * (live or 0)


@pytest.mark.on_postgresql
@pytest.mark.parametrize("repeat", [0, *(pytest.param(again, marks=pytest.mark.proof) for again in (1, 2))])
def test_closing_while_orders_are_sent_loses_and_doubles_nothing_F23_F82(
    runtime: Runtime, simulator: SimulatedWeChat, repeat: int
) -> None:
    """Cancel against claim: every order is either at the bank or cancelled, and the campaign comes to rest."""
    campaign_id = launched(runtime, packet_count=60, budget_fen=6000)
    work(runtime, rounds=1)
    sender = threading.Thread(target=send_due, args=(runtime,))
    sender.start()
    in_one(runtime.database, switch.close, campaign_id, 1, runtime.clock.now())
    work(runtime)
    sender.join()
    work(runtime)
    at_bank = recorded(simulator)
    for order in orders_of(runtime):
        assert (order.mch_billno in at_bank) == (order.err_code != "CANCELLED")
    pass_time(runtime, simulator, 73 * 3600)
    assert campaign_of(runtime, campaign_id).status == "closed"
    assert counted(runtime, campaign_id) == {"dropped": 60}
    assert_sound(runtime)


# --- the number and its parameters ----------------------------------------------------------------------------------


def test_a_retry_sends_the_frozen_parameters_whatever_the_campaign_says_by_now_F17_I5(
    runtime: Runtime, simulator: SimulatedWeChat
) -> None:
    """The order arrived, its reply was lost, the texts were edited: other parameters would be a FATAL_ERROR."""
    simulator.control("PUT", "faults/mmpaymkttransfers/hbpreorder", {"kind": "drop_reply", "times": 20})
    campaign_id = launched(runtime)
    work(runtime, rounds=2)
    with runtime.database.transaction() as session:
        session.execute(
            update(Campaign).values(wishing="别的祝福", act_name="别的活动", send_name="别的店", remark="别的")
        )
    before = {order.mch_billno: order.params for order in orders_of(runtime)}
    for _ in range(4):
        pass_time(runtime, simulator, 120)
    assert counted(runtime, campaign_id) == {"loaded": 20}
    assert {order.mch_billno: order.params for order in orders_of(runtime)} == before
    assert recorded(simulator) == set(before)


def test_a_retry_after_midnight_keeps_the_day_in_its_number_F12_I15(
    runtime: Runtime, simulator: SimulatedWeChat
) -> None:
    simulator.control("PUT", "faults/mmpaymkttransfers/hbpreorder", {"kind": "drop_reply", "times": 3})
    planned(runtime, 3)
    numbers = {order.mch_billno for order in orders_of(runtime)}
    send_due(runtime)
    for _ in range(3):
        simulator.advance(24 * 3600 + 60)
        runtime.clock.refresh()
        send_due(runtime)
        reconcile_due(runtime)
    assert recorded(simulator) == numbers == {order.mch_billno for order in orders_of(runtime)}
    assert {order.status for order in orders_of(runtime)} <= {"accepted", "returned"}


@pytest.mark.on_both
def test_the_late_answer_of_a_paused_worker_changes_nothing_F14_F21(
    runtime: Runtime, simulator: SimulatedWeChat
) -> None:
    """It claimed the order, slept past its lease, another worker sends the same number: the first one's answer is stale."""
    planned(runtime, 1)
    paused, _ = claim_sends(runtime, 1)
    simulator.advance(LEASE.total_seconds() + 5)
    runtime.clock.refresh()
    with runtime.database.transaction() as session:
        assert recover_sending(session, runtime.database.now(session)) == 1
    ours, _ = claim_sends(runtime, 1)
    assert (ours[0].mch_billno, ours[0].lease_epoch) == (paused[0].mch_billno, paused[0].lease_epoch + 1)
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        stale = Decision("unknown", "send", 3600, "UNANSWERED_TIMEOUT", evidence="late")
        assert outcome.apply(session, [DecidedOrder(paused[0], stale)], now) == 0
    assert [(order.status, order.err_code) for order in orders_of(runtime)] == [("sending", "WORKER_DIED")]


def test_an_order_without_an_answer_keeps_its_money_reserved_I7(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    simulator.control("PUT", "faults/mmpaymkttransfers/hbpreorder", {"kind": "drop_reply", "times": 3})
    planned(runtime, 3)
    send_due(runtime)
    assert {order.status for order in orders_of(runtime)} == {"unknown"}
    with runtime.database.reading() as session:
        assert session.get_one(budget.Budget, 1).committed_fen == 300
        assert ledger.balances(session, 1)["in_flight"] == 300


@pytest.mark.on_both
def test_number_and_claim_are_committed_before_the_first_byte_I4(
    runtime: Runtime, simulator: SimulatedWeChat, other: Database
) -> None:
    """Whoever looks at the database while the request is on the wire sees the order as being sent."""
    planned(runtime, 1)
    seen: list[tuple[str, int]] = []

    def look(_label: str) -> None:
        with other.reading() as session:
            seen.extend((order.status, order.sends) for order in session.scalars(select(Order)))

    runtime.pay._transport._before_send = look
    send_due(runtime)
    assert seen == [("sending", 1)]


@pytest.mark.on_both
def test_a_bind_and_a_settlement_at_one_moment_agree_F38(runtime: Runtime, other: Database) -> None:
    """A reconcile settles the order just after the bind has read it: whoever comes second sees what the first has done."""
    if runtime.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time: nothing changes in between")
    stage = set_stage(runtime, packets=1)
    now = runtime.clock.now()
    (seen,) = stage.orders()
    settled: list[int] = []
    with runtime.database.transaction() as session:
        budget.open_budget(session, stage.campaign_id, 100)
        assert budget.reserve(session, stage.campaign_id, 100)

    def settle() -> None:
        with other.transaction() as session:
            settled.append(outcome.apply(session, [DecidedOrder(seen, Decision("returned"))], now))

    reconcile = threading.Thread(target=settle)

    def meanwhile(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("SELECT lotteries.campaign_id") and not reconcile.ident:
            reconcile.start()
            reconcile.join(1)

    event.listen(runtime.database.engine, "before_cursor_execute", meanwhile)
    bind.record(runtime, stage.bind_event("oPERSON0001"), now)
    reconcile.join()
    assert settled == [0]
    assert [(one.status, one.fault) for one in stage.binds()] == [("matched", "without_a_draw")]
    assert [(packet.status, packet.openid) for packet in stage.packets()] == [("bound", "oPERSON0001")]
    assert [(order.status, order.holding) for order in stage.orders()] == [("accepted", "unclaimed")]


def test_a_bind_that_its_order_refuses_moves_no_packet_F39(runtime: Runtime) -> None:
    """The order went to a person meanwhile: event aside, packet and money where they were."""
    stage = set_stage(runtime, packets=1)
    change(runtime, status="manual")
    bind.record(runtime, stage.bind_event("oPERSON0001"), runtime.clock.now())
    assert [(one.status, one.fault) for one in stage.binds()] == [("quarantined", "order_is_manual")]
    assert [(packet.status, packet.openid) for packet in stage.packets()] == [("loaded", None)]
