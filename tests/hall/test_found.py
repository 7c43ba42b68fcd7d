"""After a restore: which payments may have been a prize of a hall, and what a host cannot do before cashiers have said so."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from tests.hall.hosting import Host, leap
from tests.hall.stage import RACE, RAIN, OpenHall, open_hall
from wxbot import lineage
from wxbot.campaigns.models import Campaign
from wxbot.hall import absent, games, journal
from wxbot.hall.state import public_state
from wxbot.instant import awards
from wxbot.instant.models import Prize
from wxbot.orders import numbers
from wxbot.orders.found import FoundOrder, Thaw
from wxbot.runtime import Runtime
from wxbot.text import Refusal
from wxbot.thaw import judge
from wxbot.witness import Witness


def found(hall: OpenHall, openid: str, amount_fen: int = 100, **told: Any) -> int:
    """WeChat knows a payment to this person that the copy does not."""
    now = hall.runtime.clock.now()
    with hall.runtime.database.transaction() as session:
        thaw = session.scalar(select(Thaw))
        if thaw is None:
            thaw = Thaw(frozen_at=now, known_until=now, first_serial=1, next_serial=1, step="judging")
            session.add(thaw)
            session.flush()
        values = {"version": "v3", "state": "received", "openid": openid, "amount_fen": amount_fen, "found_at": now}
        number = f"{len(session.scalars(select(FoundOrder)).all()) + 1:028d}"
        made = FoundOrder(thaw_id=thaw.id, mch_billno=number, **(values | told))
        session.add(made)
        session.flush()
        return made.id


def clear(hall: OpenHall) -> list[tuple[int, str, str]]:
    """What is proposed with one click."""
    with hall.runtime.database.reading() as session:
        return [(each.found_id, each.reason_kind, each.evidence) for each in judge.clear_pairs(session)]


def texts_of(hall: OpenHall, channel: str) -> dict[str, Any]:
    with hall.runtime.database.reading() as session:
        prize = session.scalars(select(Prize).where(Prize.campaign_id == hall.campaign_id)).one()
        of = awards.payment_texts(session.get_one(Campaign, hall.campaign_id), prize, channel)
    return {name: of[name] for name in ("act_name", "wishing", "remark")}


def test_a_packet_with_the_texts_of_something_else_was_no_prize(runtime: Runtime) -> None:
    hall = open_hall(runtime, guests=2, terms={"channel": "sendredpack"})
    leap(Host(hall))
    of = texts_of(hall, "sendredpack")
    found(hall, hall.openids[0], version="v2", **of | {"remark": "报销"})
    mine = found(hall, "o-who-signed-in-after-the-copy", version="v2", **of)
    assert clear(hall) == [(mine, judge.PRIZE_REASON, judge.SAME_TEXTS)]


def test_a_transfer_is_clearly_a_prize_only_of_a_guest(runtime: Runtime) -> None:
    """WeChat tells no texts of a transfer: one to a stranger may be anything of that amount."""
    hall = open_hall(runtime, guests=2)
    leap(Host(hall))
    found(hall, "o-stranger")
    mine = found(hall, hall.openids[1])
    assert clear(hall) == [(mine, judge.PRIZE_REASON, judge.ALIKE)]


def begin(hall: OpenHall, ordinal: int) -> int:
    with hall.runtime.database.transaction() as session:
        return games.begin(
            session, hall.runtime.vault, hall.campaign_id, ordinal, hall.runtime.database.now(session)
        ).id


def test_a_rain_that_may_have_been_paid_begins_again_when_cashiers_have_said_what_the_payment_was(
    runtime: Runtime,
) -> None:
    """A second rain gives everybody another amount, so that no likeness would hold the second payment."""
    hall = open_hall(runtime, (RAIN,), guests=3)
    begin(hall, 1)
    leap(Host(hall))
    found(hall, hall.openids[0], 350)
    with pytest.raises(Refusal, match="unjudged"):
        begin(hall, 1)
    with runtime.database.transaction() as session:
        session.execute(update(FoundOrder).values(status="apart", proposed_by=1, decided_by=2))
    assert begin(hall, 1)


def test_a_hall_is_not_closed_before_cashiers_have_said_what_may_have_been_its_prize(runtime: Runtime) -> None:
    hall = open_hall(runtime, guests=2)
    leap(Host(hall))
    found(hall, hall.openids[0])
    with runtime.database.transaction() as session:
        session.execute(update(Campaign).values(status="closing"))
    hall.work()
    assert hall.campaign().status == "closing"
    with runtime.database.transaction() as session:
        session.execute(update(FoundOrder).values(status="apart", proposed_by=1, decided_by=2))
    lineage.freeze_now(runtime, "older", Witness(9, 9))
    hall.work()
    assert hall.campaign().status == "closing"
    with runtime.database.transaction() as session:
        lineage.open_again(session)
    hall.work()
    assert hall.campaign().status == "closed"


def test_a_slot_that_went_to_who_was_found_is_not_taken_back(runtime: Runtime) -> None:
    desk = Host(open_hall(runtime, guests=12, terms={"mode": "seed"}))
    leap(desk)
    desk.freeze()
    gone, *there = desk.show(k=3)
    d = desk.selections()[-1].d
    desk.mark(d, gone)
    with runtime.database.transaction() as session:
        hall, now = journal.lock(session, desk.id), runtime.database.now(session)
        journal.require_and_append(session, hall, "found", {"prize": 1, "no": 0}, now)
        session.execute(update(Prize).values(left=Prize.left - 1))
    with pytest.raises(Refusal, match="slots"):
        desk.do(absent.take_back, desk.id, d, gone)
    assert desk.confirm(d).nos == tuple(there)
    assert (desk.open_slots(), desk.left(), desk.verified()) == (0, [0], [])


def test_a_game_that_is_begun_before_an_earlier_one_is_the_one_that_everybody_sees(runtime: Runtime) -> None:
    hall = open_hall(runtime, (RACE, RACE | {"name": "竞速二"}), guests=2)
    second = begin(hall, 2)
    with runtime.database.reading() as session:
        shown = public_state(session, hall.hall())["game"]
    assert (shown["id"], shown["status"]) == (second, "running")


@pytest.mark.parametrize(("terms", "prize"), [({"is_rehearsal": True}, {}), ({}, {"kind": "goods"})])
def test_nobody_is_asked_about_a_channel_by_which_nothing_can_have_been_paid(
    runtime: Runtime, terms: dict[str, Any], prize: dict[str, Any]
) -> None:
    """A merchant without the right to it would be refused each question, and the thaw would never end."""
    worth = {"min_fen": 0, "max_fen": 0, "value_fen": 100} if prize else {}
    open_hall(runtime, (prize | worth,), terms=terms | {"channel": "transfer_bills"})
    settings = runtime.settings.model_copy(update={"payout_channel": "sendredpack"})
    with runtime.database.reading() as session:
        assert "v3" not in numbers.versions(session, settings)
