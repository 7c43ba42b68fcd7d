"""Merchant transfers at the simulated WeChat Pay: every bill, its states, its money (wechat-protocol §4.1-4.5).

No HTTP and no lock in here: whoever calls holds `world.lock`. The money is the bank's: locked in PROCESSING, the person's
with SUCCESS, back on the balance with FAIL and CANCELLED. Amounts are int fen, times float Unix seconds of the simulated
clock.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from wxbot.simulator.bank import Bank
from wxbot.simulator.ground import Ground
from wxbot.simulator.pay_orders import PayOrder, beijing
from wxbot.simulator.pay_v3_texts import SHEET_TEXTS, TRANSFER_LIMITS, WRONG_PERSON, TransferRefusal
from wxbot.simulator.people import People
from wxbot.simulator.transfers_bill import CANCELLABLE, CHANNEL, FINAL, TransferBill

QUERY_DAYS = 30  # §4.1


class Transfers:
    """Every bill of the one merchant, by number, and the rules between creating and the final state."""

    def __init__(self, ground: Ground, bank: Bank, people: People) -> None:
        self.ground, self.bank, self.people = ground, bank, people
        self.on_final: Callable[[TransferBill], object] = lambda bill: None
        """Called with every bill that reached SUCCESS, FAIL or CANCELLED."""
        bank.beside.append(self)
        self.reset()

    def reset(self) -> None:
        self.bank.limits = TRANSFER_LIMITS | self.bank.limits
        self.salt = self.ground.chance.hex(32)
        self.bills: dict[str, TransferBill] = {}
        self._index()

    def _index(self) -> None:
        self._by_number: dict[str, TransferBill] = {}
        self._by_package: dict[str, TransferBill] = {}
        self._by_openid: dict[str, list[TransferBill]] = {}
        self._due: list[tuple[float, str]] = []
        self._planned: dict[str, float] = {}
        self._short: dict[str, TransferBill] = {}
        self._fen_of_day: Counter[str] = Counter()
        self._calls: dict[str, list[int]] = {}
        for bill in self.bills.values():
            self._enter(bill)

    def _enter(self, bill: TransferBill) -> None:
        self._by_number[bill.transfer_bill_no] = bill
        self._by_package[bill.package_info] = bill
        self._by_openid.setdefault(bill.openid, []).append(bill)
        if bill.state not in ("FAIL", "CANCELLED"):
            self._fen_of_day[beijing(bill.created_at, "%Y%m%d")] += bill.amount_fen
        if bill.state == "PROCESSING":
            self._short[bill.out_bill_no] = bill
        self._plan(bill)

    def _plan(self, bill: TransferBill) -> None:
        if bill.state not in FINAL:
            at = self._planned[bill.out_bill_no] = self._moves_at(bill)
            heapq.heappush(self._due, (at, bill.out_bill_no))

    def _moves_at(self, bill: TransferBill) -> float:
        """The closing after 24 hours may lag behind (§4.1)."""
        is_waiting = bill.state == "WAIT_USER_CONFIRM"
        return bill.step_at + (float(self.ground.switches["transfer_overdue_lag_s"]) if is_waiting else 0.0)

    # -- creating -----------------------------------------------------------------------------------------------

    def count_call(self, kind: str, now: float) -> None:
        """One call of a kind (create, query, cancel) against its rate. Raises TransferRefusal with 429 (§4.1, §4.5)."""
        names = {"create": "transfer_per_second", "query": "transfer_query_per_second"}
        most = self.bank.limits[names.get(kind, "transfer_cancel_per_second")]
        counted = self._calls.get(kind)
        if counted is None or counted[0] != int(now):
            counted = self._calls[kind] = [int(now), 0]
        counted[1] += 1
        if counted[1] > most:
            raise TransferRefusal("FREQUENCY_LIMIT_EXCEED" if kind == "cancel" else "FREQUENCY_LIMITED")

    def create(self, content: dict[str, Any], is_by_certificate: bool, now: float) -> tuple[TransferBill, bool]:
        """A bill for this content, and whether it is a repetition: the same number with the same content gives the first
        bill as it is now (§4.2).

        Raises TransferRefusal: INVALID_REQUEST for a known number with other content and for limits, NOT_ENOUGH,
        USER_ERROR. A refused number was never used.
        """
        self.due(now)
        known = self.bills.get(content["out_bill_no"])
        if known is not None:
            if known.content != content:
                raise TransferRefusal("INVALID_REQUEST", "商户单号已存在，但请求信息与原单不一致")
            return known, True
        self._admit(content, now)
        number = len(self.bills) + 1
        digest = hashlib.sha512(f"{self.salt}:{number}".encode()).digest()
        bill = TransferBill(
            out_bill_no=content["out_bill_no"],
            transfer_bill_no=f"133000007110099999118{beijing(now, '%Y%m%d')}{number:011d}",
            package_info=base64.b64encode(digest).decode(),
            content=content,
            created_at=now,
            updated_at=now,
            step_at=now + float(self.ground.switches["transfer_accepted_s"]),
            is_by_certificate=is_by_certificate,
        )
        self.bills[bill.out_bill_no] = bill
        self._enter(bill)
        self._advance(bill, now)
        return bill, False

    def _admit(self, content: dict[str, Any], now: float) -> None:
        """Who and how much (§4.1, §4.6)."""
        limits, switches, amount_fen = self.bank.limits, self.ground.switches, content["transfer_amount"]
        if content["appid"] != self.ground.account.appid:
            raise TransferRefusal("INVALID_REQUEST", "appid 与商户号没有绑定关系")
        if content["transfer_scene_id"] not in switches["transfer_scenes"].split(","):
            raise TransferRefusal("INVALID_REQUEST", "商户未开通此转账场景")
        if not limits["transfer_min_fen"] <= amount_fen <= limits["transfer_max_fen"]:
            raise TransferRefusal("INVALID_REQUEST", "转账金额不在商户设置的单笔限额内")
        person = self.people.by_openid(content["openid"])
        if person is None:
            raise TransferRefusal("INVALID_REQUEST", "openid 与 appid 不匹配")
        if person.is_frozen:
            raise TransferRefusal("USER_ERROR")
        day = beijing(now, "%Y%m%d")
        mine = [
            bill
            for bill in self.of_person(content["openid"])
            if bill.state not in ("FAIL", "CANCELLED") and beijing(bill.created_at, "%Y%m%d") == day
        ]
        is_full = len(mine) >= limits["transfer_user_count_per_day"]
        if is_full or sum(bill.amount_fen for bill in mine) + amount_fen > limits["transfer_user_fen_per_day"]:
            raise TransferRefusal("INVALID_REQUEST", "超过该用户单日收款限额")
        if self._fen_of_day[day] + amount_fen > limits["transfer_fen_per_day"]:
            raise TransferRefusal("INVALID_REQUEST", "超过商户单日转账额度")
        if self.bank.balance_fen < amount_fen and not switches["transfer_short_waits"]:
            raise TransferRefusal("NOT_ENOUGH")

    # -- moving on ----------------------------------------------------------------------------------------------

    def due(self, now: float) -> None:
        """Moves every bill whose time has come, and those that waited for balance."""
        while self._due and self._due[0][0] <= now:
            at, out_bill_no = heapq.heappop(self._due)
            if self._planned.get(out_bill_no) != at:
                continue  # it was planned anew meanwhile
            bill = self.bills[out_bill_no]
            if not self._advance(bill, now) and self._moves_at(bill) > now:
                self._plan(bill)
        for bill in list(self._short.values()):
            self._advance(bill, now)

    def _advance(self, bill: TransferBill, now: float) -> bool:
        """Every step that is due now. True: at least one was made."""
        before = bill.state
        steps = {
            "ACCEPTED": self._take_up,
            "PROCESSING": self._lock,
            "WAIT_USER_CONFIRM": self._close_overdue,
            "TRANSFERING": self._pay,
            "CANCELING": self._finish_cancel,
        }
        state = ""
        while state != bill.state and bill.state not in FINAL and self._moves_at(bill) <= now:
            state = bill.state
            at = now if bill.out_bill_no in self._short else min(now, self._moves_at(bill))
            steps[state](bill, max(bill.updated_at, at))
        return bill.state != before

    def _turn(self, bill: TransferBill, state: str, at: float, step_at: float = 0.0) -> None:
        bill.state, bill.updated_at, bill.step_at = state, at, step_at
        self._short.pop(bill.out_bill_no, None)
        self._plan(bill)
        if state in FINAL:
            self.on_final(bill)

    def _take_up(self, bill: TransferBill, at: float) -> None:
        self._turn(bill, "PROCESSING", at, at + float(self.ground.switches["transfer_processing_s"]))

    def _lock(self, bill: TransferBill, at: float) -> None:
        """PROCESSING ends when the money is locked; while the balance is short it stays (§4.3)."""
        person = self.people.by_openid(bill.openid)
        reason = self._set_reason(is_late=False)
        if person and person.real_name and bill.content["user_name"] not in ("", person.real_name):
            reason = "NAME_NOT_CORRECT"
        if reason:
            self.fail(bill, reason, at)
        elif bill.password == "waiting":  # its time is over
            self.fail(bill, "MERCHANT_NOT_CONFIRM", at)
        elif self.ground.switches["transfer_password_asked"] and not bill.password:
            bill.password, bill.step_at = "waiting", at + self.bank.limits["transfer_password_hours"] * 3600
            self._plan(bill)
        elif self.bank.balance_fen < bill.amount_fen:
            self._short[bill.out_bill_no] = bill
        else:
            bill.locked_fen = bill.amount_fen
            self.bank.frozen_fen += bill.amount_fen
            self._flow("transfer", -bill.amount_fen, at, bill)
            self._turn(bill, "WAIT_USER_CONFIRM", at, at + self.bank.limits["transfer_hours"] * 3600)

    def _close_overdue(self, bill: TransferBill, at: float) -> None:
        self.fail(bill, "OVERDUE_CLOSE", at)

    def _pay(self, bill: TransferBill, at: float) -> None:
        """TRANSFERING ends: the money is the person's, or it failed after all."""
        person = self.people.by_openid(bill.openid)
        if reason := self._set_reason(is_late=True):
            self.fail(bill, reason, at)
        elif person is None or person.is_frozen:
            self.fail(bill, "PAYEE_ACCOUNT_ABNORMAL", at)
        elif not person.is_real_named:
            self.fail(bill, "REAL_NAME_CHECK_FAIL", at)
        else:
            bill.paid_at, bill.locked_fen = at, 0
            self.bank.frozen_fen -= bill.amount_fen
            self.bank.paid_fen += bill.amount_fen
            self._turn(bill, "SUCCESS", at)
            person.wallet_fen = self.bank.wallet_fen(bill.openid)

    def _finish_cancel(self, bill: TransferBill, at: float) -> None:
        self._give_back(bill, at)
        self._turn(bill, "CANCELLED", at)

    def _set_reason(self, is_late: bool) -> str:
        switches = self.ground.switches
        return str(switches["transfer_fails_with"]) if bool(switches["transfer_fails_late"]) is is_late else ""

    def fail(self, bill: TransferBill, reason: str, at: float) -> None:
        """FAIL with a reason; whatever was locked goes back. Raises TransferRefusal when the bill is final."""
        if bill.state in FINAL:
            raise TransferRefusal("INVALID_REQUEST", f"转账单已是终态 {bill.state}")
        self._give_back(bill, at)
        bill.fail_reason = reason
        self._turn(bill, "FAIL", at)

    def _give_back(self, bill: TransferBill, at: float) -> None:
        self._fen_of_day[beijing(bill.created_at, "%Y%m%d")] -= bill.amount_fen
        if not bill.locked_fen:
            return
        bill.refunded_at, bill.refunded_fen, bill.locked_fen = at, bill.locked_fen, 0
        self.bank.frozen_fen -= bill.refunded_fen
        self.bank.returned_fen += bill.refunded_fen
        self._flow("transfer_return", bill.refunded_fen, at, bill)

    def _flow(self, kind: str, amount_fen: int, at: float, bill: TransferBill) -> None:
        self.bank.balance_fen += amount_fen
        row = {"at": at, "kind": kind, "amount_fen": amount_fen, "balance_fen": self.bank.balance_fen}
        row |= {"mch_billno": bill.out_bill_no, "detail_id": bill.transfer_bill_no, "channel": CHANNEL}
        self.bank.flows.append(row)

    def type_password(self, bill: TransferBill, is_given: bool, now: float) -> None:
        """The merchant's staff type the password that a bill waits for, or reject the bill: MERCHANT_REJECT (§4.1, §4.6).

        Raises TransferRefusal when the bill waits for none.
        """
        self.due(now)
        if bill.state != "PROCESSING" or bill.password != "waiting":
            raise TransferRefusal("INVALID_REQUEST", "这笔转账不在等待验密")
        if not is_given:
            self.fail(bill, "MERCHANT_REJECT", now)
            return
        bill.password, bill.step_at = "given", now
        self._plan(bill)
        self._advance(bill, now)

    # -- cancelling and confirming ------------------------------------------------------------------------------

    def cancel(self, out_bill_no: str, now: float) -> TransferBill:
        """The merchant takes it back before the person confirmed (§4.5). Repeating it changes nothing."""
        bill = self.find(out_bill_no, now)
        if bill.state in ("CANCELING", "CANCELLED"):
            return bill
        if bill.state not in CANCELLABLE:
            raise TransferRefusal("INVALID_REQUEST", "当前转账单状态不支持撤销")
        self._turn(bill, "CANCELING", now, now + float(self.ground.switches["transfer_canceling_s"]))
        return bill

    def hindrance(self, bill: TransferBill, openid: str, now: float) -> str:
        """What the phone says instead of a button to receive (§4.7); empty: it may be received."""
        self.due(now)
        if bill.openid != openid:
            return WRONG_PERSON
        is_over = bill.state == "WAIT_USER_CONFIRM" and bill.step_at <= now  # the closing lags behind
        if bill.fail_reason == "OVERDUE_CLOSE" or is_over:
            return SHEET_TEXTS["OVERDUE_CLOSE"]
        return SHEET_TEXTS.get(bill.state, "" if bill.state == "WAIT_USER_CONFIRM" else "转账处理中，请稍后再试")

    def confirm(self, bill: TransferBill, openid: str, now: float) -> TransferBill:
        """The person taps receive: TRANSFERING, and SUCCESS as soon as that is over. A second tap changes nothing.

        Raises TransferRefusal USER_ERROR with the phone's sentence when it cannot be received.
        """
        text = self.hindrance(bill, openid, now)
        if bill.openid == openid and bill.state in ("TRANSFERING", "SUCCESS"):
            return bill
        if text:
            raise TransferRefusal("USER_ERROR", text)
        self._turn(bill, "TRANSFERING", now, now + float(self.ground.switches["transfer_transfering_s"]))
        self._advance(bill, now)
        return bill

    # -- looking ------------------------------------------------------------------------------------------------

    def find(self, out_bill_no: str, now: float, *, is_ours: bool = True) -> TransferBill:
        """A bill of the last 30 days by the merchant's number, or by WeChat's. Raises TransferRefusal NOT_FOUND."""
        self.due(now)
        bill = (self.bills if is_ours else self._by_number).get(out_bill_no)
        if bill is None or now - bill.created_at > QUERY_DAYS * 86_400:
            raise TransferRefusal("NOT_FOUND")
        self._advance(bill, now)
        return bill

    def by_number(self, transfer_bill_no: str) -> TransferBill | None:
        return self._by_number.get(transfer_bill_no)

    def by_package(self, package_info: str) -> TransferBill | None:
        return self._by_package.get(package_info)

    def of_person(self, openid: str) -> list[TransferBill]:
        """The transfers to this openid, oldest first."""
        return self._by_openid.get(openid, [])

    def received_fen(self, openid: str) -> int:
        """What this openid received by transfers."""
        return sum(bill.amount_fen for bill in self.of_person(openid) if bill.state == "SUCCESS")

    def as_orders(self) -> list[PayOrder]:
        """Every bill as the bank lists it among its orders."""
        return [bill.as_order() for bill in self.bills.values()]

    def by_status(self) -> Counter[str]:
        """How many bills the bank counts under each of its words."""
        return Counter(bill.bank_status for bill in self.bills.values())

    def sums(self) -> dict[str, int]:
        """frozen, paid and returned of all bills, from the single ones."""
        bills = self.bills.values()
        return {
            "frozen_fen": sum(bill.locked_fen for bill in bills),
            "paid_fen": sum(bill.amount_fen for bill in bills if bill.state == "SUCCESS"),
            "returned_fen": sum(bill.refunded_fen for bill in bills),
        }

    def broken_invariants(self) -> Iterator[str]:
        """Appendix D.4 for single bills."""
        for bill in self.bills.values():
            paid_fen = bill.amount_fen if bill.state == "SUCCESS" else 0
            if bill.state in FINAL and bill.locked_fen:
                yield f"{bill.out_bill_no}: {bill.state} but money is still locked"
            if paid_fen and (bill.refunded_fen or not bill.paid_at):
                yield f"{bill.out_bill_no}: paid and refunded"
            if bill.state in ("WAIT_USER_CONFIRM", "TRANSFERING") and bill.locked_fen != bill.amount_fen:
                yield f"{bill.out_bill_no}: {bill.state} but its money is not locked"

    # -- keeping ------------------------------------------------------------------------------------------------

    def to_state(self) -> dict[str, Any]:
        """Everything as JSON-able values."""
        return {"salt": self.salt, "bills": [bill.to_dict() for bill in self.bills.values()]}

    def load_state(self, saved: dict[str, Any]) -> None:
        """Become what `to_state` gave; indexes are rebuilt."""
        self.bank.limits = TRANSFER_LIMITS | self.bank.limits
        self.salt = saved["salt"]
        bills = (TransferBill(**row) for row in saved["bills"])
        self.bills = {bill.out_bill_no: bill for bill in bills}
        self._index()
