"""The whole report of an import of invited people: every fault of every row with its column, its value and what to do, as a sheet."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from typing import Any, NamedTuple

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from sqlalchemy import select

from tests.hall.test_invited import HEADER, draft, listed, upload
from tests.staff.consoles import PASSWORD, Browser
from wxbot.hall import invited_report, invited_sheet
from wxbot.hall.invited_report import InvitedLine
from wxbot.hall.names import NAME_CHARS
from wxbot.runtime import Runtime
from wxbot.sheets import CellFault
from wxbot.staff import accounts, reports
from wxbot.staff.models import AuditEvent


class Found(NamedTuple):
    """One finding of the report: where, what stands there, and how the sentence begins."""

    column: str
    value: str
    said: str


class Kind(NamedTuple):
    """Rows that belong together: the cells of each and what is to be found in each."""

    rows: list[tuple[Any, ...]]
    found: list[list[Found]]


GROUP, NAME_LONG = "技术部", "名" * (NAME_CHARS + 1)
NO_GROUP, BAD_WEIGHT = "活动没有这个分组，请改成活动里的分组", "权重是 1 到 100 的整数，请改正"
DOUBLE, OTHERWISE = (
    "编号和别的行相同、姓名不同（第 {row} 行），请核对后改正",
    "编号和姓名在别的行也有（第 {row} 行），内容不同",
)
HOSTILE = ["=1+1", "+86", "-2+3", "@SUM(A1)", "<script>1", '"><img src=x>', "|calc", "％x"]
"""Names that a spreadsheet or a page could take for something else; as texts of a sheet they are names."""


def one(key: Any, name: Any, group: Any = GROUP, weight: Any = 1, *found: Found) -> Kind:
    return Kind([(key, name, group, weight)], [list(found)])


def two(first: tuple[Any, ...], second: tuple[Any, ...], *found: list[Found]) -> Kind:
    return Kind([first, second], list(found))


def kinds(n: int, row: int) -> list[Kind]:
    """Rows of every kind, with numbers and names of the n-th round that no other round has; `row` is where they begin."""
    who, at = f"来宾{n}", row
    made: list[Kind] = []

    def key(k: int) -> str:
        return f"{n:03d}{k:03d}"

    def say(k: int, text: str, other: int) -> Found:
        return Found("编号", key(k), text.format(row=other))

    def add(kind: Kind) -> None:
        nonlocal at
        made.append(kind)
        at += len(kind.rows)

    add(one(key(1), f"{who}甲"))
    for k, name in enumerate(HOSTILE, 100):
        add(one(key(k), f"{name}{n}" if not name.startswith("=") else f"{name} {who}"))
    add(one("", who, GROUP, 1, Found("编号", "", "没有编号，请填上")))
    add(one(key(2), "", GROUP, 1, Found("姓名", "", "没有姓名，请填上")))
    long = f"K{n:040d}"
    add(one(long, who, GROUP, 1, Found("编号", long, "编号最多 40 个字，请改短")))
    add(one(key(3), NAME_LONG, GROUP, 1, Found("姓名", NAME_LONG, f"姓名最多 {NAME_CHARS} 个字，请改短")))
    add(one(key(4), who, "财务部", 1, Found("分组", "财务部", NO_GROUP)))
    add(one(key(5), who, "", 1, Found("分组", "", "没有分组，请填活动里的一个分组")))
    for k, weight in enumerate((0, 101, "1.5", "两", -1), 6):
        add(one(key(k), who, GROUP, weight, Found("权重", str(weight), BAD_WEIGHT)))
    add(one(key(11), "=A1&B1", GROUP, 1, Found("姓名", "=A1&B1", "单元格是公式")))
    add(one(key(12), who, date(2026, 1, 2), 1, Found("分组", "", "单元格是日期")))
    add(one(key(13), who, GROUP, True, Found("权重", "", "单元格是逻辑值")))
    add(one(key(14), "#N/A", GROUP, 1, Found("姓名", "#N/A", "单元格是错误值")))
    big = 10**17 + n
    add(one(big, who, GROUP, 1, Found("编号", f"{float(big):.15g}"[:6], "数字位数太多")))
    add(one("1.2E+11", who, GROUP, 1, Found("编号", "1.2E+11", "数字变成了科学计数法")))
    add(one(key(15), "锟斤拷", GROUP, 1, Found("姓名", "锟斤拷", "有字已经变成乱码")))
    add(one(key(16), "长" * 501, GROUP, 1, Found("姓名", "长" * 60, "内容超过 500 字")))
    both = [Found("姓名", "", "没有姓名，请填上"), Found("分组", "没有", NO_GROUP), Found("权重", "千", BAD_WEIGHT)]
    add(Kind([(key(17), None, "没有", "千")], [both]))
    first, second = (key(20), f"{who}乙", GROUP, 1), (key(20), f"{who}丙", GROUP, 1)
    add(two(first, second, [say(20, DOUBLE, at + 1)], [say(20, DOUBLE, at)]))
    first, second = (key(21), f"{who}丁", GROUP, 1), (key(21), f"{who}丁", "销售部", 1)
    add(two(first, second, [say(21, OTHERWISE, at + 1)], [say(21, OTHERWISE, at)]))
    first, second = (key(22), f"{who}戊", "财务部", 1), (key(22), f"{who}己", GROUP, 1)
    add(two(first, second, [Found("分组", "财务部", NO_GROUP), say(22, DOUBLE, at + 1)], [say(22, DOUBLE, at)]))
    again = (key(23), f"{who}庚", GROUP, 2)
    add(two(again, again, [], [Found("整行", key(23), f"和前面一行完全相同，跳过（第 {at} 行）")]))
    shared = Found("姓名", f"{who}辛", "和别的行姓名相同、编号不同")
    add(two((key(24), f"{who}辛", GROUP, 1), (key(25), f"{who}辛", GROUP, 1), [shared], [shared]))
    lost = Found("编号", str(n * 10 + 7), "编号不到 6 位，可能丢了开头的 0")
    add(one(n * 10 + 7, f"{who}壬", GROUP, 1, lost))
    add(one(f"E{n:03d}", f"{who}癸", GROUP, 1))
    add(Kind([(None, None, None, None)], [[Found("整行", "", "空行，已跳过")]]))
    add(one(key(26), f"{who}子", GROUP, 1, Found("整行", "", "这一行是隐藏的")))
    return made


def faulty_sheet(rounds: int) -> tuple[bytes, dict[int, list[Found]]]:
    """A sheet with rows of every kind, so many times over, and by row what is to be found."""
    book = Workbook()
    sheet: Any = book.active
    sheet.append((*HEADER, "备注"))
    wanted: dict[int, list[Found]] = {}
    for n in range(1, rounds + 1):
        for kind in kinds(n, sheet.max_row + 1):
            for cells, found in zip(kind.rows, kind.found, strict=True):
                row = sum(len(part) for part in (wanted,)) + 2
                wanted[row] = found
                sheet.append(cells)
                if isinstance(cells[1], str) and cells[1].startswith("=1+1"):
                    sheet.cell(row, 2).data_type = "s"
                sheet.row_dimensions[row].hidden = any(each.said.startswith("这一行是隐藏的") for each in found)
    sheet.append((f"{rounds:03d}999", "末行", GROUP, 1))
    wanted[len(wanted) + 2] = []
    file = io.BytesIO()
    book.save(file)
    return file.getvalue(), wanted


def report_of(page: str) -> str:
    """The address of the report that a page offers, without its form."""
    found = re.search(r'action="(/admin/reports/[0-9a-f]+)\.xlsx"', page)
    assert found is not None, page
    return found[1]


def taken(browser: Browser, address: str) -> list[list[str]]:
    text = browser.post(f"{address}.csv").get_data().decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


def unlike(rows: list[list[str]], wanted: dict[int, list[Found]]) -> list[object]:
    """Where the rows of a report are not what was wanted: a finding that is missing, and one that nobody planted."""
    found: dict[int, list[list[str]]] = {}
    for row in rows:
        found.setdefault(int(row[0] or 0), []).append(row)
    wrong: list[object] = []
    for number, each in wanted.items():
        told = [row for row in found.pop(number, []) if row[6]]
        wrong += [(number, one.column, one.said) for one in each if not any(is_of(row, one) for row in told)]
        wrong += [row for row in told if not any(is_of(row, one) for one in each)]
    return wrong + [row for number, rest in found.items() for row in rest if number or row[4:6] != ["表头", "备注"]]


def is_of(row: list[str], one: Found) -> bool:
    value = row[5].removeprefix("'") if row[5][1:2] in "=+-@|%" else row[5]
    is_value = value.startswith(one.value) if one.said == "数字位数太多" else value == one.value
    return row[4] == one.column and is_value and row[6].startswith(one.said)


def planted(marketer: Browser, runtime: Runtime, rounds: int) -> tuple[str, dict[int, list[Found]], list[list[str]]]:
    """(the page, what was planted, the rows of the report) of a sheet that was uploaded."""
    raw, wanted = faulty_sheet(rounds)
    page = upload(marketer, draft(marketer, runtime), raw)
    header, *rows = taken(marketer, report_of(page))
    assert header == ["行", "编号", "姓名", "结果", "列", "内容", "问题和办法"]
    return page, wanted, rows


def test_every_fault_of_every_row_is_in_the_report_with_its_place_and_what_to_do(
    marketer: Browser, runtime: Runtime
) -> None:
    page, wanted, rows = planted(marketer, runtime, 11)
    assert unlike(rows, wanted) == []
    outcomes = [row[3] for row in rows if row[0]]
    assert outcomes[0] == "有误" and outcomes == sorted(outcomes, key=lambda word: word not in ("有误", "重复"))
    hidden_rows = len(wanted) - 200 - 11
    assert f"还有 {hidden_rows} 行没有列在这里" in page, "the empty rows are no lines"
    bad = sum(row[3] == "有误" for row in {row[0]: row for row in rows}.values())
    assert f"其中有误的 {max(0, bad - 200)} 行" in page and 'href="#report"' in page
    assert f"下载整份检查结果（{len(rows)} 行）" in page
    assert listed(runtime) == []


@pytest.mark.proof
def test_a_sheet_of_ten_thousand_rows_has_every_fault_in_its_report(marketer: Browser, runtime: Runtime) -> None:
    _, wanted, rows = planted(marketer, runtime, 240)
    assert len(wanted) >= 10_000 and sum(map(len, wanted.values())) > 5_000
    assert unlike(rows, wanted) == []


def test_a_report_is_ones_own_and_the_newest_and_no_cell_of_it_runs(
    marketer: Browser, runtime: Runtime, app: Flask
) -> None:
    campaign_id = draft(marketer, runtime)
    sheet = "工号,姓名,分组\n=1+1,+86王,财务部\n@a,李,技术部\n".encode()
    old, address = [report_of(upload(marketer, campaign_id, sheet, "a.csv")) for _ in range(2)]
    assert marketer.post(f"{old}.csv").status_code == 404, "a newer one took its place"
    assert marketer.post(f"{address}.pdf").status_code == 404
    for login, role in (("wang", "cashier"), ("zhao", "marketer")):
        accounts.hire(runtime.database, f"{login}.test", login, role, PASSWORD, runtime.clock.now())
        assert Browser(app, login).post(f"{address}.csv").status_code == 404, login
    bad, good = taken(marketer, address)[1:]
    assert bad[:3] == ["2", "'=1+1", "'+86王"] and good[:4] == ["3", "'@a", "李", "新增"]
    book = load_workbook(io.BytesIO(marketer.post(f"{address}.xlsx").get_data()))
    written: Any = book.active
    cells = [cell for row in written.iter_rows(min_row=2) for cell in row if cell.value is not None]
    assert "=1+1" in [cell.value for cell in cells] and {cell.data_type for cell in cells} == {"s"}
    marketer.post("/admin/language", {"locale": "en"})
    assert taken(marketer, address)[1][3:] == ["Faulty", "group", "财务部", invited_sheet.NO_GROUP.text.en]
    with runtime.database.reading() as session:
        taken_out = session.scalars(select(AuditEvent).where(AuditEvent.action == "report_export")).all()
    assert [(event.target, event.detail["form"]) for event in taken_out] == [
        (f"campaign:{campaign_id}", form) for form in ("csv", "xlsx", "csv")
    ]
    assert reports.kept(runtime, 1, "0" * 16, "zh") is None


def test_a_csv_says_of_control_characters_and_of_rows_that_swallow_others_where_they_stand(
    marketer: Browser, runtime: Runtime
) -> None:
    raw = "工号,姓名,分组\n01,王\x01明,技术部\n02,李雷,技术部,多了\n03,赵云,技术部\n".encode()
    rows = taken(marketer, report_of(upload(marketer, draft(marketer, runtime), raw, "a.csv")))[1:]
    assert [(row[0], row[4], row[5]) for row in rows if row[6]] == [("2", "姓名", "王 明"), ("3", "整行", "")]
    assert rows[0][6].startswith("含有不可见的控制字符") and rows[1][6].startswith("这一行的格数比表头多")


SENTENCES = [value for value in vars(invited_sheet).values() if isinstance(value, CellFault)]


def test_each_sentence_says_what_to_do() -> None:
    said = [fault.text for fault in SENTENCES] + [invited_sheet.DOUBLE, invited_sheet.OTHERWISE, invited_sheet.AGAIN]
    assert len(said) > 9
    for text in said:
        assert re.search("请|不用改", text.zh) and re.search("; |nothing needs doing", text.en), text


numbers = st.lists(
    st.tuples(st.integers(1, 99_999), st.booleans()).map(lambda n: f"{n[0]:05d}" if n[1] else str(n[0])), max_size=12
)
lettered = st.lists(st.integers(0, 10**8).map(lambda n: f"e{n}"), min_size=1, max_size=6)


@given(numbers, lettered, st.booleans())
def test_numbers_with_a_letter_change_nothing_of_what_is_said_of_lost_zeros(
    digits: list[str], letters: list[str], is_behind: bool
) -> None:
    def short(keys: list[str]) -> set[str]:
        lines = [InvitedLine(number, key, "王", fate="added") for number, key in enumerate(keys, 2)]
        return {key for remark in invited_report._lost_zeros(lines) for _, key in remark.rows}

    mixed = digits + letters if is_behind else letters + digits
    assert short(mixed) == short(digits)
    if any(key.startswith("0") for key in digits):
        assert short(mixed) == {key for key in digits if len(key) < 5}
