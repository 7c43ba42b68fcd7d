"""The balance that WeChat Pay v3 tells: asked by the worker's task alone, taken while it is fresh, missed by nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from pydantic import ValidationError
from redis.exceptions import ConnectionError as RedisAway

from tests.campaigns.stories import launched
from tests.servers import SimulatedWeChat
from wxbot.alerts.conditions import conditions
from wxbot.app import create_app
from wxbot.metrics.snapshot import take
from wxbot.metrics.told_balance import ASK_EVERY_S, ASKED_KEY, FRESH, TOLD_KEY
from wxbot.orders.models import BillDay
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.wechat.pay_v3 import BALANCE
from wxbot.worker import run_task, run_until_quiet

DERIVED_FEN = 4_200_000


@pytest.fixture
def asking(runtime: Runtime) -> Runtime:
    """A deployment that asks, with a bill that says something else than the bank."""
    runtime.settings = runtime.settings.model_copy(update={"balance_query": True, "alert_balance_fen": 2**40})
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        session.add(
            BillDay(day=f"{now - timedelta(days=1):%Y%m%d}", lines=0, faults=0, read_at=now, closing_fen=DERIVED_FEN)
        )
    return runtime


def asked(simulator: SimulatedWeChat) -> list[dict[str, Any]]:
    return [row for row in simulator.control("GET", "log")["log"] if row["path"] == BALANCE]


def held(runtime: Runtime) -> tuple[int, bool]:
    found = take(runtime).balance
    assert found is not None
    return found.balance_fen, found.is_told


def ask_again(runtime: Runtime) -> int:
    """The task a minute later."""
    assert 0 < runtime.redis.ttl(ASKED_KEY) <= ASK_EVERY_S
    runtime.redis.delete(ASKED_KEY)
    return run_task(runtime, "metrics.balance")


def test_off_nothing_is_asked_and_nothing_is_taken(runtime: Runtime, simulator: SimulatedWeChat) -> None:
    assert runtime.settings.balance_query is False
    assert run_task(runtime, "metrics.balance") == run_task(runtime, "alerts.tell") == 0
    assert asked(simulator) == [] and runtime.redis.get(TOLD_KEY) is None


def test_asking_needs_the_v3_key(runtime: Runtime) -> None:
    values = runtime.settings.model_dump() | {"balance_query": True}
    assert Settings.model_validate(values).balance_query
    with pytest.raises(ValidationError, match="WXBOT_BALANCE_QUERY: 需要 WXBOT_API_V3_KEY"):
        Settings.model_validate(values | {"api_v3_key": ""})


def test_the_figure_is_taken_with_its_time(asking: Runtime, simulator: SimulatedWeChat) -> None:
    launched(asking)
    run_until_quiet(asking)
    take(asking)
    create_app(asking).test_client().get("/metrics")
    assert asked(simulator) == []  # looking asks nobody
    assert run_task(asking, "metrics.balance") == 1
    assert run_task(asking, "metrics.balance") == 0
    assert [row["status"] for row in asked(simulator)] == [200]
    other = Runtime(asking.settings)  # another box reads what this one was told
    seen = take(other)
    other.close()
    assert seen.balance is not None and seen.balance.is_told
    assert seen.balance.balance_fen == simulator.control("GET", "bank")["balance_fen"] != DERIVED_FEN
    assert abs(seen.at - seen.balance.as_of) < timedelta(minutes=1)
    assert seen.balance.empty_at is not None
    text = next(each.text for each in conditions(seen, asking.settings) if each.kind == "balance")
    assert "微信支付" in text and "账单" not in text


def test_what_is_old_is_not_taken(asking: Runtime, simulator: SimulatedWeChat) -> None:
    run_task(asking, "metrics.balance")
    assert held(asking)[1]
    simulator.advance(FRESH.total_seconds() + 30)
    asking.clock.refresh()
    assert held(asking) == (DERIVED_FEN, False)
    assert ask_again(asking) == 1
    assert held(asking)[1]


def test_a_refusal_brings_the_reckoned_figure_and_one_line(asking: Runtime, simulator: SimulatedWeChat) -> None:
    run_task(asking, "metrics.balance")
    simulator.control("PUT", "switches", {"transfer_opened": False})
    with structlog.testing.capture_logs() as lines:
        assert ask_again(asking) == 0
        assert run_task(asking, "metrics.balance") == 0
    assert [(line["event"], line["err_code"]) for line in lines] == [("balance_refused", "NO_AUTH")]
    assert held(asking) == (DERIVED_FEN, False)
    assert take(asking).stops == []


def test_no_answer_leaves_the_last_figure_until_it_is_old(asking: Runtime, simulator: SimulatedWeChat) -> None:
    run_task(asking, "metrics.balance")
    for fault in ({"kind": "drop_request", "times": 1}, {"kind": "drop_reply", "times": 1}):
        simulator.control("PUT", f"faults{BALANCE.rsplit('/', 1)[0]}/*", fault)
        with structlog.testing.capture_logs() as lines:
            assert ask_again(asking) == 0
        assert [line["event"] for line in lines] == ["balance_unanswered"]
    simulator.control("PUT", "switches", {"v3_wrong_signature": True})
    assert ask_again(asking) == 0
    assert held(asking)[1]


def test_without_redis_the_figure_is_reckoned(asking: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    run_task(asking, "metrics.balance")
    asking.redis.delete(TOLD_KEY)
    assert held(asking) == (DERIVED_FEN, False)

    def away(*_: object, **__: object) -> None:
        raise RedisAway("away")

    monkeypatch.setattr(asking.redis, "get", away)
    assert held(asking) == (DERIVED_FEN, False)


def test_a_pace_that_lasts_for_ages_has_no_end(asking: Runtime) -> None:
    launched(asking)
    run_until_quiet(asking)
    with asking.database.transaction() as session:
        for bill in session.query(BillDay):
            bill.closing_fen = 2**62
    seen = take(asking).balance
    assert seen is not None and seen.fen_per_hour > 0 and seen.empty_at is None
    assert seen.as_of > datetime(2026, 1, 1, tzinfo=UTC)
