"""A storm over two boxes, judged from outside: nobody is paid twice, nobody forgotten, no budget exceeded, every book agrees.

`make storm SEED=7 MINUTES=10`, or SEED= and STORM_SECONDS= in the environment of `make proof`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.storm import forecast, judge, report
from tests.storm.boxes import Deployment
from tests.storm.crowd import LIMITS, Crowd
from tests.storm.forecast import Event
from tests.storm.judge import Evidence, Verdict
from tests.storm.weather import Storm
from wxbot.simulator import faults

SEED = int(os.environ.get("SEED", "7"))
STORM_S = int(os.environ.get("STORM_SECONDS", "600"))
REST_S = 900
"""How long everything may take to come to rest when the weather is over."""

OTHERS_WAIT_S = 5
"""A worker killed costs the others less than this of sending."""


def say(line: str) -> None:
    """Tell what is going on; pytest shows it with -s, and when the test fails."""
    print(f"{datetime.now():%H:%M:%S} {line}", flush=True)


@dataclass
class Outcome:
    """A storm that is over."""

    storm: Storm
    verdict: Verdict
    figures: dict[str, Any]


def weather(
    folder: Path, plan: Sequence[Event], lasts_s: float, *, people: int, packets: int, rate: int, rest_s: float = 0.0
) -> Outcome:
    """Set everything up, let it storm, wait until all is at rest, and judge; the judge itself is tried on false books."""
    say("everything is started")
    with Deployment(folder, LIMITS | {"pay_per_second": rate}) as deployment:
        database, clock = deployment.look()
        try:
            crowd = Crowd(deployment, database, clock, people, SEED, rest_s)
            say("people bind, campaigns are launched")
            crowd.settle_in(packets)
            storm = Storm(deployment, crowd)
            began = time.monotonic()
            crowd.begin()
            try:
                storm.rage(plan, lasts_s, say)
            finally:
                crowd.end()
            seconds = time.monotonic() - began
            restless = crowd.come_to_rest(REST_S, say)
            unexplained = judge.explain_withdrawals(deployment, storm.withdrawn_fen)
            seen, promises = judge.gather(crowd), list(crowd.town.owed.values())
            with database.reading() as session:
                verdict = judge.judge(session, promises, seen)
                if verdict.is_sound:
                    the_judge_sees(lambda false: judge.judge(session, promises, false), seen)
            verdict.blames["lost"] += restless
            verdict.blames["books"] += unexplained
            judge.check_ledger(deployment, verdict)
            return Outcome(storm, verdict, report.figures(SEED, seconds, storm, crowd, verdict))
        finally:
            database.close()


def the_judge_sees(judged: Callable[[Evidence], Verdict], seen: Evidence) -> None:
    """The same evidence with one thing wrong is never sound, and is blamed for what it is."""

    def blamed(**changes: Any) -> set[str]:
        return {kind for kind, sentences in judged(replace(seen, **changes)).blames.items() if sentences}

    direct = next(row for row in seen.bank.values() if row["paid_fen"] and row["channel"] != judge.DRAWN)
    drawn = next(row for row in seen.bank.values() if row["paid_fen"] and row["channel"] == judge.DRAWN)
    for row in (direct, drawn):
        number, who, fen = row["mch_billno"], row["openid"], int(row["paid_fen"])
        receipt = (row["channel"], fen)
        twice = [*seen.wallets[who], receipt]
        assert "double_paid" in blamed(wallets={**seen.wallets, who: twice}), "one receipt too many"
        once_less = list(seen.wallets[who])
        once_less.remove(receipt)
        assert "lost" in blamed(wallets={**seen.wallets, who: once_less}), "a receipt is missing"
        again = {**row, "mch_billno": "9" * 28}
        assert blamed(bank={**seen.bank, "9" * 28: again}) & {"double_paid", "mismatches"}, "a payment that nobody owes"
        forgotten = {**row, "paid_fen": 0, "status": "waiting"}
        assert "lost" in blamed(bank={**seen.bank, number: forgotten}), "an order that never ended"
        assert blamed(bank={n: each for n, each in seen.bank.items() if n != number}) >= {"lost", "books"}
        assert "over_budget" in blamed(budgets={**seen.budgets, row["wishing"]: fen - 1})
    other = next(
        row
        for row in seen.bank.values()
        if row["paid_fen"] and row["wishing"] == drawn["wishing"] and row["openid"] != drawn["openid"]
    )
    stolen = {**other, "openid": drawn["openid"]}
    assert "double_paid" in blamed(bank={**seen.bank, other["mch_billno"]: stolen}), "one person won twice"
    assert blamed(broken=["the balance is negative"]) == {"books"}


def test_the_same_seed_plans_the_same_weather() -> None:
    plan = forecast.plan(7, 600)
    assert plan == forecast.plan(7, 600) != forecast.plan(8, 600)
    assert {event.kind for event in plan} == set(forecast.WHOLE)
    kinds = {fault["kind"] for event in plan for fault in (event.sky or {}).values()}
    assert kinds == set(faults.KINDS), "not every fault of the simulator"


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_a_short_storm(tmp_path: Path) -> None:
    kinds = ("kill_worker", "kill_web", "kill_postgres", "kill_redis", "flush_redis", "hold_worker", "jump_clock")
    plan = forecast.plan(SEED, 60, kinds, gap_s=(0.5, 1.5))[: len(kinds)]  # each kind once
    ended = weather(tmp_path / "storm", plan, 60, people=5, packets=6, rate=40, rest_s=1.0)
    print(report.shown(ended.figures))
    assert ended.verdict.is_sound, ended.figures["blames"]


@pytest.mark.proof
@pytest.mark.alone
@pytest.mark.timeout(STORM_S + REST_S + 900)
def test_a_storm(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    ended = weather(tmp_path / "storm", forecast.plan(SEED, STORM_S), STORM_S, people=60, packets=60, rate=8)
    record_property("table", report.shown(ended.figures))
    assert ended.verdict.is_sound, ended.figures["blames"]
    silences = ended.storm.silences
    assert silences, ["no worker was killed while it sent", *ended.storm.notes]
    assert max(silence.seconds for silence in silences) < OTHERS_WAIT_S, silences
