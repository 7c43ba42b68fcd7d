"""The body of a merchant transfer: read strictly, every field's rule checked (wechat-protocol §4.2)."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from wxbot.simulator.ground import Ground
from wxbot.simulator.pay_v3_texts import DEFAULT_PERCEPTION, SCENES, TransferRefusal

MAX_BODY_BYTES = 64 * 1024
NAME_FROM_FEN = 200_000
"""The real name is obligatory from ¥2000 on (§4.1)."""
NO_NAME_BELOW_FEN = 30
"""And not supported below ¥0.3."""
RED_PACKET_MAX_FEN = 20_000
LONGEST_CHARACTER_BYTES = 3

REQUIRED = ("appid", "out_bill_no", "transfer_scene_id", "openid", "transfer_amount", "transfer_remark")
REQUIRED_TOO = ("transfer_scene_report_infos",)
OPTIONAL = ("user_name", "notify_url", "user_recv_perception", "user_recv_style")

#: Longest texts, in characters.
LONGEST = {
    "appid": 32,
    "out_bill_no": 32,
    "transfer_scene_id": 36,
    "openid": 64,
    "transfer_remark": 32,
    "notify_url": 256,
    "user_recv_perception": 32,
    "user_name": 2048,
    "info_type": 15,
    "info_content": 32,
}

Reveal = Callable[[str], str | None]


def wrong(text: str, **detail: Any) -> TransferRefusal:
    return TransferRefusal("PARAM_ERROR", text, detail or None)


def read_json(body: bytes) -> dict[str, Any]:
    """The body as one JSON object. Refused with PARAM_ERROR: empty, too long, not UTF-8, a name twice, NaN."""
    if not body or len(body) > MAX_BODY_BYTES:
        raise wrong("请求 body 为空或过长")
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=without_doubles, parse_constant=no_constant)
    except (ValueError, RecursionError):
        raise wrong("请求 body 不是合法的 JSON") from None
    if not isinstance(value, dict):
        raise wrong("请求 body 必须是 JSON 对象")
    return value


def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def no_constant(name: str) -> Any:
    raise ValueError(name)


def text_of(sent: dict[str, Any], name: str) -> str:
    """One text of the body: not empty, not too long, no character of four UTF-8 bytes, as every emoji is (§4.2)."""
    value = sent.get(name)
    if not isinstance(value, str) or not value.strip():
        raise wrong(f"{name} 必填且须为非空字符串", field=name)
    if len(value) > LONGEST[name]:
        raise wrong(f"{name} 超过 {LONGEST[name]} 个字符", field=name, value_length=len(value))
    try:
        longest = max(len(character.encode()) for character in value)
    except UnicodeEncodeError:
        raise wrong(f"{name} 不是合法的 UTF-8", field=name) from None
    if longest > LONGEST_CHARACTER_BYTES:
        raise wrong(f"{name} 含有不支持的字符（如表情符号）", field=name)
    return value


def read_bill(body: bytes, ground: Ground, reveal: Reveal) -> dict[str, Any]:
    """What a create call asks for, optional fields filled in and `user_name` in clear (§4.2).

    Two bodies that mean the same give the same dict: re-entrancy compares it. Raises TransferRefusal.
    """
    sent = read_json(body)
    for name in sent:
        if name not in (*REQUIRED, *REQUIRED_TOO, *OPTIONAL):
            raise wrong(f"不支持的参数 {name}", field=name)
    found: dict[str, Any] = {name: text_of(sent, name) for name in REQUIRED if name != "transfer_amount"}
    if not re.fullmatch(r"[0-9A-Za-z]{1,32}", found["out_bill_no"]):
        raise wrong("out_bill_no 只能由数字、大小写字母组成", field="out_bill_no")
    amount_fen = sent.get("transfer_amount")
    if isinstance(amount_fen, bool) or not isinstance(amount_fen, int) or amount_fen < 1:
        raise wrong("transfer_amount 必须为正整数，单位为分", field="transfer_amount")
    found["transfer_amount"] = amount_fen
    if found["transfer_scene_id"] not in SCENES:
        raise wrong("transfer_scene_id 不存在", field="transfer_scene_id")
    found["user_name"] = name_of(sent, amount_fen, reveal)
    found["notify_url"] = notify_url_of(sent, ground)
    found["transfer_scene_report_infos"] = reports_of(sent, found["transfer_scene_id"])
    found["user_recv_perception"] = perception_of(sent, found["transfer_scene_id"])
    found["user_recv_style"] = style_of(sent, amount_fen)
    return found


def name_of(sent: dict[str, Any], amount_fen: int, reveal: Reveal) -> str:
    """The real name in clear, or nothing where none is needed (§4.1, §4.2)."""
    if "user_name" not in sent:
        if amount_fen >= NAME_FROM_FEN:
            raise wrong("转账金额大于等于2000元时，收款用户姓名必填", field="user_name")
        return ""
    sealed = text_of(sent, "user_name")
    if amount_fen < NO_NAME_BELOW_FEN:
        raise wrong("转账金额小于0.3元时，不支持传入收款用户姓名", field="user_name")
    name = reveal(sealed)
    if not name or not name.strip():
        raise wrong("user_name 解密失败，请检查加密方式与 Wechatpay-Serial", field="user_name")
    return name


def notify_url_of(sent: dict[str, Any], ground: Ground) -> str:
    """https, no query string (§4.2); plain http only where the simulator allows it."""
    if "notify_url" not in sent:
        return ""
    text = text_of(sent, "notify_url")
    try:
        url = urlsplit(text)
        host = url.hostname or ""
        is_plain = url.scheme == "http" and ground.switches["transfer_plain_notify"]
        is_near = host == "localhost" or is_loopback(host) or url.netloc in ground.account.js_domains
        is_fine = bool(host) and not url.username and (url.scheme == "https" or (is_plain and is_near))
    except ValueError:
        is_fine = False
    if not is_fine or re.search(r"[?#\s]", text):
        raise wrong("notify_url 必须为 https 地址，且不能携带参数", field="notify_url")
    return text


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def reports_of(sent: dict[str, Any], scene_id: str) -> list[list[str]]:
    """The scene's report infos as sorted pairs: scene 1000 wants exactly its two, each once (§4.2)."""
    given = sent.get("transfer_scene_report_infos")
    if not isinstance(given, list) or not given:
        raise wrong("需传入转账场景报备信息", field="transfer_scene_report_infos")
    pairs: list[list[str]] = []
    for each in given:
        if not isinstance(each, dict) or set(each) != {"info_type", "info_content"}:
            raise wrong("转账场景报备信息格式不正确", field="transfer_scene_report_infos")
        pairs.append([text_of(each, "info_type"), text_of(each, "info_content")])
    kinds = [kind for kind, _ in pairs]
    scene = SCENES[scene_id]
    wanted = scene[0] if scene else frozenset(kinds)
    if len(kinds) != len(set(kinds)) or set(kinds) != wanted:
        text = f"转账场景报备信息须为：{'、'.join(sorted(wanted))}，各一条"
        raise wrong(text, field="transfer_scene_report_infos")
    return sorted(pairs)


def perception_of(sent: dict[str, Any], scene_id: str) -> str:
    """What the person reads; a text that the scene does not have is refused (§4.2, §4.6)."""
    if "user_recv_perception" not in sent:
        return DEFAULT_PERCEPTION if scene_id == "1000" else ""
    given, scene = text_of(sent, "user_recv_perception"), SCENES[scene_id]
    if scene and scene[1] and given not in scene[1]:
        raise TransferRefusal("INVALID_REQUEST", "用户收款感知描述不符合该转账场景的要求，请检查")
    return given


def style_of(sent: dict[str, Any], amount_fen: int) -> str:
    """CONFIRM_PAGE or RED_PACKET, the latter up to ¥200 (§4.1, §4.2)."""
    given = sent.get("user_recv_style", {"type": "CONFIRM_PAGE"})
    style = given.get("type") if isinstance(given, dict) and set(given) == {"type"} else None
    if style not in ("CONFIRM_PAGE", "RED_PACKET"):
        raise wrong("user_recv_style.type 只能为 CONFIRM_PAGE 或 RED_PACKET", field="user_recv_style")
    if style == "RED_PACKET" and amount_fen > RED_PACKET_MAX_FEN:
        raise TransferRefusal("INVALID_REQUEST", "红包样式的转账金额不能超过200元")
    return str(style)
