"""A request to draw as its bytes say it, for whoever has them before a server has made a request of them."""

import io
import re
from typing import Any, NamedTuple

from wxbot.draws.door import cookie_of

_DRAW = re.compile(rb"POST /h5/c/([A-Za-z0-9_-]{1,64})/draw(?:\?([!\"$-~]*))? HTTP/1\.1(?=\r\n)")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,5})[ \t]*\r\n")
_NOT_SIMPLE = re.compile(rb"\r\n(?:transfer-encoding|expect|upgrade|connection:(?![ \t]*keep-alive[ \t]*\r\n))")

_ORDINARY = re.compile(rb"(?:\r\n[A-Za-z0-9-]+:[\t -~]*)+\r\n")
_MOST_FIELDS, _LONGEST_LINE = 64, 4000
"""Within what the server takes (limit_request_fields and the like in deploy/gunicorn.conf.py): it refuses the rest in its own words."""

_BARE = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})

_ODD = frozenset({"HTTP_X_FORWARDED_PROTOCOL", "HTTP_X_FORWARDED_SSL"})
"""Beside X-Forwarded-Proto they may contradict it, which the server refuses."""


class PlainDraw(NamedTuple):
    """A request to draw by its bytes: the campaign, its head, in small letters as well, its query, and its body."""

    slug: bytes
    head: bytes
    small: bytes
    query: bytes
    body: bytes

    def cookie(self, name: str) -> str:
        """The value of a cookie, as the door reads it; empty when there is none."""
        at = self.small.find(b"\r\ncookie:")
        line = self.head[at + 9 : self.head.find(b"\r\n", at + 9)] if at >= 0 else b""
        return cookie_of(line.decode("latin-1"), name) or ""


def plain_draw(request: bytes) -> PlainDraw | None:
    """A request to draw that is here to its last byte, and nothing behind it; None for all else, which a thread reads (RFC 9112 §6)."""
    found = _DRAW.match(request)
    if found is None:
        return None
    end = request.find(b"\r\n\r\n", found.end())
    head = request[found.end() : end + 2]
    small = head.lower()
    lengths = _LENGTH.findall(small)
    if end < 0 or len(lengths) != 1 or small.count(b"\r\ncontent-length") != 1 or _NOT_SIMPLE.search(small):
        return None
    if len(request) != end + 4 + int(lengths[0]):
        return None
    return PlainDraw(found[1], head, small, found[2] or b"", request[end + 4 :])


def environ_of(draw: PlainDraw, client: Any) -> dict[str, Any] | None:
    """What a server would tell the draw door of it (PEP 3333), as far as it asks; None for whatever is not quite ordinary.

    `client` is the other end as its socket says it: an address with its port, or the name of a unix socket.
    """
    if len(draw.query) > _LONGEST_LINE or not _ORDINARY.fullmatch(draw.head):
        return None
    lines = draw.head[2:-2].decode("ascii").split("\r\n")
    if len(lines) > _MOST_FIELDS:
        return None
    address = client[0] if isinstance(client, tuple) else client
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/h5/c/{draw.slug.decode()}/draw",
        "QUERY_STRING": draw.query.decode(),
        "REMOTE_ADDR": address.decode() if isinstance(address, bytes) else address,
        "wsgi.input": io.BytesIO(draw.body),
    }
    for line in lines:
        name, _, value = line.partition(":")
        key = name.upper().replace("-", "_")
        if key not in _BARE:
            key = f"HTTP_{key}"
        if key in environ or key in _ODD:
            return None
        environ[key] = value.strip(" \t")
    return environ
