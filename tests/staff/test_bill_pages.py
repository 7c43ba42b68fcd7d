"""What the fund bill and the books do not agree about stands on the cashier's pages, and on nobody else's."""

from flask import Flask

from tests.orders.test_bill import FOREIGN, bill
from tests.staff.consoles import NOON, Browser
from wxbot.orders.bill import book_bill, parse_bill


def test_differences_stand_on_the_ledger_and_the_overview_of_a_cashier_I17(console_app: Flask) -> None:
    cashier, marketer = Browser(console_app, "wang"), Browser(console_app, "li")
    assert "待查科目有" not in cashier.get("/admin/ledger").text
    with console_app.extensions["wxbot"].database.transaction() as session:
        book_bill(session, "20260315", parse_bill(bill(FOREIGN)), NOON)
    page = cashier.get("/admin/ledger").text
    assert "待查科目有 5.00 元" in page and "9999" in page and "20260315:4" in page
    assert "待查科目有 5.00 元" in cashier.get("/admin/").text
    assert "待查科目有 5.00 元" in cashier.get("/admin/overview/live").text
    assert "待查科目有" not in marketer.get("/admin/").text
