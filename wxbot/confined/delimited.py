"""Text files whose cells are parted by a mark: which letters they hold, which mark it is, and where a quote was left open."""

import csv
import io
import re
from collections.abc import Callable
from itertools import islice

from wxbot.confined.cells import clean
from wxbot.confined.rows import COLUMNS_MAX, HEADER_WITHIN, NoTable, ReadRow, ReadTable, refuse_beyond, refuse_wide

MARKS = ",\t;，|"
LINES_LOOKED_AT = 40
FOREIGN_SHARE = 0.15
"""Of the letters of a Chinese list fewer than so many stand outside GB 2312; of a Big5 file read as GBK about half do."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_ROW_BEGINS = re.compile(r"\W*[0-9A-Za-z_-]{6,}\W*$")


def text_of(raw: bytes) -> str:
    """The text of a file in UTF-8 or UTF-16, with or without a mark, or in what Chinese Windows writes.

    Raises NoTable where letters would become others: bytes of another encoding are nearly always letters of GBK, too.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decoded(raw, "utf-16")
    if b"\0" in raw:
        if raw[:4096].count(0) * 5 < len(raw[:4096]):
            raise NoTable("no_sheet")
        evens, odds = raw[0:4096:2].count(0), raw[1:4096:2].count(0)
        return _decoded(raw, "utf-16-be" if evens > odds else "utf-16-le")
    try:
        text = _checked(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        pass
    else:
        if _is_gbk_by_chance(raw, text):
            raise NoTable("letters")
        return text
    text = _decoded(raw, "gb18030")
    if raw.startswith(b"\xef\xbb\xbf") or _is_torn_utf8(raw) or _is_foreign(raw, text):
        raise NoTable("letters")
    return text


def _decoded(raw: bytes, coding: str) -> str:
    try:
        return _checked(raw.decode(coding))
    except UnicodeDecodeError as error:
        raise NoTable("letters") from error


def _checked(text: str) -> str:
    if "\0" in text:
        raise NoTable("no_sheet")
    return text.removeprefix("\ufeff")


def _is_gbk_by_chance(raw: bytes, text: str) -> bool:
    """Whether few Chinese letters happen to be UTF-8, too ("通" is a Greek mark there): all letters of two bytes, none European."""
    letters = {letter for letter in text if letter > "\x7f"}
    if not letters or max(letters) > "\u07ff" or max(letters) <= "\u017f" or raw.startswith(b"\xef\xbb\xbf"):
        return False
    try:
        return all(_is_in(letter, "gb2312") for letter in raw.decode("gb18030"))
    except UnicodeDecodeError:
        return False


def _is_torn_utf8(raw: bytes) -> bool:
    """UTF-8 that was cut or damaged: more of its letters are whole than not, which GBK hardly ever looks like."""
    lenient = raw.decode("utf-8", errors="replace")
    torn = lenient.count("\ufffd")
    whole = sum(1 for letter in lenient if letter > "\x7f") - torn
    return whole > torn


def _is_foreign(raw: bytes, text: str) -> bool:
    """Whether this GBK text was most likely written in another encoding: Big5, Shift JIS, a Western one."""
    letters = [letter for letter in text if letter > "\x7f"]
    outside = sum(1 for letter in letters if not _is_in(letter, "gb2312"))
    if outside * 2 > len(letters) and outside > 1:
        return True
    lone = re.findall(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])", raw)
    if letters and len(lone) == len(letters):  # é, ü: one byte of two, the other one an ASCII letter that it would eat
        return True
    return outside > FOREIGN_SHARE * len(letters) and _is_plain_taiwanese(raw)


def _is_in(letter: str, coding: str) -> bool:
    try:
        letter.encode(coding)
    except UnicodeEncodeError:
        return False
    return True


def _is_plain_taiwanese(raw: bytes) -> bool:
    """Whether it could be Big5 as people in Taiwan and Hong Kong write it, of frequent letters only (lead bytes A1 to C6)."""
    try:
        text = raw.decode("big5")
    except UnicodeDecodeError:
        return False
    letters = [letter.encode("big5") for letter in text if letter > "\x7f"]
    return bool(letters) and sum(1 for pair in letters if pair[0] <= 0xC6) * 10 >= len(letters) * 9


def table(raw: bytes, known: Callable[[list[str]], int]) -> ReadTable:
    """The rows of a text file. `known` counts how many of our columns a row names: the mark is the one that parts the header.

    Raises NoTable: an open quote would swallow the rows below it, so it is named and nothing is read.
    """
    text = text_of(raw)
    mark, width = _mark(text, known)
    return ReadTable(_rows(text, mark, width))


def _mark(text: str, known: Callable[[list[str]], int]) -> tuple[str, int]:
    """(the mark between cells, how many cells the header has)."""
    best, found = (0, 0, 0), (MARKS[0], 0)
    for order, mark in enumerate(MARKS):
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
        try:
            records = [_trimmed(cells) for cells in islice(reader, LINES_LOOKED_AT)]
        except csv.Error:
            continue
        for at, cells in enumerate(list(filter(None, records))[:HEADER_WITHIN]):
            here = (known(cells), -order, -at)
            if here > best:
                best, found = here, (mark, len(cells))
    return found


def _trimmed(cells: list[str]) -> list[str]:
    """The cells as they are kept, without the empty ones at the end."""
    kept = [clean(cell) for cell in cells]
    while kept and not kept[-1]:
        kept.pop()
    return kept


def _rows(text: str, mark: str, width: int) -> list[ReadRow]:
    rows: list[ReadRow] = []
    number = 0
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True), start=1):
            kept = _trimmed(cells)
            if not kept:
                continue
            if len(kept) > COLUMNS_MAX:
                refuse_wide(number)
            fault = "swallowed" if any(_holds_rows(cell, mark, width) for cell in cells) else ""
            if width and len(kept) > width:
                fault = fault or "wide"
            rows.append(ReadRow(number, kept, fault=fault))
            refuse_beyond(rows)
    except csv.Error as error:
        raise NoTable("open_quote", row=number + 1) from error
    return rows


def _holds_rows(cell: str, mark: str, width: int) -> bool:
    """Whether a quote that was closed somewhere below has swallowed rows: its further lines look like rows of the table."""
    if "\n" not in cell and "\r" not in cell:
        return False
    for line in _LINE_END.split(cell)[1:]:
        first, parts = line.partition(mark)[0], line.count(mark)
        if parts and (parts >= width - 1 or _ROW_BEGINS.match(first)):
            return True
    return False
