"""Awards under faults: each reply lost, doubled or garbled, a death at every boundary. Paid once, nothing lost, one live bill."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Cast, Person, simulator_settings
from tests.draws.stage import Phone
from tests.faults.test_launch_faults import Killed, crash_at
from tests.faults.test_payout_faults import CALLS
from tests.instant.winners import Instant, mine, set_instant, tap
from tests.payouts.stories import at_bank, orders_of, pass_time, sound
from tests.payouts.test_pay import CHANNELS, take
from tests.schema import copied
from tests.servers import SimulatedWeChat
from wxbot.app import create_app
from wxbot.instant.models import InstantTerms
from wxbot.runtime import Runtime
from wxbot.worker import run_task, run_until_quiet

pytestmark = pytest.mark.usefixtures("added_up")
PROOF = pytest.mark.proof


def finish(campaign: Instant, simulator: SimulatedWeChat, phone: Phone, person: Person, won: list[str]) -> None:
    """The person taps what is open and takes what reaches them, until all of it is theirs; half a day must be enough."""
    with campaign.runtime.database.reading() as session:
        channel = session.get_one(InstantTerms, campaign.campaign_id).channel
    for _ in range(30):
        for each in mine(phone)["awards"]:
            if each["state"] == "open":
                tap(phone, each["id"], mine(phone)["form_mark"])
        run_until_quiet(campaign.runtime)
        take(simulator, person, channel)
        pass_time(campaign.runtime, simulator, 1500)
        if all(campaign.award(one).status == "paid" for one in won):
            return


def assert_paid_once(campaign: Instant, simulator: SimulatedWeChat, person: Person, won: list[str]) -> None:
    """Each award is paid by its one number, which is also the only one that the bank knows; every book agrees."""
    numbers = []
    for one in won:
        award = campaign.award(one)
        (order,) = orders_of(campaign.runtime, award.payout_id or 0)
        assert (award.status, order.status) == ("paid", "received"), order.err_code
        numbers.append(order.mch_billno)
    bank = at_bank(simulator)
    assert {number: row["paid_fen"] for number, row in bank.items()} == dict.fromkeys(numbers, 100)
    assert simulator.control("GET", f"people/{person.id}/wallet")["wallet_fen"] == 100 * len(won)
    sound(campaign.runtime)


LATE = {"kind": "slow", "seconds": 17, "is_landed": True, "times": 1}
"""The call takes effect, and its answer comes when nobody waits for it any more."""


@pytest.mark.parametrize(
    "kind",
    ["drop_reply", "drop_request", *(pytest.param(kind, marks=PROOF) for kind in ("garble", "repeat", "late"))],
)
@pytest.mark.parametrize("channel", [CHANNELS[1], pytest.param(CHANNELS[0], marks=PROOF)])
def test_every_reply_of_an_award_may_be_lost_doubled_garbled_or_late_F04_F05_F11(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone, channel: str, kind: str
) -> None:
    for call in CALLS[channel]:
        simulator.control("PUT", f"faults/{call}", LATE if kind == "late" else {"kind": kind, "times": 3})
    campaign = set_instant(runtime, channel=channel)
    won = [campaign.win(cast.ming.openid) for _ in range(3)]
    finish(campaign, simulator, ming, cast.ming, won)
    assert_paid_once(campaign, simulator, cast.ming, won)


@pytest.mark.parametrize(
    "kind", ["drop_reply", *(pytest.param(kind, marks=PROOF) for kind in ("drop_request", "garble", "gateway_page"))]
)
@pytest.mark.parametrize("channel", [CHANNELS[1], pytest.param(CHANNELS[0], marks=PROOF)])
def test_a_deadline_that_passes_while_nobody_knows_how_it_stands_takes_nothing(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast, ming: Phone, channel: str, kind: str
) -> None:
    campaign = set_instant(runtime, channel=channel)
    won = campaign.win(cast.ming.openid, life_s=3600)
    for call in CALLS[channel]:
        simulator.control("PUT", f"faults/{call}", {"kind": kind})
    tap(ming, won, mine(ming)["form_mark"])
    run_until_quiet(runtime)
    for _ in range(3):
        pass_time(runtime, simulator, 2000)
        assert (run_task(runtime, "awards.forfeit"), campaign.award(won).status) == (0, "collecting")
    money = campaign.money()
    assert (money["owed"] + money["in_flight"] + money["unclaimed"], money["committed"]) == (100, 100)
    simulator.control("DELETE", "faults")
    finish(campaign, simulator, ming, cast.ming, [won])
    assert_paid_once(campaign, simulator, cast.ming, [won])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("stride", [9, pytest.param(1, marks=PROOF)])
@pytest.mark.parametrize("channel", [CHANNELS[1], pytest.param(CHANNELS[0], marks=PROOF)])
def test_web_and_worker_die_at_every_boundary_from_the_tap_to_the_wallet_F03_F04(
    channel: str, stride: int, simulator: SimulatedWeChat, redis_url: str, sqlite_template: Path, tmp_path: Path
) -> None:
    """For n = 1, 2, 3 …: tap, order, send, follow, die at boundary n, start again with new parts, finish, compare the books."""
    boundary = 1 - stride
    while True:
        boundary += stride
        simulator.reset()
        simulator.control("POST", "bank/topup", {"amount_fen": 10_000})
        domains = ["127.0.0.1:8000"]
        simulator.control("PUT", "account", {"oauth_domains": domains, "js_domains": domains})
        made = simulator.person("阿明", follows=True)
        person = Person(made["id"], made["nickname"], made["openid"])
        folder = tmp_path / str(boundary)
        folder.mkdir()
        settings = simulator_settings(
            simulator, copied(sqlite_template, folder / "wxbot.db"), redis_url, folder, pay_concurrency=2
        )
        with closing(Runtime(settings)) as first:
            first.redis.flushdb()  # people and answers of the life before
            campaign = set_instant(first, channel=channel)
            won = [campaign.win(person.openid)]
            phone = Phone(create_app(first), first, person.id)
            mark = mine(phone)["form_mark"]
            with crash_at(first, boundary):
                try:
                    tap(phone, won[0], mark)
                    for task in ("payouts.pay", "payouts.settle", "orders.reconcile"):
                        run_task(first, task)
                    has_crashed = False
                except Killed:
                    has_crashed = True
        with closing(Runtime(settings)) as second:
            campaign.runtime = second
            finish(campaign, simulator, Phone(create_app(second), second, person.id), person, won)
            assert_paid_once(campaign, simulator, person, won)
        if not has_crashed:
            break
    assert boundary > 5, "few boundaries were met: the crash hook does not see the tap and its order"
