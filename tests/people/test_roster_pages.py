"""The console's roster, bindings and marks through their doors: imports with bad rows, unmasking, deciding, blocking."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from openpyxl import Workbook, load_workbook
from sqlalchemy import select

from tests.people.conftest import GUI, HONG, LISTED, MING
from tests.staff.consoles import NOON, Browser, console, token_in
from wxbot.people import marks
from wxbot.people.models import Binding, Notice, PersonMark, RosterEntry
from wxbot.runtime import Runtime
from wxbot.staff.models import AuditEvent


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    """A console with its people; the database makes no difference."""
    with console(sqlite_url, redis_url, tmp_path, NOON) as app:
        yield app


def runtime_of(app: Flask) -> Runtime:
    runtime: Runtime = app.extensions["wxbot"]
    return runtime


def rows(app: Flask, model: Any, *where: Any) -> list[Any]:
    with runtime_of(app).database.reading() as session:
        return list(session.scalars(select(model).where(*where).order_by(model.id)))


def audited(app: Flask) -> list[tuple[str, str, str]]:
    return [(row.action, row.target, row.outcome) for row in rows(app, AuditEvent) if not row.action.startswith("sign")]


@contextmanager
def counting(app: Flask) -> Iterator[list[int]]:
    before, seen = len(audited(app)), [0]
    yield seen
    seen[0] = len(audited(app)) - before


def upload(browser: Browser, raw: bytes, name: str = "名单.xlsx") -> Any:
    values = {"csrf_token": browser.token(), "file": (io.BytesIO(raw), name)}
    return browser.client.post("/admin/roster/upload", data=values, content_type="multipart/form-data")


def xlsx(*lines: tuple[Any, ...]) -> bytes:
    book = Workbook()
    assert book.active is not None
    for line in (("姓名", "手机号", "部门"), *lines):
        book.active.append(line)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def bound(app: Flask, openid: str, phone: str, status: str = "active", name: str = "") -> int:
    runtime = runtime_of(app)
    with runtime.database.transaction() as session:
        row = Binding(
            openid=openid,
            phone_sealed=runtime.vault.seal(phone),
            phone_index=runtime.vault.index(phone),
            name=name,
            status=status,
            via="chat",
            proved_at=NOON,
            bound_at=NOON if status == "active" else None,
            end_reason="",
        )
        session.add(row)
        session.flush()
        return row.id


def test_a_file_is_looked_at_first_and_every_bad_row_is_named(desk: Flask) -> None:
    sun = Browser(desk, "sun")
    raw = xlsx(
        ("陈一", 13800138000, "市场"),
        ("林二", "139 0013 9000", ""),
        ("", "13700137000", ""),
        ("坏号码", "1390013900", ""),
        ("=HYPERLINK(1)", "13600136000", ""),
        ("甲", "13500135000", ""),
        ("乙", "+86 135-0013-5000", ""),
        ("陈一", "013800138000"[1:], "市场"),
        ("长" * 41, "13400134000", ""),
    )
    page = upload(sun, raw)
    assert page.status_code == 200
    assert rows(desk, RosterEntry) == []
    for words in ("没有姓名", "手机号不正确", "公式", "与第 8 行是同一个手机号", "与第 2 行重复", "姓名超过 40 字"):
        assert words in page.text, words
    assert "导入 2 人" in page.text
    assert "13800138000" not in page.text
    done = sun.client.post("/admin/roster/upload/1", data={"csrf_token": token_in(page.text)})
    assert done.status_code == 303
    assert [(row.name, row.department, row.is_active) for row in rows(desk, RosterEntry)] == [
        ("陈一", "市场", True),
        ("林二", "", True),
    ]
    sun.post("/admin/roster/upload/1")
    assert len(rows(desk, RosterEntry)) == 2
    assert audited(desk) == [("roster_import", "file:1", "done")]


def test_a_second_file_says_what_it_changes_and_a_foreign_one_cannot_be_taken_over(desk: Flask) -> None:
    sun, chen = Browser(desk, "sun"), Browser(desk, "chen")
    upload(sun, "姓名,手机号,备注\n陈一,13800138000,老员工\n林二,13900139000,\n".encode("gb18030"), "a.csv")
    assert chen.post("/admin/roster/upload/1").status_code == 303  # not theirs: nothing happens
    assert rows(desk, RosterEntry) == []
    sun.post("/admin/roster/upload/1")
    sun.post("/admin/roster/2/deactivate")
    page = upload(sun, xlsx(("陈一一", 13800138000, ""), ("林二", 13900139000, ""), ("王三", 13700137000, "")))
    for words in ("更新 1", "恢复 1", "新增 1"):
        assert words in page.text, words
    sun.post("/admin/roster/upload/2")
    assert [(row.name, row.is_active) for row in rows(desk, RosterEntry)] == [
        ("陈一一", True),
        ("林二", True),
        ("王三", True),
    ]


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04nonsense", b"a,b\n1,2\n", "姓名,手机号\n".encode(), b"\0" * 100])
def test_a_file_that_is_no_list_is_refused_with_a_sentence(desk: Flask, raw: bytes) -> None:
    page = upload(Browser(desk, "sun"), raw)
    assert page.status_code == 422
    assert 'class="fault" role="alert"' in page.text


def test_only_who_may_upload_may_send_much_S16(desk: Flask) -> None:
    def send(login: str, size: int) -> int:
        form = "multipart/form-data; boundary=x"
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        body = head + b"x" * size + b"\r\n--x--\r\n"
        answer = Browser(desk, login).client.post("/admin/roster/upload", data=body, content_type=form)
        return answer.status_code

    assert send("wang", 200_000) in (403, 413)  # for their role or for the size, whichever is seen first
    assert send("sun", 200_000) == 400  # no token in it, but it was read
    assert send("sun", 6_000_000) == 413


def test_a_list_is_searched_by_name_or_by_the_whole_phone_and_shows_no_number(desk: Flask) -> None:
    sun = Browser(desk, "sun")
    upload(sun, xlsx(("陈一", 13800138000, ""), ("林二", 13900139000, "")))
    sun.post("/admin/roster/upload/1")
    bound(desk, MING, LISTED)
    assert "陈一" in sun.get("/admin/roster?q=138 0013 8000").text
    for q in ("13900139000", "林"):
        page = sun.get(f"/admin/roster?q={q}").text
        assert "林二" in page and "陈一" not in page
    everybody = sun.get("/admin/roster").text
    assert "138****8000" in everybody and "13800138000" not in everybody and MING in everybody
    assert "没有找到" in sun.get("/admin/roster?q=%25").text


def test_a_whole_number_is_shown_once_and_the_look_is_recorded(desk: Flask) -> None:
    wang = Browser(desk, "wang")
    binding_id = bound(desk, MING, LISTED, name="陈一")
    with counting(desk) as seen:
        shown = wang.post("/admin/roster/unmask", {"kind": "binding", "id": str(binding_id)})
    assert "138 0013 8000" in shown.text and shown.headers["Cache-Control"] == "private, no-store"
    assert seen == [1]
    assert audited(desk)[-1] == ("phone_unmask", f"binding:{binding_id}", "done")
    assert wang.get("/admin/roster/unmask").status_code == 405
    for values in ({"kind": "staff", "id": "1"}, {"kind": "binding", "id": "99"}, {"kind": "binding"}):
        assert wang.post("/admin/roster/unmask", values).status_code == 404


def test_who_leaves_the_list_is_unbound_and_told(desk: Flask) -> None:
    sun = Browser(desk, "sun")
    upload(sun, xlsx(("陈一", 13800138000, "")))
    sun.post("/admin/roster/upload/1")
    bound(desk, MING, LISTED)
    assert sun.post("/admin/roster/1/deactivate").status_code == 303
    (row,) = rows(desk, Binding)
    assert (row.status, row.end_reason) == ("ended", "roster")
    assert len(rows(desk, Notice)) == 1
    assert sun.post("/admin/roster/1/deactivate").status_code == 404
    assert sun.post(f"/admin/roster/{2**70}/deactivate").status_code == 404


def test_held_bindings_are_decided_once_and_blocked_people_are_not_let_in(desk: Flask) -> None:
    sun, chen = Browser(desk, "sun"), Browser(desk, "chen")
    first, second, third = (bound(desk, who, f"+861860000000{n}", "held") for n, who in enumerate((MING, HONG, GUI)))
    chen.post("/admin/marks", {"mark": "block", "kind": "openid", "subject": GUI, "reason": "刷单"})
    assert "待审核绑定" in sun.get("/admin/roster").text
    for path in (f"{first}/approve", f"{first}/refuse", f"{second}/refuse", f"{third}/approve"):
        assert sun.post(f"/admin/roster/bindings/{path}").status_code == 303
    assert [row.status for row in rows(desk, Binding)] == ["active", "ended", "held"]
    assert "黑名单" in sun.get("/admin/roster/bindings?view=held").text
    assert sun.post(f"/admin/roster/bindings/{first}/unbind").status_code == 303
    assert [row.end_reason for row in rows(desk, Binding)] == ["staff", "refused", ""]
    assert [row[0] for row in audited(desk)] == ["person_mark", "binding_approve", "binding_refuse", "binding_end"]


def test_marks_are_put_with_a_reason_and_taken_off_by_who_may(desk: Flask) -> None:
    sun, wang = Browser(desk, "sun"), Browser(desk, "wang")
    phone = {"mark": "block", "kind": "phone", "subject": "138 0013 8000", "reason": "离职"}
    assert sun.post("/admin/marks", phone).status_code == 303
    assert sun.post("/admin/marks", phone | {"reason": ""}).status_code == 422
    assert sun.post("/admin/marks", phone | {"subject": "12"}).status_code == 422
    allow = {"mark": "allow", "kind": "openid", "subject": HONG, "reason": "合作方"}
    assert sun.post("/admin/marks", allow).status_code == 403
    assert wang.post("/admin/marks", allow).status_code == 303
    page = wang.get("/admin/marks?mark=block").text
    assert "138****8000" in page and "13800138000" not in page and "孙" in page
    assert sun.post("/admin/marks/1/remove").status_code == 403
    assert wang.post("/admin/marks/1/remove").status_code == 303
    assert [row.mark for row in rows(desk, PersonMark)] == ["allow"]
    runtime = runtime_of(desk)
    with runtime.database.reading() as session:
        assert marks.refusal(session, runtime.vault, HONG) == "unconfirmed"


def test_what_the_sender_did_not_see_is_said_and_bad_rows_can_be_taken_away(desk: Flask) -> None:
    raw, file = xlsx(("陈一", 13800138000, ""), ("林二", 1380013800, "一部"), ("王三", 13900139000, "")), io.BytesIO()
    book = load_workbook(io.BytesIO(raw))
    book.worksheets[0].row_dimensions[4].hidden = True
    book.worksheets[0]["D1"] = "工号"
    book.save(file)
    sun = Browser(desk, "sun")
    page = upload(sun, file.getvalue()).text
    assert "有 1 行是隐藏的" in page and "第 4 行" in page and "这些列没有读取：工号" in page
    told = sun.post("/admin/roster/upload/1/faulty.csv").get_data().decode("utf-8-sig").splitlines()
    assert told == ['"行","姓名","手机号","部门","备注","问题"', '"3","林二","1380013800","一部","","手机号不正确"']
    assert Browser(desk, "chen").post("/admin/roster/upload/1/faulty.csv").status_code == 404
    assert audited(desk) == [("list_export", "file:1", "done")]
    only_bad = upload(sun, xlsx(("林二", 1380013801, "")))
    assert (
        "/admin/roster/upload/2/faulty.xlsx" in only_bad.text and 'action="/admin/roster/upload/2"' not in only_bad.text
    )
