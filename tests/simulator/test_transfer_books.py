"""Whatever happens to transfers in whatever order, every fen is somewhere exactly once (appendix D.4)."""

from __future__ import annotations

import contextlib
import json
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from wxbot.simulator.bank import Bank
from wxbot.simulator.config import Account
from wxbot.simulator.ground import Chance, Clock, Ground, Switches
from wxbot.simulator.pay_orders import BANK_SWITCHES
from wxbot.simulator.pay_v3_texts import TRANSFER_SWITCHES, TransferRefusal
from wxbot.simulator.people import People
from wxbot.simulator.transfers import Transfers
from wxbot.simulator.transfers_bill import FINAL, TransferBill

NOON = 1_773_547_200.0  # 2026-03-15 12:00 in Beijing


class Books(RuleBasedStateMachine):
    """Two people, a dozen numbers, delays and a small balance."""

    def __init__(self) -> None:
        super().__init__()
        self.ground = Ground(Clock(), Account(), Switches((*BANK_SWITCHES, *TRANSFER_SWITCHES)), Chance(7), 10_000)
        self.people = People(self.ground)
        self.openids = [self.people.make().openid for _ in range(2)]
        self.bank = Bank(self.ground)
        self.transfers = Transfers(self.ground, self.bank, self.people)
        self.now, self.random = NOON, Random(3)
        self.announced: list[str] = []
        self.transfers.on_final = lambda bill: self.announced.append(bill.out_bill_no)

    def some(self) -> TransferBill | None:
        return self.random.choice(list(self.transfers.bills.values())) if self.transfers.bills else None

    @rule(number=st.integers(1, 12), amount_fen=st.integers(5, 6000), person=st.integers(0, 1))
    def create(self, number: int, amount_fen: int, person: int) -> None:
        content: dict[str, Any] = {"appid": self.ground.account.appid, "out_bill_no": f"H{number}", "user_name": ""}
        content |= {"transfer_amount": amount_fen, "openid": self.openids[person], "transfer_scene_id": "1000"}
        with contextlib.suppress(TransferRefusal):
            self.transfers.create(content | {"transfer_remark": "x"}, False, self.now)

    @rule(is_confirmed=st.booleans(), person=st.integers(0, 1))
    def confirm_or_cancel(self, is_confirmed: bool, person: int) -> None:
        bill = self.some()
        if bill is not None:
            with contextlib.suppress(TransferRefusal):
                if is_confirmed:
                    self.transfers.confirm(bill, self.openids[person], self.now)
                else:
                    self.transfers.cancel(bill.out_bill_no, self.now)

    @rule()
    def fail(self) -> None:
        bill = self.some()
        if bill is not None:
            with contextlib.suppress(TransferRefusal):
                self.transfers.fail(bill, "TRANSFER_RISK", self.now)

    @rule(seconds=st.sampled_from([1, 30, 3600, 90_000]))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds
        self.transfers.due(self.now)

    @rule(amount_fen=st.integers(1, 3000))
    def top_up(self, amount_fen: int) -> None:
        self.bank.top_up(amount_fen, self.now)

    @rule(delay_s=st.sampled_from([0, 20]), is_waiting=st.booleans(), reason=st.sampled_from(["", "TRANSFER_RISK"]))
    def switch(self, delay_s: int, is_waiting: bool, reason: str) -> None:
        names = ("accepted", "processing", "transfering", "canceling", "overdue_lag")
        changes: dict[str, Any] = {f"transfer_{name}_s": delay_s for name in names}
        late = {"transfer_fails_with": reason, "transfer_fails_late": is_waiting}
        self.ground.switches.change(changes | {"transfer_short_waits": is_waiting} | late)

    @rule()
    def save_and_load(self) -> None:
        bank, transfers = (json.loads(json.dumps(each.to_state())) for each in (self.bank, self.transfers))
        before, on_final = self.bank.totals(), self.transfers.on_final
        self.bank = Bank(self.ground)
        self.transfers = Transfers(self.ground, self.bank, self.people)
        self.bank.load_state(bank)
        self.transfers.load_state(transfers)
        self.transfers.on_final = on_final
        assert self.bank.totals() == before

    @invariant()
    def books_agree(self) -> None:
        assert self.bank.broken_invariants() == []

    @invariant()
    def every_end_is_announced_once(self) -> None:
        ended = [bill.out_bill_no for bill in self.transfers.bills.values() if bill.state in FINAL]
        assert sorted(self.announced) == sorted(ended)


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=20, stateful_step_count=40)

LONGER = {"settings": settings(max_examples=40, stateful_step_count=40)}
TestMoreBooks = pytest.mark.proof(type("TestMoreBooks", (Books.TestCase,), LONGER))
"""The same machine for longer: each of its examples is a bank's whole life, and twenty of them do for every day."""
