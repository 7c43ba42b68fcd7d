"""One order at the simulated WeChat Pay, the numbers that bound it and the words for it (wechat-protocol §1.2, §3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from wxbot.simulator.ground import Switch

BEIJING = timezone(timedelta(hours=8))

#: WeChat Pay's shake platform (§1.2): the only pair that makes a ticket loadable into a lottery.
SHAKE_AUTH_MCHID = "1000052601"
SHAKE_AUTH_APPID = "wxbf42bd79c4391863"

#: Numbers the platform imposes; PUT /_sim/bank/limits changes them.
DEFAULT_LIMITS: dict[str, int] = {
    "min_fen": 100,  # §1.2: "more than 1 yuan"
    "max_fen": 100_000,  # §1.2: "less than 1000 yuan"
    "per_minute": 1800,  # §1.2 SECOND_OVER_LIMITED
    "per_day": 10_000,  # §1.2 DAY_OVER_LIMITED
    "user_packets_per_day": 10,  # §3.1, lifted by risk_cntl
    "user_fen_per_day": 100_000,  # §3.1, lifted by risk_cntl
    "ticket_hours": 72,  # §1.2
    "cash_min_fen": 100,  # §3.1, adjustable per scene in the merchant console
    "cash_max_fen": 20_000,  # §3.1, the same
    "cash_per_second": 30,  # §3.1 FREQ_LIMIT
    "cash_per_minute": 1800,  # §3.1 FREQ_LIMIT
    "cash_user_packets_per_day": 10,  # §3.1 SENDNUM_LIMIT
    "cash_user_fen_per_day": 100_000,  # §3.1 RCVDAMOUNT_LIMIT
    "cash_fen_per_day": 100_000_000,  # §3.1 SENDAMOUNT_LIMIT
}

#: What the reference leaves UNCONFIRMED or contradictory about money.
BANK_SWITCHES = (
    Switch("strict_amount_bounds", "hbpreorder refuses exactly 1.00 and 1000.00 yuan", False, "§1.2"),
    Switch("quiet_hours", "TIME_LIMITED: nothing is sent 00:00-08:00 Beijing time (older texts)", False, "§1.2"),
    Switch("reply_carries_sign", "successful replies of the pay calls are signed", False, "§1.2"),
    Switch("length_in_bytes", "String(32) counts UTF-8 bytes, not characters", True, "§3.2, appendix B"),
    Switch("wishing_in_bytes", "the 16 of wishing counts UTF-8 bytes, not characters", False, "§1.2"),
    Switch("strict_billno_shape", "mch_billno must be mch_id + yyyymmdd + 10 digits", False, "§1.2"),
    Switch("auth_pair_checked_at_order", "hbpreorder itself refuses a foreign auth_mchid/auth_appid", False, "§1.4"),
    Switch(
        "open_hours_after_bind", "hours a bound packet may still be opened; 0: until its own 72 hours end", 0, "§1.8"
    ),
    Switch("refund_delay_s", "seconds between RFUND_ING and REFUND", 0, "§3.5b"),
    Switch("notenough_as_processing", "a short balance answers PROCESSING and sends after a top-up", False, "§3.5"),
    Switch("bill_same_day", "the fund bill of the running day can be downloaded", False, "not documented here"),
)

#: Which call made an order.
PREORDER, DIRECT = "hbpreorder", "sendredpack"

#: Our states and the word gethbinfo uses for each (§3.5b).
WIRE_STATUS = {
    "sending": "SENDING",
    "waiting": "SENT",
    "bound": "SENT",
    "received": "RECEIVED",
    "refunding": "RFUND_ING",
    "returned": "REFUND",
    "failed": "FAILED",
}


@dataclass(slots=True)
class PayOrder:
    """One mch_billno: the money it froze, its ticket and whoever got it."""

    mch_billno: str
    detail_id: str
    sp_ticket: str
    params: dict[str, str]
    amount_fen: int
    total_num: int
    created_at: float
    expires_at: float
    status: str = "waiting"
    reason: str = ""
    lottery_id: str = ""
    openid: str = ""
    bound_at: float = 0.0
    shares: list[int] = field(default_factory=list)
    receipts: list[dict[str, Any]] = field(default_factory=list)
    refunded_at: float = 0.0
    refunded_fen: int = 0
    channel: str = PREORDER
    send_at: float = 0.0
    """When a paid direct packet leaves SENDING; 0: at once, or not before there is balance."""

    @property
    def is_direct(self) -> bool:
        """Was it sent to one person by sendredpack (§3.2), with no ticket?"""
        return self.channel == DIRECT

    @property
    def hb_type(self) -> str:
        """NORMAL or GROUP; sendredpack has no such field and sends NORMAL ones (§3.5b)."""
        return self.params.get("hb_type", "NORMAL")

    @property
    def holds_money(self) -> bool:
        """Is money frozen for it now?"""
        return self.status in ("waiting", "bound", "refunding") or (self.status == "sending" and self.send_at > 0)

    @property
    def paid_fen(self) -> int:
        """What people received of this order."""
        return sum(receipt["amount_fen"] for receipt in self.receipts)

    def to_dict(self) -> dict[str, Any]:
        """As JSON-able values; no deep copy, the caller serialises at once."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def is_for_shake(self) -> bool:
        """Was it pre-ordered with the shake platform's pair (§1.2)?"""
        pair = (self.params.get("auth_mchid"), self.params.get("auth_appid"))
        return pair == (SHAKE_AUTH_MCHID, SHAKE_AUTH_APPID)


def beijing(at: float, pattern: str) -> str:
    """A simulated moment written in Beijing time."""
    return datetime.fromtimestamp(at, UTC).astimezone(BEIJING).strftime(pattern)
