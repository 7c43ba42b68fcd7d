"""Several workers send at the same time: the rows keep rate, day, stop and probe for all, and nobody is paid twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from tests.orders.test_races import orders_of, planned
from tests.servers import SimulatedWeChat
from wxbot.clock import SHANGHAI
from wxbot.orders import throttle
from wxbot.orders.models import LaneState
from wxbot.orders.plan import lane_state
from wxbot.orders.send import send_due
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.worker import run_task

RATE = 7
SECONDS = 4
"""So many at the least does what two senders share out take."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"pay_per_second": RATE})


@pytest.fixture
def second_box(runtime: Runtime) -> Iterator[Runtime]:
    """Another worker's runtime on the same database and Redis."""
    with closing(Runtime(runtime.settings)) as made:
        yield made


@pytest.mark.on_postgresql
@pytest.mark.timeout(120)
def test_two_senders_at_once_pay_each_once_and_keep_one_rate_F18(
    runtime: Runtime, second_box: Runtime, simulator: SimulatedWeChat
) -> None:
    planned(runtime, SECONDS * RATE)
    with ThreadPoolExecutor(2) as boxes:
        reports = list(boxes.map(lambda box: send_due(box, seconds=60), (runtime, second_box)))
    orders = orders_of(runtime)
    assert [(order.status, order.sends) for order in orders] == [("accepted", 1)] * (SECONDS * RATE)
    assert sum(report.sent for report in reports) == SECONDS * RATE
    bank = [order["mch_billno"] for order in simulator.control("GET", "bank/orders?limit=1000")["orders"]]
    assert sorted(bank) == sorted(order.mch_billno for order in orders)
    in_second = Counter(int(order.sent_at.timestamp()) for order in orders if order.sent_at)
    # A claim that waited for the other's lock counts in the second that had begun meanwhile, never in none.
    assert len(orders) <= RATE * (max(in_second) - min(in_second) + 1)


@pytest.mark.on_both
def test_a_claim_that_waited_into_the_next_second_counts_in_it_F18(runtime: Runtime) -> None:
    """Worker A looks at the clock, waits for B's lock, and writes its count after B's: B's count must not be forgotten."""
    settings, now = runtime.settings, runtime.clock.now().replace(microsecond=0)
    late = now - timedelta(milliseconds=5)
    taken = []
    with runtime.database.transaction() as session:
        for moment, wanted in ((late, 2), (now, RATE - 2), (late, RATE), (now, RATE)):
            taken.append(throttle.grant(session, settings, [100] * wanted, moment).allowed)
    assert taken == [2, RATE - 2, 2, 0]
    with runtime.database.transaction() as session:
        assert throttle.grant(session, settings, [100] * RATE, now + timedelta(seconds=1)).allowed == RATE
        assert (
            throttle.grant(session, settings, [100] * RATE, now - timedelta(hours=1)).allowed == RATE
        )  # a clock set back


def test_a_claim_that_waited_over_midnight_counts_in_the_new_day_I8(runtime: Runtime) -> None:
    settings = runtime.settings.model_copy(update={"pay_per_second": 1000, "pay_per_day": 10})
    midnight = datetime.combine(runtime.clock.now().date() + timedelta(days=1), datetime.min.time(), SHANGHAI)
    late = midnight - timedelta(milliseconds=5)
    with runtime.database.transaction() as session:
        taken = [
            throttle.grant(session, settings, [100] * 8, moment).allowed for moment in (late, midnight, late, midnight)
        ]
        line = lane_state(session, settings.mch_id)
    assert taken == [8, 8, 2, 0]
    assert (line.day, line.sent_in_day, line.fen_in_day) == (f"{midnight:%Y%m%d}", 10, 1000)


@pytest.mark.on_postgresql
@pytest.mark.timeout(120)
def test_a_sender_that_hangs_keeps_no_other_from_sending_F60(
    runtime: Runtime, second_box: Runtime, simulator: SimulatedWeChat
) -> None:
    """A worker waits for WeChat's answer, or was killed a moment ago: whatever else is due goes out by another worker."""
    simulator.control("PUT", "faults/mmpaymkttransfers/hbpreorder", {"kind": "slow", "seconds": 6, "times": 1})
    planned(runtime, 1)
    with ThreadPoolExecutor(1) as box:
        hanging = box.submit(run_task, runtime, "orders.send")
        while orders_of(runtime)[0].status != "sending" and not hanging.done():
            time.sleep(0.05)
        planned(runtime, 3, first=2)
        assert run_task(second_box, "orders.send") == 3
        assert [order.status for order in orders_of(runtime)] == ["sending", "accepted", "accepted", "accepted"]
        hanging.result()


@pytest.mark.on_both
def test_two_senders_send_one_probe_F19b(runtime: Runtime, second_box: Runtime, simulator: SimulatedWeChat) -> None:
    simulator.control("PUT", "faults/mmpaymkttransfers/hbpreorder", {"kind": "refuse", "err_code": "NOTENOUGH"})
    planned(runtime, 5)
    with runtime.database.transaction() as session:
        throttle.stop_lane(session, runtime.settings.mch_id, "NOTENOUGH", runtime.clock.now() - timedelta(minutes=2))
    with ThreadPoolExecutor(2) as boxes:
        reports = list(boxes.map(lambda box: send_due(box, seconds=5), (runtime, second_box)))
    assert sum(report.sent for report in reports) == 1
    with runtime.database.reading() as session:
        assert session.scalars(select(LaneState.stopped_code)).one() == "NOTENOUGH"
