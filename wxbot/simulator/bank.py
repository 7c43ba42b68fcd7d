"""The merchant's money at the simulated WeChat Pay: one balance, numbered orders, packets, flows (wechat-protocol §1.2, §3).

No HTTP and no lock in here: whoever calls holds `world.lock`. Amounts are int fen, times float Unix seconds of the
simulated clock, days are Beijing days.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
from collections import Counter
from collections.abc import Callable
from typing import Any

from wxbot.simulator.bank_check import Beside, faults_in_books
from wxbot.simulator.ground import Ground
from wxbot.simulator.pay_orders import DEFAULT_LIMITS, PREORDER, PayOrder, beijing
from wxbot.simulator.pay_texts import PayRefusal

PLAIN = ("salt", "balance_fen", "funded_fen", "returned_fen", "paid_fen", "frozen_fen", "sequence")


class Bank:
    """One merchant's account: every rule of hbpreorder, packets and refunds, without HTTP."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.on_sent: Callable[[PayOrder], object] = lambda order: None
        """Called when a direct packet reaches its receiver."""
        self.beside: list[Beside] = []
        """Orders kept elsewhere that move this balance."""
        self.reset()

    def reset(self) -> None:
        """A new account that holds `ground.balance_fen`."""
        self.limits = dict(DEFAULT_LIMITS)
        self.salt = self.ground.chance.hex(32)
        self.balance_fen = self.funded_fen = self.ground.balance_fen
        self.returned_fen = self.paid_fen = self.frozen_fen = self.sequence = 0
        self.orders: dict[str, PayOrder] = {}
        self.flows: list[dict[str, Any]] = []
        self._index()

    def _index(self) -> None:
        self._by_ticket: dict[str, PayOrder] = {}
        self._by_detail: dict[str, PayOrder] = {}
        self._by_openid: dict[str, list[PayOrder]] = {}
        self._due: list[tuple[float, str]] = []
        self.count_minute: Counter[tuple[str, str]] = Counter()
        self.count_day: Counter[tuple[str, str]] = Counter()
        self.fen_of_day: Counter[tuple[str, str]] = Counter()
        self.count_status: Counter[str] = Counter()
        for order in self.orders.values():
            self._enter(order)
            for openid in {order.openid, *(receipt["openid"] for receipt in order.receipts)} - {""}:
                self._by_openid.setdefault(openid, []).append(order)

    def _enter(self, order: PayOrder) -> None:
        if order.sp_ticket:
            self._by_ticket[order.sp_ticket] = order
        self._by_detail[order.detail_id] = order
        self.count_status[order.status] += 1
        day = order.channel, beijing(order.created_at, "%Y%m%d")
        self.count_minute[order.channel, beijing(order.created_at, "%Y%m%d%H%M")] += 1
        self.count_day[day] += 1
        self.fen_of_day[day] += order.amount_fen if order.status != "failed" else 0
        if order.status in ("sending", "waiting", "bound", "refunding"):
            heapq.heappush(self._due, (order.expires_at, order.mch_billno))

    def _turn(self, order: PayOrder, status: str) -> None:
        self.count_status[order.status] -= 1
        self.count_status[status] += 1
        order.status = status
        if status == "failed":
            self.fen_of_day[order.channel, beijing(order.created_at, "%Y%m%d")] -= order.amount_fen

    def _flow(self, kind: str, amount_fen: int, now: float, order: PayOrder | None = None) -> None:
        self.flows.append(
            {
                "at": now,
                "kind": kind,
                "amount_fen": amount_fen,
                "balance_fen": self.balance_fen,
                "mch_billno": order.mch_billno if order else "",
                "detail_id": order.detail_id if order else "",
                "channel": order.channel if order else "",
            }
        )

    # -- ordering -----------------------------------------------------------------------------------------------

    def preorder(self, params: dict[str, str], now: float) -> PayOrder:
        """Freeze the money of one pre-ordered packet, or give the first answer again for a known number (§1.2).

        `params` are the sent fields without `sign` and `nonce_str`. Raises PayRefusal: FATAL_ERROR for a known number
        with other parameters, SEND_FAILED for a dead one, then the limits, then NOTENOUGH.
        """
        known = self.orders.get(params["mch_billno"])
        if known is not None:
            return self._again(known, params, now)
        self._admit(params, now)
        amount_fen = int(params["total_amount"])
        is_short = self.balance_fen < amount_fen
        if is_short and not self.ground.switches["notenough_as_processing"]:
            raise PayRefusal("NOTENOUGH")
        order = self._build(params, amount_fen, now)
        self.orders[order.mch_billno] = order
        if is_short:
            order.status = "sending"
            self._enter(order)
            raise PayRefusal("PROCESSING")
        self._enter(order)
        self._freeze(order, now)
        return order

    def _again(self, known: PayOrder, params: dict[str, str], now: float) -> PayOrder:
        if known.params != params:
            raise PayRefusal("FATAL_ERROR")
        if known.status == "failed":
            raise PayRefusal("SEND_FAILED")
        if known.status == "sending" and not known.send_at:
            self.settle_sending(now)
            if known.status == "sending":
                raise PayRefusal("PROCESSING")
        return known

    def _admit(self, params: dict[str, str], now: float) -> None:
        amount_fen, total_num = int(params["total_amount"]), int(params["total_num"])
        low, high = self.limits["min_fen"], self.limits["max_fen"]
        if self.ground.switches["strict_amount_bounds"]:
            low, high = low + 1, high - 1
        if not low <= amount_fen <= high or amount_fen < total_num * self.limits["min_fen"]:
            raise PayRefusal("MONEY_LIMIT")
        if self.ground.switches["quiet_hours"] and int(beijing(now, "%H")) < 8:
            raise PayRefusal("TIME_LIMITED")
        if self.count_minute[PREORDER, beijing(now, "%Y%m%d%H%M")] >= self.limits["per_minute"]:
            raise PayRefusal("SECOND_OVER_LIMITED")
        if self.count_day[PREORDER, beijing(now, "%Y%m%d")] >= self.limits["per_day"]:
            raise PayRefusal("DAY_OVER_LIMITED")

    def _build(self, params: dict[str, str], amount_fen: int, now: float) -> PayOrder:
        self.sequence += 1
        digest = hashlib.sha256(f"{self.salt}:{self.sequence}".encode()).digest()
        total_num = int(params["total_num"])
        return PayOrder(
            mch_billno=params["mch_billno"],
            detail_id=f"0000000001{beijing(now, '%Y%m%d')}{self.sequence:010d}",
            sp_ticket="v1|" + base64.b64encode(digest).decode(),
            params=dict(params),
            amount_fen=amount_fen,
            total_num=total_num,
            created_at=now,
            expires_at=now + self.limits["ticket_hours"] * 3600,
            shares=self._split(amount_fen, total_num),
        )

    def _split(self, amount_fen: int, total_num: int) -> list[int]:
        """ALL_RAND: a random split that sums exactly, nobody below one fen (§1.2 amt_type)."""
        if total_num == 1:
            return [amount_fen]
        cuts = sorted(self.ground.chance.random.sample(range(1, amount_fen), total_num - 1))
        return [high - low for low, high in zip([0, *cuts], [*cuts, amount_fen], strict=True)]

    def enter_direct(self, order: PayOrder, now: float) -> None:
        """Take in a packet for one person (§3.2): paid and sent, now or at its `send_at`, or SENDING until there is balance."""
        self.orders[order.mch_billno] = order
        self._enter(order)
        self._by_openid.setdefault(order.openid, []).append(order)
        if self.balance_fen < order.amount_fen:
            return
        self._freeze(order, now)
        if not order.send_at:
            self.let_go(order, now)

    def _freeze(self, order: PayOrder, now: float) -> None:
        self.balance_fen -= order.amount_fen
        self.frozen_fen += order.amount_fen
        self._flow("order", -order.amount_fen, now, order)

    def settle_sending(self, now: float) -> int:
        """Send what waited for balance (money W21); returns how many went through."""
        sent = 0
        if self.count_status["sending"]:
            for order in [one for one in self.orders.values() if one.status == "sending"]:
                if not order.send_at and self.balance_fen >= order.amount_fen:
                    self._freeze(order, now)
                    self.let_go(order, now)
                    sent += 1
        return sent

    def let_go(self, order: PayOrder, now: float) -> None:
        """A paid order leaves SENDING: a ticket waits to be drawn, a direct packet reaches its receiver (§3.1)."""
        if not order.is_direct:
            self._turn(order, "waiting")
            return
        self._turn(order, "bound")
        order.bound_at = now
        order.expires_at = now + float(self.ground.switches["unclaimed_hours"]) * 3600
        heapq.heappush(self._due, (order.expires_at, order.mch_billno))
        self.on_sent(order)

    def fail(self, mch_billno: str, reason: str, now: float) -> PayOrder:
        """An order turns FAILED at the bank: its money comes back and its number is dead (§3.5 SEND_FAILED)."""
        order = self.orders[mch_billno]
        if order.status not in ("sending", "waiting"):
            raise PayRefusal("PARAM_ERROR", f"只有未领取的订单可以置为失败（当前 {order.status}）")
        if order.holds_money:
            self._give_back(order, now, "fail")
        self._turn(order, "failed")
        order.reason = reason
        return order

    # -- tickets and packets --------------------------------------------------------------------------------------

    def ticket(self, sp_ticket: str) -> PayOrder | None:
        """The order behind a sp_ticket, or None when it does not decode to one."""
        return self._by_ticket.get(sp_ticket)

    def packet(self, detail_id: str) -> PayOrder | None:
        """The order behind WeChat's packet number."""
        return self._by_detail.get(detail_id)

    def packets_of(self, openid: str) -> list[PayOrder]:
        """The packets tied to this openid, oldest first; a direct one only once it was sent."""
        return [order for order in self._by_openid.get(openid, []) if order.bound_at]

    def direct_to(self, openid: str) -> list[PayOrder]:
        """Every packet ordered for this openid by sendredpack, whatever became of it, oldest first."""
        return [order for order in self._by_openid.get(openid, []) if order.is_direct]

    def is_expired(self, order: PayOrder, now: float) -> bool:
        """Past its 72 hours, or already on its way back (§1.2)."""
        return order.expires_at <= now or order.status in ("refunding", "returned", "failed")

    def bind(self, sp_ticket: str, openid: str, now: float) -> PayOrder:
        """Tie a waiting ticket to a person: it can go to nobody else any more (§1.8).

        Raises PayRefusal: NOT_FOUND, PARAM_ERROR when it is not waiting or expired, SENDNUM_LIMIT and RCVDAMOUNT_LIMIT
        when the person's day is full and risk_cntl did not lift that limit.
        """
        order = self._by_ticket.get(sp_ticket)
        if order is None:
            raise PayRefusal("NOT_FOUND")
        if order.status != "waiting" or self.is_expired(order, now):
            raise PayRefusal("PARAM_ERROR", "红包已被领取或已过期")
        self._admit_person(order, openid, now)
        self._turn(order, "bound")
        order.openid, order.bound_at = openid, now
        hours = float(self.ground.switches["open_hours_after_bind"])
        if hours:
            order.expires_at = now + hours * 3600
            heapq.heappush(self._due, (order.expires_at, order.mch_billno))
        self._by_openid.setdefault(openid, []).append(order)
        return order

    def _admit_person(self, order: PayOrder, openid: str, now: float) -> None:
        """Per-person daily caps, unless risk_cntl lifts them (§1.2 risk_cntl, §3.1)."""
        if order.params.get("risk_cntl") in ("IGN_DAY_LMT", "IGN_FREQ_DAY_LMT"):
            return
        today = beijing(now, "%Y%m%d")
        bound = (one for one in self.packets_of(openid) if not one.is_direct)
        mine = [one for one in bound if beijing(one.bound_at, "%Y%m%d") == today]
        if len(mine) >= self.limits["user_packets_per_day"]:
            raise PayRefusal("SENDNUM_LIMIT")
        if sum(one.amount_fen for one in mine) + order.amount_fen > self.limits["user_fen_per_day"]:
            raise PayRefusal("RCVDAMOUNT_LIMIT")

    def open_packet(self, order: PayOrder, openid: str, now: float) -> int:
        """The person opens the packet and the money is theirs; returns fen. A second opening pays nothing more (§1.1).

        A GROUP packet gives one share to each new openid (§1.2 total_num). Raises PayRefusal when it is not theirs or
        has gone back.
        """
        for receipt in order.receipts:
            if receipt["openid"] == openid:
                return int(receipt["amount_fen"])
        if order.status != "bound" or order.expires_at <= now:
            raise PayRefusal("PARAM_ERROR", "红包已过期，未领取的金额已退回" if order.openid else "红包尚未发给任何人")
        if order.openid != openid and (order.total_num == 1 or not order.receipts):
            raise PayRefusal("OPENID_ERROR", "这个红包属于另一位用户")
        amount_fen = order.shares[len(order.receipts)]
        order.receipts.append({"openid": openid, "amount_fen": amount_fen, "at": now})
        if openid != order.openid:
            self._by_openid.setdefault(openid, []).append(order)
        self.frozen_fen -= amount_fen
        self.paid_fen += amount_fen
        if len(order.receipts) == order.total_num:
            self._turn(order, "received")
        return amount_fen

    def wallet_fen(self, openid: str) -> int:
        """Everything this openid received."""
        mine = (receipt for order in self.packets_of(openid) for receipt in order.receipts)
        received_fen: int = sum(receipt["amount_fen"] for receipt in mine if receipt["openid"] == openid)
        return received_fen + sum(beside.received_fen(openid) for beside in self.beside)

    # -- going back -----------------------------------------------------------------------------------------------

    def expire(self, now: float) -> int:
        """Return what nobody took in time to the merchant, exactly once; returns how many orders moved (§1.2, §3.5b)."""
        moved = 0
        while self._due and self._due[0][0] <= now:
            due_at, mch_billno = heapq.heappop(self._due)
            order = self.orders.get(mch_billno)
            if (
                order is None
                or order.expires_at != due_at  # its time was changed since
                or order.send_at > now
                or order.status not in ("sending", "waiting", "bound", "refunding")
            ):
                continue
            moved += 1
            delay = float(self.ground.switches["refund_delay_s"])
            if order.status == "sending":
                self._turn(order, "failed")
                order.reason = "余额不足"
            elif order.status != "refunding" and delay:
                self._turn(order, "refunding")
                order.expires_at = due_at + delay
                heapq.heappush(self._due, (order.expires_at, mch_billno))
            else:
                self._give_back(order, due_at, "return")
                self._turn(order, "returned")
        return moved

    def _give_back(self, order: PayOrder, now: float, kind: str) -> None:
        if order.refunded_at:
            raise RuntimeError(f"{order.mch_billno} would be refunded twice")
        order.refunded_at, order.refunded_fen = now, order.amount_fen - order.paid_fen
        self.frozen_fen -= order.refunded_fen
        self.balance_fen += order.refunded_fen
        self.returned_fen += order.refunded_fen
        self._flow(kind, order.refunded_fen, now, order)

    def top_up(self, amount_fen: int, now: float) -> None:
        """The merchant pays in (or, negative, withdraws at most the balance)."""
        if self.balance_fen + amount_fen < 0:
            raise ValueError("余额不足以提现")
        self.balance_fen += amount_fen
        self.funded_fen += amount_fen
        self._flow("topup", amount_fen, now)
        self.settle_sending(now)

    # -- looking --------------------------------------------------------------------------------------------------

    def all_orders(self) -> list[PayOrder]:
        """Every order of every channel, oldest first."""
        others = [order for beside in self.beside for order in beside.as_orders()]
        own = list(self.orders.values())
        return sorted([*own, *others], key=lambda order: order.created_at) if others else own

    def bill(self, day: str) -> list[dict[str, Any]]:
        """The flows of one Beijing day `YYYYMMDD`: everything that changed the balance, in order."""
        return [flow for flow in self.flows if beijing(flow["at"], "%Y%m%d") == day]

    def totals(self) -> dict[str, Any]:
        """The books in one look, fen."""
        by_status = self.count_status.copy()
        for beside in self.beside:
            by_status.update(beside.by_status())
        return {
            "balance_fen": self.balance_fen,
            "frozen_fen": self.frozen_fen,
            "funded_fen": self.funded_fen,
            "paid_fen": self.paid_fen,
            "returned_fen": self.returned_fen,
            "pending_fen": self.frozen_fen,
            "orders": by_status.total(),
            "by_status": {status: count for status, count in sorted(by_status.items()) if count},
        }

    def broken_invariants(self) -> list[str]:
        """Appendix D.4 checked from the single orders; an empty list means the books agree to the fen."""
        return list(faults_in_books(self))

    # -- keeping --------------------------------------------------------------------------------------------------

    def to_state(self) -> dict[str, Any]:
        """Everything as JSON-able values."""
        state: dict[str, Any] = {name: getattr(self, name) for name in PLAIN}
        state |= {"limits": dict(self.limits), "flows": list(self.flows)}
        return state | {"orders": [order.to_dict() for order in self.orders.values()]}

    def load_state(self, saved: dict[str, Any]) -> None:
        """Become what `to_state` gave; counters and indexes are rebuilt."""
        for name in PLAIN:
            setattr(self, name, saved[name])
        self.limits = DEFAULT_LIMITS | saved["limits"]
        self.flows = list(saved["flows"])
        orders = (PayOrder(**row) for row in saved["orders"])
        self.orders = {order.mch_billno: order for order in orders}
        self._index()
