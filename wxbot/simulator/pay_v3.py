"""DOOR api.mch.weixin.qq.com/v3 (HTTPS): merchant transfers in JSON, signed both ways (wechat-protocol §4).

No client certificate is asked for here; the Authorization header says who calls (§4.2, §4.9).
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from wxbot.simulator import pay_v3_keys
from wxbot.simulator.door import Door, Reply, Request, Route, View, hints, unlocked
from wxbot.simulator.pay_v3_fields import read_bill, read_json
from wxbot.simulator.pay_v3_texts import TransferRefusal
from wxbot.simulator.pay_v3_wire import SCHEME, json_body, platform_headers, wire_time
from wxbot.simulator.transfers_bill import TransferBill
from wxbot.simulator.world import World

CLOCK_SKEW_S = 300  # §4.9
BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
BALANCE = "/v3/merchant/fund/balance"

Answer = dict[str, Any]
Rule = Callable[[World, Request], Answer]


# -- who calls, and how we sign ---------------------------------------------------------------------------------------


@dataclass
class Caller:
    """How one caller is answered: signed with which key, and by which clock (Unix seconds)."""

    is_by_certificate: bool
    at: float


def caller_of(world: World, request: Request) -> Caller:
    """How a caller of whom nothing is proved yet is answered: by our clock, with the key that Wechatpay-Serial names."""
    try:
        return Caller(speaks_certificate(world, request), world.clock.now())
    except TransferRefusal:
        return Caller(world.switches["v3_certificates_given"], world.clock.now())


def check_headers(request: Request) -> None:
    """User-Agent and Accept, and Content-Type where there is a body (§4.2, §4.9). Raises TransferRefusal PARAM_ERROR."""
    if not request.header("User-Agent") or not request.header("Accept"):
        raise TransferRefusal("PARAM_ERROR", "Http头缺少Accept或User-Agent")
    accept = request.header("Accept")
    if "application/json" not in accept and "*/*" not in accept:
        raise TransferRefusal("PARAM_ERROR", "Http头Accept必须接受application/json")
    if request.body and not request.content_type.lower().startswith("application/json"):
        raise TransferRefusal("PARAM_ERROR", "Http头Content-Type必须为application/json")


def sign_error(text: str, field: str) -> TransferRefusal:
    return TransferRefusal("SIGN_ERROR", text, {"field": field, "location": "authorization"})


def time_of(world: World, timestamp: str) -> float:
    """The time by the clock that the caller follows: ours, or the machine's when ours was moved (`v3_clock`).

    Raises TransferRefusal SIGN_ERROR for a timestamp more than five minutes from either (§4.9).
    """
    if not re.fullmatch(r"\d{1,12}", timestamp):
        raise sign_error("Http头Authorization中的timestamp有误", "timestamp")
    times = {"simulated": world.clock.now(), "real": time.time()}
    wanted = world.switches["v3_clock"]
    for now in [times[wanted]] if wanted in times else times.values():
        if abs(now - int(timestamp)) <= CLOCK_SKEW_S:
            return now
    raise sign_error("Http头Authorization中的timestamp与发起请求的时间不得超过5分钟", "timestamp")


def check_signature(world: World, request: Request) -> float:
    """The Authorization header: scheme, merchant, certificate, clock, and the signature over the exact bytes (§4.9).

    Returns the time by the caller's clock. Raises TransferRefusal SIGN_ERROR.
    """
    scheme, _, rest = request.header("Authorization").partition(" ")
    if scheme != SCHEME:
        raise sign_error(f"Http头Authorization认证类型不正确，应为{SCHEME}", "scheme")
    pairs = re.findall(r'\s*(\w+)="([^"]*)"\s*(?:,|$)', rest)
    given = dict(pairs)
    if set(given) != {"mchid", "nonce_str", "signature", "timestamp", "serial_no"} or len(pairs) != len(given):
        raise sign_error("Http头Authorization值格式错误", "authorization")
    keys = world.platform_keys
    if given["mchid"] != world.account.mch_id:
        raise sign_error("商户号不存在或与证书不匹配", "mchid")
    if not keys.is_merchant_serial(given["serial_no"]):
        raise sign_error("商户证书序列号有误", "serial_no")
    now = time_of(world, given["timestamp"])
    if not 1 <= len(given["nonce_str"]) <= 32:
        raise sign_error("Http头Authorization中的nonce_str有误", "nonce_str")
    address = request.environ.get("REQUEST_URI") or request.path
    head = f"{request.method}\n{address}\n{given['timestamp']}\n{given['nonce_str']}\n"
    if not pay_v3_keys.is_signed(head.encode() + request.body + b"\n", given["signature"], keys.merchant_key):
        raise sign_error("错误的签名，验签失败", "signature")
    return now


def speaks_certificate(world: World, request: Request) -> bool:
    """Does the caller use the platform certificate, not the public key? Wechatpay-Serial says so (§4.9); who names none is
    answered with the certificate while one is listed.

    Raises TransferRefusal PARAM_ERROR for a serial that is neither.
    """
    serial = request.header("Wechatpay-Serial")
    if not serial:
        return bool(world.switches["v3_certificates_given"])
    if serial == world.account.pay_public_key_id:
        return False
    if serial.upper().lstrip("0") != world.platform_keys.certificate_serial.lstrip("0"):
        raise TransferRefusal("PARAM_ERROR", "Http头Wechatpay-Serial不是有效的微信支付公钥ID或平台证书序列号")
    return True


def signed(world: World, content: Answer, status: int, caller: Caller) -> Reply:
    """A reply with its signature, or with one that does not fit when the switch says so."""
    body = json_body(content)
    is_wrong = world.switches["v3_wrong_signature"]
    text = body + b" " if is_wrong else body
    headers = platform_headers(world.ground, world.platform_keys, text, caller.is_by_certificate, caller.at)
    return Reply(body, status=status, headers=headers)


def refused(world: World, refusal: TransferRefusal, status: int, caller: Caller) -> Reply:
    """{"code", "message", "detail"?} (§4.6)."""
    content: Answer = {"code": refusal.code, "message": refusal.text}
    if refusal.detail:
        content["detail"] = refusal.detail
    return signed(world, content, status, caller)


def view_of(rule: Rule, kind: str) -> View:
    """A view for one v3 call: headers, signature, rate, then the rule. RSA runs without the world's lock."""

    def view(world: World, request: Request) -> Reply:
        caller = caller_of(world, request)
        try:
            check_headers(request)
            caller.at = check_signature(world, request)
            speaks_certificate(world, request)
            with world.lock:
                if world.account.pay_ips and request.remote not in world.account.pay_ips:
                    raise TransferRefusal("INVALID_REQUEST", "此IP地址不允许调用该接口")
                if kind != "certificates" and not world.switches["transfer_opened"]:
                    raise TransferRefusal("NO_AUTH")
                world.transfers.count_call(kind, world.clock.now())
                answer = rule(world, request)
        except TransferRefusal as refusal:
            return refused(world, refusal, refusal.status, caller)
        return signed(world, answer, 200, caller)

    view.__doc__ = rule.__doc__
    return unlocked(view)


# -- the calls --------------------------------------------------------------------------------------------------------


def no_serial() -> NoReturn:
    raise TransferRefusal("PARAM_ERROR", "缺少Http头Wechatpay-Serial")


def create(world: World, request: Request) -> Answer:
    """A new transfer; the same number with the same content gives the same bill again (§4.2)."""
    is_by_certificate, is_named = speaks_certificate(world, request), bool(request.header("Wechatpay-Serial"))

    def reveal(sealed: str) -> str | None:
        return world.platform_keys.reveal(sealed, is_by_certificate) if is_named else no_serial()

    if world.switches["v3_serial_required"] and not is_named:
        no_serial()
    content = read_bill(request.body, world.ground, reveal)
    bill, is_again = world.transfers.create(content, is_by_certificate, world.clock.now())
    answer: Answer = {
        "out_bill_no": bill.out_bill_no,
        "transfer_bill_no": bill.transfer_bill_no,
        "create_time": wire_time(bill.created_at),
        "state": bill.state,
    }
    if bill.state == "FAIL":
        answer["fail_reason"] = bill.fail_reason
    if bill.state == "WAIT_USER_CONFIRM" and (not is_again or world.switches["transfer_repeat_package"]):
        answer["package_info"] = bill.package_info
    return answer


def described(world: World, bill: TransferBill) -> Answer:
    """One bill as the query tells it: no package_info (§4.4)."""
    answer: Answer = {
        "mch_id": world.account.mch_id,
        "out_bill_no": bill.out_bill_no,
        "transfer_bill_no": bill.transfer_bill_no,
        "appid": bill.content["appid"],
        "state": bill.state,
        "transfer_amount": bill.amount_fen,
        "transfer_remark": bill.content["transfer_remark"],
        "openid": bill.openid,
        "create_time": wire_time(bill.created_at),
        "update_time": wire_time(bill.updated_at),
    }
    if bill.state == "FAIL":
        answer["fail_reason"] = bill.fail_reason
    if bill.content["user_name"]:
        answer["user_name"] = world.platform_keys.conceal(bill.content["user_name"])
    return answer


def query(world: World, request: Request) -> Answer:
    """What became of a bill, by the merchant's number (§4.4)."""
    return described(world, world.transfers.find(request.parts["out_bill_no"], world.clock.now()))


def query_by_number(world: World, request: Request) -> Answer:
    """The same by WeChat's number (§4.4)."""
    number = request.parts["transfer_bill_no"]
    return described(world, world.transfers.find(number, world.clock.now(), is_ours=False))


def cancel(world: World, request: Request) -> Answer:
    """Take a bill back before the person confirmed; it is CANCELLED a moment later (§4.5)."""
    if request.body and read_json(request.body):
        raise TransferRefusal("PARAM_ERROR", "撤销转账的请求 body 须为空")
    bill = world.transfers.cancel(request.parts["out_bill_no"], world.clock.now())
    return {
        "out_bill_no": bill.out_bill_no,
        "transfer_bill_no": bill.transfer_bill_no,
        "state": bill.state,
        "update_time": wire_time(bill.updated_at),
    }


def certificates(world: World, request: Request) -> Answer:
    """The platform certificates, each sealed with the APIv3 key (§4.9)."""
    if not world.switches["v3_certificates_given"]:
        raise TransferRefusal("RESOURCE_NOT_EXISTS")
    certificate, nonce = world.platform_keys.certificate, world.chance.letters(12)
    pem = world.certificate_paths["platform_cert"].read_bytes()
    sealed = pay_v3_keys.seal(pem, world.account.api_v3_key, nonce, "certificate")
    row = {
        "serial_no": world.platform_keys.certificate_serial,
        "effective_time": wire_time(certificate.not_valid_before_utc.timestamp()),
        "expire_time": wire_time(certificate.not_valid_after_utc.timestamp()),
        "encrypt_certificate": {
            "algorithm": "AEAD_AES_256_GCM",
            "nonce": nonce,
            "associated_data": "certificate",
            "ciphertext": sealed,
        },
    }
    return {"data": [row]}


def balance(world: World, request: Request) -> Answer:
    """What the basic account holds, in fen (UNCONFIRMED for ordinary merchants); nothing in it ever waits to be usable."""
    if request.parts["account_type"] != "BASIC":
        raise TransferRefusal("INVALID_REQUEST", "输入账户类型未开通")
    return {"available_amount": world.bank.balance_fen, "pending_amount": 0}


# -- the table --------------------------------------------------------------------------------------------------------


def refuse(world: World, request: Request, err_code: str) -> Reply:
    """The refusal of a named fault: a code of §4.6 with its status, `502:ANYTHING` with the status before the colon.

    What is no code at all (the default of a fault, or a bare status) is SYSTEM_ERROR.
    """
    status_text, _, named = err_code.rpartition(":")
    status_text = status_text or named
    code = named if re.fullmatch(r"[A-Z][A-Z0-9_]*", named) else "SYSTEM_ERROR"
    refusal = TransferRefusal(code)
    status = int(status_text) if re.fullmatch(r"[45]\d\d", status_text) else refusal.status
    caller = caller_of(world, request)
    with contextlib.suppress(TransferRefusal):
        caller.at = check_signature(world, request)
    return refused(world, refusal, status, caller)


def wrong_method(world: World, request: Request, allowed: str) -> Reply:
    refusal = TransferRefusal("PARAM_ERROR", f"请求方法应为 {allowed}")
    return refused(world, refusal, 405, caller_of(world, request))


def no_such_path(world: World, request: Request, hint: str) -> Reply:
    """A v3 call that is not simulated: a JSON error, signed as every answer (§4.9)."""
    reply = refused(world, TransferRefusal("NOT_FOUND", hint), 404, caller_of(world, request))
    reply.headers += hints(hint)
    return reply


ROUTES: tuple[Route, ...] = (
    ("POST", BILLS, view_of(create, "create")),
    ("GET", f"{BILLS}/out-bill-no/<out_bill_no>", view_of(query, "query")),
    ("GET", f"{BILLS}/transfer-bill-no/<transfer_bill_no>", view_of(query_by_number, "query")),
    ("POST", f"{BILLS}/out-bill-no/<out_bill_no>/cancel", view_of(cancel, "cancel")),
    ("GET", f"{BALANCE}/<account_type>", view_of(balance, "balance")),
    ("GET", "/v3/certificates", view_of(certificates, "certificates")),
)

DOOR = Door("api.mch.weixin.qq.com/v3", ROUTES, refuse=refuse, wrong_method=wrong_method)
