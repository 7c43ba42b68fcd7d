"""What the person who waits for money is told about a refusal: what it means for them, and what they can do.

A sentence never blames, never names a code, and promises nothing that wxbot does not do by itself. Codes without words of
their own say who acts. Line: API families, codes, Chinese, English.
"""

from __future__ import annotations

Words = tuple[str, str]
_Line = tuple[str, str, str, str]

BY_ACTOR: dict[str, Words] = {
    "nobody": ("微信正在处理，系统会自动继续，请不用重复申请。", "WeChat is working on it; it goes on by itself, please do not ask again."),
    "person": ("微信现在不能把这笔钱发给您，请检查您的微信支付账户，或联系我们。", "WeChat cannot send you this money now; please check your WeChat Pay account, or contact us."),
    "marketer": ("发放遇到问题，工作人员会处理，请耐心等待。", "Something is wrong with this payment; our staff will see to it, please wait."),
    "cashier": ("发放遇到问题，工作人员会处理，请耐心等待。", "Something is wrong with this payment; our staff will see to it, please wait."),
    "operator": ("发放遇到问题，工作人员会处理，请耐心等待。", "Something is wrong with this payment; our staff will see to it, please wait."),
}
"""Who must act → words for a code that has none of its own."""

_PACKETS = "pay redpack"
_TRANSFERS = "transfer transfer_reason"
_ALL = f"{_PACKETS} {_TRANSFERS}"

_LINES: tuple[_Line, ...] = (
    ("redpack", "NO_AUTH", "微信判断您的账号暂不能领取红包。请使用常用并已实名的微信，系统会再试；仍收不到请联系我们。", "WeChat holds that your account cannot receive red packets for now. Please use the WeChat account you use every day, with your real name verified; we try again. Contact us if nothing arrives."),
    (_PACKETS, "V2_ACCOUNT_SIMPLE_BAN", "您的微信还没有实名认证。请在“我 → 服务 → 钱包 → 身份信息”完成实名，之后系统会自动再发。", "Your WeChat has no verified real name. Verify it under Me → Services → Wallet; we then send again by ourselves."),
    ("transfer_reason", "REAL_NAME_CHECK_FAIL", "您的微信还没有实名认证，这一笔没有发成功。请在“我 → 服务 → 钱包 → 身份信息”完成实名后联系我们。", "Your WeChat has no verified real name, so this payment failed. Verify it under Me → Services → Wallet, then contact us."),
    (_PACKETS, "SENDNUM_LIMIT", "您今天领取的红包个数已达微信的上限，明天会自动再发。", "You have received as many red packets today as WeChat allows; it is sent again tomorrow."),
    (_PACKETS, "RCVDAMOUNT_LIMIT", "您今天领取的红包金额已达微信的上限，明天会自动再发。", "You have received as much today as WeChat allows; it is sent again tomorrow."),
    ("transfer_reason", "DAY_RECEIVED_COUNT_EXCEED DAY_RECEIVED_QUOTA_EXCEED", "您今天的收款已达微信的上限，这一笔没有发成功，请明天联系我们再发。", "You have received as much today as WeChat allows, so this payment failed; contact us tomorrow to have it sent again."),
    ("transfer_reason", "BLOCK_B2C_USERLIMITAMOUNT_MONTH BLOCK_B2C_USERLIMITAMOUNT_BSRULE_MONTH", "您本月的收款已达微信的上限，这一笔没有发成功，请下月联系我们再发。", "You have received as much this month as WeChat allows, so this payment failed; contact us next month."),
    ("transfer_reason", "REALNAME_ACCOUNT_RECEIVED_QUOTA_EXCEED", "您的微信支付账户收款额度已用完，这一笔没有发成功。请在微信里提升额度后联系我们。", "Your WeChat Pay account can receive no more, so this payment failed. Raise its quota in WeChat, then contact us."),
    (_PACKETS, "TIME_LIMITED", "微信在夜间 0 点到 8 点不发红包，早上 8 点后会自动发出。", "WeChat sends no red packets between midnight and 8 in the morning; yours leaves after 8."),
    (_PACKETS, "DAY_OVER_LIMITED SENDAMOUNT_LIMIT", "今天的发放额度已用完，额度恢复后会自动继续，请耐心等待。", "Today's allowance is used up; it goes on by itself once there is more. Please wait."),
    (_ALL, "NOTENOUGH NOT_ENOUGH", "发放账户正在补充资金，补充后会自动继续，您不用做什么。", "The paying account is being topped up; then it goes on by itself, you need do nothing."),
    ("transfer_reason", "BUDGET_NOT_ENOUGH TRANSFER_QUOTA_EXCEED PAYER_ACCOUNT_ABNORMAL", "这一笔没有发成功，不是您的问题，工作人员会处理。", "This payment failed through no fault of yours; our staff will see to it."),
    (_PACKETS, "PROCESSING", "微信已受理，一般 20 分钟内有结果，请不用重复申请。", "WeChat has accepted it and usually decides within 20 minutes; please do not ask again."),
    (_PACKETS, "SEND_FAILED", "这一笔没有发成功，不是您的问题，工作人员核实后会处理。", "This payment failed through no fault of yours; our staff will check and see to it."),
    (_ALL, "OPENID_ERROR OPENID_INVALID", "您的微信与本公众号对不上，请在公众号里发消息联系我们。", "Your WeChat does not match this official account; please send us a message there."),
    (_TRANSFERS, "USER_ERROR ACCOUNT_FROZEN ACCOUNT_NOT_EXIST PAYEE_ACCOUNT_ABNORMAL", "您的微信支付账户现在不能收款。请在微信“我 → 服务 → 钱包”里查看原因，恢复后联系我们。", "Your WeChat Pay account cannot receive money now. See why under Me → Services → Wallet, and contact us once it works again."),
    ("transfer_reason", "BANK_CARD_ACCOUNT_ABNORMAL BANK_CARD_BANK_INFO_WRONG BANK_CARD_CARD_INFO_WRONG BANK_CARD_COLLECTIONS_ABOVE_QUOTA BANK_CARD_PARAM_ERROR BANK_CARD_STATUS_ABNORMAL", "您选择的银行卡不能收款，这一笔没有发成功。请换一张卡或改收到零钱，然后联系我们。", "The bank card you chose cannot receive money, so this payment failed. Choose another card or your balance, then contact us."),
    ("transfer_reason", "RECEIVE_ACCOUNT_NOT_CONFIGURE", "您还没有设置收款账户，这一笔没有发成功。请在微信里设置后联系我们。", "You have set no account to receive money, so this payment failed. Set one in WeChat, then contact us."),
    ("transfer_reason", "NAME_NOT_CORRECT ID_CARD_NOT_CORRECT", "登记的姓名或证件与您的微信实名不一致，这一笔没有发成功，请联系我们更正。", "The name or identity we hold differs from the one in WeChat, so this payment failed; please contact us to correct it."),
    ("transfer_reason", "OVERDUE_CLOSE", "您没有在 24 小时内确认收款，这笔钱已退回。如需再发，请联系我们。", "You did not confirm within 24 hours, so the money went back. Contact us to have it sent again."),
    ("transfer_reason", "MCH_CANCEL MERCHANT_REJECT MERCHANT_NOT_CONFIRM", "这一笔已由我们撤回，没有发出；如有疑问请联系我们。", "We have taken this payment back, it was not sent; contact us if you have questions."),
    ("transfer_reason", "TRANSFER_RISK", "微信判断这一笔暂不能发给您。请使用常用并已实名的微信，并联系我们。", "WeChat held this payment back. Please use the WeChat account you use every day, and contact us."),
)


def _load() -> dict[tuple[str, str], Words]:
    words: dict[tuple[str, str], Words] = {}
    for apis, codes, zh, en in _LINES:
        words |= {(api, code): (zh, en) for api in apis.split() for code in codes.split()}
    return words


WORDS: dict[tuple[str, str], Words] = _load()
"""(API family, code) → words of its own."""
