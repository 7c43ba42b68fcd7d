"""Who asked for an order follows it: each gets their own changed orders, and what is not done with comes again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.draws.stage import set_stage
from wxbot.campaigns.models import PACKET_REASON
from wxbot.orders import settle
from wxbot.orders.models import Order
from wxbot.runtime import Runtime


class Feature:
    """Writes down which orders it is handed; it is done with all but the open ones, and fails at a spoilt one."""

    def __init__(self) -> None:
        self.handed: list[list[int]] = []
        self.open: set[int] = set()
        self.spoilt: set[int] = set()

    def settle(self, _runtime: Runtime, session: Session, orders: Sequence[Order], now: datetime) -> Sequence[Order]:
        ids = [order.id for order in orders]
        self.handed.append(ids)
        session.execute(update(Order).where(Order.id.in_(ids)).values(settled_at=now))
        if self.spoilt.intersection(ids):
            raise ArithmeticError
        return [order for order in orders if order.id not in self.open]


def changed(runtime: Runtime, orders: int) -> tuple[int, list[int]]:
    """A budget with orders whose status has changed; their ids."""
    stage = set_stage(runtime, packets=orders)
    with runtime.database.transaction() as session:
        session.execute(update(Order).values(is_noticed=False))
    return stage.campaign_id, [order.id for order in stage.orders()]


def test_each_reason_and_budget_gets_its_own_orders_once(runtime: Runtime) -> None:
    budget_id, (first, second, third) = changed(runtime, 3)
    with runtime.database.transaction() as session:
        session.execute(update(Order).where(Order.id == second).values(reason_kind="bonus"))
    feature = Feature()
    assert settle.settle_due(runtime, PACKET_REASON, feature.settle, budget_id + 1) == 0
    assert settle.settle_due(runtime, PACKET_REASON, feature.settle, budget_id) == 2
    assert settle.settle_due(runtime, PACKET_REASON, feature.settle) == 0
    assert settle.settle_due(runtime, "bonus", feature.settle) == 1
    assert feature.handed == [[], [first, third], [], [second]]


def test_what_a_feature_is_not_done_with_comes_again(runtime: Runtime) -> None:
    _, (first, second) = changed(runtime, 2)
    feature = Feature()
    feature.open = {first}
    assert settle.settle_due(runtime, PACKET_REASON, feature.settle) == 1
    assert settle.settle_due(runtime, PACKET_REASON, feature.settle) == 0
    feature.open = set()
    assert settle.settle_due(runtime, PACKET_REASON, feature.settle) == 1
    assert feature.handed == [[first, second], [first], [first]]


def test_a_batch_that_fails_is_undone_and_those_before_it_stay(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "BATCH", 2)
    _, ids = changed(runtime, 5)
    feature = Feature()
    feature.spoilt = {ids[3]}
    with pytest.raises(ArithmeticError):
        settle.settle_due(runtime, PACKET_REASON, feature.settle)
    with runtime.database.reading() as session:
        done = session.scalars(select(Order.id).where(Order.is_noticed, Order.settled_at.is_not(None))).all()
        assert sorted(done) == ids[:2]
        assert session.scalars(select(Order.id).where(Order.settled_at.is_not(None))).all() == done
    feature.spoilt = set()
    assert settle.settle_due(runtime, PACKET_REASON, feature.settle) == 3
    assert feature.handed == [ids[:2], ids[2:4], ids[2:4], ids[4:]]
