"""DOOR api.mch.weixin.qq.com (HTTPS): sendredpack, one cash packet to one person (wechat-protocol §3.2)."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import parse_qsl

from wxbot.simulator.door import Door, Reply, Route
from wxbot.simulator.ground import Ground
from wxbot.simulator.pay import pay_post, refuse, succeed, wrong_method
from wxbot.simulator.pay_fields import check_fields
from wxbot.simulator.pay_orders import beijing
from wxbot.simulator.pay_texts import PAY_TEXTS, PayRefusal
from wxbot.simulator.world import World

#: sendredpack: field → longest length (§3.2).
SEND_FIELDS = {
    "nonce_str": 32,
    "sign": 32,
    "mch_billno": 28,
    "mch_id": 32,
    "sub_mch_id": 32,
    "msgappid": 32,
    "wxappid": 32,
    "send_name": 32,
    "re_openid": 32,
    "total_amount": 16,
    "total_num": 16,
    "wishing": 128,
    "client_ip": 15,
    "act_name": 32,
    "remark": 256,
    "scene_id": 32,
    "risk_info": 128,
    "consume_mch_id": 32,
}
OPTIONAL = ("sub_mch_id", "msgappid", "scene_id", "risk_info", "consume_mch_id")
SCENES = tuple(f"PRODUCT_{number}" for number in range(1, 9))
RISK_NAMES = ("posttime", "mobile", "deviceid", "clientversion")

#: Outside these amounts a packet needs a scene (§3.2 scene_id).
SCENELESS_FEN = range(100, 20_001)


def check_send(fields: dict[str, str], ground: Ground) -> None:
    """The rules of sendredpack's own fields (§3.2). Raises PayRefusal."""
    check_fields(fields, SEND_FIELDS, ground, OPTIONAL)
    if ground.switches["length_in_bytes"] and len(fields["wishing"].encode()) > SEND_FIELDS["wishing"]:
        raise PayRefusal("PARAM_ERROR", "参数错误：wishing 字段必填，并且少于 128 个字符")
    if fields["wxappid"] != ground.account.appid:
        raise PayRefusal("PARAM_ERROR", "参数错误：商户号和 wxappid 不匹配")
    shape = rf"{ground.account.mch_id}\d{{18}}" if ground.switches["strict_billno_shape"] else r"[0-9a-zA-Z]{1,28}"
    if not re.fullmatch(shape, fields["mch_billno"]):
        raise PayRefusal("PARAM_ERROR", "参数错误：mch_billno 格式不正确")
    if not re.fullmatch(r"[1-9][0-9]{0,8}", fields["total_amount"]):
        raise PayRefusal("PARAM_ERROR", "参数错误：total_amount 必须为正整数")
    if fields["total_num"] != "1":
        raise PayRefusal("PARAM_ERROR", "参数错误：total_num 必须为 1")
    try:
        ipaddress.IPv4Address(fields["client_ip"])
    except ValueError:
        raise PayRefusal("PARAM_ERROR", "参数错误：client_ip 不是合法的 IP 地址") from None
    check_scene(fields, ground)
    check_provider(fields, ground)


def check_scene(fields: dict[str, str], ground: Ground) -> None:
    """scene_id is known, is the declared one, and is there when the amount needs it (§3.2). Raises PayRefusal."""
    scene, declared = fields.get("scene_id", ""), ground.switches["declared_scene"]
    if scene and scene not in SCENES:
        raise PayRefusal("PARAM_ERROR", "参数错误：scene_id 不正确")
    if scene and declared and scene != declared:
        raise PayRefusal("PARAM_ERROR", "参数错误：scene_id 与申请时的场景不一致")
    if not scene and int(fields["total_amount"]) not in SCENELESS_FEN:
        raise PayRefusal("PARAM_ERROR", "参数错误：金额大于 200 元或小于 1 元时 scene_id 必填")
    risk = fields.get("risk_info", "")
    if risk and any(name not in RISK_NAMES or not value for name, value in parse_qsl(risk, keep_blank_values=True)):
        raise PayRefusal("PARAM_ERROR", "参数错误：risk_info 格式不正确")


def check_provider(fields: dict[str, str], ground: Ground) -> None:
    """The fields of the provider mode: this merchant is nobody's provider (§3.2, §3.5). Raises PayRefusal."""
    if fields.get("msgappid", ground.account.appid) not in ("", ground.account.appid):
        raise PayRefusal("MSGAPPID_ERROR")
    if fields.get("sub_mch_id"):
        raise PayRefusal("ACCEPTMODE_ERROR")
    if fields.get("consume_mch_id", "") not in ("", ground.account.mch_id):
        raise PayRefusal("PARAM_ERROR", "参数错误：consume_mch_id 不正确")


def sendredpack(world: World, sent: dict[str, str]) -> Reply:
    """Send one packet to one person; the same number gives the same answer again and moves nothing (§3.2)."""
    check_send(sent, world.ground)
    kept = {name: value for name, value in sent.items() if name not in ("nonce_str", "sign")}
    order = world.cash.send(kept, world.clock.now())
    reply: dict[str, str | int] = {
        "return_code": "SUCCESS",
        "return_msg": PAY_TEXTS["SUCCESS"],
        "result_code": "SUCCESS",
        "err_code": "SUCCESS",
        "err_code_des": PAY_TEXTS["SUCCESS"],
        "mch_billno": order.mch_billno,
        "mch_id": order.params["mch_id"],
        "wxappid": order.params["wxappid"],
        "re_openid": order.openid,
        "total_amount": order.amount_fen,
        "send_listid": order.detail_id,
    }
    if world.switches["send_time_in_reply"]:
        reply["send_time"] = beijing(order.created_at, "%Y%m%d%H%M%S")
    return succeed(world, reply)


ROUTES: tuple[Route, ...] = (("POST", "/mmpaymkttransfers/sendredpack", pay_post(sendredpack, SEND_FIELDS)),)

DOOR = Door("api.mch.weixin.qq.com", ROUTES, refuse=refuse, wrong_method=wrong_method)
