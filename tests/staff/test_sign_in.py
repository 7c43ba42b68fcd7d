"""The door of the console: passwords, lock-out, sessions that end at once."""

import ast
import re
import threading
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text, update

from tests.sources import nodes
from tests.staff.consoles import NOON, PASSWORD, Browser, console
from wxbot import retention
from wxbot.quotas import Quota
from wxbot.rate_limit import Rate
from wxbot.staff import accounts, audit, passwords, sign_in
from wxbot.staff import console as staff_console
from wxbot.staff.models import AuditEvent, Staff, StaffSession


def test_each_sign_in_gets_a_new_token_and_only_its_hash_is_stored_S23(console_app: Flask) -> None:
    browser = Browser(console_app)
    answer = browser.sign_in("li")
    assert answer.status_code == 303
    cookie = next(line for line in answer.headers.getlist("Set-Cookie") if line.startswith("staff="))
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    first = cookie.split(";")[0].removeprefix("staff=")
    second = next(
        line for line in Browser(console_app).sign_in("li").headers.getlist("Set-Cookie") if line.startswith("staff=")
    )
    assert first not in second
    with console_app.extensions["wxbot"].database.reading() as session:
        assert first not in session.scalars(select(StaffSession.token_hash)).all()


def test_passwords_are_argon2id_S54(console_app: Flask) -> None:
    with console_app.extensions["wxbot"].database.reading() as session:
        assert all(row.startswith("$argon2id$") for row in session.scalars(select(Staff.password_hash)))


def test_ten_failures_from_one_address_wait_half_an_hour_even_with_the_right_password_S54(console_app: Flask) -> None:
    browser = Browser(console_app)
    for _ in range(10):
        assert browser.sign_in("li", "wrong-password").status_code == 401
    waiting = browser.sign_in("li")
    assert waiting.status_code == 429 and 0 < int(waiting.headers["Retry-After"]) <= 1800
    clock = console_app.extensions["wxbot"].clock
    clock.move(timedelta(minutes=29))
    assert browser.sign_in("li").status_code == 429
    clock.move(timedelta(minutes=2))
    assert browser.sign_in("li").status_code == 303


def _from(app: Flask, address: str) -> Browser:
    browser = Browser(app)
    browser.client.environ_base["REMOTE_ADDR"] = address
    return browser


def test_nobody_is_locked_out_by_a_strangers_tries_S54(console_app: Flask) -> None:
    at_work = _from(console_app, "192.0.2.1")
    assert at_work.sign_in("li").status_code == 303
    at_work.post("/admin/sign-out")
    stranger = _from(console_app, "192.0.2.1")  # behind the same address, even
    for _ in range(10):
        stranger.sign_in("li", "wrong-password")
    assert stranger.sign_in("li").status_code == 429
    assert _from(console_app, "198.51.100.7").sign_in("li").status_code == 303
    assert at_work.sign_in("li").status_code == 303


def test_many_strangers_keep_out_strangers_alone_and_the_machine_lets_in_S54(
    console_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in, "LOOKS_OF_STRANGERS", 5)
    known = _from(console_app, "192.0.2.1")
    assert known.sign_in("li").status_code == 303
    for n in range(6):
        _from(console_app, f"203.0.113.{n}").sign_in("li", "wrong-password")
    fresh = _from(console_app, "198.51.100.7")
    assert fresh.sign_in("li").status_code == 429
    assert fresh.sign_in("wang").status_code == 303
    forged = _from(console_app, "198.51.100.8")
    forged.client.set_cookie("staff_known", "[1].forged")
    assert forged.sign_in("li").status_code == 429
    with console_app.extensions["wxbot"].database.transaction() as session:
        accounts.set_active(session, 1, True)  # wxbot staff enable
    assert _from(console_app, "198.51.100.9").sign_in("li").status_code == 303


def test_tries_of_past_half_hours_and_their_addresses_are_swept_S54(console_app: Flask) -> None:
    runtime = console_app.extensions["wxbot"]
    Browser(console_app).sign_in("li", "wrong-password")
    runtime.clock.move(timedelta(minutes=31))
    Browser(console_app).sign_in("wang", "wrong-password")
    retention.sweep(runtime)
    with runtime.database.reading() as session:
        names = session.scalars(select(Quota.name).where(Quota.name.startswith("sign_in:"))).all()
    assert sorted(names) == ["sign_in:wang.test:*", "sign_in:wang.test:127.0.0.1"]


def test_success_clears_the_count_S54(console_app: Flask) -> None:
    browser = Browser(console_app)
    for _ in range(9):
        browser.sign_in("li", "wrong-password")
    assert browser.sign_in("li").status_code == 303
    for _ in range(9):
        Browser(console_app).sign_in("li", "wrong-password")
    assert Browser(console_app).sign_in("li").status_code == 303


def test_sixty_guesses_at_once_get_ten_looks_S54(console_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = console_app.extensions["wxbot"]
    looks: list[str | None] = []
    real = passwords.matches

    def counted(password_hash: str | None, password: str) -> bool:
        looks.append(password_hash)
        return real(None, "")

    monkeypatch.setattr(passwords, "matches", counted)

    def guess() -> None:
        with suppress(sign_in.SignInRefused):
            sign_in.sign_in(runtime.database, "li.test", "guess", runtime.clock.now(), hours=1)

    threads = [threading.Thread(target=guess) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(seen is not None for seen in looks) == 10


def test_one_address_cannot_try_many_names_S54(console_app: Flask) -> None:
    browser = Browser(console_app)
    statuses = [browser.sign_in(f"nobody{n}", "x" * 12).status_code for n in range(35)]
    assert statuses[:30] == [401] * 30
    assert statuses[30:] == [429] * 5


def test_a_port_is_no_address_of_its_own_and_is_not_written_down_S54(
    sqlite_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staff_console, "PER_ADDRESS", Rate(2, 300))
    lines = ["198.51.100.7:20001", "198.51.100.7:20002", "[::ffff:198.51.100.7]:20003"]
    lines += ["[2001:db8::7]:20001", "2001:db8::8", '"[2001:DB8:0::9%eth0]:1"']
    with console(sqlite_url, redis_url, tmp_path, NOON, trusted_proxies=1) as app:
        browser = Browser(app)
        statuses = []
        for line in lines:
            browser.client.environ_base["HTTP_X_FORWARDED_FOR"] = line
            statuses.append(browser.sign_in("nobody", "x" * 12).status_code)
        assert statuses == [401, 401, 429] * 2
        with app.extensions["wxbot"].database.reading() as session:
            written = list(session.scalars(select(AuditEvent.ip).where(AuditEvent.action == "sign_in")))
        assert written == ["198.51.100.7", "198.51.100.7", "2001:db8::7", "2001:db8::8"]


def test_unknown_wrong_locked_and_disabled_look_the_same_S54(console_app: Flask) -> None:
    runtime = console_app.extensions["wxbot"]
    with runtime.database.transaction() as session:
        session.execute(update(Staff).where(Staff.login == "zhao.test").values(is_active=False))
    pages = {
        Browser(console_app).sign_in(who, "wrong-password").text.replace(who, "X") for who in ("nobody", "li", "zhao")
    }
    bodies = {page.split("door-fault")[1].split("</p>")[0] for page in pages}
    assert len(bodies) == 1


def test_sign_out_ends_the_session_on_the_server_S26(console_app: Flask) -> None:
    browser = Browser(console_app, "li")
    cookie = browser.client.get_cookie("staff")
    assert cookie is not None
    assert browser.post("/admin/sign-out").status_code == 303
    thief = Browser(console_app)
    thief.client.set_cookie("staff", cookie.value)
    assert thief.get("/admin/").status_code == 302


def test_disabling_a_person_ends_their_session_at_once_S26(console_app: Flask) -> None:
    victim, admin = Browser(console_app, "li"), Browser(console_app, "chen")
    assert victim.get("/admin/").status_code == 200
    assert admin.post("/admin/staff/1/disable").status_code == 303
    assert victim.get("/admin/").status_code == 302
    assert Browser(console_app).sign_in("li").status_code == 401
    admin.post("/admin/staff/1/enable")
    assert Browser(console_app).sign_in("li").status_code == 303


def test_a_new_password_ends_all_sessions_S26(console_app: Flask) -> None:
    one, two = Browser(console_app, "li"), Browser(console_app, "li")
    values = {"old": PASSWORD, "password": "another-Good-one9", "again": "another-Good-one9"}
    assert one.post("/admin/password", values).status_code == 303
    assert one.get("/admin/").status_code == 302
    assert two.get("/admin/").status_code == 302
    assert Browser(console_app).sign_in("li").status_code == 401
    assert Browser(console_app).sign_in("li", "another-Good-one9").status_code == 303


@pytest.mark.parametrize(
    "values",
    [
        {"old": "wrong", "password": "another-Good-one9", "again": "another-Good-one9"},
        {"old": PASSWORD, "password": "short", "again": "short"},
        {"old": PASSWORD, "password": "xx-li.test-xx", "again": "xx-li.test-xx"},
        {"old": PASSWORD, "password": "another-Good-one9", "again": "different"},
        {"old": PASSWORD, "password": PASSWORD, "again": PASSWORD},
    ],
)
def test_a_bad_new_password_is_refused_with_a_reason(console_app: Flask, values: dict[str, str]) -> None:
    answer = Browser(console_app, "li").post("/admin/password", values)
    assert answer.status_code == 422
    assert 'class="fault"' in answer.text


def test_a_session_ends_by_itself(console_app: Flask) -> None:
    browser = Browser(console_app, "li")
    console_app.extensions["wxbot"].clock.move(timedelta(hours=12, seconds=1))
    assert browser.get("/admin/").status_code == 302


def test_a_temporary_password_must_be_changed_first(console_app: Flask) -> None:
    admin = Browser(console_app, "chen")
    page = admin.post("/admin/staff", {"login": "new.test", "name": "新人", "role": "marketer"}).text
    password = page.split('class="secret">')[1].split("<")[0]
    person = Browser(console_app, "new", password)
    assert person.get("/admin/").headers["Location"].endswith("/admin/password")
    assert person.post("/admin/campaigns/new").status_code == 302
    person.post("/admin/password", {"old": password, "password": "my-own-Words-77", "again": "my-own-Words-77"})
    assert Browser(console_app, "new", "my-own-Words-77").get("/admin/").status_code == 200


def test_a_temporary_password_ends_after_three_days_and_so_does_what_it_opened(console_app: Flask) -> None:
    runtime = console_app.extensions["wxbot"]
    page = Browser(console_app, "chen").post("/admin/staff/1/reset").text
    password = page.split('class="secret">')[1].split("<")[0]
    runtime.clock.move(timedelta(hours=71, minutes=59))
    inside = Browser(console_app, "li", password)
    runtime.clock.move(timedelta(minutes=1))
    new = {"old": password, "password": "my-own-Words-77", "again": "my-own-Words-77"}
    assert inside.post("/admin/password", new).headers["Location"].endswith("/admin/sign-in")
    late = Browser(console_app).sign_in("li", password)
    assert late.status_code == 401 and "临时密码已过期" in late.text
    assert "临时密码已过期" not in Browser(console_app).sign_in("li", "wrong-password").text
    page = Browser(console_app, "chen").post("/admin/staff/1/reset").text
    assert Browser(console_app, "li", page.split('class="secret">')[1].split("<")[0])


@pytest.mark.parametrize("action", ["staff_add", "staff_reset", "password_change"])
def test_an_account_changes_with_its_line_in_the_audit_log_or_not_at_all_S56(
    sqlite_url: str, redis_url: str, tmp_path: Path, action: str
) -> None:
    mine = {"old": PASSWORD, "password": "my-own-Words-77", "again": "my-own-Words-77"}
    new = {"login": "new.test", "name": "新人", "role": "marketer"}
    full = "BEFORE INSERT ON audit_events WHEN NEW.action = '%s' BEGIN SELECT RAISE(ABORT, 'full'); END"
    with console(sqlite_url, redis_url, tmp_path, NOON) as app:
        admin, li = Browser(app, "chen"), Browser(app, "li")
        browser, path, values = {
            "password_change": (li, "/admin/password", mine),
            "staff_reset": (admin, "/admin/staff/1/reset", {}),
            "staff_add": (admin, "/admin/staff", new),
        }[action]
        with app.extensions["wxbot"].database.transaction() as session:
            session.execute(text(f"CREATE TRIGGER audit_is_full {full % action}"))
        assert browser.post(path, values).status_code == 500
        assert li.get("/admin/").status_code == 200 and Browser(app).sign_in("li").status_code == 303
        assert "new.test" not in admin.get("/admin/staff").text


def test_the_audit_filter_offers_every_action_that_the_code_records() -> None:
    verbs = {"record", "log_action", "log_export", "act", "refusal_told", "log_refusal"}
    recorded = set()
    for _, call in nodes(*(f"{verb}(" for verb in verbs)):
        if isinstance(call, ast.Call) and (getattr(call.func, "attr", "") or getattr(call.func, "id", "")) in verbs:
            words = [str(each.value) for each in call.args if isinstance(each, ast.Constant)]
            recorded |= set([word for word in words if re.fullmatch("[a-z]+_[a-z_]+", word)][:1])  # a target may follow
    assert len(recorded) > 40
    assert recorded - set(audit.ACTIONS) == set()


def test_sign_ins_and_refusals_are_in_the_audit_log(console_app: Flask) -> None:
    Browser(console_app).sign_in("li", "wrong-password")
    Browser(console_app, "li").get("/admin/staff")
    with console_app.extensions["wxbot"].database.reading() as session:
        events = [
            (event.actor, event.action, event.outcome)
            for event in session.scalars(select(AuditEvent).order_by(AuditEvent.id))
        ]
    assert events == [
        ("li.test", "sign_in", "refused"),
        ("li.test", "sign_in", "done"),
        ("li.test", "route", "refused"),
    ]
    page = Browser(console_app, "chen").get("/admin/audit?outcome=refused").text
    assert "staff.people" in page
