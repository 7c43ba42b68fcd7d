"""A console with people in it, and believable data to look at."""

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask, request
from flask import session as kept
from flask.testing import FlaskClient
from flask_wtf.csrf import generate_csrf
from sqlalchemy import insert, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests.campaigns.drafts import form
from tests.deployments import GivenSettings
from tests.rows import in_one
from wxbot.app import create_app
from wxbot.campaigns import draft
from wxbot.campaigns.models import Campaign, Packet, PacketCount
from wxbot.clock import SHANGHAI, Clock
from wxbot.db import Database
from wxbot.draws.models import DrawCount
from wxbot.ledger import Balance, Entry, Posting
from wxbot.orders.models import Evidence, Order
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.shake.models import Bucket, Lottery, Wave
from wxbot.staff import accounts
from wxbot.staff.admin import enter
from wxbot.staff.console import runtime
from wxbot.staff.models import Staff
from wxbot.staff.sign_in import open_session

PASSWORD = "correct-horse-7"
PEOPLE = {
    "li": ("李运营", "marketer"),
    "zhao": ("赵运营", "marketer"),
    "sun": ("孙审核", "reviewer"),
    "wang": ("王财务", "cashier"),
    "chen": ("陈管理", "admin"),
}


class StillClock(Clock):
    """A clock that stands still until it is moved."""

    def __init__(self, moment: datetime) -> None:
        super().__init__()
        self.moment = moment

    def unix(self) -> float:
        return self.moment.timestamp()

    def move(self, by: timedelta) -> None:
        self.moment += by


def move_clock(runtime: Runtime, by: timedelta) -> None:
    """Move the clock of a runtime that stands still."""
    assert isinstance(runtime.clock, StillClock)
    runtime.clock.move(by)


def console_settings(database_url: str, redis_url: str, folder: Path, **changes: Any) -> Settings:
    """Settings of a console that never talks to WeChat: its hosts are closed ports."""
    values: dict[str, Any] = {
        "profile": "simulator",
        "database_url": database_url,
        "redis_url": redis_url,
        "data_dir": folder,
        "brand": "晨光咖啡",
        "secret_key": "a-secret-key-for-tests-only-0123456789abcdef",
        "public_url": "http://localhost",
        "appid": "wx0123456789abcdef",
        "appsecret": "0" * 32,
        "original_id": "gh_0123456789ab",
        "callback_token": "abcdefgh12345678ABCD",
        "aes_key": "a" * 43,
        "mch_id": "1900000001",
        "pay_key": "0" * 32,
        "pay_cert_file": folder / "cert.pem",
        "pay_cert_key_file": folder / "key.pem",
        "api_base": "http://127.0.0.1:9",
        "mch_base": "https://127.0.0.1:9",
    }
    return GivenSettings(**(values | changes))


def hire_people(database: Database, now: datetime) -> None:
    """The people of the console, in the order of their ids."""
    for login, (name, role) in PEOPLE.items():
        accounts.hire(database, login + ".test", name, role, PASSWORD, now)


@contextmanager
def console(
    database_url: str, redis_url: str, folder: Path, now: datetime, *, are_hired: bool = False, **changes: Any
) -> Iterator[Flask]:
    """The whole application over a fresh database, with its people hired if the database has them not yet."""
    runtime = Runtime(console_settings(database_url, redis_url, folder, **changes))
    runtime.clock = StillClock(now)
    if not are_hired:
        hire_people(runtime.database, now)
    app = create_app(runtime)
    try:
        yield app
    finally:
        runtime.close()


def token_in(page: str) -> str:
    """The CSRF token of a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found, "the page has no CSRF token"
    return found[1]


class Browser:
    """One person's browser: keeps cookies, sends the CSRF token of the console like its pages do."""

    def __init__(self, app: Flask, login: str = "", password: str = PASSWORD) -> None:
        self.app = app
        self.client: FlaskClient = app.test_client()
        if login and not (password == PASSWORD and self._enters(f"{login}.test")):
            answer = self.sign_in(login, password)
            assert answer.status_code == 303, answer.text

    def _enters(self, login: str) -> bool:
        """Open a session as the door does behind the password; False where the door asks for more. Its own tests fill in the form."""
        client = {"User-Agent": str(self.client.environ_base["HTTP_USER_AGENT"])}
        with self.app.test_request_context("/admin/sign-in", method="POST", headers=client):
            now, hours = runtime().clock.now(), runtime().settings.session_hours
            with runtime().database.transaction() as session:
                person = session.scalar(select(Staff).where(Staff.login == login, Staff.is_active))
                if person is None or person.totp_at is not None or person.password_ends_at is not None:
                    return False
                staff_id, life = person.id, timedelta(hours=hours)
                token = open_session(session, staff_id, now, life=life, ip="127.0.0.1", user_agent=client["User-Agent"])
            answer = enter(staff_id, token)
            for cookie in answer.headers.getlist("Set-Cookie"):
                name, _, value = cookie.partition(";")[0].partition("=")
                self.client.set_cookie(name, value, domain=request.host.partition(":")[0])
        return True

    def sign_in(self, login: str, password: str = PASSWORD) -> TestResponse:
        return self.post("/admin/sign-in", {"login": f"{login}.test", "password": password})

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers=headers)

    def token(self) -> str:
        """A CSRF token as any page of this session holds it, made as pages make theirs: no page is drawn for it."""
        with self.client.session_transaction() as session, self.app.test_request_context():
            kept.update(session)
            token = generate_csrf()
            session.update(kept)
            return token

    def post(self, path: str, values: dict[str, Any] | None = None, **headers: str) -> TestResponse:
        return self.client.post(path, data={"csrf_token": self.token()} | (values or {}), headers=headers)


def form_at(now: datetime, **changes: Any) -> dict[str, Any]:
    """A good draft form whose window begins tomorrow."""
    day = now.astimezone(SHANGHAI) + timedelta(days=1)
    return form(begin_at=f"{day:%Y-%m-%dT09:00}", end_at=f"{day + timedelta(days=4):%Y-%m-%dT21:00}", **changes)


STATUS_SHARES = {"received": 52, "bound": 9, "returned": 3, "loaded": 18, "ticketed": 4, "ordered": 5, "planned": 9}
_ORDER_OF = {"ordered": "unknown", "ticketed": "accepted", "loaded": "accepted", "bound": "accepted"}
_REPLY = (
    "<xml><return_code><![CDATA[SUCCESS]]></return_code><result_code><![CDATA[SUCCESS]]></result_code>"
    "<mch_billno><![CDATA[{billno}]]></mch_billno><sp_ticket>***</sp_ticket><total_amount>{fen}</total_amount></xml>"
)


def fill_packets(session: Session, campaign: Campaign, now: datetime, packets: int, seed: int = 7) -> None:
    """Packets in every status with orders, evidence, ledger entries and counts, as a campaign in full swing has them."""
    dice = random.Random(seed)
    amounts = draft.amounts_of(campaign)[:packets]
    statuses = dice.choices(list(STATUS_SHARES), list(STATUS_SHARES.values()), k=len(amounts))
    rows, orders, postings = [], [], []
    for ordinal, (planned, status) in enumerate(zip(amounts, statuses, strict=True), start=1):
        at = now - timedelta(minutes=dice.randint(30, 3000))
        packet_id, has_order = campaign.id * 1_000_000 + ordinal, status != "planned"
        billno = f"1900000001{at:%Y%m%d}{packet_id:010d}"
        openid = f"o{dice.getrandbits(120):030x}"[:28] if status in ("bound", "received", "returned") else None
        rows.append(
            {
                "id": packet_id,
                "campaign_id": campaign.id,
                "ordinal": ordinal,
                "amount_fen": planned.amount_fen,
                "tier": planned.tier,
                "status": status,
                "attempts": int(has_order),
                "order_id": packet_id if has_order else None,
                "openid": openid,
                "bound_at": at if openid else None,
                "settled_at": at if status in ("received", "returned") else None,
                "expires_at": at + timedelta(hours=72) if has_order else None,
                "updated_at": at,
            }
        )
        if has_order:
            orders.append(
                {
                    "id": packet_id,
                    "channel": "hbpreorder",
                    "reason_kind": "packet",
                    "reason_id": packet_id,
                    "attempt": 1,
                    "budget_id": campaign.id,
                    "mch_billno": billno,
                    "params": "{}",
                    "params_sha256": "0" * 64,
                    "amount_fen": planned.amount_fen,
                    "status": _ORDER_OF.get(status, status),
                    "holding": "tickets",
                    "detail_id": f"{packet_id:028d}" if status != "ordered" else None,
                    "sends": 1,
                    "checks": 0,
                    "created_at": at,
                    "send_after": at,
                    "sent_at": at,
                    "accepted_at": at if status != "ordered" else None,
                    "expires_at": at + timedelta(hours=72),
                    "err_code": "SYSTEMERROR" if status == "ordered" else None,
                    "lease_epoch": 0,
                    "is_noticed": True,
                }
            )
            postings += _postings(billno, status, planned.amount_fen, campaign.id, at)
    session.execute(insert(Packet), rows)
    session.execute(insert(Order), orders)
    session.execute(
        insert(Evidence),
        [
            {
                "order_id": row["id"],
                "kind": "reply",
                "body": _REPLY.format(billno=row["mch_billno"], fen=row["amount_fen"]),
                "at": row["sent_at"],
            }
            for row in orders[:50]
        ],
    )
    _book(session, sorted(postings, key=lambda pair: pair[0]))
    for status in set(statuses):
        chosen = [row for row in rows if row["status"] == status]
        fen = sum(int(str(row["amount_fen"])) for row in chosen)
        session.add(PacketCount(campaign_id=campaign.id, status=status, n=len(chosen), amount_fen=fen))


def _book(session: Session, postings: list[tuple[datetime, Posting]]) -> None:
    """What ledger.post does, for thousands of postings at once."""
    session.execute(insert(Entry), [vars(posting) | {"at": at} for at, posting in postings])
    moved: dict[tuple[int, str], int] = {}
    for _, posting in postings:
        for account, change in ((posting.debit, -posting.amount_fen), (posting.credit, posting.amount_fen)):
            moved[posting.budget_id or 0, account] = moved.get((posting.budget_id or 0, account), 0) + change
    for (campaign_id, account), change in moved.items():
        row = session.get(Balance, (campaign_id, account))
        if row is None:
            session.add(Balance(budget_id=campaign_id, account=account, balance_fen=change))
        else:
            row.balance_fen += change


def _postings(billno: str, status: str, fen: int, campaign_id: int, at: datetime) -> list[tuple[datetime, Posting]]:
    steps = [("ordered", "reserved", "in_flight")]
    if status != "ordered":
        steps.append(("accepted", "in_flight", "tickets"))
    if status in ("bound", "received", "returned"):
        steps.append(("bound", "tickets", "unclaimed"))
    if status == "received":
        steps.append(("received", "unclaimed", "paid"))
    if status == "returned":
        steps.append(("returned", "unclaimed", "merchant"))
    return [
        (at + timedelta(minutes=3 * n), Posting(kind, billno, debit, credit, fen, campaign_id))
        for n, (kind, debit, credit) in enumerate(steps)
    ]


def fill_draws(session: Session, campaign_id: int, now: datetime, hours: int = 40) -> None:
    """Two days of shakes with the busy hours of a shop."""
    dice = random.Random(3)
    for back in range(hours):
        hour = (now - timedelta(hours=back)).replace(minute=0, second=0, microsecond=0)
        busy = {9: 30, 12: 120, 13: 90, 18: 140, 19: 170, 20: 110}.get(hour.astimezone(SHANGHAI).hour, 25)
        pages = 2 * busy + dice.randint(0, 30)
        admitted = int(pages * 0.55)
        counts = {
            "shake": pages + dice.randint(5, 30),
            "page": pages,
            "admitted": admitted,
            "already_drawn": int(pages * 0.2),
            "not_by_shaking": int(pages * 0.08),
            "ticket_too_old": int(pages * 0.05),
            "too_often": int(pages * 0.02),
        }
        session.add_all(DrawCount(campaign_id=campaign_id, hour=hour, outcome=name, n=n) for name, n in counts.items())


def seed_story(database: Database, now: datetime, packets: int = 3000) -> tuple[int, int]:
    """Two campaigns, one in full swing and one that waits for approval; returns their ids."""
    before = now - timedelta(days=2)
    running = draft.read(
        form_at(
            before,
            name="新春到店摇红包",
            split="random",
            packet_count="3000",
            min_amount="1.00",
            max_amount="18.88",
            budget="8888.00",
            keyword="新春",
            expected_people="3600",
        ),
        before,
    )
    running_id = in_one(database, draft.save, running, 1, before)
    in_one(database, draft.submit, running_id, 1, before)
    in_one(database, draft.approve, running_id, 3, before)
    tiers = draft.read(
        form_at(
            now,
            name="会员日分档抽奖",
            split="tiers",
            tier_label=["一等奖", "二等奖", "三等奖"],
            tier_amount=["188", "18.80", "1.88"],
            tier_count=["5", "50", "500"],
            budget="3000",
            keyword="会员日",
            odds="30",
        ),
        now,
    )
    waiting_id = in_one(database, draft.save, tiers, 1, now)
    in_one(database, draft.submit, waiting_id, 1, now)
    with database.transaction() as session:
        campaign = session.get_one(Campaign, running_id)
        campaign.status, campaign.launched_at, campaign.are_packets_planned = "on", before, True
        fill_packets(session, campaign, now, packets)
        fill_draws(session, running_id, now)
        session.add(Wave(campaign_id=running_id, ordinal=1, packets=1800, reason="first", opened_at=before))
        session.add(
            Wave(campaign_id=running_id, ordinal=2, packets=900, reason="stock", opened_at=now - timedelta(hours=5))
        )
        lottery = Lottery(
            campaign_id=running_id,
            ordinal=1,
            lottery_id="9sQqUrmdFaY6v9z8TartXX",
            lottery_key="sealed",
            total=3000,
            loaded=2460,
            is_on=True,
            created_at=before,
        )
        session.add(lottery)
        session.flush()
        session.add(Bucket(lottery_id=lottery.id, status="loaded", packets=100, success_num=100, created_at=before))
    return running_id, waiting_id


NOON = datetime(2026, 3, 15, 4, 30, tzinfo=UTC)
"""12:30 in Shanghai."""
