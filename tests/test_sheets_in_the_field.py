"""Sheets as people and other programs make them: nothing of a file is dropped, joined or guessed in silence."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.styles import PatternFill

from wxbot import sheets
from wxbot.confined import run, table
from wxbot.confined.rows import NoTable
from wxbot.sheets import Column, SheetRow
from wxbot.text import Refusal

COLUMNS = (
    Column("phone", ("手机号", "联系电话", "phone")),
    Column("name", ("姓名", "name")),
    Column("amount", ("金额", "amount")),
    Column("note", ("备注", "note")),
)
NEEDS = (("phone",), ("amount",))
HEAD = "手机号,姓名,金额,备注\n"
HEADER = ["手机号", "姓名", "金额", "备注"]


def read(raw: bytes) -> list[SheetRow]:
    return sheets.read(raw, COLUMNS, NEEDS).rows


def inside(raw: bytes) -> dict[str, Any]:
    """As the child reads it, without a child; a refusal is the word for it."""
    names = {column.key: column.names for column in COLUMNS}
    try:
        return table.read(raw, names, NEEDS)
    except NoTable as refused:
        return {"why": refused.why, **refused.values}


def told(raw: bytes) -> list[tuple[int, str, str, str, str, str]]:
    """Every row with its cells and the first fault."""
    rows = inside(raw)["rows"]
    return [
        (number, *(cells[key] for key in ("phone", "name", "amount", "note")), next(iter(faults.values()), ""))
        for number, cells, faults, *_ in rows
    ]


def book(*rows: list[Any], change: Callable[[Any], None] | None = None) -> bytes:
    made = Workbook()
    assert made.active is not None
    for row in rows:
        made.active.append(row)
    if change:
        change(made.active)
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def rewritten(raw: bytes, part: str, pattern: str, by: str) -> bytes:
    """The workbook with one of its parts changed as text."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as fresh:
        for name in old.namelist():
            content = old.read(name)
            fresh.writestr(name, re.sub(pattern, by, content.decode(), flags=re.DOTALL) if name == part else content)
    return file.getvalue()


def sharing(raw: bytes, strings: str) -> bytes:
    """The workbook with a table of shared strings, as most programs write theirs."""
    related = '<Relationship Type="x/sharedStrings" Target="sharedStrings.xml" Id="r9"/></Relationships>'
    raw = rewritten(raw, "xl/_rels/workbook.xml.rels", "</Relationships>", related)
    file = io.BytesIO(raw)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", f"<sst>{strings}</sst>")
    return file.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


# --- quotes and delimiters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ('1,甲,1.11,"三月\n2,乙,1.12,例\n3,丙,1.13,例\n', 2),
        ('1,甲,1.11,例\n2,乙,1.12,"三月补贴”\n3,丙,1.13,例\n4,丁,1.14,例\n', 3),
        ('1,甲,1.11,例\n2,"乙,1.12,例\n3,丙,1.13,"旧"\n', 3),
        ('1,甲,1.11,"例" 补\n2,乙,1.12,例\n', 2),
    ],
)
def test_an_open_quote_is_named_with_its_row_and_swallows_nobody(rows: str, line: int) -> None:
    assert inside((HEAD + rows).encode()) == {"why": "open_quote", "row": line}
    assert inside((HEAD + rows).replace(",", "\t").encode("gb18030")) == {"why": "open_quote", "row": line}


def test_a_quote_that_another_one_closes_makes_its_row_faulty() -> None:
    raw = HEAD + '13800138000,甲,1.11,"三月\n13800138001,乙,1.12,"\n13800138002,丙,1.13,"两行\n备注"\n'
    assert [row[0::5] for row in told(raw.encode())] == [(2, "swallowed"), (3, "")]
    short = HEAD + '1,甲,1.11,"三月\n13800138001,乙"\n2,丙,1.13,"地址\n大街, 3 号"\n'
    assert [row[-1] for row in told(short.encode())] == ["swallowed", ""]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|", "，"])
def test_the_delimiter_is_the_one_that_parts_the_header(mark: str) -> None:
    others = "".join({",", ";", "\t", "|", "，"} - {mark}) * 6
    raw = mark.join(HEADER) + f'\n13800138000{mark}甲{mark}2.94{mark}"a{others}b"\n'
    assert [(row[1], row[3]) for row in told(raw.encode())] == [("13800138000", "2.94")]


def test_a_row_with_more_cells_than_the_header_is_not_cut() -> None:
    raw = HEAD + "13800138000,甲,1,200.00,例\n13800138001,乙,2,例,,,\n"
    assert [(row[0], row[-1]) for row in told(raw.encode())] == [(2, "wide"), (3, "")]


@given(
    st.lists(
        st.tuples(
            *[st.text(st.characters(categories=("L", "Nd", "Po", "Zs"), exclude_characters="\ufffd"), max_size=5)] * 2
        ),
        min_size=1,
        max_size=5,
    )
)
def test_there_are_never_fewer_rows_than_lines_in_silence(pairs: list[tuple[str, str]]) -> None:
    """Whatever stands in two cells, unquoted as people type it: each line is a row, or the file is refused by its row."""
    lines = [f"1380013800{at},{name},1,{note}" for at, (name, note) in enumerate(pairs)]
    found = inside((HEAD + "\n".join(lines) + "\n").encode())
    if found.get("why") != "open_quote":
        is_told = any(faults.get("row") == "swallowed" for _, _, faults, *_ in found["rows"])
        assert is_told or [row[0] for row in found["rows"]] == [at + 2 for at in range(len(pairs))]


# --- what the sender does not see ---------------------------------------------------------------------------------


PEOPLE = [[13800138000 + at, name, 2.11, "例"] for at, name in enumerate("甲乙丙丁")]


def hide(sheet: Any) -> None:
    sheet.row_dimensions[3].hidden = True


def test_rows_that_the_sender_does_not_see_are_told() -> None:
    flat = rewritten(book(HEADER, *PEOPLE, change=hide), SHEET, '<row r="5"', '<row r="5" ht="0" customHeight="1"')
    assert [row.is_hidden for row in read(flat)] == [False, True, False, True]


def test_a_hidden_column_is_not_read_unseen() -> None:
    def change(sheet: Any) -> None:
        sheet.column_dimensions["C"].hidden = True

    assert inside(book(HEADER, *PEOPLE, change=change)) == {"why": "hidden_column", "header": "金额（C）"}


@pytest.mark.parametrize("row", [20_011, 20_050, 1_048_576])
def test_a_row_counts_wherever_it_stands(row: int) -> None:
    def change(sheet: Any) -> None:
        for place, value in enumerate([13800138001, "乙", 2.42, "例"], 1):
            sheet.cell(row, place, value)

    assert [each[0] for each in told(book(HEADER, PEOPLE[0], change=change))] == [2, row]


def test_two_columns_for_one_field_are_named_as_they_are_written() -> None:
    with pytest.raises(Refusal) as refused:
        read(book(["姓名", "手机号", "联系电话", "金额"], ["甲", 1, 2, 3]))
    assert "“手机号（B）”" in refused.value.text.zh and "“联系电话（C）”" in refused.value.text.zh
    assert "“手机号（B）”" in refused.value.text.en and "“联系电话（C）”" in refused.value.text.en


# --- how people keep digits as text, and how programs store texts -------------------------------------------------

KEPT = ["'{}", '="{}"', "`{}", "’{}", "'{}'", "\t{}", "\u200e{}", "_x000D_{}_x000D_", '" {}"']


@pytest.mark.parametrize("trick", KEPT)
def test_digits_kept_as_text_are_the_digits(trick: str) -> None:
    raw = HEAD + ",".join([trick.format("13800138000"), "甲", trick.format("1.21"), "例"]) + "\n"
    assert [row[1:4] for row in told(raw.encode())] == [("13800138000", "甲", "1.21")]


def test_digits_kept_as_text_in_a_workbook_are_the_digits() -> None:
    raw = book(HEADER, ['="13800138000"', "甲", "'1.21", "'90后"], ["=A1", "乙", "1.38E+10", "`x"])
    assert told(raw) == [
        (2, "13800138000", "甲", "1.21", "'90后", ""),
        (3, "", "乙", "", "`x", "formula"),
    ]


def test_an_escaped_line_break_is_one() -> None:
    raw = book(
        HEADER, ["13800138000_x000D_", "甲_x000d__x000A_一", "2", "a_x005F_x000D_b_x0041_"], ["1", "乙_x0007_", "2", ""]
    )
    assert told(raw) == [(2, "13800138000", "甲 一", "2", "a_x000D_bA", ""), (3, "1", "", "2", "", "control")]


def test_how_a_workbook_looks_does_not_matter_but_for_what_is_shown_otherwise() -> None:
    def change(sheet: Any) -> None:
        sheet["C2"].fill = PatternFill("solid", fgColor="FFFF00")
        sheet["C3"].number_format, sheet["C4"].number_format, sheet["C5"].number_format = (
            "0.00%",
            "yyyy年m月",
            '0.00"元"',
        )

    raw = book(HEADER, *PEOPLE, change=change)
    raw = rewritten(raw, "xl/styles.xml", "<fill>.*?</fill>", "<fill></fill>")
    assert [(row[3], row[-1]) for row in told(raw)] == [("2.11", ""), ("", "percent"), ("", "dated"), ("2.11", "")]


def test_a_workbook_of_another_program_is_read() -> None:
    """Prefixes on its names, cells without places, texts in runs with a reading above them, backslashes in its parts."""
    raw = book(HEADER, ["13800138000", "甲", "2.11", "例"])
    raw = rewritten(raw, SHEET, r' r="[A-Z]*[0-9]+"', "")
    raw = sharing(raw, "<si><r><t>甲</t></r><r><t>一</t></r><rPh><t>jia</t></rPh></si>")
    raw = rewritten(raw, SHEET, "<c [^>]*><is><t>甲</t></is></c>", '<c t="s"><v>0</v></c>')
    raw = rewritten(raw, SHEET, r"<(/?)([a-zA-Z])", r"<\1x:\2")
    raw = rewritten(raw, SHEET, "xmlns=", "xmlns:x=")
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(file, "w") as fresh:
        for name in old.namelist():
            fresh.writestr(name.replace("/", "\\") if "sheet1" in name else name, old.read(name))
    assert told(file.getvalue()) == [(2, "13800138000", "甲一", "2.11", "例", "")]


# --- letters ------------------------------------------------------------------------------------------------------

LIST = "手机号,姓名,金额\n13800138000,王小喆,1\n13800138001,欧阳娜娜,2\n"


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le", "utf-16-be"])
def test_letters_stay_what_they_are(coding: str) -> None:
    assert [row["name"] for _, row, *_ in inside(LIST.encode(coding))["rows"]] == ["王小喆", "欧阳娜娜"]


@pytest.mark.parametrize(
    "raw",
    [
        LIST.encode()[:-20] + b"\xe5" + LIST.encode()[-20:],
        "phone,name,amount\n1,陳大文,1\n2,歐陽娜娜,2\n3,張學友,3\n".encode("big5"),
        "phone,name,amount\n1,さくら,1\n2,ひろし,2\n".encode("shift-jis"),
        "phone,name,amount\n1,Renée,1\n2,Jürgen,2\n".encode("latin-1"),
        "phone,name,amount\n1,通,1\n".encode("gbk"),
        LIST.encode("utf-16")[:-1],
        b"\xef\xbb\xbf" + LIST.encode("gbk"),
    ],
)
def test_letters_that_would_become_others_are_refused(raw: bytes) -> None:
    assert inside(raw) == {"why": "letters"}


@pytest.mark.parametrize("name", ["王\ufffd", "锟斤拷", "???", "王\ue123"])
def test_letters_that_were_lost_before_are_named(name: str) -> None:
    assert told(f"{HEAD}1,{name},2,例\n".encode())[0][-1] == "lost"


# --- what is no sheet, and what is too much -----------------------------------------------------------------------


def packed(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "application/vnd.oasis.opendocument.spreadsheet" if name == "mimetype" else "<x/>")
    return file.getvalue()


OLE = b"\xd0\xcf\x11\xe0" + b"\0" * 500


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"%PDF-1.7\n", "PDF"),
        (b"\xff\xd8\xff\xe0", "图片"),
        (b"\x89PNG\r\n\x1a\n", "图片"),
        (b"\0\0\0\x18ftypheic", "图片"),
        (OLE + "Workbook".encode("utf-16-le"), "旧版 .xls"),
        (OLE + "WordDocument".encode("utf-16-le"), "Word"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "密码"),
        (b"{\\rtf1", "Word"),
        (packed("[Content_Types].xml", "_rels/.rels", "word/document.xml"), "Word"),
        (packed("[Content_Types].xml", "_rels/.rels", "ppt/presentation.xml"), "演示"),
        (packed("_rels/.rels", "xl/workbook.bin"), ".xlsb"),
        (packed("mimetype", "content.xml"), ".ods"),
        (packed("Index/Document.iwa"), "Numbers"),
        (packed("list.csv"), "压缩包"),
        (b"Rar!\x1a\x07", "压缩包"),
        (b"\xef\xbb\xbf<html><table><tr><td>1", "网页"),
        (b'<?xml version="1.0"?><Workbook/>', "XML"),
    ],
)
def test_what_is_no_sheet_is_called_what_it_is(raw: bytes, says: str) -> None:
    assert says in sheets.REFUSALS[inside(raw)["why"]].zh


def with_rows(xml: str, strings: str = "") -> bytes:
    raw = rewritten(book(HEADER), SHEET, "</sheetData>", f"{xml}</sheetData>")
    return sharing(raw, strings) if strings else raw


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: with_rows('<row r="2"><c r="A2"/></row>' * 2), "broken"),
        (lambda: with_rows('<row r="2"><c r="B2"><v>1</v></c><c r="A2"><v>1</v></c></row>'), "broken"),
        (lambda: with_rows('<row r="2"><c r="XFD2"><v>1</v></c></row>'), "columns"),
        (lambda: with_rows("".join(f'<row r="{n}"><c r="A{n}"><v>1</v></c></row>' for n in range(2, 20_013))), "rows"),
        (lambda: with_rows(" " * 42_000_000), "unpacked"),
        (lambda: with_rows("", "<si/>" * 1_000_001), "unpacked"),
        (lambda: with_rows('<row r="2"><c r="A2" t="s"><v>999</v></c></row>'), "broken"),
        (lambda: with_rows('<row r="2"><c r="A2"><v>1e</v></c></row>'), "broken"),
    ],
    ids=["same row", "same cell", "far column", "many rows", "blanks", "strings", "no string", "no number"],
)
def test_a_workbook_beyond_the_bounds_is_refused(make: Callable[[], bytes], why: str) -> None:
    raw = make()
    assert len(raw) < 300_000
    assert inside(raw)["why"] == why


def test_a_small_file_that_keeps_a_program_busy_ends_with_its_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty sheets of one cell in the last row, a hundred thousand merged ranges: nothing is made of what is not there."""
    made = Workbook()
    for title in range(18):
        made.create_sheet(f"s{title}").cell(1_048_576, 30, None)
    assert made.active is not None
    made.active.append(HEADER)
    made.active.append(PEOPLE[0])
    file = io.BytesIO()
    made.save(file)
    merged = "".join(f'<mergeCell ref="A{n}:XFD{n}"/>' for n in range(3, 100_003))
    raw = rewritten(file.getvalue(), SHEET, "<pageMargins", f'<mergeCells count="1">{merged}</mergeCells><pageMargins')
    assert [row.number for row in read(raw)] == [2]
    monkeypatch.setattr(run, "CHILD_S", 0.0)
    with pytest.raises(Refusal, match="unpacks to too much"):
        read(raw)
