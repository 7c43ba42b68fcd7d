"""A list in a real browser: a file is dropped, looked at, submitted, approved by the second cashier, and watched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_console import Served
from tests.payouts.desk import Desk, csv_file, desk_on, phone
from tests.servers import LoopbackServer
from wxbot.payouts.list_rows import request_rows

pytestmark = pytest.mark.browser


@pytest.fixture
def served(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[tuple[Desk, Served]]:
    with (
        desk_on(sqlite_url, redis_url, tmp_path, public_url="http://127.0.0.1") as desk,
        LoopbackServer() as server,
    ):
        server.serve(desk.app.wsgi_app)
        yield desk, Served(desk.app, f"{server.url}/admin")


@pytest.mark.proof
def test_a_list_from_the_file_to_its_payouts(served: tuple[Desk, Served], page: Any, tmp_path: Path) -> None:
    desk, console = served
    desk.fund(100_000)
    desk.know_many(3)
    file = tmp_path / "三月奖励.csv"
    file.write_bytes(
        csv_file(*[(phone(n), f"员工{n}", "8.80", "三月") for n in (1, 2, 3)], (phone(9), "<b>新人</b>", "8.80", ""))
    )

    console.sign_in(page, "wang")
    page.goto(f"{console.base}/lists/new")
    page.set_input_files("#file", str(file))
    assert page.locator("[data-file-name]").inner_text() == "三月奖励.csv"
    with page.expect_navigation():
        page.click("form[enctype] .btn-primary")
    page.wait_for_selector("h1:has-text('三月奖励')")
    assert page.locator("tr.is-faulty").count() == page.locator("tbody tr").count() == 1
    assert "不在名册中" in page.locator("tr.is-faulty").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.click("[data-dialog=do-submit]")
    page.locator("#do-submit .btn-primary").click()
    assert page.locator("#do-submit").is_visible()  # the row that is left out must be meant
    page.check("[name=skip_faulty]")
    with page.expect_navigation():
        page.locator("#do-submit .btn-primary").click()
    page.wait_for_selector(".notice-success")
    assert page.locator("[data-dialog=do-approve]").count() == 0

    console.sign_out(page)
    console.sign_in(page, "zhou")
    page.goto(f"{console.base}/lists/1")
    page.click("[data-dialog=do-approve]")
    page.locator("#do-approve .btn-primary").click()
    page.wait_for_selector("#live:has-text('已登记 0 / 3 笔')")
    while request_rows(desk.runtime):
        pass
    page.wait_for_selector("#live:has-text('排队中')")
    assert len(desk.payouts()) == 3
    page.goto(f"{console.base}/lists")
    assert "¥26.40" in page.locator("tbody tr").inner_text()
