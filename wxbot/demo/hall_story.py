"""The hall's part of the story: an evening with a big screen. Guests sign in by its code, prizes are selected in the open, packets
rain, phones race, winners have their money; then the record of the evening is worked out again.
"""

import heapq
import re
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import requests
from rich.console import Console
from sqlalchemy import func, select

from wxbot import invariants, ledger
from wxbot.campaigns.models import Campaign
from wxbot.clock import SHANGHAI, Clock
from wxbot.db import Database
from wxbot.demo.actors import TIMEOUT_S, Clerk, StoryProblem, World, browser, until
from wxbot.demo.bars import CROWD, Bars
from wxbot.demo.hall_guest import Guest
from wxbot.demo.seed import CASHIER, MARKETER, PASSWORD
from wxbot.hall.games import SETTLE_AFTER
from wxbot.hall.verify import verify
from wxbot.instant.models import Award
from wxbot.money import plain_yuan

GUESTS = 300
RACERS = 12
"""So many of them shake; the others look on."""
TAPS_PER_S = 9
GAME_S = 10

BUDGET_FEN = 60_000
FIELDS = ("way", "kind", "name", "amount", "stock", "each", "scope", "absence", "groups", "total", "seconds")
ABSENT = 2


def prizes() -> tuple[tuple[str, ...], ...]:
    """Way, kind, name, yuan, how many, at once, scope, absence, groups, total, seconds."""
    return (
        ("selection", "money", "三等奖", "8.80", "10", "10", "evening", "evening", "", "", ""),
        ("selection", "money", "二等奖", "18.80", "3", "3", "evening", "slot", "", "", ""),
        ("selection", "goods", "一等奖", "699.00", "1", "1", "evening", "evening", "", "", ""),
        ("rain", "money", "红包雨", "0.50-5.00", "60", "3", "evening", "evening", "", "120.00", str(GAME_S)),
        ("race", "money", "竞速奖", "6.60", "3", "3", "evening", "evening", "", "", str(GAME_S)),
    )


class Desk(Clerk):
    """The host at the desk in the console."""

    def do(self, hall: int, verb: str, **fields: Any) -> str:
        """Press a button of the desk; the page that follows."""
        return self._post(f"/halls/{hall}/{verb}", self._read(f"/halls/{hall}"), **fields).text

    def page(self, hall: int) -> str:
        """The desk as it is."""
        return self._read(f"/halls/{hall}")


@dataclass
class Screen:
    """The browser on the stage."""

    base_url: str
    slug: str
    session: requests.Session = field(default_factory=browser)

    def press(self, button: str, **body: Any) -> dict[str, Any]:
        """pair, start or stop; the answer."""
        url = f"{self.base_url}/hall/{self.slug}/{button}"
        reply = self.session.post(url, json=body, headers={"Origin": self.base_url}, timeout=TIMEOUT_S)
        if not reply.ok:
            raise StoryProblem(f"screen: {button} → {reply.status_code} {reply.text[:200]}")
        found: dict[str, Any] = reply.json()
        return found

    def read(self, part: str) -> dict[str, Any]:
        """state, code or record.json."""
        reply = self.session.get(f"{self.base_url}/hall/{self.slug}/{part}", timeout=TIMEOUT_S)
        if not reply.ok:
            raise StoryProblem(f"screen: {part} → {reply.status_code}")
        found: dict[str, Any] = reply.json()
        return found


@dataclass
class HallStory:
    """One run against a running stage."""

    base_url: str
    live_url: str
    world: World
    database: Database
    clock: Clock
    console: Console
    guests: int = field(default_factory=lambda: GUESTS)
    campaign_id: int = 0
    people: list[Guest] = field(default_factory=list)
    early_results: int = 0
    """Answers, of the screen, of a browser outside the hall or of somebody's phone, that told of winners before the roll was stopped."""

    def play(self) -> dict[str, Any]:
        """Play it all; returns the summary. Raises StoryProblem when a step does not come to its end."""
        began = time.monotonic()
        with Bars(self.console) as self.bars:
            self._launch()
            made = self.world.call("POST", "people", {"count": self.guests})["people"]
            self.people = [Guest(self.world, known, base_url=self.base_url) for known in made]
            self._sign_in()
            self._select_all()
            self._rain()
            self._race()
            self._collect()
        return self._summary(time.monotonic() - began)

    # --- the steps --------------------------------------------------------------------------------------------------

    def _launch(self) -> None:
        """Written by one person, approved by another; then a screen is paired with the desk."""
        self.world.call("POST", "bank/topup", {"amount_fen": 2 * BUDGET_FEN})
        self.desk, cashier = (
            Desk(self.base_url, MARKETER.login, PASSWORD),
            Clerk(self.base_url, CASHIER.login, PASSWORD),
        )
        self.campaign_id = self.desk.draft(**self._form())
        for clerk, button in ((self.desk, "submit"), (cashier, "approve"), (self.desk, "launch")):
            clerk.press(self.campaign_id, button)
        until(lambda: self._campaign().status == "on", "the hall to be on")
        digits = re.search(r'class="host-digits[^>]*aria-label="([0-9]{6})"', self.desk.do(self.campaign_id, "pair"))
        if digits is None:
            raise StoryProblem("the desk shows no digits for a screen")
        self.slug = self._campaign().slug
        self.screen = Screen(self.base_url, self.slug)
        self.screen.press("pair", code=digits[1])

    def _form(self) -> dict[str, Any]:
        self.clock.refresh()
        now = self.clock.now().astimezone(SHANGHAI)
        rows = {f"prize_{name}": values for name, values in zip(FIELDS, zip(*prizes(), strict=True), strict=True)}
        return {
            "mechanic": "hall",
            "name": "年会现场抽奖",
            "begin_at": f"{now:%Y-%m-%dT%H:%M}",
            "end_at": f"{now + timedelta(hours=6):%Y-%m-%dT%H:%M}",
            "daily_from": "00:00",
            "daily_until": "24:00",
            "budget": plain_yuan(BUDGET_FEN),
            "tries_per_person": "1",
            "tries_per_day": "1",
            "expected_people": str(self.guests),
            "act_name": "年会现场抽奖",
            "organiser": "示例小店",
            "contact": "400-000-0000",
            "rules": "扫大屏上的二维码签到，名单冻结后当众抽取。",
            "claim_days": "7",
            "mode": "hall",
            **rows,
        }

    def _sign_in(self) -> None:
        """By the code of these thirty seconds, each with a name for the wall."""

        def enter(person: Guest) -> None:
            person.take_phone()
            person.sign_in(self.screen.read("code")["url"])

        self.bars.each("扫码签到 sign in", enter, self.people)
        until(lambda: self.screen.read("state")["guests"] == self.guests, "everybody to stand on the wall")

    def _select_all(self) -> None:
        """Three rounds; two people are absent in the first one, and their places are selected anew."""
        bar = self.bars.add_task("大屏抽奖 selections", total=4)
        self.desk.do(self.campaign_id, "freeze")
        for prize, k, absent in ((1, 10, ABSENT), (1, ABSENT, 0), (2, 3, 0), (3, 1, 0)):
            self._select(prize, k, absent)
            self.bars.advance(bar)

    def _select(self, prize: int, k: int, absent: int) -> None:
        self.desk.do(self.campaign_id, "arm", prize=prize, k=k)
        d = int(self.screen.read("state")["selection"]["d"])
        notes = {f"number_{n}": f"{note_number(d)}{n}" for n in (1, 2, 3)}
        self.desk.do(self.campaign_id, "numbers", **notes)
        said = [
            self.screen.press("start", d=d),
            self.screen.read("state"),
            Screen(self.base_url, self.slug).read("state"),
        ]
        phones = self._phones()
        self.early_results += sum(map(names_winners, said)) + sum(tells_of(own, d) for _, own in phones.values())
        winners = self.screen.press("stop", d=d)["winners"]
        if len(winners) != k:
            raise StoryProblem(f"selection {d} has {len(winners)} winners")
        if not all(tells_of(phones[winner["no"]][0].own(self.slug), d) for winner in winners):
            raise StoryProblem(f"selection {d}: a winner's phone does not say so, and an early one would not be seen")
        for winner in winners[:absent]:
            self.desk.do(self.campaign_id, "absent", d=d, no=winner["no"], word="absent")
        self.desk.do(self.campaign_id, "confirm", d=d)
        if prize == 3:
            self.desk.do(self.campaign_id, "hand-over", d=d, no=winners[0]["no"])

    def _phones(self) -> dict[int, tuple[Guest, dict[str, Any]]]:
        """What every phone says now, by its guest's number."""

        def look(person: Guest) -> tuple[Guest, dict[str, Any]]:
            return person, person.own(self.slug)

        with ThreadPoolExecutor(CROWD) as crowd:
            return {own["no"]: (person, own) for person, own in crowd.map(look, self.people)}

    def _rain(self) -> None:
        """Everybody catches what falls on their phone, at its moment."""
        self.desk.do(self.campaign_id, "game", prize=4)
        moments = [
            (each["begin"] + hit["at_ms"] / 1000, n, hit["slot"])
            for n, person in enumerate(self.people)
            if (each := person.own(self.slug)["game"])
            for hit in each["moments"]
        ]
        bar = self.bars.add_task("红包雨 rain", total=len(moments))
        heapq.heapify(moments)
        with ThreadPoolExecutor(8) as crowd:
            while moments:
                at, n, slot = heapq.heappop(moments)
                self.world.wait_until(at)
                crowd.submit(self.people[n].catch, self.slug, slot).add_done_callback(lambda _: self.bars.advance(bar))
        self._settled("rain")

    def _race(self) -> None:
        """Some phones count shakes and say so once a second; everything goes on by the server's count."""
        self.desk.do(self.campaign_id, "game", prize=5)
        racers = self.people[:RACERS]
        bar = self.bars.add_task("摇一摇竞速 race", total=len(racers))
        games = [person.own(self.slug)["game"] for person in racers]

        def shake(n: int) -> None:
            racers[n].race(self.live_url, self.slug, games[n], TAPS_PER_S - n % 5, self.clock)
            self.bars.advance(bar)

        runners = [threading.Thread(target=shake, args=(n,)) for n in range(len(racers))]
        self.world.wait_until(games[0]["begin"])
        for each in runners:
            each.start()
        for each in runners:
            each.join()
        self._settled("race")

    def _settled(self, kind: str) -> None:
        def is_settled() -> bool:
            game = self.screen.read("state")["game"]
            return bool(game and game["kind"] == kind and game["status"] == "settled")

        self.world.wait_until(self.screen.read("state")["game"]["end"] + SETTLE_AFTER.total_seconds())
        until(is_settled, f"the {kind} to be settled")

    def _collect(self) -> None:
        """Whoever won money taps 领取 and takes the transfer."""
        won = [(person, award) for person in self.people for award in person.won(self.slug)]
        self.bars.each("领取、确认收款 collect", lambda each: each[0].ask_for(each[1]), won)
        self.bars.each("到账 arrive", lambda each: each[0].take_award(each[1]), won)

        def is_known() -> bool:
            self.world.pass_time(600)
            return self._awards().get("open", 0) + self._awards().get("collecting", 0) == 0

        until(is_known, "every award of the hall to be known as paid")
        self.desk.press(self.campaign_id, "close")
        until(lambda: self._campaign().status == "closed", "the hall to be closed")

    # --- the books --------------------------------------------------------------------------------------------------

    def _campaign(self) -> Campaign:
        with self.database.reading() as session:
            return session.get_one(Campaign, self.campaign_id)

    def _awards(self) -> dict[str, int]:
        query = select(Award.status, func.count()).where(Award.campaign_id == self.campaign_id).group_by(Award.status)
        with self.database.reading() as session:
            return {str(status): int(n) for status, n in session.execute(query)}

    def _summary(self, seconds: float) -> dict[str, Any]:
        """What the record says when it is worked out again, and whether wallets and books agree."""
        seen = verify(self.screen.read("record.json"))
        awards = self._awards()
        with self.database.reading() as session:
            paid_fen = ledger.balances(session, self.campaign_id)["paid"]
        wallets_fen = sum(sum(person.wallet()) for person in self.people)
        mismatches = sum(invariants.check(self.database).values()) + (wallets_fen != paid_fen)
        return {
            "hall": {
                "guests": self.guests,
                "selections": seen.selections,
                "awards": sum(awards.values()),
                "paid": awards.get("paid", 0) + awards.get("given", 0),
                "paid_fen": paid_fen,
                "verified": not seen.findings,
                "early_results": self.early_results,
            },
            "mismatches": mismatches,
            "seconds": round(seconds, 1),
        }


def note_number(d: int) -> str:
    """All but the last digit of a bank note that is held up at selection `d`: another one each time."""
    return f"{4_711_000 + 10 * d}"


def names_winners(said: Mapping[str, Any]) -> bool:
    """Whether an answer to a screen, or the hall's state, names winners of the selection that it is about."""
    return bool(said.get("winners")) or "winners" in (said.get("selection") or {})


def tells_of(own: Mapping[str, Any], d: int) -> bool:
    """Whether a phone's answer tells its guest of selection `d`, or of an award that none before it gave: games come behind all of them."""
    return any(won["d"] not in range(1, d) for won in own["won"])
