"""What a door is made of: requests in, replies out, a visible table of routes. The server walks the tables."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_cookie, parse_options_header

from wxbot.simulator.world import World

MAX_BODY_BYTES = 12 * 1024 * 1024


class TooLarge(Exception):
    """The body is larger than any door takes."""


@dataclass(frozen=True)
class Upload:
    """One file of a multipart body."""

    filename: str
    content_type: str
    content: bytes


class Request:
    """One HTTP request, its body read. `parts` holds the named pieces of the path, `pattern` the path with a * for each."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        self.path: str = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        self.query_string: str = environ.get("QUERY_STRING", "")
        self.query: dict[str, str] = dict(parse_qsl(self.query_string, keep_blank_values=True))
        self.parts: dict[str, str] = {}
        self.pattern = ""
        self.body: bytes = read_body(environ)
        self.content_type: str = environ.get("CONTENT_TYPE", "")
        self.remote: str = environ.get("REMOTE_ADDR", "")

    @property
    def has_client_certificate(self) -> bool:
        """Did the caller show a certificate of the simulator's own authority (HTTPS only)?"""
        return bool(self.environ.get("SSL_CLIENT_VERIFY") == "SUCCESS")

    def header(self, name: str) -> str:
        return str(self.environ.get("HTTP_" + name.upper().replace("-", "_"), ""))

    def cookie(self, name: str) -> str:
        return parse_cookie(self.header("Cookie")).get(name) or ""

    def json(self) -> dict[str, Any]:
        """The body as a JSON object, leniently (for our own pages). Raises ValueError; an empty body is {}."""
        if not self.body:
            return {}
        value = json.loads(self.body)
        if not isinstance(value, dict):
            raise ValueError("the body must be a JSON object")
        return value

    def form(self) -> dict[str, str]:
        """The fields of an urlencoded body."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def uploads(self) -> dict[str, Upload]:
        """The files of a multipart body by field name; none when the body is something else."""
        mimetype, options = parse_options_header(self.content_type)
        if mimetype != "multipart/form-data":
            return {}
        parser = FormDataParser(in_memory, max_form_memory_size=MAX_BODY_BYTES, max_form_parts=20, silent=True)
        try:
            _, _, files = parser.parse(io.BytesIO(self.body), mimetype, len(self.body), options)
        except Exception:  # any garbage a client sends is simply no upload
            return {}
        return {
            name: Upload(stored.filename or "", stored.content_type or "", stored.stream.read())
            for name, stored in files.items()
        }


def in_memory(
    total_content_length: int | None,
    content_type: str | None,
    filename: str | None,
    content_length: int | None = None,
) -> io.BytesIO:
    """Where an uploaded file goes while it is read: no temporary file is left behind."""
    return io.BytesIO()


def read_body(environ: dict[str, Any]) -> bytes:
    """The whole body, chunked or not. Raises TooLarge."""
    stream = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH")
    if length:
        if int(length) > MAX_BODY_BYTES:
            raise TooLarge
        return bytes(stream.read(int(length)))
    if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        content = bytes(stream.read(MAX_BODY_BYTES + 1))
        if len(content) > MAX_BODY_BYTES:
            raise TooLarge
        return content
    return b""


@dataclass(slots=True)
class Reply:
    """What goes back. The server adds Date (of the simulated clock) and Content-Length."""

    body: bytes
    content_type: str = "application/json; charset=utf-8"
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)


def json_reply(content: Any, status: int = 200) -> Reply:
    return Reply(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(), status=status)


def xml_reply(content: str) -> Reply:
    return Reply(content.encode(), "text/xml; charset=utf-8")


def html_reply(content: str, status: int = 200) -> Reply:
    return Reply(content.encode(), "text/html; charset=utf-8", status)


def hints(text: str) -> list[tuple[str, str]]:
    """The header that tells a programmer more than WeChat would; none without a text."""
    return [("X-Simulator-Hint", text.encode("ascii", "backslashreplace").decode())] if text else []


def redirect(location: str) -> Reply:
    return Reply(b"", "text/html; charset=utf-8", 302, [("Location", location)])


View = Callable[[World, Request], Reply]
Route = tuple[str, str, View]
"""(method, path, function). In the path `<name>` takes one piece, `<path:name>` takes the rest."""


def unlocked(view: View) -> View:
    """Marks a view that must not hold the world's lock (it waits for a network); it locks what it touches itself."""
    view.is_unlocked = True  # type: ignore[attr-defined]
    return view


@dataclass(frozen=True)
class Door:
    """One host or page of WeChat: its table of routes and how it speaks."""

    name: str
    routes: Iterable[Route]
    refuse: Callable[[World, Request, str], Reply] | None = None
    """Builds the door's own kind of refusal for a fault's err_code. None: this door takes no faults."""
    wrong_method: Callable[[World, Request, str], Reply] | None = None
    """Answer when the path exists under another method (given); None: HTTP 405."""
    endpoint: str = ""
    """The name under which faults know this door, instead of its paths; what only looks (GET) then takes none."""
    is_logged: bool = True
    is_cross_origin: bool = False
    """Pages of another origin may call it with cookies (the bridge inside the application's page)."""
