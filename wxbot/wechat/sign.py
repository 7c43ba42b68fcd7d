"""The five signatures of WeChat's wire, and the one way to compare them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
from collections.abc import Mapping
from typing import Literal

Algorithm = Literal["MD5", "HMAC-SHA256"]

_NONCE_LETTERS = string.ascii_letters + string.digits


def nonce(length: int = 32) -> str:
    """Random text for a signature, letters and digits only."""
    return "".join(secrets.choice(_NONCE_LETTERS) for _ in range(length))


def same(left: str, right: str) -> bool:
    """Compare two signatures in constant time; anything that is not ASCII is simply unequal."""
    try:
        return hmac.compare_digest(left.encode("ascii"), right.encode("ascii"))
    except UnicodeEncodeError:
        return False


def _joined(params: Mapping[str, object], pay_key: str) -> str:
    pairs = [f"{name}={params[name]}" for name in sorted(params) if name != "sign" and params[name] not in (None, "")]
    pairs.append(f"key={pay_key}")
    return "&".join(pairs)


def v2_sign(params: Mapping[str, object], pay_key: str, algorithm: Algorithm = "MD5") -> str:
    """WeChat Pay v2 signature: sorted non-empty fields, raw values, `&key=` (wechat-protocol §3.6)."""
    text = _joined(params, pay_key).encode()
    if algorithm == "MD5":
        return hashlib.md5(text, usedforsecurity=False).hexdigest().upper()
    return hmac.new(pay_key.encode(), text, hashlib.sha256).hexdigest().upper()


def lottery_sign(lottery_id: str, noncestr: str, openid: str, lottery_key: str) -> str:
    """Signature of jumpHongbao, the draw on the page; only ever made on the server (wechat-protocol §1.7)."""
    return v2_sign({"lottery_id": lottery_id, "noncestr": noncestr, "openid": openid}, lottery_key)


def callback_signature(callback_token: str, timestamp: str, nonce_text: str) -> str:
    """`signature` of the URL check and of every push; it does not cover the body (wechat-protocol §5.1, §5.2)."""
    return _sorted_sha1(callback_token, timestamp, nonce_text)


def msg_signature(callback_token: str, timestamp: str, nonce_text: str, encrypted: str) -> str:
    """`msg_signature` of an encrypted push or reply; it covers the ciphertext (wechat-protocol §5.3)."""
    return _sorted_sha1(callback_token, timestamp, nonce_text, encrypted)


def jssdk_signature(jsapi_ticket: str, noncestr: str, timestamp: int, url: str) -> str:
    """Signature of wx.config over the page's exact URL; a fragment is cut off here (wechat-protocol §6.4)."""
    page = url.split("#", 1)[0]
    text = f"jsapi_ticket={jsapi_ticket}&noncestr={noncestr}&timestamp={timestamp}&url={page}"
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _sorted_sha1(*parts: str) -> str:
    text = "".join(sorted(parts)).encode("utf-8", "surrogatepass")
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()
