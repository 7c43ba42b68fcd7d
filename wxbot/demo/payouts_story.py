"""The other half of the story: forty promoters bind, hand in sixty vouchers, and are paid in bad weather, each exactly once."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from sqlalchemy import exists, func, select

from wxbot import invariants, ledger
from wxbot.db import Database
from wxbot.demo import expected, photos, setup
from wxbot.demo.actors import World, until
from wxbot.demo.bars import CROWD, Bars
from wxbot.demo.expected import Judgement, Owed
from wxbot.demo.faults import PACKET, Weather
from wxbot.demo.people_clients import Promoter, Turned
from wxbot.demo.setup import BOXES, FIXED, FREE, Office
from wxbot.demo.staff_clients import OnDesk
from wxbot.money import parse_yuan, plain_yuan
from wxbot.orders.channels import DIRECT
from wxbot.orders.models import LaneState, Order
from wxbot.payouts.models import Payout
from wxbot.people.models import Binding
from wxbot.vouchers.models import Photo, Voucher

PEOPLE, VOUCHERS = 40, 60
ON_PAGE = 14
"""So many bind on the page; one address may ask for 20 codes an hour (S51)."""

BAD_CHAT, BAD_PAGE = (4, 16, 28), (5, 11, 23)
"""Vouchers whose first photo is none."""

COPIES, NEARLY = (41, 45, 53), (43, 47, 51, 57)
"""Vouchers with a photo of an earlier one, to the byte; vouchers with one that only looks the same."""

SILENT_COPY = 59
"""A copy sent in the chat by somebody who then never answers."""

REJECTED, ASKED_AGAIN, LOWERED = (13, 27), (8, 15, 29), (2, 38)
"""People whose first voucher the reviewers refuse, want a better photo of, or pay less for."""

FROZEN, NO_REAL_NAME, RISKY = 30, 22, 25
"""People whom WeChat will not pay for some hours, whose transfer fails for them to mend, and fails for us to try again."""

PUZZLE = 7
"""The person about whose payout WeChat says something that only staff can settle."""

LISTED = 12
"""So many stand on the list, the first of them."""

NEVER_OPEN = (34, 35, 36, 37, 38, 39)
REVIEWS_PER_SKY = 5
REVIEW_STEP_S = 125
"""Photos without a 完成 wait two minutes for more of them; decisions wait for the worker."""


@dataclass
class PayoutStory:
    """One run against a running stage."""

    base_url: str
    world: World
    database: Database
    console: Console
    owed: list[Owed] = field(default_factory=list)
    people: list[Promoter] = field(default_factory=list)
    turned_away: Counter[str] = field(default_factory=Counter)
    _wanted: set[int] = field(default_factory=set)
    _answers: Counter[int] = field(default_factory=Counter)
    _reviews: int = 0
    _is_frozen: bool = False
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def play(self) -> dict[str, Any]:
        """Play it all; returns the summary. Raises StoryProblem when a step does not come to its end."""
        began = time.monotonic()
        self.weather = Weather(self.world)
        with Bars(self.console) as self.bars:
            self._open_office()
            self._bind()
            self._hand_in(range(PEOPLE), "上传凭证 vouchers, first")
            self._review()
            self._hand_in(range(PEOPLE, VOUCHERS), "上传凭证 vouchers, more")
            whom = sorted({*BAD_CHAT, *self._wanted})
            while whom:
                self._answer_reviewers(whom)
                self._review()
                whom = self._still_asked()
            self._pay_list()
            self._take()
            self._let_a_day_pass()
            self._reissue()
        return self._summary(time.monotonic() - began)

    # --- before money -----------------------------------------------------------------------------------------------

    def _open_office(self) -> None:
        made = self.world.call("POST", "people", {"count": PEOPLE + 1})["people"]
        *self.people, self.stranger = (Promoter(self.world, known, base_url=self.base_url) for known in made)
        self.office = setup.create(self.base_url, setup.roster_of(self.people))
        self.world.call("POST", "bank/topup", {"amount_fen": 500_000})

    def _bind(self) -> None:
        """Follow and bind, some on the page, some with a wrong code first; the stranger gets nowhere."""
        self.bars.each("关注并绑定 bind", self._bind_one, range(PEOPLE))
        self.stranger.follow()
        self.stranger.say("绑定", "11 位")
        self.stranger.say(self.stranger.phone.removeprefix("+86"), "验证码已发送")
        self.stranger.say("000000", "验证码不对|没有发出去|不在登记")
        self.stranger.say("取消", "已取消")
        try:
            self.stranger.upload_in_chat(FIXED, "", [])
        except Turned:
            self.turned_away["stranger"] += 1

    def _bind_one(self, n: int) -> None:
        person = self.people[n]
        person.follow()
        if n % 3 == 1 and n < 3 * ON_PAGE:
            person.bind_on_page(wrong=n % 5 == 0)
        else:
            person.bind_in_chat(wrong=2 * (n % 5 == 0))

    def _hand_in(self, numbers: Sequence[int], name: str) -> None:
        self.bars.each(name, self._hand_in_one, numbers)

    def _hand_in_one(self, n: int) -> None:
        """Voucher n: in the chat or on the page, of each kind in turn, with a good photo, a bad one, or a copy."""
        person = self.people[n % PEOPLE]
        kind, value = ((FIXED, ""), (BOXES, str(1 + n % 6)), (FREE, f"{3 + n % 17}.{n % 10}0"))[n % 3]
        good = [setup.receipt(n)] if n % 7 else [setup.receipt(n), setup.receipt(500 + n)]
        if n in NEARLY:
            good = [photos.nearly(setup.receipt(n - PEOPLE // 2))]
        bad = b""
        if n in BAD_CHAT or n in BAD_PAGE:
            bad = photos.BAD[n // 3 % 3]()
        elif n in COPIES or n == SILENT_COPY:
            bad = setup.receipt(n - PEOPLE + 1)
        if self._is_on_page(n):
            self.turned_away.update(person.upload_on_page(f"v{n}", kind, value, good, bad))
        else:
            person.upload_in_chat(kind, value, [bad] if bad else good)

    @staticmethod
    def _is_on_page(n: int) -> bool:
        return (n + n // PEOPLE) % 2 == 1 or n in COPIES

    # --- the reviewers ----------------------------------------------------------------------------------------------

    def _review(self) -> None:
        """Two reviewers, one queue, until every photo has arrived and nothing waits; the weather turns as they go."""
        self._freeze(True)
        bar = self.bars.add_task("审核、付款 review and pay", total=None)

        def reviewed() -> bool:
            if not self._waiting_vouchers():
                return True
            with ThreadPoolExecutor(2) as desk:
                clerks = (self.office.reviewer, self.office.second_reviewer)
                self.bars.advance(bar, sum(desk.map(lambda clerk: clerk.review(self._decide), clerks)))
            self.world.pass_time(REVIEW_STEP_S)
            return False

        until(reviewed, "the review of the vouchers")
        self.bars.update(bar, total=self._reviews, completed=self._reviews)

    def _freeze(self, is_frozen: bool) -> None:
        """WeChat does not pay one of them, or does again."""
        self._is_frozen = is_frozen
        self.world.call("PATCH", f"people/{self.people[FROZEN].id}", {"is_frozen": is_frozen})

    def _waiting_vouchers(self) -> int:
        """Vouchers that wait for a reviewer, or whose photos are on their way, a better one too."""
        is_on_its_way = exists().where(Photo.voucher_id == Voucher.id, Photo.status == "fetching")
        with self.database.reading() as session:
            query = select(func.count(Voucher.id)).where(Voucher.status.in_(("submitted", "claimed")) | is_on_its_way)
            return int(session.execute(query).scalar_one())

    def _decide(self, seen: OnDesk) -> tuple[str, dict[str, str]]:
        """What a reviewer does with one voucher. What is approved is noted as owed."""
        with self.database.reading() as session:
            openid = session.get_one(Voucher, seen.voucher_id).openid
        n = next(n for n, person in enumerate(self.people) if person.openid == openid)
        with self._guard:
            self._reviews += 1
            if self._reviews % REVIEWS_PER_SKY == 1:
                self.weather.turn()
            if n in ASKED_AGAIN and n not in self._wanted:
                self._wanted.add(n)
                return "photo", {"reason": "照片模糊，请重新拍一张"}
            if n in REJECTED:
                return "reject", {"reason": "不在活动期间"}
            if any(other < seen.voucher_id for other in seen.look_alikes):
                self.turned_away["look_alike"] += 1
                return "reject", {"reason": "和以前的凭证重复"}
            amount_fen = parse_yuan(seen.amount)
            if n in LOWERED and amount_fen != 500:
                amount_fen -= 100
            self.owed.append(Owed("voucher", seen.voucher_id, openid, amount_fen))
            return "approve", {"amount": plain_yuan(amount_fen)}

    def _still_asked(self) -> list[int]:
        """Whose photo did not reach us whole though they sent a better one; one never answers."""
        with self.database.reading() as session:
            openids = set(session.scalars(select(Voucher.openid).where(Voucher.status == "photo_wanted")))
        silent = SILENT_COPY % PEOPLE
        return [n for n, person in enumerate(self.people) if person.openid in openids and n != silent]

    def _answer_reviewers(self, whom: Sequence[int]) -> None:
        """Whoever was asked for a better photo, or whose photo was none, sends another one."""

        def answer(n: int) -> None:
            person = self.people[n]
            fresh = [setup.receipt(700 + n + 100 * self._answers[n])]
            self._answers[n] += 1
            if self._is_on_page(n):
                person.add_on_page(f"v{n}", fresh)
            else:
                person.retake_in_chat(fresh)

        self.bars.each("补照片 better photos", answer, whom)

    # --- money ------------------------------------------------------------------------------------------------------

    def _pay_list(self) -> None:
        """A list with bad rows, and two payouts by hand, while the merchant's account is empty until a top-up."""
        first, other, another = self.people[:LISTED], *self.people[LISTED : LISTED + 2]
        rows = [
            (person.phone.removeprefix("+86"), str(person.known["nickname"]), f"{6 + n}.60", "三月名单")
            for n, person in enumerate(first)
        ]
        bad = [
            (self.stranger.phone.removeprefix("+86"), "路人", "8.00", "没有绑定"),
            rows[0],
            ("1234", "错号", "5.00", ""),
            (other.phone.removeprefix("+86"), "太少", "0.01", ""),
            (another.phone.removeprefix("+86"), "多了", "9.999", ""),
        ]
        list_id = self.office.marketer.upload_list(self.office.transfers_id, "三月进货返利", [*rows, *bad])
        self.office.marketer.submit_list(list_id)
        left_fen = self.world.call("GET", "bank")["balance_fen"]
        self.world.call("POST", "bank/topup", {"amount_fen": 300 - left_fen})
        self.weather.clear()
        self.office.cashier.approve_list(list_id)
        self.owed += [
            Owed("row", list_id, person.openid, parse_yuan(row[2])) for person, row in zip(first, rows, strict=True)
        ]
        for n, amount in ((5, "200.00"), (6, "6.66")):
            self._pay_by_hand(n, amount, "门店活动补发，店长确认")
        until(self._is_stopped, "the lane to stop for want of money")
        self.world.call("POST", "bank/topup", {"amount_fen": 1_000_000})
        self.weather.turn()
        self._settle_sends()
        self.weather.clear()
        self._freeze(False)
        self._settle_sends()
        self._puzzle()

    def _puzzle(self) -> None:
        """WeChat calls one number a repeat with other content: nothing is tried again, staff must look (F11)."""
        self.world.call("PUT", f"faults/{PACKET}", {"kind": "refuse", "err_code": "FATAL_ERROR", "times": 1})
        self._pay_by_hand(PUZZLE, "8.88", "活动加奖，店长确认")
        self._settle_sends()
        self.weather.clear()

    def _pay_by_hand(self, n: int, amount: str, reason: str) -> None:
        """One cashier asks; a second one agrees where the day's sum of the first has reached the bound."""
        openid = self.people[n].openid
        payout_id = self.office.cashier.pay_by_hand(self.office.packets_id, openid, amount, reason)
        with self.database.reading() as session:
            waits = session.get_one(Payout, payout_id).status == "requested"
        if waits:
            self.office.second_cashier.approve_payout(payout_id)
        self.owed.append(Owed("payout", payout_id, openid, parse_yuan(amount)))

    def _is_stopped(self) -> bool:
        with self.database.reading() as session:
            return session.scalar(select(LaneState.stopped_code)) is not None

    def _settle_sends(self) -> None:
        """Until WeChat has everything that it takes; ten minutes go by at a time for what is tried again."""
        bar = self.bars.add_task("下单、重试 send", total=len(self.owed))

        def is_done() -> bool:
            counts = self._standing()
            self.bars.update(bar, completed=sum(n for name, n in counts.items() if name != "open"))
            if not counts["open"]:
                return True
            self.world.pass_time(600)
            return False

        until(is_done, "every order to reach WeChat")

    def _standing(self) -> Counter[str]:
        """Our payouts: `open` while something is still to be sent or asked before a person can take the money."""
        query = select(Payout.status, Payout.openid, Order.status).outerjoin(Order, Order.id == Payout.order_id)
        counts: Counter[str] = Counter()
        with self.database.reading() as session:
            for status, openid, order in session.execute(query):
                is_refused = self._is_frozen and openid == self.people[FROZEN].openid
                is_placed = status == "ordered" and (order in ("accepted", "manual") or is_refused)
                is_over = status in ("paid", "returned", "failed", "cancelled")
                counts["taking" if is_placed else status if is_over else "open"] += 1
        return counts

    def _takers(self) -> list[Promoter]:
        return [person for n, person in enumerate(self.people) if n not in (*NEVER_OPEN, NO_REAL_NAME)]

    def _take(self) -> None:
        """Two transfers fail at WeChat; then everybody but a few opens and confirms, until we know of all of it."""
        for n, reason in ((NO_REAL_NAME, "REAL_NAME_CHECK_FAIL"), (RISKY, "TRANSFER_RISK")):
            for bill in self.people[n].transfers():
                if bill["state"] == "WAIT_USER_CONFIRM":
                    self.world.call("POST", f"bank/transfers/{bill['transfer_bill_no']}/fail", {"fail_reason": reason})
        late = {self.people[n].openid for n in NEVER_OPEN}
        takers, unpaid = self._takers(), {person.openid for person in self.people}

        def is_known() -> bool:
            with ThreadPoolExecutor(CROWD) as crowd:
                list(crowd.map(Promoter.take_money, (person for person in takers if person.openid in unpaid)))
            self.world.pass_time(1200)
            open_ones = (
                select(Payout.openid)
                .outerjoin(Order, Order.id == Payout.order_id)
                .where(Payout.status.in_(("approved", "ordered")), Payout.openid.not_in(late))
                .where(func.coalesce(Order.status, "") != "manual")
            )
            with self.database.reading() as session:
                left = session.scalars(open_ones).all()
            self.bars.update(bar, completed=len(self.owed) - len(left))
            unpaid.clear()
            unpaid.update(left)
            return not left

        bar = self.bars.add_task("拆红包、确认收款 take", total=len(self.owed))
        until(is_known, "everything that was taken to be known as paid")

    def _let_a_day_pass(self) -> None:
        """What nobody took goes back; what WeChat never took goes to a person."""
        bar = self.bars.add_task("24 小时后退回 a day later", total=len(NEVER_OPEN))
        self.world.pass_time(24 * 3600 + 600)

        def is_over() -> bool:
            self.world.pass_time(900)
            with self.database.reading() as session:
                query = select(func.count(Payout.id)).join(Order, Order.id == Payout.order_id)
                open_ones = session.execute(
                    query.where(Payout.status == "ordered", Order.status != "manual")
                ).scalar_one()
            return not open_ones

        until(is_over, "the end of everything unclaimed")
        self.bars.update(bar, completed=len(NEVER_OPEN))

    def _reissue(self) -> None:
        """One of those who were late asks: issued once more by one cashier, approved by another, and taken."""
        self.office = Office.open(self.base_url, self.office.packets_id, self.office.transfers_id)
        late = self.people[NEVER_OPEN[0]]
        with self.database.reading() as session:
            old = session.scalars(select(Payout).where(Payout.openid == late.openid, Payout.status == "returned")).one()
        payout_id = self.office.cashier.reissue(old.id)
        self.office.second_cashier.approve_payout(payout_id)
        self.owed.append(Owed("payout", payout_id, late.openid, old.amount_fen))
        self._settle_sends()

        def is_paid() -> bool:
            late.take_money()
            self.world.pass_time(600)
            with self.database.reading() as session:
                return session.get_one(Payout, payout_id).status == "paid"

        until(is_paid, "the re-issued payout to be paid")

    # --- the books --------------------------------------------------------------------------------------------------

    def _summary(self, seconds: float) -> dict[str, Any]:
        found = self._judge()
        with self.database.reading() as session:
            paid_fen = sum(ledger.balances(session, budget_id)["paid"] for budget_id in self._budgets())
            payouts = int(session.execute(select(func.count(Payout.id))).scalar_one())
            bound = int(session.execute(select(func.count(Binding.id)).where(Binding.status == "active")).scalar_one())
            vouchers = int(session.execute(select(func.count(Voucher.id))).scalar_one())
        broken = {name: rows for name, rows in invariants.check(self.database).items() if rows}
        for note in (*found.notes, *(f"invariant {name}: {rows}" for name, rows in broken.items())):
            self.console.print(f"[red]✗[/red] {note}", highlight=False)
        strangers = sum(1 for person in (self.stranger,) if person.wallet())
        return {
            "people_bound": bound,
            "vouchers": vouchers,
            "turned_away": dict(sorted(self.turned_away.items())),
            "faults_met": dict(sorted(self.weather.met.items())),
            "payouts": payouts,
            **{end: found.ends[end] for end in ("paid", "returned", "failed", "manual")},
            "double_paid": found.double_paid + strangers,
            "lost": found.lost + abs(payouts - len(self.owed)),
            "payouts_bank_paid_fen": found.bank_paid_fen,
            "payouts_ledger_paid_fen": paid_fen,
            "mismatches": found.mismatches + sum(broken.values()),
            "seconds": round(seconds, 1),
        }

    def _budgets(self) -> tuple[int, int]:
        return self.office.packets_id, self.office.transfers_id

    def _judge(self) -> Judgement:
        bank = {row["mch_billno"]: row for channel in DIRECT for row in expected.orders_of(self.world, channel)}
        wallets = {person.openid: person.wallet() for person in self.people}
        with self.database.reading() as session:
            return expected.judge(session, self.owed, bank, wallets)
