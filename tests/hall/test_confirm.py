"""确认: what it leaves owed, what is asked for at once, and that it happens once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from tests.hall.hosting import Host, statements
from tests.hall.stage import open_hall
from tests.instant.added import check_sums
from wxbot import invariants, ledger, lineage
from wxbot.budget import Budget
from wxbot.hall import goods
from wxbot.instant import awards
from wxbot.instant.models import Award, InstantTerms
from wxbot.payouts.models import Payout
from wxbot.people.models import Binding, Notice
from wxbot.runtime import Runtime
from wxbot.text import Refusal
from wxbot.witness import Witness

SEED = {"mode": "seed"}
GOODS = {"kind": "goods", "name": "自行车", "min_fen": 0, "max_fen": 0, "value_fen": 50_000, "stock": 1}
CODE = {"kind": "code", "name": "月卡", "min_fen": 0, "max_fen": 0, "value_fen": 2_000, "stock": 2}


def host(runtime: Runtime, *prizes: Any, terms: Any = (), **changes: Any) -> Host:
    """Twelve people, frozen; the prizes are three of one yuan if nothing else is said."""
    desk = Host(open_hall(runtime, prizes or ({},), guests=12, terms=SEED | dict(terms), **changes))
    desk.freeze()
    return desk


def payouts(runtime: Runtime) -> list[Payout]:
    with runtime.database.reading() as session:
        return list(session.scalars(select(Payout)))


def test_who_is_confirmed_is_owed_in_that_commit(runtime: Runtime) -> None:
    desk = host(runtime)
    winners = desk.show(k=3)
    assert desk.stage.awards() == []
    assert desk.confirm(1).nos == tuple(winners)
    awards = desk.stage.awards()
    assert [award.openid for award in awards] == [desk.stage.openids[no - 1] for no in winners]
    assert {(award.status, award.amount_fen, award.kind) for award in awards} == {("open", 100, "money")}
    assert [award.k for award in awards] == [1, 2, 3] and desk.left() == [0]
    assert [line.award_id for line in desk.lines(1)] == [award.id for award in awards]
    with runtime.database.reading() as session:
        assert session.get_one(Budget, desk.id).committed_fen == 300
        assert ledger.balances(session, desk.id)["owed"] == 300
        assert session.get_one(InstantTerms, desk.id).next_k == 4
    assert payouts(runtime) == []  # a transfer is collected by a tap
    assert desk.confirm(1).nos == () and len(desk.stage.awards()) == 3
    check_sums(runtime.database)
    assert desk.verified() == []


def test_nothing_is_confirmed_before_it_was_shown(runtime: Runtime) -> None:
    desk = host(runtime)
    desk.arm()
    for step in (desk.start, desk.reveal):
        with pytest.raises(Refusal, match="status"):
            desk.confirm(1)
        step()
    assert desk.confirm(1).nos


@pytest.mark.on_postgresql
def test_two_hosts_who_confirm_at_once_owe_once(runtime: Runtime) -> None:
    desk = host(runtime)
    desk.show(k=3)
    with ThreadPoolExecutor(8) as pool:
        done = [each.nos for each in pool.map(lambda _: desk.confirm(1), range(8))]
    assert sorted(map(len, done)) == [0] * 7 + [3]
    assert len(desk.stage.awards()) == 3 and desk.left() == [0]


def test_a_packet_is_asked_for_at_once(runtime: Runtime) -> None:
    desk = host(runtime, terms={"channel": "sendredpack"})
    with runtime.database.transaction() as session:
        session.get_one(InstantTerms, desk.id).channel = "sendredpack"
    desk.show(k=2)
    assert desk.confirm(1).asked == 2
    assert {award.status for award in desk.stage.awards()} == {"collecting"}
    assert {(each.status, each.due_at is not None) for each in payouts(runtime)} == {("approved", True)}


def test_who_has_no_phone_bound_is_not_sent_to(runtime: Runtime) -> None:
    desk = host(runtime, terms={"channel": "sendredpack"})
    first, *others = desk.show(k=3)
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        terms = session.get_one(InstantTerms, desk.id)
        terms.channel, terms.needs_binding = "sendredpack", True
        openid, seal = desk.stage.openids[first - 1], runtime.vault.seal("13800138000")
        bound = Binding(openid=openid, phone_sealed=seal, phone_index="1", via="h5", proved_at=now, bound_at=now)
        bound.status = "active"
        session.add(bound)
    assert desk.confirm(1).asked == 1
    assert [award.status for award in desk.stage.awards()] == ["collecting", "open", "open"]
    assert [each.openid for each in payouts(runtime)] == [desk.stage.openids[first - 1]]
    assert {line.guest_no for line in desk.lines(1) if line.award_id} == {first, *others}
    check_sums(runtime.database)


@pytest.mark.on_both
def test_two_hundred_cost_the_lock_of_the_hall_as_many_statements_as_two(runtime: Runtime) -> None:
    desk = host(runtime, {"stock": 10, "per_selection": 10}, terms={"channel": "sendredpack"})
    with runtime.database.transaction() as session:
        session.get_one(InstantTerms, desk.id).channel = "sendredpack"
    asked = []
    for d, k in enumerate((2, 6), 1):
        desk.show(k=k)
        with statements(runtime) as found:
            assert desk.confirm(d).asked == k
        # SQLite is given the rows of an INSERT with RETURNING one by one
        asked.append(sorted(each for each in found if "INSERT INTO payouts" not in each))
    assert len(asked[0]) == len(asked[1]) <= 30
    assert broken(runtime) == {}
    check_sums(runtime.database)


def test_a_code_is_given_and_a_thing_ticked_off(runtime: Runtime) -> None:
    desk = host_with_codes(runtime)
    code = desk.show(prize=1, k=2)
    desk.confirm(1)
    assert {award.status for award in desk.stage.awards()} == {"given"}
    [no] = desk.show(prize=2)
    assert no not in code
    with pytest.raises(Refusal, match="status"):
        desk.do(goods.hand_over, desk.id, 2, no)
    desk.confirm(2)
    assert [award.status for award in desk.stage.awards()] == ["given", "given", "open"]
    desk.do(goods.hand_over, desk.id, 2, no)
    assert desk.stage.awards()[2].status == "given"
    with pytest.raises(Refusal, match="status"):
        desk.do(goods.hand_over, desk.id, 2, no)
    with pytest.raises(Refusal, match="kind"):
        desk.do(goods.hand_over, desk.id, 1, code[0])
    desk.stage.work()
    paid = [(line.body["d"], line.body["no"]) for line in desk.stage.log() if line.kind == "paid"]
    assert sorted(paid) == sorted([(2, no), *((1, each) for each in code)])
    check_sums(runtime.database)
    assert desk.verified() == []


def host_with_codes(runtime: Runtime) -> Host:
    """Two codes and a bicycle; the codes are there before the launch, as staff import them."""
    from tests.hall import stage
    from tests.instant.stage import approved

    prizes = [{**stage.HALL_PRIZE, **each} for each in (CODE, GOODS)]
    made = approved(runtime, *prizes, slug="gala", mechanic="hall", act_name="年会抽奖", terms=SEED)
    made.import_codes("AAA-1", "BBB-2")
    opened = stage.OpenHall(runtime, made.campaign_id)
    opened.work()
    opened.come(12)
    desk = Host(opened)
    desk.freeze()
    return desk


def test_a_rehearsal_owes_nobody_anything(runtime: Runtime) -> None:
    desk = host(runtime, terms={"is_rehearsal": True})
    desk.show(k=2)
    desk.confirm(1)
    assert {line.status for line in desk.lines(1)} == {"confirmed"}
    assert desk.stage.awards() == [] and desk.left() == [3]
    assert desk.show(k=1)
    assert desk.verified() == []


def broken(runtime: Runtime) -> dict[str, int]:
    """The invariants of halls that do not hold."""
    mine = {name: query for name, query in invariants.INVARIANTS.items() if "hall" in name or "awards" in name}
    found = invariants.check(runtime.database, {**mine, "I13_draws": invariants.draws_counted})
    return {name: n for name, n in found.items() if n}


@pytest.mark.on_both
def test_books_of_a_hall_are_held_and_each_meddling_is_found(runtime: Runtime) -> None:
    desk = host(runtime)
    winners = desk.show(k=3)
    assert broken(runtime) == {}
    desk.mark(1, winners[0])
    desk.confirm(1)
    desk.show()
    assert broken(runtime) == {}
    for meddling, blamed in (
        ("UPDATE hall_winners SET award_id = NULL WHERE place = 2 AND d = 1", {"I13_halls"}),
        ("UPDATE hall_winners SET guest_no = 99 WHERE place = 2 AND d = 1", {"I13_hall_logs"}),
        ('UPDATE prizes SET "left" = 3', {"I13_halls"}),
        ("UPDATE instant_terms SET next_k = 9", {"I13_halls"}),
    ):
        with pytest.raises(Undone), runtime.database.transaction() as session:
            session.execute(text(meddling))
            found = {name for name, n in _counted(session).items() if n}
            raise Undone
        assert found == blamed, meddling


class Undone(Exception):
    """The meddling is taken back."""


def _counted(session: Session) -> dict[str, int]:
    return {name: query(session) for name, query in invariants.INVARIANTS.items() if "hall" in name}


def test_a_database_that_may_be_old_arms_draws_and_confirms_nothing(runtime: Runtime) -> None:
    desk = host(runtime)
    desk.show(k=2)
    lineage.freeze_now(runtime, "older", Witness(9, 9))
    for verb in (desk.arm, desk.start, lambda: desk.confirm(1)):
        with pytest.raises(Refusal) as refused:
            verb()
        assert refused.value.reason == "frozen"
    assert desk.stage.awards() == []


def test_a_thing_that_nobody_fetched_goes_back_with_no_money_and_is_called_by_its_name(runtime: Runtime) -> None:
    desk = host(runtime, {}, GOODS)
    desk.show(k=1)
    desk.confirm(1)
    desk.show(prize=2)
    desk.confirm(2)
    with runtime.database.transaction() as session:
        session.execute(update(Award).values(deadline_at=runtime.clock.now() - timedelta(seconds=1)))
    assert awards.forfeit_due(runtime) == 2
    assert [award.status for award in desk.stage.awards()] == ["forfeited", "forfeited"]
    with runtime.database.reading() as session:
        told = list(session.scalars(select(Notice.text).where(Notice.kind == "award_ended").order_by(Notice.id)))
        assert ledger.balances(session, desk.id)["owed"] == 0
    assert "¥1.00" in told[0] and "自行车" in told[1] and "¥" not in told[1]
    check_sums(runtime.database)
    assert {name: n for name, n in invariants.check(runtime.database).items() if n} == {}
