"""Who has won and not asked for it is reminded once, by day, as far as WeChat lets the account write."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.conftest import Cast
from tests.draws.stage import Phone
from tests.instant.winners import Instant, mine, set_instant, tap
from tests.people.test_notices import chat, talk
from tests.servers import SimulatedWeChat
from wxbot.clock import SHANGHAI
from wxbot.instant.remind import horizon
from wxbot.people.models import Notice
from wxbot.runtime import Runtime
from wxbot.worker import run_task

HOUR = 3600


def go_to(runtime: Runtime, simulator: SimulatedWeChat, hour: int, minute: int = 0) -> datetime:
    """The next time that it is so late in Shanghai."""
    local = runtime.clock.now().astimezone(SHANGHAI)
    then = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    then += timedelta(days=then <= local)
    simulator.advance((then - local).total_seconds())
    runtime.clock.refresh()
    return then


def ends_at(runtime: Runtime, campaign: Instant, openid: str, deadline: datetime, fen: int = 100) -> str:
    return campaign.win(openid, fen, (deadline - runtime.clock.now()).total_seconds())


def remind(runtime: Runtime) -> int:
    done = run_task(runtime, "awards.remind")
    run_task(runtime, "people.tell")
    return done


def told(runtime: Runtime) -> Iterator[tuple[str, str]]:
    with runtime.database.reading() as session:
        for notice in session.scalars(select(Notice).where(Notice.kind == "award_soon").order_by(Notice.id)):
            yield notice.openid, notice.status


def test_what_is_open_is_told_of_once_before_its_deadline_to_whom_it_can_be_told(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone
) -> None:
    noon = go_to(runtime, simulator, 12)
    campaign = set_instant(runtime)
    later = ends_at(runtime, campaign, cast.ming.openid, noon + timedelta(days=3))
    for fen in (100, 250):
        ends_at(runtime, campaign, cast.ming.openid, noon + timedelta(hours=20), fen)
    asked = ends_at(runtime, campaign, cast.hong.openid, noon + timedelta(hours=20))
    ends_at(runtime, campaign, cast.wang.openid, noon + timedelta(hours=20))  # follows nobody, never wrote
    campaign.win(cast.ming.openid, code="FACE-1")
    talk(simulator, cast.ming)
    hong = Phone(ming.client.application, runtime, cast.hong.id)
    assert tap(hong, asked, mine(hong)["form_mark"]).status_code == 200
    assert remind(runtime) == 2
    assert remind(runtime) == 0
    (said,) = chat(simulator, cast.ming)
    assert "2 个奖品（共 ¥3.50）" in said and "/h5/awards" in said
    assert dict(told(runtime)) == {cast.ming.openid: "sent", cast.wang.openid: "unreachable"}
    assert "请在" in mine(ming)["awards"][-1]["text"]  # the deadline stands on the page in any case
    simulator.advance(50 * HOUR)
    runtime.clock.refresh()
    talk(simulator, cast.ming)
    assert remind(runtime) == 1
    said = chat(simulator, cast.ming)[-1]
    assert ("“一元红包”（¥1.00）" in said, campaign.award(later).reminded_at is not None) == (True, True)


def test_nobody_is_reminded_by_night_nor_by_a_worker_that_was_away(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    evening = go_to(runtime, simulator, 20, 30)
    campaign = set_instant(runtime)
    before_morning = ends_at(runtime, campaign, cast.ming.openid, evening + timedelta(hours=11))
    after = ends_at(runtime, campaign, cast.hong.openid, evening + timedelta(hours=32))
    talk(simulator, cast.ming)
    assert run_task(runtime, "awards.remind") == 1
    assert campaign.award(before_morning).reminded_at is not None
    go_to(runtime, simulator, 23)
    run_task(runtime, "people.tell")  # the worker was away until now
    assert (chat(simulator, cast.ming), list(told(runtime))) == ([], [(cast.ming.openid, "unreachable")])
    assert (run_task(runtime, "awards.remind"), campaign.award(after).reminded_at) == (0, None)
    go_to(runtime, simulator, 9, 1)
    assert run_task(runtime, "awards.remind") == 1


@pytest.mark.parametrize("changes", [{"award_remind_hours": 0}, {}])
def test_a_reminder_can_be_switched_off_and_never_comes_in_the_first_half_of_the_time(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, changes: dict[str, int]
) -> None:
    runtime.settings = runtime.settings.model_copy(update=changes)
    morning = go_to(runtime, simulator, 10)
    campaign = set_instant(runtime, claim_s=18 * HOUR)
    ends_at(runtime, campaign, cast.ming.openid, morning + timedelta(hours=18))
    assert run_task(runtime, "awards.remind") == 0
    go_to(runtime, simulator, 19, 30)
    assert run_task(runtime, "awards.remind") == (0 if changes else 1)


def test_the_hours_of_reminders() -> None:
    lead = timedelta(hours=2)
    for hour, until in ((8, None), (9, 11), (19, 21), (20, 34), (21, None), (3, None)):
        local = datetime(2026, 3, 1, hour, 15, tzinfo=SHANGHAI)
        start = datetime(2026, 3, 1, tzinfo=SHANGHAI)
        quarter = timedelta(minutes=15 if until != 34 else 0)
        assert horizon(local.astimezone(UTC), lead) == (
            None if until is None else start + timedelta(hours=until) + quarter
        )
