"""A campaign is paused while people draw through several web processes: within a second nobody draws, what was won is collected."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest
from sqlalchemy import select

from tests.flows.test_killed_awards import Winner
from tests.instant.stage import approved
from wxbot import invariants
from wxbot.campaigns.models import Campaign
from wxbot.clock import Clock
from wxbot.demo.actors import Clerk, World, until
from wxbot.demo.seed import MARKETER, PASSWORD
from wxbot.demo.stage import Stage
from wxbot.instant.models import Award, InstantDraw
from wxbot.private_servers import free_port
from wxbot.runtime import Runtime

PEOPLE, EVERY_S = 24, 6.5
"""One person may draw ten times in a minute."""

A_SECOND = timedelta(seconds=1)


class Crowd:
    """People who draw again and again, every second one through another web server; what each was told, and when they asked."""

    def __init__(self, people: list[Winner], pages: list[str], clock: Clock, origin: str) -> None:
        self.people, self.pages, self.clock, self.origin = people, pages, clock, origin
        self.told: list[tuple[int, datetime, str]] = []
        self.is_over = Event()

    def draw(self, n: int) -> None:
        """Until everybody is sent home."""
        one, page = self.people[n], self.pages[n % len(self.pages)]
        token = one.open_page(page)["page_token"]
        self.is_over.wait(EVERY_S * n / PEOPLE)
        while not self.is_over.is_set():
            nonce = one.session.get(f"{page}/state", timeout=10).json()["nonce"]
            asked_at = self.clock.now()
            reply = one.session.post(
                f"{page}/draw", json={"page_token": token, "nonce": nonce}, headers={"Origin": self.origin}, timeout=10
            )
            self.told.append((n % len(self.pages), asked_at, reply.json()["outcome"]))
            self.is_over.wait(EVERY_S)

    def servers(self, since: datetime, *outcomes: str) -> set[int]:
        """Which web servers have answered so to somebody who asked after this moment."""
        return {server for server, asked_at, outcome in list(self.told) if asked_at > since and outcome in outcomes}

    def wait_for(self, since: datetime, *outcomes: str) -> None:
        both = set(range(len(self.pages)))
        until(lambda: self.servers(since, *outcomes) == both, f"{outcomes} from both servers")


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_a_pause_stops_draws_in_every_process_within_a_second_and_winners_collect(stage: Stage) -> None:
    world = World(stage.wechat_url)
    world.call("POST", "bank/topup", {"amount_fen": 1_000_000})
    people = [Winner(world, known) for known in world.call("POST", "people", {"count": PEOPLE})["people"]]
    port = free_port()
    stage._spawn("second", ["-m", "wxbot", "run", "web", "--bind", f"127.0.0.1:{port}"], stage.environment())
    stage._wait("second", f"http://127.0.0.1:{port}/healthz")
    with closing(Runtime(stage.settings())) as runtime:
        tries: dict[str, Any] = {"tries_per_person": 1000, "tries_per_day": 1000}
        wheel = approved(runtime, {"stock": 500, "odds_ppm": 300_000}, **tries)
        pages = [f"{base}{wheel.path}" for base in (stage.public_url, f"http://127.0.0.1:{port}")]
        runtime.clock.refresh()
        until(lambda: status(wheel) == "on", "the campaign to be on")
        console = Clerk(stage.public_url, MARKETER.login, PASSWORD)
        for one in people:
            one.take_phone()
        crowd = Crowd(people, pages, runtime.clock, stage.public_url)
        with drawing(crowd):
            until(lambda: bool(wheel.awards()), "somebody to win")
            paused(crowd, wheel, lambda: console.press(wheel.campaign_id, "pause"))
            won = {award.openid for award in wheel.awards()}
            winner = next(one for one in people if one.known["openid"] in won)
            collected(world, runtime, winner, stage.public_url)
            resumed_at = runtime.clock.now()
            console.press(wheel.campaign_id, "resume")
            crowd.wait_for(resumed_at, "won", "lost")
            paused(crowd, wheel, lambda: command(stage, "pause", wheel.slug))
        assert {outcome for _, _, outcome in crowd.told} == {"won", "lost", "paused"}
        assert {name: rows for name, rows in invariants.check(runtime.database).items() if rows} == {}


@contextmanager
def drawing(crowd: Crowd) -> Any:
    """People draw until the block ends; what went wrong for one of them is raised."""
    with ThreadPoolExecutor(PEOPLE) as pool:
        running: list[Future[None]] = [pool.submit(crowd.draw, n) for n in range(PEOPLE)]
        try:
            yield
        finally:
            crowd.is_over.set()
        for each in running:
            each.result()


def status(wheel: Any) -> str:
    with wheel.runtime.database.reading() as session:
        return str(session.scalar(select(Campaign.status).where(Campaign.id == wheel.campaign_id)))


def paused(crowd: Crowd, wheel: Any, pause: Callable[[], object]) -> None:
    """While people draw through both servers, pause: whoever asks a second later, or draws then, finds it paused."""
    crowd.wait_for(crowd.clock.now(), "won", "lost")
    pause()
    done_at = crowd.clock.now()
    crowd.wait_for(done_at + A_SECOND, "paused")
    time.sleep(1)
    late = {outcome for _, asked_at, outcome in list(crowd.told) if asked_at > done_at + A_SECOND}
    assert late == {"paused"}
    with wheel.runtime.database.reading() as session:
        newest = session.scalar(select(InstantDraw.drawn_at).order_by(InstantDraw.k.desc()).limit(1))
    assert newest is not None and newest <= done_at + A_SECOND


def command(stage: Stage, verb: str, slug: str) -> None:
    """What an operator types."""
    words = [sys.executable, "-m", "wxbot", "campaign", verb, slug]
    subprocess.run(words, env=dict(stage.environment()), check=True, capture_output=True)


def collected(world: World, runtime: Runtime, one: Winner, origin: str) -> None:
    """What somebody has won of a paused campaign is theirs at a tap."""
    openid = str(one.known["openid"])

    def is_paid() -> bool:
        one._collect(origin)
        one.ask(origin, "look")  # as the page does when its person is back from WeChat's page
        with runtime.database.reading() as session:
            mine = session.scalars(select(Award.status).where(Award.openid == openid)).all()
        return bool(mine) and set(mine) == {"paid"}

    until(is_paid, "everything that was won to be paid")
    assert world.call("GET", f"people/{one.id}/wallet")["wallet_fen"] > 0
