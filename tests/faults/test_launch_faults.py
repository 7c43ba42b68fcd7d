"""A launch under faults: lost replies, crashes at every boundary, an emptied Redis. Nothing lost, nothing ordered twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from tests.campaigns.stories import campaign_of, launched, work
from tests.campaigns.test_launch import assert_sound
from tests.conftest import simulator_settings
from tests.schema import copied
from tests.servers import SimulatedWeChat
from wxbot.campaigns.packets import counts
from wxbot.orders.models import Order
from wxbot.runtime import Runtime

CALLS = [
    "shakearound/material/add",
    "shakearound/page/search",
    "shakearound/page/add",
    "shakearound/lottery/addlotteryinfo",
    "mmpaymkttransfers/hbpreorder",
    "shakearound/lottery/setprizebucket",
    "shakearound/lottery/setlotteryswitch",
    "cgi-bin/stable_token",
]
"""Every call that a launch makes."""

ALWAYS = (
    "shakearound/material/add",
    "shakearound/lottery/addlotteryinfo",
    "mmpaymkttransfers/hbpreorder",
    "shakearound/lottery/setprizebucket",
)
"""Of these the ones whose loss make test tries: before there is a lottery, of the lottery, of money, and of what it loads."""


def assert_launched_once(runtime: Runtime, simulator: SimulatedWeChat, campaign_id: int, packets: int) -> None:
    """The campaign is on, each packet is one order at the bank, and each is in the one lottery that holds tickets."""
    campaign = campaign_of(runtime, campaign_id)
    assert (campaign.status, campaign.trouble) == ("on", None)
    with runtime.database.reading() as session:
        counted = {status: n for status, n in counts(session, campaign_id).items() if n}
    assert counted == {"loaded": packets}
    orders = simulator.control("GET", "bank/orders?limit=1000")["orders"]
    assert len(orders) == packets
    lotteries = simulator.control("GET", "lotteries")["lotteries"]
    assert sorted(lottery["prize_count"] for lottery in lotteries)[-1] == packets
    assert sum(lottery["prize_count"] for lottery in lotteries) == packets
    assert_sound(runtime)


def settle(runtime: Runtime, simulator: SimulatedWeChat, campaign_id: int, packets: int) -> None:
    """Work, and let time pass, until all packets are loaded and the campaign is on; twelve rounds of five minutes must be enough."""
    for _ in range(12):
        work(runtime)
        with runtime.database.reading() as session:
            loaded = counts(session, campaign_id).get("loaded", 0)
        if loaded == packets and campaign_of(runtime, campaign_id).status == "on":
            break
        simulator.advance(300)
        runtime.clock.refresh()
    work(runtime)


@pytest.mark.parametrize(
    "kind",
    [
        "drop_reply",
        pytest.param("drop_request", marks=pytest.mark.proof),
        pytest.param("garble", marks=pytest.mark.proof),
    ],
)
@pytest.mark.parametrize(
    "call", [call if call in ALWAYS else pytest.param(call, marks=pytest.mark.proof) for call in CALLS]
)
def test_every_reply_of_a_launch_may_be_lost_F42_F44_F49(
    runtime: Runtime, simulator: SimulatedWeChat, call: str, kind: str
) -> None:
    """The first three replies of one call are lost; the same steps run again and the result is the same."""
    simulator.control("PUT", f"faults/{call}", {"kind": kind, "times": 3})
    campaign_id = launched(runtime)
    settle(runtime, simulator, campaign_id, 20)
    assert_launched_once(runtime, simulator, campaign_id, 20)


@pytest.mark.parametrize(
    "code",
    [
        "SYSTEMERROR",
        *(
            pytest.param(code, marks=pytest.mark.proof)
            for code in ("NOTENOUGH", "PROCESSING", "FREQ_LIMIT", "CA_ERROR", "NEVER_SEEN", "268458547")
        ),
    ],
)
def test_refusals_of_ordering_are_waited_out_F07_F09_F10(
    runtime: Runtime, simulator: SimulatedWeChat, code: str
) -> None:
    """Five orders are refused with a code; nothing is ordered under a new number, and all arrive in the end."""
    simulator.control("PUT", "faults/mmpaymkttransfers/hbpreorder", {"kind": "refuse", "err_code": code, "times": 5})
    campaign_id = launched(runtime)
    work(runtime)
    with runtime.database.reading() as session:
        first_numbers = set(session.scalars(select(Order.mch_billno)))
    settle(runtime, simulator, campaign_id, 20)
    with runtime.database.reading() as session:
        assert set(session.scalars(select(Order.mch_billno))) == first_numbers
    assert_launched_once(runtime, simulator, campaign_id, 20)


def test_redis_is_emptied_between_all_steps_F59_I18(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    campaign_id = launched(runtime, packet_count=120, budget_fen=12000)
    for _ in range(30):
        runtime.redis.flushall()
        if work(runtime, rounds=1) == 0:
            break
    assert_launched_once(runtime, simulator, campaign_id, 120)


class Killed(BaseException):
    """The process dies here."""


@contextmanager
def crash_at(runtime: Runtime, boundary: int) -> Iterator[list[int]]:
    """Die at the n-th boundary: before a commit, or before a request leaves. Yields the count of boundaries met.

    What is dead stays dead: no `finally` of ours may still write, the way kill -9 would not let it.
    """
    met = [0]
    guard = threading.Lock()

    def stay_dead(*_anything: Any) -> None:
        if boundary <= met[0]:
            raise Killed

    def step(*_anything: Any) -> None:
        with guard:
            met[0] += 1
        stay_dead()

    for transport in (runtime.transport, runtime.pay._transport, runtime.pay_v3._wire._transport):
        transport._before_send = step
    event.listen(runtime.database.engine, "commit", step)
    event.listen(runtime.database.engine, "engine_connect", stay_dead)
    yield met


@pytest.mark.timeout(600)
@pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.proof)])
def test_a_worker_dies_at_every_boundary_of_a_launch_F03_F04(
    stride: int, simulator: SimulatedWeChat, redis_url: str, sqlite_template: Path, tmp_path: Path
) -> None:
    """For n = 1, 2, 3 … (make test: every seventh): launch, die at boundary n, start again in a new process's parts, finish, compare the books."""
    boundary = 1 - stride
    while True:
        boundary += stride
        simulator.reset()
        folder = tmp_path / str(boundary)
        folder.mkdir()
        settings = simulator_settings(
            simulator, copied(sqlite_template, folder / "wxbot.db"), redis_url, folder, pay_concurrency=2
        )
        first = Runtime(settings)
        campaign_id = launched(first, packet_count=5, budget_fen=500)
        with crash_at(first, boundary) as met:
            try:
                work(first)
                has_crashed = False
            except Killed:
                has_crashed = True
        first.close()
        second = Runtime(settings)
        settle(second, simulator, campaign_id, 5)
        assert_launched_once(second, simulator, campaign_id, 5)
        second.close()
        if not has_crashed:
            break
    assert boundary > 20, f"only {met[0]} boundaries were met: the crash hook does not see the launch"
