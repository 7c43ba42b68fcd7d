"""The second step: codes once each, recovery codes, what asks for them again, and how it is reset."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from tests.staff.consoles import NOON, Browser, console, seed_story
from wxbot.campaigns.models import Campaign
from wxbot.keys.columns import SEALED
from wxbot.staff import totp
from wxbot.staff.models import AuditEvent, RecoveryCode, Staff


def set_up(browser: Browser) -> tuple[str, list[str]]:
    """Go through the page like a person; returns the secret of the app and the recovery codes."""
    browser.post("/admin/totp/begin")
    page = browser.get("/admin/totp").text
    assert "data:image/svg+xml" in page
    secret = re.search(r'<code class="num">([A-Z2-7 ]+)</code>', page)
    assert secret is not None
    key = secret[1].replace(" ", "")
    done = browser.post("/admin/totp/confirm", {"code": totp.code_at(key, now_of(browser.app))})
    assert done.status_code == 200, done.text
    return key, re.findall(r'class="secret">([A-Z2-7-]+)<', done.text)


def now_of(app: Flask) -> datetime:
    now: datetime = app.extensions["wxbot"].clock.now()
    return now


def wait(app: Flask, seconds: int = 30) -> None:
    app.extensions["wxbot"].clock.move(timedelta(seconds=seconds))


def half_way(app: Flask, who: str) -> Browser:
    """A browser in which the right password was typed."""
    browser = Browser(app)
    assert browser.sign_in(who).headers["Location"].endswith("/admin/code")
    return browser


@pytest.mark.parametrize(("at", "code"), [(59, "287082"), (1111111109, "081804"), (2000000000, "279037")])
def test_codes_are_those_of_rfc_6238(at: int, code: str) -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # "12345678901234567890"
    assert totp.code_at(secret, datetime.fromtimestamp(at, UTC)) == code


def test_the_password_alone_opens_nothing_and_a_code_once_S54(console_app: Flask) -> None:
    key, recovery = set_up(Browser(console_app, "wang"))
    assert len(set(recovery)) == totp.RECOVERY_CODES
    wait(console_app)
    browser = half_way(console_app, "wang")
    for path in ("/admin/", "/admin/payouts", "/admin/totp", "/admin/password"):
        assert browser.get(path).headers["Location"].endswith("/admin/sign-in")
    code = totp.code_at(key, now_of(console_app))
    assert browser.post("/admin/code", {"code": "000000" if code != "000000" else "111111"}).status_code == 401
    waiting = browser.client.get_cookie("staff")
    assert browser.post("/admin/code", {"code": f" {code[:3]}\u200b {code[3:]}"}).status_code == 303
    assert browser.get("/admin/").status_code == 200
    signed = browser.client.get_cookie("staff")
    assert waiting and signed and waiting.value != signed.value
    again = half_way(console_app, "wang")
    assert again.post("/admin/code", {"code": code}).status_code == 401
    wait(console_app)
    assert again.post("/admin/code", {"code": totp.code_at(key, now_of(console_app))}).status_code == 303


def test_of_two_doors_at_once_one_takes_the_code_S54(console_app: Flask) -> None:
    runtime = console_app.extensions["wxbot"]
    key, _ = set_up(Browser(console_app, "wang"))
    wait(console_app)
    code = totp.code_at(key, runtime.clock.now())
    with runtime.database.transaction() as session:
        assert [totp.take(session, runtime.vault, 4, code, runtime.clock.now()) for _ in range(3)] == [
            True,
            False,
            False,
        ]


def test_a_recovery_code_counts_once_and_is_kept_as_a_hash_S54(console_app: Flask) -> None:
    _, recovery = set_up(Browser(console_app, "wang"))
    with console_app.extensions["wxbot"].database.reading() as session:
        stored = session.scalars(select(RecoveryCode.code_hash)).all()
        sealed = session.scalar(select(Staff.totp_sealed).where(Staff.id == 4))
    assert not {each.replace("-", "") for each in recovery} & set(stored) and sealed
    assert half_way(console_app, "wang").post("/admin/code", {"code": recovery[0].lower()}).status_code == 303
    assert half_way(console_app, "wang").post("/admin/code", {"code": recovery[0]}).status_code == 401
    other = half_way(console_app, "wang")
    assert other.post("/admin/code", {"code": recovery[1].replace("-", " ")}).status_code == 303
    assert "8 个恢复码" in other.get("/admin/totp").text


def test_codes_are_guessed_ten_times_and_then_not_looked_at_S54(console_app: Flask) -> None:
    key, _ = set_up(Browser(console_app, "wang"))
    wait(console_app)
    thief = Browser(console_app)
    for _ in range(9):
        thief.sign_in("wang")
        thief.post("/admin/code", {"code": "abc"})
    code = totp.code_at(key, now_of(console_app))
    assert thief.sign_in("wang").status_code == 429
    assert (
        thief.post("/admin/code", {"code": code}).status_code != 303
        or "sign-in" in thief.get("/admin/").headers["Location"]
    )


def test_an_authenticator_counts_only_when_its_first_code_was_typed(console_app: Flask) -> None:
    browser = Browser(console_app, "wang")
    browser.post("/admin/totp/begin")
    assert browser.post("/admin/totp/confirm", {"code": "123"}).status_code == 422
    assert Browser(console_app).sign_in("wang").headers["Location"].endswith("/admin/")
    key, _ = set_up(browser)
    assert browser.post("/admin/totp/begin").status_code == 303  # in use: no other one without the present one's code
    with console_app.extensions["wxbot"].database.reading() as session:
        held = session.get_one(Staff, 4)
        assert console_app.extensions["wxbot"].vault.open(held.totp_sealed) == key
    assert browser.post("/admin/totp/off", {"code": "000"}).status_code == 422
    wait(console_app)
    assert browser.post("/admin/totp/off", {"code": totp.code_at(key, now_of(console_app))}).status_code == 303
    assert Browser(console_app).sign_in("wang").headers["Location"].endswith("/admin/")


def test_an_admin_resets_it_with_a_line_in_the_log_and_all_sessions_end(console_app: Flask) -> None:
    person, admin = Browser(console_app, "wang"), Browser(console_app, "chen")
    set_up(person)
    assert admin.post("/admin/staff/4/totp").status_code == 303
    assert person.get("/admin/").status_code == 302
    assert Browser(console_app).sign_in("wang").headers["Location"].endswith("/admin/")
    with console_app.extensions["wxbot"].database.reading() as session:
        done = select(AuditEvent.action, AuditEvent.target).where(AuditEvent.action.startswith("totp"))
        assert [tuple(row) for row in session.execute(done)] == [("totp_on", "staff:4"), ("totp_reset", "staff:4")]
        assert not session.scalars(select(RecoveryCode)).all()
        assert session.get_one(Staff, 4).approves_from == now_of(console_app) + timedelta(hours=24), (
            "as a password reset"
        )
    assert "两步验证" in admin.get("/admin/").text


def test_the_secret_changes_with_the_secret_key() -> None:
    assert any(sealed.model is Staff and sealed.columns == ("totp_sealed",) for sealed in SEALED)


@pytest.fixture
def strict_app(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    """A console in which everybody must have the second step."""
    with console(database_url, redis_url, tmp_path, NOON, totp="required") as app:
        yield app


def test_where_it_is_required_nothing_else_opens_first(strict_app: Flask) -> None:
    browser = Browser(strict_app, "wang")
    assert browser.get("/admin/payouts").headers["Location"].endswith("/admin/totp")
    assert browser.post("/admin/merchant/stop").headers["Location"].endswith("/admin/totp")
    set_up(browser)
    assert browser.get("/admin/payouts").status_code == 200


def test_an_approval_above_the_amount_asks_for_a_code_again(story_app: Flask) -> None:
    runtime = story_app.extensions["wxbot"]
    cashier = Browser(story_app, "wang")
    key, _ = set_up(cashier)
    page = cashier.get("/admin/campaigns/2").text
    assert 'name="code"' in page
    seen = re.search(r'name="content_sha256" value="([0-9a-f]+)"', page)
    assert seen is not None

    def approve(**more: str) -> str:
        cashier.post("/admin/campaigns/2/approve", {"content_sha256": seen[1]} | more)
        with runtime.database.reading() as session:
            return session.get_one(Campaign, 2).status

    assert approve() == "submitted"
    used = totp.code_at(key, now_of(story_app))
    assert approve(code=used) == "submitted"  # it opened the page already
    assert "验证码不正确或已用过" in cashier.get("/admin/campaigns/2").text
    wait(story_app)
    assert approve(code=totp.code_at(key, now_of(story_app))) == "approved"


def test_below_the_amount_and_without_a_second_step_nothing_is_asked(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    with console(database_url, redis_url, tmp_path, NOON, totp_again_fen=300_001) as app:
        seed_story(app.extensions["wxbot"].database, NOON, packets=10)
        cashier = Browser(app, "wang")
        set_up(cashier)
        assert 'name="code"' not in cashier.get("/admin/campaigns/2").text


def test_sending_goes_on_after_a_stop_for_a_code_S54(story_app: Flask) -> None:
    cashier = Browser(story_app, "wang")
    key, _ = set_up(cashier)
    cashier.post("/admin/merchant/stop", {"why": "对账"})
    assert 'name="code"' in cashier.get("/admin/orders").text

    def is_stopped(**values: str) -> bool:
        cashier.post("/admin/merchant/open", values)
        return "对账" in cashier.get("/admin/").text

    assert is_stopped() and is_stopped(code=totp.code_at(key, now_of(story_app))), "that code opened the page"
    wait(story_app)
    assert not is_stopped(code=totp.code_at(key, now_of(story_app)))
