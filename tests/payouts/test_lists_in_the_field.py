"""Lists as people upload them: what the sender did not see is said before anybody approves, and bad rows can be taken away."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import select, update

from tests.payouts.desk import Desk, csv_file, openid, phone, xlsx_file
from tests.rows import fill
from wxbot.payouts import lists
from wxbot.payouts.models import ListRow
from wxbot.people.models import PersonMark, RosterEntry
from wxbot.staff.models import AuditEvent


def filtered(raw: bytes, *hidden: int, column: str = "") -> bytes:
    """The workbook with these rows, and this column, hidden as a filter or a hand hides them."""
    book, file = load_workbook(io.BytesIO(raw)), io.BytesIO()
    for row in hidden:
        book.worksheets[0].row_dimensions[row].hidden = True
    if column:
        book.worksheets[0].column_dimensions[column].hidden = True
    book.save(file)
    return file.getvalue()


def test_rows_that_the_sender_does_not_see_are_said_before_anybody_approves(desk: Desk) -> None:
    programme_id = desk.fund()
    desk.know_many(4)
    raw = xlsx_file(
        *[(phone(n), f"人{n}", "2", "", "工号") for n in range(1, 5)], header=("手机号", "姓名", "金额", "备注", "工号")
    )
    list_id = desk.uploaded(filtered(raw, 3, 5), programme_id)
    assert [row.is_hidden for row in desk.rows(list_id)] == [False, True, False, True]
    desk.do("wang", list_id, "submit")
    page = desk.as_("zhou").get(f"/admin/lists/{list_id}?show=warned").text
    said = "有 2 行是隐藏的（或被筛选掉），打开文件看不到，但已经读进来：第 3、5 行"
    assert page.count(said) == 2  # the dialogue in which it is approved says it, too
    assert page.count("这一行在表格里是隐藏的") == 2
    assert "这些列没有读取：工号" in page
    with desk.runtime.database.transaction() as session:
        agreed = desk.list(list_id).content_sha256
        assert lists.content_sha256(session, desk.list(list_id)) == agreed
        session.execute(update(ListRow).where(ListRow.row_number == 5).values(is_hidden=False))
        assert lists.content_sha256(session, desk.list(list_id)) != agreed
        session.rollback()


def test_a_list_with_a_hidden_column_or_another_file_is_refused_by_what_it_is(desk: Desk) -> None:
    programme_id = desk.fund()
    good = xlsx_file((phone(1), "甲", "2", ""))
    for raw, says in (
        (filtered(good, column="C"), "“金额（C）”这一列是隐藏的"),
        (b"%PDF-1.7", "这是 PDF 文件"),
        (b"\xff\xd8\xff\xe0", "这是图片"),
    ):
        answer = desk.upload(raw, programme_id)
        assert (answer.status_code, says in answer.text, "表头缺少" in answer.text) == (422, True, False)


def test_why_a_phone_cannot_be_paid_is_said_truly(desk: Desk) -> None:
    """Not on the roster is not "not bound yet": the person can do nothing about it."""
    programme_id = desk.fund()
    vault = desk.runtime.vault
    with desk.runtime.database.transaction() as session:
        for n, is_active in ((1, True), (2, False)):
            fill(
                session,
                RosterEntry,
                name="某",
                phone_index=vault.index(f"+86{phone(n)}"),
                phone_sealed=vault.seal(f"+86{phone(n)}"),
                is_active=is_active,
            )
        for n, mark in ((4, "allow"), (5, "block")):
            fill(session, PersonMark, mark=mark, kind="phone", subject=vault.index(f"+86{phone(n)}"), reason="r")
    list_id = desk.uploaded(csv_file(*[(phone(n), "", "2", "") for n in range(1, 6)]), programme_id)
    assert [row.fault for row in desk.rows(list_id)] == ["unbound", "off_roster", "not_listed", "unbound", "blocked"]
    page = desk.as_("wang").get(f"/admin/lists/{list_id}").text
    assert "手机号不在名册中，请先把此人加入名册" in page and "请先在名册中恢复" in page


def taken(desk: Desk, login: str, list_id: int, form: str) -> list[list[Any]]:
    answer = desk.as_(login).post(f"/admin/lists/{list_id}/faulty.{form}")
    assert answer.status_code == 200
    if form == "csv":
        return list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    return [
        ["" if cell is None else cell for cell in row]
        for row in load_workbook(io.BytesIO(answer.data)).worksheets[0].values
    ]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_the_bad_rows_of_a_list_can_be_taken_away_with_what_was_read_and_what_is_wrong(desk: Desk, form: str) -> None:
    programme_id = desk.fund()
    desk.know_many(2)
    rows = [
        (phone(1), "甲", "2", ""),
        ("1380013800", "乙", "2", "注"),
        (phone(1), "丙", "二元", ""),
        (phone(77), "丁", "2", ""),
    ]
    list_id = desk.uploaded(csv_file(*rows), programme_id, "li")
    assert desk.as_("zhao").post(f"/admin/lists/{list_id}/faulty.{form}").status_code == 404
    assert desk.as_("li").post(f"/admin/lists/{list_id}/faulty.pdf").status_code == 404
    header, *told = taken(desk, "li", list_id, form)
    assert header[0] == "行" and header[-1] == "问题"
    masked = f"{phone(77)[:3]}****{phone(77)[-4:]}"
    assert [(str(row[0]), row[1], row[3], row[4]) for row in told] == [
        ("3", "1380013800", "乙", "2.00"),
        ("4", desk.rows(list_id)[2].phone_masked, "丙", "二元"),
        ("5", masked, "丁", "2.00"),
    ]
    assert [row[-1][:4] for row in told] == ["手机号格", "金额看不", "手机号不"]
    with desk.runtime.database.reading() as session:
        assert session.scalar(select(AuditEvent.target).where(AuditEvent.action == "list_export")) == f"list:{list_id}"
    assert "1380013800" not in str(desk.dump()["list_rows"])
    desk.do("li", list_id, "drop")
    assert [row.read_sealed for row in desk.rows(list_id)] == [None] * 4


def test_nobody_is_dropped_by_an_open_quote(desk: Desk) -> None:
    programme_id = desk.fund()
    raw = f'openid,金额,备注\n{openid(1)},1.11,"三月\n{openid(2)},1.12,例\n{openid(3)},1.13,例\n'.encode()
    answer = desk.upload(raw, programme_id)
    assert (answer.status_code, "第 2 行的引号不成对" in answer.text) == (422, True)
