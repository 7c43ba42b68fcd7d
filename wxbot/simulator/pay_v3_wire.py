"""What the platform says over v3: JSON, moments, the headers it signs, the callback of a bill (wechat-protocol §4.9, §4.10)."""

from __future__ import annotations

import json
import secrets
from typing import Any

from wxbot.simulator import pay_v3_keys
from wxbot.simulator.ground import Ground
from wxbot.simulator.pay_orders import beijing
from wxbot.simulator.pay_v3_keys import PlatformKeys
from wxbot.simulator.transfers_bill import TransferBill

SCHEME = "WECHATPAY2-SHA256-RSA2048"
PROBE = "WECHATPAY/SIGNTEST/"
"""How the signature of a probing callback begins: whoever accepts it does not verify (§4.9)."""


def wire_time(at: float) -> str:
    """A moment as v3 writes it."""
    return beijing(at, "%Y-%m-%dT%H:%M:%S+08:00")


def json_body(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def platform_headers(
    ground: Ground, keys: PlatformKeys, body: bytes, is_by_certificate: bool, at: float, *, is_probe: bool = False
) -> list[tuple[str, str]]:
    """The headers of everything the platform signs, replies and callbacks alike; of a probe with a false signature (§4.9).

    `at` is the moment they name, in Unix seconds.
    """
    wanted = ground.switches["v3_sign_with"]
    by_certificate = is_by_certificate if wanted == "by_request" else wanted == "certificate"
    timestamp, nonce = str(int(at)), secrets.token_hex(16).upper()
    text = f"{timestamp}\n{nonce}\n".encode() + body + b"\n"
    signature = pay_v3_keys.sign(text, keys.certificate_key if by_certificate else keys.public_key)
    return [
        ("Wechatpay-Timestamp", timestamp),
        ("Wechatpay-Nonce", nonce),
        ("Wechatpay-Signature", PROBE + signature[: -len(PROBE)] if is_probe else signature),
        ("Wechatpay-Serial", keys.certificate_serial if by_certificate else ground.account.pay_public_key_id),
        ("Wechatpay-Signature-Type", SCHEME),
        ("Request-ID", f"SIM-{secrets.token_hex(12)}"),
    ]


def notice_body(ground: Ground, bill: TransferBill, notice_id: str) -> bytes:
    """The callback of a bill that reached its final state, its content sealed with the APIv3 key (§4.10, §8.6)."""
    inside: dict[str, Any] = {
        "mch_id": ground.account.mch_id,
        "out_bill_no": bill.out_bill_no,
        "transfer_bill_no": bill.transfer_bill_no,
        "transfer_amount": bill.amount_fen,
        "state": bill.state,
        "openid": bill.openid,
        "create_time": wire_time(bill.created_at),
        "update_time": wire_time(bill.updated_at),
    }
    if bill.fail_reason:
        inside["fail_reason"] = bill.fail_reason
    nonce = ground.chance.letters(12)
    ciphertext = pay_v3_keys.seal(json_body(inside), ground.account.api_v3_key, nonce, "mch_payment")
    resource = {
        "original_type": "mch_payment",
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": ciphertext,
        "associated_data": "mch_payment",
        "nonce": nonce,
    }
    return json_body(
        {
            "id": notice_id,
            "create_time": wire_time(bill.updated_at),
            "resource_type": "encrypt-resource",
            "event_type": "MCHTRANSFER.BILL.FINISHED",
            "summary": "商家转账单据终态通知",
            "resource": resource,
        }
    )
