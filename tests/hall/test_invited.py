"""The list of invited people: every row of a file judged and named, nothing taken over before somebody said so, each line used once."""

from __future__ import annotations

import io
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from sqlalchemy import select

from tests.draws.stage import Phone
from tests.hall.drafts import gala
from tests.hall.guests import enter, shown
from tests.hall.stage import open_hall
from tests.staff.consoles import Browser
from wxbot import sheets
from wxbot.campaigns.models import Campaign
from wxbot.hall import invited, invited_sheet, sign_in
from wxbot.hall.invited_report import InvitedLine
from wxbot.hall.models import Invited
from wxbot.runtime import Runtime
from wxbot.text import Refusal

HEADER = ("工号", "姓名", "分组", "权重")


def workbook(rows: list[tuple[Any, ...]], hidden: int = 0) -> bytes:
    """A sheet as people make it: figures are figures."""
    book = Workbook()
    sheet: Any = book.active
    for row in (HEADER, *rows):
        sheet.append(row)
    if hidden:
        sheet.row_dimensions[hidden].hidden = True
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def draft(marketer: Browser, runtime: Runtime) -> int:
    marketer.post("/admin/campaigns/new", gala(runtime, is_invited_only="1"))
    with runtime.database.reading() as session:
        return session.scalars(select(Campaign.id)).one()


def upload(marketer: Browser, campaign_id: int, raw: bytes, name: str = "名单.xlsx") -> str:
    reply = marketer.post(f"/admin/campaigns/{campaign_id}/invited", {"file": (io.BytesIO(raw), name)})
    return unescape(reply.text)


def listed(runtime: Runtime) -> list[tuple[str, str, str, int]]:
    with runtime.database.reading() as session:
        rows = session.scalars(select(Invited).order_by(Invited.key))
        return [(row.key, row.name, row.group, row.weight) for row in rows]


def test_every_fault_of_a_file_is_named_and_nothing_is_imported_before_somebody_says_so(
    marketer: Browser, runtime: Runtime
) -> None:
    campaign_id = draft(marketer, runtime)
    rows: list[tuple[Any, ...]] = [
        ("0001", "王小明", "销售部", 1),
        ("0002", "张伟", "技术部", 2),
        (3, "张伟", "技术部", 1),
        ("0004", "李雷", "财务部", 1),
        ("", "韩梅", "技术部", 1),
        ("0006", "", "技术部", 1),
        ("0007", "赵云", "技术部", 0),
        ("0008", "钱多", "技术部", 1),
        ("0008", "钱少", "技术部", 1),
        ("0001", "王小明", "销售部", 1),
        (None, None, None, None),
        ("0012", "=1+1", "技术部", 1),
        ("0013", "孙行", "技术部", 1),
    ]
    page = upload(marketer, campaign_id, workbook(rows, hidden=14))
    for said in (
        "活动没有这个分组",
        "没有编号",
        "没有姓名",
        "权重是 1 到 100 的整数",
        "编号和别的行相同、姓名不同",
        "和前面一行完全相同，跳过",
        "单元格是公式",
        "有 1 行是隐藏的",
        "中间有 1 个空行：第 12 行",
        "有 2 行姓名相同、编号不同",
        "可能丢了开头的 0，请把这一列设为文本后重新填写：第 4 行",
        "还没有导入",
        "导入 4 人",
    ):
        assert said in page, said
    assert listed(runtime) == []
    marketer.post(f"/admin/campaigns/{campaign_id}/invited/take", {})
    assert listed(runtime) == [
        ("0001", "王小明", "销售部", 1),
        ("0002", "张伟", "技术部", 2),
        ("0013", "孙行", "技术部", 1),
        ("3", "张伟", "技术部", 1),
    ]
    marketer.post(f"/admin/campaigns/{campaign_id}/invited/take", {})
    assert len(listed(runtime)) == 4, "what was looked at is taken over once"
    changed = upload(marketer, campaign_id, workbook([("0001", "王小明", "技术部", 1), ("0002", "张伟", "技术部", 2)]))
    assert "更新 1" in changed and "无变化 1" in changed
    marketer.post(f"/admin/campaigns/{campaign_id}/invited/clear", {})
    assert listed(runtime) == []


def test_a_csv_is_read_and_what_is_no_list_is_refused_with_a_sentence(marketer: Browser, runtime: Runtime) -> None:
    campaign_id = draft(marketer, runtime)
    page = upload(marketer, campaign_id, "编号,姓名,部门\n007,詹姆,技术部\n".encode(), "a.csv")
    assert "新增 1" in page and "007" in page
    assert "表头缺少这一列" in upload(marketer, campaign_id, "姓名\n王\n".encode(), "a.csv")
    assert "这是 PDF" in upload(marketer, campaign_id, b"%PDF-1.7 ...", "a.pdf")


@pytest.mark.proof
def test_ten_thousand_rows_are_judged_and_taken_over(marketer: Browser, runtime: Runtime) -> None:
    campaign_id = draft(marketer, runtime)
    rows = ((f"{number:05d}", f"来宾{number}", "技术部", "") for number in range(1, 10_001))
    raw = sheets.xlsx_bytes("名单", HEADER, [rows])
    assert "导入 10,000 人" in upload(marketer, campaign_id, raw)
    marketer.post(f"/admin/campaigns/{campaign_id}/invited/take", {})
    assert len(listed(runtime)) == 10_000


def test_an_invited_guest_signs_in_once_by_number_and_name_and_nobody_else_does(
    runtime: Runtime, ming: Phone, hong: Phone
) -> None:
    hall = open_hall(runtime, terms={"is_invited_only": True, "groups": ["技术部"]})
    with runtime.database.transaction() as session:
        people = [("007", "张伟", "技术部", 3), ("008", "张伟", "", 1), ("009", "王小明", "", 1)]
        assert invited_sheet.take_over(session, hall.campaign_id, people) == 3
    page = shown(ming.open(hall.path))
    assert "请扫大屏上的二维码" in page
    for key, name in (("010", "张伟"), ("007", "李雷"), ("7", "张伟"), ("", "")):
        reply = enter(ming, hall, key=key, name=name)
        assert reply.status_code == 422 and "名单上没有这个编号和姓名" in shown(reply)
    assert enter(ming, hall, key="００7 ", name="张 伟").status_code == 303
    stolen = enter(hong, hall, key="007", name="张伟")
    assert stolen.status_code == 422 and "已经有人签到" in shown(stolen)
    assert enter(hong, hall, key="008", name="张伟").status_code == 303
    first, second = hall.guests()
    assert (first.name, first.group, first.weight) == ("张伟·1", "技术部", 3), "equal names stay apart"
    assert (second.name, second.group) == ("张伟·2", "")
    with runtime.database.transaction() as session, pytest.raises(Refusal, match="只能加人"):
        invited_sheet.clear(session, hall.campaign_id)
    with runtime.database.transaction() as session:
        assert invited_sheet.take_over(session, hall.campaign_id, [("007", "李雷", "", 1)]) == 0, "they have signed in"


@pytest.mark.on_both
def test_one_line_of_the_list_is_one_guest_however_they_come(runtime: Runtime) -> None:
    hall = open_hall(runtime, terms={"is_invited_only": True})
    with runtime.database.transaction() as session:
        invited_sheet.take_over(session, hall.campaign_id, [("1", "王", "", 1)])
    with runtime.database.reading() as session:
        entry = invited.entry_of(session, hall.campaign_id, "1", "王")
    for openid in ("o-first", "o-second"):
        with runtime.database.transaction() as session:
            try:
                sign_in.sign_in(session, hall.campaign_id, openid, entry, runtime.clock.now())
            except Refusal as refusal:
                assert (openid, refusal.reason) == ("o-second", "taken")
    assert [guest.openid for guest in hall.guests()] == ["o-first"]


def test_the_page_says_how_many_of_the_list_have_a_weight(marketer: Browser, runtime: Runtime) -> None:
    hall = open_hall(runtime, terms={"is_invited_only": True})
    with runtime.database.transaction() as session:
        session.add_all(Invited(campaign_id=hall.campaign_id, key=str(n), name="王", weight=n) for n in (1, 2, 3))
    assert "其中 2 人有权重" in marketer.get(f"/admin/campaigns/{hall.campaign_id}/invited").text


def test_weights_are_given_before_the_launch_only(runtime: Runtime) -> None:
    hall = open_hall(runtime, terms={"is_invited_only": True})
    sheet = sheets.read("工号,姓名,权重\n1,王,5\n2,李,1\n".encode(), invited_sheet.COLUMNS, invited_sheet.NEEDS)
    with runtime.database.reading() as session:
        report = invited_sheet.look(session, hall.campaign(), sheet)
    assert [(line.fate, [fault.name for fault in line.faults]) for line in report.lines] == [
        ("bad", ["late"]),
        ("added", []),
    ]


@given(st.lists(st.tuples(st.sampled_from(["1", "2", "03"]), st.sampled_from(["王", "李"])), max_size=8))
def test_no_number_is_taken_for_two_people(rows: list[tuple[str, str]]) -> None:
    lines = [InvitedLine(number, key, name) for number, (key, name) in enumerate(rows, 2)]
    ended = invited_sheet._without_doubles(lines)
    taken = [line for line in ended if not line.fate]
    assert len({line.key for line in taken}) == len(taken) and len(ended) == len(lines)
    for key in {key for key, _ in rows}:
        names = {name for other, name in rows if other == key}
        assert [line.name for line in taken if line.key == key] == (list(names) if len(names) == 1 else [])
