"""Answers that are true but about somebody else, too long for a column, or come while an order is being taken back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tests.conftest import Cast
from tests.orders.test_outcome_direct import BILLNO, NOW, bill, order, pay
from tests.payouts.stories import at_bank, fund, orders_of, owe, pass_time, payout_of, sound
from tests.servers import SimulatedWeChat
from wxbot.orders.channels import DIRECT
from wxbot.orders.decide import NOT_FOUND_MANUAL, decide_query, decide_send
from wxbot.orders.models import Order
from wxbot.orders.reconcile import reconcile_due, want_back
from wxbot.orders.send import send_due
from wxbot.payouts.place_orders import order_due
from wxbot.runtime import Runtime
from wxbot.wechat.errors import Unanswered
from wxbot.wechat.pay_v3 import TransferAnswer
from wxbot.worker import run_until_quiet

BILLS = "v3/fund-app/mch-transfer/transfer-bills"
NOT_FOUND = TransferAnswer(status=404, code="NOT_FOUND", raw="{}")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The database makes no difference here."""
    return sqlite_url


@pytest.fixture(autouse=True)
def money(simulator: SimulatedWeChat) -> None:
    simulator.control("POST", "bank/topup", {"amount_fen": 10_000_000})


def test_what_another_person_received_is_not_our_persons_money_F32b() -> None:
    """A number that collided with somebody else's bill: ours was never paid, so a person must decide."""
    received = pay({"mch_billno": BILLNO, "detail_id": "1", "status": "RECEIVED"})
    told: list[tuple[str, Any]] = [("sendredpack", replace(received, receipts=({"openid": "oGui"},)))]
    told.append(("transfer_bills", bill("SUCCESS", openid="oGui")))
    for channel, answer in told:
        for status in ("unknown", "accepted"):
            decision = decide_query(order(channel, status=status), answer, NOW)
            assert (decision.after, decision.alarm, decision.openid) == ("manual", "received_by_another_person", None)


@pytest.mark.parametrize("told", ["SENT", "RECEIVED", "REFUND", "FAILED"])
def test_a_packet_of_another_amount_settles_nothing_F11(told: str) -> None:
    answer = pay({"mch_billno": BILLNO, "detail_id": "1", "status": told, "total_amount": "101"})
    decision = decide_query(order("sendredpack", status="unknown"), answer, NOW)
    assert (decision.after, decision.alarm) == (None, "reply_echo_differs")


@pytest.mark.parametrize("channel", DIRECT)
def test_a_question_without_an_answer_does_not_make_one_forget_a_refusal(channel: str) -> None:
    """OPENID_ERROR and the like go to a person after a day; a time-out in between must not start the number over."""
    code = "OPENID_ERROR" if channel == "sendredpack" else "INVALID_REQUEST"
    refused = order(channel, status="unknown", err_code=code, sent_at=NOW - NOT_FOUND_MANUAL)
    lost = decide_query(refused, Unanswered("cut", reason="timeout"), NOW)
    busy: Any = pay({}, "SYSTEMERROR", is_success=False)
    if channel == "transfer_bills":
        busy = TransferAnswer(status=500, code="SYSTEM_ERROR", raw="{}")
    assert (lost.err_code, decide_query(refused, busy, NOW).err_code) == (code, code)


@pytest.mark.parametrize("answer", [NOT_FOUND, bill("WAIT_USER_CONFIRM")])
def test_what_is_wanted_back_is_not_sent_again_F82(answer: TransferAnswer) -> None:
    wanted = order("transfer_bills", status="unknown", is_cancel_wanted=True, err_code="UNANSWERED_TIMEOUT")
    decision = decide_query(wanted, answer, NOW + timedelta(hours=1))
    assert (decision.after, decision.step) == (None, "query")


def test_what_is_wanted_back_and_never_landed_goes_to_a_person_after_a_day_F82() -> None:
    wanted = order("transfer_bills", status="unknown", is_cancel_wanted=True, err_code="UNANSWERED_TIMEOUT")
    decision = decide_query(wanted, NOT_FOUND, NOW + NOT_FOUND_MANUAL)
    assert (decision.after, decision.alarm) == ("manual", "needs_a_person")


@pytest.mark.parametrize("channel", DIRECT)
def test_no_answer_is_too_long_for_its_column_F11(channel: str) -> None:
    long = "长" * 900
    told: list[Any] = [pay({}, long, is_success=False), pay({"mch_billno": BILLNO, "status": "FAILED", "reason": long})]
    told.append(pay({"mch_billno": BILLNO, "status": "SENT", "detail_id": "9" * 900}))
    if channel == "transfer_bills":
        told = [TransferAnswer(status=400, code=long, raw="{}"), bill("FAIL", fail_reason=long), bill(long)]
        told.append(bill("WAIT_USER_CONFIRM", package_info="p", transfer_bill_no="9" * 900))
    for answer in told:
        for decision in (
            decide_send(order(channel), answer, NOW),
            decide_query(order(channel, status="unknown"), answer, NOW),
        ):
            assert len(decision.err_code or "") <= 64
            assert len(decision.detail_id or "") <= 64


def unsettled(runtime: Runtime, payout_id: int) -> Order:
    (found,) = orders_of(runtime, payout_id)
    return found


def test_a_transfer_that_never_landed_and_is_wanted_back_never_comes_to_life_F82(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    simulator.control("PUT", f"faults/{BILLS}", {"kind": "drop_request", "times": 2})
    payout_id = owe(runtime, fund(runtime, channel="transfer_bills"), cast.ming.openid)
    order_due(runtime)
    send_due(runtime)
    with runtime.database.transaction() as session:
        assert want_back(session, unsettled(runtime, payout_id).id, runtime.clock.now())
    for _ in range(8):
        pass_time(runtime, simulator, 1300)
    assert simulator.control("GET", f"people/{cast.ming.id}/transfers")["transfers"] == []
    pass_time(runtime, simulator, 25 * 3600)
    pass_time(runtime, simulator, 7 * 3600)
    assert unsettled(runtime, payout_id).status == "manual"
    sound(runtime)


def test_what_was_wanted_back_is_not_ordered_anew_when_it_fails_otherwise_F82(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    payout_id = owe(runtime, fund(runtime, channel="transfer_bills"), cast.ming.openid)
    run_until_quiet(runtime)
    with runtime.database.transaction() as session:
        assert want_back(session, unsettled(runtime, payout_id).id, runtime.clock.now())
    (waiting,) = simulator.control("GET", f"people/{cast.ming.id}/transfers")["transfers"]
    simulator.control("POST", f"bank/transfers/{waiting['transfer_bill_no']}/fail", {"fail_reason": "MERCHANT_REJECT"})
    for _ in range(3):
        pass_time(runtime, simulator, 601)
    assert (payout_of(runtime, payout_id).status, len(orders_of(runtime, payout_id))) == ("cancelled", 1)
    sound(runtime)


def test_an_answer_that_was_on_its_way_does_not_put_off_the_wish_to_take_back_F14(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    from wxbot.orders import decide, outcome, reconcile

    payout_id = owe(runtime, fund(runtime, channel="transfer_bills"), cast.ming.openid)
    run_until_quiet(runtime)
    simulator.advance(61)
    runtime.clock.refresh()
    (asked,) = reconcile._claim(runtime, 10)
    answer = reconcile._ask(runtime, asked)
    with runtime.database.transaction() as session:
        now = runtime.clock.now()
        assert want_back(session, asked.id, now)
        outcome.apply(session, [outcome.DecidedOrder(asked, decide.decide_query(asked, answer, now))], now)
    assert unsettled(runtime, payout_id).next_check_at == now


@pytest.mark.parametrize("broken", ["not json", json.dumps({"appid": "x"})])
def test_one_row_that_was_changed_by_hand_is_not_sent_and_holds_up_nobody_F72_F89(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, broken: str
) -> None:
    programme_id = fund(runtime)
    ids = [owe(runtime, programme_id, cast.ming.openid, source_id=n) for n in range(1, 5)]
    order_due(runtime)
    with runtime.database.transaction() as session:
        session.execute(update(Order).where(Order.reason_id == ids[1]).values(params=broken))
    run_until_quiet(runtime)
    statuses = [unsettled(runtime, one).status for one in ids]
    assert statuses == ["accepted", "manual", "accepted", "accepted"]
    assert len(at_bank(simulator)) == 3
    sound(runtime)


def test_one_order_that_cannot_be_asked_about_holds_up_nobody_F89(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    """A packet cannot be taken back; a row that says so all the same raises wherever it is asked about."""
    simulator.control("PUT", "switches", {"sending_s": 86_400})
    programme_id = fund(runtime)
    ids = [owe(runtime, programme_id, cast.ming.openid, source_id=n) for n in range(1, 4)]
    run_until_quiet(runtime)
    with runtime.database.transaction() as session:
        session.execute(update(Order).where(Order.reason_id == ids[0]).values(is_cancel_wanted=True, checks=0))
        session.execute(update(Order).values(next_step="query", next_check_at=runtime.clock.now()))
    simulator.control("POST", f"bank/orders/{unsettled(runtime, ids[1]).mch_billno}/fail", {"reason": "系统" * 60})
    reconcile_due(runtime)
    assert [unsettled(runtime, one).status for one in ids][1] == "failed"
    sound(runtime)
