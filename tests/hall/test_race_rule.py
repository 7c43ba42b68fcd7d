"""The counting rule of a race, as properties: whatever phones say, in whatever order and how often it arrives."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from wxbot.hall.race_rule import CAP_PER_S, LATE_S, Runner, Span, after_report, ranking, team_ranking

SPAN = Span(1_000.0, 1_030.0)

moments = st.floats(990.0, 1_040.0, allow_nan=False)
reports = st.lists(st.tuples(st.integers(0, 40), st.integers(-5, 1_000_000), moments), max_size=40)


def run(sent: list[tuple[int, int, float]]) -> Runner:
    """The runner after messages that arrived in this order of time."""
    runner = Runner()
    for seq, reported, now in sorted(sent, key=lambda one: one[2]):
        runner = after_report(runner, seq, reported, now, SPAN)
    return runner


@given(reports)
def test_nobody_gets_beyond_what_a_hand_can_do(sent: list[tuple[int, int, float]]) -> None:
    runner = Runner()
    for seq, reported, now in sorted(sent, key=lambda one: one[2]):
        after = after_report(runner, seq, reported, now, SPAN)
        assert after.counted >= runner.counted and after.seq >= runner.seq and after.at >= runner.at
        assert after.counted <= CAP_PER_S * max(0.0, min(now, SPAN.end) - SPAN.begin) + 1e-3
        assert after.counted <= max(runner.counted, reported)
        runner = after


@given(reports, st.randoms(use_true_random=False))
def test_repeats_change_nothing(sent: list[tuple[int, int, float]], rng: random.Random) -> None:
    """A message that comes again, at once or after a reconnect, is not counted again."""
    again = [(seq, reported, min(now + rng.random() * 3, 1_040.0)) for seq, reported, now in sent]
    runner = Runner()
    for seq, reported, now in sorted([*sent, *again], key=lambda one: one[2]):
        runner = after_report(runner, seq, reported, now, SPAN)
        assert after_report(runner, seq, reported, now, SPAN) == runner
        assert after_report(runner, runner.seq, 1_000_000, now + 5, SPAN) == runner


@given(st.lists(st.integers(0, CAP_PER_S), min_size=1, max_size=30), st.data())
def test_an_honest_phone_loses_nothing(shaken: list[int], data: st.DataObject) -> None:
    """Whatever is lost on the way, as long as one message after the last shake arrives."""
    total, sent = 0, []
    for second, shakes in enumerate(shaken, 1):
        total += shakes
        if second == len(shaken) or data.draw(st.booleans()):
            sent.append((second, total, SPAN.begin + second))
    assert run(sent).counted == total


def test_a_million_claimed_is_the_cap() -> None:
    claims = [(seq, 1_000_000, SPAN.begin + seq / 10) for seq in range(1, 301)]
    assert run(claims).counted == CAP_PER_S * 30


def test_the_last_message_may_come_two_seconds_late_and_brings_no_time() -> None:
    runner = after_report(Runner(), 1, 100, 1_010.0, SPAN)
    assert after_report(runner, 2, 150, SPAN.end + LATE_S, SPAN).counted == 150
    assert after_report(runner, 2, 1_000, SPAN.end + LATE_S, SPAN).counted == CAP_PER_S * 30
    assert after_report(runner, 2, 150, SPAN.end + LATE_S + 0.01, SPAN) == runner
    assert after_report(Runner(), 1, 10, SPAN.begin - 0.01, SPAN) == Runner()


def test_two_messages_that_were_held_up_and_arrive_together_both_count() -> None:
    """Also when they are the last ones: no further message would make it good."""
    runner = after_report(Runner(), 28, 230, SPAN.begin + 28, SPAN)
    runner = after_report(runner, 29, 240, SPAN.end + 1, SPAN)
    assert after_report(runner, 30, 250, SPAN.end + 1, SPAN).counted == 250


def test_ranks_are_by_count_and_then_by_who_was_earlier() -> None:
    runners = {
        1: Runner(50, 9, 1_020.0),
        2: Runner(60, 9, 1_025.0),
        3: Runner(50, 9, 1_019.0),
        4: Runner(50, 9, 1_020.0),
    }
    assert ranking(runners) == [2, 3, 1, 4]


def test_a_bigger_team_has_no_advantage() -> None:
    big = [("red", Runner(10, 1, 1_001.0)) for _ in range(10)]
    small = [("blue", Runner(11, 1, 1_001.0)), ("blue", Runner(11, 1, 1_001.0)), ("", Runner(99, 1, 1_001.0))]
    idle = [("blue", Runner(0, 3, 1_000.0))]
    assert [(score.team, score.people, score.counted) for score in team_ranking([*big, *small, *idle])] == [
        ("blue", 2, 22),
        ("red", 10, 100),
    ]
