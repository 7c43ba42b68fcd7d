"""A tiny WeChat Pay v3 client of the tests' own: signs, verifies, seals and opens by the reference's text (§4.9)."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wxbot.simulator.server import Simulator

BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
OAEP = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)


def body_of(openid: str, number: str = "HB20260315000042", **changes: Any) -> dict[str, Any]:
    """The own example of §4.2; a change to None takes a field out."""
    body = {
        "appid": "wx0123456789abcdef",
        "out_bill_no": number,
        "transfer_scene_id": "1000",
        "openid": openid,
        "transfer_amount": 100,
        "transfer_remark": "到店有礼",
        "user_recv_perception": "现金奖励",
        "transfer_scene_report_infos": [
            {"info_type": "活动名称", "info_content": "开业抽奖"},
            {"info_type": "奖励说明", "info_content": "摇一摇一等奖"},
        ],
        "user_recv_style": {"type": "RED_PACKET"},
    } | changes
    return {name: value for name, value in body.items() if value is not None}


def open_resource(resource: dict[str, str], key: str) -> bytes:
    """AES-256-GCM of §4.9."""
    sealed = base64.b64decode(resource["ciphertext"])
    return AESGCM(key.encode()).decrypt(resource["nonce"].encode(), sealed, resource["associated_data"].encode())


class TransferClient:
    """Signs every call with the merchant's key and verifies every reply. It shows no client certificate."""

    def __init__(self, simulator: Simulator) -> None:
        files = simulator.certificates
        self.simulator = simulator
        self.account = simulator.world.account
        self.key: Any = serialization.load_pem_private_key(files.client_key.read_bytes(), None)
        merchant = x509.load_pem_x509_certificate(files.client_cert.read_bytes())
        self.serial = f"{merchant.serial_number:X}"
        self.public_key: Any = serialization.load_pem_public_key(files.pay_public_key.read_bytes())
        self.platform = x509.load_pem_x509_certificate(files.platform_cert.read_bytes())
        self.platform_serial = f"{self.platform.serial_number:040X}"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(files.ca)

    def authorization(self, method: str, path: str, body: bytes, **changes: str) -> str:
        given = {
            "mchid": "1900000001",
            "nonce_str": "593BEC0C930BF1AFEB40B4A08C8FB242",
            "timestamp": str(int(self.simulator.world.clock.now())),
            "serial_no": self.serial,
        } | {name: value for name, value in changes.items() if name != "signature"}
        text = f"{method}\n{path}\n{given['timestamp']}\n{given['nonce_str']}\n".encode() + body + b"\n"
        signature = base64.b64encode(self.key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()
        pairs = {**given, "signature": changes.get("signature", signature)}
        return "WECHATPAY2-SHA256-RSA2048 " + ",".join(f'{name}="{value}"' for name, value in pairs.items())

    def send(self, method: str, path: str, body: bytes = b"", **headers: Any) -> requests.Response:
        """One signed call as these bytes; its reply's signature is checked."""
        named = {
            "Authorization": self.authorization(method, path, body),
            "Accept": "application/json",
            "Wechatpay-Serial": self.account.pay_public_key_id,
        } | ({"Content-Type": "application/json"} if body else {})
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        url = self.simulator.https_url + path
        reply = self.session.request(method, url, data=body or None, headers=named, timeout=20)
        self.verify(dict(reply.headers), reply.content)
        return reply

    def verify(self, headers: dict[str, str], body: bytes) -> str:
        """Raises when the signature is not the platform's; gives the serial it was made with."""
        found = {name.lower(): value for name, value in headers.items()}
        serial = found["wechatpay-serial"]
        key: Any = self.public_key if serial == self.account.pay_public_key_id else self.platform.public_key()
        text = f"{found['wechatpay-timestamp']}\n{found['wechatpay-nonce']}\n".encode() + body + b"\n"
        key.verify(base64.b64decode(found["wechatpay-signature"]), text, padding.PKCS1v15(), hashes.SHA256())
        assert serial in (self.account.pay_public_key_id, self.platform_serial)
        return serial

    def create(self, body: dict[str, Any], **headers: Any) -> requests.Response:
        return self.send("POST", BILLS, json.dumps(body, ensure_ascii=False).encode(), **headers)

    def query(self, number: str = "HB20260315000042") -> dict[str, Any]:
        return dict(self.send("GET", f"{BILLS}/out-bill-no/{number}").json())

    def cancel(self, number: str = "HB20260315000042") -> requests.Response:
        return self.send("POST", f"{BILLS}/out-bill-no/{number}/cancel")

    def sealed_name(self, name: str, key: Any = None) -> str:
        return base64.b64encode((key or self.public_key).encrypt(name.encode(), OAEP)).decode()


class NotifyServer:
    """The application's side of callbacks: keeps what comes, answers with the next status of `answers` (then 200)."""

    def __init__(self) -> None:
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.judge: Callable[[dict[str, str], bytes], int] | None = None
        mine = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_arguments: Any) -> None:
                return

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = dict(self.headers)
                mine.came.append((headers, body))
                status = mine.judge(headers, body) if mine.judge else mine.answers.pop(0) if mine.answers else 200
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/pay/transfer-notify"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
