"""Error codes of the v3 merchant transfer (`transfer`) and the reasons of a failed bill (`transfer_reason`).

Line: code, Chinese, English, who must act, may we repeat, does it stop the lane.
"""

from __future__ import annotations

Line = tuple[str, str, str, str, str, bool]

_TRANSFER: tuple[Line, ...] = (
    ("PARAM_ERROR", "参数错误或缺失；单据的参数不会再变，请核对文案、场景与金额的设置", "A field is wrong or missing; a bill's fields never change, check the settings of texts, scene and amount", "operator", "query", False),
    ("INVALID_REQUEST", "请求不符合业务规则（场景、限额、IP 或单号内容不一致）", "Refused by a business rule: scene, limit, IP, or a number reused with other content", "operator", "query", False),
    ("SIGN_ERROR", "签名、证书序列号或时间戳错误", "Signature, serial number or clock is wrong", "operator", "later", True),
    ("NO_AUTH", "商家转账产品未开通", "The product is not opened for this merchant", "operator", "never", True),
    ("NOT_ENOUGH", "商户余额不足，充值后用原单号重试", "Balance too low; top up, same number", "cashier", "later", True),
    ("ACCOUNT_ERROR", "商户账户异常", "The merchant account is abnormal", "cashier", "query", True),
    ("USER_ERROR", "用户账户异常", "The person's account is abnormal", "person", "query", False),
    ("NOT_FOUND", "记录不存在：不等于失败，用原单号再次发起", "No such bill: not a failure, repeat with the same number", "nobody", "same", False),
    ("FREQUENCY_LIMITED", "请求太频繁，请求未受理，请放慢速度", "Too fast, not accepted; slow down", "nobody", "same", False),
    ("FREQUENCY_LIMIT_EXCEED", "请求太频繁，请求未受理，请放慢速度", "Too fast, not accepted; slow down", "nobody", "same", False),
    ("SYSTEM_ERROR", "系统错误，结果未知，用原单号和原参数重试", "Unclear outcome; same number and parameters", "nobody", "same", False),
)

_REASON: tuple[Line, ...] = (
    ("ACCOUNT_FROZEN", "用户账户被冻结", "The person's account is frozen", "person", "new", False),
    ("ACCOUNT_NOT_EXIST", "用户账户不存在", "The person's account does not exist", "person", "new", False),
    ("BANK_CARD_ACCOUNT_ABNORMAL", "银行卡账户异常", "The bank card's account is abnormal", "person", "new", False),
    ("BANK_CARD_BANK_INFO_WRONG", "开户行信息有误", "The card's bank details are wrong", "person", "new", False),
    ("BANK_CARD_CARD_INFO_WRONG", "银行卡信息有误", "The card details are wrong", "person", "new", False),
    ("BANK_CARD_COLLECTIONS_ABOVE_QUOTA", "银行卡收款超限", "The card's receiving quota is used up", "person", "new", False),
    ("BANK_CARD_PARAM_ERROR", "收款卡参数错误", "A card parameter is wrong", "person", "new", False),
    ("BANK_CARD_STATUS_ABNORMAL", "银行卡状态异常", "The card's status is abnormal", "person", "new", False),
    ("BLOCK_B2C_USERLIMITAMOUNT_MONTH", "用户本月收款达到限额", "The person's monthly limit is reached", "person", "new", False),
    ("BLOCK_B2C_USERLIMITAMOUNT_BSRULE_MONTH", "用户本月收款达到规则限额", "The person's monthly rule limit is reached", "person", "new", False),
    ("BUDGET_NOT_ENOUGH", "预算不足", "The budget is too low", "cashier", "new", True),
    ("DAY_RECEIVED_COUNT_EXCEED", "用户今日收款次数超限", "The person's number of receipts for today is used up", "person", "new", False),
    ("DAY_RECEIVED_QUOTA_EXCEED", "用户今日收款额度超限", "The person's amount for today is used up", "person", "new", False),
    ("EXCEEDED_ESTIMATED_AMOUNT", "超出预估金额", "Above the estimated amount", "operator", "new", False),
    ("ID_CARD_NOT_CORRECT", "身份证校验不通过", "The identity card does not match", "person", "new", False),
    ("MCH_CANCEL", "商户撤销了转账", "The merchant cancelled", "nobody", "new", False),
    ("MERCHANT_REJECT", "商户驳回了转账", "The merchant rejected", "nobody", "new", False),
    ("MERCHANT_NOT_CONFIRM", "商户未确认转账", "The merchant did not confirm", "cashier", "new", False),
    ("NAME_NOT_CORRECT", "收款人姓名校验不通过", "The receiver's name does not match", "person", "new", False),
    ("OPENID_INVALID", "openid 无效", "The openid is invalid", "operator", "new", False),
    ("OTHER_FAIL_REASON_TYPE", "其他失败原因", "Some other reason", "operator", "new", False),
    ("OVERDUE_CLOSE", "用户超过 24 小时未确认，转账已关闭", "The person did not confirm in 24 hours", "person", "new", False),
    ("PAYEE_ACCOUNT_ABNORMAL", "用户账户收款异常", "The receiver's account is abnormal", "person", "new", False),
    ("PAYER_ACCOUNT_ABNORMAL", "商户账户付款受限", "The merchant's account is restricted", "cashier", "new", True),
    ("PRODUCT_AUTH_CHECK_FAIL", "产品权限校验失败", "The product permission check failed", "operator", "new", True),
    ("REALNAME_ACCOUNT_RECEIVED_QUOTA_EXCEED", "用户账户收款额度受限", "The real-name account's quota is used up", "person", "new", False),
    ("REAL_NAME_CHECK_FAIL", "用户未实名认证", "The person has no verified real name", "person", "new", False),
    ("RECEIVE_ACCOUNT_NOT_CONFIGURE", "用户未设置收款账户", "The person has set no receiving account", "person", "new", False),
    ("RELATED_ORDER_TRANSFER_AMOUNT_EXCEED", "关联订单转账金额超限", "The related order's amount is exceeded", "operator", "new", False),
    ("RELATED_ORDER_TRANSFER_COUNT_EXCEED", "关联订单转账次数超限", "The related order's number is exceeded", "operator", "new", False),
    ("RESERVATION_INFO_NOT_MATCH", "预约信息不匹配", "The reservation does not match", "operator", "new", False),
    ("RESERVATION_SCENE_NOT_MATCH", "预约场景不匹配", "The reservation's scene does not match", "operator", "new", False),
    ("RESERVATION_STATE_INVALID", "预约状态无效", "The reservation's state is invalid", "operator", "new", False),
    ("TRANSFER_QUOTA_EXCEED", "超出转账额度", "The transfer quota is used up", "cashier", "new", True),
    ("TRANSFER_REMARK_SET_FAIL", "转账备注设置失败", "Setting the remark failed", "marketer", "new", False),
    ("TRANSFER_RISK", "转账存在风险", "The transfer was judged risky", "operator", "new", False),
    ("TRANSFER_SCENE_INVALID", "转账场景无效", "The transfer scene is invalid", "operator", "new", True),
    ("TRANSFER_SCENE_UNAVAILABLE", "转账场景不可用", "The transfer scene is not available", "operator", "new", True),
)

TABLES: tuple[tuple[str, str, tuple[Line, ...]], ...] = (
    ("transfer", "wechat-protocol §4.6", _TRANSFER),
    ("transfer_reason", "wechat-protocol §4.6", _REASON),
)
