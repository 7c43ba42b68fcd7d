"""What is asked again right before the money leaves, and what one payout that cannot be sent does to the others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.conftest import Cast
from tests.payouts.stories import SECOND, at_bank, fund, orders_of, owe, pass_time, payout_of, sound
from tests.servers import SimulatedWeChat
from wxbot.payouts import create
from wxbot.payouts.models import Payout, Programme
from wxbot.payouts.place_orders import order_due
from wxbot.people import bindings, marks
from wxbot.quotas import Quota
from wxbot.runtime import Runtime
from wxbot.staff.audit import Actor
from wxbot.text import Refusal
from wxbot.worker import run_until_quiet

here = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Where the database makes no difference."""


@pytest.fixture(autouse=True)
def money(simulator: SimulatedWeChat) -> None:
    simulator.control("POST", "bank/topup", {"amount_fen": 10_000_000})


def block(runtime: Runtime, openid: str) -> int:
    with runtime.database.transaction() as session:
        return marks.put(session, runtime.vault, "block", "openid", openid, "重复领取", 1, runtime.clock.now())


def test_a_person_blocked_while_the_order_waits_is_not_paid_in_the_morning_I16(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    """Their limit of the day was reached, so an order waited over night: it is called off, and the payout waits."""
    programme_id = fund(runtime, 10_000_000)
    ids = [owe(runtime, programme_id, cast.ming.openid, 19_900, source_id=n, approved_by=SECOND) for n in range(1, 7)]
    run_until_quiet(runtime)
    (waits,) = orders_of(runtime, ids[5])
    assert (waits.status, waits.sends) == ("planned", 0)
    mark_id = block(runtime, cast.ming.openid)
    pass_time(runtime, simulator, (waits.send_after - runtime.clock.now()).total_seconds() + 1)
    assert len(at_bank(simulator)) == 5
    assert (payout_of(runtime, ids[5]).status, payout_of(runtime, ids[5]).hold) == ("approved", "blocked")
    sound(runtime)
    with runtime.database.transaction() as session:
        bindings.take_off_mark(session, runtime.vault, mark_id, Actor(None, "cli"), runtime.clock.now())
    pass_time(runtime, simulator, 601)
    assert [order.status for order in orders_of(runtime, ids[5])] == ["failed", "accepted"]
    sound(runtime)


@here
def test_an_order_that_was_not_sent_before_its_programme_closed_is_called_off_F23(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    programme_id = fund(runtime, person_fen_per_month=200)
    first, second = (owe(runtime, programme_id, cast.ming.openid, source_id=n) for n in (1, 2))
    order_due(runtime)
    with runtime.database.transaction() as session:
        session.get_one(Programme, programme_id).is_open = False
    run_until_quiet(runtime)
    assert at_bank(simulator) == {}
    assert {payout_of(runtime, one).hold for one in (first, second)} == {"closed"}
    with runtime.database.transaction() as session:  # and what has no live order can be called off for good
        assert create.cancel(session, second, runtime.clock.now())
        session.get_one(Programme, programme_id).is_open = True
    pass_time(runtime, simulator, 601)
    assert [payout_of(runtime, one).status for one in (first, second)] == ["ordered", "cancelled"]
    assert owe(runtime, programme_id, cast.ming.openid, source_id=3)  # its share of the month was given back, once
    with pytest.raises(Refusal, match="每人每月"):
        owe(runtime, programme_id, cast.ming.openid, source_id=4)
    sound(runtime)


@here
def test_one_payout_with_texts_wechat_refuses_holds_up_nobody_F89(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    programme_id = fund(runtime)
    with pytest.raises(Refusal, match="文案"):
        owe(runtime, programme_id, cast.ming.openid, source_id=1, texts={"wishing": "长" * 200})
    ids = [owe(runtime, programme_id, cast.ming.openid, source_id=n) for n in range(2, 5)]
    with runtime.database.transaction() as session:  # as an older version, or older settings, let it through
        payout = session.get_one(Payout, ids[1])
        payout.texts = payout.texts | {"wishing": "长" * 200}
        payout.content_sha256 = create.content_of(payout)
    run_until_quiet(runtime)
    assert [payout_of(runtime, one).hold for one in ids] == [None, "texts", None]
    assert [payout_of(runtime, one).status for one in ids] == ["ordered", "approved", "ordered"]
    sound(runtime)


@here
def test_an_amount_that_needs_a_scene_is_refused_where_none_is_set(runtime: Runtime, cast: Cast) -> None:
    runtime.settings = runtime.settings.model_copy(update={"payout_min_fen": 30, "payout_max_fen": 300_000})
    programme_id = fund(runtime, 10_000_000)
    for amount_fen, channel in ((30, "sendredpack"), (20_001, "sendredpack"), (200_000, "transfer_bills")):
        with pytest.raises(Refusal, match="金额"):
            owe(runtime, programme_id, cast.ming.openid, amount_fen, channel=channel)
    assert owe(runtime, programme_id, cast.ming.openid, 30, channel="transfer_bills")


@here
def test_rule13_a_global_reason_of_a_failed_bill_fails_no_payout(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    """The merchant's quota is used up: everybody's bill fails until somebody raises it, and nobody's payout."""
    payout_id = owe(runtime, fund(runtime, channel="transfer_bills"), cast.ming.openid)
    for attempt in range(1, 6):
        run_until_quiet(runtime)
        assert len(orders_of(runtime, payout_id)) == attempt
        bills = simulator.control("GET", f"people/{cast.ming.id}/transfers")["transfers"]
        number = bills[-1]["transfer_bill_no"]
        simulator.control("POST", f"bank/transfers/{number}/fail", {"fail_reason": "TRANSFER_QUOTA_EXCEED"})
        pass_time(runtime, simulator, 61)
        assert payout_of(runtime, payout_id).status == "approved"
        pass_time(runtime, simulator, 3601)
    assert (payout_of(runtime, payout_id).status, payout_of(runtime, payout_id).failures) == ("ordered", 0)
    sound(runtime)


def test_the_same_request_at_once_is_not_told_that_the_month_is_full_F24(runtime: Runtime, cast: Cast) -> None:
    programme_id = fund(runtime, person_fen_per_month=100)

    def ask(_n: int) -> Any:
        try:
            return owe(runtime, programme_id, cast.ming.openid, 100)
        except Refusal as refused:
            return str(refused)
        except Exception as error:  # a conflict of the unique index: the door looks again
            return type(error).__name__

    with ThreadPoolExecutor(8) as crowd:
        answers = set(crowd.map(ask, range(24)))
    assert {answer for answer in answers if isinstance(answer, str)} <= {"IntegrityError"}
    with runtime.database.reading() as session:
        used = session.scalars(select(Quota).where(Quota.name.like("programme:%"))).one()
    assert (used.n, used.fen) == (1, 100)


@here
def test_a_payout_ordered_long_ago_is_not_asked_for_its_programme_again(
    runtime: Runtime, simulator: SimulatedWeChat, cast: Cast
) -> None:
    """What was sent once must be settled by its own number, whatever became of the person (F82)."""
    simulator.control("PUT", "faults/mmpaymkttransfers/sendredpack", {"kind": "drop_reply", "times": 1})
    payout_id = owe(runtime, fund(runtime), cast.ming.openid)
    run_until_quiet(runtime)
    block(runtime, cast.ming.openid)
    with runtime.database.transaction() as session:
        session.execute(update(Payout).values(note="x"))
    pass_time(runtime, simulator, timedelta(minutes=2).total_seconds())
    assert [order.status for order in orders_of(runtime, payout_id)] == ["accepted"]
    sound(runtime)
