"""The whole story without a person: a campaign of 200 packets, 260 people, three days, and two books that must agree."""

import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from wxbot import invariants, ledger
from wxbot.campaigns.models import FINAL_PACKETS, Campaign
from wxbot.campaigns.packets import counts as packet_counts
from wxbot.clock import SHANGHAI, Clock
from wxbot.db import Database
from wxbot.demo import expected
from wxbot.demo.actors import Clerk, Person, World, until
from wxbot.demo.bars import CROWD, Bars
from wxbot.demo.seed import CASHIER, MARKETER, PASSWORD
from wxbot.money import plain_yuan, yuan
from wxbot.orders.models import Order

PACKETS = 200
PEOPLE = 260
WITHOUT_SHAKE = 15
TRY_TWICE = 30
NEVER_OPEN = 40
BUDGET_FEN = 50_000
EXPIRY_S = 72 * 3600 + 900


@dataclass
class Tally:
    """What the story saw."""

    shakes: int = 0
    admitted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    opened_fen: int = 0


@dataclass
class Story:
    """One run against a running stage."""

    base_url: str
    world: World
    database: Database
    clock: Clock
    console: Console
    tally: Tally = field(default_factory=Tally)
    campaign_id: int = 0
    device_id: int = 0

    def play(self) -> dict[str, Any]:
        """Play it all; returns the summary. Raises StoryProblem when a step does not come to its end."""
        began = time.monotonic()
        with Bars(self.console) as bars:
            self._launch(bars)
            people = self._gather(bars)
            self._draw(bars, people)
            self._open(bars, people)
            self._close(bars)
        return self._summary(time.monotonic() - began)

    # --- the steps --------------------------------------------------------------------------------------------------

    def _launch(self, bars: Bars) -> None:
        bar = bars.add_task("起草、审批、启动 launch", total=4)
        beacon = self.world.call("POST", "beacons", {"comment": "门口"})["beacon"]
        self.device_id = int(beacon["device_id"])
        self.world.call("POST", "bank/topup", {"amount_fen": 10 * BUDGET_FEN})
        marketer, cashier = (
            Clerk(self.base_url, MARKETER.login, PASSWORD),
            Clerk(self.base_url, CASHIER.login, PASSWORD),
        )
        self.campaign_id = marketer.draft(**self._form())
        bars.advance(bar)
        for clerk, button in ((marketer, "submit"), (cashier, "approve"), (marketer, "launch")):
            clerk.press(self.campaign_id, button)
            bars.advance(bar)
        self.marketer = marketer
        bar = bars.add_task("下单并装入 order and load", total=PACKETS)

        def loaded() -> bool:
            count = self._count("loaded")
            bars.update(bar, completed=count)
            return count >= PACKETS and self._status() == "on"

        until(loaded, "packets to be loaded")

    def _form(self) -> dict[str, str]:
        now = self.clock.now().astimezone(SHANGHAI)
        return {
            "name": "一周年店庆",
            "begin_at": f"{now + timedelta(minutes=1):%Y-%m-%dT%H:%M}",
            "end_at": f"{now + timedelta(days=2):%Y-%m-%dT%H:%M}",
            "daily_from": "00:00",
            "daily_until": "24:00",
            "budget": plain_yuan(BUDGET_FEN),
            "split": "random",
            "packet_count": str(PACKETS),
            "min_amount": "1.00",
            "max_amount": "8.88",
            "tries_per_person": "3",
            "tries_per_day": "3",
            "odds": "100",
            "expected_people": str(PEOPLE),
            "send_name": "示例小店",
            "act_name": "店庆有礼",
            "wishing": "恭喜发财",
            "remark": "一周年店庆",
            "title": "店庆红包",
            "description": "摇一摇领红包",
            "organiser": "示例小店",
            "contact": "400-000-0000",
            "device_ids": str(self.device_id),
            "rules": "到店打开微信摇一摇即可参加，每人最多一个红包，72 小时内有效。",
        }

    def _gather(self, bars: Bars) -> Sequence[Person]:
        bar = bars.add_task("人来了 people", total=PEOPLE)
        made = self.world.call("POST", "people", {"count": PEOPLE})["people"]
        people = [Person(self.world, known) for known in made]
        for person in people:
            person.take_phone()
            person.walk_to(self.device_id)
            bars.advance(bar)
        self._wait_for_window()
        return people

    def _wait_for_window(self) -> None:
        """The campaign begins a minute after it was written: the simulated clock goes there at once."""
        with self.database.reading() as session:
            begin_at = session.get_one(Campaign, self.campaign_id).begin_at
        self.world.wait_until(begin_at.timestamp() + 1)

    def _draw(self, bars: Bars, people: Sequence[Person]) -> None:
        """Shake, authorise, draw. Binds come late and doubled; the last ones find nothing left."""
        self.world.call("POST", "push_settings", {"bind_delay_s": 0.4, "bind_repeat": 1})
        bar = bars.add_task("摇一摇、授权、抽奖 draw", total=PEOPLE)
        walkers, visitors = people[WITHOUT_SHAKE:], people[:WITHOUT_SHAKE]
        bars.each(bar, lambda person: self._one(person, False), visitors)
        bars.each(bar, lambda person: self._one(person, True), walkers[:PACKETS])
        until(lambda: self._count("loaded") == 0, "packets to be bound")
        bars.each(bar, lambda person: self._one(person, True), walkers[PACKETS:])
        with ThreadPoolExecutor(CROWD) as crowd:
            list(crowd.map(lambda person: self._one(person, True), walkers[:TRY_TWICE]))
        self.world.call("POST", "push_settings", {"bind_delay_s": 0.0, "bind_repeat": 0})

    def _one(self, person: Person, has_shaken: bool) -> None:
        """One person's try: through every door, like on a phone."""
        if has_shaken:
            url = person.shake()
            self.tally.shakes += 1
        else:
            with self.database.reading() as session:
                url = f"{self.base_url}/h5/c/{session.get_one(Campaign, self.campaign_id).slug}"
        answer = person.ask_to_draw(url, person.open_page(url))
        if "jump" not in answer:
            self.tally.refused[str(answer["outcome"])] += 1
            return
        self.tally.admitted += 1
        told = person.jump(url, answer["jump"])
        if told.get("code"):
            self.tally.refused[f"wechat_{told.get('reason', told['code'])}"] += 1

    def _open(self, bars: Bars, people: Sequence[Person]) -> None:
        winners = [person for person in people if self.world.call("GET", f"people/{person.id}/packets")["packets"]]
        openers = winners[: max(0, len(winners) - NEVER_OPEN)]
        bar = bars.add_task("拆红包 open", total=len(openers))
        random.Random(7).shuffle(openers)  # noqa: S311 - which of them open first, nothing secret
        for person in openers:
            self.tally.opened_fen += person.open_packets()
            bars.advance(bar)
        drawn = ("bound", "received", "returned")
        until(lambda: sum(map(self._count, drawn)) >= len(winners), "packets to be bound")

    def _close(self, bars: Bars) -> None:
        """Close in the console, let three days pass, wait until the books are at rest."""
        bar = bars.add_task("结束、72 小时后对账 settle", total=PACKETS)
        self.marketer.press(self.campaign_id, "close")
        self.world.call("POST", "clock", {"advance_s": EXPIRY_S})

        def settled() -> bool:
            with self.database.reading() as session:
                counts = packet_counts(session, self.campaign_id)
            bars.update(bar, completed=sum(counts.get(status, 0) for status in FINAL_PACKETS))
            return self._status() == "closed"

        until(settled, "the campaign to be closed")
        bars.update(bar, completed=PACKETS)

    # --- looking ----------------------------------------------------------------------------------------------------

    def _count(self, status: str) -> int:
        with self.database.reading() as session:
            return packet_counts(session, self.campaign_id).get(status, 0)

    def _status(self) -> str:
        with self.database.reading() as session:
            return session.get_one(Campaign, self.campaign_id).status

    def _summary(self, seconds: float) -> dict[str, Any]:
        """The books of both sides, and every way in which they differ."""
        at_bank = self._bank_orders()
        with self.database.reading() as session:
            counts = packet_counts(session, self.campaign_id)
            orders = session.scalars(select(Order).where(Order.budget_id == self.campaign_id)).all()
            paid_fen = ledger.balances(session, self.campaign_id)["paid"]
            returned_fen = ledger.total_posted(session, "returned", self.campaign_id)
            bound = session.execute(
                select(func.count())
                .select_from(ledger.Entry)
                .where(ledger.Entry.kind == "bound", ledger.Entry.budget_id == self.campaign_id)
            ).scalar_one()
        ours = {order.mch_billno: order for order in orders}
        mismatches = sum(invariants.check(self.database).values())
        mismatches += sum(1 for number in ours.keys() ^ at_bank.keys())
        mismatches += sum(1 for number, order in ours.items() if number in at_bank and _differs(order, at_bank[number]))
        mismatches += PACKETS - sum(counts.get(status, 0) for status in FINAL_PACKETS)
        return {
            "packets": PACKETS,
            "ordered": len(orders),
            "loaded": sum(1 for order in orders if order.sp_ticket_hash),
            "shakes": self.tally.shakes,
            "admitted": self.tally.admitted,
            "refused": dict(sorted(self.tally.refused.items())),
            "bound": int(bound),
            "received": counts.get("received", 0),
            "returned": sum(o.status == "returned" for o in orders),
            "budget_fen": BUDGET_FEN,
            "bank_paid_fen": sum(order["paid_fen"] for order in at_bank.values()),
            "bank_returned_fen": sum(order["refunded_fen"] for order in at_bank.values()),
            "ledger_paid_fen": paid_fen,
            "ledger_returned_fen": returned_fen,
            "mismatches": mismatches,
            "seconds": round(seconds, 1),
        }

    def _bank_orders(self) -> dict[str, dict[str, Any]]:
        """The bank's own book of this campaign's orders."""
        with self.database.reading() as session:
            numbers = set(session.scalars(select(Order.mch_billno).where(Order.budget_id != self.campaign_id)))
        rows = expected.orders_of(self.world)
        return {row["mch_billno"]: row for row in rows if row["mch_billno"] not in numbers}


def _differs(order: Order, at_bank: dict[str, Any]) -> bool:
    """Amount or end of one order are not the same in both books."""
    ended = {"received": at_bank["paid_fen"], "returned": at_bank["refunded_fen"]}.get(order.status)
    return order.amount_fen != at_bank["amount_fen"] or ended != order.amount_fen


def together(
    packets: dict[str, Any], payouts: dict[str, Any], wheel: dict[str, Any], hall: dict[str, Any]
) -> dict[str, Any]:
    """The four parts as one summary; `returned` stays the packets' own, what all count is added up."""
    added = {name: sum(part[name] for part in (packets, payouts, wheel, hall)) for name in ("mismatches", "seconds")}
    apart = {"payouts_returned" if name == "returned" else name: value for name, value in payouts.items()}
    return packets | apart | wheel | hall | {name: round(value, 1) for name, value in added.items()}


def show(console: Console, summary: dict[str, Any]) -> None:
    """The summary as a table, then as one line of JSON."""
    table = Table(title="结果 · summary", show_header=False, title_justify="left")
    for name, value in summary.items():
        shown = f"¥{yuan(value)}" if name.endswith("_fen") else str(value)
        table.add_row(name, shown)
    console.print(table)
    print(json.dumps(summary, ensure_ascii=False), flush=True)


def is_sound(summary: dict[str, Any]) -> bool:
    """Whether both books agree to the fen, nothing is unaccounted for, nobody was paid twice and nobody forgotten."""
    return bool(
        summary["mismatches"] == 0
        and summary["bank_paid_fen"] == summary["ledger_paid_fen"]
        and summary["bank_returned_fen"] == summary["ledger_returned_fen"]
        and summary["bank_paid_fen"] + summary["bank_returned_fen"] == summary["budget_fen"]
        and summary["double_paid"] == summary["lost"] == 0
        and summary["payouts"] == sum(summary[end] for end in ("paid", "payouts_returned", "failed", "manual"))
        and summary["payouts_bank_paid_fen"] == summary["payouts_ledger_paid_fen"]
        and summary["awards_paid"] + summary["awards_forfeited"] == summary["wins"]
        and summary["oversold"] == summary["owed_fen"] == 0
        and summary["verified"]
        and summary["hall"]["verified"]
        and summary["hall"]["awards"] == summary["hall"]["paid"]
        and summary["hall"]["early_results"] == 0
    )
