"""The shape that all JSON calls of api.weixin.qq.com share: token in the query, errcode in the reply.

HTTP status is 200 for everything, so the errcode decides (wechat-protocol §6.6). A refused token is renewed once and
the call made once more: 40001, 40014 and 42001 say that nothing was done, so the repeat is safe. Nothing else is
repeated here.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from wxbot.wechat.errors import Refused, Unanswered, row_for
from wxbot.wechat.http import REPLY_BYTES, Reply, Transport, json_body
from wxbot.wechat.redaction import evidence, redact

log = logging.getLogger(__name__)

TOKEN_REFUSALS = frozenset({"40001", "40014", "42001"})
JSON_TYPE = "application/json; charset=utf-8"

Params = Mapping[str, str | int]


class TokenSource(Protocol):
    """Where a call takes its access_token from; tokens.Tokens is one."""

    def access_token(self) -> str:
        """The token to use now."""
        ...

    def renewed_access_token(self, refused: str) -> str:
        """A token other than the one WeChat has just refused."""
        ...


def read_json(reply: Reply, label: str, secrets: tuple[str, ...] = ()) -> dict[str, Any]:
    """The JSON object of a reply; anything else is Unanswered, because the call may have worked."""
    try:
        answer = json.loads(reply.body.decode("utf-8-sig"), parse_constant=_no_constant)
    except (UnicodeDecodeError, ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise Unanswered(
            f"{label}: the reply is not a JSON object",
            reason="unreadable",
            status=reply.status,
            evidence=evidence(reply.body, secrets),
        )
    return answer


def is_object(body: bytes) -> bool:
    """Whether a reply begins like a JSON object. Its bytes say so, not its header: pictures have come as text/plain, and
    errors as anything (wechat-protocol §5.13)."""
    return body[:16].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def whole_number(value: object) -> int:
    """A number that may come quoted; anything odd or missing counts as 0 (wechat-protocol §1.6)."""
    if isinstance(value, float):
        return int(value) if abs(value) < 1e18 else 0
    if isinstance(value, int):
        return int(value)
    text = str(value).strip() if value is not None else ""
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else 0


def plain_text(value: object) -> str:
    """A text, or a number written as one; anything else, JSON's null included, is no text."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    return str(value)


def refuse_errcode(answer: Mapping[str, Any], api: str, secrets: tuple[str, ...] = ()) -> None:
    """Raise Refused when the reply carries an errcode other than 0; no errcode at all is success (§6.6)."""
    code = answer.get("errcode", 0)
    if code in (0, "0", None):
        return
    message = redact(str(answer.get("errmsg", "")), secrets)[:500]
    raise Refused(str(code), message, row_for(api, str(code)))


@dataclass(frozen=True)
class ApiCaller:
    """Makes token-carrying calls of one API family."""

    transport: Transport
    tokens: TokenSource
    base_url: str
    api: str = "mp"

    def get(self, path: str, **params: str | int) -> dict[str, Any]:
        """A GET with query parameters."""
        return self.call("GET", path, params=params)

    def post(self, path: str, body: Mapping[str, Any], **params: str | int) -> dict[str, Any]:
        """A POST of real UTF-8 JSON."""
        return self.call("POST", path, params=params, body=json_body(body), content_type=JSON_TYPE)

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: bytes | None = None,
        content_type: str | None = None,
    ) -> dict[str, Any]:
        """One call, and one more with a renewed token if WeChat refused the first token."""
        reply = self.raw(method, path, params=params, body=body, content_type=content_type)
        return read_json(reply, f"{method} {path}")

    def raw(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: bytes | None = None,
        content_type: str | None = None,
        max_bytes: int = REPLY_BYTES,
    ) -> Reply:
        """Like call, but the reply stays bytes; a JSON error inside it is still raised."""
        token = self.tokens.access_token()
        for is_last in (False, True):
            reply = self.transport.send(
                method,
                self.base_url + path,
                params={"access_token": token, **(params or {})},
                body=body,
                content_type=content_type,
                max_bytes=max_bytes,
                secrets=(token,),
            )
            try:
                self._raise_refusal(reply, f"{method} {path}", token)
            except Refused as refusal:
                if is_last or refusal.code not in TOKEN_REFUSALS:
                    raise
                log.warning("wechat_token_refused")
                token = self.tokens.renewed_access_token(token)
                continue
            return reply
        raise AssertionError("unreachable")  # the second round returns or raises

    def _raise_refusal(self, reply: Reply, label: str, token: str) -> None:
        if is_object(reply.body):
            refuse_errcode(read_json(reply, label, (token,)), self.api, (token,))
