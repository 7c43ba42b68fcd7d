"""A payout from the request to the person's wallet, over both channels, against the simulator."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Cast
from tests.payouts.stories import SECOND, at_bank, fund, orders_of, owe, pass_time, payout_of, sound
from tests.servers import SimulatedWeChat
from wxbot import ledger, quotas
from wxbot.budget import Budget
from wxbot.clock import shanghai_day
from wxbot.orders import throttle
from wxbot.payouts import create
from wxbot.payouts.create import PayoutRequest
from wxbot.payouts.models import PAYOUT_STATUSES, Programme
from wxbot.payouts.place_orders import order_due
from wxbot.people import notices
from wxbot.quotas import Quota
from wxbot.runtime import Runtime
from wxbot.text import Refusal
from wxbot.worker import run_until_quiet

CHANNELS = ("sendredpack", "transfer_bills")


@pytest.fixture(autouse=True)
def money(simulator: SimulatedWeChat) -> None:
    """A merchant with money."""
    simulator.control("POST", "bank/topup", {"amount_fen": 10_000_000})


def take(simulator: SimulatedWeChat, person: Any, channel: str) -> None:
    """The person takes what waits for them."""
    if channel == "sendredpack":
        for packet in simulator.control("GET", f"people/{person.id}/packets")["packets"]:
            simulator.control("POST", f"people/{person.id}/packets/{packet['detail_id']}/open")
        return
    for bill in simulator.control("GET", f"people/{person.id}/transfers")["transfers"]:
        if bill["state"] == "WAIT_USER_CONFIRM":
            simulator.control("POST", f"people/{person.id}/transfers/{bill['transfer_bill_no']}/confirm")


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_payout_reaches_the_wallet_and_every_book_agrees(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, channel: str
) -> None:
    programme_id = fund(runtime, 10_000, channel=channel)
    payout_id = owe(runtime, programme_id, cast.ming.openid, 880)
    run_until_quiet(runtime)
    (order,) = orders_of(runtime, payout_id)
    assert (payout_of(runtime, payout_id).status, order.status, order.holding) == ("ordered", "accepted", "unclaimed")
    take(simulator, cast.ming, channel)
    pass_time(runtime, simulator, 90)
    assert payout_of(runtime, payout_id).status == "paid"
    assert simulator.control("GET", f"people/{cast.ming.id}/wallet")["wallet_fen"] == 880
    with runtime.database.reading() as session:
        told = [notice.kind for notice in notices.of(session, cast.ming.openid)]
        left = session.get_one(Budget, programme_id)
        accounts = ledger.balances(session, programme_id)
    assert sorted(told) == ["payout_paid", "payout_sent"]
    assert (left.committed_fen, left.paid_fen) == (0, 880)
    assert (accounts["reserved"], accounts["paid"], accounts["unclaimed"]) == (9_120, 880, 0)
    sound(runtime)


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_nobody_takes_comes_back_and_frees_the_budget(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, channel: str
) -> None:
    programme_id = fund(runtime, 500, channel=channel, person_fen_per_month=500)
    payout_id = owe(runtime, programme_id, cast.hong.openid, 500)
    run_until_quiet(runtime)
    pass_time(runtime, simulator, 25 * 3600)
    pass_time(runtime, simulator, 7 * 3600)
    assert payout_of(runtime, payout_id).status == "returned"
    again = owe(runtime, programme_id, cast.hong.openid, 500, source_id=2)  # the budget and the month have room again
    run_until_quiet(runtime)
    assert payout_of(runtime, again).status == "ordered"
    sound(runtime)


@pytest.mark.on_both
def test_a_reason_is_paid_once_whoever_asks_how_often_S24(runtime: Runtime, cast: Cast) -> None:
    programme_id = fund(runtime)

    def ask(_n: int) -> int:
        return owe(runtime, programme_id, cast.ming.openid, 100)

    first = owe(runtime, programme_id, cast.ming.openid, 100)
    with ThreadPoolExecutor(8) as crowd:
        assert set(crowd.map(ask, range(16))) == {first}
    with pytest.raises(Refusal, match="另外的金额"):
        owe(runtime, programme_id, cast.ming.openid, 101)


def test_a_second_person_approves_what_they_saw_I16(runtime: Runtime, cast: Cast) -> None:
    programme_id = fund(runtime)
    payout_id = owe(runtime, programme_id, cast.ming.openid, 20_000)
    run_until_quiet(runtime)
    waiting = payout_of(runtime, payout_id)
    assert (waiting.status, waiting.order_id) == ("requested", None)

    def approve(staff_id: int, sha256: str) -> None:
        with runtime.database.transaction() as session:
            create.approve(session, payout_id, staff_id, sha256, runtime.clock.now())

    with pytest.raises(Refusal, match="另一位"):
        approve(1, waiting.content_sha256)
    with pytest.raises(Refusal, match="刷新"):
        approve(SECOND, "0" * 64)
    approve(SECOND, waiting.content_sha256)
    run_until_quiet(runtime)
    assert payout_of(runtime, payout_id).status == "ordered"


def test_a_row_changed_by_hand_is_not_paid_I16(runtime: Runtime, cast: Cast) -> None:
    payout_id = owe(runtime, fund(runtime), cast.ming.openid, 100)
    with runtime.database.transaction() as session:
        session.get_one(create.Payout, payout_id).amount_fen = 9_900  # type: ignore[attr-defined]
    run_until_quiet(runtime)
    assert (payout_of(runtime, payout_id).status, payout_of(runtime, payout_id).hold) == ("approved", "blocked")


def test_payouts_wait_for_the_budget_and_go_on_when_there_is_more_I7(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    programme_id = fund(runtime, 250)
    ids = [owe(runtime, programme_id, cast.ming.openid, 100, source_id=n) for n in range(1, 5)]
    run_until_quiet(runtime)
    assert [payout_of(runtime, one).status for one in ids] == ["ordered", "ordered", "approved", "approved"]
    assert payout_of(runtime, ids[2]).hold == "budget"
    with runtime.database.transaction() as session:
        from wxbot import budget

        assert budget.change_budget(session, programme_id, 150)
        ledger.post(
            session,
            [ledger.Posting("reserved", "more", "merchant", "reserved", 150, programme_id)],
            runtime.clock.now(),
        )
    pass_time(runtime, simulator, 61)
    assert {payout_of(runtime, one).status for one in ids} == {"ordered"}
    sound(runtime)


@pytest.mark.on_postgresql
def test_ten_a_day_is_exactly_ten_with_eight_workers_I8_F25(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    programme_id = fund(runtime)
    ids = [owe(runtime, programme_id, cast.ming.openid, 100, source_id=n) for n in range(1, 26)]
    order_due(runtime)
    from wxbot.orders.send import send_due

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(lambda _n: send_due(runtime, seconds=20), range(8)))
    sent = [order for one in ids for order in orders_of(runtime, one) if order.sends]
    assert len(sent) == 10
    waiting = [order for one in ids for order in orders_of(runtime, one) if not order.sends]
    assert {order.err_code for order in waiting} == {"PERSON_DAY"}
    assert len(at_bank(simulator)) == 10
    day = f"{shanghai_day(runtime.clock.now()):%Y%m%d}"
    with runtime.database.reading() as session:
        used = session.get_one(Quota, (quotas.person(cast.ming.openid), day))
    assert (used.n, used.fen) == (10, 1000)
    sound(runtime)


def test_a_thousand_yuan_a_day_and_the_rest_in_the_morning_F26(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    programme_id = fund(runtime, 10_000_000)
    ids = [owe(runtime, programme_id, cast.ming.openid, 19_900, source_id=n, approved_by=SECOND) for n in range(1, 7)]
    run_until_quiet(runtime)
    assert [orders_of(runtime, one)[0].status for one in ids] == ["accepted"] * 5 + ["planned"]
    (held,) = orders_of(runtime, ids[5])
    assert held.send_after > runtime.clock.now()
    pass_time(runtime, simulator, (held.send_after - runtime.clock.now()).total_seconds() + 1)
    assert orders_of(runtime, ids[5])[0].status == "accepted"
    sound(runtime)


def test_a_failed_order_gives_the_day_back_once(runtime: Runtime, simulator: SimulatedWeChat, cast: Cast) -> None:
    simulator.control("PUT", "switches", {"sending_s": 86_400})
    payout_id = owe(runtime, fund(runtime), cast.ming.openid, 100)
    run_until_quiet(runtime)
    (order,) = orders_of(runtime, payout_id)
    day = order.charged_day
    simulator.control("POST", f"bank/orders/{order.mch_billno}/fail")
    simulator.control("PUT", "switches", {"sending_s": 0})
    pass_time(runtime, simulator, 61)
    assert [each.status for each in orders_of(runtime, payout_id)] == ["failed"]
    with runtime.database.reading() as session:
        used = session.get_one(Quota, (quotas.person(cast.ming.openid), day))
    assert (used.n, used.fen) == (0, 0)
    pass_time(runtime, simulator, 601)  # ten minutes later a further order, with a number of its own
    first, second = orders_of(runtime, payout_id)
    assert (first.status, second.status, first.mch_billno == second.mch_billno) == ("failed", "accepted", False)
    sound(runtime)


def test_a_closed_programme_and_a_blocked_person_are_asked_about_again_at_payment(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    from wxbot.people import marks

    programme_id = fund(runtime)
    ids = [owe(runtime, programme_id, who.openid, 100, source_id=n) for n, who in enumerate((cast.ming, cast.gui), 1)]
    with runtime.database.transaction() as session:
        marks.put(session, runtime.vault, "block", "openid", cast.gui.openid, "重复领取", 1, runtime.clock.now())
    run_until_quiet(runtime)
    assert [payout_of(runtime, one).hold for one in ids] == [None, "blocked"]
    later = owe(runtime, programme_id, cast.hong.openid, 100, source_id=3)
    with runtime.database.transaction() as session:
        session.get_one(Programme, programme_id).is_open = False
    run_until_quiet(runtime)
    assert payout_of(runtime, later).hold == "closed"


def test_nothing_leaves_after_the_stop_and_asking_goes_on_T16(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    programme_id = fund(runtime)
    first = owe(runtime, programme_id, cast.ming.openid, 100, source_id=1)
    run_until_quiet(runtime)
    later = owe(runtime, programme_id, cast.hong.openid, 100, source_id=2)
    order_due(runtime)  # its order stands, and is not sent
    with runtime.database.transaction() as session:
        throttle.stop_lane(session, runtime.settings.mch_id, throttle.OPERATOR_STOP, runtime.clock.now())
    last = owe(runtime, programme_id, cast.wang.openid, 100, source_id=3)
    take(simulator, cast.ming, "sendredpack")
    pass_time(runtime, simulator, 90)
    assert payout_of(runtime, first).status == "paid"
    assert orders_of(runtime, later)[0].sends == 0
    assert payout_of(runtime, last).status == "approved"
    with runtime.database.transaction() as session:
        throttle.open_lane(session, runtime.settings.mch_id, by_staff=True)
    run_until_quiet(runtime)
    assert {payout_of(runtime, one).status for one in (later, last)} == {"ordered"}
    sound(runtime)


def test_what_was_not_sent_is_called_off_what_was_sent_is_not_F82(runtime: Runtime, cast: Cast) -> None:
    programme_id = fund(runtime, person_fen_per_month=100)
    payout_id = owe(runtime, programme_id, cast.ming.openid, 100)
    with pytest.raises(Refusal, match="每人每月"):
        owe(runtime, programme_id, cast.ming.openid, 100, source_id=2)
    with runtime.database.transaction() as session:
        assert create.cancel(session, payout_id, runtime.clock.now())
    second = owe(runtime, programme_id, cast.ming.openid, 100, source_id=2)  # the month is free again
    run_until_quiet(runtime)
    third = owe(runtime, fund(runtime, 100, n=2), cast.hong.openid, 100, source_id=3)
    order_due(runtime)  # its order waits to be sent
    with runtime.database.transaction() as session:
        assert not create.cancel(session, second, runtime.clock.now())
        assert create.cancel(session, third, runtime.clock.now())
    run_until_quiet(runtime)
    assert (payout_of(runtime, third).status, orders_of(runtime, third)[0].sends) == ("cancelled", 0)
    sound(runtime)


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        (PayoutRequest("manual", 9, 1, "o1", 99), "之间"),
        (PayoutRequest("manual", 9, 1, "o1", 20_001), "之间"),
        (PayoutRequest("manual", 9, 999, "o1", 100), "停用"),
        (PayoutRequest("manual", 9, 1, "o1", 100, channel="hbpreorder"), "付款方式"),
    ],
)
def test_a_bad_request_is_a_sentence(runtime: Runtime, claim: PayoutRequest, said: str) -> None:
    assert fund(runtime) == 1
    with runtime.database.transaction() as session, pytest.raises(Refusal, match=said):
        create.request(session, runtime.settings, claim, runtime.clock.now())


def test_a_transfer_can_be_taken_back_before_it_is_confirmed(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    from wxbot.orders.reconcile import want_back

    payout_id = owe(runtime, fund(runtime, channel="transfer_bills"), cast.ming.openid, 100)
    run_until_quiet(runtime)
    with runtime.database.transaction() as session:
        assert want_back(session, orders_of(runtime, payout_id)[0].id, runtime.clock.now())
    run_until_quiet(runtime)
    for _ in range(4):
        pass_time(runtime, simulator, 61)
    assert (orders_of(runtime, payout_id)[0].err_code, payout_of(runtime, payout_id).status) == (
        "MCH_CANCEL",
        "cancelled",
    )
    sound(runtime)


def test_quiet_hours_and_the_slow_start_of_the_morning_F18_F19(runtime: Runtime) -> None:
    quiet = runtime.settings.model_copy(update={"pay_quiet_hours": True, "pay_per_second": 25})
    midnight = runtime.clock.now().astimezone(throttle.SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)  # type: ignore[attr-defined]
    eight = midnight + timedelta(hours=8)
    rates = [throttle.rate_now(quiet, eight + timedelta(seconds=s)) for s in (0, 60, 450, 899, 900, 3600)]
    assert rates == [1, 1, 12, 24, 25, 25]
    hours = [midnight + timedelta(hours=h) for h in (0, 7, 8, 23)]
    assert [throttle.is_quiet(quiet, hour, "sendredpack") for hour in hours] == [True, True, False, False]
    assert not any(throttle.is_quiet(quiet, hour, "transfer_bills") for hour in hours)
    asleep = quiet.model_copy(update={"transfer_quiet_hours": True})
    with runtime.database.transaction() as session:
        open_to = {
            name: [throttle.lanes(session, settings, hour) for hour in hours[1:3]]
            for name, settings in (("packets", quiet), ("all", asleep))
        }
    every = [throttle.SendLane(quiet.mch_id)]
    assert open_to == {
        "packets": [[throttle.SendLane(quiet.mch_id, ("transfer_bills",))], every],
        "all": [[], every],
    }


def test_every_payout_status_has_a_meaning() -> None:
    from wxbot.payouts.models import PAYOUT_NEXT

    named = set(PAYOUT_NEXT) | {after for afters in PAYOUT_NEXT.values() for after in afters}
    assert named == set(PAYOUT_STATUSES)
