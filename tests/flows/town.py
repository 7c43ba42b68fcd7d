"""A town for stories in which processes die: people who hand in vouchers, staff who decide, and what is owed by it."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import requests
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.exc import SQLAlchemyError

from wxbot.db import Database
from wxbot.demo import expected, setup
from wxbot.demo.actors import StoryProblem, World
from wxbot.demo.expected import Judgement, Owed
from wxbot.demo.people_clients import Promoter
from wxbot.demo.setup import BOXES, FIXED, Office
from wxbot.demo.staff_clients import DeskClerk, OnDesk
from wxbot.money import parse_yuan
from wxbot.orders.models import Order
from wxbot.payouts.models import BudgetChange, Payout
from wxbot.vouchers.models import Voucher

GOES_WRONG = (requests.RequestException, StoryProblem, SQLAlchemyError, ValueError)
"""What people and staff meet when a process dies under them; they try again."""


def count(database: Database, model: type[Voucher | Payout | Order | BudgetChange], *where: ColumnElement[bool]) -> int:
    """How many rows there are."""
    with database.reading() as session:
        return session.execute(select(func.count(model.id)).where(*where)).scalar_one()


class Town:
    """People with vouchers, an office, and what is owed."""

    def __init__(self, base_url: str, world: World, database: Database, people: int) -> None:
        self.base_url, self.world, self.database = base_url, world, database
        made = world.call("POST", "people", {"count": people})["people"]
        self.people = [Promoter(world, known, base_url=base_url) for known in made]
        self.office: Office = setup.create(base_url, setup.roster_of(self.people))
        world.call("POST", "bank/topup", {"amount_fen": 1_000_000})
        self.owed: dict[tuple[str, int, str], Owed] = {}

    def promise(self, each: Owed) -> None:
        self.owed[each.kind, each.number, each.openid] = each

    def join(self, n: int) -> None:
        person = self.people[n]
        person.follow()
        person.bind_in_chat()
        person.upload_on_page("a", FIXED, "", [setup.receipt(2 * n)])
        person.upload_on_page("b", BOXES, "3", [setup.receipt(2 * n + 1)])

    def decide(self, seen: OnDesk) -> tuple[str, dict[str, str]]:
        with self.database.reading() as session:
            openid = session.get_one(Voucher, seen.voucher_id).openid
        self.promise(Owed("voucher", seen.voucher_id, openid, parse_yuan(seen.amount)))
        return "approve", {"amount": seen.amount}

    def review_all(self, clerk: DeskClerk) -> None:
        """Until every voucher is approved; a page that breaks off is opened again, as a person would."""
        deadline = time.monotonic() + 90
        while count(self.database, Voucher, Voucher.status != "approved") and time.monotonic() < deadline:
            with suppress(*GOES_WRONG):
                clerk.review(self.decide)
            time.sleep(0.3)  # what was decided is carried out some seconds later

    def judge(self, bank: dict[str, Any], wallets: dict[str, list[int]]) -> Judgement:
        with self.database.reading() as session:
            return expected.judge(session, list(self.owed.values()), bank, wallets)
