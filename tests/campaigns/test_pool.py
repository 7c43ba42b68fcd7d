"""The pool's decision, pure: how many packets to order now (money F45)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from tests.draws.stage import set_stage
from wxbot.campaigns.models import Campaign, Packet
from wxbot.runtime import Runtime
from wxbot.shake.pool import LEAD, MARGIN, has_stock, live_stock, need

NOW = datetime(2026, 3, 15, 4, 0, tzinfo=UTC)


def campaign(**changes: Any) -> Campaign:
    """A campaign of 9,100 packets over 91 days that began a day ago."""
    values: dict[str, Any] = {
        "status": "on",
        "begin_at": NOW - timedelta(days=1),
        "end_at": NOW + timedelta(days=90),
        "packet_count": 9100,
    }
    return Campaign(**(values | changes))


def test_a_short_campaign_gets_all_its_packets() -> None:
    short = campaign(end_at=NOW + timedelta(hours=30))
    assert need(short, stock=0, planned=500, drawn_last_day=0, now=NOW).packets == 500


def test_a_long_campaign_is_stocked_for_a_day() -> None:
    """100 a day are expected: 121 are kept in stock, never 9,100."""
    assert need(campaign(), stock=0, planned=9000, drawn_last_day=0, now=NOW).packets == 121
    assert need(campaign(), stock=121, planned=9000, drawn_last_day=0, now=NOW).packets == 0


def test_demand_above_plan_raises_the_stock() -> None:
    assert need(campaign(), stock=120, planned=9000, drawn_last_day=400, now=NOW).packets > 300


def test_nothing_is_ordered_too_early_too_late_or_while_paused() -> None:
    early = campaign(begin_at=NOW + LEAD + timedelta(minutes=1))
    late = campaign(end_at=NOW + MARGIN - timedelta(minutes=1))
    for case in (early, late, campaign(status="off"), campaign(status="closing")):
        assert need(case, stock=0, planned=9000, drawn_last_day=0, now=NOW).packets == 0


@pytest.mark.on_both
@given(
    stock=st.integers(0, 100_000),
    planned=st.integers(0, 100_000),
    drawn=st.integers(0, 10_000),
    hours_left=st.integers(-10, 91 * 24),
    status=st.sampled_from(["launching", "on", "off", "closing", "closed"]),
)
def test_never_more_than_is_planned_and_never_negative(
    stock: int, planned: int, drawn: int, hours_left: int, status: str
) -> None:
    case = campaign(status=status, end_at=NOW + timedelta(hours=hours_left))
    wanted = need(case, stock, planned, drawn, NOW).packets
    assert 0 <= wanted <= planned


@pytest.mark.parametrize(
    ("left", "is_stock", "is_drawable"),
    [
        (timedelta(hours=1, seconds=1), True, True),
        (timedelta(hours=1), False, True),
        (timedelta(seconds=1), False, True),
        (timedelta(0), False, False),
        (timedelta(hours=-1), False, False),
    ],
)
def test_a_ticket_in_its_last_hour_is_no_stock_and_an_expired_one_cannot_be_drawn_F45(
    runtime: Runtime, left: timedelta, is_stock: bool, is_drawable: bool
) -> None:
    """71:00 and 72:00 to the second: what is ordered anew, and whether anybody is let in to draw."""
    stage = set_stage(runtime, packets=1)
    with runtime.database.transaction() as session:
        session.execute(update(Packet).values(expires_at=NOW + left))
        assert live_stock(session, stage.campaign_id, NOW) == int(is_stock)
        assert has_stock(session, stage.campaign_id, NOW) == is_drawable
