"""Masks secrets in any text that may reach a log, an error page or a database column (security.md S58, S59).

Two nets: the names under which WeChat carries secrets (in queries, JSON and XML), and the literal secrets the caller
knows. What is masked keeps its name, so a reader still sees which field was there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "***"

_NAMES = (
    "access_token|refresh_token|oauth_access_token|component_access_token|appsecret|app_secret|secret|session_key|"
    "sp_ticket|jsapi_ticket|ticket|js_code|code|msg_signature|signature|paySign|sign|lottery_key|pay_key|aes_key|key|"
    "encodingaeskey|token|password|pass_ticket|echostr|package_info|user_name|api_v3_key|encrypt_certificate"
)
_QUERY = re.compile(rf"(?i)(?<![A-Za-z0-9_\-])({_NAMES})=([^&\s\"'<>#,;)]+)")
_JSON = re.compile(rf"(?i)(\\?\"(?:{_NAMES})\\?\"\s*:\s*\\?\")((?:[^\"\\]|\\(?!\")[^\"])*)")
_XML = re.compile(r"(?is)<(sign|sp_ticket|ticket|key|nonce_str|encrypt|msgsignature)>(.*?)(</\1>|\Z)")
_SHORTEST_SECRET = 6


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without secrets: named fields are masked, and so is every literal secret given."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, MASK)
    text = _QUERY.sub(rf"\1={MASK}", text)
    text = _JSON.sub(rf"\1{MASK}", text)
    return _XML.sub(rf"<\1>{MASK}\3", text)


def evidence(body: bytes, secrets: Iterable[str] = (), *, most: int = 2_000) -> str:
    """The masked beginning of a reply, for a person to look at."""
    text = redact(body[: 4 * most].decode("utf-8", "replace"), secrets)
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)[:most]
