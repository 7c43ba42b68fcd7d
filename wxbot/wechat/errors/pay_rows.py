"""Error codes of WeChat Pay v2: `pay` for the calls that move money, `query` for those that only ask.

`redpack` holds what a code means otherwise when the call names its receiver (sendredpack); the rest is as in `pay`.

Line: code, Chinese, English, who must act, may we repeat, does it stop the lane. Codes whose published spelling holds a
blank ("TIME _LIMITED") are listed without it.
"""

from __future__ import annotations

Line = tuple[str, str, str, str, str, bool]

_PAY: tuple[Line, ...] = (
    ("CA_ERROR", "商户 API 证书缺失或不正确，请更换证书后用原单号重试", "Client certificate missing or wrong; mend it, then repeat with the same number", "operator", "later", True),
    ("SIGN_ERROR", "签名错误，请检查 API 密钥，修正后用原单号重试", "Bad signature; check the API key, then repeat with the same number", "operator", "later", True),
    ("NO_AUTH", "没有接口权限、来源 IP 不在白名单，或请求被风控拦截，请在商户平台检查", "No permission, caller IP not allowed, or held back as risky; look in the merchant console", "operator", "later", True),
    ("FREQ_LIMIT", "请求太频繁，请放慢速度并用原单号重试", "Too fast; slow down and repeat with the same number", "nobody", "same", False),
    ("XML_ERROR", "请求的 XML 为空或格式错误，属于程序缺陷", "The request XML was empty or malformed: a fault in wxbot", "operator", "later", False),
    ("PARAM_ERROR", "请求参数不符合要求，请查看错误说明并核对活动文案与金额", "A parameter was refused; read the description and check texts and amount", "operator", "query", False),
    ("OPENID_ERROR", "openid 与公众号不匹配", "The openid does not belong to this appid", "operator", "query", False),
    ("NOTENOUGH", "商户账户余额不足，请充值，充值后系统用原单号继续", "Merchant balance too low; top up, the same numbers continue", "cashier", "later", True),
    ("FATAL_ERROR", "同一单号使用了不同的参数，属于程序缺陷，请人工处理", "The same number was repeated with other parameters: a fault in wxbot, settle by hand", "operator", "never", False),
    ("TIME_LIMITED", "北京时间 0:00-8:00 不发红包，8 点后用原单号继续", "Nothing is sent 00:00-08:00 Beijing time; the same numbers continue afterwards", "nobody", "later", True),
    ("SECOND_OVER_LIMITED", "超过每分钟 1800 个的限制，请放慢速度", "More than 1800 packets a minute; slow down", "nobody", "same", False),
    ("DAY_OVER_LIMITED", "超过商户每日发放个数上限，明天继续或申请提高额度", "The merchant's daily number of packets is used up; continue tomorrow or ask for more", "cashier", "later", True),
    ("MONEY_LIMIT", "红包金额超出允许的范围，请修改金额", "The amount is outside the allowed range; change it", "marketer", "query", False),
    ("SEND_FAILED", "该单号已发放失败，查询确认后可换单号", "This number has failed for good; after a query confirms it, a new number is allowed", "nobody", "new", False),
    ("SYSTEMERROR", "微信支付系统繁忙，结果未知，必须用原单号查询或重试", "WeChat Pay is busy and the outcome unknown; query or repeat with the same number only", "nobody", "same", False),
    ("PROCESSING", "微信支付处理中，请 20 分钟后查询，不要换单号", "Accepted and being worked on; query after 20 minutes, never change the number", "nobody", "query", False),
    ("SENDNUM_LIMIT", "该用户今日领取个数已达上限，明日用原单号再发或调高上限", "This person's packets for today are used up; the same number tomorrow, or raise the limit", "person", "later", False),
    ("RCVDAMOUNT_LIMIT", "该用户今日领取金额已达上限，明日再发或调高上限", "This person's amount for today is used up; tomorrow, or raise the limit", "person", "later", False),
    ("SENDAMOUNT_LIMIT", "商户今日付款额度已用完，明日继续或调高额度", "The merchant's payout for today is used up; tomorrow, or raise the limit", "cashier", "later", True),
    ("ILLEGAL_APPID", "使用了移动应用的 appid，请改用公众号的 appid", "The appid of an app was used; use the official account's", "operator", "never", True),
    ("MSGAPPID_ERROR", "msgappid 没有与商户绑定", "msgappid is not bound to the merchant", "operator", "never", True),
    ("ACCEPTMODE_ERROR", "服务商与子商户的关系不正确", "The relation of provider and sub-merchant is wrong", "operator", "never", True),
    ("API_METHOD_CLOSED", "商户关闭了接口发放，请管理员在商户平台开启", "Sending by API is switched off for the merchant; an administrator can switch it on", "cashier", "later", True),
    ("PAYER_ACCOUNT_ABNORMAL", "商户账户被处罚或冻结，请联系微信支付申诉", "The merchant account is punished or frozen; appeal to WeChat Pay", "cashier", "later", True),
    ("V2_ACCOUNT_SIMPLE_BAN", "收款用户未实名认证，请用户完成实名后再发", "The receiver has no verified real name; the person must verify first", "person", "later", False),
    ("IP_LIMIT", "来源 IP 不被允许，请在商户平台配置", "The caller's IP is not allowed; set it in the merchant console", "operator", "later", True),
    ("NOT_FOUND", "查不到该单号：可能仍在处理或从未到达，不等于失败", "The number is not found: still processing or never arrived, not a failure", "nobody", "query", False),
    ("268458547", "微信支付系统繁忙，结果未知，请用原单号重试", "WeChat Pay is busy; repeat with the same number", "nobody", "same", False),
)

_REDPACK: tuple[Line, ...] = (
    ("NO_AUTH", "微信判断该用户的账号有风险，暂不能领取；若所有人都这样，请在商户平台检查产品权限和来源 IP", "WeChat judged this person's account risky; if everyone gets it, check the product's permission and the caller's IP in the merchant console", "person", "later", False),
    ("OPENID_ERROR", "该 openid 不属于本公众号，请让用户重新绑定", "This openid does not belong to the official account; the person must bind again", "cashier", "query", False),
    ("MONEY_LIMIT", "金额超出该场景允许的范围（大于 200 元或小于 1 元须有 scene_id），请修改金额或场景", "The amount is outside the scene's range (above 200 or below 1 yuan needs a scene_id); change it", "cashier", "query", False),
)

_QUERY: tuple[Line, ...] = (
    ("CA_ERROR", "商户 API 证书缺失或不正确，无法查询", "Client certificate missing or wrong; cannot query", "operator", "later", True),
    ("SIGN_ERROR", "查询的签名错误，请检查 API 密钥", "Bad signature of the query; check the API key", "operator", "later", True),
    ("NO_AUTH", "没有查询权限或来源 IP 不被允许", "No permission to query, or caller IP not allowed", "operator", "later", True),
    ("NOT_FOUND", "查不到该单号：可能仍在处理或从未到达，过几分钟再查或用原单号重发", "Not found: still processing or never arrived; query again in minutes, or repeat the order with the same number", "nobody", "later", False),
    ("FREQ_LIMIT", "查询太频繁，请稍后再查", "Queries too fast; ask again later", "nobody", "later", False),
    ("XML_ERROR", "查询的 XML 格式错误，属于程序缺陷", "The query XML was malformed: a fault in wxbot", "operator", "never", False),
    ("PARAM_ERROR", "查询参数错误，请核对商户号与单号", "A query parameter was refused; check merchant number and order number", "operator", "never", False),
    ("SYSTEMERROR", "微信支付系统繁忙，请稍后再查", "WeChat Pay is busy; ask again later", "nobody", "later", False),
)

_BILL: tuple[Line, ...] = (
    ("NO_BILL_EXIST", "当日没有资金流水，没有账单", "No money moved on that day, so there is no bill", "nobody", "never", False),
    ("BILL_CREATING", "账单正在生成，请在次日 10 点以后下载", "The bill is being made; download it after 10:00 on the next day", "nobody", "later", False),
)

TABLES: tuple[tuple[str, str, tuple[Line, ...]], ...] = (
    ("pay", "wechat-protocol §1.2, §3.5", _PAY),
    ("redpack", "wechat-protocol §3.5", _REDPACK),
    ("query", "wechat-protocol §3.5b", _QUERY),
    ("query", "pay.weixin.qq.com v2 downloadfundflow", _BILL),
)
