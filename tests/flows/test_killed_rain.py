"""Web processes, `live` and the worker die by kill -9 while packets fall: what a phone was told it caught is that person's, once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count

import pytest
import requests
from sqlalchemy import select

from tests.hall.guests import code_of
from tests.hall.hosting import Host
from tests.hall.stage import RAIN, OpenHall, open_hall
from tests.servers import children_of
from tests.waiting import until
from wxbot import invariants
from wxbot.campaigns.lease import LEASE
from wxbot.demo.actors import World
from wxbot.demo.hall_guest import Guest
from wxbot.demo.stage import Stage
from wxbot.hall import games
from wxbot.hall.models import Game, RainHit
from wxbot.instant.models import Award
from wxbot.runtime import Runtime

PEOPLE, PACKETS, SECONDS, TRIES = 20, 100, 20, 3
BREATH_S = 1.5
"""Between two deaths: there is somebody who answers most of the time."""
FALLS = RAIN | {"stock": PACKETS, "total_fen": 20_000, "per_selection": 5, "seconds": SECONDS}
GOES_WRONG = (requests.RequestException, ValueError)


@dataclass
class Crowd:
    """Phones that tap; what each tap came to."""

    slug: str
    caught: dict[int, int] = field(default_factory=dict)
    """Slot → fen, as a phone was told."""
    broken: set[int] = field(default_factory=set)
    """Slots of which a request got no answer."""
    flying: int = 0
    """Requests that have no answer yet."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tap(self, person: Guest, slot: int) -> None:
        """As the page does it: again, a moment later, when nothing answers; and once more when it was caught."""
        for _ in range(TRIES):
            if (fen := self._ask(person, slot)) is not None:
                assert self.caught.setdefault(slot, fen) == fen, "a repeat has the same answer"
                assert self._ask(person, slot) in (fen, None)
                return
            time.sleep(0.7)

    def _ask(self, person: Guest, slot: int) -> int | None:
        with self._lock:
            self.flying += 1
        try:
            answer = person.catch(self.slug, slot)
            fen: int | None = answer.get("fen")
            return fen
        except GOES_WRONG:
            self.broken.add(slot)
            return None
        finally:
            with self._lock:
                self.flying -= 1


@pytest.fixture(autouse=True)
def two_webs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine has, there are two web processes: one of them goes on."""
    monkeypatch.setenv("WXBOT_WEB_WORKERS", "2")


@pytest.fixture
def hall(stage: Stage) -> Iterator[OpenHall]:
    """A hall on the stage's database, `live` beside it."""
    stage.start_live()
    with closing(Runtime(stage.settings())) as runtime:
        made = open_hall(runtime, (FALLS,), budget_fen=30_000)
        until(lambda: made.campaign().status == "on", "the hall is on")  # the stage's worker may have been faster
        yield made


def guests(stage: Stage, world: World, hall: OpenHall) -> list[Guest]:
    """They sign in, each by a code of that moment."""
    known = world.call("POST", "people", {"count": PEOPLE})["people"]
    people = [Guest(world, one, base_url=stage.public_url) for one in known]
    for person in people:
        person.take_phone()
        person.sign_in(f"{stage.public_url}{hall.path}?code={code_of(hall)}")
    return people


def kill_parts(stage: Stage, crowd: Crowd, is_over: Callable[[], bool]) -> None:
    """Web processes, each while taps are on their way; in turn `live` and the worker too. From the main thread only: what a thread
    starts ends with it (Stage ties children to their parent)."""
    for death in count():
        until(lambda: crowd.flying or is_over(), "somebody taps", pause_s=0.001)
        if is_over():
            return
        if web := children_of(stage.pid("web")):
            os.kill(web[death % len(web)], signal.SIGKILL)
        if death % 4 == 1:
            stage.kill("live")
            stage.start_live()
        if death % 4 == 3:
            stage.kill("worker")
            stage.start_worker()
        time.sleep(BREATH_S)


@pytest.mark.proof
@pytest.mark.timeout(400)
def test_processes_are_killed_while_packets_fall_and_no_claim_is_lost_or_doubled(stage: Stage, hall: OpenHall) -> None:
    world, desk, runtime = World(stage.wechat_url), Host(hall), hall.runtime
    people = guests(stage, world, hall)
    game: Game = desk.do(games.begin, runtime.vault, desk.id, 1)
    desk.tell()
    own = [person.own(hall.slug) for person in people]
    owner = {hit["slot"]: n for n, mine in enumerate(own) for hit in mine["game"]["moments"]}
    moments = {hit["slot"]: hit["at_ms"] for mine in own for hit in mine["game"]["moments"]}
    crowd = Crowd(hall.slug)
    assert game.begin_at is not None
    begin = game.begin_at.timestamp()

    def tap(slot: int) -> None:
        """With all that fall in this second, so that there are many at once."""
        time.sleep(max(0.0, begin + moments[slot] // 1000 + 1 - runtime.clock.unix()))
        crowd.tap(people[owner[slot]], slot)

    with ThreadPoolExecutor(PACKETS) as pool:
        tapping = [pool.submit(tap, slot) for slot in moments]
        kill_parts(stage, crowd, lambda: all(each.done() for each in tapping))
        for each in tapping:
            each.result()
    assert crowd.broken and len(crowd.caught) > PACKETS / 4

    def settled() -> bool:
        state = requests.get(f"{stage.live_url}/live/{hall.slug}/state.json", timeout=10).json()
        return bool(state.get("game") and state["game"]["status"] == "settled")

    # Whoever was killed with the campaign's lease in hand is waited for as long as it lasts.
    until(settled, "live says that it is over", wait_s=LEASE.total_seconds() + 90, pause_s=0.5)
    sound(hall, crowd, [int(mine["no"]) for mine in own], owner)


def sound(hall: OpenHall, crowd: Crowd, nos: list[int], owner: dict[int, int]) -> None:
    """Rows say what phones were told, and each person has one award of just that."""
    with hall.runtime.database.reading() as session:
        hits = {hit.slot: hit for hit in session.scalars(select(RainHit)) if hit.claimed_at is not None}
        awards = list(session.scalars(select(Award)))
    assert {slot: hits[slot].amount_fen for slot in crowd.caught} == crowd.caught
    assert set(hits) - set(crowd.caught) <= crowd.broken, "nobody has what they did not tap"
    sums: Counter[str] = Counter()
    openids = {guest.no: guest.openid for guest in hall.guests()}
    for slot, hit in hits.items():
        assert hit.guest_no == nos[owner[slot]]
        sums[openids[hit.guest_no]] += hit.amount_fen
    assert len(awards) == len(sums) and {award.openid: award.amount_fen for award in awards} == dict(sums)
    assert {name: rows for name, rows in invariants.check(hall.runtime.database).items() if rows} == {}
    assert Host(hall).verified() == []
