"""The merchant transfer: a bill that its receiver confirms in WeChat within 24 hours (wechat-protocol §4)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from wxbot.orders.channels.base import Sighting, State, Told, Wish
from wxbot.orders.models import Order
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.wechat import limits
from wxbot.wechat.errors import WeChatError
from wxbot.wechat.pay_v3 import TransferAnswer, transfer_params

OVERDUE = "OVERDUE_CLOSE"
"""fail_reason of a bill that nobody confirmed in time: its money has come back (§4.3)."""


STATES: dict[str, State] = {
    "WAIT_USER_CONFIRM": "placed", "SUCCESS": "received", "FAIL": "failed", "CANCELLED": "failed",
}  # fmt: skip
"""A bill's state → our word; every other state means that it is moving."""


class TransferBills:
    """Creates one bill; WeChat calls back when it ended, and is asked all the same."""

    name = "transfer_bills"
    life = timedelta(hours=24)
    api = "transfer"
    holding = "unclaimed"
    needs_secret = True
    is_billed_when_placed = False

    def freeze(self, settings: Settings, mch_billno: str, wish: Wish) -> dict[str, Any]:
        """The body of §4.2; the signature is made anew at each call."""
        if wish.openid is None:
            raise ValueError("a transfer needs the openid of its receiver")
        if not limits.TRANSFER_MIN_FEN <= wish.amount_fen < limits.TRANSFER_REAL_NAME_FROM_FEN:
            raise ValueError(
                "a transfer is from 0.1 yuan to below 2000 yuan: above, WeChat wants the receiver's real name"
            )
        reports = {
            name: text.format_map(wish.texts)[: limits.TRANSFER_REPORT_CONTENT_CHARS]
            for name, text in settings.transfer_report_texts.items()
        }
        return transfer_params(
            appid=settings.appid,
            out_bill_no=mch_billno,
            transfer_scene_id=settings.transfer_scene_id,
            openid=wish.openid,
            amount_fen=wish.amount_fen,
            remark=wish.texts["remark"],
            notify_url=settings.transfer_notify_url,
            perception=settings.transfer_perception,
            reports=reports,
        )

    def send(self, runtime: Runtime, params: Mapping[str, Any]) -> TransferAnswer:
        """Create the bill; re-entrant: the same number with the same content is the same bill (§4.2)."""
        return runtime.pay_v3.create(params)

    def query(self, runtime: Runtime, mch_billno: str) -> TransferAnswer:
        """Ask for the bill; what the phone needs to confirm it is not told again (§4.4)."""
        return runtime.pay_v3.query(mch_billno)

    def cancel(self, runtime: Runtime, mch_billno: str) -> TransferAnswer:
        """Take back a bill that nobody has confirmed; it ends later, a query tells (§4.5)."""
        return runtime.pay_v3.cancel(mch_billno)

    def sighted(self, answer: TransferAnswer) -> Sighting | None:
        """A bill of an unknown number: amount and receiver are told from the beginning (§4.4)."""
        if not answer.is_success:
            if answer.code == "NOT_FOUND":
                return None
            raise WeChatError(answer.code or f"HTTP_{answer.status}")
        if answer.amount_fen is None:
            raise WeChatError("an answer without an amount")
        state = STATES.get(answer.state, "moving")
        if state == "failed" and answer.fail_reason == OVERDUE:
            state = "returned"
        return Sighting(
            state, answer.amount_fen, answer.openid or None, answer.transfer_bill_no or None, answer.create_time
        )

    def told(self, order: Order, answer: TransferAnswer, *, is_query: bool) -> Told:
        """A bill's state in the words of all channels. A refused call says nothing about the bill (§4.3)."""
        if not answer.is_success:
            return Told("refused", answer.code or f"HTTP_{answer.status}", raw=answer.raw)
        if answer.out_bill_no != order.mch_billno or answer.amount_fen not in (None, order.amount_fen):
            return Told("unproven", raw=answer.raw)
        detail_id, openid = answer.transfer_bill_no or None, answer.openid or None
        match answer.state:
            case "WAIT_USER_CONFIRM":
                return Told("placed", detail_id=detail_id, secret=answer.package_info or None,
                            placed_at=answer.create_time, raw=answer.raw)  # fmt: skip
            case "SUCCESS":
                return Told("received", detail_id=detail_id, openid=openid, raw=answer.raw)
            case "FAIL" if answer.fail_reason == OVERDUE:
                return Told("returned", OVERDUE, detail_id=detail_id, raw=answer.raw)
            case "FAIL":
                return Told("failed", answer.fail_reason or "FAIL", detail_id=detail_id, raw=answer.raw)
            case "CANCELLED":
                return Told("failed", "MCH_CANCEL", detail_id=detail_id, raw=answer.raw)
            case _:
                return Told("moving", answer.state, detail_id=detail_id, raw=answer.raw)
