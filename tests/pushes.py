"""WeChat's side of the callback, written from the reference alone: it shares no code with what it tests."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from wxbot.settings import Settings

OPENID = "oTESTuser0000000000000000001a"


def sha1(*parts: str) -> str:
    """The signature of a push: SHA-1 over the sorted parts."""
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def as_xml(fields: dict[str, Any]) -> str:
    """One flat or nested message as WeChat writes it."""

    def one(name: str, value: Any) -> str:
        if isinstance(value, dict):
            return f"<{name}>{''.join(one(k, v) for k, v in value.items())}</{name}>"
        if isinstance(value, list):
            return "".join(one(name, entry) for entry in value)
        return f"<{name}>{value}</{name}>" if isinstance(value, int) else f"<{name}><![CDATA[{value}]]></{name}>"

    return one("xml", fields)


@dataclass
class Sender:
    """Signs and posts messages to one account's callback, like WeChat does; `now_s` is WeChat's clock."""

    settings: Settings
    now_s: float

    @property
    def token(self) -> str:
        return self.settings.callback_token.get_secret_value()

    @property
    def is_encrypted(self) -> bool:
        return self.settings.callback_mode != "plain"

    @property
    def _key(self) -> bytes:
        return base64.b64decode(self.settings.aes_key.get_secret_value() + "=")

    def message(self, msg_type: str = "text", **fields: Any) -> dict[str, Any]:
        """The fields of a message: a text unless told otherwise."""
        made = {
            "ToUserName": self.settings.original_id,
            "FromUserName": OPENID,
            "CreateTime": int(self.now_s),
            "MsgType": msg_type,
        }
        if msg_type != "event":
            made["MsgId"] = secrets.randbelow(10**17)
        if msg_type == "text":
            made["Content"] = "你好"
        return made | fields

    def event(self, name: str, **fields: Any) -> dict[str, Any]:
        """The fields of an event."""
        return self.message("event", Event=name, **fields)

    def encrypt(self, raw: bytes, appid: str | None = None) -> str:
        """`Encrypt` for a message (wechat-protocol §5.3)."""
        plain = os.urandom(16) + len(raw).to_bytes(4, "big") + raw + (appid or self.settings.appid).encode()
        pad = 32 - len(plain) % 32
        encryptor = Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16])).encryptor()
        return base64.b64encode(encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()).decode()

    def decrypt(self, encrypted: str) -> str:
        """The text inside `Encrypt`."""
        decryptor = Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16])).decryptor()
        plain = decryptor.update(base64.b64decode(encrypted)) + decryptor.finalize()
        plain = plain[: -plain[-1]]
        length = int.from_bytes(plain[16:20], "big")
        assert plain[20 + length :].decode() == self.settings.appid
        return plain[20 : 20 + length].decode()

    def query(self, **changes: str) -> dict[str, str]:
        """A signed query; `changes` replaces parameters after signing."""
        timestamp, nonce = str(int(self.now_s)), str(secrets.randbelow(10**9))
        made = {"signature": sha1(self.token, timestamp, nonce), "timestamp": timestamp, "nonce": nonce}
        return made | {"openid": OPENID} | changes

    def packed(self, fields: dict[str, Any], appid: str | None = None) -> tuple[dict[str, str], bytes]:
        """(query, body) of one push in this account's mode."""
        return self.packed_raw(as_xml(fields).encode(), fields.get("ToUserName"), appid)

    def packed_raw(
        self, document: bytes, to: str | None = None, appid: str | None = None
    ) -> tuple[dict[str, str], bytes]:
        """(query, body) of one push whose document is exactly these bytes."""
        query = self.query()
        if not self.is_encrypted:
            return query, document
        encrypted = self.encrypt(document, appid)
        query |= {
            "encrypt_type": "aes",
            "msg_signature": sha1(self.token, query["timestamp"], query["nonce"], encrypted),
        }
        beside = as_xml({"ToUserName": to or self.settings.original_id}).encode()
        if self.settings.callback_mode == "compatible":
            beside = document
        return query, beside.removesuffix(b"</xml>") + f"<Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode()

    def post(self, client: FlaskClient, query: dict[str, str], body: bytes) -> TestResponse:
        """Post one push."""
        return client.post("/wechat", query_string=query, data=body, content_type="text/xml")

    def push(self, client: FlaskClient, fields: dict[str, Any]) -> TestResponse:
        """Pack and post one message."""
        return self.post(client, *self.packed(fields))

    def reply(self, response: TestResponse) -> dict[str, Any] | None:
        """The reply's fields, decrypted and its signature checked; None for `success`."""
        assert response.status_code == 200, response.status_code
        if response.data == b"success":
            return None
        text = response.get_data(as_text=True)
        if self.is_encrypted:
            sealed = {found.tag: found.text or "" for found in ElementTree.fromstring(text)}
            signed = sha1(self.token, sealed["TimeStamp"], sealed["Nonce"], sealed["Encrypt"])
            assert signed == sealed["MsgSignature"]
            text = self.decrypt(sealed["Encrypt"])
        assert re.match(r"<xml>", text)
        return _as_fields(ElementTree.fromstring(text))


def _as_fields(tree: ElementTree.Element) -> dict[str, Any]:
    return {found.tag: _as_fields(found) if len(found) else found.text or "" for found in tree}
