"""What WeChat Pay v3 says about merchant transfers, as data: codes, sentences, scenes, switches (wechat-protocol §4)."""

from __future__ import annotations

from typing import Any

from wxbot.simulator.ground import Switch

#: code → (HTTP status, sentence) of §4.6. What is not listed comes with HTTP 400.
V3_CODES: dict[str, tuple[int, str]] = {
    "PARAM_ERROR": (400, "参数错误"),
    "INVALID_REQUEST": (400, "请求不符合业务规则"),
    "SIGN_ERROR": (401, "签名错误"),
    "NO_AUTH": (403, "没有该接口权限，请确认是否已经开通相关权限"),
    "NOT_ENOUGH": (403, "资金不足"),
    "ACCOUNT_ERROR": (403, "商户账户异常"),
    "USER_ERROR": (403, "用户账户异常"),
    "NOT_FOUND": (404, "记录不存在"),
    "RESOURCE_NOT_EXISTS": (404, "无可用的平台证书，请使用微信支付公钥"),
    "FREQUENCY_LIMITED": (429, "频率超限"),
    "FREQUENCY_LIMIT_EXCEED": (429, "频率超限"),
    "SYSTEM_ERROR": (500, "系统异常，请稍后重试"),
}

#: Scene → its report infos, each exactly once, and the texts a person may see (§4.2). None: the reference does not say.
SCENES: dict[str, tuple[frozenset[str], frozenset[str]] | None] = {
    "1000": (frozenset({"活动名称", "奖励说明"}), frozenset({"现金奖励", "活动奖励"})),
    "1002": None,
    "1004": None,
    "1005": (frozenset({"岗位类型", "报酬说明"}), frozenset()),
    "1006": None,
    "1009": None,
    "1010": None,
    "1011": None,
    "1013": None,
}
DEFAULT_PERCEPTION = "活动奖励"

#: What the phone says when a transfer cannot be received (§4.7).
WRONG_PERSON = "当前微信账号与商户指定的收款微信账号不一致"
SHEET_TEXTS = {
    "SUCCESS": "你已收款",
    "TRANSFERING": "正在处理，请稍后查看零钱",
    "FAIL": "转账已失败，无法收款",
    "CANCELING": "商户已撤销这笔转账",
    "CANCELLED": "商户已撤销这笔转账",
    "OVERDUE_CLOSE": "超过24小时未收款，转账已关闭",
}

#: Numbers the platform imposes on transfers (§4.1, §4.5); PUT /_sim/bank/limits changes them. Fen; calls a second.
TRANSFER_LIMITS: dict[str, int] = {
    "transfer_min_fen": 10,
    "transfer_max_fen": 20_000,
    "transfer_user_fen_per_day": 200_000,
    "transfer_user_count_per_day": 100,
    "transfer_fen_per_day": 5_000_000,
    "transfer_per_second": 100,
    "transfer_query_per_second": 100,
    "transfer_cancel_per_second": 20,
    "transfer_hours": 24,
    "transfer_password_hours": 24,
}

TRANSFER_SWITCHES = (
    Switch("v3_sign_with", "v3 replies and callbacks: by_request, public_key or certificate.", "by_request", "§4.9"),
    Switch(
        "v3_serial_required",
        "Every new transfer without Wechatpay-Serial is refused; off: only one with user_name, which is sealed.",
        False,
        "§4.2, appendix B",
    ),
    Switch(
        "v3_clock",
        "Whose clock a request may follow, and its answer with it: either, simulated or real. Callbacks: the simulated.",
        "either",
        "§4.9",
    ),
    Switch("v3_wrong_signature", "v3 replies carry a signature that does not fit.", False, "§4.9"),
    Switch("v3_certificates_given", "GET /v3/certificates lists one; off: 404, the public key only.", True, "§4.9"),
    Switch("transfer_opened", "The merchant has the product; off: 403 NO_AUTH.", True, "§4.6"),
    Switch("transfer_scenes", "Scenes the merchant has, with commas; others: INVALID_REQUEST.", "1000", "§4.1"),
    Switch("transfer_repeat_package", "The same create again carries package_info again.", True, "§4.4"),
    Switch(
        "transfer_short_waits", "A short balance waits in PROCESSING for a top-up; off: 403 NOT_ENOUGH.", False, "§4.3"
    ),
    Switch(
        "transfer_password_asked",
        "A new transfer waits in PROCESSING until the merchant's staff type their password (验密).",
        False,
        "§4.1",
    ),
    Switch(
        "transfer_close_says",
        "What requestMerchantTransfer answers when its page is closed first: cancel or close.",
        "cancel",
        "§4.7",
    ),
    Switch("transfer_accepted_s", "Seconds in ACCEPTED.", 0, "§4.3"),
    Switch("transfer_processing_s", "Seconds in PROCESSING before the money is locked.", 0, "§4.3"),
    Switch("transfer_transfering_s", "Seconds in TRANSFERING after the person confirmed.", 0, "§4.3"),
    Switch("transfer_canceling_s", "Seconds in CANCELING; 0: the next look says CANCELLED.", 0, "§4.5"),
    Switch("transfer_overdue_lag_s", "Seconds that the closing lags behind the 24 hours.", 0, "§4.1"),
    Switch(
        "transfer_fails_with",
        "A fail_reason (the set is open): transfers fail with it; empty: they do not.",
        "",
        "§4.6",
    ),
    Switch("transfer_fails_late", "They fail in TRANSFERING; off: already in PROCESSING.", False, "§4.3"),
    Switch(
        "transfer_page_checked",
        "requestMerchantTransfer works on a JS secure domain of the account only.",
        True,
        "§4.7",
    ),
    Switch("transfer_plain_notify", "notify_url may be http on loopback and on the account's domains.", True, "§4.2"),
    Switch("transfer_notify_gap_s", "Seconds between the first ten repetitions of a callback.", 15, "§4.10"),
    Switch("transfer_notify_delay_s", "Seconds before the first callback of a bill.", 0, "§4.10"),
    Switch("transfer_notify_copies", "Callbacks of each bill sent once more, so many times.", 0, "§4.10"),
    Switch("transfer_notify_probed", "A callback with a WECHATPAY/SIGNTEST/ signature goes first.", False, "§4.9"),
    Switch("transfer_notify_lost", "Callbacks of transfers never leave.", False, "§4.10"),
)


class TransferRefusal(Exception):
    """A refusal of the v3 API: `code` as on the wire, `text` its message, `detail` what the body may add (§4.6)."""

    def __init__(self, code: str, text: str = "", detail: dict[str, Any] | None = None) -> None:
        self.code = code
        self.text = text or V3_CODES.get(code, (400, code))[1]
        self.detail = detail
        super().__init__(f"{code}: {self.text}")

    @property
    def status(self) -> int:
        """The HTTP status it comes with."""
        return V3_CODES.get(self.code, (400, ""))[0]
