"""The console's page about alerts: who may see it, the test button, and what it must not show."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from tests.alerts.receivers import receiver
from tests.staff.consoles import NOON, Browser, console
from wxbot.alerts import book
from wxbot.alerts.conditions import Condition
from wxbot.runtime import Runtime
from wxbot.staff.models import AuditEvent

SECRET = "geheimnis-of-the-robot"


def test_the_page_and_its_button(sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    with receiver() as hook:
        ways = f"json://{hook.url}/hook wecombot://{SECRET} feishu://"
        with console(sqlite_url, redis_url, tmp_path, NOON, alert_targets=ways, mch_base="https://127.0.0.1:9") as app:
            runtime: Runtime = app.extensions["wxbot"]
            with runtime.database.transaction() as session:
                book.keep(session, [Condition("stopped:v2", "stopped", "付款已停止 <b>", "/admin/orders")], NOON)
            admin, cashier, marketer = (Browser(app, login) for login in ("chen", "wang", "li"))
            page = admin.get("/admin/alerts").text
            assert "付款已停止 &lt;b&gt;" in page
            assert "还没有通知任何人" in page
            assert "地址无法识别" in page
            assert SECRET not in page
            assert "1 个报警没有解决" in cashier.get("/admin/").text
            assert cashier.get("/admin/alerts").status_code == 200
            assert marketer.get("/admin/alerts").status_code == 403
            assert cashier.post("/admin/alerts/test").status_code == 403
            assert hook.received == []
            assert admin.post("/admin/alerts/test").status_code == 303
            assert [got.content["message"] for got in hook.received] == ["这是一条测试消息：报警可以送达这里。"]
            told = admin.get("/admin/alerts").text
            assert "已送达" in told
            assert "没有送达（unreadable）" in told
            assert SECRET not in told
            with runtime.database.reading() as session:
                (event,) = session.scalars(
                    select(AuditEvent).where(AuditEvent.action == "alert_test", AuditEvent.outcome == "refused")
                ).all()
            assert event.detail == {"targets": 3, "good": 1}


@pytest.mark.parametrize("targets", ["", "wecombot.example.com"])
def test_addresses_are_addresses(targets: str, sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    if not targets:
        with console(sqlite_url, redis_url, tmp_path, NOON) as app:
            page = Browser(app, "chen").get("/admin/alerts").text
        assert "没有人会收到通知" in page
        assert "发送测试消息" not in page
        return
    with (
        pytest.raises(ValueError, match="target 1 is no address"),
        console(sqlite_url, redis_url, tmp_path, NOON, alert_targets=targets),
    ):
        pass
