"""The state of a deployment as an operator sees it: /metrics behind its key, and where each value comes from."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy import select

from tests.campaigns.stories import launched
from tests.servers import SimulatedWeChat
from wxbot import invariants
from wxbot.app import create_app
from wxbot.clock import SHANGHAI
from wxbot.metrics.exposition import NAMES
from wxbot.metrics.snapshot import take
from wxbot.orders import throttle
from wxbot.orders.bill import READY_HOUR, FundLine, closing_fen, fetch_bills
from wxbot.orders.models import BillDay, Order
from wxbot.runtime import Runtime
from wxbot.worker import run_task, run_until_quiet

KEY = "a-metrics-key-nobody-guesses"


def _app(runtime: Runtime, key: str = KEY) -> Flask:
    runtime.settings = runtime.settings.model_copy(update={"metrics_key": type(runtime.settings.secret_key)(key)})
    return create_app(runtime)


def test_metrics_are_for_whoever_has_the_key(runtime: Runtime) -> None:
    client = _app(runtime).test_client()
    for header in ("", KEY, f"Bearer {KEY}x", f"Basic {KEY}", "Bearer ", "Bearer \u00e9"):
        answer = client.get("/metrics", headers={"Authorization": header, "Host": "10.0.0.7"})
        assert (answer.status_code, answer.data) == (401, b""), header
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {KEY}", "Host": "10.0.0.7"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")


def test_without_a_key_there_are_no_metrics(runtime: Runtime) -> None:
    answer = _app(runtime, "").test_client().get("/metrics", headers={"Authorization": "Bearer "})
    assert answer.status_code == 404


def values(runtime: Runtime) -> dict[str, float]:
    """Every value of the page, by its name with its labels."""
    text = (
        _app(runtime).test_client().get("/metrics", headers={"Authorization": f"Bearer {KEY}"}).get_data(as_text=True)
    )
    return {name: float(value) for name, value in re.findall(r"^(wxbot_\S+) (\S+)$", text, re.MULTILINE)}


def test_the_state_is_told_from_rows(runtime: Runtime) -> None:
    """A campaign with its orders, a stopped line, a broken rule: each is a value, and goes with what it tells of."""
    launched(runtime)
    run_until_quiet(runtime)
    run_task(runtime, "invariants.check")
    seen = values(runtime)
    with runtime.database.reading() as session:
        accepted = len(session.scalars(select(Order.id).where(Order.status == "accepted")).all())
    assert accepted > 0
    assert seen['wxbot_orders{status="accepted"}'] == accepted
    assert seen["wxbot_frozen"] == seen["wxbot_campaigns_without_stock"] == 0
    assert seen["wxbot_invariants_checked_timestamp_seconds"] > 0
    assert sum(value for name, value in seen.items() if name.startswith("wxbot_ledger_fen")) == 0
    assert not [name for name in seen if name.startswith(("wxbot_line_stopped", "wxbot_invariant_broken"))]
    with runtime.database.transaction() as session:
        throttle.stop_lane(session, runtime.settings.mch_id, "NOTENOUGH", runtime.database.now(session))
        session.get_one(Order, 1).amount_fen += 1
    run_task(runtime, "invariants.audit")
    seen = values(runtime)
    assert seen['wxbot_line_stopped{code="NOTENOUGH",line="v2"}'] == 1
    assert seen['wxbot_invariant_broken_rows{rule="I7"}'] > 0
    assert set(invariants.INVARIANTS) >= set(re.findall(r'rule="(\w+)"', " ".join(seen)))


def test_the_oldest_due_row_has_an_age(runtime: Runtime) -> None:
    launched(runtime)
    run_task(runtime, "campaigns.advance")
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        order = session.scalars(select(Order).where(Order.status == "planned")).first()
        assert order is not None
        order.send_after = now - timedelta(minutes=7)
    age_s = take(runtime).due_s["orders.send"]
    assert 420 <= age_s < 600


def test_the_closing_balance_is_that_of_the_latest_line() -> None:
    def line(at: str, balance_fen: int | None) -> FundLine:
        return FundLine("n", "d", "b", "k", False, 1, at, balance_fen)

    assert closing_fen([]) is None
    assert closing_fen([line("2026-01-02 10:00:00", 5), line("2026-01-02 09:00:00", 9)]) == 5
    assert closing_fen([line("2026-01-02 10:00:00", 5), line("2026-01-02 10:00:00", 4)]) == 4
    assert closing_fen([line("2026-01-02 10:00:00", 5), line("2026-01-02 11:00:00", None)]) == 5


def test_the_balance_is_the_bill_and_what_left_since(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    """The bank's own balance, reckoned from yesterday's bill and today's orders."""
    launched(runtime)
    run_until_quiet(runtime)
    assert take(runtime).balance is None
    today = runtime.clock.now().astimezone(SHANGHAI)
    ready = today.replace(hour=READY_HOUR, minute=30) + timedelta(days=1)
    simulator.advance((ready - today).total_seconds())
    runtime.clock.refresh()
    assert fetch_bills(runtime) >= 1
    with runtime.database.reading() as session:
        assert session.get_one(BillDay, f"{today:%Y%m%d}").closing_fen is not None
    launched(runtime)
    run_until_quiet(runtime)
    reckoned = take(runtime).balance
    assert reckoned is not None
    assert reckoned.balance_fen == simulator.control("GET", "bank")["balance_fen"]
    assert reckoned.fen_per_hour > 0
    assert reckoned.empty_at is not None


def test_every_name_is_documented() -> None:
    root = Path(__file__).parent.parent
    for page in ("docs/operations.md", "docs/zh/operations.md"):
        told = (root / page).read_text(encoding="utf-8")
        assert [name for name in NAMES if f"| `{name}` |" not in told] == []
