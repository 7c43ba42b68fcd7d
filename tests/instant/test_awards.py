"""Awards from the tap to the wallet, over both channels; what comes back, what is held, and what nobody asks for in time."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask

from tests.conftest import Cast, Person
from tests.draws.stage import Phone
from tests.instant.winners import mine, set_instant, state, tap
from tests.payouts.stories import at_bank, orders_of, pass_time, payout_of, sound
from tests.payouts.test_pay import CHANNELS, take
from tests.servers import SimulatedWeChat
from wxbot.campaigns.models import Campaign
from wxbot.clock import SHANGHAI
from wxbot.instant import awards
from wxbot.orders import throttle
from wxbot.payouts.create import cancel
from wxbot.runtime import Runtime
from wxbot.worker import run_task, run_until_quiet

pytestmark = pytest.mark.usefixtures("added_up")

DAY = 86400
WAITS = {"transfer_bills": "confirm", "sendredpack": "held"}
"""Channel → how an award stands while WeChat waits for its person: on our page, or in the chat."""


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_tap_brings_the_money_and_every_book_agrees(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone, channel: str
) -> None:
    campaign = set_instant(runtime, channel=channel)
    won = campaign.win(cast.ming.openid, 880)
    assert campaign.money() == {
        "reserved": 9_120,
        "owed": 880,
        "in_flight": 0,
        "unclaimed": 0,
        "paid": 0,
        "committed": 880,
        "spent": 0,
    }
    sound(runtime)
    page = mine(ming)
    (shown,) = page["awards"]
    assert (shown["state"], shown["yuan"], shown["name"]) == ("open", "8.80", "一元红包")
    assert shown["deadline"] in shown["text"]
    asked = [tap(ming, won, page["form_mark"]) for _ in range(3)]
    assert [(answer.status_code, answer.get_json()["state"]) for answer in asked] == [(200, "preparing")] * 3
    assert run_task(runtime, "payouts.pay") == 1  # what the wake-up names: no other tick is needed
    told = state(ming, won)
    assert told["state"] == WAITS[channel]
    assert ("confirm" in told) == (channel == "transfer_bills")
    take(simulator, cast.ming, channel)
    pass_time(runtime, simulator, 90)
    assert (state(ming, won)["state"], campaign.award(won).status) == ("paid", "paid")
    assert simulator.control("GET", f"people/{cast.ming.id}/wallet")["wallet_fen"] == 880
    assert campaign.money() == {
        "reserved": 9_120,
        "owed": 0,
        "in_flight": 0,
        "unclaimed": 0,
        "paid": 880,
        "committed": 0,
        "spent": 880,
    }
    assert (tap(ming, won, page["form_mark"]).get_json()["state"], len(at_bank(simulator))) == ("paid", 1)
    sound(runtime)


@pytest.mark.parametrize("times", [3, pytest.param(10, marks=pytest.mark.proof)])
@pytest.mark.parametrize("channel", ["transfer_bills", pytest.param("sendredpack", marks=pytest.mark.proof)])
def test_reopenings_are_as_many_numbers_one_live_order_and_one_payment_I1(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone, channel: str, times: int
) -> None:
    campaign = set_instant(runtime, channel=channel)
    won = campaign.win(cast.ming.openid, life_s=60 * DAY)
    for turn in range(1, times + 1):
        assert tap(ming, won, mine(ming)["form_mark"]).status_code == 200
        run_until_quiet(runtime)
        assert state(ming, won)["state"] == WAITS[channel]
        pass_time(runtime, simulator, 25 * 3600)
        pass_time(runtime, simulator, 7 * 3600)
        award = campaign.award(won)
        assert (award.status, state(ming, won)["state"]) == ("open", "open")
        money = campaign.money()
        assert (money["owed"], money["in_flight"], money["unclaimed"], money["committed"]) == (100, 0, 0, 100)
        assert len(orders_of(runtime, award.payout_id or 0)) == turn
        sound(runtime)
    assert tap(ming, won, mine(ming)["form_mark"]).status_code == 200
    run_until_quiet(runtime)
    take_newest(simulator, cast.ming, channel)
    pass_time(runtime, simulator, 90)
    award = campaign.award(won)
    orders = orders_of(runtime, award.payout_id or 0)
    assert award.status == "paid"
    assert [order.status for order in orders] == ["returned"] * times + ["received"]
    assert len({order.mch_billno for order in orders}) == times + 1
    assert simulator.control("GET", f"people/{cast.ming.id}/wallet")["wallet_fen"] == 100
    sound(runtime)


def take_newest(simulator: SimulatedWeChat, person: Person, channel: str) -> None:
    """The person takes what has come last: packets of before have expired in their chat."""
    if channel != "sendredpack":
        take(simulator, person, channel)
        return
    packets = simulator.control("GET", f"people/{person.id}/packets")["packets"]
    newest = max(packets, key=lambda packet: str(packet["detail_id"]))
    simulator.control("POST", f"people/{person.id}/packets/{newest['detail_id']}/open")


def test_what_nobody_asks_for_is_forfeited_and_free_again_the_same_minute(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone
) -> None:
    campaign = set_instant(runtime)
    won, asked = campaign.win(cast.ming.openid, life_s=3600), campaign.win(cast.ming.openid, life_s=3600)
    mark = mine(ming)["form_mark"]
    simulator.advance(3590)
    runtime.clock.refresh()
    assert tap(ming, asked, mine(ming)["form_mark"]).status_code == 200
    run_until_quiet(runtime)
    simulator.advance(20)
    runtime.clock.refresh()
    late = tap(ming, won, mine(ming)["form_mark"])
    assert (late.status_code, late.get_json()["outcome"], late.get_json()["state"]) == (409, "late", "forfeited")
    assert run_task(runtime, "awards.forfeit") == 1
    assert run_task(runtime, "awards.forfeit") == 0
    assert (campaign.award(won).status, campaign.award(asked).status) == ("forfeited", "collecting")
    money = campaign.money()
    assert (money["reserved"], money["owed"], money["unclaimed"], money["committed"]) == (9_900, 0, 100, 100)
    sound(runtime)
    assert "收回" in mine(ming)["awards"][1]["text"] and mark
    # The tap in time stays good until its bill has ended: a day later it is taken back, too.
    pass_time(runtime, simulator, 25 * 3600)
    pass_time(runtime, simulator, 7 * 3600)
    assert run_task(runtime, "awards.forfeit") == 1
    award = campaign.award(asked)
    assert (award.status, payout_of(runtime, award.payout_id or 0).status) == ("forfeited", "cancelled")
    assert campaign.money()["reserved"] == 10_000
    assert tap(ming, asked, mine(ming)["form_mark"]).status_code == 409
    sound(runtime)


@pytest.mark.on_postgresql
def test_taps_from_everywhere_at_once_are_one_payout(runtime: Runtime, cast: Cast, app: Flask, ming: Phone) -> None:
    campaign = set_instant(runtime)
    won = campaign.win(cast.ming.openid)
    mark = mine(ming)["form_mark"]
    cookies = ming.client._cookies

    def press(_: int) -> int:
        phone = Phone(app, runtime, cast.ming.id)
        phone.client._cookies = dict(cookies or {})
        return int(tap(phone, won, mark).status_code)

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(press, range(100))) == {200}
    run_until_quiet(runtime)
    assert len(orders_of(runtime, campaign.award(won).payout_id or 0)) == 1
    sound(runtime)


def test_another_persons_award_is_as_absent_as_none_and_a_foreign_page_taps_nothing_S28_S55(
    runtime: Runtime, cast: Cast, ming: Phone, hong: Phone
) -> None:
    campaign = set_instant(runtime)
    won = campaign.win(cast.ming.openid)
    code = campaign.win(cast.ming.openid, code="FACE-0001")
    theirs = mine(hong)
    assert theirs["awards"] == []
    for name in (won, code, "A" * 16, "é" * 8):
        assert tap(hong, name, theirs["form_mark"]).status_code == 404
        assert hong.get(f"/h5/awards/{name}/state", Accept="application/json").status_code == 404
    mine(ming)
    assert tap(ming, won, "").status_code == 409
    assert tap(ming, won, theirs["form_mark"]).status_code == 409
    assert campaign.award(won).status == "open"


def test_a_code_is_shown_to_its_owner_again_and_again_and_stands_in_no_log(
    runtime: Runtime, cast: Cast, ming: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    campaign = set_instant(runtime)
    with caplog.at_level(logging.DEBUG):
        won = campaign.win(cast.ming.openid, code="FACE-7788-XYZ")
        for _ in range(2):
            assert state_of_code(ming, won) == ("given", "FACE-7788-XYZ")
        assert "FACE-7788-XYZ" in ming.open("/h5/awards").text
        assert tap(ming, won, mine(ming)["form_mark"]).get_json()["state"] == "given"
    assert "FACE-7788-XYZ" not in caplog.text
    assert campaign.award(won).payout_id is None


def state_of_code(phone: Phone, won: str) -> tuple[str, str]:
    (shown,) = [each for each in mine(phone)["awards"] if each["id"] == won]
    told = state(phone, won)
    assert told["code"] == shown["code"]
    return told["state"], told["code"]


def test_a_tap_that_is_held_says_by_what_and_goes_on_by_itself(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone
) -> None:
    campaign = set_instant(runtime, budget_fen=200_000)
    won = campaign.win(cast.ming.openid)
    with runtime.database.transaction() as session:
        throttle.stop_lane(session, runtime.settings.mch_id, throttle.OPERATOR_STOP, runtime.clock.now())
    stopped = tap(ming, won, mine(ming)["form_mark"]).get_json()
    assert (stopped["state"], "暂停" in stopped["text"]) == ("held", True)
    run_until_quiet(runtime)
    with runtime.database.transaction() as session:
        throttle.open_lane(session, runtime.settings.mch_id, by_staff=True)
    run_until_quiet(runtime)
    assert state(ming, won)["state"] == "confirm"
    # The tenth packet of the day is the last one; the eleventh goes on tomorrow.
    more = [campaign.win(cast.ming.openid) for _ in range(10)]
    for each in more:
        tap(ming, each, mine(ming)["form_mark"])
    run_until_quiet(runtime)
    told = state(ming, more[-1])
    assert (told["state"], "上限" in told["text"]) == ("held", True)
    (order,) = orders_of(runtime, campaign.award(more[-1]).payout_id or 0)
    pass_time(runtime, simulator, (order.send_after - runtime.clock.now()).total_seconds() + 1)
    assert state(ming, more[-1])["state"] == "confirm"
    sound(runtime)


def test_by_night_packets_wait_for_the_morning_and_transfers_do_not(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone
) -> None:
    night = runtime.clock.now().astimezone(SHANGHAI).replace(hour=2, minute=0) + timedelta(days=1)
    simulator.advance((night - runtime.clock.now()).total_seconds())
    runtime.clock.refresh()
    runtime.settings = runtime.settings.model_copy(update={"pay_quiet_hours": True})
    said = {}
    for channel in CHANNELS:
        campaign = set_instant(runtime, channel=channel)
        won = campaign.win(cast.ming.openid)
        tap(ming, won, mine(ming)["form_mark"])
        run_until_quiet(runtime)
        said[channel] = state(ming, won)
    assert (said["sendredpack"]["state"], "08:00" in said["sendredpack"]["text"]) == ("held", True)
    assert said["transfer_bills"]["state"] == "confirm"
    pass_time(runtime, simulator, 7 * 3600)
    assert "聊天" in state(ming, said["sendredpack"]["id"])["text"]
    sound(runtime)


def test_staff_who_call_a_payout_off_take_nothing_from_the_winner(runtime: Runtime, cast: Cast, ming: Phone) -> None:
    campaign = set_instant(runtime)
    won = campaign.win(cast.ming.openid)
    tap(ming, won, mine(ming)["form_mark"])
    payout_id = campaign.award(won).payout_id or 0
    for order_first in (False, True):
        if order_first:
            run_task(runtime, "payouts.order")
        with runtime.database.transaction() as session:
            assert cancel(session, payout_id, runtime.clock.now())
        run_task(runtime, "payouts.settle")
        assert (state(ming, won)["state"], payout_of(runtime, payout_id).hold) == ("open", "collect")
        assert campaign.money()["owed"] == 100
        sound(runtime)
        assert tap(ming, won, mine(ming)["form_mark"]).get_json()["state"] == "preparing"
    run_until_quiet(runtime)
    assert state(ming, won)["state"] == "confirm"
    sound(runtime)


def test_who_asked_in_time_does_not_lose_it_to_a_reason_of_the_merchants(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone
) -> None:
    campaign = set_instant(runtime)
    won = campaign.win(cast.ming.openid, life_s=3600)
    tap(ming, won, mine(ming)["form_mark"])
    run_task(runtime, "payouts.order")
    with runtime.database.transaction() as session:
        assert cancel(session, campaign.award(won).payout_id or 0, runtime.clock.now())
    simulator.advance(3700)
    runtime.clock.refresh()
    run_task(runtime, "payouts.settle")
    assert run_task(runtime, "awards.forfeit") == 0
    left = campaign.award(won).deadline_at - runtime.clock.now()
    assert awards.GRACE - timedelta(minutes=1) < left <= awards.GRACE
    assert tap(ming, won, mine(ming)["form_mark"]).status_code == 200


def test_a_phone_must_be_bound_only_where_the_campaign_says_so(runtime: Runtime, cast: Cast, ming: Phone) -> None:
    campaign = set_instant(runtime, needs_binding=True)
    won = campaign.win(cast.ming.openid)
    refused = tap(ming, won, mine(ming)["form_mark"])
    assert (refused.status_code, refused.get_json()["outcome"], refused.get_json()["state"]) == (409, "bind", "open")
    assert campaign.award(won).payout_id is None


def test_the_tap_wakes_a_worker_once_and_a_tap_that_changes_nothing_wakes_nobody(
    runtime: Runtime, cast: Cast, ming: Phone
) -> None:
    campaign = set_instant(runtime)
    won = campaign.win(cast.ming.openid)
    mark = mine(ming)["form_mark"]
    for _ in range(3):
        tap(ming, won, mark)
    waiting = [json.loads(message)["headers"]["task"] for message in runtime.redis.lrange("wxbot", 0, -1)]
    assert waiting == ["payouts.pay"]
    runtime.redis.delete("wxbot", "wake:payouts.pay")
    tap(ming, won, mark)
    assert runtime.redis.llen("wxbot") == 0


@pytest.mark.parametrize("carry", [False, True])
def test_a_close_waits_for_awards_or_leaves_them_to_their_deadline(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone, carry: bool
) -> None:
    campaign = set_instant(runtime, carry=carry)
    won, left = campaign.win(cast.ming.openid), campaign.win(cast.ming.openid, life_s=3600)
    with runtime.database.transaction() as session:
        session.get_one(Campaign, campaign.campaign_id).status = "closing"
    run_until_quiet(runtime)
    assert campaign.status() == ("closed" if carry else "closing")
    sound(runtime)
    assert tap(ming, won, mine(ming)["form_mark"]).status_code == 200
    run_until_quiet(runtime)
    take(simulator, cast.ming, "transfer_bills")
    pass_time(runtime, simulator, 3700)
    assert run_task(runtime, "awards.forfeit") == 1
    run_until_quiet(runtime)
    assert (campaign.award(won).status, campaign.award(left).status) == ("paid", "forfeited")
    assert campaign.status() == "closed"
    money = campaign.money()
    assert (money["reserved"], money["owed"], money["paid"], money["committed"]) == (0, 0, 100, 0)
    sound(runtime)


def test_who_taps_when_many_do_reads_how_many_are_before_them(runtime: Runtime, cast: Cast, ming: Phone) -> None:
    runtime.settings = runtime.settings.model_copy(update={"pay_per_second": 1})
    campaign = set_instant(runtime)
    won = [campaign.win(cast.ming.openid) for _ in range(13)]
    mark = mine(ming)["form_mark"]
    for each in won:
        tap(ming, each, mark)
    run_task(runtime, "payouts.order")
    assert state(ming, won[0])["state"] == "preparing"
    last = state(ming, won[-1])
    assert (last["state"], "还有 12 笔" in last["text"]) == ("held", True)
