"""A storm over two boxes, judged from outside: nobody is paid twice, nobody forgotten, no budget exceeded, every book agrees.

`make storm SEED=7 MINUTES=10`, or SEED= and STORM_SECONDS= in the environment of `make proof`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
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


def weather(
    folder: Path, plan: Sequence[Event], *, people: int, packets: int, seed: int, rate: int
) -> tuple[dict[str, Any], Verdict, Storm, Evidence, Crowd]:
    """Set everything up, let it storm, wait until all is at rest, and judge."""
    say("everything is started")
    with Deployment(folder, LIMITS | {"pay_per_second": rate}) as deployment:
        database, clock = deployment.look()
        try:
            crowd = Crowd(deployment, database, clock, people, seed)
            say("people bind, campaigns are launched")
            crowd.settle_in(packets)
            storm = Storm(deployment, crowd)
            began = time.monotonic()
            crowd.begin()
            try:
                storm.rage(list(plan), say)
            finally:
                crowd.end()
            seconds = time.monotonic() - began
            restless = crowd.come_to_rest(REST_S, say)
            seen = judge.gather(crowd)
            with database.reading() as session:
                verdict = judge.judge(session, list(crowd.town.owed.values()), seen)
            verdict.blames["lost"] += restless
            judge.check_ledger(deployment, verdict)
            return report.figures(seed, seconds, storm, crowd, verdict), verdict, storm, seen, crowd
        finally:
            database.close()


def test_the_same_seed_plans_the_same_weather() -> None:
    plan = forecast.plan(7, 600)
    assert plan == forecast.plan(7, 600) != forecast.plan(8, 600)
    assert {event.kind for event in plan} == set(forecast.WHOLE)
    kinds = {fault["kind"] for event in plan for fault in (event.sky or {}).values()}
    assert kinds == set(faults.KINDS), "not every fault of the simulator"


@pytest.mark.timeout(900)
def test_a_short_storm(tmp_path: Path) -> None:
    kinds = ("kill_worker", "kill_web", "kill_postgres", "kill_redis", "flush_redis", "hold_worker", "jump_clock")
    plan = forecast.plan(SEED, 20, kinds, gap_s=(0.5, 1.5))
    found, verdict, *_ = weather(tmp_path / "storm", plan, people=6, packets=8, seed=SEED, rate=40)
    print(report.shown(found))
    assert verdict.is_sound, found["blames"]


@pytest.mark.proof
@pytest.mark.timeout(STORM_S + REST_S + 600)
def test_a_storm(tmp_path: Path, record_property: Any) -> None:
    plan = forecast.plan(SEED, STORM_S)
    found, verdict, storm, *_ = weather(tmp_path / "storm", plan, people=60, packets=60, seed=SEED, rate=15)
    record_property("table", report.shown(found))
    print(report.shown(found))
    assert verdict.is_sound, found["blames"]
    assert storm.silences, "no worker was killed while it sent"
    assert max(silence.seconds for silence in storm.silences) < OTHERS_WAIT_S, storm.silences
