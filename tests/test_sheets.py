"""Spreadsheets in and out: what is read is exactly what the sheet shows, what is written never runs."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from wxbot import sheets
from wxbot.confined import cells, table, workbook
from wxbot.money import NotMoney, parse_yuan, yuan
from wxbot.sheets import Column, Sheet
from wxbot.text import Refusal

COLUMNS = (
    Column("phone", ("手机号", "手机", "phone")),
    Column("amount", ("金额", "金额元", "amount")),
    Column("note", ("备注", "note")),
)
NEEDS = (("phone",), ("amount",))


def xlsx(*rows: Any, more: dict[str, list[Any]] | None = None) -> bytes:
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    for title, extra in (more or {}).items():
        sheet = book.create_sheet(title)
        for row in extra:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def read(raw: bytes) -> Sheet:
    return sheets.read(raw, COLUMNS, NEEDS)


def amounts(raw: bytes) -> list[str]:
    return [row.cells["amount"] for row in read(raw).rows]


def test_a_sheet_is_read_by_its_header_wherever_the_columns_stand() -> None:
    raw = xlsx(
        ["三月促销奖励"],
        [],
        ["备注", "金额（元）", "工号", "手 机 号"],
        ["好", 12.3, 7, 13800138000],
        [],
        ["", "8", 8, "139 0013 9000"],
    )
    found = read(raw)
    assert [(row.number, row.cells["phone"], row.cells["amount"], row.cells["note"]) for row in found.rows] == [
        (4, "13800138000", "12.3", "好"),
        (6, "139 0013 9000", "8", ""),
    ]
    assert found.unread == ("工号",)


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("mark", [",", "\t", ";"])
def test_a_csv_is_read_in_what_spreadsheets_write(coding: str, mark: str) -> None:
    text = f'手机号{mark}金额{mark}备注\r\n13800138000{mark}1.13{mark}"两行\n备注"\r\n\r\n13900139000{mark}2{mark}\r\n'
    found = read(text.encode(coding))
    assert [(row.number, row.cells["amount"], row.cells["note"]) for row in found.rows] == [
        (2, "1.13", "两行 备注"),
        (4, "2", ""),
    ]


def test_f30_a_number_is_what_the_sheet_shows_and_never_more() -> None:
    raw = xlsx(
        ["手机号", "金额"],
        *[["1", value] for value in (12.300000000000001, 0.1 + 0.2, 12.305, 1.13, 200, 1e16, 10**17)],
    )
    found = read(raw)
    assert [row.cells["amount"] for row in found.rows] == ["12.3", "0.3", "12.305", "1.13", "200", "", ""]
    assert [bool(row.faults) for row in found.rows] == [False] * 5 + [True] * 2
    with pytest.raises(NotMoney):
        parse_yuan("12.305")


@given(st.integers(100, 20_000))
def test_f30_every_amount_survives_the_binary_form_of_a_spreadsheet(fen: int) -> None:
    assert parse_yuan(str(cells.number_text(fen / 100))) == fen
    assert parse_yuan(str(cells.number_text(float(yuan(fen)) * 3 - 2 * fen / 100))) == fen  # a sum with binary noise


def test_what_is_no_plain_value_is_named_in_its_row() -> None:
    raw = xlsx(
        ["手机号", "金额"],
        ["1", "=1+1"],
        ["2", datetime(2026, 3, 1)],
        ["3", True],
        ["4", "#N/A"],
        ["5", "甲\x85乙"],
        ["6", "长" * 501],
    )
    book = read(raw)
    assert [row.faults["amount"].name for row in book.rows] == [
        "formula",
        "dated",
        "truth",
        "broken",
        "control",
        "long",
    ]


def bomb() -> bytes:
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(xlsx(["手机号", "金额"], ["1", "2"]))) as good,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for part in good.namelist():
            if "sheet1" not in part:
                archive.writestr(part, good.read(part))
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (workbook.UNPACKED_BYTES + 1))
    return file.getvalue()


def with_dtd() -> bytes:
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(xlsx(["手机号", "金额"], ["1", "2"]))) as good,
        zipfile.ZipFile(file, "w") as archive,
    ):
        for part in good.infolist():
            text = good.read(part)
            archive.writestr(
                part.filename, b'<!DOCTYPE x [<!ENTITY a "b">]>' + text if "sheet1" in part.filename else text
            )
    return file.getvalue()


HEAD = "手机号,金额\n"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: b"", "空"),
        (lambda: b"x" * (sheets.BYTES_MAX + 1), "5 MB"),
        (lambda: b"\xd0\xcf\x11\xe0 old", ".xlsx"),
        (bomb, "展开"),
        (with_dtd, "不允许"),
        (lambda: b"PK\x03\x04 not a zip", "损坏"),
        (lambda: b"\xff\xd8\xff\xe0 a photo \x00\x81\xff", "图片"),
        (lambda: "手机号,金额(分)\n1,100".encode(), "金额"),
        (lambda: "手机号,金额,金额元\n1,2,3".encode(), "“金额（B）”和“金额元（C）”"),
        (HEAD.encode, "没有数据"),
        (lambda: (HEAD + "1,2\n" * 20_001).encode(), "20,000"),
        (lambda: (HEAD + "1" + ",2" * 30).encode(), "30 列"),
        (xlsx, "没有数据"),
        (lambda: xlsx(["手机号", "金额"], ["1", "2"], more={"四月": [["手机号", "金额"], ["3", "4"]]}), "几张表"),
        (lambda: "手机号,金额\n1,2\0".encode(), "表格"),
    ],
)
def test_what_is_no_list_is_refused_with_a_sentence(make: Callable[[], bytes], says: str) -> None:
    raw = make()
    with pytest.raises(Refusal) as refused:
        read(raw)
    assert says in refused.value.text.zh and "、" not in refused.value.text.en
    assert (
        refused.value.text.en.replace("（", "").replace("）", "").isascii()
        or "“" in refused.value.text.en
        or "手机号" in refused.value.text.en
        or "金额" in refused.value.text.en
    )


CELLS = [
    "=1+1",
    "+86",
    "-5",
    "@cmd",
    '=HYPERLINK("http://x")',
    "=cmd|'/c calc'!A0",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    " =1",
    "\t=1",
    "'=1",
    "甲",
    'a,b"c',
]


@pytest.mark.parametrize("cell", CELLS)
def test_s45_an_xlsx_we_write_holds_texts_only_and_comes_back_as_it_was(cell: str) -> None:
    raw = sheets.xlsx_bytes("名单", ["手机号", "金额", "备注"], [[["1", "2", cell]]])
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")
    assert read(raw).rows[0].cells["note"] == cell.strip().removeprefix("'")


@given(st.lists(st.text(alphabet="=+-@＝＋'甲a1 ,\"", max_size=6), min_size=1, max_size=4))
def test_s45_csv_there_and_back_takes_the_quote_mark_off_once(texts: list[str]) -> None:
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerows([["手机号", "金额", "备注"], *(["1", "2", cells.safe_cell(text)] for text in texts)])
    written = list(csv.reader(io.StringIO(file.getvalue())))[1:]
    assert not any(row[2].lstrip().startswith(("=", "+", "-", "@", "＝", "＋")) for row in written)
    names = {column.key: column.names for column in COLUMNS}
    found = table.read(
        file.getvalue().encode("utf-8-sig"), names, NEEDS
    )  # as the child reads it, without a child for each
    for text, (_, cells_of_row, *_) in zip(texts, found["rows"], strict=True):
        if not text.lstrip().startswith("'"):
            assert cells_of_row["note"] == text.strip()
