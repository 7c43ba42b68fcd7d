"""Real processes die by kill -9 while people draw, tap 领取 and confirm: no award is lost, none is paid twice, one bill is live."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.flows.test_killed_payouts import SLOW, kill_parts
from tests.flows.town import GOES_WRONG
from tests.instant.stage import approved
from wxbot import invariants
from wxbot.demo.actors import Person, StoryProblem, World, until
from wxbot.demo.faults import BILL, BILL_NOTICE, BILL_QUERY
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
        seen = self.ask(origin)
        self.confirm()
        return bool(seen) and set(seen) == {"paid"}

    def ask(self, origin: str, verb: str = "collect") -> list[str]:
        """Tap 领取 on what is open, or look at all there is, as the page's script does; returns how each stood before."""
        asked = {"Accept": "application/json", "Origin": origin}
        mine = self.session.get(f"{origin}/h5/awards", headers=asked, timeout=10).json()
        for award in mine["awards"]:
            if award["state"] == "open" or verb != "collect":
                headers = asked | {"X-Form-Mark": mine["form_mark"]}
                self.session.post(f"{origin}/h5/awards/{award['id']}/{verb}", headers=headers, timeout=10)
        return [award["state"] for award in mine["awards"]]

    def bills(self) -> list[dict[str, Any]]:
        """This person's transfers at WeChat."""
        found: list[dict[str, Any]] = self.world.call("GET", f"people/{self.id}/transfers")["transfers"]
        return found

    def confirm(self) -> None:
        """Take every transfer that waits."""
        for bill in self.bills():
            if bill["state"] == "WAIT_USER_CONFIRM":
                self.world.call("POST", f"people/{self.id}/transfers/{bill['transfer_bill_no']}/confirm")


HELD_UP = {"kind": "slow", "seconds": 6, "is_landed": True}
STEPS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "before_the_bill": (BILL, HELD_UP | {"is_landed": False}, {"kind": "repeat"}),
    "the_bill_is_made": (BILL, HELD_UP, {"kind": "garble"}),
    "the_money_is_taken": (BILL_QUERY, HELD_UP, {"kind": "slow", "seconds": 3}),
}
"""Where the worker dies: the call that is held up at that moment with its fault, and what happens to WeChat's notice of the end."""


@pytest.mark.proof
@pytest.mark.timeout(400)
def test_a_worker_dies_with_each_answer_on_its_way_and_the_deadline_passes_meanwhile(stage: Stage) -> None:
    """WeChat has made the bill, or has paid it, and no row of ours says so: nothing is forfeited, one bill lives, one payment."""
    world = World(stage.wechat_url)
    world.call("POST", "bank/topup", {"amount_fen": 1_000_000})
    known = world.call("POST", "people", {"count": len(STEPS)})["people"]
    people = [Winner(world, one) for one in known]
    with closing(Runtime(stage.settings())) as runtime:
        claims: dict[str, Any] = {"terms": {"claim_s": 3 * 3600}}
        wheel = approved(runtime, {"stock": len(people)}, tries_per_person=1, tries_per_day=1, **claims)
        page = f"{stage.public_url}{wheel.path}"
        for one, (step, (call, fault, late)) in zip(people, STEPS.items(), strict=True):
            one.take_phone()
            world.call("PUT", f"faults/{BILL_NOTICE}", late)
            until(partial(once, one._draw, page, stage.public_url), "the draw")
            number = dies_at(stage, world, runtime, one, step, call, fault)
            # The deadline passes while nobody of ours knows how it stands.
            world.call("POST", "clock", {"advance_s": 4 * 3600})
            stage.start_worker()
            until(partial(is_paid, runtime, one, stage.public_url), f"the award of {step}")
            bank = world.call("GET", "bank/orders?limit=500")["orders"]
            assert [row["mch_billno"] for row in bank if row["openid"] == one.known["openid"]] == [number], step
            assert world.call("GET", f"people/{one.id}/wallet")["wallet_fen"] == 100
        settled(world, runtime, people, 1)


def once(do: Callable[..., bool], *arguments: Any) -> bool:
    with suppress(*GOES_WRONG, KeyError):
        return do(*arguments)
    return False


def dies_at(
    stage: Stage, world: World, runtime: Runtime, one: Winner, step: str, call: str, fault: dict[str, Any]
) -> str:
    """Bring one award to this step and kill the worker in it; returns the number of its order."""
    openid = str(one.known["openid"])
    if step == "the_money_is_taken":
        one.ask(stage.public_url)
        until(lambda: at_wechat(one) == "WAIT_USER_CONFIRM", "the bill")
        until(lambda: order_of(runtime, openid).status == "accepted", "our row of it")
    world.call("PUT", f"faults/{call}", fault)
    if step == "the_money_is_taken":
        one.confirm()
        one.ask(stage.public_url, "look")
        until(lambda: hits(world, call) > 0, "the question")
    else:
        one.ask(stage.public_url)
        until(lambda: hits(world, call) > 0, "the call")
    if step == "the_bill_is_made":
        until(lambda: at_wechat(one) == "WAIT_USER_CONFIRM", "the bill")
    stage.kill("worker")
    order = order_of(runtime, openid)
    assert order.status == ("accepted" if step == "the_money_is_taken" else "sending"), step
    assert (at_wechat(one) == "SUCCESS") is (step == "the_money_is_taken")
    world.call("DELETE", f"faults/{call}")
    return order.mch_billno


def hits(world: World, call: str) -> int:
    """How many calls have met the fault."""
    return int(world.call("GET", "faults")["faults"][f"/{call}"]["hits"])


def at_wechat(one: Winner) -> str:
    """How the newest bill of somebody stands there; empty when there is none."""
    return str(one.bills()[-1]["state"]) if one.bills() else ""


def order_of(runtime: Runtime, openid: str) -> Order:
    with runtime.database.reading() as session:
        return session.scalars(select(Order).where(Order.openid == openid)).one()


def is_paid(runtime: Runtime, one: Winner, origin: str) -> bool:
    """Tap, confirm, and let the clock pass what the dead have leased, until it is paid. Nothing may be forfeited on the way."""
    once(one._collect, origin)
    one.world.call("POST", "clock", {"advance_s": 95})
    with runtime.database.reading() as session:
        status = session.scalars(select(Award.status).where(Award.openid == str(one.known["openid"]))).one()
    assert status != "forfeited"
    time.sleep(1)
    return status == "paid"


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


def nothing_is_collecting(runtime: Runtime) -> bool:
    """Whether each award has an end."""
    with runtime.database.reading() as session:
        return not session.scalars(select(Award.id).where(Award.status == "collecting")).first()


def settled(world: World, runtime: Runtime, people: Sequence[Winner], each: int = TRIES) -> None:
    """The bank paid each award once by one number, wallets hold it, and every book agrees."""
    # The worker settles an award a step behind its order.
    until(partial(nothing_is_collecting, runtime), "what was received is settled")
    with runtime.database.reading() as session:
        awards = list(session.scalars(select(Award)))
        live = select(func.count()).select_from(Order).where(Order.status.not_in(DEAD))
        paid = session.execute(live.where(Order.status == "received")).scalar_one()
        assert session.execute(live).scalar_one() == paid == len(awards) == len(people) * each
    assert {award.status for award in awards} == {"paid"}
    bank = world.call("GET", "bank/orders?limit=500")["orders"]
    assert [row["paid_fen"] for row in bank if row["paid_fen"]] == [100] * len(awards)
    for one in people:
        assert world.call("GET", f"people/{one.id}/wallet")["wallet_fen"] == 100 * each
    assert {name: rows for name, rows in invariants.check(runtime.database).items() if rows} == {}
