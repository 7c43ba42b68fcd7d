"""Answers made smaller where no proxy does it: files, and the console's pages that hold nothing of the address (security S90).

A page with a secret (the CSRF token) beside words that a stranger chooses tells by its length when the two are alike (BREACH).
So a page asked for with a query string, which it may show again, is sent as it is; and the others, which may hold words that
people have written before, get a random length: a file name of 1 to 100 bytes in gzip's header, which nobody reads.
"""

import secrets
import struct
import zlib
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

LEAST_BYTES = 1024
"""What is smaller is sent as it is."""

NOISE_BYTES = 100
LEVEL = 6
KINDS = frozenset(
    {
        "text/html",
        "text/css",
        "text/javascript",
        "application/javascript",
        "application/json",
        "image/svg+xml",
        "text/plain",
    }
)


def gzipped(body: bytes, name: bytes = b"") -> bytes:
    """The body in gzip's format (RFC 1952), with a file name that makes it longer."""
    head = b"\x1f\x8b\x08" + (b"\x08" if name else b"\0") + b"\0\0\0\0" + b"\x02\xff" + (name + b"\0" if name else b"")
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(body) + packer.flush()
    return head + packed + struct.pack("<LL", zlib.crc32(body), len(body) & 0xFFFFFFFF)


def noise() -> bytes:
    """A name of 1 to NOISE_BYTES bytes."""
    return secrets.token_hex(NOISE_BYTES)[: 1 + secrets.randbelow(NOISE_BYTES)].encode()


@lru_cache(maxsize=128)
def _gzipped_file(path: str, _modified_ns: int) -> bytes:
    return gzipped(Path(path).read_bytes())


def install(app: Flask, blueprints: Collection[str]) -> None:
    """Compress files and the pages of these blueprints; for an application that no proxy stands in front of.

    Callbacks and draws have no hook of it: files are compressed where they are served, pages by their blueprints.
    """

    def compress(response: Response) -> Response:
        is_file = request.endpoint == "static"
        if request.method != "GET" or response.status_code != 200 or (request.query_string and not is_file):
            return response
        if response.mimetype not in KINDS or response.content_encoding or response.content_range.units:
            return response
        response.vary.add("Accept-Encoding")
        if (response.content_length or 0) < LEAST_BYTES or not request.accept_encodings["gzip"]:
            return response
        body = _file(app) if is_file else gzipped(response.get_data(), noise())
        if body is None:
            return response
        if is_file:
            response.close()
        response.direct_passthrough = False
        response.set_data(body)
        response.content_encoding = "gzip"
        etag, _ = response.get_etag()
        if etag:
            response.set_etag(etag, weak=True)  # the same content in another spelling
        return response

    for name in blueprints:
        app.after_request_funcs.setdefault(name, []).append(compress)
    serve = app.view_functions["static"]

    def serve_compressed(**values: Any) -> Response:
        return compress(app.make_response(app.ensure_sync(serve)(**values)))

    app.view_functions["static"] = serve_compressed


def _file(app: Flask) -> bytes | None:
    path = Path(app.static_folder or "") / str((request.view_args or {}).get("filename", ""))
    try:
        return _gzipped_file(str(path), path.stat().st_mtime_ns)
    except OSError:
        return None
