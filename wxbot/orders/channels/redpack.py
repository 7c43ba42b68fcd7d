"""What the two red-packet APIs of WeChat Pay v2 have in common: how their answers are read (wechat-protocol §3.5, §3.5b)."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from wxbot.clock import SHANGHAI
from wxbot.orders.channels.base import ProviderStatus, SetupFault, Sighting, State
from wxbot.orders.models import Order
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.text import Text
from wxbot.wechat import pay_texts
from wxbot.wechat.errors import WeChatError
from wxbot.wechat.pay import PayAnswer

STATES: dict[str, State] = {
    "SENT": "placed",
    "RECEIVED": "received",
    "REFUND": "returned",
    "FAILED": "failed",
}
"""gethbinfo's word for an end or a rest → ours; every other word means that it is moving."""


class RedPack:
    """Reads the answers of one sending API and of gethbinfo."""

    name: str
    version = "v2"
    stopped_word = Text("发放", "sending")
    query_api = "query"
    state_words: Mapping[str, tuple[Text, str]] = {  # §3.5b
        "SENDING": (Text("发放中", "being sent"), "wait"),
        "SENT": (Text("已发放，等待领取", "sent, waits to be opened"), ""),
        "RECEIVED": (Text("已领取", "received"), "good"),
        "RFUND_ING": (Text("退款中", "going back"), "wait"),
        "REFUND": (Text("已退款", "gone back"), "bad"),
        "FAILED": (Text("发放失败", "failed"), "bad"),
    }
    stages: frozenset[str] = frozenset()
    can_cancel = False
    is_confirmed = False
    has_notice = False

    needs_secret = False
    is_billed_when_placed = True
    proof_field: str
    """The field of a successful answer that is WeChat's number for the packet."""
    secret_field: str = ""
    echoed: Mapping[str, str] = {}
    """Field of the answer → attribute of the order that must come back as it was sent (security S65, F11)."""

    def rests_at_night(self, settings: Settings) -> bool:
        """WeChat Pay refuses packets by night (TIME_LIMITED) unless the merchant agreed otherwise."""
        return settings.pay_quiet_hours

    def setup_faults(self, settings: Settings) -> Sequence[SetupFault]:
        """Nothing beside what the settings themselves insist on."""
        return ()

    def has_keys(self, settings: Settings) -> bool:
        """The key of API v2 is never missing: the settings insist on it."""
        return True

    def text_fault(self, field: str, text: str) -> pay_texts.TextFault | None:
        """Red packets carry all of our texts under our names (§1.2, §3.2)."""
        return pay_texts.fault_of(self.name, field, text)

    def query(self, runtime: Runtime, mch_billno: str) -> PayAnswer:
        """Ask gethbinfo; it knows the state of the packet but never a ticket (§3.5b)."""
        return runtime.pay.gethbinfo(mch_billno)

    def cancel(self, runtime: Runtime, mch_billno: str) -> Any:
        """A red packet cannot be taken back: it returns by itself when nobody opens it."""
        raise NotImplementedError

    def parse_status(self, order: Order, answer: PayAnswer, *, is_query: bool) -> ProviderStatus:
        """An answer in the words of all channels; only codes and fields count, never a text (money F07)."""
        if not answer.is_success:
            return ProviderStatus("refused", answer.err_code or "NO_CODE", raw=answer.raw)
        return self._told_on_query(order, answer) if is_query else self._told_on_send(order, answer)

    def _told_on_send(self, order: Order, answer: PayAnswer) -> ProviderStatus:
        fields = answer.fields
        detail_id, secret = fields.get(self.proof_field), fields.get(self.secret_field) if self.secret_field else None
        is_ours = all(fields.get(name) == str(getattr(order, field)) for name, field in self.echoed.items())
        if not detail_id or (self.secret_field and not secret) or not is_ours:
            return ProviderStatus("unproven", raw=answer.raw)
        placed_at = _told_time(fields.get("send_time", ""))
        return ProviderStatus("placed", detail_id=detail_id, secret=secret, placed_at=placed_at, raw=answer.raw)

    def _told_on_query(self, order: Order, answer: PayAnswer) -> ProviderStatus:
        is_ours = answer.fields.get("mch_billno", order.mch_billno) == order.mch_billno
        if not is_ours or answer.fields.get("total_amount", str(order.amount_fen)) != str(order.amount_fen):
            return ProviderStatus("unproven", raw=answer.raw)
        detail_id, openid = answer.fields.get("detail_id"), answer.receiver
        match answer.fields.get("status"):
            case "RECEIVED":
                return ProviderStatus("received", detail_id=detail_id, openid=openid, raw=answer.raw)
            case "REFUND":
                return ProviderStatus("returned", detail_id=detail_id, raw=answer.raw)
            case "FAILED":
                return ProviderStatus("failed", answer.fields.get("reason") or "FAILED", raw=answer.raw)
            case "SENT":
                return ProviderStatus("placed", detail_id=detail_id, raw=answer.raw)
            case _:
                return ProviderStatus("moving", raw=answer.raw)

    def sighted(self, answer: PayAnswer) -> Sighting | None:
        """A packet of an unknown number: amount and texts are told at once, the person once they have opened it (§3.5b)."""
        if not answer.is_success:
            if answer.err_code == "NOT_FOUND":
                return None
            raise WeChatError(answer.err_code or "NO_CODE")
        fields = answer.fields
        if not fields.get("total_amount", "").isdecimal():
            raise WeChatError("an answer without an amount")
        texts = (fields.get("act_name", ""), fields.get("wishing", ""), fields.get("remark", ""))
        return Sighting(
            STATES.get(fields.get("status", ""), "moving"),
            int(fields["total_amount"]),
            answer.receiver,
            fields.get("detail_id"),
            _told_time(fields.get("send_time", "")),
            texts,
        )


def _told_time(send_time: str) -> datetime | None:
    """`send_time` of an answer (of a question it has dashes and colons); None when it cannot be read."""
    try:
        return datetime.strptime(re.sub(r"[-: ]", "", send_time), "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI)
    except ValueError:
        return None
