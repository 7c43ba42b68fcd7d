"""Every limit is attacked at the door by a hundred taps at once, and holds; stock and budget are never passed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.instant.crowd import Person, nonce, person, straight_taps, tally, taps
from tests.instant.stage import InstantStage, archive_of, set_wheel
from wxbot import invariants
from wxbot.budget import Budget
from wxbot.campaigns.models import Campaign
from wxbot.draws import admit
from wxbot.draws.draw_state import draw_state_of
from wxbot.instant import gaps, versions
from wxbot.instant.models import InstantTerms, NumberGap, Prize, RuleVersion
from wxbot.instant.verify import verify
from wxbot.runtime import Runtime

PLENTY = {"stock": 900}
MANY = {"tries_per_person": 500, "tries_per_day": 500}


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """One person may tap a hundred times in a minute: what stands behind that limit is attacked here."""
    monkeypatch.setattr(admit, "DRAWS_PER_MINUTE", 10_000)


Way = Callable[[InstantStage, Sequence[tuple[Person, str]]], list[dict[str, Any]]]


@pytest.fixture(params=[taps, straight_taps], ids=["threads", "straight"])
def way(request: pytest.FixtureRequest) -> Way:
    """In threads of the server, or past them."""
    taken: Way = request.param
    return taken


@pytest.mark.on_postgresql
@pytest.mark.parametrize(
    ("prize", "terms", "changes", "draws", "refusal"),
    [
        pytest.param(
            {"odds_ppm": 0},
            {},
            {"tries_per_person": 3, "tries_per_day": 3},
            3,
            "no_tries_left",
            marks=pytest.mark.proof,
        ),
        ({"odds_ppm": 0}, {}, {"tries_per_person": 9, "tries_per_day": 2}, 2, "no_tries_today"),
        ({}, {"wins_per_person": 2}, MANY, 2, "won_enough"),
        pytest.param({}, {"wins_per_day": 1}, MANY, 1, "won_today", marks=pytest.mark.proof),
        pytest.param({}, {"gap_s": 3600}, MANY, 1, "too_soon", marks=pytest.mark.proof),
        ({}, {"winners_per_day": 4}, MANY, 4, "day_full"),
    ],
    ids=["tries", "tries_a_day", "wins", "wins_a_day", "gap", "winners_a_day"],
)
def test_a_limit_holds_against_a_hundred_taps_of_one_person(
    runtime: Runtime,
    way: Way,
    prize: dict[str, Any],
    terms: dict[str, Any],
    changes: dict[str, Any],
    draws: int,
    refusal: str,
) -> None:
    stage = set_wheel(runtime, PLENTY | prize, terms=terms, **changes)
    ming = person(runtime)
    answers = way(stage, [(ming, nonce(stage, ming)) for _ in range(100)])
    assert len(stage.draws()) == draws
    assert tally(answers)[refusal] == 100 - draws
    stage.check_books()


@pytest.mark.on_both
def test_a_hundred_taps_with_one_nonce_are_one_draw_with_one_answer(runtime: Runtime, way: Way) -> None:
    stage = set_wheel(runtime, **MANY)
    ming = person(runtime)
    once = nonce(stage, ming)
    answers = way(stage, [(ming, once)] * 100)
    assert {(answer["outcome"], answer["k"], answer["award"]["id"]) for answer in answers} == {
        ("won", 1, stage.awards()[0].public_id)
    }
    assert len(stage.draws()) == 1
    stage.check_books()


@pytest.mark.on_both
def test_stock_and_budget_hold_against_a_hundred_people_at_once(runtime: Runtime, way: Way) -> None:
    stage = set_wheel(runtime, {"stock": 7, "odds_ppm": 500_000}, {"name": "B", "stock": 3, "odds_ppm": 500_000})
    people = [person(runtime) for _ in range(100)]
    answers = way(stage, [(who, nonce(stage, who)) for who in people])
    assert tally(answers)["won"] == 10
    assert [prize.left for prize in stage.prizes()] == [0, 0]
    assert stage.books()[0].committed_fen == 1000
    stage.check_books()
    assert invariants.check(runtime.database, {"I13_draws": invariants.draws_counted}) == {"I13_draws": 0}
    with runtime.database.transaction() as session:
        session.execute(update(Prize).where(Prize.ordinal == 1).values(left=1))
        session.execute(update(InstantTerms).values(next_k=InstantTerms.next_k + 1))
    assert invariants.check(runtime.database, {"I13_draws": invariants.draws_counted}) == {"I13_draws": 2}


def test_no_number_is_used_twice_after_a_restore(runtime: Runtime) -> None:
    stage = set_wheel(runtime, PLENTY, **MANY)
    ming = person(runtime)
    taps(stage, [(ming, nonce(stage, ming)) for _ in range(3)])
    with runtime.database.transaction() as session:
        assert gaps.leap(session, "restored", runtime.clock.now()) == 1
    taps(stage, [(ming, nonce(stage, ming)) for _ in range(2)])
    numbers = [draw.k for draw in stage.draws()]
    assert numbers == [1, 2, 3, gaps.LEAP + 4, gaps.LEAP + 5]
    with runtime.database.reading() as session:
        gap = session.scalars(select(NumberGap)).one()
        assert (gap.from_k, gap.to_k) == (4, gaps.LEAP + 3)
        assert session.get_one(InstantTerms, stage.campaign_id).next_k == gaps.LEAP + 6
    assert invariants.check(runtime.database, {"": invariants.draws_counted}) == {"": 0}


def test_more_stock_in_a_new_version_of_the_rules_is_drawn_from_at_once_and_replays(runtime: Runtime) -> None:
    stage = set_wheel(runtime, {"stock": 2}, **MANY)
    ming = person(runtime)
    taps(stage, [(ming, nonce(stage, ming)) for _ in range(4)])
    assert len(stage.awards()) == 2
    with runtime.database.transaction() as session:
        prize = session.scalars(select(Prize)).one()
        prize.stock, prize.left = prize.stock + 3, prize.left + 3
        session.flush()
        campaign = session.get_one(Campaign, stage.campaign_id)
        text = session.get_one(RuleVersion, (stage.campaign_id, 1)).text
        assert versions.publish(session, campaign, text, runtime.clock.now()).version == 2
        assert versions.publish(session, campaign, text, runtime.clock.now()).version == 2  # nothing new
    draw_state_of(runtime).snapshots.forget()
    answers = taps(stage, [(ming, nonce(stage, ming)) for _ in range(3)])
    assert tally(answers) == {"won": 3}
    assert {draw.rule_version for draw in stage.draws()} == {1, 2}
    stage.check_books()
    stage.reveal()
    assert verify(archive_of(stage)).findings == []


def test_a_win_that_nothing_covers_is_no_draw_at_all(runtime: Runtime, way: Way) -> None:
    stage = set_wheel(runtime, PLENTY, **MANY)
    with runtime.database.transaction() as session:
        session.execute(update(Budget).values(budget_fen=250))
    ming = person(runtime)
    answers = way(stage, [(ming, nonce(stage, ming)) for _ in range(8)])
    assert tally(answers) == {"won": 2, "try_again": 6}
    assert [draw.k for draw in stage.draws()] == [1, 2]
    stage.check_books()
