"""What an import has come to, whole, for who made it to take away: pages list the first of its rows, the file has every one.

It lies sealed in Redis for half an hour, one for each member of staff: the next import takes its place.
"""

import base64
import json
import secrets
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import redis as redis_client

from wxbot.runtime import Runtime
from wxbot.staff.downloads import XLSX_ROWS
from wxbot.text import Text

KEPT_S = 1_800

Cell = str | int | Text
"""A Text is told in the language of who takes the report."""


@dataclass(frozen=True)
class KeptReport:
    """A report that can be taken away: its name in the address, and how many rows it has."""

    id: str
    rows: int

    @property
    def forms(self) -> tuple[str, ...]:
        """The sheets that it is offered as."""
        return ("xlsx", "csv") if self.rows <= XLSX_ROWS else ("csv",)


def keep(
    runtime: Runtime, staff_id: int, target: str, header: Sequence[Text], rows: Iterable[Sequence[Cell]]
) -> KeptReport | None:
    """Keep a report for this member of staff; None while Redis is away. `target` is what the audit log says of the download."""
    body = [target, list(header), *rows]
    made = KeptReport(secrets.token_hex(8), len(body) - 2)
    packed = base64.b64encode(zlib.compress(json.dumps([made.id, *body], ensure_ascii=False).encode(), 1))
    try:
        runtime.redis.set(_key(staff_id), runtime.vault.seal(packed.decode()), ex=KEPT_S)
    except redis_client.RedisError:
        return None
    return made


def kept(
    runtime: Runtime, staff_id: int, report_id: str, locale: str
) -> tuple[str, list[str], list[list[object]]] | None:
    """(target, header, rows) of this member of staff's report in a language; None when it is too long ago or another took its place."""
    try:
        sealed = runtime.redis.get(_key(staff_id))
    except redis_client.RedisError:
        return None
    if not sealed:
        return None
    found_id, target, header, *rows = json.loads(zlib.decompress(base64.b64decode(runtime.vault.open(str(sealed)))))
    if found_id != report_id:
        return None
    return (
        target,
        [Text(*cell).within(locale) for cell in header],
        [[_told(cell, locale) for cell in row] for row in rows],
    )


def _told(cell: Any, locale: str) -> object:
    return Text(*cell).within(locale) if isinstance(cell, list) else cell


def _key(staff_id: int) -> str:
    return f"report:{staff_id}"
