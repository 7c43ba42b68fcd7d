"""Cash packets that the merchant sends to one person (wechat-protocol §3): who may get one now, when it leaves SENDING, and
how the person hears of it. The money itself moves in the bank.

No HTTP and no lock: the caller holds `world.lock`.
"""

from __future__ import annotations

import heapq
from typing import Any

from wxbot.simulator.bank import Bank
from wxbot.simulator.ground import Ground, Switch
from wxbot.simulator.pay_orders import DIRECT, PayOrder, beijing
from wxbot.simulator.pay_texts import PayRefusal
from wxbot.simulator.people import People, Person

CASH_SWITCHES = (
    Switch("unclaimed_hours", "hours until an unopened direct packet goes back: 24 (now) or 72 (older)", 24, "§3.1"),
    Switch("sending_s", "seconds a direct packet stays SENDING before it is SENT", 0, "§3.5b"),
    Switch("sending_ends_failed", "a SENDING packet carries a reason and turns FAILED, not SENT", False, "§3.5b"),
    Switch("sending_answers_processing", "sendredpack answers PROCESSING while its packet is SENDING", False, "§3.5"),
    Switch("query_lag_s", "seconds after the order during which gethbinfo answers NOT_FOUND", 0, "§3.5b"),
    Switch("repeat_must_be_identical", "FATAL_ERROR for a known number with any other field changed", True, "§3.5"),
    Switch("same_number_gap_s", "seconds before a number may be sent again, else FREQ_LIMIT; 0: at once", 1, "§3.1"),
    Switch("one_packet_a_minute", "FREQ_LIMIT for a second packet to a person within a minute", False, "§3.1"),
    Switch(
        "declared_scene", "the scene the merchant declared; sendredpack refuses another one; empty: any", "", "§3.2"
    ),
    Switch("send_time_in_reply", "sendredpack's reply carries send_time", False, "§3.2"),
)

FAIL_REASON = "发放失败，此请求可能存在风险，已被微信拦截"


class CashPackets:
    """Direct packets of the one merchant: they stand in the bank's orders beside the pre-ordered ones."""

    def __init__(self, ground: Ground, bank: Bank, people: People) -> None:
        self.ground = ground
        self.bank = bank
        self.people = people
        bank.on_sent = self.deliver
        self.reset()

    def reset(self) -> None:
        """Nothing on its way."""
        self._leaving: list[tuple[float, str]] = []
        self._second: tuple[int, int] = (0, 0)
        self._asked_at: dict[str, float] = {}

    # -- sending --------------------------------------------------------------------------------------------------

    def send(self, params: dict[str, str], now: float) -> PayOrder:
        """One sendredpack call with valid fields: the order it made, or made before (§3.2).

        `params` are the sent fields without `sign` and `nonce_str`. Raises PayRefusal: FATAL_ERROR, SEND_FAILED and
        PROCESSING for a known number, else OPENID_ERROR, NO_AUTH, MONEY_LIMIT, TIME_LIMITED, FREQ_LIMIT, SENDNUM_LIMIT,
        RCVDAMOUNT_LIMIT, SENDAMOUNT_LIMIT, NOTENOUGH.
        """
        known = self.bank.orders.get(params["mch_billno"])
        if known is not None:
            return self._again(known, params, now)
        amount_fen = int(params["total_amount"])
        self._admit(params["re_openid"], amount_fen, now)
        is_short = self.bank.balance_fen < amount_fen
        if is_short and not self.ground.switches["notenough_as_processing"]:
            raise PayRefusal("NOTENOUGH")
        order = self._build(params, amount_fen, is_short, now)
        self._second = (int(now), self._second[1] + 1 if self._second[0] == int(now) else 1)
        self.bank.enter_direct(order, now)
        if order.send_at:
            heapq.heappush(self._leaving, (order.send_at, order.mch_billno))
        return self._answered(order)

    def _again(self, known: PayOrder, params: dict[str, str], now: float) -> PayOrder:
        names = ("re_openid", "total_amount")
        is_same = known.is_direct and all(known.params[name] == params[name] for name in names)
        if self.ground.switches["repeat_must_be_identical"]:
            is_same = known.params == params
        if not is_same:
            raise PayRefusal("FATAL_ERROR")
        gap_s = self.ground.switches["same_number_gap_s"]
        if gap_s:
            asked_at, self._asked_at[known.mch_billno] = self._asked_at.get(known.mch_billno, known.created_at), now
            if now - asked_at < gap_s:
                raise PayRefusal("FREQ_LIMIT")
        if known.status == "failed":
            raise PayRefusal("SEND_FAILED")
        if known.status == "sending" and not known.send_at:
            self.bank.settle_sending(now)
        return self._answered(known)

    def _answered(self, order: PayOrder) -> PayOrder:
        is_open = self.ground.switches["sending_answers_processing"] or not order.send_at
        if order.status == "sending" and is_open:
            raise PayRefusal("PROCESSING")
        return order

    def _admit(self, openid: str, amount_fen: int, now: float) -> None:
        """Everything that may stand against a packet of this amount to this person now (§3.1). Raises PayRefusal."""
        limits, switches, day = self.bank.limits, self.ground.switches, beijing(now, "%Y%m%d")
        person = self.people.by_openid(openid)
        if person is None:
            raise PayRefusal("OPENID_ERROR")
        if person.is_frozen:
            raise PayRefusal("NO_AUTH", FAIL_REASON)
        if not limits["cash_min_fen"] <= amount_fen <= limits["cash_max_fen"]:
            raise PayRefusal("MONEY_LIMIT")
        if switches["quiet_hours"] and int(beijing(now, "%H")) < 8:
            raise PayRefusal("TIME_LIMITED")
        minute = self.bank.count_minute[DIRECT, beijing(now, "%Y%m%d%H%M")]
        second = self._second[1] if self._second[0] == int(now) else 0
        if second >= limits["cash_per_second"] or minute >= limits["cash_per_minute"]:
            raise PayRefusal("FREQ_LIMIT")
        before = [one for one in self.bank.direct_to(openid) if one.status != "failed"]
        if switches["one_packet_a_minute"] and any(now - one.created_at < 60 for one in before):
            raise PayRefusal("FREQ_LIMIT", "每分钟只能给同一个用户发放一个红包")
        today = [one for one in before if beijing(one.created_at, "%Y%m%d") == day]
        if len(today) >= limits["cash_user_packets_per_day"]:
            raise PayRefusal("SENDNUM_LIMIT")
        if sum(one.amount_fen for one in today) + amount_fen > limits["cash_user_fen_per_day"]:
            raise PayRefusal("RCVDAMOUNT_LIMIT")
        if self.bank.fen_of_day[DIRECT, day] + amount_fen > limits["cash_fen_per_day"]:
            raise PayRefusal("SENDAMOUNT_LIMIT")

    def _build(self, params: dict[str, str], amount_fen: int, is_short: bool, now: float) -> PayOrder:
        self.bank.sequence += 1
        switches = self.ground.switches
        wait_s = 0.0 if is_short else float(switches["sending_s"])
        will_fail = wait_s > 0 and switches["sending_ends_failed"]
        return PayOrder(
            mch_billno=params["mch_billno"],
            detail_id=f"1000041701{beijing(now, '%Y%m%d')}3{self.bank.sequence:012d}",
            sp_ticket="",
            params=dict(params),
            amount_fen=amount_fen,
            total_num=1,
            created_at=now,
            expires_at=now + wait_s + float(switches["unclaimed_hours"]) * 3600,
            status="sending",
            reason=FAIL_REASON if will_fail else "",
            openid=params["re_openid"],
            shares=[amount_fen],
            channel=DIRECT,
            send_at=now + wait_s if wait_s else 0.0,
        )

    # -- after sending --------------------------------------------------------------------------------------------

    def settle(self, now: float) -> int:
        """What has been SENDING long enough is SENT, or FAILED when a reason stands against it (§3.5b); how many were."""
        moved = 0
        while self._leaving and self._leaving[0][0] <= now:
            due_at, mch_billno = heapq.heappop(self._leaving)
            order = self.bank.orders.get(mch_billno)
            if order is None or order.status != "sending":
                continue
            moved += 1
            if order.reason:
                self.bank.fail(mch_billno, order.reason, due_at)
            else:
                self.bank.let_go(order, due_at)
        return moved

    def deliver(self, order: PayOrder) -> None:
        """The packet shows on the phone: in the account's chat of a follower, else as a service notification (§3.1)."""
        person = self.people.by_openid(order.openid)
        if person is None:
            return
        texts = {
            "detail_id": order.detail_id,
            "send_name": order.params["send_name"],
            "wishing": order.params["wishing"],
        }
        self.people.say(person, "account", "packet", **texts, way=way_to(person))

    # -- keeping --------------------------------------------------------------------------------------------------

    def to_state(self) -> dict[str, Any]:
        """Nothing: the orders are the bank's."""
        return {}

    def load_state(self, saved: dict[str, Any]) -> None:
        """Find again what is on its way. Called after the bank was loaded."""
        self.reset()
        sending = (order for order in self.bank.orders.values() if order.status == "sending" and order.send_at)
        self._leaving = [(order.send_at, order.mch_billno) for order in sending]
        heapq.heapify(self._leaving)


def way_to(person: Person) -> str:
    """`chat`: the account's chat; `notice`: the Service Notification of those whom the account cannot write to (§3.1)."""
    return "chat" if person.is_followed and not person.is_blocking else "notice"
