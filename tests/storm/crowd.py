"""The people and the staff of a storm: they draw, hand in vouchers, upload and approve lists, take their money, and try again
whenever something breaks under them. What they do goes over HTTP, as everybody else's.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import redis as redis_client
from sqlalchemy import or_, select

from tests.flows.town import GOES_WRONG, Town, count
from tests.storm.boxes import Deployment
from wxbot.campaigns.models import Campaign
from wxbot.clock import SHANGHAI, Clock
from wxbot.db import Database
from wxbot.demo import seed, setup
from wxbot.demo.actors import World
from wxbot.demo.expected import Owed
from wxbot.demo.people_clients import Promoter
from wxbot.demo.seed import CASHIER, MARKETER, PASSWORD, REVIEWER, SECOND_CASHIER, SECOND_REVIEWER, Account
from wxbot.demo.setup import BOXES, FIXED, FREE
from wxbot.demo.staff_clients import DeskClerk
from wxbot.money import parse_yuan, yuan
from wxbot.orders import bill_faults
from wxbot.orders.models import Order
from wxbot.payouts.models import BudgetChange, PayList, Payout
from wxbot.vouchers.models import Voucher

TICKETS_END_S = 73 * 3600
PATIENCE_S = 12
"""How long somebody in a storm waits for an answer in the chat."""

WALKERS = 4
STOCKED_S = 90
"""How long a campaign that was launched may take until its first packet can be drawn."""

TIGHT, TIGHT_FEN, GRANT_FEN = "紧预算", 6_000, 500_000
"""Budget of the programme that is asked for more than it has; more is granted when the storm is over."""

PACKETS, TRANSFERS = "辛苦了，祝您天天开心", "进货返利"
"""Wishes of the demo's two programmes; a wish tells the bank's records of one budget from another's."""

GENEROUS = {
    "cash_per_second": 1000,
    "cash_per_minute": 100_000,
    "per_minute": 100_000,
    "per_day": 1_000_000,
    "transfer_per_second": 1000,
    "transfer_query_per_second": 1000,
    "cash_user_packets_per_day": 100_000,
    "cash_user_fen_per_day": 100_000_000,
    "user_packets_per_day": 100_000,
    "user_fen_per_day": 100_000_000,
    "transfer_user_fen_per_day": 100_000_000,
    "transfer_user_count_per_day": 100_000,
    "transfer_fen_per_day": 1_000_000_000,
}
"""The simulated bank's limits: what is tried here is not them."""

LIMITS = {"person_packets_per_day": 100_000, "person_fen_per_day": 100_000_000, "pay_per_day": 1_000_000}
"""Our own of the same kind."""


class StormClerk(DeskClerk):
    """A clerk who can also ask for more budget."""

    def more_budget(self, programme_id: int, fen: int) -> None:
        """Ask for more; another cashier must agree."""
        page = self._read(f"/programmes/{programme_id}")
        asked = {"amount": yuan(fen).replace(",", ""), "direction": "more", "note": "名单补足"}
        self._post(f"/programmes/{programme_id}/changes", page, **asked)


class Desk:
    """A member of staff who signs in again when the session is gone: after a day, or with a Redis that forgot it."""

    def __init__(self, base_url: str, account: Account) -> None:
        self._base_url, self._account = base_url, account
        self._clerk: StormClerk | None = None

    def try_to(self, verb: Callable[[StormClerk], object]) -> bool:
        """Do one thing; False when it broke off, whether it was done or not."""
        try:
            if self._clerk is None:
                self._clerk = StormClerk(self._base_url, self._account.login, PASSWORD)
            verb(self._clerk)
        except GOES_WRONG:
            self._clerk = None
            return False
        return True


class Crowd:
    """Everybody. `settle_in` before the storm, `begin` and `end` around it, `come_to_rest` after it."""

    def __init__(
        self, deployment: Deployment, database: Database, clock: Clock, people: int, chance: int, rest_s: float = 0.0
    ) -> None:
        """`rest_s`: how long each walker rests after whatever it did."""
        self.world = World(deployment.wechat.base)
        self.database, self.clock = database, clock
        self.base_url, self._redis_url = deployment.url, deployment.redis.url
        self.did: Counter[str] = Counter()
        self.lists: dict[str, list[tuple[str, str, str, str]]] = {}
        """Lists that were meant to be paid: name → rows."""
        self.campaigns: dict[str, tuple[int, int]] = {}
        """Campaigns: wish on each packet → (budget in fen, beacon)."""
        self.wishes: dict[str, int] = {}
        """What stands on everything paid from a budget → the budget in fen."""
        self._chance, self._receipts, self._rest_s = chance, 0, rest_s
        self._guard = threading.Lock()
        self._is_over = threading.Event()
        self._threads: list[threading.Thread] = []
        for path, changes in (("bank/limits", GENEROUS), ("switches", {"draws_per_minute": 100_000})):
            self.world.call("PUT", path, changes)
        seed.hire(database, clock.now())
        self.town = Town(deployment.url, self.world, database, people)
        for person in self.people:
            person.patience_s = PATIENCE_S
            person.session.headers["Connection"] = "close"  # each request may meet another box
        self.marketer, self.cashier, self.second_cashier, *self.reviewers = (
            Desk(self.base_url, account) for account in (MARKETER, CASHIER, SECOND_CASHIER, REVIEWER, SECOND_REVIEWER)
        )

    @property
    def people(self) -> list[Promoter]:
        """The people with phones."""
        return self.town.people

    # --- before ---------------------------------------------------------------------------------------------------

    def settle_in(self, packets: int) -> None:
        """People bind their phones; two campaigns go on, one of two days and one of two months; a tight budget is made."""
        with ThreadPoolExecutor(WALKERS) as crowd:
            list(crowd.map(self._bind, self.people))
        texts = {"send_name": "示例小店", "needs_binding": "1", "channel": "", "person_per_month": ""}
        self.tight_id = self.town.office.cashier.programme(
            department="风暴",
            name=TIGHT,
            act_name=TIGHT,
            wishing=TIGHT,
            remark=TIGHT,
            amount=yuan(TIGHT_FEN),
            **texts,
        )
        self.town.office.second_cashier.agree_to_budgets(self.tight_id)
        self.wishes |= {PACKETS: 500_000, TRANSFERS: 300_000, TIGHT: TIGHT_FEN}
        for days in (2, 60):
            self.open_campaign(f"风暴{days}天", days, packets)
        for _, beacon in self.campaigns.values():
            for person in self.people[:2]:
                self._win(person, beacon)
        self.world.call("POST", "push_settings", {"bind_delay_s": 0.2, "bind_repeat": 1})

    def _bind(self, person: Promoter) -> None:
        person.follow()
        person.bind_in_chat()

    @staticmethod
    def _win(person: Promoter, beacon: int) -> None:
        """Draw a packet while the weather is fine and open it: whatever the storm brings, the judge can be tried on a few."""
        person.walk_to(beacon)
        deadline, answer = time.monotonic() + STOCKED_S, dict[str, Any]()
        while "jump" not in answer:
            assert time.monotonic() < deadline, f"nobody could draw before the storm: {answer}"
            with suppress(*GOES_WRONG):  # before the page is linked a shake brings no card
                url = person.shake()
                answer = person.ask_to_draw(url, person.open_page(url))
            time.sleep(0.5)
        person.jump(url, answer["jump"])
        assert person.open_packets(), "a packet that was drawn is not on the phone"

    def open_campaign(self, name: str, days: int, packets: int) -> None:
        """A campaign on a beacon of its own, written, approved and launched in the console."""
        device_id = int(self.world.call("POST", "beacons", {"comment": name})["beacon"]["device_id"])
        now, budget_fen = self.clock.now().astimezone(SHANGHAI), packets * 200
        form = {
            "name": name,
            "begin_at": f"{now - timedelta(minutes=1):%Y-%m-%dT%H:%M}",
            "end_at": f"{now + timedelta(days=days):%Y-%m-%dT%H:%M}",
            "daily_from": "00:00",
            "daily_until": "24:00",
            "budget": yuan(budget_fen).replace(",", ""),
            "split": "random",
            "packet_count": str(packets),
            "min_amount": "1.00",
            "max_amount": "8.88",
            "tries_per_person": "20",
            "tries_per_day": "20",
            "odds": "100",
            "expected_people": str(packets),
            "send_name": "示例小店",
            "act_name": "风暴",
            "wishing": name,
            "remark": name,
            "title": name,
            "description": "摇一摇",
            "organiser": "示例小店",
            "contact": "400-000-0000",
            "device_ids": str(device_id),
            "rules": "到店打开微信摇一摇。",
        }
        campaign_id = self.town.office.marketer.draft(**form)
        for clerk, button in (("marketer", "submit"), ("cashier", "approve"), ("marketer", "launch")):
            getattr(self.town.office, clerk).press(campaign_id, button)
        self.campaigns[name] = (budget_fen, device_id)
        self.wishes[name] = budget_fen

    # --- meanwhile ------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Everybody starts."""
        works: list[Callable[..., None]] = [self._walk] * WALKERS
        works += [self._review, self._pay_lists]
        for n, work in enumerate(works):
            dice = random.Random(self._chance * 1000 + n)
            share = self.people[n::WALKERS] if n < WALKERS else []
            thread = threading.Thread(target=self._go_on, args=(work, dice, share), name=f"crowd-{n}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def end(self) -> None:
        """Everybody finishes what they are at."""
        self._is_over.set()
        for thread in self._threads:
            thread.join(180)
        assert not [thread.name for thread in self._threads if thread.is_alive()]

    def _go_on(self, work: Callable[..., None], dice: random.Random, share: list[Promoter]) -> None:
        while not self._is_over.is_set():
            try:
                work(dice, *([dice.choice(share)] if share else []))
            except GOES_WRONG as problem:
                with self._guard:
                    self.did[f"broken off: {type(problem).__name__}"] += 1
                self._is_over.wait(0.4)

    def _note(self, what: str) -> None:
        with self._guard:
            self.did[what] += 1

    def _walk(self, dice: random.Random, person: Promoter) -> None:
        """One person does one thing."""
        acts = (self._draw, self._take, self._hand_in, self._talk)
        dice.choices(acts, (10, 6, 2, 1))[0](dice, person)
        self._is_over.wait(self._rest_s)

    def _draw(self, dice: random.Random, person: Promoter) -> None:
        person.walk_to(dice.choice(list(self.campaigns.values()))[1])
        url = person.shake()
        answer = person.ask_to_draw(url, person.open_page(url))
        if "jump" in answer:
            person.jump(url, answer["jump"])
        self._note(f"drew: {answer.get('outcome')}")

    def _take(self, _dice: random.Random, person: Promoter) -> None:
        self._note("took money" if person.take_money() + bool(person.open_packets()) else "found nothing to take")

    def _hand_in(self, dice: random.Random, person: Promoter) -> None:
        kind, value = dice.choice(((FIXED, ""), (BOXES, "2"), (FREE, "3.50")))
        with self._guard:
            self._receipts += 1
            photo = 10_000 + self._receipts
        person.upload_on_page("storm", kind, value, [setup.receipt(photo)])
        self._note("handed in")

    def _talk(self, _dice: random.Random, person: Promoter) -> None:
        person.say("我的红包", "红包|没有|元")
        self._note("talked")

    def _review(self, dice: random.Random) -> None:
        """One of the reviewers empties the queue."""
        if dice.choice(self.reviewers).try_to(lambda clerk: clerk.review(self.town.decide)):
            self._note("reviewed")
        self._is_over.wait(2)

    def _pay_lists(self, dice: random.Random) -> None:
        """One list after the other, and now and then a payout by hand."""
        self.add_list(dice.choice(("packets", "transfers", "packets", "transfers", "tight")))
        self.further_lists(until=time.monotonic() + 20)
        self._is_over.wait(dice.uniform(4, 9))

    # --- lists ----------------------------------------------------------------------------------------------------

    def add_list(self, programme: str) -> None:
        """A list that pays everybody a little; no two are the same file, which would be refused."""
        n = len(self.lists)
        rows = [
            (person.phone.removeprefix("+86"), "", f"{1 + (n + k) % 3}.{n % 10}{k % 10}", f"第 {n} 份")
            for k, person in enumerate(self.people)
        ]
        self.lists[f"{programme} {n}"] = rows

    def further_lists(self, until: float) -> bool:
        """Bring every list a step nearer to its approval until none is left or time is up; whether none is left.

        Where a list stands is read from the database, since an answer may have been lost.
        """
        while open_lists := self._open_lists():
            if time.monotonic() > until:
                return False
            if not all(self._further(name, found) for name, found in open_lists):
                time.sleep(0.4)
        return True

    def _open_lists(self) -> list[tuple[str, PayList | None]]:
        with self.database.reading() as session:
            known = {one.name: one for one in session.scalars(select(PayList).where(PayList.name.in_(self.lists)))}
        return [
            (name, known.get(name))
            for name in list(self.lists)
            if name not in known or known[name].status in ("draft", "submitted")
        ]

    def _further(self, name: str, found: PayList | None) -> bool:
        rows = self.lists[name]
        if found is None:
            place = {"packets": self.town.office.packets_id, "transfers": self.town.office.transfers_id}
            programme_id = place.get(name.split()[0], self.tight_id)
            return self.marketer.try_to(lambda clerk: clerk.upload_list(programme_id, name, rows))
        if found.status == "draft":
            return self.marketer.try_to(lambda clerk: clerk.submit_list(found.id))
        for person, row in zip(self.people, rows, strict=True):
            self.town.promise(Owed("row", found.id, person.openid, parse_yuan(row[2])))
        return self.cashier.try_to(lambda clerk: clerk.approve_list(found.id))

    # --- afterwards -----------------------------------------------------------------------------------------------

    def come_to_rest(self, patience_s: float, say: Callable[[str], None]) -> list[str]:
        """After the weather: every desk is emptied, everybody takes what is theirs, days go by until nothing moves any more.
        Returns what would not come to rest."""
        until = time.monotonic() + patience_s
        self.world.call("POST", "bank/topup", {"amount_fen": 2_000_000})
        self._grant_more(until)
        steps = (
            ("lists", self._lists_are_paid),
            ("vouchers and payouts", self._are_settled),
            ("campaigns", self._are_closed),
            ("fund bills", self._are_bills_read),
        )
        restless = []
        for name, is_done in steps:
            say(f"until {name} come to rest")
            rounds = 0
            while not is_done(rounds):
                rounds += 1
                if time.monotonic() > until:
                    restless.append(f"{name} do not come to rest")
                    break
        return restless

    def _grant_more(self, until: float) -> None:
        """Every programme gets what it may lack, by two cashiers: in a long storm on a quick machine not only the tight one."""
        office = self.town.office
        for wish, programme_id in (
            (TIGHT, self.tight_id),
            (PACKETS, office.packets_id),
            (TRANSFERS, office.transfers_id),
        ):
            mine = BudgetChange.programme_id == programme_id
            granted = partial(count, self.database, BudgetChange, mine, BudgetChange.status == "approved")
            before = granted()
            while granted() == before:  # a press may be told that the database is busy
                assert time.monotonic() < until, f"no more budget for {wish}"
                if not count(self.database, BudgetChange, mine, BudgetChange.status == "requested"):
                    self.cashier.try_to(partial(StormClerk.more_budget, programme_id=programme_id, fen=GRANT_FEN))
                self.second_cashier.try_to(partial(StormClerk.agree_to_budgets, programme_id=programme_id))
            self.wishes[wish] += GRANT_FEN

    def _lists_are_paid(self, _rounds: int) -> bool:
        return self.further_lists(until=time.monotonic() + 5)

    def _are_settled(self, rounds: int) -> bool:
        """A round of both reviewers, then everybody takes what waits and some minutes go by. A week passes once, for vouchers
        whose photo broke off on its way, and a day now and then. Orders that need staff wait for them."""
        for desk in self.reviewers:
            desk.try_to(lambda clerk: clerk.review(self.town.decide))
        with ThreadPoolExecutor(WALKERS) as crowd:
            list(crowd.map(self._take_all, self.people))
        needs_staff = select(Order.id).where(Order.status == "manual")
        is_open = Payout.status.in_(("requested", "approved", "ordered"))
        payouts = count(
            self.town.database, Payout, is_open, or_(Payout.order_id.is_(None), Payout.order_id.not_in(needs_staff))
        )
        if not payouts + count(self.town.database, Voucher, Voucher.status.not_in(("approved", "rejected"))):
            return True
        self.town.world.pass_time(8 * 86_400 if rounds == 6 else 86_400 if rounds % 6 == 5 else 120)
        return False

    @staticmethod
    def _take_all(person: Promoter) -> None:
        with suppress(*GOES_WRONG):
            person.take_money()

    def _are_bills_read(self, _rounds: int) -> bool:
        """The days that went by in minutes have their bills, too. The worker looks for them every ten minutes of the real time;
        a schedule that Redis has forgotten makes it look now."""
        with self.database.reading() as session:
            if not bill_faults.unread_days(session, self.clock.now()):
                return True
        with redis_client.Redis.from_url(self._redis_url) as connection:
            connection.delete("wxbot:tick:orders.bill")
        self.town.world.pass_time(600)
        return False

    def _are_closed(self, rounds: int) -> bool:
        """Campaigns are closed by the marketer, and three days later hold nothing any more."""
        with self.database.reading() as session:
            standing = dict(session.execute(select(Campaign.id, Campaign.status)).all())
        for campaign_id in (one for one, status in standing.items() if status not in ("closing", "closed")):
            self.marketer.try_to(lambda clerk, each=campaign_id: clerk.press(each, "close"))  # type: ignore[misc]
        if all(status == "closed" for status in standing.values()):
            return True
        self.town.world.pass_time(TICKETS_END_S if rounds % 10 == 0 else 600)
        return False
