"""Alerts from the cause to the chat: what is wrong is told with what to do, its end is told, and nobody is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from tests.alerts.receivers import Receiver, receiver
from tests.campaigns.stories import launched
from tests.instant.stage import set_wheel
from tests.servers import SimulatedWeChat
from wxbot import heartbeat
from wxbot.alerts.conditions import conditions, of_workers
from wxbot.alerts.tell import watch_workers
from wxbot.campaigns.models import Campaign
from wxbot.heartbeat import Heartbeat
from wxbot.instant.models import Prize
from wxbot.metrics.balance import Reckoned
from wxbot.metrics.snapshot import Snapshot, Stop, take
from wxbot.orders import throttle
from wxbot.orders.models import Order
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.worker import run_task, run_until_quiet

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def told(runtime: Runtime, hook: Receiver) -> Runtime:
    """A runtime whose alerts reach the hook."""
    runtime.settings = runtime.settings.model_copy(update={"alert_targets": SecretStr(f"json://{hook.url}")})
    return runtime


def stop(runtime: Runtime, code: str) -> None:
    with runtime.database.transaction() as session:
        throttle.stop_lane(session, runtime.settings.mch_id, code, runtime.database.now(session))


def pass_time(runtime: Runtime, simulator: SimulatedWeChat, seconds: float) -> None:
    simulator.advance(seconds)
    runtime.clock.refresh()


def test_a_campaign_without_packets_is_not_empty_and_prizes_that_are_nearly_gone_too_early_are_told(
    told: Runtime, hook: Receiver
) -> None:
    stage = set_wheel(told, {"stock": 20}, {"name": "谢谢", "odds_ppm": 0, "stock": 500})
    assert run_task(told, "alerts.tell") == 0
    with told.database.transaction() as session:
        session.execute(update(Prize).where(Prize.ordinal == 1).values(left=1))
    assert run_task(told, "alerts.tell") == 1
    assert f"活动 #{stage.campaign_id} 的奖品只剩 1 / 20" in hook.texts[0]
    stage.change(end_at=told.clock.now() + timedelta(hours=1))
    assert take(told).low_campaigns == [], "by its schedule all is out by then"


def test_a_stopped_line_is_told_once_and_its_end_too(told: Runtime, hook: Receiver, simulator: SimulatedWeChat) -> None:
    assert run_task(told, "alerts.tell") == 0
    stop(told, "NOTENOUGH")
    assert run_task(told, "alerts.tell") == 1
    assert run_task(told, "alerts.tell") == 0
    assert "NOTENOUGH" in hook.texts[0]
    assert f"{told.settings.public_url}/admin/orders" in hook.texts[0]
    with told.database.transaction() as session:
        throttle.open_lane(session, told.settings.mch_id)
    pass_time(told, simulator, 300)
    assert run_task(told, "alerts.tell") == 1
    assert hook.texts[1].startswith("已恢复：")
    assert len(hook.texts) == 2


def test_a_target_that_is_dead_is_tried_again(told: Runtime, hook: Receiver, simulator: SimulatedWeChat) -> None:
    hook.answers[""] = (500, {})
    stop(told, "NOTENOUGH")
    assert run_task(told, "alerts.tell") == 0
    assert run_task(told, "alerts.tell") == 0, "not at every look"
    hook.answers.clear()
    pass_time(told, simulator, 90)
    assert run_task(told, "alerts.tell") == 1


def test_several_things_are_one_message_and_nobody_is_named(told: Runtime, hook: Receiver) -> None:
    """An order that needs a person, a broken rule, a stopped line, a campaign with nothing to draw."""
    launched(told)
    run_until_quiet(told)
    stop(told, throttle.OPERATOR_STOP)
    with told.database.transaction() as session:
        order = session.scalars(select(Order).where(Order.status == "accepted").limit(1)).one()
        order.status, order.openid, number = "manual", "oCANARYopenid0000000000000001", order.mch_billno
        order.amount_fen += 1
    run_task(told, "invariants.audit")
    assert run_task(told, "alerts.tell") >= 3
    (text,) = hook.texts
    assert "人工处理" in text
    assert "账目规则被破坏：I" in text
    assert "财务停止" in text
    assert "CANARY" not in text
    assert number not in text


def test_a_campaign_with_nothing_to_draw_is_told(told: Runtime, hook: Receiver) -> None:
    campaign_id = launched(told)
    with told.database.transaction() as session:
        now = told.database.now(session)
        session.execute(update(Campaign).values(status="on", begin_at=now - timedelta(minutes=1)))
    assert run_task(told, "alerts.tell") == 1
    assert f"#{campaign_id}" in hook.texts[0]


def test_a_web_process_tells_that_no_worker_is_left(told: Runtime, hook: Receiver, simulator: SimulatedWeChat) -> None:
    assert watch_workers(told) == 1
    assert "没有后台任务进程在工作" in hook.texts[0]
    Heartbeat(told.redis).beat()
    pass_time(told, simulator, 300)
    assert watch_workers(told) == 1
    assert hook.texts[1].startswith("已恢复：")


def test_a_worker_that_fell_silent_beside_another_is_told(settings: Settings) -> None:
    living = heartbeat.Worker("a:1:x", "box-a", 1, "1", 10.0, 3.0)
    silent = heartbeat.Worker("b:2:y", "box-b", 2, "1", 10.0, 90.0)
    assert of_workers([living], settings) == []
    (lost,) = of_workers([living, silent], settings)
    assert "box-b" in lost.text
    assert lost.key == of_workers([silent], settings)[0].key


def seen(**changes: object) -> Snapshot:
    """A deployment where all is well, but for these."""
    well: dict[str, object] = {
        "at": NOON,
        "workers": [],
        "due_s": {},
        "orders": {},
        "orders_stuck": 0,
        "stops": [],
        "broken": {},
        "checked_at": NOON,
        "accounts": {},
        "bill": [],
        "balance": None,
        "certificates": {},
        "frozen_why": None,
    }
    return Snapshot(**(well | changes))  # type: ignore[arg-type]


def balance(fen: int, per_hour: int) -> Reckoned:
    empty = NOON + timedelta(seconds=fen * 3600 // per_hour) if per_hour else None
    return Reckoned(fen, NOON - timedelta(hours=12), per_hour, empty)


@pytest.mark.parametrize(
    ("state", "least_fen", "expected"),
    [
        ({}, 0, []),
        ({"balance": balance(1_000_000, 0)}, 0, []),
        ({"balance": balance(1_000_000, 100_000)}, 0, []),
        ({"balance": balance(280_000, 60_000)}, 300_000, ["2,800.00"]),
        ({"balance": balance(280_000, 60_000)}, 200_000, []),
        ({"balance": balance(280_000, 100_000)}, 0, ["2,800.00", "14:48"]),
        ({"certificates": {"apiclient_cert.pem": NOON + timedelta(days=31)}}, 0, []),
        (
            {"certificates": {"apiclient_cert.pem": NOON + timedelta(days=9, hours=1)}},
            0,
            ["apiclient_cert.pem", "9 天"],
        ),
        ({"certificates": {"apiclient_cert.pem": NOON - timedelta(days=1)}}, 0, ["已于"]),
        ({"frozen_why": "older"}, 0, ["解冻"]),
        ({"orders_stuck": 3}, 0, ["3 笔"]),
        ({"stops": [Stop("v3", "NOT_ENOUGH", NOON)]}, 0, ["v3", "NOT_ENOUGH"]),
    ],
)
def test_what_is_an_alert_and_what_is_none(
    settings: Settings, state: dict[str, object], least_fen: int, expected: list[str]
) -> None:
    chosen = settings.model_copy(update={"alert_balance_fen": least_fen})
    found = conditions(seen(**state), chosen)
    assert len(found) == bool(expected)
    assert [word for word in expected if word not in found[0].text] == []
    english = conditions(seen(**state), chosen.model_copy(update={"locale": "en"}))
    assert [one.key for one in english] == [one.key for one in found]
    assert all(one.text.isascii() for one in english)


def test_without_targets_the_page_still_knows(runtime: Runtime) -> None:
    from wxbot.alerts import book

    stop(runtime, "NOTENOUGH")
    assert run_task(runtime, "alerts.tell") == 0
    with closing(Runtime(runtime.settings)) as other, other.database.reading() as session:
        assert [alert.key for alert in book.current(session)] == ["stopped:v2"]
