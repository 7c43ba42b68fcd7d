"""A few lines of WeChat Pay v3 on a real socket: checks every request's signature itself, signs every reply."""

from __future__ import annotations

import base64
import json
import re
import socket
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from tests.wechat.wires import Heard, Wire, http_reply
from wxbot.wechat.http import Timeouts, Transport
from wxbot.wechat.pay_v3 import PayV3Client

API_V3_KEY = "0123456789abcdef0123456789abcdef"
KEY_ID = "PUB_KEY_ID_0114232134912410000000000000"
NOW_S = 1773540000.0
MCH_ID = "1900000001"
APPID = "wx0123456789abcdef"
BILL_NO = "HB20260315000042"
BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
WECHAT_NO = "1330000071100999991182026031500000000001"
PARAMS: dict[str, Any] = {
    "appid": APPID,
    "out_bill_no": BILL_NO,
    "transfer_scene_id": "1000",
    "openid": "oTESTuser0000000000000000001a",
    "transfer_amount": 100,
    "transfer_remark": "到店有礼",
    "notify_url": "https://shop.example.test/pay/transfer-notify",
    "user_recv_perception": "现金奖励",
    "transfer_scene_report_infos": [
        {"info_type": "活动名称", "info_content": "开业抽奖"},
        {"info_type": "奖励说明", "info_content": "摇一摇一等奖"},
    ],
    "user_recv_style": {"type": "RED_PACKET"},
}
CREATED = {
    "out_bill_no": BILL_NO,
    "transfer_bill_no": WECHAT_NO,
    "create_time": "2026-03-15T10:00:00+08:00",
    "state": "WAIT_USER_CONFIRM",
    "package_info": "affffddafdfafddffda==",
}
ASKED = {
    "mch_id": MCH_ID,
    "out_bill_no": BILL_NO,
    "transfer_bill_no": WECHAT_NO,
    "appid": APPID,
    "state": "SUCCESS",
    "transfer_amount": 100,
    "transfer_remark": "到店有礼",
    "openid": "oTESTuser0000000000000000001a",
    "create_time": "2026-03-15T10:00:00+08:00",
    "update_time": "2026-03-15T10:00:09+08:00",
}


@cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    """A key of the test run: "merchant", "platform", "stranger"."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def certificate(name: str, serial: int = 0x5157F09EFDC096DE15EBE81A47057A7232F1B8E1, *, ends_in_days: int = 1) -> bytes:
    """A certificate of that key, valid since 2026-01-01 (PEM)."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.fromtimestamp(NOW_S, UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private_key(name).public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=ends_in_days))
        .sign(private_key(name), hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def key_pem(name: str) -> bytes:
    pkcs8 = serialization.PrivateFormat.PKCS8
    return private_key(name).private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption())


def public_pem(name: str) -> str:
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return private_key(name).public_key().public_bytes(serialization.Encoding.PEM, spki).decode()


def signed(text: bytes, name: str = "platform") -> str:
    return base64.b64encode(private_key(name).sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()


def signed_headers(body: bytes, *, at: float = NOW_S, serial: str = KEY_ID, by: str = "platform") -> dict[str, str]:
    """The headers WeChat puts on a reply or a callback."""
    stamp, nonce = str(int(at)), "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"
    return {
        "Wechatpay-Timestamp": stamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": serial,
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
        "Wechatpay-Signature": signed(f"{stamp}\n{nonce}\n".encode() + body + b"\n", by),
        "Request-ID": "SIM-0001",
    }


def sealed(text: bytes, associated: str = "mch_payment", key: str = API_V3_KEY) -> dict[str, str]:
    """An AEAD_AES_256_GCM resource."""
    nonce = "fdasflkja484"
    ciphertext = AESGCM(key.encode()).encrypt(nonce.encode(), text, associated.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": nonce,
        "associated_data": associated,
        "ciphertext": base64.b64encode(ciphertext).decode(),
    }


class PlatformV3:
    """Answers `status` and `reply` to every signed request; the fields below bend what it says."""

    def __init__(self, reply: object = None, status: int = 200) -> None:
        self.reply: object = CREATED if reply is None else reply
        self.status = status
        self.body: bytes | None = None
        self.serial = KEY_ID
        self.by = "platform"
        self.at = NOW_S
        self.is_unsigned = False
        self.changed_headers: dict[str, str] = {}
        self.certificates: list[dict[str, object]] = []
        self.paths: list[str] = []

    def __call__(self, heard: Heard, connection: socket.socket) -> None:
        method, target, _ = heard.line.split(" ")
        self.paths.append(f"{method} {target}")
        check_request(heard)
        status, reply = (
            (200, {"data": self.certificates}) if target == "/v3/certificates" else (self.status, self.reply)
        )
        body = json.dumps(reply, ensure_ascii=False).encode() if self.body is None else self.body
        headers = {} if self.is_unsigned else signed_headers(body, at=self.at, serial=self.serial, by=self.by)
        headers = {name: value for name, value in {**headers, **self.changed_headers}.items() if value}
        connection.sendall(http_reply(body, status=f"{status} X", headers=headers))


def check_request(heard: Heard) -> None:
    """What WeChat checks first: the Authorization over method, path, time, nonce and the very bytes of the body."""
    method, target, _ = heard.line.split(" ")
    schema, _, rest = heard.header("Authorization").partition(" ")
    assert schema == "WECHATPAY2-SHA256-RSA2048"
    given = dict(re.findall(r'([a-z_]+)="([^"]*)"', rest))
    assert set(given) == {"mchid", "nonce_str", "signature", "timestamp", "serial_no"} and given["mchid"] == MCH_ID
    assert given["serial_no"] == "5157F09EFDC096DE15EBE81A47057A7232F1B8E1" and len(given["nonce_str"]) == 32
    text = f"{method}\n{target}\n{given['timestamp']}\n{given['nonce_str']}\n".encode() + heard.body + b"\n"
    private_key("merchant").public_key().verify(
        base64.b64decode(given["signature"]), text, padding.PKCS1v15(), hashes.SHA256()
    )
    assert heard.header("Accept") == "application/json" and heard.header("User-Agent")


def sealed_certificate(pem: bytes, *, serial: str = "", key: str = API_V3_KEY) -> dict[str, object]:
    """A row of /v3/certificates."""
    serial = serial or f"{x509.load_pem_x509_certificate(pem).serial_number:X}"
    return {
        "serial_no": serial,
        "effective_time": "2026-01-14T10:00:00+08:00",
        "expire_time": "2026-03-16T10:00:00+08:00",
        "encrypt_certificate": sealed(pem, "certificate", key),
    }


def wired(platform: PlatformV3) -> Wire:
    """The platform behind a socket that keeps connections open."""
    return Wire(platform, closes=False)


@cache
def transport_with(ca_file: str | None, is_impatient: bool) -> Transport:
    quick = Timeouts(connect_s=0.5, read_s=0.3, total_s=0.6)
    return Transport(ca_file=ca_file, timeouts=quick if is_impatient else None)


def client_on(
    url: str,
    folder: Any,
    *,
    has_public_key: bool = True,
    now: Any = lambda: NOW_S,
    ca_file: Any = None,
    is_impatient: bool = False,
    **more: Any,
) -> PayV3Client:
    """A client with the merchant's files in `folder`."""
    key_file, cert_file = folder / "apiclient_key.pem", folder / "apiclient_cert.pem"
    if not key_file.exists():
        key_file.write_bytes(key_pem("merchant"))
        cert_file.write_bytes(certificate("merchant"))
    return PayV3Client(
        transport_with(ca_file, is_impatient),
        url,
        mch_id=MCH_ID,
        appid=APPID,
        private_key_file=key_file,
        cert_file=cert_file,
        api_v3_key=API_V3_KEY,
        public_key_id=KEY_ID if has_public_key else "",
        public_key=public_pem("platform") if has_public_key else "",
        clock=now,
        **more,
    )
