"""The whole way through the doors: a wheel by link, the draw, 领取, WeChat's page, the money; and what staff read of it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, select

from tests.conftest import Cast
from tests.draws.stage import Phone
from tests.instant import stage as wheels
from tests.instant.winners import mine, state, tap
from tests.payouts.stories import pass_time, sound
from tests.payouts.test_pay import CHANNELS, take
from tests.servers import SimulatedWeChat
from wxbot import inbox
from wxbot.doctor.payouts import payout_channels
from wxbot.instant.models import Award
from wxbot.people import marks
from wxbot.people.models import PersonMark
from wxbot.runtime import Runtime
from wxbot.timeline.story import tell
from wxbot.timeline.why import conclude
from wxbot.worker import run_task, run_until_quiet

pytestmark = pytest.mark.usefixtures("added_up")


def story(runtime: Runtime, openid: str) -> tuple[str, str]:
    """What 查人 says on top, and all that it tells below."""
    with runtime.database.reading() as session:
        told = conclude(session, runtime.settings, openid, runtime.clock.now())
        moments = tell(session, runtime.vault, openid).moments
    return told.zh, "\n".join(moment.said.zh for moment in moments)


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_stranger_draws_wins_collects_and_has_the_money(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, app: Any, channel: str
) -> None:
    wheel = wheels.set_wheel(runtime, terms={"channel": channel})
    wang = Phone(app, runtime, cast.wang.id)  # follows nobody
    won = wheels.tap(wang, wheel).get_json()
    assert (won["outcome"], won["prize"]["yuan"], won["award"]["state"]) == ("won", "1.00", "open")
    (shown,) = wheels.look(wang, wheel)["mine"]
    assert (shown["id"], shown["state"], shown["name"]) == (won["award"]["id"], "open", "一元")
    said, _ = story(runtime, cast.wang.openid)
    assert "等本人" in said and "¥1.00" in said
    assert tap(wang, shown["id"], mine(wang)["form_mark"]).status_code == 200
    run_task(runtime, "payouts.pay")
    assert wheels.look(wang, wheel)["mine"][0]["state"] == ("confirm" if channel == "transfer_bills" else "held")
    take(simulator, cast.wang, channel)
    pass_time(runtime, simulator, 90)
    assert (state(wang, shown["id"])["state"], wheels.look(wang, wheel)["mine"][0]["state"]) == ("paid", "paid")
    assert simulator.control("GET", f"people/{cast.wang.id}/wallet")["wallet_fen"] == 100
    _, told = story(runtime, cast.wang.openid)
    assert "抽奖：中奖" in told and "奖品 ¥1.00 已领取" in told
    assert channel in payout_channels(runtime).zh
    sound(runtime)


def test_a_blocked_winner_waits_for_staff_and_is_paid_once_they_are_unblocked(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone
) -> None:
    wheel = wheels.set_wheel(runtime)
    won = wheels.tap(ming, wheel).get_json()["award"]["id"]
    with runtime.database.transaction() as session:
        marks.put(session, runtime.vault, "block", "openid", cast.ming.openid, "看看", 1, runtime.clock.now())
    tap(ming, won, mine(ming)["form_mark"])
    run_until_quiet(runtime)
    told = state(ming, won)
    assert (told["state"], "工作人员" in told["text"], "黑名单" in told["text"]) == ("held", True, False)
    with runtime.database.reading() as session:
        payout_id = session.scalar(select(Award.payout_id))
        assert list(session.scalars(inbox._held_awards(2, runtime.clock.now()))) == [payout_id]
    with runtime.database.transaction() as session:
        session.execute(delete(PersonMark).where(PersonMark.subject == cast.ming.openid))
    pass_time(runtime, simulator, 700)
    assert state(ming, won)["state"] == "confirm"
    sound(runtime)
