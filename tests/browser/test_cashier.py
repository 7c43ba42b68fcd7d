"""The cashier's desk in a real browser: somebody is paid by hand, the lane is stopped, two cashiers settle an order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.browser.conftest import enter
from tests.payouts.desk import Desk, desk_on, openid
from tests.servers import LoopbackServer
from wxbot.orders.models import Order
from wxbot.payouts.place_orders import order_due

pytestmark = pytest.mark.browser


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[tuple[Desk, str]]:
    with (
        desk_on(sqlite_url, redis_url, tmp_path, public_url="http://127.0.0.1") as made,
        LoopbackServer() as server,
    ):
        server.serve(made.app.wsgi_app)
        yield made, f"{server.url}/admin"


def test_a_day_at_the_cashiers_desk(desk: tuple[Desk, str], page: Any) -> None:
    made, base = desk
    made.know(1, "张三<script>alert(1)</script>")
    made.know(2, "张四")
    made.fund()
    enter(page, made.app, "wang")
    page.goto(f"{base}/payouts/new")
    page.locator("#who").press_sequentially("张")
    page.locator("label.found").nth(1).wait_for()
    page.locator("label.found", has_text="张三").click()
    page.fill("#amount", "8.80")
    page.fill("#reason", "三月活动漏发")
    page.click("form.card .btn-primary")
    page.wait_for_selector("h1:has-text('¥8.80')")
    page.goto(f"{base}/payouts")
    page.click("[data-dialog=stop-line]")
    page.click("#stop-line .btn-danger")
    page.wait_for_selector(".stopped-bar")
    assert order_due(made.runtime) == 0
    page.click("[data-dialog=open-line]")
    page.click("#open-line .btn-primary")
    page.wait_for_selector("[data-dialog=stop-line]")
    assert order_due(made.runtime) == 1
    with made.runtime.database.transaction() as session:
        session.execute(update(Order).values(status="manual", err_code="FATAL_ERROR"))
    page.goto(f"{base}/payouts?tab=person")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("tbody a").first.click()
    page.locator("label", has_text="已领取").click()
    page.locator("textarea[name=evidence]").fill("资金账单 2026-03-15 流水 4200001 已支出 8.80 元")
    page.get_by_text("提交处理意见").click()
    page.wait_for_selector(".mark-open")
    enter(page, made.app, "zhou")
    page.goto(f"{base}/people-search?q={openid(1)}")
    assert "同一单号使用了不同的参数" in page.locator(".why-said").inner_text()
    page.locator(".story a", has_text="登记付款").click()
    page.get_by_text("核对无误，确认").click()
    page.locator("dialog[open] .btn-primary").click()
    page.wait_for_selector(".notice-success")
    with made.runtime.database.reading() as session:
        assert session.scalars(select(Order.status)).one() == "received"
