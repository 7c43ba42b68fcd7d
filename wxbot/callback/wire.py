"""The callback's HTTP: what is read of a request, and what goes back."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

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


READ_WHOLE = "wxbot.body_read"
"""In the environ: nothing of the body is left to be read."""


def body_of(environ: MutableMapping[str, Any]) -> bytes | None:
    """The body; None when it is bigger than any message, however it was sent (security S16)."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isdigit():
        if int(length) > CALLBACK_BODY_BYTES:
            return None
        body = _read(environ, int(length))
        if len(body) == int(length) and "HTTP_TRANSFER_ENCODING" not in environ:
            environ[READ_WHOLE] = True
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


SPARE_BYTES = 1024 * 1024
"""What is still read of a body that nobody asked for: more than a refused photo or list mostly has left."""


def finish_body(environ: Mapping[str, Any], start_response: Any) -> None:
    """Read what an answer left unread of its request, or say that the connection ends with it (security S16).

    A server that keeps the connection would take the rest for the next request; gunicorn drops such a connection, after it
    has promised to keep it. It takes no `Connection` header from an application, so its response is told.
    """
    if not has_body(environ) or READ_WHOLE in environ:
        return
    if not environ.get("wsgi.input_terminated"):
        return  # a server whose stream does not end with the body: who reads on waits for the next request
    left, stream = SPARE_BYTES, environ["wsgi.input"]
    try:
        while left > 0 and (piece := stream.read(min(left, 65536))):
            left -= len(piece)
    except Exception:  # a body that breaks off or is garbled, in whatever words of the server
        left = 0
    if left <= 0 and (close := getattr(getattr(start_response, "__self__", None), "force_close", None)):
        close()


class Body:
    """A request's body, whose faults are what every reader expects of a broken connection: an OSError.

    The server raises errors of its own for a garbled chunk; they would look like a fault of ours. Nothing is asked of a body
    that has failed once: each further question to a sender who stalls would hold the thread as long again (security S16).
    """

    __slots__ = ("_is_broken", "_stream")

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._is_broken = False

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes. Raises OSError when the sender broke the rules, broke off or stalled."""
        if self._is_broken:
            raise OSError("the body is broken")
        try:
            body: bytes = self._stream.read(size)
        except Exception as error:
            self._is_broken = True
            raise OSError("the body is broken") from error
        return body


def has_body(environ: Mapping[str, Any]) -> bool:
    """Whether the request says that a body follows."""
    return environ.get("CONTENT_LENGTH", "") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ
