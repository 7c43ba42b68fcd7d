"""The program that reads sheets: from a stranger's bytes to the rows below the header that names our columns.

Runs in the confined child: one line of JSON (columns, needs), then the file; answers with JSON, {"why": …} for what is no list.
"""

import json
import re
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from wxbot.confined import delimited
from wxbot.confined.cells import Bad
from wxbot.confined.rows import HEADER_WITHIN, ROWS_MAX, NoTable, ReadRow, ReadTable

CHARS_MAX = 6_000_000
"""Letters of all the cells that are kept."""

_HEADER_NOISE = re.compile(r"[\s()\[\]【】《》<>:：,，、_*/\\\-.。]+")

KINDS = (
    (re.compile(rb"\s*%PDF"), "pdf"),
    (re.compile(rb"\xff\xd8\xff|\x89PNG|GIF8|RIFF....WEBP|....ftyp|II\*\0|MM\0\*", re.DOTALL), "image"),
    (re.compile(rb"\{\\rtf"), "word"),
    (re.compile(rb"7z\xbc\xaf|Rar!|\x1f\x8b|BZh|\xfd7zXZ"), "archive"),
    (re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|meta|table|body)", re.IGNORECASE), "html"),
    (re.compile(rb"(?:\xef\xbb\xbf)?\s*<\?xml"), "xml"),
)
"""How a file begins that is no sheet, whatever it is called."""


def kind_of(raw: bytes) -> str:
    """What the bytes are by their beginning, '' for what may be a sheet."""
    if raw.startswith(b"\xd0\xcf\x11\xe0"):
        streams = {"locked": "EncryptedPackage", "word": "WordDocument", "slides": "PowerPoint Document"}
        return next((kind for kind, name in streams.items() if name.encode("utf-16-le") in raw), "xls")
    return next((kind for begins, kind in KINDS if begins.match(raw)), "")


def read(raw: bytes, columns: Mapping[str, Sequence[str]], needs: Sequence[Sequence[str]]) -> dict[str, Any]:
    """The rows below the header, as the answer says them; `columns`: our key → the names people write above it.

    Raises NoTable.
    """
    if kind := kind_of(raw):
        raise NoTable(kind)
    keys = {header_word(name): key for key, names in columns.items() for name in names}

    def known(cells: Sequence[str]) -> int:
        return len({keys[header_word(cell)] for cell in cells if header_word(cell) in keys})

    table = _workbook(raw) if raw.startswith(b"PK") else delimited.table(raw, known)
    if not table.rows:
        raise NoTable("nothing")
    counts = [known(row.cells) for row in table.rows[:HEADER_WITHIN]]
    start = counts.index(max(counts))
    places, unread = _places(table, table.rows[start].cells, keys)
    for group in needs:
        if not any(key in places for key in group):
            raise NoTable("column", wanted=" / ".join(columns[key][0] for key in group))
    rows = table.rows[start + 1 :]
    if not rows:
        raise NoTable("header_only")
    if len(rows) > ROWS_MAX:
        raise NoTable("rows", most=f"{ROWS_MAX:,}")
    return {"keys": sorted(places), "rows": _told(rows, places), "unread": unread}


def _workbook(raw: bytes) -> ReadTable:
    from wxbot.confined import workbook  # noqa: PLC0415 - what unpacks a workbook takes long to load, and a text needs none of it

    return workbook.table(raw)


def _places(table: ReadTable, header: Sequence[str], keys: Mapping[str, str]) -> tuple[dict[str, int], list[str]]:
    """(key → column, header texts nobody knows). Raises NoTable for two columns of one key, and for one that is hidden."""
    places: dict[str, int] = {}
    unread = []
    for place, cell in enumerate(header):
        key = keys.get(header_word(cell))
        if key is None:
            unread += [cell[:40]] if cell and not isinstance(cell, Bad) else []
        elif key in places:
            raise NoTable("two_columns", first=_named(header, places[key]), second=_named(header, place))
        elif place in table.hidden_columns:
            raise NoTable("hidden_column", header=_named(header, place))
        else:
            places[key] = place
    return places, unread


def _named(header: Sequence[str], place: int) -> str:
    letters = "" if place < 26 else "A"
    return f"{header[place]}（{letters}{chr(65 + place % 26)}）"


def header_word(cell: str) -> str:
    """A header as it is compared: '金额（元）' and '金额 元' are one, and '金额（分）' is another."""
    return _HEADER_NOISE.sub("", unicodedata.normalize("NFKC", cell)).casefold()


def _told(rows: Sequence[ReadRow], places: Mapping[str, int]) -> list[list[Any]]:
    told: list[list[Any]] = []
    chars = 0
    for row in rows:
        found = {key: row.cells[place] if place < len(row.cells) else "" for key, place in places.items()}
        faults = {key: str(cell) for key, cell in found.items() if isinstance(cell, Bad)}
        if row.fault:
            faults["row"] = row.fault
        cells = {key: "" if isinstance(cell, Bad) else cell for key, cell in found.items()}
        chars += sum(map(len, cells.values()))
        if chars > CHARS_MAX:
            raise NoTable("unpacked")
        written = {key: cell.written for key, cell in found.items() if isinstance(cell, Bad)}
        told.append([row.number, cells, faults, row.is_hidden, written])
    return told


def main() -> None:
    """Read a file, write what it says."""
    asked = json.loads(sys.stdin.buffer.readline())
    try:
        answer = read(sys.stdin.buffer.read(), asked["columns"], asked["needs"])
    except NoTable as refused:
        answer = {"why": refused.why, "values": refused.values}
    except MemoryError:
        answer = {"why": "unpacked", "values": {}}
    sys.stdout.write(json.dumps(answer))
