"""Bodies of requests as the server hands them over: faults in one shape, and what an answer left unread."""

from collections.abc import Mapping, MutableMapping
from typing import Any

_READ_WHOLE = "wxbot.body_read"
"""In the environ: nothing of the body is left to be read."""


def note_read(environ: MutableMapping[str, Any], n: int) -> None:
    """Somebody has read `n` bytes of the body: when that is all of it, the server need not be asked for the rest."""
    if environ.get("CONTENT_LENGTH") == str(n) and "HTTP_TRANSFER_ENCODING" not in environ:
        environ[_READ_WHOLE] = True


SPARE_BYTES = 1024 * 1024
"""What is still read of a body that nobody asked for: more than a refused photo or list mostly has left."""


def finish_body(environ: Mapping[str, Any], start_response: Any) -> None:
    """Read what an answer left unread of its request, or say that the connection ends with it (security S16).

    A server that keeps the connection would take the rest for the next request; gunicorn drops such a connection, after it
    has promised to keep it. It takes no `Connection` header from an application, so its response is told.
    """
    if not has_body(environ) or _READ_WHOLE in environ:
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
