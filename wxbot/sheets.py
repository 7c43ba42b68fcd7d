"""Spreadsheets that people give us and get from us: xlsx and csv, read into texts, written without a cell that runs.

Reading is done by a confined child (wxbot/confined) and never guesses: a formula, a date, an error value or a number too long to be exact makes
that cell faulty, a row that may have swallowed others is faulty, and what cannot be a list of rows is refused with a sentence. Writing is
safe against formula injection (S45).
"""

import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wxbot.confined import run, table
from wxbot.confined.cells import CELL_CHARS, CONTROL, safe_cell
from wxbot.text import Refusal, Text, listed

BYTES_MAX = 5 * 1024 * 1024
ROWS_NAMED = 20
"""So many rows are named by number in one sentence."""


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
    """By column; 'row' for what is wrong with the row as a whole."""
    is_hidden: bool = False
    """Who looks at the sheet does not see this row: it was hidden, or a filter hides it."""
    written: dict[str, str] = field(default_factory=dict)
    """How a faulty cell begins, by column, to be told again and never to be taken; '' for a date and a percentage."""


@dataclass(frozen=True)
class Sheet:
    """What was read: which of our columns there are, the rows that hold anything, and header texts we do not know."""

    keys: frozenset[str]
    rows: list[SheetRow]
    unread: tuple[str, ...] = ()


TAKE_FAULTY = Text("下载有问题的行", "Download the bad rows")

CELL_FAULTS = {
    name: CellFault(name, text)
    for name, text in {
        "formula": Text("单元格是公式，请先粘贴为数值", "the cell holds a formula; paste it as a value"),
        "dated": Text("单元格是日期，请改成文本或数字", "the cell holds a date; make it text or a number"),
        "percent": Text("单元格是百分比，请改成文本或数字", "the cell holds a percentage; make it text or a number"),
        "broken": Text("单元格是错误值，请改正", "the cell holds an error value; mend it"),
        "inexact": Text("数字位数太多，请把这一列设为文本", "the number has too many digits; make the column text"),
        "scientific": Text(
            "数字变成了科学计数法，后几位已丢失，请把这一列设为文本后重新填写",
            "the number is in scientific notation and has lost digits; make the column text and type it again",
        ),
        "truth": Text("单元格是逻辑值，请改成文本或数字", "the cell holds TRUE or FALSE; make it text or a number"),
        "control": Text("含有不可见的控制字符，请重新输入", "the cell holds control characters; type it again"),
        "lost": Text("有字已经变成乱码，请重新输入", "letters of it were lost on the way; type it again"),
        "long": Text(f"内容超过 {CELL_CHARS} 字", f"the cell holds more than {CELL_CHARS} characters"),
        "swallowed": Text(
            "引号里换了行，像是把下面的行也包了进去，请检查引号",
            "a quote runs over several lines that look like rows; mend the quote marks",
        ),
        "wide": Text(
            "这一行的格数比表头多，可能是内容里的逗号没有加引号",
            "the row has more cells than the header; a comma in it may lack its quote marks",
        ),
    }.items()
}
"""Name → fault, as the confined child names them."""

_OTHER = Text("请另存为 .xlsx 再上传", "save it as .xlsx and upload that")

REFUSALS: dict[str, Text] = {
    "empty": Text("文件是空的", "the file is empty"),
    "large": Text(
        f"文件超过 {BYTES_MAX // 1024 // 1024} MB", f"the file is larger than {BYTES_MAX // 1024 // 1024} MB"
    ),
    "pdf": Text("这是 PDF 文件，不是表格。请上传 .xlsx 或 csv", "this is a PDF and no sheet; upload an .xlsx or csv"),
    "image": Text("这是图片，不是表格。请上传 .xlsx 或 csv", "this is a picture and no sheet; upload an .xlsx or csv"),
    "word": Text(
        "这是 Word 文档，不是表格。请把内容贴进表格，另存为 .xlsx",
        "this is a Word document; put its table into a spreadsheet and save that as .xlsx",
    ),
    "slides": Text(
        "这是演示文稿，不是表格。请上传 .xlsx 或 csv", "these are slides and no sheet; upload an .xlsx or csv"
    ),
    "archive": Text("这是压缩包。请解压后上传里面的表格", "this is an archive; unpack it and upload the sheet in it"),
    "html": Text(
        f"这是网页，只是名字像表格。请用表格软件打开，{_OTHER.zh}",
        f"this is a web page that is called a sheet; open it in a spreadsheet, {_OTHER.en}",
    ),
    "xml": Text(
        f"这是 XML 文件。请用表格软件打开，{_OTHER.zh}", f"this is an XML file; open it in a spreadsheet, {_OTHER.en}"
    ),
    "xls": Text(f"这是旧版 .xls 文件，{_OTHER.zh}", f"this is an old .xls; {_OTHER.en}"),
    "xlsb": Text(f"这是 .xlsb 文件，{_OTHER.zh}", f"this is an .xlsb; {_OTHER.en}"),
    "ods": Text(f"这是 .ods 文件，{_OTHER.zh}", f"this is an .ods; {_OTHER.en}"),
    "numbers": Text("这是 Numbers 文件，请导出为 .xlsx 再上传", "this is a Numbers file; export it as .xlsx"),
    "locked": Text("文件有密码，请去掉密码再上传", "the file has a password; take it away and upload it again"),
    "no_sheet": Text("文件不是 xlsx 或 csv 表格", "the file is no xlsx or csv sheet"),
    "letters": Text(
        "认不出 csv 的文字编码，会变成乱码。请用表格软件另存为 .xlsx 再上传",
        "the letters of the csv are in an unknown encoding and would become others; save it as .xlsx",
    ),
    "open_quote": Text(
        "第 {row} 行的引号不成对，下面的行会被吞掉。请改正引号，或另存为 .xlsx 再上传",
        "row {row} opens a quote that is never closed, or closes it in the middle; mend it, or save the file as .xlsx",
    ),
    "rows": Text("超过 {most} 行，请分成几个文件", "there are more than {most} rows; make several files of them"),
    "columns": Text("第 {row} 行超过 {most} 列", "row {row} has more than {most} columns"),
    "column": Text("表头缺少这一列：{wanted}", "the header has no such column: {wanted}"),
    "two_columns": Text(
        "表头“{first}”和“{second}”是同一项，请删去一列",
        "the headers “{first}” and “{second}” mean the same; take one column away",
    ),
    "hidden_column": Text(
        "表头“{header}”这一列是隐藏的，请取消隐藏、看过再上传",
        "the column “{header}” is hidden; show it, look at it and upload the file again",
    ),
    "header_only": Text("表头下面没有数据", "there are no rows below the header"),
    "nothing": Text("文件里没有数据", "the file holds nothing"),
    "sheets": Text("文件里的表太多，请只保留要用的表", "there are too many sheets; keep only the one needed"),
    "several": Text(
        "文件里有几张表都有数据：{sheets}。请每张表另存为一个文件",
        "several sheets hold something: {sheets}; save each as a file of its own",
    ),
    "unpacked": Text(
        "文件展开后太大，请只保留要用的行和列",
        "the file unpacks to too much; keep only the rows and columns needed",
    ),
    "forbidden": Text("文件含有不允许的内容", "the file holds what is not allowed"),
    "broken": Text(
        "xlsx 文件已损坏或不是表格，请用表格软件重新保存",
        "the xlsx is broken or no sheet; save it again from a spreadsheet",
    ),
}
"""Why a file is no list, as the confined child says it → the sentence."""


def read(raw: bytes, columns: Sequence[Column], needs: Sequence[Sequence[str]], folder: Path | None = None) -> Sheet:
    """Read an xlsx or csv file whose header names `columns`; of each group in `needs` one key must be there.

    Done by the confined child, so never call it with an open transaction; `folder` is the data folder that the processes of
    this machine share. Raises Refusal for what is no such file, is too large, or whose header is not understood, and Busy.
    """
    if not raw:
        raise _refusal("empty")
    if len(raw) > BYTES_MAX:
        raise _refusal("large")
    asked = {
        "columns": {column.key: list(column.names) for column in columns},
        "needs": [list(group) for group in needs],
    }
    try:
        answer = json.loads(run.ask(table.__name__, json.dumps(asked).encode() + b"\n" + raw, folder))
    except run.NoAnswer as ended:
        raise _refusal("unpacked" if ended.is_limit else "broken") from None
    if "why" in answer:
        raise _refusal(answer["why"], **answer["values"])
    return _sheet(answer)


def _sheet(answer: dict[str, Any]) -> Sheet:
    rows = [
        SheetRow(number, cells, {key: CELL_FAULTS[name] for key, name in faults.items()}, is_hidden, written)
        for number, cells, faults, is_hidden, written in answer["rows"]
    ]
    return Sheet(frozenset(answer["keys"]), rows, tuple(answer["unread"]))


def _refusal(why: str, **values: object) -> Refusal:
    return Refusal("file", REFUSALS[why].format(**values))


def named(rows: Sequence[int]) -> Text:
    """The numbers of rows as a sentence names them: the first ROWS_NAMED, and that there are more."""
    said, more = listed(rows[:ROWS_NAMED]), "…" if len(rows) > ROWS_NAMED else ""
    return Text(said.zh + more, said.en + more)


def hidden_text(rows: Sequence[int]) -> Text | None:
    """What is said of rows that the sender's spreadsheet does not show; None when there are none."""
    if not rows:
        return None
    numbers = named(rows)
    return Text(
        f"表格里有 {len(rows)} 行是隐藏的（或被筛选掉），打开文件看不到，但已经读进来：第 {numbers.zh} 行",
        f"The sheet hides {len(rows)} of the rows (or a filter does); they were read all the same: rows {numbers.en}",
    )


def unread_text(headers: Sequence[str]) -> Text | None:
    """What is said of columns that nobody knows; None when there are none."""
    said = listed(headers)
    return Text(f"这些列没有读取：{said.zh}", f"These columns were not read: {said.en}") if headers else None


def plain_name(text: str, most: int = 80) -> str:
    """The name of a file on another machine, or of a list, as we keep it: no path, nothing invisible (S43)."""
    last = re.split(r"[\\/]", text)[-1]
    return re.sub(r"[^\S ]|[^\w .()（）\-·，。、&+【】\[\]#]", "", last).strip()[:most]


# --- writing ------------------------------------------------------------------------------------------------------


def xlsx_bytes(title: str, header: Sequence[str], batches: Iterable[Iterable[Sequence[object]]]) -> bytes:
    """An xlsx file of one sheet. Every cell is written as text, so that nothing in it is a formula or loses digits (S45)."""
    from openpyxl import Workbook  # noqa: PLC0415 - few processes write one, and all would load it

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
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - see xlsx_bytes

    text = CONTROL.sub(" ", "" if value is None else str(value))
    cell = WriteOnlyCell(sheet, value=text)
    cell.data_type = "s"  # openpyxl takes a text that begins with = for a formula
    if safe_cell(text) != text:
        cell.number_format = "@"  # and it stays text when a person edits the cell
    return cell
