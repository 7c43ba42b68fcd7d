"""The callback's HTTP: what is read of a request, and what goes back."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from wxbot.bodies import note_read
from wxbot.wechat.errors import BadMessage
from wxbot.wechat.limits import CALLBACK_BODY_BYTES

QUERY_CHARACTERS = 2048
"""WeChat's query has about 250."""


@dataclass(frozen=True)
class CallbackResponse:
    """What goes back to WeChat."""

    status: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = "text/plain; charset=utf-8"
    """Plain text for everything but a sealed reply: an echostr must never be read as a document (security S08)."""

    def headers_with_length(self) -> list[tuple[str, str]]:
        """All headers of the answer."""
        return [("Content-Type", self.kind), ("Content-Length", str(len(self.body))), *self.headers]


FORBIDDEN = CallbackResponse("403 Forbidden")
TOO_BIG = CallbackResponse("413 Content Too Large")
AGAIN = CallbackResponse("503 Service Unavailable", headers=(("Retry-After", "5"),))
WRONG_METHOD = CallbackResponse("405 Method Not Allowed", headers=(("Allow", "GET, POST"),))
BROKEN = CallbackResponse("500 Internal Server Error")


def query_of(environ: Mapping[str, Any]) -> dict[str, str]:
    """The query's parameters; BadMessage when one stands twice, which WeChat never does."""
    text = environ.get("QUERY_STRING", "")
    if len(text) > QUERY_CHARACTERS:
        raise BadMessage("query too long")
    single: dict[str, str] = {}
    for pair in text.split("&"):
        name, _, value = pair.partition("=")
        if name in single:
            raise BadMessage("a parameter stands twice")
        single[name] = unquote_plus(value) if "%" in value or "+" in value else value
    return single


def body_of(environ: MutableMapping[str, Any]) -> bytes | None:
    """The body; None when it is bigger than any message, however it was sent (security S16)."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isdigit():
        if int(length) > CALLBACK_BODY_BYTES:
            return None
        body = _read(environ, int(length))
        note_read(environ, len(body))
        return body
    if not environ.get("wsgi.input_terminated"):
        return b""
    body = _read(environ, CALLBACK_BODY_BYTES + 1)
    return body if len(body) <= CALLBACK_BODY_BYTES else None


def _read(environ: Mapping[str, Any], most: int) -> bytes:
    """Up to `most` bytes of the body; BadMessage when the sender breaks off, stalls or garbles its chunks."""
    try:
        body: bytes = environ["wsgi.input"].read(most)
    except OSError as error:
        raise BadMessage("body cannot be read") from error
    return body
