"""Real processes die by kill -9 while people draw and orders are sent: nothing lost, nobody wins twice, books at one."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from sqlalchemy import func, select

from tests.rows import in_one
from tests.servers import children_of
from wxbot import invariants
from wxbot.campaigns import draft, launch
from wxbot.campaigns.models import Campaign
from wxbot.campaigns.packets import counts
from wxbot.demo import seed
from wxbot.demo.actors import Person, StoryProblem, World
from wxbot.demo.stage import Stage
from wxbot.draws.models import Draw
from wxbot.orders.models import Order

PACKETS = 60
PEOPLE = 70
KILLS = 3


def try_until_answered(person: Person) -> str:
    """Shake and draw; a connection that breaks is tried again, the way a person taps again."""
    for _ in range(60):
        try:
            url = person.shake()
            answer = person.ask_to_draw(url, person.open_page(url))
            if "jump" in answer:
                person.jump(url, answer["jump"])
            return str(answer["outcome"])
        except (requests.RequestException, StoryProblem, ValueError):
            time.sleep(0.5)
    return "never answered"


@pytest.mark.proof
@pytest.mark.timeout(400)
def test_web_and_worker_are_killed_while_a_campaign_runs(stage: Stage) -> None:
    world = World(stage.wechat_url)
    database, clock = stage.parts()
    device_id = int(world.call("POST", "beacons", {"comment": "门口"})["beacon"]["device_id"])
    staff = seed.hire(database, clock.now())
    now = clock.now()
    plan = seed.plan_campaign(now, device_id)
    plan = type(plan)(**(vars(plan) | {"packet_count": PACKETS, "budget_fen": 12_000, "keyword": ""}))
    campaign_id = in_one(database, draft.save, plan, staff["mei"], now)
    in_one(database, draft.submit, campaign_id, staff["mei"], now)
    in_one(database, draft.approve, campaign_id, staff["chen"], now)
    in_one(database, launch.launch, campaign_id, staff["mei"], now)

    for _ in range(3):  # the worker dies in the middle of ordering, and another one takes over
        time.sleep(1.5)
        stage.kill("worker")
        stage.start_worker()
    world.call("POST", "clock", {"advance_s": 120})  # leases of the dead run out
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with database.reading() as session:
            if (
                counts(session, campaign_id).get("loaded", 0) == PACKETS
                and session.get_one(Campaign, campaign_id).status == "on"
            ):
                break
        time.sleep(0.3)
    else:
        pytest.fail("the campaign did not come up: " + stage.last_words("worker"))
    assert len(world.call("GET", "bank/orders?limit=500")["orders"]) == PACKETS

    people = [Person(world, known) for known in world.call("POST", "people", {"count": PEOPLE})["people"]]
    for person in people:
        person.take_phone()
        person.walk_to(device_id)
    is_over = threading.Event()

    def kill_web() -> None:
        """Kill one of gunicorn's workers three times, each time after the one before was replaced."""
        for _ in range(KILLS):
            while len(children_of(stage.pid("web"))) < 2 and not is_over.is_set():
                time.sleep(0.2)
            if is_over.wait(1.5):
                return
            os.kill(children_of(stage.pid("web"))[0], signal.SIGKILL)
            killed.append(1)

    killed: list[int] = []
    killer = threading.Thread(target=kill_web)
    killer.start()
    try:
        with ThreadPoolExecutor(6) as crowd:
            outcomes = Counter(crowd.map(try_until_answered, people))
    finally:
        is_over.set()
        killer.join()
    assert killed
    assert outcomes["never answered"] == 0, outcomes

    world.call("POST", "pushes/settle")
    bound = world.call("GET", "bank")["totals"]["pending_fen"]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with database.reading() as session:
            drawn = counts(session, campaign_id).get("bound", 0)
        if drawn == sum(bool(world.call("GET", f"people/{one.id}/packets")["packets"]) for one in people):
            break
        time.sleep(0.5)
    assert bound >= 0
    for person in people:
        assert len(world.call("GET", f"people/{person.id}/packets")["packets"]) <= 1
    with database.reading() as session:
        won = (
            session.execute(select(func.count()).select_from(Draw).where(Draw.status == "bound").group_by(Draw.openid))
            .scalars()
            .all()
        )
        assert set(won) <= {1}
        assert len(won) == drawn > 0
        assert session.execute(select(func.count()).select_from(Order)).scalar_one() == PACKETS
    assert {name: rows for name, rows in invariants.check(database).items() if rows} == {}
    assert "broken" not in world.call("GET", "bank?check=1") or world.call("GET", "bank?check=1")["broken"] == []
    database.close()
