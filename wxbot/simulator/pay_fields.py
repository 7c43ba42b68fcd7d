"""The XML of the pay calls: reading it strictly, checking every field, writing the replies (wechat-protocol §1.2, §3.5b, §8.7)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.parsers import expat
from xml.sax.saxutils import escape

from wxbot.simulator.ground import Ground
from wxbot.simulator.pay_orders import SHAKE_AUTH_APPID, SHAKE_AUTH_MCHID
from wxbot.simulator.pay_texts import PayRefusal

BODY_LIMIT_BYTES = 32 * 1024
RISK_WORDS = ("NORMAL", "IGN_FREQ_LMT", "IGN_DAY_LMT", "IGN_FREQ_DAY_LMT")

#: hbpreorder: field → longest length (§1.2). Every one is required.
PREORDER_FIELDS = {
    "nonce_str": 32,
    "sign": 32,
    "mch_billno": 28,
    "mch_id": 32,
    "wxappid": 32,
    "send_name": 32,
    "hb_type": 16,
    "total_amount": 16,
    "total_num": 16,
    "amt_type": 32,
    "wishing": 16,
    "act_name": 32,
    "remark": 32,
    "auth_mchid": 32,
    "auth_appid": 32,
    "risk_cntl": 32,
}
#: gethbinfo (§3.5b).
QUERY_FIELDS = {"nonce_str": 32, "sign": 32, "mch_billno": 28, "mch_id": 32, "appid": 32, "bill_type": 32}
#: The fund bill; these names are not in the reference.
BILL_FIELDS = {
    "appid": 32,
    "mch_id": 32,
    "nonce_str": 32,
    "sign": 64,
    "sign_type": 32,
    "bill_date": 8,
    "account_type": 16,
}


class BadXml(Exception):
    """The body is not one flat `<xml>` object; `text` says why, for the request log."""


def read_xml(body: bytes) -> dict[str, str]:
    """The fields of a flat `<xml>` body, texts as sent.

    Raises BadXml on anything else: no body, no UTF-8, a DTD or entity, attributes, nesting, a field twice, stray text.
    """
    if not body.strip() or len(body) > BODY_LIMIT_BYTES:
        raise BadXml("empty or too long")
    fields: dict[str, str] = {}
    path: list[str] = []
    stray: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        path.append(name)
        if attributes or len(path) > 2 or path[0] != "xml":
            raise BadXml(f"unexpected element {name}")
        if len(path) == 2:
            if name in fields:
                raise BadXml(f"field {name} twice")
            fields[name] = ""

    def end(_name: str) -> None:
        path.pop()

    def text(piece: str) -> None:
        if len(path) == 2:
            fields[path[1]] += piece
        elif piece.strip():
            stray.append(piece)

    def refuse(*_arguments: object) -> None:
        raise BadXml("a DTD or an entity")

    parser = expat.ParserCreate("UTF-8")
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError as broken:
        raise BadXml(str(broken)) from broken
    if stray:
        raise BadXml("text between the fields")
    return fields


def write_xml(fields: dict[str, str | int], nested: str = "") -> str:
    """A reply: numbers bare, texts in CDATA, a `]]>` inside a text split (§8.5). `nested` is appended as it is."""
    rows = (
        f"<{name}>{value}</{name}>"
        if isinstance(value, int)
        else f"<{name}><![CDATA[{value.replace(']]>', ']]]]><![CDATA[>')}]]></{name}>"
        for name, value in fields.items()
    )
    return "<xml>" + "\n".join(rows) + nested + "</xml>"


def plain_element(name: str, value: str | int) -> str:
    """One escaped element for the nested list of gethbinfo."""
    return f"<{name}>{escape(str(value))}</{name}>"


def check_fields(fields: dict[str, str], allowed: dict[str, int], ground: Ground, optional: Iterable[str] = ()) -> None:
    """Every required field, none too long, the merchant's own number. Raises PayRefusal PARAM_ERROR (§1.2, §3.5)."""
    for name, longest in allowed.items():
        value = fields.get(name, "")
        if not value:
            if name in optional:
                continue
            raise PayRefusal("PARAM_ERROR", f"参数错误：{name} 必填")
        if length(ground, name, value) > longest:
            raise PayRefusal("PARAM_ERROR", f"参数错误：{name} 字段必填，并且少于 {longest} 个字符")
    if fields["mch_id"] != ground.account.mch_id:
        raise PayRefusal("PARAM_ERROR", "参数错误：商户号不存在")


def length(ground: Ground, name: str, value: str) -> int:
    """A text's length in the unit that the switches choose (§3.2: the tables give none)."""
    in_bytes = ground.switches["wishing_in_bytes" if name == "wishing" else "length_in_bytes"]
    return len(value.encode()) if in_bytes else len(value)


def check_preorder(fields: dict[str, str], ground: Ground) -> None:
    """The rules of hbpreorder's own fields (§1.2). Raises PayRefusal."""
    check_fields(fields, PREORDER_FIELDS, ground)
    if fields["wxappid"] != ground.account.appid:
        raise PayRefusal("PARAM_ERROR", "参数错误：商户号和 wxappid 不匹配")
    shape = rf"{ground.account.mch_id}\d{{18}}" if ground.switches["strict_billno_shape"] else r"[0-9a-zA-Z]{1,28}"
    if not re.fullmatch(shape, fields["mch_billno"]):
        raise PayRefusal("PARAM_ERROR", "参数错误：mch_billno 格式不正确")
    for name in ("total_amount", "total_num"):
        if not re.fullmatch(r"[1-9][0-9]{0,8}", fields[name]):
            raise PayRefusal("PARAM_ERROR", f"参数错误：{name} 必须为正整数")
    if fields["hb_type"] not in ("NORMAL", "GROUP"):
        raise PayRefusal("PARAM_ERROR", "参数错误：hb_type 只能为 NORMAL 或 GROUP")
    is_one = fields["total_num"] == "1"
    if is_one != (fields["hb_type"] == "NORMAL"):
        raise PayRefusal("PARAM_ERROR", "参数错误：NORMAL 的 total_num 必须为 1，GROUP 必须大于 1")
    if int(fields["total_num"]) > 1000:
        raise PayRefusal("PARAM_ERROR", "参数错误：total_num 过大")
    if fields["amt_type"] != "ALL_RAND":
        raise PayRefusal("PARAM_ERROR", "参数错误：amt_type 只能为 ALL_RAND")
    if fields["risk_cntl"] not in RISK_WORDS:
        raise PayRefusal("PARAM_ERROR", "参数错误：risk_cntl 不正确")
    pair = (fields["auth_mchid"], fields["auth_appid"])
    if ground.switches["auth_pair_checked_at_order"] and pair != (SHAKE_AUTH_MCHID, SHAKE_AUTH_APPID):
        raise PayRefusal("NO_AUTH", "授权商户号或 appid 不正确")
