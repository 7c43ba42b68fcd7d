"""One merchant transfer: its states, its money, its place among the bank's orders (wechat-protocol §4.2, §4.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wxbot.simulator.pay_orders import PayOrder

CHANNEL = "transfer_bills"
FINAL = ("SUCCESS", "FAIL", "CANCELLED")
CANCELLABLE = ("ACCEPTED", "PROCESSING", "WAIT_USER_CONFIRM")

#: The bank's word for each state, as its list of orders shows it. FAIL depends on whether money went back.
BANK_STATUS = {
    "ACCEPTED": "sending",
    "PROCESSING": "sending",
    "WAIT_USER_CONFIRM": "waiting",
    "TRANSFERING": "waiting",
    "SUCCESS": "received",
    "CANCELING": "refunding",
    "CANCELLED": "returned",
}


@dataclass(slots=True)
class TransferBill:
    """One out_bill_no. `content` is what the create call asked for, as pay_v3_fields reads it."""

    out_bill_no: str
    transfer_bill_no: str
    package_info: str
    content: dict[str, Any]
    created_at: float
    updated_at: float
    state: str = "ACCEPTED"
    fail_reason: str = ""
    step_at: float = 0.0
    """When the state moves on by itself; in WAIT_USER_CONFIRM the end of the 24 hours."""
    locked_fen: int = 0
    paid_at: float = 0.0
    refunded_at: float = 0.0
    refunded_fen: int = 0
    is_by_certificate: bool = False
    """Was it created by a client of platform certificates? Its callbacks are signed alike (§4.9)."""
    password: str = ""
    """验密 by the merchant's staff: empty while nobody asks, then `waiting`, then `given` (§4.1)."""

    @property
    def openid(self) -> str:
        return str(self.content["openid"])

    @property
    def amount_fen(self) -> int:
        return int(self.content["transfer_amount"])

    @property
    def bank_status(self) -> str:
        """The word of the bank's order list."""
        return BANK_STATUS.get(self.state) or ("returned" if self.refunded_fen else "failed")

    def as_order(self) -> PayOrder:
        """The bill in the words of the bank's list of orders; `params` also holds its own state."""
        is_paid, content = self.state == "SUCCESS", self.content
        return PayOrder(
            mch_billno=self.out_bill_no,
            detail_id=self.transfer_bill_no,
            sp_ticket="",
            params={"wishing": content["transfer_remark"], "state": self.state, "password": self.password},
            amount_fen=self.amount_fen,
            total_num=1,
            created_at=self.created_at,
            expires_at=self.step_at,
            status=self.bank_status,
            reason=self.fail_reason,
            openid=self.openid,
            bound_at=self.created_at,
            shares=[self.amount_fen],
            receipts=[{"openid": self.openid, "amount_fen": self.amount_fen, "at": self.paid_at}] if is_paid else [],
            refunded_at=self.refunded_at,
            refunded_fen=self.refunded_fen,
            channel=CHANNEL,
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON-able values; no deep copy, the caller serialises at once."""
        return {name: getattr(self, name) for name in self.__slots__}
