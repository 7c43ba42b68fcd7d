"""Real processes die by kill -9 while people draw, tap 领取 and confirm: no award is lost, none is paid twice, one bill is live."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.flows.test_killed_payouts import SLOW, kill_parts
from tests.flows.town import GOES_WRONG
from tests.instant.stage import approved
from wxbot import invariants
from wxbot.demo.actors import Person, StoryProblem, World
from wxbot.demo.faults import BILL
from wxbot.demo.stage import Stage
from wxbot.instant.models import Award
from wxbot.orders.models import DEAD, Order
from wxbot.runtime import Runtime

PEOPLE, TRIES = 6, 3
DEADLINE_S = 120


class Winner(Person):
    """Somebody who draws until no try is left, and takes what they won."""

    def play(self, page: str, origin: str) -> None:
        """Draw, tap and confirm until everything that was won is there; whatever breaks off is done again."""
        ends = time.monotonic() + DEADLINE_S
        while time.monotonic() < ends:
            with suppress(*GOES_WRONG, KeyError):
                if self._draw(page, origin) and self._collect(origin):
                    return
            time.sleep(0.2)
        raise StoryProblem(f"person {self.id} has not got everything in {DEADLINE_S} s")

    def _draw(self, page: str, origin: str) -> bool:
        """One draw with the nonce of the page, which a broken answer does not use up; whether no try is left."""
        state = self.open_page(page)
        live: dict[str, Any] = self.session.get(f"{page}/state", timeout=10).json()
        if live["tries_left"]:
            body = {"page_token": state["page_token"], "nonce": live["nonce"]}
            self.session.post(f"{page}/draw", json=body, headers={"Origin": origin}, timeout=10)
        return not live["tries_left"]

    def _collect(self, origin: str) -> bool:
        """Tap what is open, confirm what waits; whether all of it is paid."""
        self.session.get(f"{origin}/h5/awards", timeout=10)
        asked = {"Accept": "application/json", "Origin": origin}
        mine = self.session.get(f"{origin}/h5/awards", headers=asked, timeout=10).json()
        for award in mine["awards"]:
            if award["state"] == "open":
                headers = asked | {"X-Form-Mark": mine["form_mark"]}
                self.session.post(f"{origin}/h5/awards/{award['id']}/collect", headers=headers, timeout=10)
        for bill in self.world.call("GET", f"people/{self.id}/transfers")["transfers"]:
            if bill["state"] == "WAIT_USER_CONFIRM":
                self.world.call("POST", f"people/{self.id}/transfers/{bill['transfer_bill_no']}/confirm")
        return bool(mine["awards"]) and all(award["state"] == "paid" for award in mine["awards"])


@pytest.mark.proof
@pytest.mark.timeout(400)
def test_web_and_worker_are_killed_while_people_draw_and_collect(stage: Stage) -> None:
    world = World(stage.wechat_url)
    world.call("POST", "bank/topup", {"amount_fen": 1_000_000})
    known = world.call("POST", "people", {"count": PEOPLE})["people"]
    people = [Winner(world, one) for one in known]
    with closing(Runtime(stage.settings())) as runtime:
        wheel = approved(runtime, {"stock": PEOPLE * TRIES}, tries_per_person=TRIES, tries_per_day=TRIES)
        page = f"{stage.public_url}{wheel.path}"
        world.call("PUT", f"faults/{BILL}", SLOW)
        for one in people:
            one.take_phone()
        with ThreadPoolExecutor(PEOPLE) as crowd:
            playing = [crowd.submit(one.play, page, stage.public_url) for one in people]
            kill_parts(stage, runtime.database, 4)
            world.call("DELETE", "faults")
            for _ in range(20):
                world.call("POST", "clock", {"advance_s": 95})  # leases of the dead run out
                time.sleep(1.5)
                if all(each.done() for each in playing):
                    break
            for each in playing:
                each.result()
        settled(world, runtime, people)


def settled(world: World, runtime: Runtime, people: Sequence[Winner]) -> None:
    """The bank paid each award once by one number, wallets hold it, and every book agrees."""
    with runtime.database.reading() as session:
        awards = list(session.scalars(select(Award)))
        live = select(func.count()).select_from(Order).where(Order.status.not_in(DEAD))
        paid = session.execute(live.where(Order.status == "received")).scalar_one()
        assert session.execute(live).scalar_one() == paid == len(awards) == PEOPLE * TRIES
    assert {award.status for award in awards} == {"paid"}
    bank = world.call("GET", "bank/orders?limit=500")["orders"]
    assert [row["paid_fen"] for row in bank if row["paid_fen"]] == [100] * len(awards)
    for one in people:
        assert world.call("GET", f"people/{one.id}/wallet")["wallet_fen"] == 100 * TRIES
    assert {name: rows for name, rows in invariants.check(runtime.database).items() if rows} == {}
