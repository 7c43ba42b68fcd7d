"""People are blocked, or may draw, by pasted lines and sheets, with a report of every line that names nobody."""

from __future__ import annotations

import io
from html import unescape
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from tests.people.conftest import HONG
from tests.people.test_roster_pages import audited, desk, rows, runtime_of, xlsx
from tests.staff.consoles import Browser
from wxbot.instant.models import AllowedPerson, RuleVersion
from wxbot.people import marks
from wxbot.people.models import PersonMark

__all__ = ["desk"]

PASTED = f"138 0013 8000\n\n老王\n{HONG}\n+86 13800138000\n12"


def sent(browser: Browser, path: str, raw: bytes = b"", **fields: str) -> Any:
    values: dict[str, Any] = {"csrf_token": browser.token(), **fields}
    if raw:
        values["file"] = (io.BytesIO(raw), "a.xlsx")
    return browser.client.post(path, data=values, content_type="multipart/form-data")


def test_many_are_blocked_at_once_and_who_cannot_be_read_is_named(desk: Flask) -> None:
    sun = Browser(desk, "sun")
    told = unescape(sent(sun, "/admin/marks/import", people=PASTED, reason="刷单").text)
    assert "新增 2 人，已在名单 0 人，看不懂的 2 行" in told and "<bdi>老王</bdi>" in told and "<bdi>12</bdi>" in told
    again = unescape(sent(sun, "/admin/marks/import", xlsx(("陈", 13800138000, "")), people=HONG, reason="再来").text)
    assert "新增 0 人，已在名单 2 人" in again
    assert [(row.mark, row.reason) for row in rows(desk, PersonMark)] == [("block", "刷单")] * 2
    assert sent(sun, "/admin/marks/import", people="13900139000", reason="").status_code == 422, "a reason is needed"
    assert sent(sun, "/admin/marks/import", b"no sheet", reason="x").status_code == 422
    many = "\n".join(f"openid_{n:06d}" for n in range(5_001))
    assert "一次最多导入" in sent(sun, "/admin/marks/import", people=many, reason="x").text
    assert len(rows(desk, PersonMark)) == 2
    assert [row[2] for row in audited(desk) if row[0] == "person_mark"] == ["done", "done", *["refused"] * 3]


@pytest.mark.parametrize(("login", "path"), [("sun", "/admin/marks/import"), ("li", "/admin/campaigns/1/people")])
def test_every_line_that_names_nobody_is_in_the_sheet_of_the_report(desk: Flask, login: str, path: str) -> None:
    browser = Browser(desk, login)
    if login == "li":
        browser.post("/admin/campaigns/new", {"mechanic": "instant", "is_allow_only": "1"})
    told = unescape(sent(browser, path, people="\n".join(["老王", "=1"] * 65), reason="刷单").text)
    assert "看不懂的 130 行" in told and "只列出前 100 行。" in told and told.count("<bdi>") == 100
    address = told.partition('action="/admin/reports/')[2].partition(".")[0]
    _, *rows = browser.post(f"/admin/reports/{address}.csv").get_data().decode("utf-8-sig").splitlines()
    assert [row.split(",")[0] for row in rows] == [f'"{n}"' for n in range(1, 131)]
    assert rows[1].startswith('"2","\'=1","不是手机号，也不是 openid')


def test_a_long_list_is_blocked_with_a_question_for_every_five_hundred(desk: Flask) -> None:
    runtime = runtime_of(desk)
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    lines = [(n, f"openid_{n:06d}") for n in range(1_200)] + [(1_200, "138 0013 8000"), (1_201, "openid_000000")]
    with runtime.database.transaction() as session:
        marks.put(session, runtime.vault, "allow", "openid", "openid_000007", "熟客", None, runtime.clock.now())
    with runtime.database.transaction() as session:
        event.listen(runtime.database.engine, "before_cursor_execute", note)
        report = marks.block_all(session, runtime.vault, lines, "刷单", None, runtime.clock.now())
        event.remove(runtime.database.engine, "before_cursor_execute", note)
    assert (report.added, report.known, report.faults) == (1_201, 0, 0)
    assert len([each for each in asked if "person_marks" in each and each.startswith("SELECT")]) == 3
    found = rows(desk, PersonMark)
    assert len(found) == 1_201 and {(row.mark, row.reason, row.waits_for) for row in found} == {("block", "刷单", None)}


def test_who_may_draw_is_pasted_or_sent_as_a_sheet_and_never_taken_off_once_rules_are_out(desk: Flask) -> None:
    li, runtime = Browser(desk, "li"), runtime_of(desk)
    draft = li.post("/admin/campaigns/new", {"mechanic": "instant", "is_allow_only": "1"}).headers["Location"]
    path = draft.replace("/edit", "/people")
    assert f'href="{path}"' in li.get(f"{draft}?step=when").text and "不起作用" not in li.get(path).text
    told = unescape(sent(li, path, xlsx(("陈", 13800138000, ""), ("王", "1380", "")), people=HONG).text)
    assert "新增 2 人，已在名单 0 人，看不懂的 1 行" in told
    assert "名单上有 2 人：openid 1 个，手机号 1 个" in told
    assert "新增 1 人，已在名单 0 人" in sent(li, path, people=HONG, replace="1").text
    with runtime.database.transaction() as session:
        assert session.scalars(select(AllowedPerson.subject)).all() == [HONG]
        published = {"text": {}, "config": {}, "sha256": "", "published_at": runtime.clock.now()}
        session.add(RuleVersion(campaign_id=1, version=1, **published))
    assert "只能加人" in sent(li, path, people="13900139000", replace="1").text
    with runtime.database.reading() as session:
        assert session.scalars(select(AllowedPerson.subject)).all() == [HONG]
    assert Browser(desk, "zhao").get(path).status_code == 404, "another's campaign"
