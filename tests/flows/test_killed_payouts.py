"""Real processes die by kill -9 while vouchers are approved and payouts are sent: nobody is paid twice, nobody forgotten."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import redis as redis_client

from tests.flows.town import GOES_WRONG, Town, count
from tests.servers import children_of
from wxbot import invariants
from wxbot.db import Database
from wxbot.demo import expected
from wxbot.demo.actors import World
from wxbot.demo.expected import Owed
from wxbot.demo.faults import BILL, PACKET
from wxbot.demo.stage import Stage
from wxbot.money import parse_yuan
from wxbot.orders.channels import DIRECT
from wxbot.orders.models import Order
from wxbot.payouts.models import Payout
from wxbot.vouchers.models import Voucher

SLOW = {"kind": "slow", "seconds": 0.4}
"""Calls take long enough to be cut in the middle."""


def kill_parts(stage: Stage, database: Database, rounds: int) -> int:
    """Kill the worker in the middle of a request and one of gunicorn's processes, in turn, and empty Redis; each comes
    back. Returns how many workers died with requests on the wire.

    From the main thread only: a process that was started by a thread ends with it (Stage ties children to their parent).
    """
    on_the_wire = 0
    for _ in range(rounds):
        deadline = time.monotonic() + 12
        while not count(database, Order, Order.status == "sending") and time.monotonic() < deadline:
            time.sleep(0.05)
        stage.kill("worker")
        on_the_wire += count(database, Order, Order.status == "sending") > 0
        redis_client.Redis.from_url(stage.settings().redis_url).flushall()  # its tasks and the dead sender's lock (F02)
        stage.start_worker()
        web = children_of(stage.pid("web"))
        if len(web) >= 2:
            os.kill(web[0], signal.SIGKILL)
    return on_the_wire


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.proof
def test_web_and_worker_are_killed_while_people_are_paid(stage: Stage) -> None:
    people, rounds = 25, 8
    database, _ = stage.parts()
    town = Town(stage.public_url, World(stage.wechat_url), database, people)
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
        on_the_wire = kill_parts(stage, database, rounds)
        for each in reviewing:
            each.result()
    assert on_the_wire > 0
    assert count(database, Voucher, Voucher.status == "approved") == 2 * people

    town.world.call("DELETE", "faults")
    for _ in range(60):
        for person in town.people:
            with suppress(*GOES_WRONG):  # the last process that was killed may have had the request
                person.take_money()
        if count(database, Payout, Payout.status == "paid") == 3 * people:
            break
        town.world.pass_time(100)  # leases of the dead run out, what was refused is asked about
    bank = {row["mch_billno"]: row for channel in DIRECT for row in expected.orders_of(town.world, channel)}
    wallets = {person.openid: person.wallet() for person in town.people}
    found = town.judge(bank, wallets)
    assert (found.double_paid, found.lost, found.mismatches) == (0, 0, 0), found.notes
    assert found.ends == {"paid": 3 * people}
    assert len(bank) == count(database, Order) == 3 * people, "a payout has more than one number"
    assert {name: rows for name, rows in invariants.check(town.database).items() if rows} == {}
    the_judge_sees(town, bank, wallets)
    database.close()


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
