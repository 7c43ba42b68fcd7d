"""Faults of the bill are cleared up by two cashiers; the books follow, and the statement stays."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.deployments import settings_for
from tests.orders.test_bill import FOREIGN, NOW, TOP_UP, bill, kinds
from tests.test_cli import Operator, environment
from wxbot import invariants, ledger
from wxbot.db import Database
from wxbot.orders.bill import book_bill, parse_bill
from wxbot.orders.models import BillLine, BillNote
from wxbot.quotas import Quota
from wxbot.staff import sign_in, totp
from wxbot.staff.models import Staff
from wxbot.vault import Vault

SALE = ("5", "交易", "收入", "3.00", "8888")
PASSWORD = "correct-horse-battery-9"


@pytest.fixture
def operator(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    monkeypatch.chdir(tmp_path)
    made = Operator(environment(settings_for("encrypted", database_url, redis_url, tmp_path)))
    for login, role in (("wang", "cashier"), ("zhou", "cashier"), ("lina", "marketer")):
        made.ok("staff", "add", login, "--role", role, "--password-stdin", said=f"{PASSWORD}\n")
    return made


def test_two_cashiers_clear_up_foreign_lines_and_suspense_I16_I17(operator: Operator, database: Database) -> None:
    with database.transaction() as session:
        book_bill(session, "20260315", parse_bill(bill(FOREIGN, SALE, TOP_UP)), NOW)
    found = json.loads(operator.run("ledger", "check", "--json").output)["bill"]
    ids = sorted(str(line["id"]) for each in found if each["kind"] == "not_ours" for line in each["lines"])
    assert len(ids) == 2

    def explain(who: str, *lines: str) -> tuple[str, ...]:
        return ("ledger", "explain", *lines, "--note", "收银台当天的销售与退货", "--as", who, "--password-stdin")

    def agree(who: str, *notes: str) -> tuple[str, ...]:
        return ("ledger", "agree", *notes, "--as", who, "--password-stdin")

    said = f"{PASSWORD}\n"
    assert "cashier" in operator.refused(*explain("lina", *ids), said=said)
    assert "密码" in operator.refused(*explain("wang", *ids), said="wrong\n")
    assert "wxbot ledger agree 1 2" in operator.ok(*explain("wang", *ids), said=said)
    assert kinds(database).keys() == {"suspense", "not_ours"}, "one person alone changes nothing"
    assert "second cashier" in operator.refused(*agree("wang", "1", "2"), said=said)
    assert "99" in operator.refused(*agree("zhou", "1", "99"), said=said)
    assert kinds(database)["not_ours"] == (2, 800), "all of them or none"
    operator.ok(*agree("zhou", "1", "2"), said=said)
    assert kinds(database) == {}
    with database.reading() as session:
        balances = ledger.balances(session)
        assert (balances["suspense"], balances["external"], balances["merchant"]) == (
            0,
            -100_000 - 300 + 500,
            100_000 + 300 - 500,
        )
        assert [(note.status, note.words) for note in session.scalars(select(BillNote))] == [
            ("agreed", "收银台当天的销售与退货")
        ] * 2
    assert not any(invariants.check(database).values())
    operator.ok("ledger", "check")
    assert "1" in operator.refused(*explain("wang", ids[0]), said=said)


def test_a_statement_that_waits_is_replaced_by_a_better_one(operator: Operator, database: Database) -> None:
    with database.transaction() as session:
        book_bill(session, "20260315", parse_bill(bill(FOREIGN)), NOW)
        line_id = session.scalars(select(BillLine.id)).one()
    for words in ("这句话写得不对，重写", "供应商的退款，单号 9999"):
        operator.ok(
            "ledger", "explain", str(line_id), "--note", words, "--as", "wang", "--password-stdin", said=f"{PASSWORD}\n"
        )
    assert "1" in operator.refused("ledger", "agree", "1", "--as", "zhou", "--password-stdin", said=f"{PASSWORD}\n")
    operator.ok("ledger", "agree", "2", "--as", "zhou", "--password-stdin", said=f"{PASSWORD}\n")
    assert kinds(database) == {}


def test_a_code_that_is_typed_at_the_command_line_is_counted_before_it_is_looked_at_S54(
    operator: Operator, database: Database
) -> None:
    vault, now = Vault(operator.env["WXBOT_SECRET_KEY"]), datetime.now(UTC)
    with database.transaction() as session:
        wang = session.scalars(select(Staff.id).where(Staff.login == "wang")).one()
        totp.begin(session, vault, wang)
        recovery = totp.confirm(session, vault, wang, totp.code_at(totp.to_show(session, vault, wang), now), now)

    def tried(code: str) -> tuple[str, int]:
        told = operator.refused(
            "order", "confirm", "99", "--as", "wang", "--password-stdin", said=f"{PASSWORD}\n{code}\n"
        )
        with database.reading() as session:
            tries = session.scalars(select(Quota.n).where(Quota.name.startswith(f"{sign_in.TRIES}wang:"))).all()
        return told, sum(tries)

    for n in (1, 2):
        told, tries = tried("000-000")
        assert "验证码不正确" in told and tries == 2 * n, "the password, and the code"
    told, tries = tried(recovery[0])
    assert "验证码" not in told and "密码" not in told and tries == 0, "who got in begins anew"
    assert "验证码不正确" in tried(recovery[0])[0], "once"
