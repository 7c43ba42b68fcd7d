"""Programmes and payouts for tests, made through the product's own verbs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from tests.servers import SimulatedWeChat
from wxbot import budget, invariants, ledger
from wxbot.ledger import Posting
from wxbot.orders.models import Order
from wxbot.payouts.create import PayoutRequest, request
from wxbot.payouts.models import Payout, Programme
from wxbot.runtime import Runtime
from wxbot.worker import run_until_quiet

CASHIER, SECOND = 1, 2


def fund(runtime: Runtime, budget_fen: int = 1_000_000, **changes: Any) -> int:
    """An open programme with money; returns its id."""
    now = runtime.clock.now()
    values: dict[str, Any] = {
        "department": "市场部",
        "name": f"地推奖励{changes.pop('n', '')}",
        "channel": "sendredpack",
        "send_name": "示例小店",
        "act_name": "地推奖励",
        "wishing": "辛苦了",
        "remark": "地推奖励",
        "created_by": CASHIER,
        "created_at": now,
        "updated_at": now,
    }
    with runtime.database.transaction() as session:
        programme_id = budget.create(session, "programme", "市场部 · 地推奖励")
        session.add(Programme(id=programme_id, **(values | changes)))
        session.flush()
        assert budget.change_budget(session, programme_id, budget_fen)
        ledger.post(
            session,
            [Posting("reserved", f"fund:{programme_id}", "merchant", "reserved", budget_fen, programme_id)],
            now,
        )
    return programme_id


def owe(
    runtime: Runtime, programme_id: int, openid: str, amount_fen: int = 100, source_id: int = 1, **more: Any
) -> int:
    """A payout by hand; returns its id."""
    claim = PayoutRequest("manual", source_id, programme_id, openid, amount_fen, created_by=CASHIER, **more)
    with runtime.database.transaction() as session:
        return request(session, runtime.settings, claim, runtime.clock.now()).id


def payout_of(runtime: Runtime, payout_id: int) -> Payout:
    """The payout as it stands."""
    with runtime.database.reading() as session:
        return session.get_one(Payout, payout_id)


def orders_of(runtime: Runtime, payout_id: int) -> list[Order]:
    """All its orders, the oldest first."""
    with runtime.database.reading() as session:
        query = select(Order).where(Order.reason_kind == "payout", Order.reason_id == payout_id).order_by(Order.attempt)
        return list(session.scalars(query))


def pass_time(runtime: Runtime, simulator: SimulatedWeChat, seconds: float) -> None:
    """Let the simulated time go by, and do what the worker would do then."""
    simulator.advance(seconds)
    runtime.clock.refresh()
    run_until_quiet(runtime)


def sound(runtime: Runtime) -> None:
    """No rule is broken."""
    assert {name: rows for name, rows in invariants.check(runtime.database).items() if rows} == {}


def at_bank(simulator: SimulatedWeChat) -> dict[str, dict[str, Any]]:
    """The bank's own book, by number."""
    orders = simulator.control("GET", "bank/orders?limit=500")["orders"]
    return {order["mch_billno"]: order for order in orders}
