"""DOOR api.mch.weixin.qq.com (HTTPS): hbpreorder, gethbinfo and the daily fund bill (wechat-protocol §1.2, §3.5b, §3.6, §8.7)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Container

from wxbot.simulator import wire
from wxbot.simulator.door import Door, Reply, Request, Route, View, hints, xml_reply
from wxbot.simulator.pay_fields import (
    BILL_FIELDS,
    PREORDER_FIELDS,
    QUERY_FIELDS,
    BadXml,
    check_fields,
    check_preorder,
    plain_element,
    read_xml,
    write_xml,
)
from wxbot.simulator.pay_orders import WIRE_STATUS, PayOrder, beijing
from wxbot.simulator.pay_texts import PAY_TEXTS, PayRefusal
from wxbot.simulator.world import World

QUERY_DAYS = 30  # §3.5b: only packets of the last 30 days

#: What a refusal still repeats of the request (§3.2, §8.7).
ECHOES = ("mch_billno", "mch_id", "wxappid", "re_openid", "total_amount")

Rule = Callable[[World, dict[str, str]], Reply]
Sign = Callable[[dict[str, str], str], str]


def hmac_sign(params: dict[str, str], key: str) -> str:
    """HMAC-SHA256 of the same text as MD5, upper case (§3.6): the fund bill wants this one."""
    return hmac.new(key.encode(), wire.v2_text(params, key).encode(), hashlib.sha256).hexdigest().upper()


def fail_transport(text: str, err_code: str = "", hint: str = "") -> Reply:
    """return_code FAIL: the request was not understood (§8.7). A missing certificate also carries its code (§3.7).

    `hint` tells the programmer what WeChat would not.
    """
    fields: dict[str, str | int] = {"return_code": "FAIL", "return_msg": text}
    if err_code:
        fields |= {"result_code": "FAIL", "err_code": err_code, "err_code_des": text}
    reply = xml_reply(write_xml(fields))
    reply.headers += hints(hint)
    return reply


def fail_business(refusal: PayRefusal, sent: dict[str, str]) -> Reply:
    """return_code SUCCESS, result_code FAIL, the texts the same twice, the request echoed (§3.2, §8.7)."""
    fields: dict[str, str | int] = {"return_code": "SUCCESS", "return_msg": refusal.text, "result_code": "FAIL"}
    fields |= {"err_code": refusal.err_code, "err_code_des": refusal.text}
    return xml_reply(write_xml(fields | {name: sent[name] for name in ECHOES if name in sent}))


def refuse(world: World, request: Request, err_code: str) -> Reply:
    """The refusal of a named fault. A numeric code comes with return_code FAIL, as in the published sample (§1.2)."""
    text = PAY_TEXTS.get(err_code, "系统繁忙，请稍后再试")
    if err_code == "SIGN_ERROR":
        return fail_transport(text)
    if err_code.isdigit() or err_code in ("CA_ERROR", "XML_ERROR"):
        return fail_transport(text, err_code)
    try:
        sent = read_xml(request.body)
    except BadXml:
        sent = {}
    return fail_business(PayRefusal(err_code), sent)


def pay_post(rule: Rule, fields: Container[str], sign: Sign = wire.v2_sign) -> View:
    """A view for one pay call: certificate, XML, merchant, signature, then the rule (§3.6, §3.7).

    WeChat signs the `fields` that the call has and nothing else: one more, signed or not, and the signature is wrong.
    """

    def view(world: World, request: Request) -> Reply:
        if not request.has_client_certificate:
            return fail_transport(PAY_TEXTS["CA_ERROR"], "CA_ERROR")
        try:
            sent = read_xml(request.body)
        except BadXml:
            return fail_transport(PAY_TEXTS["XML_ERROR"])
        extra = [name for name, value in sent.items() if value and name not in fields]
        if extra:
            return fail_transport(PAY_TEXTS["SIGN_ERROR"], hint=f"{', '.join(extra)}: this call has no such field")
        signed = {name: value for name, value in sent.items() if name != "sign"}
        if not hmac.compare_digest(sent.get("sign", "").encode(), sign(signed, world.account.pay_key).encode()):
            return fail_transport(PAY_TEXTS["SIGN_ERROR"])
        try:
            if world.account.pay_ips and request.remote not in world.account.pay_ips:
                raise PayRefusal("NO_AUTH", "此 IP 地址不允许调用该接口")  # §3.1
            return rule(world, sent)
        except PayRefusal as refusal:
            return fail_business(refusal, sent)

    view.__doc__ = rule.__doc__
    return view


def succeed(world: World, fields: dict[str, str | int], nested: str = "") -> Reply:
    """A success reply, signed when the switch says so; a nested list never enters the signature (§3.5b)."""
    if world.switches["reply_carries_sign"]:
        texts = {name: str(value) for name, value in fields.items()}
        fields = fields | {"sign": wire.v2_sign(texts, world.account.pay_key)}
    return xml_reply(write_xml(fields, nested))


def hbpreorder(world: World, sent: dict[str, str]) -> Reply:
    """Pre-order one packet: freezes the money, gives sp_ticket; the same number gives the same ticket again (§1.2)."""
    check_preorder(sent, world.ground)
    frozen = {name: value for name, value in sent.items() if name not in ("nonce_str", "sign")}
    order = world.bank.preorder(frozen, world.clock.now())
    reply: dict[str, str | int] = {
        "return_code": "SUCCESS",
        "return_msg": PAY_TEXTS["SUCCESS"],
        "result_code": "SUCCESS",
        "err_code": "0",
        "err_code_des": PAY_TEXTS["SUCCESS"],
        "mch_billno": order.mch_billno,
        "mch_id": order.params["mch_id"],
        "wxappid": order.params["wxappid"],
        "sp_ticket": order.sp_ticket,
        "total_amount": order.amount_fen,
        "detail_id": order.detail_id,
        "send_time": beijing(order.created_at, "%Y%m%d%H%M%S"),
    }
    return succeed(world, reply)


def gethbinfo(world: World, sent: dict[str, str]) -> Reply:
    """What became of one order of the last 30 days; NOT_FOUND is not a failure (§3.5b)."""
    check_fields(sent, QUERY_FIELDS, world.ground)
    if sent["bill_type"] != "MCHT":
        raise PayRefusal("PARAM_ERROR", "参数错误：bill_type 只能为 MCHT")
    if sent["appid"] != world.account.appid:
        raise PayRefusal("PARAM_ERROR", "参数错误：商户号和 appid 不匹配")
    order = world.bank.orders.get(sent["mch_billno"])
    age_s = world.clock.now() - order.created_at if order else 0.0
    if order is None or age_s > QUERY_DAYS * 86400 or age_s < world.switches["query_lag_s"]:
        raise PayRefusal("NOT_FOUND")
    reply: dict[str, str | int] = {"return_code": "SUCCESS", "return_msg": "OK", "result_code": "SUCCESS"}
    reply |= {"err_code": "SUCCESS", "err_code_des": "OK", "mch_billno": order.mch_billno, "mch_id": sent["mch_id"]}
    reply |= {"detail_id": order.detail_id, "status": WIRE_STATUS[order.status], "send_type": "API"}
    reply |= {"hb_type": order.hb_type, "total_num": order.total_num, "total_amount": order.amount_fen}
    if order.reason:
        reply["reason"] = order.reason
    reply["send_time"] = beijing(order.created_at, "%Y-%m-%d %H:%M:%S")
    if order.refunded_at and order.status != "failed":
        reply["refund_time"] = beijing(order.refunded_at, "%Y-%m-%d %H:%M:%S")
        reply["refund_amount"] = order.refunded_fen
    reply |= {name: order.params[name] for name in ("wishing", "remark", "act_name")}
    return succeed(world, reply, receipts_xml(order))


def receipts_xml(order: PayOrder) -> str:
    """`hblist`, one `hbinfo` for each person who received; absent while nobody has (§3.5b)."""
    rows = "".join(
        "<hbinfo>"
        + plain_element("openid", receipt["openid"])
        + plain_element("amount", receipt["amount_fen"])
        + plain_element("rcv_time", beijing(receipt["at"], "%Y-%m-%d %H:%M:%S"))
        + "</hbinfo>"
        for receipt in order.receipts
    )
    return f"<hblist>{rows}</hblist>" if rows else ""


#: Words of the fund bill for each kind of flow: business, direction, applicant.
BILL_WORDS = {
    "topup": ("充值", "收入", "商户"),
    "order": ("现金红包发放", "支出", "API"),
    "return": ("现金红包退款", "收入", "系统"),
    "fail": ("现金红包发放失败退回", "收入", "系统"),
    "transfer": ("商家转账", "支出", "API"),
    "transfer_return": ("商家转账退回", "收入", "系统"),
}
BILL_HEAD = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号"


def yuan(amount_fen: int) -> str:
    """Fen as the bill writes them, without a sign."""
    return f"{abs(amount_fen) // 100}.{abs(amount_fen) % 100:02d}"


def downloadfundflow(world: World, sent: dict[str, str]) -> Reply:
    """The fund bill of one past Beijing day as text, each value behind a back-tick. Not in the reference: ours, alike."""
    check_fields(sent, BILL_FIELDS, world.ground)
    if sent["sign_type"] != "HMAC-SHA256" or sent["account_type"] != "Basic":
        raise PayRefusal("PARAM_ERROR", "参数错误：sign_type 须为 HMAC-SHA256，account_type 须为 Basic")
    today = beijing(world.clock.now(), "%Y%m%d")
    is_early = sent["bill_date"] == today and not world.switches["bill_same_day"]
    if not re.fullmatch(r"\d{8}", sent["bill_date"]) or sent["bill_date"] > today or is_early:
        raise PayRefusal("NO_BILL_EXIST")
    return Reply(bill_text(world, sent["bill_date"]).encode(), "text/plain; charset=utf-8")


def bill_text(world: World, day: str) -> str:
    """The fund bill of `YYYYMMDD`: a head, the flows in order, a summary."""
    lines = [BILL_HEAD]
    counts = {"收入": [0, 0], "支出": [0, 0]}
    for number, flow in enumerate(world.bank.bill(day), 1):
        business, direction, applicant = BILL_WORDS[flow["kind"]]
        if flow["amount_fen"] < 0:
            direction = "支出"
        counts[direction][0] += 1
        counts[direction][1] += abs(flow["amount_fen"])
        at = beijing(flow["at"], "%Y-%m-%d %H:%M:%S")
        values: tuple[str, ...] = (at, flow["detail_id"], f"{day}{number:08d}", business, business, direction)
        values += (yuan(flow["amount_fen"]), yuan(flow["balance_fen"]), applicant, "", flow["mch_billno"])
        lines.append(",".join(f"`{value}" for value in values))
    lines.append("资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额")
    income, outgo = counts["收入"], counts["支出"]
    summary = (income[0] + outgo[0], income[0], yuan(income[1]), outgo[0], yuan(outgo[1]))
    lines.append(",".join(f"`{value}" for value in summary))
    return "\r\n".join(lines) + "\r\n"


ROUTES: tuple[Route, ...] = (
    ("POST", "/mmpaymkttransfers/hbpreorder", pay_post(hbpreorder, PREORDER_FIELDS)),
    ("POST", "/mmpaymkttransfers/gethbinfo", pay_post(gethbinfo, QUERY_FIELDS)),
    ("POST", "/pay/downloadfundflow", pay_post(downloadfundflow, BILL_FIELDS, hmac_sign)),
)


def wrong_method(world: World, request: Request, allowed: str) -> Reply:
    """Only POST is spoken here."""
    return fail_transport(PAY_TEXTS["XML_ERROR"])


def no_such_path(hint: str) -> Reply:
    """A v2 call that is not simulated: XML, as everything of v2."""
    return fail_transport(hint, hint=hint)


DOOR = Door("api.mch.weixin.qq.com", ROUTES, refuse=refuse, wrong_method=wrong_method)
