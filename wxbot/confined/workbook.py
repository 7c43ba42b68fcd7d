"""Workbooks (.xlsx), read as a stream: what a sheet's cells hold and which rows and columns nobody sees; nothing else of them.

Only the parts of the rows are unpacked, and no more than UNPACKED_BYTES of them: of what a workbook says about itself nothing is
believed (S12, S13). How it looks does not matter but for what is a date.
"""

import io
import re
import zipfile
from collections.abc import Callable, Mapping
from typing import NamedTuple
from xml.parsers import expat

from wxbot.confined.cells import Bad, clean, number_text
from wxbot.confined.rows import COLUMNS_MAX, NoTable, ReadRow, ReadTable, refuse_beyond, refuse_wide

UNPACKED_BYTES = 40 * 1024 * 1024
STRINGS_MAX = 1_000_000
SHEETS_MAX = 20
"""Looking for the one that holds something costs a moment for each."""

_TEXT_CHARS = 4_096
"""So much of a text is kept before it is looked at; a longer one is too long for a cell of ours."""

_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?([Ee][-+]?[0-9]{1,3})?")
_CONSTANT = re.compile(r'\s*"((?:[^"]|"")*)"\s*')
_NOT_SHOWN = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_DATE_IDS = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
_PERCENT_IDS = frozenset((9, 10))


class _Listed(NamedTuple):
    """A sheet as the workbook names it."""

    title: str
    part: str


class _Book:
    """The archive, how much of it may still be unpacked, and what all sheets share."""

    def __init__(self, archive: zipfile.ZipFile, names: dict[str, str]) -> None:
        self.archive, self.names, self.left = archive, names, UNPACKED_BYTES
        self.strings: list[str] = []
        self.formats: list[str] = []
        """Of each cell format: 'date', 'percent' or ''."""


class _Over(Exception):
    """Everything of interest was read."""


StartTag = Callable[[str, Mapping[str, str]], None]


def table(raw: bytes) -> ReadTable:
    """The rows of the one visible sheet that holds any. Raises NoTable, whatever is wrong with the file."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = {name.replace("\\", "/").lstrip("/").lower(): name for name in archive.namelist()}
            if len(names) != len(archive.namelist()):  # two parts of one name: each program would read another one
                raise NoTable("broken")
            _refuse_others(archive, names)
            return _book_table(_Book(archive, names))
    except (NoTable, MemoryError):
        raise
    except (
        Exception
    ) as error:  # whatever it stumbles over, the file is what is wrong, and the person has it in front of them
        raise NoTable("broken") from error


def _refuse_others(archive: zipfile.ZipFile, names: Mapping[str, str]) -> None:
    """Name what else is packed like a workbook."""
    if "xl/workbook.bin" in names:
        raise NoTable("xlsb")
    if any(name.startswith("word/") for name in names):
        raise NoTable("word")
    if any(name.startswith("ppt/") for name in names):
        raise NoTable("slides")
    if any(name.endswith(".iwa") for name in names) or "index.zip" in names:
        raise NoTable("numbers")
    if "mimetype" in names and b"opendocument" in archive.open(names["mimetype"]).read(200):
        raise NoTable("ods")
    if "_rels/.rels" not in names and "xl/workbook.xml" not in names:
        raise NoTable("archive")


def _parse(book: _Book, part: str, start: StartTag, end: Callable[[str], None], text: Callable[[str], None]) -> None:
    """Read one part as XML without a DTD, names without their prefixes. Raises NoTable when too much is unpacked."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, given: start(name.rpartition(":")[2], given)
    parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = _refuse_dtd
    try:
        with book.archive.open(book.names[part]) as file:
            while chunk := file.read(65_536):
                book.left -= len(chunk)
                if book.left < 0:
                    raise NoTable("unpacked")
                parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except _Over:
        return


def _refuse_dtd(*_given: object) -> None:
    raise NoTable("forbidden")


def _nothing(_said: str) -> None:
    """For parts whose texts or ends do not matter."""


def _relations(book: _Book, part: str) -> dict[str, tuple[str, str]]:
    """Id → (last word of its type, part) of what a part refers to."""
    folder, _, name = part.rpartition("/")
    found: dict[str, tuple[str, str]] = {}

    def start(name: str, given: Mapping[str, str]) -> None:
        if name == "Relationship" and given.get("TargetMode") != "External":
            target = given["Target"].replace("\\", "/")
            whole = target.lstrip("/") if target.startswith("/") else f"{folder}/{target}".lstrip("/")
            steps: list[str] = []
            for step in whole.split("/"):
                steps = steps[:-1] if step == ".." else [*steps, step] if step != "." else steps
            found[given["Id"]] = (given["Type"].rpartition("/")[2], "/".join(steps).lower())

    listed = f"{folder}/_rels/{name}.rels".lstrip("/").lower()
    if listed in book.names:
        _parse(book, listed, start, _nothing, _nothing)
    return found


def _book_table(book: _Book) -> ReadTable:
    roots = [part for kind, part in _relations(book, "").values() if kind == "officeDocument"]
    root = roots[0] if roots else "xl/workbook.xml"
    related = _relations(book, root)
    for kind, part in related.values():
        if kind == "sharedStrings" and part in book.names:
            _read_strings(book, part)
        elif kind == "styles" and part in book.names:
            _read_formats(book, part)
    visible = _visible(book, root, related)
    if len(visible) > SHEETS_MAX:
        raise NoTable("sheets")
    tables = [(sheet.title, _sheet(book, sheet.part)) for sheet in visible]
    tables = [(title, each) for title, each in tables if each.rows]
    if not tables:
        raise NoTable("nothing")
    if len(tables) > 1:
        raise NoTable("several", sheets=[f"“{title[:20]}”" for title, _ in tables[:4]])
    return tables[0][1]


def _visible(book: _Book, root: str, related: Mapping[str, tuple[str, str]]) -> list[_Listed]:
    found: list[_Listed] = []

    def start(name: str, given: Mapping[str, str]) -> None:
        if name == "sheet" and given.get("state", "visible") == "visible":
            ids = [value for key, value in given.items() if key.endswith(":id")]
            kind, part = related[ids[0]]
            if kind == "worksheet":
                found.append(_Listed(given.get("name", ""), part))

    _parse(book, root, start, _nothing, _nothing)
    return found


class _Texts:
    """Collects the texts of <t> within one string, without the readings printed above it (<rPh>)."""

    __slots__ = ("chars", "is_open", "parts", "readings")

    def __init__(self) -> None:
        self.readings, self.is_open = 0, False
        self.clear()

    def clear(self) -> None:
        """Begin another string."""
        self.parts: list[str] = []
        self.chars = 0

    def start(self, name: str) -> None:
        """An element begins."""
        if name == "rPh":
            self.readings += 1
        self.is_open = name == "t" and not self.readings

    def end(self, name: str) -> None:
        """An element ends."""
        if name == "rPh":
            self.readings -= 1
        self.is_open = False

    def add(self, text: str) -> None:
        """Some of the text."""
        if self.is_open and self.chars <= _TEXT_CHARS:
            self.parts.append(text)
            self.chars += len(text)

    def cell(self) -> str:
        """What they say."""
        text = "".join(self.parts)
        return Bad("long", text) if self.chars > _TEXT_CHARS else clean(text, is_escaped=True)


def _read_strings(book: _Book, part: str) -> None:
    texts = _Texts()

    def start(name: str, _given: Mapping[str, str]) -> None:
        if name == "si":
            texts.clear()
        texts.start(name)

    def end(name: str) -> None:
        texts.end(name)
        if name == "si":
            book.strings.append(texts.cell())
            if len(book.strings) > STRINGS_MAX:
                raise NoTable("unpacked")

    _parse(book, part, start, end, texts.add)


def _read_formats(book: _Book, part: str) -> None:
    """What number formats show a date or a percentage; whatever else a style says is passed over."""
    codes: dict[int, str] = {}
    inside: list[str] = []

    def start(name: str, given: Mapping[str, str]) -> None:
        inside.append(name)
        if name == "numFmt" and "numFmtId" in given:
            codes[int(given["numFmtId"])] = given.get("formatCode", "")
        elif name == "xf" and "cellXfs" in inside:
            number = int(given.get("numFmtId") or 0)
            book.formats.append(_format_kind(number, codes.get(number, "")))

    _parse(book, part, start, lambda _name: (inside.pop(), None)[1], _nothing)


def _format_kind(number: int, code: str) -> str:
    shown = _NOT_SHOWN.sub("", code.partition(";")[0]) if code != "General" else ""
    if number in _DATE_IDS or re.search("[dmyhs]|aaa", shown, re.IGNORECASE):
        return "date"
    return "percent" if number in _PERCENT_IDS or "%" in shown else ""


def _column(reference: str) -> int:
    """The place of 'AB12', counted from 0; beyond our columns any number will do."""
    place = 0
    for letter in reference.rstrip("0123456789"):
        place = min(place * 26 + ord(letter.upper()) - 64, 100_000)
    return place - 1


def _is_true(value: str | None) -> bool:
    return value in ("1", "true", "on")


class _SheetReader:
    """The rows of one sheet, as its XML tells them."""

    def __init__(self, book: _Book) -> None:
        self.book = book
        self.rows: list[ReadRow] = []
        self.hidden_columns: set[int] = set()
        self.texts = _Texts()
        self.value: list[str] = []
        self.formula: list[str] | None = None
        self.at, self.kind, self.style, self.inside = -1, "n", 0, ""
        self.row = ReadRow(0, [])

    def start(self, name: str, given: Mapping[str, str]) -> None:
        """An element begins."""
        self.inside = name
        if name == "c":
            place = _column(given["r"]) if "r" in given else self.at + 1
            if place <= self.at:
                raise NoTable("broken")
            self.at, self.kind, self.style = place, given.get("t", "n"), int(given.get("s") or 0)
            self.value, self.formula = [], None
            self.texts.clear()
        elif name == "row":
            number = int(given["r"]) if "r" in given else self.row.number + 1
            if number <= self.row.number:
                raise NoTable("broken")
            is_flat = given.get("ht") is not None and float(given["ht"]) == 0
            self.row, self.at = ReadRow(number, [], _is_true(given.get("hidden")) or is_flat), -1
        elif name == "f":
            self.formula = []
        elif name == "col" and (_is_true(given.get("hidden")) or float(given.get("width") or 1) == 0):
            self.hidden_columns |= set(range(int(given["min"]) - 1, min(int(given["max"]), COLUMNS_MAX)))
        self.texts.start(name)

    def end(self, name: str) -> None:
        """An element ends."""
        self.texts.end(name)
        self.inside = ""
        if name == "c":
            cell = self._cell()
            if cell:
                if self.at >= COLUMNS_MAX:
                    refuse_wide(self.row.number)
                self.row.cells.extend([""] * (self.at - len(self.row.cells)))
                self.row.cells.append(cell)
        elif name == "row" and self.row.cells:
            self.rows.append(self.row)
            refuse_beyond(self.rows)
        elif name == "sheetData":
            raise _Over

    def add(self, text: str) -> None:
        """Some of the text of an element."""
        if self.inside == "v":
            self.value.append(text)
        elif self.inside == "f" and self.formula is not None:
            self.formula.append(text)
        else:
            self.texts.add(text)

    def _cell(self) -> str:
        if self.formula is not None:
            formula = "".join(self.formula)
            constant = _CONSTANT.fullmatch(formula)  # ="138…", by which people keep digits as text
            return clean(constant[1].replace('""', '"')) if constant else Bad("formula", formula and f"={formula}")
        if self.kind == "inlineStr":
            return self.texts.cell()
        value = "".join(self.value)
        if not value.strip():
            return ""
        if self.kind == "s":
            return self.book.strings[int(value)]
        if self.kind == "str":
            return clean(value, is_escaped=True)
        if self.kind != "n":
            return Bad({"b": "truth", "e": "broken", "d": "dated"}[self.kind], value if self.kind == "e" else "")
        return self._number(value.strip())

    def _number(self, value: str) -> str:
        formats = self.book.formats
        how = formats[self.style] if self.style < len(formats) else ""
        if how:
            return Bad("dated" if how == "date" else "percent")
        if not _NUMBER.fullmatch(value):
            raise NoTable("broken")
        if len(value) > 40:
            return Bad("inexact", value)
        return number_text(int(value) if value.lstrip("+-").isdigit() else float(value))


def _sheet(book: _Book, part: str) -> ReadTable:
    reader = _SheetReader(book)
    _parse(book, part, reader.start, reader.end, reader.add)
    return ReadTable(reader.rows, frozenset(reader.hidden_columns))
