"""The wheel's part of the story: sixty strangers come by a link, draw, collect, and are paid; then everybody may recompute it."""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from rich.console import Console
from sqlalchemy import func, select

from wxbot import invariants, ledger
from wxbot.campaigns import entries
from wxbot.campaigns.models import Campaign
from wxbot.clock import SHANGHAI, Clock
from wxbot.db import Database
from wxbot.demo import expected
from wxbot.demo.actors import Clerk, World, until
from wxbot.demo.bars import Bars
from wxbot.demo.people_clients import Player
from wxbot.demo.seed import CASHIER, MARKETER, PASSWORD
from wxbot.instant import archive
from wxbot.instant.models import Award, InstantDraw, Prize
from wxbot.money import parse_yuan, plain_yuan
from wxbot.orders.channels import CONFIRMED
from wxbot.orders.models import Order
from wxbot.payouts.models import PAYOUT_REASON, Payout

PEOPLE = 60
TRIES = 3
BUDGET_FEN = 8_000
PRIZES = (
    ("一等奖", "8.88", "2", "2"),
    ("二等奖", "1.00", "20", "20"),
    ("三等奖", "0.30-0.88", "40", "40"),
)
"""Name, amount in yuan, odds in percent, stock. More people win the last one than there are of it."""

CLAIM_DAYS = 3
NEVER_COLLECTED = 6
"""One award of so many is never asked for."""

OVERDUE_S = 24 * 3600 + 900


@dataclass
class WheelStory:
    """One run against a running stage."""

    base_url: str
    world: World
    database: Database
    clock: Clock
    console: Console
    campaign_id: int = 0
    people: list[Player] = field(default_factory=list)
    taken: dict[str, tuple[Player, int]] = field(default_factory=dict)
    """Awards that were asked for, by their public name: by whom, and how many fen the page promised."""

    def play(self) -> dict[str, Any]:
        """Play it all; returns the summary. Raises StoryProblem when a step does not come to its end."""
        began = time.monotonic()
        with Bars(self.console) as self.bars:
            url = self._launch()
            made = self.world.call("POST", "people", {"count": PEOPLE})["people"]
            self.people = [Player(self.world, known, base_url=self.base_url) for known in made]
            self.bars.each("转大转盘 wheel", lambda person: self._draw(person, url), self.people)
            late = self._collect()
            self._collect_again(late)
            self._close()
        return self._summary(time.monotonic() - began)

    # --- the steps --------------------------------------------------------------------------------------------------

    def _launch(self) -> str:
        """Written by one person, approved by another; returns the address of its page."""
        self.world.call("POST", "bank/topup", {"amount_fen": 2 * BUDGET_FEN})
        marketer, cashier = (Clerk(self.base_url, each.login, PASSWORD) for each in (MARKETER, CASHIER))
        self.campaign_id = marketer.draft(**self._form())
        for clerk, button in ((marketer, "submit"), (cashier, "approve"), (marketer, "launch")):
            clerk.press(self.campaign_id, button)
        until(lambda: self._campaign().status == "on", "the wheel to be on")
        self.world.pass_time(60)  # every process knows of it by then
        return entries.address(self.base_url, self._campaign().slug, entries.QR)

    def _form(self) -> dict[str, Any]:
        self.clock.refresh()
        now = self.clock.now().astimezone(SHANGHAI)
        names, amounts, odds, stock = zip(*PRIZES, strict=True)
        each = len(PRIZES)
        return {
            "mechanic": "instant",
            "name": "店庆大转盘",
            "begin_at": f"{now:%Y-%m-%dT%H:%M}",
            "end_at": f"{now + timedelta(days=7):%Y-%m-%dT%H:%M}",
            "daily_from": "00:00",
            "daily_until": "24:00",
            "budget": plain_yuan(BUDGET_FEN),
            "tries_per_person": str(TRIES),
            "tries_per_day": str(TRIES),
            "expected_people": str(PEOPLE),
            "act_name": "店庆大转盘",
            "organiser": "示例小店",
            "contact": "400-000-0000",
            "rules": "打开页面，点一下转盘中间就能抽奖，每人三次。",
            "claim_days": str(CLAIM_DAYS),
            "skin": "wheel",
            "prize_kind": ["money"] * each,
            "prize_name": names,
            "prize_amount": amounts,
            "prize_odds": odds,
            "prize_stock": stock,
            "prize_release": ["once"] * each,
            "prize_weights": [""] * each,
            "prize_gone": ["miss"] * each,
        }

    @staticmethod
    def _draw(person: Player, url: str) -> None:
        person.take_phone()
        person.draw_all(url)

    def _collect(self) -> str:
        """Most ask for what they won and take it; some never do; the first one asks and forgets. Returns that one's award."""
        won = [
            (person, each["award"]["id"], parse_yuan(each["prize"]["yuan"]))
            for person in self.people
            for each in person.answers
            if each["outcome"] == "won"
        ]
        asked = [each for n, each in enumerate(won) if n % NEVER_COLLECTED != NEVER_COLLECTED - 1]
        self.taken = {award_id: (person, fen) for person, award_id, fen in asked}
        late, *prompt = self.taken

        def collect(award_id: str) -> None:
            person, _ = self.taken[award_id]
            person.ask_for(award_id)
            if award_id != late:
                person.take_award(award_id)

        self.bars.each("领取、确认收款 collect", collect, [late, *prompt])
        return late

    def _collect_again(self, late: str) -> None:
        """A day later the forgotten transfer has gone back; its person asks once more, and everything that was taken is known."""
        person, _ = self.taken[late]
        until(lambda: person.award(late)["state"] == "confirm", "the forgotten transfer to be at WeChat")
        self.world.pass_time(OVERDUE_S)

        def is_open() -> bool:
            self.world.pass_time(600)
            return bool(person.award(late)["state"] == "open")

        until(is_open, "the forgotten award to be open again")
        person.ask_for(late)
        person.take_award(late)

        def is_known() -> bool:
            self.world.pass_time(600)
            return self._awards().get("paid", 0) == len(self.taken)

        until(is_known, "every award that was taken to be known as paid")

    def _close(self) -> None:
        """The close waits for what is still owed; at its deadline that goes back, and the seed is revealed."""
        Clerk(self.base_url, MARKETER.login, PASSWORD).press(self.campaign_id, "close")
        self.world.pass_time(CLAIM_DAYS * 86_400)

        def is_closed() -> bool:
            self.world.pass_time(60)
            return self._campaign().status == "closed"

        until(is_closed, "the wheel to be closed")

    # --- the books --------------------------------------------------------------------------------------------------

    def _campaign(self) -> Campaign:
        with self.database.reading() as session:
            return session.get_one(Campaign, self.campaign_id)

    def _awards(self) -> dict[str, int]:
        """Awards by status."""
        query = select(Award.status, func.count()).where(Award.campaign_id == self.campaign_id).group_by(Award.status)
        with self.database.reading() as session:
            return {str(status): int(n) for status, n in session.execute(query)}

    def _summary(self, seconds: float) -> dict[str, Any]:
        """What people were told, what their wallets hold, the bank's book and ours; and the archive, replayed."""
        own = InstantDraw.campaign_id == self.campaign_id
        with self.database.reading() as session:
            drawn = {draw.k: draw for draw in session.scalars(select(InstantDraw).where(own))}
            prizes = session.scalars(select(Prize).where(Prize.campaign_id == self.campaign_id)).all()
            accounts = ledger.balances(session, self.campaign_id)
            lines = list(archive.written(session, self._campaign(), self.clock.now()))
        replayed, awards = archive.checked(lines), self._awards()
        won = Counter(draw.prize_ordinal for draw in drawn.values() if draw.outcome == "won")
        won_fen = sum(draw.amount_fen or 0 for draw in drawn.values())
        told = {each["k"]: each for person in self.people for each in person.answers}
        mismatches = sum(invariants.check(self.database).values()) + len(told.keys() ^ drawn.keys())
        mismatches += sum(1 for k in told.keys() & drawn.keys() if _promised_fen(told[k]) != (drawn[k].amount_fen or 0))
        mismatches += self._wrong_wallets() + (self._bank_paid_fen() != accounts["paid"])
        return {
            "draws": len(drawn),
            "wins": won.total(),
            "awards_paid": awards.get("paid", 0),
            "awards_forfeited": awards.get("forfeited", 0),
            "oversold": sum(max(0, won[prize.ordinal] - prize.stock) for prize in prizes) + (won_fen > BUDGET_FEN),
            "owed_fen": accounts["owed"],
            "awards_ledger_paid_fen": accounts["paid"],
            "verified": replayed.is_true and replayed.draws == len(told),
            "mismatches": mismatches,
            "seconds": round(seconds, 1),
        }

    def _wrong_wallets(self) -> int:
        """How many people do not have exactly what they took, receipt by receipt."""
        due: dict[str, Counter[int]] = {person.openid: Counter() for person in self.people}
        for person, fen in self.taken.values():
            due[person.openid][fen] += 1
        return sum(1 for person in self.people if Counter(person.wallet()) != due[person.openid])

    def _bank_paid_fen(self) -> int:
        """What the bank says it paid over orders of this campaign's awards."""
        query = select(Order.mch_billno).join(Payout, Payout.id == Order.reason_id)
        query = query.where(Order.reason_kind == PAYOUT_REASON, Payout.budget_id == self.campaign_id)
        with self.database.reading() as session:
            numbers = set(session.scalars(query))
        rows = expected.orders_of(self.world, CONFIRMED[0])
        return sum(int(row["paid_fen"]) for row in rows if row["mch_billno"] in numbers)


def _promised_fen(answer: dict[str, Any]) -> int:
    """What the page told of a draw, in fen."""
    return parse_yuan(answer["prize"]["yuan"]) if answer["outcome"] == "won" else 0
