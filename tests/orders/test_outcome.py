"""The outcome table: done, definitely failed, unknown; whatever it does not know is unknown (money §5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxbot.orders.decide import ASK_HORIZON, Decision, decide_query, decide_send
from wxbot.orders.models import NEXT, STATUSES, Order
from wxbot.wechat.errors import NotSent, Unanswered, all_rows
from wxbot.wechat.pay import PayAnswer

NOW = datetime(2026, 3, 15, 4, 0, tzinfo=UTC)
BILLNO = "1900000001202603150000000011"


def order(**changes: Any) -> Order:
    """An order that is being sent for the first time."""
    values: dict[str, Any] = {
        "id": 1,
        "channel": "hbpreorder",
        "reason_kind": "packet",
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
    }
    return Order(**(values | changes))


def answer(fields: Mapping[str, str], receipts: tuple[Mapping[str, str], ...] = (), **changes: Any) -> PayAnswer:
    """A well-formed answer."""
    values: dict[str, Any] = {
        "return_code": "SUCCESS",
        "result_code": "SUCCESS",
        "err_code": "",
        "err_code_des": "",
        "raw": "<xml/>",
        "is_signed": False,
    }
    return PayAnswer(**(values | changes), fields=MappingProxyType(dict(fields)), receipts=receipts)


ACCEPTED = {
    "mch_billno": BILLNO,
    "total_amount": "100",
    "sp_ticket": "v1|abc",
    "detail_id": "d1",
    "send_time": "20260315120000",
}


def test_success_with_echo_and_ticket_is_accepted() -> None:
    decision = decide_send(order(), answer(ACCEPTED), NOW)
    assert (decision.after, decision.secret, decision.detail_id) == ("accepted", "v1|abc", "d1")
    assert decision.placed_at == NOW


@pytest.mark.parametrize("missing", ["mch_billno", "total_amount", "sp_ticket", "detail_id"])
def test_success_that_proves_nothing_is_unknown_S65_F11(missing: str) -> None:
    fields = {name: value for name, value in ACCEPTED.items() if name != missing}
    decision = decide_send(order(), answer(fields), NOW)
    assert (decision.after, decision.step, decision.alarm) == ("unknown", "send", "reply_echo_differs")


@pytest.mark.parametrize(("name", "value"), [("mch_billno", BILLNO[:-1] + "2"), ("total_amount", "20000")])
def test_success_of_another_order_is_unknown_S65_F32b(name: str, value: str) -> None:
    assert decide_send(order(), answer(ACCEPTED | {name: value}), NOW).after == "unknown"


@pytest.mark.parametrize(
    "told", ["", "rubbish", "20200101000000", "20990101000000", "99999999999999", "20260315130000"]
)
def test_a_told_time_is_never_trusted_beyond_what_is_possible_F45(told: str) -> None:
    asked = order(created_at=NOW - timedelta(hours=1))
    decision = decide_send(asked, answer(ACCEPTED | {"send_time": told}), NOW)
    assert decision.placed_at is not None
    assert NOW - timedelta(hours=1) <= decision.placed_at <= NOW


@pytest.mark.parametrize(
    "reason", ["timeout", "reset", "http_status", "unreadable", "too_big", "bad_sign", "wrong_echo"]
)
def test_no_readable_answer_is_unknown_and_the_same_number_is_sent_again_F05(reason: Any) -> None:
    decision = decide_send(order(), Unanswered("lost", reason=reason), NOW)
    assert (decision.after, decision.step) == ("unknown", "send")
    assert decision.wait_s is not None
    assert decision.wait_s >= 1


def test_not_sent_is_sent_again_with_the_same_number() -> None:
    decision = decide_send(order(), NotSent("refused"), NOW)
    assert (decision.after, decision.step, decision.err_code) == ("unknown", "send", "NOT_SENT")


def refusal(code: str, **changes: Any) -> PayAnswer:
    """A refusal with an err_code."""
    return answer({"mch_billno": BILLNO}, **({"result_code": "FAIL", "err_code": code} | changes))


@pytest.mark.parametrize(
    ("code", "after", "step", "stops"),
    [
        ("SYSTEMERROR", "unknown", "send", False),
        ("FREQ_LIMIT", "unknown", "send", False),
        ("268458547", "unknown", "send", False),
        ("PROCESSING", "unknown", "query", False),
        ("SEND_FAILED", "unknown", "query", False),
        ("NOTENOUGH", "unknown", "send", True),
        ("CA_ERROR", "unknown", "send", True),
        ("SIGN_ERROR", "unknown", "send", True),
        ("TIME_LIMITED", "unknown", "send", True),
        ("PARAM_ERROR", "unknown", "query", False),
        ("MONEY_LIMIT", "unknown", "query", False),
        ("FATAL_ERROR", "manual", None, False),
        ("SOMETHING_NEW", "unknown", "query", False),
    ],
)
def test_the_rows_of_the_table(code: str, after: str, step: str | None, stops: bool) -> None:
    decision = decide_send(order(), refusal(code), NOW)
    assert (decision.after, decision.step, decision.stops_line) == (after, step, stops)


def test_processing_is_asked_after_twenty_minutes() -> None:
    assert decide_send(order(), refusal("PROCESSING"), NOW).wait_s == 1200


@given(code=st.text(max_size=40), des=st.text(max_size=40), return_code=st.sampled_from(["SUCCESS", "FAIL"]))
def test_no_code_and_no_text_is_ever_taken_for_failure_or_success_F07(code: str, des: str, return_code: str) -> None:
    """Any err_code, any description: never accepted, never failed, and the description decides nothing."""
    first = decide_send(order(), refusal(code, err_code_des=des, return_code=return_code), NOW)
    second = decide_send(order(), refusal(code, err_code_des="", return_code=return_code), NOW)
    assert first.after in ("unknown", "manual")
    assert first == second


@pytest.mark.parametrize("row", [row for row in all_rows() if row.api == "pay"], ids=lambda row: row.code)
def test_no_documented_refusal_is_final_without_asking_I3(row: Any) -> None:
    assert decide_send(order(), refusal(row.code), NOW).after in ("unknown", "manual")


# --- queries --------------------------------------------------------------------------------------------------------


def asked(
    status: str, fields: Mapping[str, str], receipts: tuple[Mapping[str, str], ...] = (), **changes: Any
) -> Decision:
    """The decision on a gethbinfo answer about an order in `status`."""
    return decide_query(order(status=status, **changes), answer({"mch_billno": BILLNO} | dict(fields), receipts), NOW)


def test_query_settles_what_wechat_knows() -> None:
    received = asked("accepted", {"status": "RECEIVED"}, ({"openid": "oA", "amount": "100"},))
    assert (received.after, received.openid) == ("received", "oA")
    assert asked("accepted", {"status": "REFUND"}).after == "returned"
    assert asked("unknown", {"status": "FAILED", "reason": "x"}).after == "failed"


@pytest.mark.parametrize("status", ["SENDING", "SENT", "RFUND_ING", "NEW_STATUS", ""])
def test_query_keeps_asking_while_wechat_is_undecided(status: str) -> None:
    decision = asked("accepted", {"status": status})
    assert (decision.after, decision.step) == (None, "query")


def test_a_placed_order_without_its_ticket_is_sent_again_at_once_F42() -> None:
    decision = asked("unknown", {"status": "SENT"})
    assert (decision.after, decision.step, decision.wait_s) == (None, "send", 0)


def not_found(status: str = "unknown", **changes: Any) -> Decision:
    """The decision on NOT_FOUND."""
    return decide_query(order(status=status, **changes), refusal("NOT_FOUND"), NOW)


def test_not_found_is_not_failure_F08() -> None:
    young = not_found(sent_at=NOW - timedelta(minutes=3))
    assert (young.after, young.step, young.wait_s) == (None, "send", 420)
    old = not_found(created_at=NOW - timedelta(hours=2), sent_at=NOW - timedelta(hours=1))
    assert (old.after, old.step, old.wait_s) == (None, "send", 0)


def test_not_found_never_undoes_an_accepted_order_F15() -> None:
    assert not_found("accepted").after is None
    assert not_found("accepted").step == "query"


def test_a_refused_number_nobody_knows_goes_to_a_person_after_a_day() -> None:
    decision = not_found(
        err_code="PARAM_ERROR", created_at=NOW - timedelta(hours=25), sent_at=NOW - timedelta(hours=25)
    )
    assert decision.after == "manual"


def test_too_old_to_ask_goes_to_a_person_W4() -> None:
    old = order(status="unknown", created_at=NOW - ASK_HORIZON - timedelta(hours=1))
    assert decide_query(old, Unanswered("lost", reason="timeout"), NOW).after == "manual"


@given(
    status=st.sampled_from(["sending", "unknown", "accepted"]),
    told=st.text(max_size=12),
    code=st.sampled_from(["", "NOT_FOUND", "SYSTEMERROR", "X"]),
    result=st.sampled_from(["SUCCESS", "FAIL"]),
    sends=st.integers(0, 100),
    checks=st.integers(0, 100),
)
def test_every_verdict_is_an_allowed_step(
    status: Any, told: str, code: str, result: str, sends: int, checks: int
) -> None:
    """Whatever comes back, the order stays or moves along the table of transitions, and something is always due next."""
    current = order(status=status, sends=sends, checks=checks)
    said = answer({"mch_billno": BILLNO, "status": told}, result_code=result, err_code=code)
    decisions = [decide_query(current, said, NOW)]
    if status == "sending":
        decisions.append(decide_send(current, said, NOW))
    for decision in decisions:
        assert decision.after is None or decision.after in NEXT[status]
        is_settled = decision.after in ("accepted", "received", "returned", "failed", "manual")
        assert is_settled or (decision.step in ("send", "query") and decision.wait_s is not None)


def test_the_table_of_transitions_is_whole() -> None:
    """Every status has a sentence, settled ones lead nowhere."""
    assert set(NEXT) | set().union(*NEXT.values()) == set(STATUSES)
    assert not {"received", "returned", "failed"} & set(NEXT)
