"""A hall that was restored in the middle of its evening: nobody is paid twice, and the evening goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.hall.hosting import Host
from tests.hall.stage import RAIN, OpenHall, open_hall
from tests.restore.copies import Copies, machine
from tests.restore.offices import (
    cashiers,
    found_in,
    hire,
    judge_all,
    open_database,
    pass_time,
    sent_numbers,
    take_everything,
    until_asked,
    until_bill,
    wallets,
    work,
)
from tests.rows import in_one
from tests.servers import SimulatedWeChat
from wxbot import invariants, lineage
from wxbot.campaigns.models import Campaign
from wxbot.hall import changes, desk, games, gaps, sign_in
from wxbot.hall.models import Hall, RainHit
from wxbot.hall.state import public_state
from wxbot.instant import awards
from wxbot.instant import changes as rules
from wxbot.instant.models import Award, Prize, RuleVersion
from wxbot.orders import lost, newest
from wxbot.payouts import rule_changes
from wxbot.payouts.models import RuleChange
from wxbot.runtime import Runtime
from wxbot.staff.models import Staff
from wxbot.text import Refusal
from wxbot.thaw import judge
from wxbot.witness import Witness
from wxbot.worker import run_until_quiet


@pytest.fixture
def evening(
    runtime: Runtime, simulator: SimulatedWeChat, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[OpenHall, list[Any]]]:
    """A hall with eight people of the simulator, its roster frozen."""
    monkeypatch.setattr(lost, "UNKNOWN_IN_A_ROW", 40)
    monkeypatch.setattr(newest, "NEXT_SERIALS", 10)
    monkeypatch.setattr(lineage, "PATIENCE_S", 0.0)
    quick = {"cash_per_second": 1000, "transfer_per_second": 1000, "transfer_query_per_second": 1000}
    simulator.control("PUT", "bank/limits", quick | {"cash_per_minute": 60_000})
    lineage.look_at_start(runtime)
    hire(runtime)
    people = simulator.control("POST", "people", {"count": 8})["people"]
    hall = open_hall(runtime, ({"stock": 5}, RAIN), terms={"mode": "seed"})
    arrive(hall, people)
    Host(hall).freeze()
    yield hall, people


def arrive(hall: OpenHall, people: list[Any]) -> None:
    for n, person in enumerate(people):
        entry = sign_in.GuestDetails(f"来宾{n}")
        in_one(
            hall.runtime.database, sign_in.sign_in, hall.campaign_id, person["openid"], entry, hall.runtime.clock.now()
        )
        hall.openids.append(person["openid"])


def collect(hall: OpenHall, simulator: SimulatedWeChat, people: list[Any]) -> None:
    """Everybody taps what is theirs, the worker sends it, and they take it."""
    for award in hall.awards():
        if award.status == "open":
            with hall.runtime.database.transaction() as session:
                awards.collect(session, session.get_one(Award, award.id), hall.runtime.database.now(session))
    run_until_quiet(hall.runtime)
    take_everything(simulator, people)
    pass_time(hall.runtime, simulator, 600)


def begin_rain(hall: OpenHall) -> None:
    with hall.runtime.database.transaction() as session:
        games.begin(session, hall.runtime.vault, hall.campaign_id, 2, hall.runtime.database.now(session))


def play_out(hall: OpenHall, simulator: SimulatedWeChat) -> None:
    """Everybody catches everything, and the rain is over."""
    with hall.runtime.database.transaction() as session:
        session.execute(update(RainHit).values(claimed_at=hall.runtime.database.now(session)))
    simulator.advance(60)
    hall.runtime.clock.refresh()
    hall.work()


def say_prize(hall: OpenHall, ordinal: int) -> None:
    """Two cashiers say of all that is left that it was this prize."""
    first, second = cashiers(hall.runtime)
    with hall.runtime.database.reading() as session:
        mine = (Prize.campaign_id == hall.campaign_id) & (Prize.ordinal == ordinal)
        prize_id = session.scalars(select(Prize.id).where(mine)).one()
    for each in found_in(hall.runtime):
        if each.status == "open":
            reason, now = ("prize", prize_id), hall.runtime.clock.now()
            in_one(hall.runtime.database, judge.propose, each.id, reason, "问过本人，确实是这个奖项", first, now)
            in_one(hall.runtime.database, judge.confirm, hall.runtime.settings, each.id, second, now)


def owed_fen(hall: OpenHall) -> dict[str, int]:
    """Person → fen of all their awards."""
    found = dict.fromkeys(hall.openids, 0)
    for award in hall.awards():
        found[award.openid] += award.amount_fen
    return found


def sound(runtime: Runtime) -> None:
    assert {name: n for name, n in invariants.check(runtime.database).items() if n} == {}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("runs", [pytest.param("selection", marks=pytest.mark.proof), "rain"])
def test_what_ran_in_the_copy_and_was_paid_since_is_paid_once(
    runtime: Runtime,
    simulator: SimulatedWeChat,
    copies: Copies,
    tmp_path: Path,
    evening: tuple[OpenHall, list[Any]],
    runs: str,
) -> None:
    hall, people = evening
    before, host = wallets(simulator, people), Host(hall)
    [early] = host.show(k=1)
    host.confirm(1)  # an award that nobody has tapped when the copy is made
    if runs == "selection":
        host.show(k=2)
    else:
        begin_rain(hall)
    copy = copies.take(runtime)

    if runs == "selection":
        host.confirm(2)
    else:
        play_out(hall, simulator)
    collect(hall, simulator, people)
    paid = owed_fen(hall)
    assert wallets(simulator, people) == {who: before[who] + fen for who, fen in paid.items()}
    sent = sent_numbers(simulator)
    runtime.redis.flushall()

    with machine(runtime, copy, tmp_path / "bare") as restored:
        again = OpenHall(restored, hall.campaign_id, hall.slug, list(hall.openids))
        host = Host(again)
        work(restored)
        again.work()
        until_asked(restored)
        assert {each.mch_billno for each in found_in(restored)} == sent
        with pytest.raises(Refusal, match="frozen"):
            host.confirm(2)
        assert judge_all(restored) == 1, "the award that was not tapped in the copy"
        open_database(restored)
        with pytest.raises(Refusal):
            host.confirm(2)
        again.work()
        work(restored)
        assert [award.openid for award in again.awards()] == [hall.openids[early - 1]]
        assert sent_numbers(simulator) == sent, "somebody was paid a second time"

        if runs == "rain":
            with pytest.raises(Refusal, match="unjudged"):  # everybody would be paid for a second rain
                begin_rain(again)
        say_prize(again, 1 if runs == "selection" else 2)
        assert {each.status for each in found_in(restored)} == {"adopted"}
        assert owed_fen(again) == paid
        sound(restored)
        if runs == "selection":
            assert host.open_slots() == 2
        else:
            with pytest.raises(Refusal, match="played"):
                begin_rain(again)
        host.freeze()
        host.show(k=2)
        host.confirm(host.selections()[-1].d)
        collect(again, simulator, people)
        until_bill(restored, simulator)
        collect(again, simulator, people)
        due = owed_fen(again)
        assert sum(due.values()) == sum(paid.values()) + 200
        for _ in range(6):
            pass_time(restored, simulator, 15 * 60)
            take_everything(simulator, people)
        assert wallets(simulator, people) == {who: before[who] + fen for who, fen in due.items()}
        assert host.verified() == []
        sound(restored)


def prolong(hall: OpenHall, hours: int = 2) -> int:
    """Two cashiers put the end so many hours later than the drafted one; the end that they agree to."""
    first, second = (each.id or 0 for each in cashiers(hall.runtime))
    now, until = hall.runtime.clock.now(), int(hall.campaign().end_at.timestamp()) + hours * 3600
    change_id = in_one(hall.runtime.database, changes.ask, hall.campaign_id, {"end": until}, first, now).id
    agree(hall, change_id, second)
    return until


def agree(hall: OpenHall, change_id: int, second: int) -> None:
    """Somebody agrees to what they see of a change."""
    with hall.runtime.database.transaction() as session:
        change, campaign = session.get_one(RuleChange, change_id), session.get_one(Campaign, hall.campaign_id)
        proposal = changes.propose(session, campaign, session.get_one(Hall, hall.campaign_id), change.asked)
        seen = rules.content_of(change, campaign, proposal)
        changes.approve(session, change_id, second, seen, hall.runtime.clock.now())


def tie(runtime: Runtime) -> None:
    """Whoever asks and agrees is known to WeChat."""
    with runtime.database.transaction() as session:
        session.execute(update(Staff).values(openid="o-" + Staff.login))


def call_qian(runtime: Runtime, name: str) -> None:
    """The second cashier is called so from now on."""
    with runtime.database.transaction() as session:
        session.execute(update(Staff).where(Staff.login == "qian.test").values(name=name))


def ending(hall: OpenHall) -> desk.Ending | None:
    with hall.runtime.database.reading() as session:
        return desk.ending(session, hall.campaign(), hall.runtime.clock.now())


@pytest.mark.parametrize("known", ["both", "neither", "only the first one"])
def test_a_later_end_that_the_replaced_database_knows_is_put_back_with_both_names(
    runtime: Runtime, copies: Copies, tmp_path: Path, evening: tuple[OpenHall, list[Any]], known: str
) -> None:
    """Unless the copy does not know both people of the last one: then the desk asks for it, as on a bare machine."""
    hall, _ = evening
    tie(runtime)
    drafted, copy = int(hall.campaign().end_at.timestamp()), copies.take(runtime)
    prolong(hall)
    if known == "only the first one":
        call_qian(runtime, "孙财务")
    until = prolong(hall)
    with runtime.database.reading() as session:
        used = gaps.used(session)
    with machine(runtime, copy, tmp_path / "replaced") as restored:
        again = OpenHall(restored, hall.campaign_id, hall.slug, list(hall.openids))
        if known == "neither":
            call_qian(restored, "孙财务")
        with restored.database.transaction() as session:
            gaps.leap(session, "restored", restored.database.now(session), used)
        kept = int(again.campaign().end_at.timestamp())
        said = [line for line in again.log() if line.kind in ("restored", "prolonged")]
        with restored.database.reading() as session:
            shown = public_state(session, again.hall())["until"]
            published = session.scalars(select(RuleVersion).order_by(RuleVersion.version.desc())).first()
        assert published is not None and published.config["end"] == kept
        sound(restored)
        assert Host(again).verified() == []
        if known == "both":
            assert (kept, shown, ending(again)) == (until, until, None)
            assert [line.kind for line in said] == ["restored", "prolonged", "prolonged"]
            assert said[1].body["from"] == drafted
            assert said[2].body["names"] == ["赵财务（zhao.test）", "钱财务（qian.test）"]
        else:
            assert (kept, shown, [line.kind for line in said]) == (drafted, 0, ["restored"])
            assert ending(again) == desk.Ending(2, False, again.campaign().end_at)


def test_a_prize_that_waits_in_the_copy_may_be_agreed_to_behind_an_end_that_was_put_back(
    runtime: Runtime, copies: Copies, tmp_path: Path, evening: tuple[OpenHall, list[Any]]
) -> None:
    """In what was lost it was refused, and the end put later: the change of the prize is older than the one of the end."""
    hall, _ = evening
    tie(runtime)
    first, second = (each.id or 0 for each in cashiers(runtime))
    asked = {"prize": {**hall.campaign().terms["prizes"][0], "name": "加奖", "stock": 1, "per_selection": 1}}
    now = runtime.clock.now()
    change_id = in_one(runtime.database, changes.ask, hall.campaign_id, asked, first, now).id
    copy = copies.take(runtime)
    with runtime.database.transaction() as session:
        rule_changes.refuse(session, rule_changes.waiting(session, change_id, rules.SUBJECT), second, now)
    prolong(hall)
    with runtime.database.reading() as session:
        used = gaps.used(session)
    with machine(runtime, copy, tmp_path / "replaced") as restored:
        again = OpenHall(restored, hall.campaign_id, hall.slug, list(hall.openids))
        with restored.database.transaction() as session:
            gaps.leap(session, "restored", restored.database.now(session), used)
        agree(again, change_id, second)
        assert [line.kind for line in again.log()][-3:] == ["restored", "prolonged", "prize_added"]
        assert Host(again).verified() == []
        sound(restored)


@pytest.mark.parametrize("is_prolonged", [True, False])
def test_a_copy_that_cannot_know_of_a_later_end_waits_for_two_people_who_agree_to_it_once_more(
    runtime: Runtime,
    simulator: SimulatedWeChat,
    copies: Copies,
    tmp_path: Path,
    evening: tuple[OpenHall, list[Any]],
    is_prolonged: bool,
) -> None:
    hall, _ = evening
    tie(runtime)
    copy = copies.take(runtime)
    prolong(hall)
    with machine(runtime, copy, tmp_path / "bare") as restored:
        again = OpenHall(restored, hall.campaign_id, hall.slug, list(hall.openids))
        host = Host(again)

        def wait(seconds: int) -> str:
            simulator.advance(seconds)
            restored.clock.refresh()
            again.work()
            return again.campaign().status

        lineage.freeze_now(restored, "older", Witness(9, 9))
        assert wait(6 * 3600 + 60) == "on", "nobody can put the end later while the database is frozen"
        with restored.database.transaction() as session:
            lineage.open_again(session)
            gaps.leap(session, "thawed", restored.database.now(session))
        assert wait(3000) == "on"
        told = ending(again)
        assert told is not None and told.doubted_until is not None
        for verb, reason in ((lambda: begin_rain(again), "not_open"), (host.arm, "over")):
            with pytest.raises(Refusal, match=reason):
                verb()
        if not is_prolonged:
            assert wait(700) in ("closing", "closed")
            with pytest.raises(Refusal, match="status"):
                prolong(again)
            return
        until = prolong(again)
        assert wait(700) == "on" and ending(again) is None
        assert int(again.campaign().end_at.timestamp()) == until == again.log()[-1].body["until"]
        host.show(k=1)
        assert host.verified() == []
        sound(restored)
