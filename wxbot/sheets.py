"""Spreadsheets that people give us and get from us: xlsx and csv, read into texts, written without a cell that runs.

Reading never guesses: a formula, a date, an error value or a number too long to be exact makes that cell faulty, and
what cannot be a list of rows is refused with a sentence. Writing is safe against formula injection (S45).
"""

import csv
import io
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell

from wxbot.text import Refusal, Text

BYTES_MAX = 5 * 1024 * 1024
ROWS_MAX = 20_000
COLUMNS_MAX = 30
CELL_CHARS = 500
UNPACKED_BYTES_MAX = 40 * 1024 * 1024
PARTS_MAX = 500
SHEETS_MAX = 20
"""Looking for the one that holds something costs a moment for each."""
HEADER_WITHIN = 10
"""A title or two may stand above the header."""

EXACT_DIGITS = 15
"""What a spreadsheet shows and keeps of a number; more digits than these are noise of its binary form."""

DANGEROUS = tuple("=+-@\t\r\n＝＋－＠|%")
_BLANKS = " \u3000\u00a0\ufeff"
_INVISIBLE = dict.fromkeys(
    map(ord, "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff")
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]+)?")
_HEADER_NOISE = re.compile(r"[\s()\[\]【】《》<>:：,，、_*/\\\-.。]+")


@dataclass(frozen=True)
class Column:
    """A column we understand: our key for it, and what people write above it."""

    key: str
    names: Sequence[str]


@dataclass(frozen=True)
class CellFault:
    """Why a cell cannot be taken: a short name to store, and the sentence in both languages."""

    name: str
    text: Text


@dataclass(frozen=True)
class SheetRow:
    """One row below the header. A cell that is absent or empty is '' ; a faulty one is '' and stands in `faults`."""

    number: int
    """Counted as a spreadsheet does, from 1, the header included."""
    cells: dict[str, str]
    faults: dict[str, CellFault] = field(default_factory=dict)


@dataclass(frozen=True)
class Sheet:
    """What was read: which of our columns there are, the rows that hold anything, and header texts we do not know."""

    keys: frozenset[str]
    rows: list[SheetRow]
    unread: tuple[str, ...] = ()


FORMULA = CellFault("formula", Text("单元格是公式，请先粘贴为数值", "the cell holds a formula; paste it as a value"))
DATED = CellFault("dated", Text("单元格是日期，请改成文本或数字", "the cell holds a date; make it text or a number"))
BROKEN = CellFault("broken", Text("单元格是错误值，请改正", "the cell holds an error value; mend it"))
INEXACT = CellFault(
    "inexact", Text("数字位数太多，请把这一列设为文本", "the number has too many digits; make the column text")
)
TRUTH = CellFault(
    "truth", Text("单元格是逻辑值，请改成文本或数字", "the cell holds TRUE or FALSE; make it text or a number")
)
CONTROL = CellFault(
    "control", Text("含有不可见的控制字符，请重新输入", "the cell holds control characters; type it again")
)
LONG = CellFault("long", Text(f"内容超过 {CELL_CHARS} 字", f"the cell holds more than {CELL_CHARS} characters"))
CELL_FAULTS = {fault.name: fault for fault in (FORMULA, DATED, BROKEN, INEXACT, TRUTH, CONTROL, LONG)}
"""Name → fault."""

Cell = str | CellFault


def read(raw: bytes, columns: Sequence[Column], needs: Sequence[Sequence[str]]) -> Sheet:
    """Read an xlsx or csv file whose header names `columns`; of each group in `needs` one key must be there.

    Raises Refusal for what is no such file, is too large, or whose header is not understood.
    """
    if not raw:
        raise Refusal("file", Text("文件是空的", "the file is empty"))
    if len(raw) > BYTES_MAX:
        raise Refusal(
            "file",
            Text(f"文件超过 {BYTES_MAX // 1024 // 1024} MB", f"the file is larger than {BYTES_MAX // 1024 // 1024} MB"),
        )
    if raw.startswith(b"\xd0\xcf\x11\xe0"):
        raise Refusal(
            "file",
            Text(
                "这是旧版 .xls 或带密码的文件，请去掉密码并另存为 .xlsx",
                "this is an old .xls or a file with a password; save it as .xlsx without one",
            ),
        )
    table = list(_xlsx_table(raw) if raw.startswith(b"PK") else _csv_table(raw))
    return _read_table(table, columns, needs)


def _read_table(
    table: Sequence[tuple[int, Sequence[Cell]]], columns: Sequence[Column], needs: Sequence[Sequence[str]]
) -> Sheet:
    names = {_header_word(name): column.key for column in columns for name in column.names}
    start, places, unread = _header(table, names)
    named = {column.key: column.names[0] for column in columns}
    for group in needs:
        if not any(key in places for key in group):
            wanted = " / ".join(named[key] for key in group)
            raise Refusal("file", Text(f"表头缺少这一列：{wanted}", f"the header has no such column: {wanted}"))
    rows = []
    for number, cells in table[start + 1 :]:
        if all(cell == "" for cell in cells):
            continue
        found = {key: cells[place] if place < len(cells) else "" for key, place in places.items()}
        rows.append(
            SheetRow(
                number,
                {key: cell if isinstance(cell, str) else "" for key, cell in found.items()},
                {key: cell for key, cell in found.items() if isinstance(cell, CellFault)},
            )
        )
    if len(rows) > ROWS_MAX:
        raise _too_many_rows()
    if not rows:
        raise Refusal("file", Text("表头下面没有数据", "there are no rows below the header"))
    return Sheet(frozenset(places), rows, unread)


def _header(
    table: Sequence[tuple[int, Sequence[Cell]]], names: dict[str, str]
) -> tuple[int, dict[str, int], tuple[str, ...]]:
    """(where the header stands, key → column, header texts nobody knows): the first row that names most of our columns."""
    best: tuple[int, dict[str, int], tuple[str, ...]] = (0, {}, ())
    for at, (_, cells) in enumerate(table[:HEADER_WITHIN]):
        places: dict[str, int] = {}
        unread = []
        for place, cell in enumerate(cells):
            key = names.get(_header_word(cell)) if isinstance(cell, str) else None
            if key is not None and key in places:
                raise Refusal(
                    "file",
                    Text(f"表头有两列都是“{cell}”，请删去一列", f"two columns are headed “{cell}”; take one away"),
                )
            if key is not None:
                places[key] = place
            elif isinstance(cell, str) and cell:
                unread.append(cell[:40])
        if len(places) > len(best[1]):
            best = (at, places, tuple(unread))
    return best


def _header_word(cell: str) -> str:
    """A header as it is compared: '金额（元）' and '金额 元' are one, and '金额（分）' is another."""
    return _HEADER_NOISE.sub("", unicodedata.normalize("NFKC", cell)).casefold()


def clean(text: str) -> Cell:
    """A text as we keep it: composed, without invisible marks and outer blanks, the export's quote mark taken off once."""
    plain = unicodedata.normalize("NFC", text).translate(_INVISIBLE).strip()
    if plain.startswith("'") and safe_cell(plain[1:]) == plain:
        plain = plain[1:].strip()
    plain = re.sub(r"[\t\r\n]+", " ", plain)
    if _CONTROL.search(plain):
        return CONTROL
    return LONG if len(plain) > CELL_CHARS else plain


def number_text(value: int | float) -> Cell:
    """A number of a spreadsheet exactly as it shows it: 12.300000000000001 is 12.3 to both of us, 12.305 stays 12.305."""
    if isinstance(value, bool):
        return TRUTH
    text = str(value) if isinstance(value, int) else f"{value:.{EXACT_DIGITS}g}"
    is_exact = _NUMBER.fullmatch(text) is not None and len(text.lstrip("-")) <= EXACT_DIGITS + 2
    return text if is_exact else INEXACT


def plain_name(text: str, most: int = 80) -> str:
    """The name of a file on another machine, or of a list, as we keep it: no path, nothing invisible (S43)."""
    last = re.split(r"[\\/]", text)[-1]
    return re.sub(r"[^\S ]|[^\w .()（）\-·，。、&+【】\[\]#]", "", last).strip()[:most]


# --- csv ----------------------------------------------------------------------------------------------------------


def _csv_text(raw: bytes) -> str:
    """The text of a csv file: UTF-8 with or without a mark, UTF-16 with one, else what Chinese Windows writes."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        codings = ["utf-16"]
    else:
        codings = ["utf-8-sig", "gb18030"]
    for coding in codings:
        try:
            return raw.decode(coding)
        except UnicodeDecodeError:
            continue
    raise Refusal(
        "file",
        Text("文件不是 xlsx，也不是 UTF-8 或 GBK 编码的 csv", "the file is neither xlsx nor csv in UTF-8 or GBK"),
    )


def _delimiter(text: str) -> str:
    """The mark that parts the most cells within the first lines; a comma when there is none."""
    lines = text.splitlines()[:HEADER_WITHIN]
    return max(",\t;", key=lambda mark: (max((line.count(mark) for line in lines), default=0), mark == ","))


def _csv_table(raw: bytes) -> Iterator[tuple[int, list[Cell]]]:
    text = _csv_text(raw)
    if "\0" in text:
        raise Refusal("file", Text("文件不是 xlsx 或 csv 表格", "the file is no xlsx or csv sheet"))
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text)), start=1):
            yield _row(number, [clean(cell) for cell in cells])
    except csv.Error as error:
        raise Refusal(
            "file",
            Text("csv 文件格式有误，请用表格软件重新保存", "the csv is malformed; save it again from a spreadsheet"),
        ) from error


def _row(number: int, cells: list[Cell]) -> tuple[int, list[Cell]]:
    """A numbered row without the empty cells at its end. Raises Refusal beyond the bounds."""
    while cells and cells[-1] == "":
        cells.pop()
    if len(cells) > COLUMNS_MAX:
        raise Refusal("file", Text(f"超过 {COLUMNS_MAX} 列", f"there are more than {COLUMNS_MAX} columns"))
    if cells and number > ROWS_MAX + HEADER_WITHIN:
        raise _too_many_rows()
    return number, cells


def _too_many_rows() -> Refusal:
    return Refusal(
        "file",
        Text(
            f"超过 {ROWS_MAX:,} 行，请分成几个文件",
            f"there are more than {ROWS_MAX:,} rows; make several files of them",
        ),
    )


# --- xlsx ---------------------------------------------------------------------------------------------------------


def _refuse_bomb(raw: bytes) -> None:
    """Refuse an archive that unpacks to far more than a list needs, or that holds a DTD; raises Refusal."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            parts = archive.infolist()
            if len(parts) > PARTS_MAX or sum(part.file_size for part in parts) > UNPACKED_BYTES_MAX:
                raise Refusal(
                    "file",
                    Text(
                        "文件展开后太大，请只保留要用的表", "the file unpacks to too much; keep only the sheet needed"
                    ),
                )
            for part in parts:
                # Whatever its name: the package says which part is a sheet. Zeros away: UTF-16 is XML, too (S12, S13).
                if b"<!DOCTYPE" in archive.read(part).replace(b"\0", b""):
                    raise Refusal("file", Text("文件含有不允许的内容", "the file holds what is not allowed"))
    except Refusal:
        raise
    except Exception as error:
        raise _broken_xlsx() from error


def _broken_xlsx() -> Refusal:
    return Refusal(
        "file",
        Text(
            "xlsx 文件已损坏或不是表格，请用表格软件重新保存",
            "the xlsx is broken or no sheet; save it again from a spreadsheet",
        ),
    )


def _xlsx_table(raw: bytes) -> list[tuple[int, list[Cell]]]:
    _refuse_bomb(raw)
    book = None
    try:
        book = load_workbook(io.BytesIO(raw), read_only=True, data_only=False, keep_links=False)
        return _book_table(book)
    except Refusal:
        raise
    except Exception as error:
        # Whatever openpyxl stumbles over, the file is what is wrong, and the person has it in front of them.
        raise _broken_xlsx() from error
    finally:
        if book is not None:
            book.close()


def _book_table(book: Any) -> list[tuple[int, list[Cell]]]:
    """The rows of the one visible sheet that holds any."""
    filled: list[list[tuple[int, list[Cell]]]] = []
    visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    if len(visible) > SHEETS_MAX:
        raise Refusal(
            "file", Text("文件里的表太多，请只保留要用的表", "there are too many sheets; keep only the one needed")
        )
    for sheet in visible:
        table = [row for row in _sheet_rows(sheet) if row[1]]
        if table:
            filled.append(table)
    if not filled:
        raise Refusal("file", Text("文件里没有数据", "the file holds nothing"))
    if len(filled) > 1:
        raise Refusal(
            "file",
            Text(
                "文件里有几张表都有数据，请每张表另存为一个文件",
                "several sheets hold something; save each as a file of its own",
            ),
        )
    return filled[0]


def _sheet_rows(sheet: Any) -> Iterator[tuple[int, list[Cell]]]:
    most = ROWS_MAX + HEADER_WITHIN + 1
    for number, cells in enumerate(sheet.iter_rows(max_row=most, max_col=COLUMNS_MAX + 1), start=1):
        yield _row(number, [_xlsx_cell(cell) for cell in cells])


def _xlsx_cell(cell: Any) -> Cell:
    value, kind = cell.value, cell.data_type
    if value is None:
        return ""
    if kind == "f":
        return FORMULA
    if kind == "e":
        return BROKEN
    if isinstance(value, str):
        return clean(value)
    return number_text(value) if isinstance(value, (int, float)) else DATED


# --- writing ------------------------------------------------------------------------------------------------------


def safe_cell(value: object) -> str:
    """The value as text; what a spreadsheet could take for a formula gets a quote mark in front (S45)."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(_BLANKS).startswith(DANGEROUS) or text.startswith(DANGEROUS) else text


def xlsx_bytes(title: str, header: Sequence[str], batches: Iterable[Iterable[Sequence[object]]]) -> bytes:
    """An xlsx file of one sheet. Every cell is written as text, so that nothing in it is a formula or loses digits (S45)."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title[:31])
    sheet.freeze_panes = "A2"

    def texts(row: Sequence[object]) -> list[Any]:
        return [_text_cell(sheet, value) for value in row]

    sheet.append(texts(header))
    for batch in batches:
        for row in batch:
            sheet.append(texts(row))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _text_cell(sheet: Any, value: object) -> Any:
    text = _CONTROL.sub(" ", "" if value is None else str(value))
    cell = WriteOnlyCell(sheet, value=text)
    cell.data_type = "s"  # openpyxl takes a text that begins with = for a formula
    if safe_cell(text) != text:
        cell.number_format = "@"  # and it stays text when a person edits the cell
    return cell
