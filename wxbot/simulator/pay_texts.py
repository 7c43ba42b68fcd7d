"""What WeChat Pay says, as data: err_code → the Chinese sentence of err_code_des (wechat-protocol §1.2, §3.5, §3.5b)."""

from __future__ import annotations

PAY_TEXTS: dict[str, str] = {
    "SUCCESS": "发放成功",
    "CA_ERROR": "证书有误，请检查证书是否正确",
    "SIGN_ERROR": "签名错误",
    "NO_AUTH": "没有该接口权限，请核实后再试",
    "FREQ_LIMIT": "超过频率限制，请稍后再试",
    "XML_ERROR": "请求的 xml 格式错误，或者 post 的数据为空",
    "PARAM_ERROR": "参数错误",
    "OPENID_ERROR": "openid 与 appid 不匹配",
    "NOTENOUGH": "帐号余额不足，请到商户平台充值后再重试",
    "FATAL_ERROR": "同一单号的请求参数不一致，请核对后再试",
    "TIME_LIMITED": "企业红包的发送时间受到限制",
    "SECOND_OVER_LIMITED": "企业红包的按分钟发放受限",
    "DAY_OVER_LIMITED": "企业红包的按天日发放受限",
    "MONEY_LIMIT": "红包金额发放限制",
    "SEND_FAILED": "红包发放失败，请更换单号再重试",
    "SYSTEMERROR": "系统繁忙，请稍后再试",
    "PROCESSING": "请求已受理，请稍后使用原单号查询发放结果",
    "NOT_FOUND": "指定单号数据不存在",
    "SENDNUM_LIMIT": "该用户今日领取红包个数超过限制",
    "RCVDAMOUNT_LIMIT": "该用户今日领取金额超过限制",
    "SENDAMOUNT_LIMIT": "商户号今日发放金额超过限制",
    "ILLEGAL_APPID": "非法的 appid，请使用公众号的 appid",
    "MSGAPPID_ERROR": "触达消息的 appid 与商户号没有绑定关系",
    "ACCEPTMODE_ERROR": "服务商与子商户的受理关系不正确",
    "API_METHOD_CLOSED": "商户的 API 发放方式已关闭，请管理员开启",
    "PAYER_ACCOUNT_ABNORMAL": "商户号状态异常，暂不能发放",
    "V2_ACCOUNT_SIMPLE_BAN": "该用户未实名，无法收款",
    "NO_BILL_EXIST": "账单不存在",
}


class PayRefusal(Exception):
    """A business refusal of WeChat Pay: `err_code` as on the wire, `text` is err_code_des."""

    def __init__(self, err_code: str, text: str | None = None) -> None:
        self.err_code = err_code
        self.text = text or PAY_TEXTS.get(err_code, err_code)
        super().__init__(f"{err_code}: {self.text}")
