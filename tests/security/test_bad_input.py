"""Input that no page of ours sends: it is refused, breaks nothing, and leaves nothing behind that it should not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from tests.conftest import Cast
from tests.draws.conftest import app, ming, stage  # noqa: F401 - fixtures
from tests.draws.stage import Phone, Stage
from tests.staff.consoles import NOON, PASSWORD, Browser, console
from wxbot.db import Database
from wxbot.staff.models import AuditEvent, Staff, StaffSession


@pytest.fixture
def desk(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    """A console with four people, on both databases."""
    with console(database_url, redis_url, tmp_path, NOON) as made:
        yield made


def _rows(app: Flask, model: Any) -> int:
    with app.extensions["wxbot"].database.reading() as session:
        return int(session.scalar(select(func.count()).select_from(model)) or 0)


@pytest.mark.parametrize("action", ["disable", "enable", "reset"])
def test_a_number_that_no_database_holds_is_a_page_that_is_not_there_S74(desk: Flask, action: str) -> None:
    admin = Browser(desk, "chen")
    for number in (2**31, 2**63, 10**30):
        assert admin.post(f"/admin/staff/{number}/{action}").status_code == 404


def test_a_stranger_cannot_fill_the_audit_log_S55(desk: Flask) -> None:
    client, before = desk.test_client(), _rows(desk, AuditEvent)
    for path in ("/admin/sign-in", "/admin/language", "/admin/campaigns/1/pause"):
        client.post(path, data={"csrf_token": "forged"})
        client.post(path, data={}, headers={"Origin": "https://evil.test"})
    assert _rows(desk, AuditEvent) == before
    browser = Browser(desk, "li")
    before = _rows(desk, AuditEvent)
    browser.client.post("/admin/campaigns/1/pause", data={"csrf_token": "forged"})
    assert _rows(desk, AuditEvent) == before + 1


def test_signing_in_again_ends_the_session_that_was_there_S23(desk: Flask) -> None:
    browser = Browser(desk, "li")
    old = browser.client.get_cookie("staff")
    assert old
    answer = browser.post("/admin/sign-in", {"login": "wang.test", "password": PASSWORD})
    assert answer.status_code == 303
    assert _rows(desk, StaffSession) == 1
    thief = desk.test_client()
    thief.set_cookie("staff", old.value)
    assert thief.get("/admin/").headers.get("Location", "").endswith("/admin/sign-in")


@pytest.mark.parametrize("slug", ["%00", "a%00b", "%ED%A0%80", "a" * 2000, "%F0%9F%98%80"])
def test_a_slug_that_cannot_exist_is_a_kind_404_S74(desk: Flask, slug: str) -> None:
    client = desk.test_client()
    for path in (f"/h5/c/{slug}", f"/h5/c/{slug}/rules", f"/h5/c/{slug}/after"):
        assert client.get(path).status_code == 404, path
    assert client.post(f"/h5/c/{slug}/draw", json={}).status_code == 404


def test_a_ticket_that_is_no_text_is_refused_and_no_fault_of_ours_S35(
    stage: Stage,
    ming: Phone,
    cast: Cast,
) -> None:
    page = ming.open(f"{stage.path}?ticket={stage.shake(cast.ming.openid)}")
    token = ming.state_of(page)["page_token"]
    for ticket in ("\ud800", "\ud800\udc00" * 9, "\x00" * 9, "票" * 9, "a" * 4000):
        answer = ming.ask(stage, token, ticket)
        assert (answer.status_code, answer.get_json()["outcome"]) == (409, "not_by_shaking"), ticket
    for forged in ("\ud800.0", "\uff11.0", "a.\ud800", "٣.x", "²." + "0" * 32):
        assert ming.ask(stage, forged, "x" * 20).get_json()["outcome"] == "stale_page"


def test_a_database_error_shows_no_values_S58(database_url: str) -> None:
    database = Database(database_url)
    row = {
        "login": "twice",
        "name": "n",
        "role": "admin",
        "password_hash": "canary-password-hash",
        "locale": "en",
        "is_active": True,
        "is_password_temporary": False,
        "totp_sealed": "",
        "totp_step": 0,
        "created_at": NOON,
    }
    try:
        with database.transaction() as session:
            session.execute(insert(Staff).values(**row))
        with pytest.raises(IntegrityError) as caught, database.transaction() as session:
            session.execute(insert(Staff).values(**row))
        assert "canary-password-hash" not in str(caught.value)
    finally:
        database.close()


HOSTILE = "a\n2026 admin login ok\x1b]0;owned\x07\x9b31m\x85\u2028\u2029\u202eb"
TELL = """
import logging, sys
from wxbot import logs
logs.configure("INFO", sys.argv[1])
logs.get_logger("t").warning("seen", nickname=eval(sys.argv[2]))
logging.getLogger("library").warning("told %s", eval(sys.argv[2]))
"""


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_no_value_makes_a_line_or_moves_a_terminal_S63(fmt: str) -> None:
    command = [sys.executable, "-c", TELL, fmt, ascii(HOSTILE)]
    told = subprocess.run(command, capture_output=True, timeout=60, check=True).stderr.decode()
    assert len(told.splitlines()) == 2, told
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in told.replace("\n", "")), ascii(told)
