"""A tiny WeChat Pay client of the tests' own: signs by the reference's text, shares nothing with wxbot.wechat."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any

import requests

from wxbot.simulator.server import Simulator


def sign(params: dict[str, str], key: str, algorithm: str = "md5") -> str:
    """§3.6, written again."""
    pairs = [f"{name}={params[name]}" for name in sorted(params) if name != "sign" and params[name] != ""]
    text = "&".join([*pairs, f"key={key}"]).encode()
    found = hashlib.md5(text) if algorithm == "md5" else hmac.new(key.encode(), text, hashlib.sha256)
    return found.hexdigest().upper()


def to_xml(params: dict[str, str]) -> bytes:
    rows = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in params.items())
    return f"<xml>{rows}</xml>".encode()


def from_xml(text: str) -> dict[str, str]:
    found = re.findall(r"<(\w+)>(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))</\1>", text, re.S)
    return {name: cdata or plain for name, cdata, plain in found}


def preorder_params(billno: str = "1900000001202603150000000043", **changes: str) -> dict[str, str]:
    """The own example of §1.2, unsigned."""
    return {
        "act_name": "开业抽奖",
        "amt_type": "ALL_RAND",
        "auth_appid": "wxbf42bd79c4391863",
        "auth_mchid": "1000052601",
        "hb_type": "NORMAL",
        "mch_billno": billno,
        "mch_id": "1900000001",
        "nonce_str": "b1b2c3d4e5f60718293a4b5c6d7e8f91",
        "remark": "到店有礼",
        "risk_cntl": "NORMAL",
        "send_name": "示例小店",
        "total_amount": "100",
        "total_num": "1",
        "wishing": "恭喜发财",
        "wxappid": "wx0123456789abcdef",
        **changes,
    }


class PayClient:
    """Posts to the HTTPS side with the client certificate."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.session = requests.Session()
        self.session.trust_env = False  # a REQUESTS_CA_BUNDLE in the environment would win over verify
        self.session.verify = str(simulator.certificates.ca)
        self.session.cert = (str(simulator.certificates.client_cert), str(simulator.certificates.client_key))

    def post(self, path: str, body: bytes) -> requests.Response:
        return self.session.post(self.simulator.https_url + path, data=body, timeout=20)

    def call(self, path: str, params: dict[str, str], **changes: Any) -> dict[str, str]:
        signed = params | {"sign": sign(params, self.simulator.world.account.pay_key)} | changes
        return from_xml(self.post(path, to_xml(signed)).content.decode())

    def preorder(self, billno: str = "1900000001202603150000000043", **changes: str) -> dict[str, str]:
        return self.call("/mmpaymkttransfers/hbpreorder", preorder_params(billno, **changes))

    def query(self, billno: str, **changes: str) -> dict[str, str]:
        params = {"appid": "wx0123456789abcdef", "bill_type": "MCHT", "mch_billno": billno}
        return self.call("/mmpaymkttransfers/gethbinfo", params | {"mch_id": "1900000001", "nonce_str": "d1"} | changes)
