"""Two channels that stop and open by themselves, limits that count what was sent, locks that are taken in one order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, update

from tests.conftest import Cast
from tests.payouts.stories import fund, orders_of, owe, pass_time, payout_of, sound
from tests.servers import SimulatedWeChat
from wxbot.clock import shanghai_day
from wxbot.orders import outcome, throttle
from wxbot.orders.decide import Decision
from wxbot.orders.models import LaneState, Order
from wxbot.orders.outcome import DecidedOrder
from wxbot.orders.send import send_due
from wxbot.payouts.place_orders import order_due
from wxbot.runtime import Runtime
from wxbot.worker import run_until_quiet

PACKET, BILLS = "mmpaymkttransfers/sendredpack", "v3/fund-app/mch-transfer/transfer-bills"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The database makes no difference here."""
    return sqlite_url


@pytest.fixture(autouse=True)
def money(simulator: SimulatedWeChat) -> None:
    simulator.control("POST", "bank/topup", {"amount_fen": 10_000_000})


def change(runtime: Runtime, **values: Any) -> None:
    runtime.settings = runtime.settings.model_copy(update=values)


def line(runtime: Runtime, key: str = "") -> LaneState:
    with runtime.database.reading() as session:
        return session.get_one(LaneState, key or runtime.settings.mch_id)


@pytest.mark.parametrize(
    ("broken", "call", "code", "sound_one"),
    [
        ("sendredpack", PACKET, "API_METHOD_CLOSED", "transfer_bills"),
        ("transfer_bills", BILLS, "NO_AUTH", "sendredpack"),
    ],
)
def test_an_error_of_one_channel_stops_the_other_neither_at_once_nor_later_F19b(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, broken: str, call: str, code: str, sound_one: str
) -> None:
    simulator.control("PUT", f"faults/{call}", {"kind": "refuse", "err_code": code})
    change(runtime, pay_per_second=1, pay_concurrency=1)  # 20 orders are placed ahead
    programme_id = fund(runtime)
    bad = [owe(runtime, programme_id, cast.ming.openid, source_id=n, channel=broken) for n in range(1, 26)]
    order_due(runtime)
    send_due(runtime, limit=1)  # the first one stops its line
    good = [owe(runtime, programme_id, cast.hong.openid, source_id=n, channel=sound_one) for n in range(31, 34)]
    order_due(runtime)
    change(runtime, pay_per_second=1000)
    send_due(runtime)
    assert [orders_of(runtime, one)[0].status for one in good] == ["accepted"] * 3
    sent = sum(order.sends for one in bad for order in orders_of(runtime, one))
    assert sent == 1
    key = throttle.lane_key(runtime.settings.mch_id, broken)
    more = owe(runtime, programme_id, cast.hong.openid, source_id=40, channel=sound_one)
    pass_time(runtime, simulator, 61)  # its probe fails, the other's orders open nothing
    assert (line(runtime, key).stopped_code, orders_of(runtime, more)[0].status) == (code, "accepted")
    assert sum(order.sends for one in bad for order in orders_of(runtime, one)) == 2
    with runtime.database.reading() as session:
        shown = throttle.shown_lane(session, runtime.settings.mch_id)
        assert shown is not None
        assert shown.stopped_code == code
    simulator.control("DELETE", "faults")
    pass_time(runtime, simulator, 61)
    pass_time(runtime, simulator, 61)
    assert line(runtime, key).stopped_code is None
    assert sum(order.status == "accepted" for one in bad for order in orders_of(runtime, one)) == 10  # a day's limit
    sound(runtime)


def test_a_persons_stop_holds_for_both_channels_whatever_an_error_has_stopped_T16(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    programme_id = fund(runtime)
    ids = [
        owe(runtime, programme_id, cast.ming.openid, source_id=n, channel=channel)
        for n, channel in enumerate(("sendredpack", "transfer_bills"), 1)
    ]
    order_due(runtime)
    mch_id, now = runtime.settings.mch_id, runtime.clock.now()
    with runtime.database.transaction() as session:
        throttle.stop_lane(session, f"{mch_id}/v3", "NO_AUTH", now)
        throttle.stop_lane(session, mch_id, throttle.OPERATOR_STOP, now)
    pass_time(runtime, simulator, 61)
    assert [orders_of(runtime, one)[0].sends for one in ids] == [0, 0]
    with runtime.database.transaction() as session:
        throttle.open_lane(session, mch_id, by_staff=True)
    run_until_quiet(runtime)
    assert [orders_of(runtime, one)[0].status for one in ids] == ["accepted"] * 2


def test_only_what_is_newly_sent_counts_for_the_merchants_day_F26(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    """An outage in which every number goes again and again must not use up the day."""
    change(runtime, pay_per_day=6)
    simulator.control("PUT", f"faults/{PACKET}", {"kind": "drop_request", "times": 20})
    programme_id = fund(runtime)
    ids = [owe(runtime, programme_id, cast.ming.openid, source_id=n) for n in range(1, 6)]
    for _ in range(6):
        pass_time(runtime, simulator, 30)
    pass_time(runtime, simulator, 600)
    assert [orders_of(runtime, one)[0].status for one in ids] == ["accepted"] * 5
    assert sum(orders_of(runtime, one)[0].sends for one in ids) > 20
    assert (line(runtime).sent_in_day, line(runtime).fen_in_day) == (5, 500)
    more = [owe(runtime, programme_id, cast.hong.openid, source_id=n) for n in (11, 12)]
    run_until_quiet(runtime)
    assert [orders_of(runtime, one)[0].status for one in more] == ["accepted", "planned"]


def test_a_probe_is_an_order_that_may_be_sent_and_nothing_is_given_back_for_it_F19b(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    """The first ones in the queue are of somebody whose day is full: they must not use up minute after minute."""
    change(runtime, person_packets_per_day=2, pay_concurrency=1)
    programme_id = fund(runtime)
    ids = [owe(runtime, programme_id, cast.ming.openid, source_id=n) for n in range(1, 9)]
    last = owe(runtime, programme_id, cast.hong.openid, source_id=9)
    order_due(runtime)
    send_due(runtime, limit=2)
    with runtime.database.transaction() as session:
        session.execute(update(Order).where(Order.err_code == "PERSON_DAY").values(send_after=Order.created_at))
        throttle.stop_lane(session, runtime.settings.mch_id, "NOTENOUGH", runtime.clock.now() - timedelta(minutes=2))
    send_due(runtime)
    assert orders_of(runtime, last)[0].status == "accepted"
    assert line(runtime).stopped_code is None
    run_until_quiet(runtime)
    assert sum(order.sends for one in ids for order in orders_of(runtime, one)) == 2
    counted = line(runtime)
    assert (counted.sent_in_day, counted.fen_in_day) == (2, 200)  # what was sent but for the probe


@pytest.mark.parametrize("code", ["UNANSWERED_TIMEOUT", "WORKER_DIED"])
def test_a_number_whose_reply_was_lost_is_asked_about_while_sending_is_stopped_T16(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, code: str
) -> None:
    simulator.control("PUT", f"faults/{PACKET}", {"kind": "drop_reply", "times": 1})
    change(runtime, pay_concurrency=1)
    payout_id = owe(runtime, fund(runtime), cast.ming.openid)
    order_due(runtime)
    send_due(runtime, limit=1)
    with runtime.database.transaction() as session:
        session.execute(update(Order).values(err_code=code))
        throttle.stop_lane(session, runtime.settings.mch_id, throttle.OPERATOR_STOP, runtime.clock.now())
    (packet,) = simulator.control("GET", f"people/{cast.ming.id}/packets")["packets"]
    simulator.control("POST", f"people/{cast.ming.id}/packets/{packet['detail_id']}/open")
    pass_time(runtime, simulator, 121)
    assert payout_of(runtime, payout_id).status == "paid"
    assert orders_of(runtime, payout_id)[0].sends == 1
    sound(runtime)


def test_rule13_what_was_refused_for_a_cause_waits_for_the_cause_to_go(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    """NOTENOUGH is not asked about: after the top-up the same number goes again at once."""
    simulator.control("PUT", f"faults/{PACKET}", {"kind": "refuse", "err_code": "NOTENOUGH"})
    payout_id = owe(runtime, fund(runtime), cast.ming.openid)
    run_until_quiet(runtime)
    with runtime.database.transaction() as session:
        throttle.stop_lane(session, runtime.settings.mch_id, throttle.OPERATOR_STOP, runtime.clock.now())
    pass_time(runtime, simulator, 3600)
    (order,) = orders_of(runtime, payout_id)
    assert (order.next_step, order.checks) == ("send", 0)


def test_answers_lock_orders_then_budgets_then_days_then_balances_each_in_one_order_F67(
    runtime: Runtime, cast: Cast
) -> None:
    programmes = [fund(runtime, n=n) for n in (1, 2)]
    people = sorted((cast.ming.openid, cast.hong.openid), reverse=True)
    for n, who in enumerate(people, 1):
        owe(runtime, programmes[n - 1], who, source_id=n)
    order_due(runtime)
    day = f"{shanghai_day(runtime.clock.now()):%Y%m%d}"
    with runtime.database.transaction() as session:
        session.execute(update(Order).values(status="unknown", charged_day=day))
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        written = re.search(r"\b(?:UPDATE|INSERT INTO) (\w+)", statement)
        if written is not None:
            said.append(f"{written[1]} " + " ".join(map(str, _flat(parameters))))

    with runtime.database.transaction() as session:
        orders = session.query(Order).order_by(Order.id.desc()).all()
        event.listen(runtime.database.engine, "before_cursor_execute", note)
        try:
            outcome.apply(
                session,
                [DecidedOrder(order, Decision("failed", err_code="FAILED")) for order in orders],
                runtime.clock.now(),
            )
        finally:
            event.remove(runtime.database.engine, "before_cursor_execute", note)
        session.rollback()
    kinds = list(dict.fromkeys(statement.split()[0] for statement in said))
    assert kinds == ["orders", "budgets", "quotas", "ledger_entries", "ledger_balances"]
    days = [statement for statement in said if statement.startswith("quotas ")]
    assert [next(who for who in people if who in statement) for statement in days] == sorted(people)


def _flat(values: Any) -> Sequence[Any]:
    return [each for part in values for each in _flat(part)] if isinstance(values, list | tuple) else [values]
