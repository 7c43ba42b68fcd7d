"""Payouts under faults: every reply lost, doubled, garbled, refused with every code. Nobody is paid twice, nobody forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Cast, simulator_settings
from tests.payouts.stories import at_bank, fund, orders_of, owe, payout_of, sound
from tests.payouts.test_pay import CHANNELS, take
from tests.servers import SimulatedWeChat
from wxbot.runtime import Runtime
from wxbot.wechat.errors import all_rows
from wxbot.worker import run_until_quiet

BILLS = "v3/fund-app/mch-transfer/transfer-bills"
CALLS = {
    "sendredpack": ("mmpaymkttransfers/sendredpack", "mmpaymkttransfers/gethbinfo"),
    "transfer_bills": (BILLS, f"{BILLS}/out-bill-no/*"),
}
"""Channel → what it calls to send and to ask."""

UNKNOWN_CODES = ("NEVER_SEEN", "268458547")


@pytest.fixture
def desk(simulator: SimulatedWeChat, sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Runtime]:
    """A deployment on SQLite whose people may have as much as they like in a day."""
    simulator.control("POST", "bank/topup", {"amount_fen": 100_000_000})
    many = {f"cash_user_{what}_per_day": 10_000_000 for what in ("packets", "fen")}
    simulator.control("PUT", "bank/limits", many)
    generous = {"person_packets_per_day": 10_000, "person_fen_per_day": 10_000_000}
    with closing(Runtime(simulator_settings(simulator, sqlite_url, redis_url, tmp_path, **generous))) as runtime:
        yield runtime


def wait(desk: Runtime, simulator: SimulatedWeChat, seconds: float) -> None:
    simulator.advance(seconds)
    desk.clock.refresh()
    run_until_quiet(desk)


def settle(desk: Runtime, simulator: SimulatedWeChat, cast: Cast, channel: str, ids: list[int]) -> None:
    """People take what reaches them, time passes; half a day must be enough."""
    for _ in range(30):
        for person in (cast.ming, cast.hong, cast.wang):
            take(simulator, person, channel)
        wait(desk, simulator, 1500)
        if all(payout_of(desk, one).status == "paid" for one in ids):
            return


def assert_paid_once(desk: Runtime, simulator: SimulatedWeChat, ids: list[int]) -> None:
    """Each payout is paid by its one number, which is also the only one that the bank knows; every book agrees."""
    numbers = []
    for one in ids:
        orders = orders_of(desk, one)
        assert (payout_of(desk, one).status, len(orders), orders[0].status) == ("paid", 1, "received"), orders[
            0
        ].err_code
        numbers.append(orders[0].mch_billno)
    bank = at_bank(simulator)
    assert set(bank) == set(numbers)
    assert {order["paid_fen"] for order in bank.values()} == {100}
    sound(desk)


@pytest.mark.parametrize(
    "kind",
    [
        "drop_reply",
        pytest.param("garble", marks=pytest.mark.proof),
        pytest.param("drop_request", marks=pytest.mark.proof),
        pytest.param("repeat", marks=pytest.mark.proof),
    ],
)
@pytest.mark.parametrize("channel", CHANNELS)
def test_every_reply_of_a_payout_may_be_lost_F04_F05_F11_F13(
    desk: Runtime, simulator: SimulatedWeChat, cast: Cast, channel: str, kind: str
) -> None:
    for call in CALLS[channel]:
        simulator.control("PUT", f"faults/{call}", {"kind": kind, "times": 4})
    programme_id = fund(desk, channel=channel)
    people = (cast.ming, cast.hong, cast.wang)
    ids = [owe(desk, programme_id, people[n % 3].openid, source_id=n) for n in range(1, 7)]
    run_until_quiet(desk)
    settle(desk, simulator, cast, channel, ids)
    assert_paid_once(desk, simulator, ids)


def codes_of(channel: str) -> list[str]:
    apis = ("redpack", "pay") if channel == "sendredpack" else ("transfer",)
    known = dict.fromkeys(row.code for row in all_rows() if row.api in apis)
    return [*known, *UNKNOWN_CODES]


@pytest.mark.parametrize(
    ("channel", "is_landed"),
    [
        pytest.param("sendredpack", False, marks=pytest.mark.proof),
        ("transfer_bills", True),
        pytest.param("sendredpack", True, marks=pytest.mark.proof),
        pytest.param("transfer_bills", False, marks=pytest.mark.proof),
    ],
)
def test_no_code_makes_a_second_number_F07_F09_F10(
    desk: Runtime, simulator: SimulatedWeChat, cast: Cast, channel: str, is_landed: bool
) -> None:
    """Each code once, documented or not, with the request taking effect or not: unknown until WeChat says the end."""
    programme_id = fund(desk, channel=channel)
    ids = []
    codes = codes_of(channel)
    for n, code in enumerate(codes, 1):
        fault = {"kind": "refuse", "err_code": code, "times": 1, "is_landed": is_landed}
        simulator.control("PUT", f"faults/{CALLS[channel][0]}", fault)
        ids.append(owe(desk, programme_id, cast.ming.openid, source_id=n))
        run_until_quiet(desk)
        (order,) = orders_of(desk, ids[-1])
        assert order.status in ("unknown", "manual", "accepted"), (code, order.status)
        wait(desk, simulator, 61)  # a line that was stopped lets one probe through
    for _ in range(6):
        take(simulator, cast.ming, channel)
        wait(desk, simulator, 8 * 3600)
    ended = {code: orders_of(desk, one) for code, one in zip(codes, ids, strict=True)}
    assert {code: len(orders) for code, orders in ended.items() if len(orders) != 1} == {}
    left = {code: orders[0].status for code, orders in ended.items() if orders[0].status != "received"}
    assert set(left.values()) <= {"manual"}, left
    assert not is_landed or set(left) <= {"FATAL_ERROR"}, left  # what WeChat has is found, whatever it said at first
    assert all(order["paid_fen"] <= 100 for order in at_bank(simulator).values())
    sound(desk)


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_number_is_of_the_day_it_was_made_F12(
    desk: Runtime, simulator: SimulatedWeChat, cast: Cast, channel: str
) -> None:
    """The reply is lost before midnight and the number is sent again after it: one number, one payment."""
    simulator.control("PUT", f"faults/{CALLS[channel][0]}", {"kind": "drop_reply", "times": 50})
    payout_id = owe(desk, fund(desk, channel=channel), cast.ming.openid)
    run_until_quiet(desk)
    wait(desk, simulator, 24 * 3600 - 600)
    simulator.control("DELETE", "faults")
    settle(desk, simulator, cast, channel, [payout_id])
    assert len(orders_of(desk, payout_id)) == 1
    assert len(at_bank(simulator)) == 1
    sound(desk)


@pytest.mark.parametrize("channel", ["sendredpack", pytest.param("transfer_bills", marks=pytest.mark.proof)])
def test_redis_is_emptied_between_all_steps_F18_I18(
    desk: Runtime, simulator: SimulatedWeChat, cast: Cast, channel: str
) -> None:
    programme_id = fund(desk, channel=channel)
    ids = [owe(desk, programme_id, cast.ming.openid, source_id=n) for n in range(1, 4)]
    for _ in range(6):
        desk.redis.flushall()
        run_until_quiet(desk, rounds=1)
    settle(desk, simulator, cast, channel, ids)
    assert_paid_once(desk, simulator, ids)
