"""Lotteries of the shake platform: creating, loading, switching, counting and drawing (wechat-protocol §1.3–1.8).

No HTTP and no lock: the caller holds `world.lock`. Amounts are int fen, times float Unix seconds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from wxbot.simulator.bank import Bank
from wxbot.simulator.beacons import wide
from wxbot.simulator.ground import Ground, Switch
from wxbot.simulator.pay_orders import PayOrder
from wxbot.simulator.pay_texts import PayRefusal
from wxbot.simulator.shake_texts import JumpRefusal, ShakeRefusal

LONGEST_S = 91 * 86400  # §1.3
TICKETS_PER_LOAD = 100  # §1.4
TICKETS_PER_LOTTERY = 100_000  # §1.4
LOADS_COUNTED = 3000  # §1.6
TICKETS_COUNTED = 10_000  # §1.6

LOTTERY_SWITCHES = (
    Switch("lottery_key_always_required", "addlotteryinfo needs `key` in template mode too", True, "§1.3"),
    Switch(
        "redpacket_permission_error", "0: permitted; or one of 9001064..9001068 for every addlotteryinfo", 0, "§1.1"
    ),
    Switch("querylottery_quotes_numbers", "onoff and the times come as strings", True, "§1.6"),
    Switch("refused_draw_code", "what jumpHongbao shows when sold out, off, over or already drawn", 12013, "§1.7"),
    Switch("win_percent", "chance of a valid draw while tickets remain", 100, "§1.7"),
    Switch("draw_in_page_host_only", "the draw page must be on the host of the shaken page", True, "§1.7"),
    Switch("draws_per_minute", "draws of one person per minute before 12015", 60, "§1.7"),
    Switch("shakes_per_minute", "shakes of one person per minute before 11005", 120, "§1.7"),
)

#: Where a refused ticket is named (§1.4).
REJECT_LISTS = {
    "repeat": "repeat_ticket_list",
    "expired": "expire_ticket_list",
    "amount": "invalid_amount_ticket_list",
    "auth": "wrong_authmchid_ticket_list",
    "undecodable": "invalid_ticket_list",
}


@dataclass(slots=True)
class Lottery:
    """One campaign object of the platform; `free` are loaded tickets that nobody has."""

    lottery_id: str
    title: str
    desc: str
    onoff: int
    begin_time: int
    expire_time: int
    sponsor_appid: str
    appid: str
    total: int
    jump_url: str
    key: str
    use_template: int
    page_id: int = 0
    loads: int = 0
    tickets: list[str] = field(default_factory=list)
    free: list[str] = field(default_factory=list)
    winners: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON-able values."""
        return {name: getattr(self, name) for name in self.__slots__}


class Lotteries:
    """Every lottery of the account and the money tickets loaded into them."""

    def __init__(self, ground: Ground, bank: Bank) -> None:
        self.ground = ground
        self.bank = bank
        self.reset()

    def reset(self) -> None:
        """No lotteries."""
        self.by_id: dict[str, Lottery] = {}

    def find(self, lottery_id: str) -> Lottery:
        """The lottery, or ShakeRefusal 9001061."""
        found = self.by_id.get(lottery_id)
        if found is None:
            raise ShakeRefusal(9001061)
        if found.appid != self.ground.account.appid:
            raise ShakeRefusal(9001079)
        return found

    def add(self, fields: dict[str, Any]) -> Lottery:
        """`addlotteryinfo` after the door has read the types (§1.3). Raises ShakeRefusal."""
        permission = self.ground.switches["redpacket_permission_error"]
        if permission:
            raise ShakeRefusal(permission)
        if fields["sponsor_appid"] != self.ground.account.appid:
            raise ShakeRefusal(9001063)
        if not fields["title"] or wide(fields["title"]) > 6 or wide(fields["desc"]) > 7:
            raise ShakeRefusal(9001060, "create lottery failed: title at most 6, desc at most 7 Chinese characters")
        if not fields["begin_time"] < fields["expire_time"] <= fields["begin_time"] + LONGEST_S:
            raise ShakeRefusal(9001031)
        if not 0 < fields["total"] <= TICKETS_PER_LOTTERY:
            raise ShakeRefusal(9001075)
        is_key_needed = fields["use_template"] == 2 or self.ground.switches["lottery_key_always_required"]
        if (fields["key"] or is_key_needed) and len(fields["key"]) != 32:
            raise ShakeRefusal(9001060, "create lottery failed: key must have 32 characters")
        lottery = Lottery(lottery_id=self.ground.chance.letters(22), appid=self.ground.account.appid, **fields)
        self.by_id[lottery.lottery_id] = lottery
        return lottery

    def load(self, lottery: Lottery, mchid: str, sponsor_appid: str, tickets: list[str], now: float) -> dict[str, Any]:
        """`setprizebucket`: each call adds a batch, refused tickets are named one by one (§1.4).

        Returns the reply without its envelope. Raises ShakeRefusal; 9001090 is the door's answer when none
        was good (success_num 0).
        """
        if len(tickets) > TICKETS_PER_LOAD:
            raise ShakeRefusal(9001072)
        if sponsor_appid != lottery.sponsor_appid:
            raise ShakeRefusal(9001073)
        if now > lottery.expire_time:
            raise ShakeRefusal(9001091)
        lists: dict[str, list[dict[str, str]]] = {}
        good: dict[str, PayOrder] = {}
        for sp_ticket in tickets:
            fault = "repeat" if sp_ticket in good else self._fault_of(sp_ticket, now)
            order = self.bank.ticket(sp_ticket)
            if fault:
                lists.setdefault(REJECT_LISTS[fault], []).append({"ticket": sp_ticket})
            elif order is not None and order.params["mch_id"] != mchid:
                raise ShakeRefusal(9001071)
            elif order is not None and order.params["wxappid"] != sponsor_appid:
                raise ShakeRefusal(9001073)
            elif order is not None:
                good[sp_ticket] = order
        if len(lottery.tickets) + len(good) > lottery.total:
            raise ShakeRefusal(9001075)
        for sp_ticket, order in good.items():
            order.lottery_id = lottery.lottery_id
            lottery.tickets.append(sp_ticket)
            lottery.free.append(sp_ticket)
        lottery.loads += 1
        return {"success_num": len(good), **lists}

    def _fault_of(self, sp_ticket: str, now: float) -> str:
        """Which reject list this ticket belongs to, or ''."""
        order = self.bank.ticket(sp_ticket)
        if order is None or order.status in ("failed", "sending"):
            return "undecodable"
        if order.lottery_id or order.openid:
            return "repeat"
        if self.bank.is_expired(order, now):
            return "expired"
        if not self.bank.limits["min_fen"] <= order.amount_fen <= self.bank.limits["max_fen"]:
            return "amount"
        return "" if order.is_for_shake else "auth"

    def counts(self, lottery: Lottery, now: float) -> dict[str, int]:
        """The six counters of querylottery: expired, drawn and available, as numbers and in fen (§1.6)."""
        found = {"expired_prizes": 0, "drawed_prizes": 0, "available_prizes": 0}
        found |= {"expired_value": 0, "drawed_value": 0, "available_value": 0}
        for sp_ticket in lottery.tickets:
            order = self.bank.ticket(sp_ticket)
            if order is None:
                continue
            kind = "drawed" if order.openid else "expired" if self.bank.is_expired(order, now) else "available"
            found[f"{kind}_prizes"] += 1
            found[f"{kind}_value"] += order.amount_fen
        return found

    def query(self, lottery: Lottery, now: float) -> dict[str, Any]:
        """`result` of querylottery; the counters are missing after 3000 loads or 10 000 tickets (§1.6)."""
        quoted = str if self.ground.switches["querylottery_quotes_numbers"] else int
        found: dict[str, Any] = {
            "lottery_id": lottery.lottery_id,
            "title": lottery.title,
            "desc": lottery.desc,
            "onoff": quoted(lottery.onoff),
            "begin_time": quoted(lottery.begin_time),
            "expire_time": quoted(lottery.expire_time),
            "sponsor_appid": lottery.sponsor_appid,
            "appid": lottery.appid,
            "prize_count_limit": lottery.total,
            "prize_count": len(lottery.tickets),
            "jump_url": lottery.jump_url,
        }
        if lottery.loads > LOADS_COUNTED or len(lottery.tickets) > TICKETS_COUNTED:
            return found
        return found | self.counts(lottery, now)

    def draw(self, lottery: Lottery, openid: str, is_frozen: bool, now: float) -> PayOrder:
        """Tie one free ticket to this person (§1.7): inside the window, switched on, one win per person.

        Raises JumpRefusal with a reason: not_yet, over, off, already_drawn, risk, no_luck, sold_out.
        """
        reason = self._closed(lottery, openid, is_frozen, now)
        if not reason and self.ground.chance.random.random() * 100 >= self.ground.switches["win_percent"]:
            reason = "no_luck"
        if reason:
            raise self.refusal(lottery, reason)
        while lottery.free:
            sp_ticket = self._take_free(lottery)
            try:
                order = self.bank.bind(sp_ticket, openid, now)
            except PayRefusal as refused:
                if refused.err_code in ("SENDNUM_LIMIT", "RCVDAMOUNT_LIMIT"):
                    lottery.free.append(sp_ticket)  # the person's day is full: the ticket stays for others
                    raise self.refusal(lottery, "day_limit", 12013) from refused
                continue  # expired or failed at the bank meanwhile: not stock any more
            lottery.winners[openid] = sp_ticket
            return order
        raise self.refusal(lottery, "sold_out")

    def _closed(self, lottery: Lottery, openid: str, is_frozen: bool, now: float) -> str:
        if openid in lottery.winners:
            return "already_drawn"
        if now < lottery.begin_time:
            return "not_yet"
        if now > lottery.expire_time:
            return "over"
        if lottery.onoff != 1:
            return "off"
        return "risk" if is_frozen else ""

    def _take_free(self, lottery: Lottery) -> str:
        """Any free ticket, each as likely, in constant time."""
        index = self.ground.chance.random.randrange(len(lottery.free))
        lottery.free[index], lottery.free[-1] = lottery.free[-1], lottery.free[index]
        return lottery.free.pop()

    def refusal(self, lottery: Lottery, reason: str, code: int = 0) -> JumpRefusal:
        """A counted refusal; without a code of its own it uses the switch, as §1.7 leaves these cases open."""
        lottery.refusals[reason] = lottery.refusals.get(reason, 0) + 1
        return JumpRefusal(code or self.ground.switches["refused_draw_code"], reason)

    def overview(self, lottery: Lottery, now: float) -> dict[str, Any]:
        """For the pages and /_sim/lotteries: state, counters, refusals; the key stays out."""
        fields = lottery.to_dict()
        for name in ("tickets", "free", "winners", "key"):
            del fields[name]
        state = "on"
        if lottery.onoff != 1:
            state = "off"
        elif not lottery.begin_time <= now <= lottery.expire_time:
            state = "not_yet" if now < lottery.begin_time else "over"
        counts = self.counts(lottery, now)
        return fields | {"state": state, "prize_count": len(lottery.tickets), "winners": len(lottery.winners), **counts}

    def refusal_totals(self) -> dict[str, int]:
        """How often each reason was given, over all lotteries."""
        totals: Counter[str] = Counter()
        for lottery in self.by_id.values():
            totals.update(lottery.refusals)
        return dict(totals)

    def to_state(self) -> dict[str, Any]:
        """Everything as JSON-able values."""
        return {"lotteries": [lottery.to_dict() for lottery in self.by_id.values()]}

    def load_state(self, saved: dict[str, Any]) -> None:
        """Become what `to_state` gave."""
        self.by_id = {row["lottery_id"]: Lottery(**row) for row in saved["lotteries"]}
