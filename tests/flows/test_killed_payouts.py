"""Real processes die by kill -9 while vouchers are approved and payouts are sent: nobody is paid twice, nobody forgotten."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis as redis_client
import requests
from sqlalchemy import func, select

from tests.flows.test_killed import children_of
from wxbot import invariants
from wxbot.demo import office, owed
from wxbot.demo.actors import StoryProblem, World
from wxbot.demo.clerks import DeskClerk, OnDesk
from wxbot.demo.office import BOXES, FIXED, Office
from wxbot.demo.owed import Judgement, Owed
from wxbot.demo.promoters import Promoter
from wxbot.demo.stage import Stage
from wxbot.demo.weather import BILL, PACKET
from wxbot.money import parse_yuan
from wxbot.orders.channels import DIRECT
from wxbot.orders.models import Order
from wxbot.payouts.models import Payout
from wxbot.vouchers.models import Voucher

SLOW = {"kind": "slow", "seconds": 0.4}
"""Calls take long enough to be cut in the middle."""


class Town:
    """People with vouchers, an office, and what is owed."""

    def __init__(self, stage: Stage, people: int) -> None:
        self.stage = stage
        self.world = World(stage.wechat_url)
        self.database, self.clock = stage.parts()
        made = self.world.call("POST", "people", {"count": people})["people"]
        self.people = [Promoter(self.world, known, base_url=stage.public_url) for known in made]
        self.office: Office = office.found(stage.public_url, office.roster_of(self.people))
        self.world.call("POST", "bank/topup", {"amount_fen": 1_000_000})
        self.owed: dict[tuple[str, int, str], Owed] = {}

    def promise(self, each: Owed) -> None:
        self.owed[each.kind, each.number, each.openid] = each

    def join(self, n: int) -> None:
        person = self.people[n]
        person.follow()
        person.bind_in_chat()
        person.upload_on_page("a", FIXED, "", [office.receipt(2 * n)])
        person.upload_on_page("b", BOXES, "3", [office.receipt(2 * n + 1)])

    def decide(self, seen: OnDesk) -> tuple[str, dict[str, str]]:
        with self.database.reading() as session:
            openid = session.get_one(Voucher, seen.voucher_id).openid
        self.promise(Owed("voucher", seen.voucher_id, openid, parse_yuan(seen.amount)))
        return "approve", {"amount": seen.amount}

    def review_all(self, clerk: DeskClerk) -> None:
        """Until every voucher is approved; a page that breaks off is opened again, as a person would."""
        deadline = time.monotonic() + 90
        while self.count(Voucher, Voucher.status != "approved") and time.monotonic() < deadline:
            try:
                clerk.review(self.decide)
            except (requests.RequestException, StoryProblem):
                time.sleep(0.3)

    def count(self, model: type[Voucher] | type[Payout] | type[Order], *where: object) -> int:
        with self.database.reading() as session:
            return int(session.execute(select(func.count(model.id)).where(*where)).scalar_one())  # type: ignore[arg-type]

    def judge(self, bank: dict[str, Any], wallets: dict[str, list[int]]) -> Judgement:
        with self.database.reading() as session:
            return owed.judge(session, list(self.owed.values()), bank, wallets)

    def pass_time(self, seconds: float) -> None:
        self.world.call("POST", "clock", {"advance_s": seconds})
        time.sleep(1.2)


def kill_parts(town: Town, rounds: int) -> int:
    """Kill the worker in the middle of a request and one of gunicorn's processes, in turn, and empty Redis; each comes
    back. Returns how many workers died with requests on the wire.

    From the main thread only: a process that was started by a thread ends with it (Stage ties children to their parent).
    """
    stage, on_the_wire = town.stage, 0
    for _ in range(rounds):
        deadline = time.monotonic() + 12
        while not town.count(Order, Order.status == "sending") and time.monotonic() < deadline:
            time.sleep(0.05)
        stage.kill("worker")
        on_the_wire += town.count(Order, Order.status == "sending") > 0
        redis_client.Redis.from_url(stage.settings().redis_url).flushall()  # its tasks and the dead sender's lock (F02)
        stage.start_worker()
        web = children_of(stage.pid("web"))
        if len(web) >= 2:
            os.kill(web[0], signal.SIGKILL)
    return on_the_wire


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("people", "rounds"), [(5, 2), pytest.param(25, 8, marks=pytest.mark.proof)])
def test_web_and_worker_are_killed_while_people_are_paid(stage: Stage, people: int, rounds: int) -> None:
    town = Town(stage, people)
    with ThreadPoolExecutor(5) as crowd:
        list(crowd.map(town.join, range(people)))
    rows = [(one.phone.removeprefix("+86"), "", f"{7 + n}.70", "") for n, one in enumerate(town.people)]
    list_id = town.office.marketer.upload_list(town.office.transfers_id, "名单", rows)
    town.office.marketer.submit_list(list_id)
    town.office.cashier.approve_list(list_id)
    for one, row in zip(town.people, rows, strict=True):
        town.promise(Owed("row", list_id, one.openid, parse_yuan(row[2])))
    for call in (PACKET, BILL):
        town.world.call("PUT", f"faults/{call}", SLOW)

    with ThreadPoolExecutor(2) as desk:
        reviewing = [desk.submit(town.review_all, one) for one in (town.office.reviewer, town.office.second_reviewer)]
        on_the_wire = kill_parts(town, rounds)
        for each in reviewing:
            each.result()
    assert on_the_wire > 0
    assert town.count(Voucher, Voucher.status == "approved") == 2 * people

    town.world.call("DELETE", "faults")
    for _ in range(60):
        for person in town.people:
            person.take_money()
        if town.count(Payout, Payout.status == "paid") == 3 * people:
            break
        town.pass_time(100)  # leases of the dead run out, what was refused is asked about
    bank = {row["mch_billno"]: row for channel in DIRECT for row in owed.orders_of(town.world, channel)}
    wallets = {person.openid: person.wallet() for person in town.people}
    found = town.judge(bank, wallets)
    assert (found.double_paid, found.lost, found.mismatches) == (0, 0, 0), found.notes
    assert found.ends == {"paid": 3 * people}
    assert len(bank) == town.count(Order) == 3 * people, "a payout has more than one number"
    assert {name: rows for name, rows in invariants.check(town.database).items() if rows} == {}
    the_judge_sees(town, bank, wallets)
    town.database.close()


def the_judge_sees(town: Town, bank: dict[str, Any], wallets: dict[str, list[int]]) -> None:
    """The judge itself is tried: the same books with one thing wrong are never sound."""
    number, row = next(iter(bank.items()))
    someone, receipts = next(iter(wallets.items()))
    rest = {each: value for each, value in bank.items() if each != number}
    assert town.judge(bank | {"9" * 28: row}, wallets).double_paid == 1
    assert town.judge(bank | {number: {**row, "paid_fen": 2 * row["paid_fen"]}}, wallets).double_paid
    assert town.judge(bank | {number: {**row, "paid_fen": 0}}, wallets).lost
    assert town.judge(bank | {number: {**row, "openid": "oSOMEBODYELSE"}}, wallets).mismatches == 1
    assert town.judge(rest, wallets).lost
    assert town.judge(bank, wallets | {someone: receipts[1:]}).lost == 1
    assert town.judge(bank, wallets | {someone: [*receipts, 100]}).double_paid == 1
