"""The outcome table for the two direct channels: whatever comes back, only WeChat's own end ends an order (money §5.2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxbot.orders.decide import ASK_HORIZON, decide_query, decide_send, morning_after
from wxbot.orders.models import NEXT, Order
from wxbot.wechat.errors import NotSent, Unanswered, all_rows
from wxbot.wechat.pay import PayAnswer
from wxbot.wechat.pay_v3 import FINAL_STATES, WAITING_STATES, TransferAnswer

NOW = datetime(2026, 3, 15, 4, 0, tzinfo=UTC)
BILLNO = "1900000001202603150000000011"
STATES = sorted(WAITING_STATES | FINAL_STATES)
codes = st.sampled_from(sorted({row.code for row in all_rows()})) | st.text(max_size=20)
raws = st.text(max_size=50)


def order(channel: str, **changes: Any) -> Order:
    values: dict[str, Any] = {
        "id": 1,
        "channel": channel,
        "reason_kind": "payout",
        "reason_id": 7,
        "attempt": 1,
        "budget_id": 3,
        "mch_billno": BILLNO,
        "params": "{}",
        "params_sha256": "",
        "amount_fen": 100,
        "status": "sending",
        "holding": "in_flight",
        "sends": 1,
        "checks": 0,
        "created_at": NOW,
        "sent_at": NOW,
        "lease_epoch": 1,
        "openid": "oMing",
    }
    return Order(**(values | changes))


def pay(fields: dict[str, str], code: str = "", is_success: bool = True) -> PayAnswer:
    return PayAnswer(
        "SUCCESS", "SUCCESS" if is_success else "FAIL", code, fields=MappingProxyType(fields), raw="<xml/>"
    )


def bill(state: str, **changes: Any) -> TransferAnswer:
    values: dict[str, Any] = {
        "status": 200,
        "state": state,
        "out_bill_no": BILLNO,
        "transfer_bill_no": "1330",
        "raw": "{}",
    }
    return TransferAnswer(**(values | changes))


SENT = {"mch_billno": BILLNO, "total_amount": "100", "re_openid": "oMing", "send_listid": "1000"}


def test_a_cash_packet_is_accepted_with_its_echo_and_its_number() -> None:
    decision = decide_send(order("sendredpack"), pay(SENT), NOW)
    assert (decision.after, decision.detail_id, decision.opens_line) == ("accepted", "1000", True)


@pytest.mark.parametrize("name", sorted(SENT))
@pytest.mark.parametrize("value", [None, "x"])
def test_a_success_for_somebody_else_proves_nothing_S65_F32b(name: str, value: str | None) -> None:
    if name == "send_listid" and value:
        return
    fields = {key: text for key, text in (SENT | {name: value}).items() if text is not None}
    decision = decide_send(order("sendredpack"), pay(fields), NOW)
    assert (decision.after, decision.alarm) == ("unknown", "reply_echo_differs")


@given(codes, raws, st.booleans(), st.sampled_from(("sendredpack", "transfer_bills")), st.integers(400, 599))
def test_no_refusal_of_a_send_ends_an_order_F07(code: str, raw: str, first: bool, channel: str, status: int) -> None:
    answer: Any = pay({"return_msg": raw}, code, is_success=False)
    if channel == "transfer_bills":
        answer = TransferAnswer(status=status, code=code, message=raw, raw=raw)
    decision = decide_send(order(channel, sends=1 if first else 7), answer, NOW)
    assert decision.after in ("unknown", "manual")
    assert decision.after == "manual" or (decision.step in ("send", "query") and decision.wait_s is not None)


@given(
    codes, raws, st.sampled_from(("unknown", "accepted", "manual")), st.sampled_from(("sendredpack", "transfer_bills"))
)
def test_no_refusal_of_a_question_ends_an_order_F08_F15(code: str, raw: str, status: str, channel: str) -> None:
    answer: Any = pay({"return_msg": raw}, code, is_success=False)
    if channel == "transfer_bills":
        answer = TransferAnswer(status=404, code=code, message=raw, raw=raw)
    decision = decide_query(order(channel, status=status), answer, NOW)
    assert decision.after in (None, "manual")


@given(st.sampled_from(STATES) | st.text(max_size=12), codes, st.sampled_from(("sending", "unknown", "accepted")))
def test_a_bill_ends_only_in_a_final_state_of_wechat(state: str, reason: str, status: Any) -> None:
    answer = bill(state, fail_reason=reason, package_info="p" if status == "sending" else "")
    judge = decide_send if status == "sending" else decide_query
    decision = judge(
        order("transfer_bills", status=status, sp_ticket="sealed" if status == "accepted" else None), answer, NOW
    )
    ends = {"SUCCESS": {"received"}, "FAIL": {"failed", "returned"}, "CANCELLED": {"failed"}}
    if decision.after in ("received", "returned", "failed"):
        assert decision.after in ends[state]
    else:
        assert state not in FINAL_STATES
    assert decision.after is None or decision.after in NEXT[status]


@given(st.sampled_from(("SENDING", "SENT", "FAILED", "RECEIVED", "RFUND_ING", "REFUND")) | st.text(max_size=12))
def test_a_packet_ends_only_in_a_final_state_of_wechat(told: str) -> None:
    for status in ("unknown", "accepted"):
        answer = pay({"mch_billno": BILLNO, "detail_id": "1000", "status": told})
        decision = decide_query(order("sendredpack", status=status), answer, NOW)
        ends = {"RECEIVED": "received", "REFUND": "returned", "FAILED": "failed"}
        placed = "accepted" if told == "SENT" and status == "unknown" else None
        assert decision.after == ends.get(told, placed)


def test_an_answer_about_another_number_or_amount_settles_nothing_F11() -> None:
    for answer in (bill("SUCCESS", out_bill_no=BILLNO[:-1] + "2"), bill("SUCCESS", amount_fen=101)):
        assert decide_query(order("transfer_bills", status="unknown"), answer, NOW).after is None


def test_received_by_somebody_else_is_an_alarm() -> None:
    decision = decide_query(order("transfer_bills", status="accepted"), bill("SUCCESS", openid="oGui"), NOW)
    assert (decision.after, decision.alarm) == ("manual", "received_by_another_person")


def test_what_the_phone_needs_is_asked_for_again_and_not_for_ever() -> None:
    without = bill("WAIT_USER_CONFIRM")
    assert decide_send(order("transfer_bills", sends=1), without, NOW).step == "send"
    assert decide_send(order("transfer_bills", sends=9), without, NOW).after == "accepted"
    found = decide_query(order("transfer_bills", status="unknown"), without, NOW)
    assert (found.after, found.step, found.err_code) == (None, "send", "TICKET_MISSING")


@pytest.mark.parametrize("code", ["SENDNUM_LIMIT", "RCVDAMOUNT_LIMIT"])
def test_a_full_day_is_waited_out_with_the_same_number(code: str) -> None:
    decision = decide_send(order("sendredpack"), pay({}, code, is_success=False), NOW)
    morning = NOW + timedelta(seconds=decision.wait_s or 0)
    assert (decision.after, decision.step) == ("unknown", "send")
    assert (morning.astimezone(UTC).hour, morning.date() > NOW.date()) == (0, True)  # 08:00 in Beijing


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)), st.integers(1, 10**9))
def test_the_morning_is_the_next_days_and_spread_over_a_quarter_of_an_hour_F19(moment: datetime, order_id: int) -> None:
    at = moment.replace(tzinfo=UTC)
    morning = morning_after(at, order_id)
    assert timedelta(0) < morning - at < timedelta(hours=32, minutes=15)
    assert (morning.hour, morning.minute < 15) == (8, True)


def test_the_three_ways_of_not_knowing_keep_the_number() -> None:
    for channel in ("sendredpack", "transfer_bills"):
        for answer in (NotSent("refused"), Unanswered("cut", reason="timeout")):
            assert decide_send(order(channel), answer, NOW).after == "unknown"
            assert decide_query(order(channel, status="accepted"), answer, NOW).after is None
        old = order(channel, status="unknown", created_at=NOW - ASK_HORIZON)
        assert decide_query(old, Unanswered("cut", reason="timeout"), NOW).after == "manual"
