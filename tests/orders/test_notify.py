"""WeChat Pay's notice that a transfer has ended: it makes us ask, and never moves money itself."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.conftest import Live, simulator_settings
from tests.deployments import app_for, close, settings_for
from tests.servers import SimulatedWeChat
from tests.wechat import platform_v3 as bank
from wxbot.orders.channels import CHANNELS, PaymentRequest
from wxbot.orders.models import Evidence, Order
from wxbot.settings import Settings
from wxbot.wechat.errors import NotSent

NUMBER = "1900000001202603150000000011"


def deployment(database_url: str, redis_url: str, folder: Path, **changes: Any) -> Settings:
    """A production deployment that may be told about transfers."""
    (folder / "apiclient_key.pem").write_bytes(bank.key_pem("merchant"))
    (folder / "apiclient_cert.pem").write_bytes(bank.certificate("merchant"))
    (folder / "public_key.pem").write_text(bank.public_pem("platform"))
    for file in folder.glob("*.pem"):
        file.chmod(0o600)
    given = {
        "api_v3_key": bank.API_V3_KEY,
        "pay_public_key_id": bank.KEY_ID,
        "pay_public_key_file": folder / "public_key.pem",
    }
    return settings_for("encrypted", database_url, redis_url, folder, **(given | changes))


@pytest.fixture
def app(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    made = app_for(deployment(database_url, redis_url, tmp_path))
    yield made
    close(made)


@pytest.fixture
def order_id(app: Flask) -> int:
    return place(app)


def place(app: Flask, **changes: Any) -> int:
    """An order whose bill waits for its person; it is asked about in an hour."""
    database = app.extensions["wxbot"].database
    with database.transaction() as session:
        now = database.now(session)
        values: dict[str, Any] = {
            "channel": "transfer_bills",
            "reason_kind": "payout",
            "reason_id": 7,
            "attempt": 1,
            "budget_id": 3,
            "mch_billno": NUMBER,
            "params": "{}",
            "params_sha256": "",
            "amount_fen": 100,
            "status": "accepted",
            "holding": "unclaimed",
            "created_at": now,
            "send_after": now,
            "sent_at": now,
            "next_step": "query",
            "next_check_at": now + timedelta(hours=1),
        }
        order = Order(**(values | changes))
        session.add(order)
        session.flush()
        return order.id


def told(
    app: Flask,
    state: str = "SUCCESS",
    number: str = NUMBER,
    *,
    at: float | None = None,
    by: str = "platform",
    body: bytes | None = None,
) -> Any:
    """The answer to one notice."""
    inner = {**bank.ASKED, "out_bill_no": number, "state": state}
    notice = {
        "id": "EV-1",
        "create_time": "2026-03-15T10:00:09+08:00",
        "resource_type": "encrypt-resource",
        "event_type": "MCHTRANSFER.BILL.FINISHED",
        "summary": "商家转账单据终态通知",
        "resource": {"original_type": "mch_payment", **bank.sealed(json.dumps(inner).encode())},
    }
    raw = json.dumps(notice, ensure_ascii=False).encode() if body is None else body
    headers = bank.signed_headers(raw, at=time.time() if at is None else at, by=by)
    return app.test_client().post(
        "/pay/transfer-notify", data=raw, headers={**headers, "Content-Type": "application/json"}
    )


def order_of(app: Flask, order_id: int) -> Order:
    with app.extensions["wxbot"].database.reading() as session:
        order: Order = session.scalars(select(Order).where(Order.id == order_id)).one()
        return order


def evidence_of(app: Flask, order_id: int) -> list[str]:
    with app.extensions["wxbot"].database.reading() as session:
        return list(session.scalars(select(Evidence.body).where(Evidence.order_id == order_id)))


def is_due(app: Flask, order_id: int) -> bool:
    order, database = order_of(app, order_id), app.extensions["wxbot"].database
    with database.reading() as session:
        return order.next_check_at is not None and order.next_check_at <= database.now(session)


def test_a_notice_makes_the_order_due_and_moves_nothing(app: Flask, order_id: int) -> None:
    assert told(app).status_code == 204
    order = order_of(app, order_id)
    assert is_due(app, order_id) and (order.next_step, order.lease_epoch) == ("query", 1)
    assert (order.status, order.holding, order.settled_at) == ("accepted", "unclaimed", None)


def test_a_repeated_notice_is_answered_alike_and_kept_once_F40(app: Flask, order_id: int) -> None:
    assert [told(app).status_code for _ in range(3)] == [204] * 3
    assert len(evidence_of(app, order_id)) == 1 and bank.WECHAT_NO in evidence_of(app, order_id)[0]
    assert told(app, "FAIL").status_code == 204
    assert len(evidence_of(app, order_id)) == 2


UNSETTLED: tuple[dict[str, Any], ...] = (
    {"status": "unknown", "next_step": "send"},
    {"status": "manual", "next_check_at": None},
)
SETTLED: tuple[dict[str, Any], ...] = (
    {"status": "received", "next_check_at": None},
    {"status": "failed", "next_check_at": None},
)


def test_only_an_unsettled_transfer_is_asked_about(app: Flask) -> None:
    for serial, changes in enumerate([*UNSETTLED, *SETTLED, {"channel": "sendredpack"}]):
        number = f"190000000120260315000000002{serial}"
        order_id = place(app, mch_billno=number, reason_id=20 + serial, **changes)
        assert told(app, number=number).status_code == 204
        assert is_due(app, order_id) == (changes in UNSETTLED), changes
        assert order_of(app, order_id).status == changes.get("status", "accepted")


def test_what_wechat_has_not_provably_sent_changes_nothing_S65(sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    app = app_for(deployment(sqlite_url, redis_url, tmp_path))
    order_id = place(app)
    forged = [
        told(app, by="stranger"),
        told(app, at=time.time() - 301),
        told(app, body=b"{}"),
        told(app, body=b""),
        app.test_client().post("/pay/transfer-notify", data=b"{}"),
        app.test_client().post("/pay/transfer-notify", data={"id": "x"}),
    ]
    for answer in forged:
        assert answer.status_code == 401
        assert answer.get_json() == {"code": "FAIL", "message": "签名验证失败"}
    assert told(app, body=b"x" * 70_000).status_code == 413
    assert app.test_client().get("/pay/transfer-notify").status_code == 405
    assert not is_due(app, order_id) and evidence_of(app, order_id) == []
    assert told(app, number="1900000001202603150000000099").status_code == 204  # verified, only unknown: no repeats
    close(app)


def test_without_an_apiv3_key_nobody_is_believed(sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    app = app_for(deployment(sqlite_url, redis_url, tmp_path, api_v3_key=""))
    assert told(app).status_code == 401
    close(app)


def test_keys_that_do_not_fit_are_not_sent_and_wechat_is_told_to_come_again(
    sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    settings = deployment(sqlite_url, redis_url, tmp_path)
    (tmp_path / "apiclient_key.pem").write_bytes(bank.key_pem("stranger"))
    app = app_for(settings)
    with pytest.raises(NotSent, match="WXBOT_PAY_CERT_KEY_FILE"):
        _ = app.extensions["wxbot"].pay_v3
    assert told(app).status_code == 500
    close(app)


def test_with_the_database_down_wechat_is_told_to_come_again_F40(redis_url: str, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    app = app_for(deployment(f"sqlite:///{tmp_path}/gone/none/wxbot.db", redis_url, tmp_path))
    assert told(app).status_code >= 500
    close(app)


@pytest.fixture
def settings(simulator: SimulatedWeChat, sqlite_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """The account under the simulator; the database makes no difference here."""
    return simulator_settings(simulator, sqlite_url, redis_url, tmp_path)


def test_the_phone_confirms_and_the_bill_closes_and_both_times_we_are_told(
    live: Live, simulator: SimulatedWeChat
) -> None:
    simulator.control("POST", "bank/topup", {"amount_fen": 1_000})
    ming = simulator.person("小明", follows=True)
    orders = []
    for serial in (1, 2):
        number = f"{live.runtime.settings.mch_id}20260315000000003{serial}"
        payment_request = PaymentRequest(
            "payout", 30 + serial, 3, 100, {"remark": "到店有礼", "act_name": "开业抽奖"}, openid=ming["openid"]
        )
        params = CHANNELS["transfer_bills"].freeze(live.runtime.settings, number, payment_request)
        orders.append((place(live.app, mch_billno=number, reason_id=30 + serial), live.runtime.pay_v3.create(params)))
    (first, created), (second, _) = orders
    simulator.control("POST", f"people/{ming['id']}/transfers/{created.transfer_bill_no}/confirm", {})
    simulator.control("POST", "pushes/settle", {"timeout_s": 10})
    assert evidence_of(live.app, first) and not evidence_of(live.app, second)
    assert order_of(live.app, first).lease_epoch == 1
    simulator.advance(24 * 3600 + 60)  # our clock has not heard of it when the notice comes
    live.runtime.pay_v3.query(created.out_bill_no)
    simulator.control("POST", "pushes/settle", {"timeout_s": 10})
    assert order_of(live.app, second).lease_epoch == 1 and "OVERDUE_CLOSE" in evidence_of(live.app, second)[0]
