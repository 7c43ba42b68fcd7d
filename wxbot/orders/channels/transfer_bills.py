"""The merchant transfer: a bill that its receiver confirms in WeChat within 24 hours (wechat-protocol §4)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from wxbot.money import yuan
from wxbot.orders.channels.base import PaymentRequest, ProviderStatus, SetupFault, Sighting, State
from wxbot.orders.models import Order
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.text import Text, listed
from wxbot.wechat import limits, pay_texts
from wxbot.wechat.errors import WeChatError
from wxbot.wechat.pay_v3 import TransferAnswer, transfer_params

V3_PAGE = "商户平台 → 账户中心 → API安全"
"""Where a merchant finds the keys of API v3."""

REPORTS_OF_MARKETING = frozenset({"活动名称", "奖励说明"})
"""The report items that scene 1000 (现金营销) asks for (wechat-protocol §4.2)."""

MARKETING = "1000"
SAMPLE_TEXTS = {"send_name": "店", "act_name": "活动", "wishing": "好", "remark": "奖励"}

OVERDUE = "OVERDUE_CLOSE"
"""fail_reason of a bill that nobody confirmed in time: its money has come back (§4.3)."""


STATES: dict[str, State] = {
    "WAIT_USER_CONFIRM": "placed",
    "SUCCESS": "received",
    "FAIL": "failed",
    "CANCELLED": "failed",
}
"""A bill's state → our word; every other state means that it is moving."""


def misfits(settings: Settings, texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(report item, what it would say) of those that have no content or more than WeChat takes, of a payment with these texts.

    An item that names a place that is not one of ours says nothing: `setup_faults` names it.
    """
    for name, pattern in settings.transfer_report_texts.items():
        try:
            said = pattern.format_map(texts)
        except (KeyError, ValueError, IndexError):
            said = ""
        if not 1 <= len(said) <= limits.TRANSFER_REPORT_CONTENT_CHARS:
            yield name, said


class TransferBills:
    """Creates one bill; WeChat calls back when it ended, and is asked all the same."""

    name = "transfer_bills"
    amounts_fen = (limits.TRANSFER_MIN_FEN, limits.TRANSFER_MAX_FEN)
    word = Text("商家转账", "transfer")
    version = "v3"
    stopped_word = Text("商家转账", "merchant transfers")
    life = timedelta(hours=24)
    api = query_api = "transfer"
    end_api = "transfer_reason"
    state_words: Mapping[str, tuple[Text, str]] = {  # §4.3
        "ACCEPTED": (Text("已受理", "accepted"), ""),
        "PROCESSING": (Text("处理中", "being worked on"), "wait"),
        "WAIT_USER_CONFIRM": (Text("等待收款人确认", "waits for the person to confirm"), ""),
        "TRANSFERING": (Text("转账中", "being transferred"), "wait"),
        "SUCCESS": (Text("已领取", "received"), "good"),
        "FAIL": (Text("转账失败", "failed"), "bad"),
        "CANCELING": (Text("撤回中", "being taken back"), "wait"),
        "CANCELLED": (Text("已撤回", "taken back"), "bad"),
    }
    stages = frozenset({"ACCEPTED", "PROCESSING", "WAIT_USER_CONFIRM", "TRANSFERING", "CANCELING"})  # §4.3
    can_cancel = True
    is_confirmed = True
    has_notice = True
    holding = "unclaimed"
    needs_secret = True
    is_billed_when_placed = False

    def rests_at_night(self, settings: Settings) -> bool:
        """WeChat Pay takes transfers at any hour: a setting of ours."""
        return settings.transfer_quiet_hours

    def setup_faults(self, settings: Settings) -> Sequence[SetupFault]:
        """The key of API v3, amounts without a real name, and the reports of the transfer's scene (§4.2)."""
        if not self.has_keys(settings):
            return [
                SetupFault(
                    Text(
                        "有付款要走商家转账，但没有设置 APIv3 密钥",
                        "something is paid by merchant transfer, but no APIv3 key is set",
                    ),
                    Text(
                        f"设置 WXBOT_API_V3_KEY({V3_PAGE} → APIv3密钥)", f"set WXBOT_API_V3_KEY ({V3_PAGE} → APIv3密钥)"
                    ),
                )
            ]
        if settings.payout_max_fen >= limits.TRANSFER_REAL_NAME_FROM_FEN:
            return [
                SetupFault(
                    Text(
                        f"商家转账单笔到 ¥{yuan(settings.payout_max_fen)}：2000 元起须提供收款人实名，wxbot 不提供",
                        f"transfers up to ¥{yuan(settings.payout_max_fen)}: from 2,000 yuan WeChat wants the real name, which wxbot does not send",
                    ),
                    Text("把 WXBOT_PAYOUT_MAX_FEN 调到 200000 以下", "set WXBOT_PAYOUT_MAX_FEN below 200000"),
                )
            ]
        example = "活动名称={act_name};奖励说明={remark}"
        mend = Text(
            f"设置 WXBOT_TRANSFER_REPORTS，例如 {example}", f"set WXBOT_TRANSFER_REPORTS, for example {example}"
        )
        try:
            filled = {name: text.format_map(SAMPLE_TEXTS) for name, text in settings.transfer_report_texts.items()}
        except (KeyError, ValueError, IndexError):
            return [
                SetupFault(
                    Text("转账报备信息里有不认识的占位", "a place in WXBOT_TRANSFER_REPORTS is not one of ours"), mend
                )
            ]
        wide = pay_texts.wide_character("".join(filled.values()))
        if wide:
            return [
                SetupFault(
                    Text(f"转账报备信息里不能有“{wide}”", f"the transfer scene's reports must not hold “{wide}”"), mend
                )
            ]
        missing = REPORTS_OF_MARKETING - filled.keys() if settings.transfer_scene_id == MARKETING else set()
        if missing or not all(filled.values()):
            said = listed(sorted(missing)) if missing else Text("内容", "their texts")
            return [
                SetupFault(
                    Text(f"转账场景报备信息缺少：{said.zh}", f"the transfer scene's reports lack {said.en}"), mend
                )
            ]
        return ()

    def has_keys(self, settings: Settings) -> bool:
        """API v3 has a key of its own, which a deployment without transfers does not need."""
        return bool(settings.api_v3_key.get_secret_value())

    def text_fault(self, field: str, text: str) -> pay_texts.TextFault | None:
        """A transfer carries our remark, and its report may quote the act's name, cut to what fits (§4.2)."""
        if field == "remark":
            return pay_texts.fault_of(self.name, "transfer_remark", text)
        if field == "act_name" and text:
            return pay_texts.fault_of(self.name, "info_content", text[: limits.TRANSFER_REPORT_CONTENT_CHARS])
        return None

    def freeze(self, settings: Settings, mch_billno: str, payment_request: PaymentRequest) -> dict[str, Any]:
        """The body of §4.2; the signature is made anew at each call."""
        if payment_request.openid is None:
            raise ValueError("a transfer needs the openid of its receiver")
        if not limits.TRANSFER_MIN_FEN <= payment_request.amount_fen < limits.TRANSFER_REAL_NAME_FROM_FEN:
            raise ValueError(
                "a transfer is from 0.1 yuan to below 2000 yuan: above, WeChat wants the receiver's real name"
            )
        reports = {
            name: text.format_map(payment_request.texts)[: limits.TRANSFER_REPORT_CONTENT_CHARS]
            for name, text in settings.transfer_report_texts.items()
        }
        return transfer_params(
            appid=settings.appid,
            out_bill_no=mch_billno,
            transfer_scene_id=settings.transfer_scene_id,
            openid=payment_request.openid,
            amount_fen=payment_request.amount_fen,
            remark=payment_request.texts["remark"],
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

    def parse_status(self, order: Order, answer: TransferAnswer, *, is_query: bool) -> ProviderStatus:
        """A bill's state in the words of all channels. A refused call says nothing about the bill (§4.3)."""
        if not answer.is_success:
            return ProviderStatus("refused", answer.code or f"HTTP_{answer.status}", raw=answer.raw)
        if answer.out_bill_no != order.mch_billno or answer.amount_fen not in (None, order.amount_fen):
            return ProviderStatus("unproven", raw=answer.raw)
        detail_id, openid = answer.transfer_bill_no or None, answer.openid or None
        match answer.state:
            case "WAIT_USER_CONFIRM":
                return ProviderStatus(
                    "placed",
                    detail_id=detail_id,
                    secret=answer.package_info or None,
                    placed_at=answer.create_time,
                    raw=answer.raw,
                )
            case "SUCCESS":
                return ProviderStatus("received", detail_id=detail_id, openid=openid, raw=answer.raw)
            case "FAIL" if answer.fail_reason == OVERDUE:
                return ProviderStatus("returned", OVERDUE, detail_id=detail_id, raw=answer.raw)
            case "FAIL":
                return ProviderStatus("failed", answer.fail_reason or "FAIL", detail_id=detail_id, raw=answer.raw)
            case "CANCELLED":
                return ProviderStatus("failed", "MCH_CANCEL", detail_id=detail_id, raw=answer.raw)
            case _:
                return ProviderStatus("moving", answer.state, detail_id=detail_id, raw=answer.raw)
