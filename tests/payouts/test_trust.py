"""Staff who add the people that they pay: nothing follows before somebody of another role has agreed (security S56)."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
from openpyxl import load_workbook
from sqlalchemy import select, update

from tests.payouts.desk import Desk, csv_file, openid, phone, xlsx_file
from tests.payouts.stories import owe, payout_of
from tests.payouts.test_second_person import approve_as, paid_by_hand
from tests.staff.consoles import move_clock
from wxbot.payouts.place_orders import order_due
from wxbot.people import bindings, marks, roster
from wxbot.people.models import Binding, Confirmation, PersonMark, RosterEntry
from wxbot.staff.audit import Actor
from wxbot.staff.models import AuditEvent


def allow(desk: Desk, login: str, subject: str, kind: str = "openid", mark: str = "allow") -> int:
    values = {"mark": mark, "kind": kind, "subject": subject, "reason": "合作方"}
    return desk.as_(login).post("/admin/marks", values).status_code


def upload(desk: Desk, login: str, *rows: tuple[str, str]) -> None:
    """Look at a roster and take it over."""
    browser = desk.as_(login)
    file = (io.BytesIO(csv_file(*rows, header=("手机号", "姓名"))), "名册.csv")
    values = {"csrf_token": browser.token(), "file": file}
    page = browser.client.post("/admin/roster/upload", data=values, content_type="multipart/form-data").text
    path = re.findall(r"/admin/roster/upload/[0-9]+", page)[0]
    assert browser.post(path).status_code == 303


def confirm(desk: Desk, login: str, number: int | None = None) -> str:
    """Press the button of the newest confirmation; what is told, or what the page says instead."""
    with desk.runtime.database.reading() as session:
        number = number or max(session.scalars(select(Confirmation.id)))
    browser, path = desk.as_(login), f"/admin/confirmations/{number}"
    page = browser.get(path).text
    seen = re.findall(r'name="content_sha256" value="(\w+)"', page) or ["0" * 64]
    return desk.told(browser, browser.post(f"{path}/confirm", {"content_sha256": seen[0]}))


def refusal(desk: Desk, who: str) -> str | None:
    with desk.runtime.database.reading() as session:
        return marks.refusal(session, None, who)


def test_a_cashier_who_marks_a_stranger_allow_pays_them_nothing_alone_S56(desk: Desk) -> None:
    desk.know(1)
    programme_id = desk.fund(needs_binding=True)
    with desk.runtime.database.transaction() as session:
        session.execute(update(Binding).values(status="ended", end_reason="staff"))
    assert allow(desk, "wang", openid(1)) == 303
    assert paid_by_hand(desk, programme_id, "9.00") == ["requested"], "nor approves alone for somebody they added"
    (payout,) = desk.payouts()
    assert "已批准" in approve_as(desk, desk.as_("zhou"), payout.id)
    assert order_due(desk.runtime) == 1 and payout_of(desk.runtime, payout.id).hold == "unconfirmed"
    assert "另一种角色" in confirm(desk, "wang") and "另一种角色" in confirm(desk, "zhou")
    assert "已确认" in confirm(desk, "sun")
    move_clock(desk.runtime, timedelta(minutes=2))
    assert order_due(desk.runtime) == 1 and payout_of(desk.runtime, payout.id).status == "ordered"


def test_a_block_is_never_replaced_by_an_allow_and_each_removal_has_its_line_S56(desk: Desk) -> None:
    assert allow(desk, "wang", openid(1), mark="block") == 303
    assert allow(desk, "wang", openid(1)) == 422 and refusal(desk, openid(1)) == "blocked"
    assert allow(desk, "chen", f" {openid(1)} ") == 422
    assert allow(desk, "wang", phone(2), "phone") == 303
    assert allow(desk, "sun", f"+86 {phone(2)}", "phone", "block") == 303, (
        "the allow mark is gone, and its line says so"
    )
    assert allow(desk, "zhou", phone(2), "phone") == 422
    with desk.runtime.database.reading() as session:
        (first, second) = session.scalars(select(PersonMark.id).order_by(PersonMark.id)).all()
    assert desk.as_("wang").post(f"/admin/marks/{first}/remove").status_code == 303
    with desk.runtime.database.reading() as session:
        lines = session.scalars(select(AuditEvent).where(AuditEvent.action == "person_mark").order_by(AuditEvent.id))
        removed = [(line.target, line.detail["mark"], line.actor) for line in lines if line.detail.get("removed")]
    assert removed == [(f"mark:{second}", "allow", "sun.test"), (f"mark:{first}", "block", "wang.test")]


def test_who_is_put_on_the_roster_binds_at_once_and_is_paid_when_a_cashier_agrees_to_the_whole_S56(desk: Desk) -> None:
    upload(desk, "sun", (phone(1), "友人"), (phone(2), "同事"))
    desk.know(1)
    assert refusal(desk, openid(1)) == "unconfirmed"
    payout_id = owe(desk.runtime, desk.fund(), openid(1), 100)
    assert order_due(desk.runtime) == 1 and payout_of(desk.runtime, payout_id).hold == "unconfirmed"
    page = desk.as_("wang").get("/admin/").text
    assert (
        "收款人待确认" in page
        and "收款人待确认" not in desk.as_("sun").get("/admin/vouchers").text.partition("</aside>")[2]
    )
    assert "另一种角色" in confirm(desk, "sun") and "另一种角色" in confirm(desk, "chen")
    shown = desk.as_("zhou").get("/admin/confirmations/1").text
    assert "友人" in shown and phone(1) not in shown
    seen = re.findall(r'name="content_sha256" value="(\w+)"', shown)[0]
    with desk.runtime.database.transaction() as session:
        session.execute(update(RosterEntry).where(RosterEntry.id == 2).values(note="改过"))
    stale = desk.as_("zhou").post("/admin/confirmations/1/confirm", {"content_sha256": seen})
    assert "内容与看到的不一致" in desk.told(desk.as_("zhou"), stale)
    assert "已确认" in confirm(desk, "zhou", 1) and refusal(desk, openid(1)) is None
    assert confirm(desk, "wang", 1) != "" and refusal(desk, openid(1)) is None


@pytest.mark.parametrize("again", ["renamed", "back", "cli"])
def test_other_ways_onto_the_roster_wait_too_and_a_note_does_not_S56(desk: Desk, again: str) -> None:
    upload(desk, "sun", (phone(1), "阿明"))
    confirm(desk, "wang")
    upload(desk, "sun", (phone(1), "阿明"), (phone(3), "别人"))
    desk.know(1)
    assert refusal(desk, openid(1)) is None, "what was confirmed stays so"
    if again == "renamed":
        upload(desk, "sun", (phone(1), "阿明的朋友"))
    elif again == "back":
        assert desk.as_("sun").post("/admin/roster/1/deactivate").status_code == 303
        assert desk.as_("sun").post("/admin/roster/1/activate").status_code == 303
        with desk.runtime.database.transaction() as session:
            session.execute(update(Binding).values(status="active"))
    else:
        with desk.runtime.database.transaction() as session:
            rows = [("新名", f"+86{phone(1)}", "", "")]
            assert roster.put(session, desk.runtime.vault, rows, None, desk.now) == 1
    assert refusal(desk, openid(1)) == "unconfirmed"
    assert "已确认" in confirm(desk, "wang") and refusal(desk, openid(1)) is None


def test_a_binding_that_an_unconfirmed_mark_made_possible_ends_with_it_S56(desk: Desk) -> None:
    assert allow(desk, "wang", phone(1), "phone") == 303
    desk.know(1)
    assert refusal(desk, openid(1)) == "unconfirmed"
    with desk.runtime.database.transaction() as session:
        assert bindings.take_off_mark(session, desk.runtime.vault, 1, Actor(None, "cli"), desk.now) is not None
        assert bindings.take_off_mark(session, desk.runtime.vault, 1, Actor(None, "cli"), desk.now) is None
    assert refusal(desk, openid(1)) == "unbound"


def test_nobody_approves_for_somebody_they_added_S56(desk: Desk) -> None:
    desk.know_many(2)
    programme_id = desk.fund()
    assert allow(desk, "zhou", openid(1)) == 303
    assert "已确认" in confirm(desk, "chen")
    payout_id = owe(desk.runtime, programme_id, openid(1), 20_000)
    assert "自己添加的人" in approve_as(desk, desk.as_("zhou"), payout_id)
    list_id = desk.uploaded(csv_file((phone(2), "", "1.00", ""), (phone(1), "", "1.00", "")), programme_id, "wang")
    desk.do("wang", list_id, "submit")
    assert "自己添加的人" in desk.approve("zhou", list_id) and desk.list(list_id).status == "submitted"


def test_who_confirms_an_upload_reads_which_of_its_rows_the_file_hides_S56(desk: Desk) -> None:
    raw = xlsx_file(*((phone(n), f"甲{n}", "x") for n in range(1, 5)), header=("手机号", "姓名", "工号"))
    book = load_workbook(io.BytesIO(raw))
    book.worksheets[0].row_dimensions[4].hidden = True
    file = io.BytesIO()
    book.save(file)
    browser = desk.as_("sun")
    values = {"csrf_token": browser.token(), "file": (io.BytesIO(file.getvalue()), "名册.xlsx")}
    page = browser.client.post("/admin/roster/upload", data=values, content_type="multipart/form-data").text
    assert "1 行是隐藏的" in page
    browser.post(re.findall(r"/admin/roster/upload/[0-9]+", page)[0])
    with desk.runtime.database.reading() as session:
        number = max(session.scalars(select(Confirmation.id)))
    shown = desk.as_("wang").get(f"/admin/confirmations/{number}").text
    assert "1 行是隐藏的" in shown and "第 4 行" in shown and "这些列没有读取：工号" in shown
    allow(desk, "sun", openid(9))
    assert "隐藏" not in desk.as_("wang").get(f"/admin/confirmations/{number + 1}").text
