"""After a restore: which payments may have been a prize of a hall, and what a host cannot do before cashiers have said so."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.hall.hosting import Host, leap
from tests.hall.stage import RACE, RAIN, OpenHall, open_hall
from tests.restore.offices import cashiers, hire
from tests.staff.consoles import Browser
from wxbot import invariants, lineage
from wxbot.campaigns.models import Campaign
from wxbot.hall import absent, games, journal, record, sign_in, standing, verify
from wxbot.hall import select as select_verbs
from wxbot.hall.models import Guest
from wxbot.hall.state import public_state
from wxbot.instant import awards
from wxbot.instant.models import Prize
from wxbot.orders import numbers
from wxbot.orders.found import FoundOrder, Thaw
from wxbot.runtime import Runtime
from wxbot.text import Refusal
from wxbot.thaw import judge
from wxbot.witness import Witness


def found(hall: OpenHall, openid: str | None = None, amount_fen: int = 100, **told: Any) -> int:
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


LOST = "o-who-was-lost-with-their-number"
TWO = ({"stock": 2}, {"stock": 5, "name": "二等奖"})


def adopt(hall: OpenHall, openid: str, amount_fen: int = 100, ordinal: int = 1) -> None:
    """Two cashiers say of a payment that it was this prize."""
    first, second = cashiers(hall.runtime)
    each, now = found(hall, openid, amount_fen), hall.runtime.clock.now()
    with hall.runtime.database.reading() as session:
        mine = (Prize.campaign_id == hall.campaign_id) & (Prize.ordinal == ordinal)
        prize_id = session.scalars(select(Prize.id).where(mine)).one()
    with hall.runtime.database.transaction() as session:
        judge.propose(session, each, (judge.PRIZE_REASON, prize_id), "问过本人，确实是这个奖项", first, now)
    with hall.runtime.database.transaction() as session:
        judge.confirm(session, hall.runtime.settings, each, second, now)


def come_again(hall: OpenHall) -> int:
    """Whoever was lost signs in; their number."""
    entry = sign_in.GuestDetails("回来的人")
    return Host(hall).do(lambda session, now: sign_in.sign_in(session, hall.campaign_id, LOST, entry, now).no)


@pytest.mark.parametrize(("scope", "may"), [("evening", False), ("prize", True)])
def test_who_was_lost_with_their_number_and_was_found_wins_no_more_than_the_rules_give_once(
    runtime: Runtime, scope: str, may: bool
) -> None:
    hire(runtime)
    hall = open_hall(runtime, [each | {"scope": scope} for each in TWO], guests=3, terms={"mode": "seed"})
    desk = Host(hall)
    leap(desk)
    adopt(hall, LOST)
    no = come_again(hall)
    assert [(line.kind, dict(line.body)) for line in hall.log()[-2:]] == [
        ("signed_in", {"no": no}),
        ("returned", {"prize": 1, "no": no}),
    ]
    assert come_again(hall) == no
    with runtime.database.reading() as session:
        guest = session.get_one(Guest, (hall.campaign_id, no))
        won = [(each["d"], each["ordinal"], each["status"]) for each in standing.won(session, guest)]
    assert won == [(0, 1, "confirmed")], "their phone says why a selection goes without them"
    hall.come(1)
    assert [line.kind for line in hall.log()[-2:]] == ["returned", "signed_in"], "of nobody else anything is said"
    desk.freeze()
    assert no not in desk.show(1, k=1), "the piece of the first prize is theirs already"
    desk.confirm(101)
    winners = desk.show(2, k=5 if may else 3)
    assert (no in winners) == may
    desk.confirm(102)
    assert (desk.left(), desk.verified()) == ([0, 0 if may else 2], [])
    assert {name: n for name, n in invariants.check(runtime.database).items() if n and name.startswith("I13")} == {}


def test_who_was_found_stands_in_the_record_with_what_they_have(runtime: Runtime) -> None:
    hire(runtime)
    hall = open_hall(runtime, (TWO[0], RAIN), guests=3, terms={"mode": "seed"})
    desk = Host(hall)
    leap(desk)
    adopt(hall, LOST)
    adopt(hall, hall.openids[1], 350, ordinal=2)

    def told() -> list[tuple[Any, ...]]:
        with runtime.database.reading() as session:
            made = record.record_of(session, runtime.vault, hall.campaign_id)
        assert made is not None and verify.verify(made).findings == []
        assert sum(line["amount_fen"] for line in made["winners"]) == sum(each["amount_fen"] for each in made["sums"])
        assert {line["status"] for line in made["winners"]} == {"found"} and all(line["at"] for line in made["winners"])
        return [tuple(line[name] for name in ("way", "no", "name", "amount_fen", "award")) for line in made["winners"]]

    second = ("rain", 2, "来**", 350, "collecting")
    assert told() == [("selection", 0, "", 100, "collecting"), second]
    no = come_again(hall)
    assert told() == [("selection", no, "回***", 100, "collecting"), second]


def test_who_was_found_stands_in_the_screens_list_as_in_the_record(runtime: Runtime) -> None:
    hire(runtime)
    hall = open_hall(runtime, (TWO[1], RAIN, RACE), guests=3, terms={"mode": "seed"})
    desk = Host(hall)
    leap(desk)
    adopt(hall, LOST)
    adopt(hall, hall.openids[1], 350, ordinal=2)

    def told() -> list[tuple[int, list[tuple[Any, ...]], int | None]]:
        with runtime.database.reading() as session:
            results = public_state(session, hall.hall())["results"]
        names = ("no", "name", "status", "amount_fen")
        return [
            (part["prize"], [tuple(line.get(name) for name in names) for line in part["winners"]], part.get("total"))
            for part in results
        ]

    rain = (2, [(2, "来宾2", "found", 350)], 1)
    assert told() == [(1, [(0, "", "found", None)], None), rain]
    no = come_again(hall)
    desk.freeze()
    (second,) = desk.show(1, k=1)
    desk.confirm(101)
    confirmed = (second, f"来宾{second}", "confirmed", None)
    assert told() == [(1, [confirmed, (no, "回来的人", "found", None)], None), rain]


def test_a_cashier_reads_what_to_do_when_others_hold_what_is_left_of_a_prize(runtime: Runtime) -> None:
    hire(runtime)
    hall = open_hall(runtime, (TWO[0],), guests=4, terms={"mode": "seed"})
    desk = Host(hall)
    leap(desk)
    desk.freeze()
    one, _ = desk.show(k=2)
    with pytest.raises(Refusal, match="slots") as refusal:
        adopt(hall, LOST)
    assert "给还没确认的一位标“弃奖，名额重抽”" in refusal.value.text.zh and "“三等奖”" in refusal.value.text.zh
    desk.mark(desk.selections()[-1].d, one, "refill")
    _, second = cashiers(runtime)
    with runtime.database.transaction() as session:
        waiting = session.scalars(select(FoundOrder)).one()
        judge.confirm(session, runtime.settings, waiting.id, second, runtime.clock.now())
    assert [award.openid for award in hall.awards()] == [LOST]
    assert desk.verified() == []


def test_the_page_and_the_sheet_of_a_record_mark_who_was_found(runtime: Runtime, marketer: Browser) -> None:
    hire(runtime)
    hall = open_hall(runtime, TWO, terms={"mode": "seed"})
    leap(Host(hall))
    adopt(hall, LOST)
    shown = marketer.get(f"/admin/halls/{hall.campaign_id}/record").text
    assert "恢复后认定" in shown and "还没有揭晓过" not in shown
    sheet = marketer.post(f"/admin/halls/{hall.campaign_id}/winners.csv", {})
    row = next(line for line in csv.reader(io.StringIO(sheet.data.decode("utf-8-sig"))) if "恢复后认定" in line)
    assert row[1:8] == ["三等奖", "", "", "", "", "恢复后认定", "1.00"]


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


def test_a_packet_that_nobody_has_taken_yet_holds_the_rain_of_which_it_has_the_texts(runtime: Runtime) -> None:
    """Everybody would be paid once more for a rain of which the packets are still on their way."""
    hall = open_hall(runtime, (RAIN,), guests=3, terms={"channel": "sendredpack"})
    leap(Host(hall))
    of = texts_of(hall, "sendredpack")
    told = {"version": "v2", "state": "sent", **of}
    other = found(hall, amount_fen=350, **told | {"remark": "报销"})
    mine = found(hall, amount_fen=350, **told)
    with pytest.raises(Refusal, match="unjudged"):
        begin(hall, 1)
    with runtime.database.transaction() as session:
        session.execute(update(FoundOrder).where(FoundOrder.id == mine).values(state="returned"))
        assert session.get_one(FoundOrder, other).status == "open"
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


def test_nobody_has_a_second_prize_because_the_first_was_not_judged_in_time(runtime: Runtime) -> None:
    """A selection waits for what a restore has lost, unless its host does not; who may have been paid is not confirmed all the same."""
    hire(runtime)
    hall = open_hall(runtime, (TWO[0], TWO[1] | {"stock": 6}), guests=6, terms={"mode": "seed"})
    desk = Host(hall)
    leap(desk)
    desk.freeze()
    found(hall, hall.openids[1])
    with pytest.raises(Refusal, match="unjudged") as refusal:
        desk.arm(2, k=6)
    assert "1 笔钱财务还没有认定" in refusal.value.text.zh

    def not_waiting(session: Session, now: datetime) -> int:
        return select_verbs.arm(session, desk.id, 2, 6, now, is_unwaited=True).d

    d = desk.do(not_waiting)
    desk.start()
    desk.reveal()
    adopt(hall, hall.openids[4])
    for reason, no in (("found", 5), ("unjudged", 2)):
        with pytest.raises(Refusal, match=reason) as refusal:
            desk.confirm(d)
        assert refusal.value.text.zh.startswith(f"{no} 号")
        desk.mark(d, no, "refill")
    assert sorted(desk.confirm(d).nos) == [1, 3, 4, 6]
    assert desk.verified() == []


def test_the_desk_warns_of_payments_that_nobody_has_judged(runtime: Runtime, marketer: Browser) -> None:
    hall = open_hall(runtime, guests=3, terms={"mode": "seed"})
    desk = Host(hall)
    leap(desk)
    desk.freeze()
    page = f"/admin/halls/{desk.id}"
    assert "不等认定" not in marketer.get(page).text
    shown = (marketer.get(page).text, marketer.get(f"{page}/pulse?mark=").text)
    assert all("已签到 3 人" in each for each in shown), "numbers that were passed over are no guests"
    found(hall, hall.openids[0])
    assert "1 笔钱财务还没有认定" in marketer.get(page).text
    marketer.post(f"{page}/arm", {"prize": 1, "k": 1})
    assert desk.selections() == []
    marketer.post(f"{page}/arm", {"prize": 1, "k": 1, "unwaited": "1"})
    assert [each.k for each in desk.selections()] == [1]


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
