"""The log of requests: what came in, what went out. Secrets are masked when it is read."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import Any

KEPT = 5000
SHOWN_BYTES = 4096

SECRET_NAMES = (
    "access_token|refresh_token|secret|appsecret|ticket|signature|msg_signature|sign|code|key|echostr|sp_ticket"
)
IN_QUERY = re.compile(rf"(?i)(^|&)({SECRET_NAMES})=([^&]*)")
IN_JSON = re.compile(rf'(?i)"({SECRET_NAMES})"\s*:\s*"([^"]*)"')
IN_XML = re.compile(rf"(?i)<({SECRET_NAMES}|Encrypt|MsgSignature)>(?:<!\[CDATA\[)?([^<\]]*)(?:\]\]>)?</\1>")


def short(value: str) -> str:
    """The first characters only: enough to tell two apart, not enough to use."""
    return value if len(value) < 4 else value[:4] + "…"


def masked(text: str) -> str:
    """A text of a request or reply with every secret shortened."""
    text = IN_JSON.sub(lambda m: f'"{m[1]}":"{short(m[2])}"', text)
    return IN_XML.sub(lambda m: f"<{m[1]}>{short(m[2])}</{m[1]}>", text)


def masked_query(query: str) -> str:
    return IN_QUERY.sub(lambda m: f"{m[1]}{m[2]}={short(m[3])}", query)


@dataclass(slots=True)
class Entry:
    """One request and its reply as they were; never saved to disk."""

    n: int
    at: float
    door: str
    method: str
    path: str
    query: str
    body: bytes
    body_bytes: int
    content_type: str
    status: int
    reply: bytes
    reply_bytes: int
    reply_type: str
    took_ms: float
    fault: str

    def shown(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "at": self.at,
            "door": self.door,
            "method": self.method,
            "path": self.path,
            "query": masked_query(self.query),
            "body": shown_body(self.body, self.body_bytes, self.content_type),
            "status": self.status,
            "reply": shown_body(self.reply, self.reply_bytes, self.reply_type),
            "took_ms": round(self.took_ms, 2),
            "fault": self.fault,
        }


def shown_body(content: bytes, size: int, content_type: str) -> str:
    if content and not re.match(r"(?i)text/|application/(json|xml|x-www-form)|$", content_type):
        return f"({size} bytes of {content_type.split(';')[0]})"
    text = masked(content.decode("utf-8", "replace"))
    return text + ("…" if size > len(content) else "")


class RequestLog:
    """The last requests, numbered from 1."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=KEPT)
        self.last = 0

    def add(self, *, body: bytes, reply: bytes, **values: Any) -> None:
        """Keeps one call; of long bodies only the beginning."""
        self.last += 1
        self.entries.append(
            Entry(
                n=self.last,
                body=body[:SHOWN_BYTES],
                body_bytes=len(body),
                reply=reply[:SHOWN_BYTES],
                reply_bytes=len(reply),
                **values,
            )
        )

    def after(self, n: int, limit: int = 500) -> list[dict[str, Any]]:
        """Entries after number `n`, oldest first; n < 0 counts from the end."""
        if n < 0:
            n = self.last + n
        found = [entry for entry in list(self.entries) if entry.n > n]
        return [entry.shown() for entry in found[:limit]]

    def reset(self) -> None:
        self.entries.clear()
        self.last = 0
