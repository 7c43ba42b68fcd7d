"""The phone's pages of vouchers, payouts and bindings, and the console's pages beside them, under a hostile hand."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from openpyxl import Workbook
from sqlalchemy import select, update
from structlog.testing import capture_logs

from tests.payouts.stories import owe
from tests.staff.consoles import NOON, PASSWORD, Browser, StillClock, console_settings
from tests.vouchers.stage import HONG, MING, STAFF, Stage, lay_stage
from wxbot import sheets
from wxbot.confined import run, workbook
from wxbot.confined.run import Busy
from wxbot.db import Base
from wxbot.money import NotMoney, parse_yuan
from wxbot.payouts.models import ListRow, PayList, Payout, Programme
from wxbot.people import notices
from wxbot.people.models import Binding, Follower, PersonMark, RosterEntry
from wxbot.replies.models import Dialogue, MenuDraft
from wxbot.runtime import Runtime
from wxbot.staff import accounts
from wxbot.staff.console import roles_of
from wxbot.staff.models import AuditEvent, Staff
from wxbot.text import Refusal, Text
from wxbot.vouchers import photos
from wxbot.vouchers.kinds import read_form
from wxbot.vouchers.models import Voucher, VoucherKind
from wxbot.vouchers.photos import BadPhoto


def _stage(database_url: str, redis_url: str, folder: Path) -> Iterator[Stage]:
    with closing(Runtime(console_settings(database_url, redis_url, folder))) as runtime:
        runtime.clock = StillClock(NOON)
        for login, (name, role) in (STAFF | {"chen": ("陈管理", "admin")}).items():
            accounts.hire(runtime.database, f"{login}.test", name, role, PASSWORD, NOON)
        yield lay_stage(runtime)


@pytest.fixture
def stage(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    """People, kinds of voucher and staff, on SQLite."""
    yield from _stage(sqlite_url, redis_url, tmp_path)


@pytest.fixture
def both(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    """The same on each database, where a value that one of them refuses matters."""
    yield from _stage(database_url, redis_url, tmp_path)


STRANGE_NAMES = (
    "%00",
    "a%00b",
    "%ED%A0%80",
    "%F0%9F%98%80",
    "a" * 3000,
    "%25",
    "1%20OR%201=1",
    "..%2f..%2fetc%2fpasswd",
)
PAGES = ("/h5/voucher/{}", "/h5/voucher/{}/state", "/h5/voucher/{}/photos/1.jpg", "/h5/pay/{}", "/h5/pay/{}/state")


def test_a_name_that_cannot_exist_is_a_page_that_is_not_there_S74(both: Stage) -> None:
    phone = both.phone(MING)
    for name in STRANGE_NAMES:
        for page in PAGES:
            assert phone.client.get(page.format(name)).status_code == 404, (page, name)
        for path in ("done", "photos?token=photo-0001"):
            answer = phone.client.post(f"/h5/voucher/{name}/{path}", headers={"X-Page-Mark": phone.mark})
            assert answer.status_code == 404, (path, name)


def _bodies(kind_id: int) -> Iterator[bytes]:
    for kind in (b"-1", b"true", b"null", b"1.5", b"-%d" % 10**30, b"%d" % 2**31, b"9" * 5000, b"[]"):
        yield b'{"token": "token-0001", "kind_id": %b}' % kind
    for fields in (
        b'"amount": [1]',
        b'"amount": 1e308',
        b'"units": {"a": 1}',
        b'"units": "\\ud800"',
        b'"amount": "\\u0000"',
    ):
        yield b'{"token": "token-0002", "kind_id": %d, %b}' % (kind_id, fields)
    yield from (b"[" * 60_000, b'{"a":' * 12_000, b"\xff\xfe", b'"\\ud800"', b"", b"null")


def test_no_json_breaks_the_form_S74(both: Stage) -> None:
    phone = both.phone(MING)
    for body in _bodies(both.kinds["free"]):
        answer = phone.client.post(
            "/h5/voucher", data=body, content_type="application/json", headers={"X-Page-Mark": phone.mark}
        )
        assert answer.status_code in (400, 409), (body[:60], answer.text)
        assert answer.get_json()["text"]
    assert _rows(both, Voucher) == []


def _rows(stage: Stage, model: Any) -> list[Any]:
    with stage.runtime.database.reading() as session:
        return list(session.scalars(select(model)))


def test_a_footnote_mark_is_no_digit_F30() -> None:
    for text in ("１２．５０", "￥12.50", "¥ 12.50元", "\u300012.50"):
        assert parse_yuan(text) == 1250
    for text in ("10¹", "1²", "①", "١٢", "१२.५०", "𝟙𝟚", "12\n1", "1\u20661", "1\u200b2"):
        with pytest.raises(NotMoney):
            parse_yuan(text)


def test_leading_zeros_pass_no_bound_S74() -> None:
    form = read_form({"position": "0" * 9 + "99999999999", "month_count_cap": "0" * 9 + "10001"})
    assert {"position", "month_count_cap"} <= form.faults.keys()


FILE_NAMES = ("a\0b.csv", "\u202egpj.csv", "../../x.csv", '"><script>alert(1)</script>.csv', "a" * 3000 + ".csv", "")


def _multipart(token: str, name: str, content: str) -> bytes:
    fields = {"csrf_token": token, "programme": "1", "name": ""}
    parts = [f'--x\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()]
    quoted = name.replace('"', "%22")
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\nContent-Type: text/csv\r\n\r\n'
    return "".join((*parts, head, content, "\r\n--x--\r\n")).encode()


def test_the_name_of_an_uploaded_file_breaks_nothing_S43(both: Stage) -> None:
    reviewer, cashier = Browser(both.app, "sun"), Browser(both.app, "wang")
    for n, name in enumerate(FILE_NAMES):
        for browser, path, content in (
            (reviewer, "/admin/roster/upload", f"姓名,手机号\n张三,1390000{n:04}"),
            (cashier, "/admin/lists/new", f"openid,金额\n{MING},{n + 1}.00"),
        ):
            body = _multipart(browser.token(), name, content)
            answer = browser.client.post(
                path, data=body, content_type="multipart/form-data; boundary=x", follow_redirects=True
            )
            assert answer.status_code in (200, 422), (path, name[:20])
            assert "<script>alert" not in answer.text and "\u202e" not in answer.text and "\0" not in answer.text


def test_a_version_that_no_column_holds_is_an_old_one_S74(both: Stage) -> None:
    marketer, cashier = Browser(both.app, "li"), Browser(both.app, "wang")
    kind = {
        "name": "陈列照片",
        "amount_rule": "fixed",
        "fixed_fen": "5",
        "programme_id": str(both.programme_id),
        "is_on": "1",
    }
    for version in ("2147483646", "2147483647", "9" * 15):
        menu = {"version": version, "name-0": "红包", "type-0": "click", "value-0": "我的红包"}
        assert marketer.post("/admin/menu", menu).status_code in (303, 409), version
        answer = cashier.post(f"/admin/voucher-kinds/{both.kinds['fixed']}", kind | {"version": version})
        assert answer.status_code == 422, version


def test_slow_pictures_hold_a_few_threads_and_no_more_S16(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, told = Event(), []

    def slow(_program: str, _raw: bytes) -> bytes:
        go_on.wait(60)
        return b'{"fault": "broken"}'

    def send() -> None:
        try:
            photos.read(b"picture")
        except Busy as busy:
            told.append(busy.reason)
        except BadPhoto:
            return

    monkeypatch.setattr(run, "_run", slow)
    monkeypatch.setattr(run, "WAIT_S", 60)
    senders = [Thread(target=send, daemon=True) for _ in range(40)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(0.5)
        if len(told) >= 40 - run.CHILDREN - run.WAITERS:
            break
    refused = len(told)
    go_on.set()
    for sender in senders:
        sender.join(60)
    assert refused == 40 - run.CHILDREN - run.WAITERS


EVIL = "\"><svg/onload=alert(1)>'{{7*7}}"
LOGINS = {"li": "marketer", "sun": "reviewer", "wang": "cashier", "chen": "admin"}


def _poison(stage: Stage) -> dict[str, str]:
    """One of everything, each of its texts hostile; returns the paths of the pages that show one of them."""
    voucher, runtime, now = stage.hand_in(1), stage.runtime, stage.now
    marketer, cashier = Browser(stage.app, "li"), Browser(stage.app, "wang")
    payout_id = owe(runtime, stage.programme_id, MING, 50_00, note=EVIL)
    rows = io.StringIO()
    table = [["openid", "姓名", "金额", "备注"], [MING, EVIL, "8.00", EVIL], ["bad", EVIL, "x", EVIL]]
    csv.writer(rows).writerows(table)
    values = {
        "csrf_token": cashier.token(),
        "programme": stage.programme_id,
        "file": (io.BytesIO(rows.getvalue().encode()), "a.csv"),
    }
    assert cashier.client.post("/admin/lists/new", data=values).status_code == 303
    assert marketer.post("/admin/menu", {"name-0": "红包", "type-0": "click", "value-0": "我的红包"}).status_code == 303
    assert marketer.post("/admin/replies", {"trigger": "contain", "pattern": EVIL, "text": EVIL}).status_code == 303
    link = {
        "kind": "link",
        "trigger": "equal",
        "pattern": "x",
        "title": EVIL,
        "text": EVIL,
        "url": f"https://a.test/{EVIL}",
    }
    assert marketer.post("/admin/replies", link).status_code == 303
    with runtime.database.transaction() as session:
        phone = {"phone_sealed": runtime.vault.seal("+8613700000000"), "phone_index": "i" * 64}
        session.add_all(
            (
                Follower(openid=MING, is_subscribed=True, scene=EVIL, event_unix=0),
                RosterEntry(
                    name=EVIL, department=EVIL, note=EVIL, is_active=True, created_at=now, updated_at=now, **phone
                ),
                PersonMark(mark="allow", kind="openid", subject=MING, phone_sealed="", reason=EVIL, created_at=now),
                Dialogue(
                    openid=MING,
                    name="bind",
                    step="phone",
                    answers={"bound": EVIL},
                    words=EVIL,
                    messages=[EVIL],
                    message_unix=0,
                    touched_at=now,
                    opened_at=now,
                    expires_at=now,
                    is_late=False,
                    version=1,
                ),
            )
        )
        notices.tell(session, MING, "sms", "1", Text(EVIL, EVIL), EVIL, now=now)
        session.flush()
        for model, names in HOSTILE_TEXTS.items():
            session.execute(update(model).values(dict.fromkeys(names, EVIL)))
        session.execute(update(VoucherKind).where(VoucherKind.id == stage.kinds["fixed"]).values(name=EVIL[:20]))
        session.execute(update(MenuDraft).values(buttons=[{"name": EVIL, "type": "view", "url": f"javascript:{EVIL}"}]))
        payout = session.get_one(Payout, payout_id)
        payout.texts = dict.fromkeys(payout.texts, EVIL)
        public_id = payout.public_id
    return {"<openid>": MING, "<public_id>": voucher.public_id, "pay": public_id}


HOSTILE_TEXTS: dict[Any, tuple[str, ...]] = {
    Binding: ("name", "end_reason"),
    Voucher: ("note", "reason"),
    VoucherKind: ("ask", "wishing"),
    Programme: ("department", "name", "act_name", "send_name", "wishing", "remark"),
    PayList: ("name", "file_name"),
    ListRow: ("name", "note"),
    Staff: ("name",),
}


def _paths(app: Flask, known: dict[str, str], method: str, under: str) -> Iterator[tuple[str, str]]:
    """(the login of somebody who may, a path that exists in the story) of every address."""
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(under) and method in (rule.methods or ()) and "<slug>" not in rule.rule:
            path = re.sub(r"<int:\w+>", "1", rule.rule.replace("<openid>", known["<openid>"]))
            path = path.replace("<trigger>", "default").replace("<name>", "none")
            roles = roles_of(app.view_functions[rule.endpoint])
            login = next((login for login, role in LOGINS.items() if role in roles), "")
            yield login, path.replace("<public_id>", known["pay" if "/pay/" in path else "<public_id>"])


def _dump(stage: Stage) -> dict[str, list[str]]:
    tables = Base.metadata.tables.items()
    with stage.runtime.database.reading() as session:
        return {
            name: sorted(map(repr, session.execute(table.select()).all()))
            for name, table in tables
            if name
            not in ("audit_events", "person_languages")  # a page that was read in a language is remembered as such
        }


def test_no_text_becomes_markup_and_no_get_changes_anything_S41_S42_S55(stage: Stage) -> None:
    known = _poison(stage)
    clients = {login: Browser(stage.app, login).client for login in LOGINS} | {"": stage.phone(MING).client}
    pages = [*_paths(stage.app, known, "GET", "/h5/"), *_paths(stage.app, known, "GET", "/admin/")]
    pages.append(("li", f"/admin/replies?try={quote(EVIL)}"))
    seen, before = 0, _dump(stage)
    for login, path in pages:
        for language in ("zh", "en"):
            answer = clients[login].get(path, headers={"Accept-Language": language})
            assert answer.status_code < 500, path
            if answer.mimetype == "text/html":
                assert "<svg/onload" not in answer.text and "49" not in re.findall(
                    r"alert\(1\)[^<]{0,40}?(49)", answer.text
                ), path
                assert not re.search(r"(?i)(href|src|action)=[\"']?\s*javascript:", answer.text), path
                seen += "svg/onload" in answer.text
        assert "no-store" in answer.headers["Cache-Control"], path
    assert seen > 40, "the texts are on the pages"
    assert _dump(stage) == before


def test_no_post_without_the_mark_of_our_page_does_anything_S55(stage: Stage) -> None:
    known = {"<openid>": MING, "<public_id>": stage.hand_in(1).public_id, "pay": "x" * 24}
    owe(stage.runtime, stage.programme_id, MING)
    clients = {login: Browser(stage.app, login).client for login in LOGINS} | {"": stage.phone(MING).client}
    other = Browser(stage.app, "wang").token()
    posts = [*_paths(stage.app, known, "POST", "/h5/"), *_paths(stage.app, known, "POST", "/admin/")]
    assert len(posts) > 70
    before = _dump(stage)
    for login, path in posts:
        for headers in ({}, {"X-CSRFToken": other, "X-Form-Mark": "1.x", "X-Page-Mark": "x"}, {"HX-Request": "true"}):
            answer = clients[login].post(path, data={"csrf_token": "", "form_mark": ""}, headers=headers)
            assert answer.status_code in (400, 403, 404, 409), (path, answer.status_code)
    assert _dump(stage) == before


def test_an_openid_in_the_request_opens_nothing_S24_S28(stage: Stage) -> None:
    mine = stage.hand_in(1)
    payout_id = owe(stage.runtime, stage.programme_id, MING)
    with stage.runtime.database.reading() as session:
        pay = session.get_one(Payout, payout_id).public_id
    known = {"<openid>": MING, "<public_id>": mine.public_id, "pay": pay}
    thief, owner, before = stage.phone(HONG), stage.phone(MING), _dump(stage)
    thief.client.set_cookie("openid", MING)
    claims = {"openid": MING, "X-WX-OPENID": MING, "X-Openid": MING, "X-Page-Mark": thief.mark}
    for method in ("GET", "POST"):
        for _, path in _paths(stage.app, known, method, "/h5/"):
            fields = {
                "openid": MING,
                "token": "token-0001",
                "public_id": pay,
                "voucher_id": str(mine.id),
                "code": "123456",
            }
            bodies: list[dict[str, Any]] = [{"data": fields}, {"json": fields}] if method == "POST" else [{}]
            for sent in bodies:
                answer = thief.client.open(
                    f"{path}?token=token-0001&openid={MING}", method=method, headers=claims, **sent
                )
                is_named = mine.public_id in path or pay in path
                assert answer.status_code in ((403, 404, 409) if is_named else (200, 400, 403, 404, 409, 422)), path
                shown = answer.text.replace(f"openid={MING}", "")
                if not is_named:
                    assert mine.public_id not in shown and pay not in shown and "138****8000" not in shown, path
    assert _dump(stage) == before
    assert mine.public_id in owner.client.get("/h5/voucher").text and pay in owner.client.get("/h5/me").text


def test_nobody_copies_the_roster_number_by_number(stage: Stage) -> None:
    first, second = Browser(stage.app, "sun"), Browser(stage.app, "chen")
    look = {"kind": "binding", "id": "1", "csrf_token": first.token()}
    for _ in range(30):
        assert "138 0013 8000" in first.client.post("/admin/roster/unmask", data=look).text
    refused = first.client.post("/admin/roster/unmask", data=look)
    assert (refused.status_code, "138 0013 8000" in refused.text) == (429, False)
    assert "138 0013 8000" in second.post("/admin/roster/unmask", {"kind": "binding", "id": "1"}).text
    looks = [row.outcome for row in _rows(stage, AuditEvent) if row.action == "phone_unmask"]
    assert (looks.count("done"), looks.count("refused")) == (31, 1)
    stage.move(timedelta(hours=1))
    assert first.client.post("/admin/roster/unmask", data=look).status_code in (200, 302)


CANARY_PHONES, CANARY_CODE = ("13911112222", "13911113333"), 424_242


def test_no_phone_and_no_code_reaches_the_log_or_a_column_S58(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wxbot.people.codes.secrets.randbelow", lambda _most: CANARY_CODE)
    stage.runtime.settings = stage.runtime.settings.model_copy(update={"sms_provider": "console", "rebind_hours": 0})
    phone, reviewer, cashier = stage.phone(MING), Browser(stage.app, "sun"), Browser(stage.app, "wang")
    mine, listed = CANARY_PHONES
    with capture_logs() as told:
        rows = f"姓名,手机号\n张三,{mine}\n李四,{listed}"
        preview = reviewer.client.post(
            "/admin/roster/upload",
            data={"csrf_token": reviewer.token(), "file": (io.BytesIO(rows.encode()), "a.csv")},
        )
        assert reviewer.post("/admin/roster/upload/1").status_code == 303 and mine not in preview.text
        page = phone.client.get("/h5/bind?change=1").text
        mark = re.search(r'name="form_mark" value="([^"]+)"', page)
        assert mark
        assert phone.client.post("/h5/bind/code", data={"form_mark": mark[1], "phone": mine}).status_code == 200
        assert phone.client.post("/h5/bind", data={"form_mark": mark[1], "code": "000000"}).status_code == 409
        monkeypatch.setattr("wxbot.people.bindings._take_turns", _broken)
        assert phone.client.post("/h5/bind", data={"form_mark": mark[1], "code": f"{CANARY_CODE}"}).status_code == 500
        rows = f"手机号,金额\n{listed},8.00\n{mine}9,8.00"
        values = {
            "csrf_token": cashier.token(),
            "programme": stage.programme_id,
            "file": (io.BytesIO(rows.encode()), "a.csv"),
        }
        assert cashier.client.post("/admin/lists/new", data=values).status_code == 303
        exported = cashier.post("/admin/lists/1/results.csv").text
    whole = f"{told}{_dump(stage)}{exported}"
    assert "request_failed" in whole and "138****8000" not in str(told)
    for secret in (mine, listed, f"{mine[:3]} {mine[3:7]} {mine[7:]}", str(CANARY_CODE)):
        assert secret not in whole, secret


def _broken(*_arguments: object) -> None:
    raise RuntimeError("canary")


COLUMNS = (sheets.Column("phone", ("手机号",)), sheets.Column("amount", ("金额",)))


def _book(*titles: str) -> bytes:
    book, file = Workbook(), io.BytesIO()
    for title in titles:
        book.create_sheet(title)
    assert book.worksheets
    book.worksheets[0].append(["手机号", "金额"])
    book.worksheets[0].append(["13800138000", "EVIL"])
    book.save(file)
    return file.getvalue()


def _with_entity(raw: bytes, coding: str) -> bytes:
    """The book with its texts written anew: EVIL is an entity of a DTD."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(file, "w") as fresh:
        for part in old.namelist():
            content = old.read(part)
            if b"EVIL" in content:
                text = re.sub(r"^<\?xml[^>]*\?>", "", content.decode()).replace("EVIL", "&e;")
                head = f'<?xml version="1.0" encoding="{coding}"?><!DOCTYPE x [<!ENTITY e "7.00">]>'
                content = f"{head}{text}".encode(coding)
            fresh.writestr(part, content)
    return file.getvalue()


@pytest.mark.parametrize("coding", ["utf-8", "utf-16"])
def test_a_book_with_a_dtd_is_refused_in_any_coding_S12_S13(coding: str) -> None:
    with pytest.raises(Refusal, match="not allowed"):
        sheets.read(_with_entity(_book(), coding), COLUMNS, (("phone",), ("amount",)))


def test_a_book_of_very_many_sheets_is_not_looked_through_S12() -> None:
    with pytest.raises(Refusal, match="too many sheets"):
        sheets.read(_book(*(f"s{n}" for n in range(workbook.SHEETS_MAX))), COLUMNS, (("phone",), ("amount",)))
