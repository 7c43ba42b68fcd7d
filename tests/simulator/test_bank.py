"""The merchant's books: whatever happens in whatever order, every fen is somewhere exactly once (appendix D.4)."""

from __future__ import annotations

import contextlib
import json
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.simulator.pay_client import preorder_params
from wxbot.simulator.bank import Bank
from wxbot.simulator.cash import CASH_SWITCHES, CashPackets
from wxbot.simulator.config import Account
from wxbot.simulator.ground import Chance, Clock, Ground, Switches
from wxbot.simulator.pay_orders import BANK_SWITCHES, PayOrder
from wxbot.simulator.pay_texts import PayRefusal
from wxbot.simulator.people import People
from wxbot.simulator.shake import SHAKE_SWITCHES

NOON = 1_773_547_200.0  # 2026-03-15 12:00 in Beijing
HOUR = 3600.0


def ground(balance_fen: int = 100_000) -> Ground:
    return Ground(
        Clock(), Account(), Switches((*BANK_SWITCHES, *CASH_SWITCHES, *SHAKE_SWITCHES)), Chance(7), balance_fen
    )


@pytest.fixture
def bank() -> Bank:
    return Bank(ground())


def order(bank: Bank, number: int = 1, now: float = NOON, **changes: Any) -> PayOrder:
    params = preorder_params(f"1900000001{number:018d}", **changes)
    return bank.preorder({name: value for name, value in params.items() if name != "nonce_str"}, now)


def refused(bank: Bank, number: int = 1, now: float = NOON, **changes: Any) -> str:
    with pytest.raises(PayRefusal) as caught:
        order(bank, number, now, **changes)
    return caught.value.err_code


def test_the_same_number_moves_money_once_and_gives_the_same_ticket(bank: Bank) -> None:
    first = order(bank)
    assert [order(bank).sp_ticket for _ in range(3)] == [first.sp_ticket] * 3
    assert (bank.balance_fen, bank.frozen_fen) == (99_900, 100)


def test_the_same_number_with_any_other_parameter_is_fatal(bank: Bank) -> None:
    order(bank)
    different: tuple[dict[str, Any], ...] = (
        {"total_amount": "101"},
        {"wishing": "新年好"},
        {"risk_cntl": "IGN_DAY_LMT"},
    )
    for changes in different:
        assert refused(bank, **changes) == "FATAL_ERROR"
    assert bank.frozen_fen == 100


def test_a_refused_number_is_not_used_up(bank: Bank) -> None:
    assert refused(bank, total_amount="99") == "MONEY_LIMIT"
    assert order(bank, total_amount="100").amount_fen == 100


def test_bounds_of_one_packet_and_their_strict_switch(bank: Bank) -> None:
    bank.top_up(1_000_000, NOON)
    assert order(bank, 1, total_amount="100000").amount_fen == 100_000
    assert refused(bank, 2, total_amount="100001") == "MONEY_LIMIT"
    bank.ground.switches.change({"strict_amount_bounds": True})
    assert refused(bank, 3, total_amount="100000") == "MONEY_LIMIT"
    assert refused(bank, 3, total_amount="100") == "MONEY_LIMIT"


def test_an_empty_balance_is_notenough_until_the_top_up(bank: Bank) -> None:
    order(bank, 1, total_amount="100000")
    assert refused(bank, 2) == "NOTENOUGH"
    bank.top_up(100, NOON)
    assert order(bank, 2).amount_fen == 100


def test_a_short_balance_may_be_processing_and_sent_later(bank: Bank) -> None:
    bank.ground.switches.change({"notenough_as_processing": True})
    order(bank, 1, total_amount="100000")
    assert refused(bank, 2) == "PROCESSING"
    assert bank.frozen_fen == 100_000
    bank.top_up(100, NOON)
    assert order(bank, 2).status == "waiting"
    assert not bank.broken_invariants()


def test_limits_per_minute_and_per_day_do_not_count_repeats(bank: Bank) -> None:
    bank.limits.update(per_minute=2, per_day=3)
    order(bank, 1), order(bank, 1), order(bank, 2)
    assert refused(bank, 3) == "SECOND_OVER_LIMITED"
    order(bank, 3, NOON + 60)
    assert refused(bank, 4, NOON + 120) == "DAY_OVER_LIMITED"
    assert order(bank, 4, NOON + 24 * HOUR).status == "waiting"


def test_quiet_hours_are_a_switch(bank: Bank) -> None:
    night = NOON - 9 * HOUR
    assert order(bank, 1, night).status == "waiting"
    bank.ground.switches.change({"quiet_hours": True})
    assert refused(bank, 2, night) == "TIME_LIMITED"
    assert order(bank, 2, night + 5 * HOUR).status == "waiting"


def test_an_unbound_ticket_goes_back_after_72_hours_exactly_once(bank: Bank) -> None:
    order(bank)
    assert bank.expire(NOON + 72 * HOUR - 1) == 0
    assert [bank.expire(NOON + 72 * HOUR), bank.expire(NOON + 99 * HOUR)] == [1, 0]
    assert (bank.balance_fen, bank.returned_fen, bank.frozen_fen) == (100_000, 100, 0)
    assert order(bank).status == "returned"  # asking again changes nothing
    assert not bank.broken_invariants()


def test_a_bound_and_unopened_packet_goes_back_too(bank: Bank) -> None:
    bound = bank.bind(order(bank).sp_ticket, "oA", NOON + 71 * HOUR)
    bank.expire(NOON + 72 * HOUR)
    assert bound.status == "returned"
    with pytest.raises(PayRefusal):
        bank.open_packet(bound, "oA", NOON + 72 * HOUR)


def test_a_bound_ticket_cannot_be_bound_again(bank: Bank) -> None:
    ticket = order(bank).sp_ticket
    bank.bind(ticket, "oA", NOON)
    for openid in ("oA", "oB"):
        with pytest.raises(PayRefusal):
            bank.bind(ticket, openid, NOON)


def test_opening_pays_the_owner_once_and_nobody_else(bank: Bank) -> None:
    bound = bank.bind(order(bank).sp_ticket, "oA", NOON)
    with pytest.raises(PayRefusal):
        bank.open_packet(bound, "oB", NOON)
    assert [bank.open_packet(bound, "oA", NOON) for _ in range(3)] == [100] * 3
    assert (bank.paid_fen, bank.frozen_fen, bank.wallet_fen("oA"), bound.status) == (100, 0, 100, "received")


def test_a_group_packet_splits_exactly_and_returns_the_rest(bank: Bank) -> None:
    group = order(bank, hb_type="GROUP", total_num="3", total_amount="1000")
    bank.bind(group.sp_ticket, "oA", NOON)
    got = bank.open_packet(group, "oA", NOON) + bank.open_packet(group, "oB", NOON)
    bank.expire(NOON + 72 * HOUR)
    assert (bank.paid_fen, bank.returned_fen, group.status) == (got, 1000 - got, "returned")
    assert not bank.broken_invariants()


def test_a_persons_day_has_ten_packets_unless_risk_cntl_lifts_it(bank: Bank) -> None:
    for number in range(10):
        bank.bind(order(bank, number).sp_ticket, "oA", NOON)
    with pytest.raises(PayRefusal) as caught:
        bank.bind(order(bank, 11).sp_ticket, "oA", NOON)
    assert caught.value.err_code == "SENDNUM_LIMIT"
    assert bank.bind(order(bank, 12, risk_cntl="IGN_DAY_LMT").sp_ticket, "oA", NOON).openid == "oA"


def test_a_failed_order_gives_the_money_back_and_its_number_is_dead(bank: Bank) -> None:
    first = order(bank)
    bank.fail(first.mch_billno, "系统原因", NOON)
    assert bank.balance_fen == 100_000
    assert refused(bank) == "SEND_FAILED"
    assert not bank.broken_invariants()


def test_refunding_lasts_as_long_as_the_switch_says(bank: Bank) -> None:
    bank.ground.switches.change({"refund_delay_s": 600})
    first = order(bank)
    bank.expire(NOON + 72 * HOUR)
    assert (first.status, bank.frozen_fen) == ("refunding", 100)
    bank.expire(NOON + 72 * HOUR + 600)
    assert (first.status, bank.frozen_fen) == ("returned", 0)


def test_the_bill_of_a_day_holds_every_change_of_the_balance(bank: Bank) -> None:
    bank.top_up(500, NOON)
    order(bank)
    bank.expire(NOON + 72 * HOUR)
    assert [(flow["kind"], flow["amount_fen"]) for flow in bank.bill("20260315")] == [("topup", 500), ("order", -100)]
    assert [(flow["kind"], flow["balance_fen"]) for flow in bank.bill("20260318")] == [("return", 100_500)]


class Books(RuleBasedStateMachine):
    """Random lives of one account; after each step the invariants hold, also after saving and loading."""

    def __init__(self) -> None:
        super().__init__()
        self.bank = Bank(ground(30_000))
        self.people = People(self.bank.ground)
        self.openids = [self.people.make().openid for _ in range(3)]
        self.cash = CashPackets(self.bank.ground, self.bank, self.people)
        self.now = NOON
        self.random = Random(3)

    def some(self, *statuses: str) -> PayOrder | None:
        found = [one for one in self.bank.orders.values() if one.status in statuses]
        return self.random.choice(found) if found else None

    def quietly(self, act: Any, *arguments: Any) -> None:
        with contextlib.suppress(PayRefusal):
            act(*arguments)

    @rule(number=st.integers(1, 12), amount=st.integers(90, 9000), people=st.integers(1, 4))
    def preorder(self, number: int, amount: int, people: int) -> None:
        changes = {
            "total_amount": str(amount),
            "total_num": str(people),
            "hb_type": "GROUP" if people > 1 else "NORMAL",
        }
        params = preorder_params(f"B{number}", **changes)
        self.quietly(self.bank.preorder, {n: v for n, v in params.items() if n != "nonce_str"}, self.now)

    @rule(number=st.integers(1, 12), amount=st.integers(90, 9000), person=st.integers(0, 2))
    def send(self, number: int, amount: int, person: int) -> None:
        params = preorder_params(f"B{number}", total_amount=str(amount), re_openid=self.openids[person])
        self.quietly(self.cash.send, params, self.now)

    @rule()
    def open_own_packet(self) -> None:
        one = self.some("sending", "bound", "received", "returned")
        if one and one.is_direct:
            self.quietly(self.bank.open_packet, one, one.openid, self.now)

    @rule(person=st.sampled_from("ABC"))
    def bind(self, person: str) -> None:
        one = self.some("waiting", "bound", "returned")
        if one:
            self.quietly(self.bank.bind, one.sp_ticket, person, self.now)

    @rule(person=st.sampled_from("ABC"))
    def open_packet(self, person: str) -> None:
        one = self.some("waiting", "bound", "received", "returned")
        if one:
            self.quietly(self.bank.open_packet, one, person, self.now)

    @rule(hours=st.integers(1, 80))
    def pass_time(self, hours: int) -> None:
        self.now += hours * HOUR
        self.cash.settle(self.now)
        self.bank.expire(self.now)

    @rule(amount=st.integers(1, 5000))
    def top_up(self, amount: int) -> None:
        self.bank.top_up(amount, self.now)

    @precondition(lambda self: self.bank.orders)
    @rule()
    def fail(self) -> None:
        one = self.some("waiting", "bound", "received", "sending", "failed")
        if one:
            self.quietly(self.bank.fail, one.mch_billno, "x", self.now)

    @rule(is_processing=st.booleans(), sending_s=st.sampled_from([0, 60, 100_000]), is_failing=st.booleans())
    def switch(self, is_processing: bool, sending_s: int, is_failing: bool) -> None:
        values = {"sending_s": sending_s, "sending_ends_failed": is_failing, "refund_delay_s": sending_s}
        self.bank.ground.switches.change({"notenough_as_processing": is_processing, **values})

    @rule()
    def save_and_load(self) -> None:
        saved = json.loads(json.dumps(self.bank.to_state()))
        before = self.bank.totals()
        fresh = Bank(ground(1))
        fresh.ground.switches.change(self.bank.ground.switches.values)
        fresh.load_state(saved)
        self.bank, self.cash = fresh, CashPackets(fresh.ground, fresh, self.people)
        self.cash.load_state({})
        assert fresh.totals() == before

    @invariant()
    def books_agree(self) -> None:
        assert self.bank.broken_invariants() == []


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=20, stateful_step_count=40)

LONGER = {"settings": settings(max_examples=60, stateful_step_count=40)}
TestMoreBooks = pytest.mark.proof(type("TestMoreBooks", (Books.TestCase,), LONGER))
"""The same machine for longer: each of its examples is a bank's whole life, and twenty of them do for every day."""
