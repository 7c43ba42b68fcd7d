"""Pages of the packets table in the console, at a thousand rows and at a million, each asked in turn."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta

import requests
from bench_load import Volley, fire, request
from bench_stage import HOST, BenchProblem, Figure, Ground, Web, middle
from sqlalchemy import text

from wxbot import budget
from wxbot.campaigns.models import Campaign
from wxbot.clock import Clock
from wxbot.db import Database
from wxbot.settings import Settings
from wxbot.staff import accounts

SMALL_ROWS = 1_000
PASSWORD = "correct-horse-7"
AIM = 1.1
"""No slower, give or take the tenth by which two measurements of one thing differ here."""

TOGETHER = 4
"""Requests in a row to one size; then it is the other's turn, so that both meet the same moments of a busy machine."""

WARM_TURNS, QUICK_WARM_TURNS = 6, 2
"""Turns that do not count: both workers read their first pages."""

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)"
_STATUS = """CASE WHEN i % 100 < 52 THEN 'received' WHEN i % 100 < 61 THEN 'bound' WHEN i % 100 < 64 THEN 'returned'
    WHEN i % 100 < 82 THEN 'loaded' WHEN i % 100 < 86 THEN 'ticketed' WHEN i % 100 < 91 THEN 'ordered' ELSE 'planned' END"""
_PACKETS = f"""INSERT INTO packets (id, campaign_id, ordinal, amount_fen, tier, status, attempts, failures, order_id, openid,
    bound_at, settled_at, expires_at, updated_at) {_NUMBERS}
    SELECT i, :campaign_id, i, 100 + i % 900, '', {_STATUS}, CASE WHEN i % 100 < 91 THEN 1 ELSE 0 END, 0,
    CASE WHEN i % 100 < 91 THEN i END, CASE WHEN i % 100 < 64 THEN 'o' || CAST(100000000000000 + i AS TEXT) || 'abcdefghijkl' END,
    CASE WHEN i % 100 < 64 THEN :at END, CASE WHEN i % 100 < 52 THEN :at END, CASE WHEN i % 100 < 91 THEN :at END, :at FROM n"""
_ORDERS = """INSERT INTO orders (id, channel, reason_kind, reason_id, attempt, budget_id, mch_billno, params, params_sha256,
    amount_fen, status, fund, holding, sends, checks, created_at, send_after, is_cancel_wanted, lease_epoch, is_noticed)
    SELECT id, 'hbpreorder', 'packet', id, 1, campaign_id, '190000000120260315' || CAST(1000000000 + id AS TEXT), '{}', '0',
    amount_fen, CASE status WHEN 'received' THEN 'received' WHEN 'returned' THEN 'returned' WHEN 'ordered' THEN 'unknown'
    ELSE 'accepted' END, 'reserved', 'tickets', 1, 0, :at, :at, :is_cancel_wanted, 0, :is_noticed FROM packets WHERE order_id IS NOT NULL"""
_COUNTS = """INSERT INTO packet_counts (campaign_id, status, n, amount_fen)
    SELECT campaign_id, status, COUNT(*), SUM(amount_fen) FROM packets GROUP BY campaign_id, status"""


def packets(database: Database, rows: int) -> int:
    """A campaign with `rows` packets in every status, their orders and their counts; returns its id."""
    now = Clock().now()
    at = now.replace(tzinfo=None).isoformat(" ") if database.is_sqlite else now
    with database.transaction() as session:
        campaign = Campaign(
            id=budget.create(session, "campaign", "新春到店摇红包"),
            slug="big",
            name="新春到店摇红包",
            status="on",
            begin_at=now - timedelta(days=1),
            end_at=now + timedelta(days=9),
            budget_fen=rows * 1000,
            split="fixed",
            packet_count=rows,
            packet_fen=100,
            split_seed="s",
            send_name="示例小店",
            act_name="新春",
            wishing="恭喜发财",
            remark="到店有礼",
            terms={"title": "新春", "description": "到店有礼"},
            are_packets_planned=True,
            created_by=1,
            created_at=now,
            updated_at=now,
        )
        session.add(campaign)
        session.flush()
        session.execute(text(_PACKETS), {"rows": rows, "campaign_id": campaign.id, "at": at})
        session.execute(text(_ORDERS), {"at": at, "is_noticed": True, "is_cancel_wanted": False})
        session.execute(text(_COUNTS))
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")
    return int(campaign.id)


@dataclass
class Console:
    """One running console and the cookie of someone who is signed in."""

    web: Web
    campaign_id: int
    rows: int
    cookie: str = ""

    def sign_in(self) -> None:
        """Over HTTP, with the CSRF token of the page, like a person."""
        base, browser = f"http://127.0.0.1:{self.web.port}", requests.Session()
        token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(f"{base}/admin/sign-in", timeout=20).text)
        if token is None:
            raise BenchProblem("the sign-in page has no CSRF token")
        form = {"csrf_token": token[1], "login": "cashier", "password": PASSWORD}
        answer = browser.post(f"{base}/admin/sign-in", data=form, allow_redirects=False, timeout=20)
        if answer.status_code != 303:
            raise BenchProblem(f"nobody could sign in: {answer.status_code}")
        self.cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)

    def page(self, address: str) -> bytes:
        """The request of one page of the campaign."""
        path = f"/admin/campaigns/{self.campaign_id}{address.format(middle=self.rows // 2, end=self.rows + 1)}"
        return request("GET", path, f"127.0.0.1:{self.web.port}", headers=(("Cookie", self.cookie),))


PAGES = (
    ("first page", "/packets"),
    ("page in the middle", "/packets?after={middle}"),
    ("last page", "/packets?before={end}"),
    ("filtered by status, first page", "/packets?status=loaded"),
    ("filtered by status, in the middle", "/packets?status=loaded&after={middle}"),
    ("filtered by a rarer status, last page", "/packets?status=bound&before={end}"),
    ("search by number of the packet", "/packets?q=%23777"),
    ("search by openid", "/packets?q=o100000000000701abcdefghijkl"),
    ("search by order number", "/packets?q=1900000001202603151000000777"),
    ("search that finds nothing", "/packets?q=nobody-has-this"),
)
NOTHING = "没有符合条件的红包"
"""A page without a row has no table."""


def open_console(ground: Ground, rows: int, fill: Callable[[Settings, int], int] | None = None) -> Console:
    """A console over a database of its own with that many rows, which `fill` writes."""
    settings = ground.settings()
    with closing(Database(settings.database_url)) as database:
        accounts.hire(database, "cashier", "财务", "cashier", PASSWORD, Clock().now())
        campaign_id = fill(settings, rows) if fill else packets(database, rows)
    closed = {f"{name}_base": "http://127.0.0.1:1" for name in ("api", "open", "mp", "res", "zb")}
    settings = settings.model_copy(update={"profile": "simulator", "public_url": f"http://{HOST}", **closed})
    console = Console(ground.gunicorn(f"console-{rows}", "wsgi:app", settings), campaign_id, rows)
    console.sign_in()
    return console


def asked(ground: Ground, console: Console, what: str, address: str, contains: str) -> Volley:
    """A page a few times, one request after the other. Raises BenchProblem when an answer was wrong: without `contains`, its {rows} filled in."""
    before, wanted = ground.cpu_seconds(console.web), contains.format(rows=console.rows).encode()
    volley = fire(console.web.address, [console.page(address)] * TOGETHER, b"200", wanted, 1)
    volley.server_seconds = ground.cpu_seconds(console.web) - before
    if volley.wrong:
        raise BenchProblem(f"{what}: {volley.wrong} answers were wrong: {volley.first_wrong}")
    return volley


def compared(ground: Ground, case: str, what: str, address: str, contains: str, small: Console, big: Console) -> Figure:
    """One page at both sizes, a few requests here, a few there, one at a time."""
    waits: dict[str, list[float]] = {"small": [], "big": []}
    rounds, cpu = [], {"small": 0.0, "big": 0.0}
    warm_turns = QUICK_WARM_TURNS if ground.size.is_quick else WARM_TURNS
    for turn in range(warm_turns + ground.size.pages // TOGETHER):
        seen = {}
        for name, console in (("small", small), ("big", big)):
            volley = asked(ground, console, what, address, contains)
            seen[name] = middle(volley.waits_s)
            if turn >= warm_turns:
                cpu[name] += volley.server_seconds
                waits[name] += volley.waits_s
        rounds.append(seen["big"] / seen["small"])
    million, thousand = middle(waits["big"]) * 1000, middle(waits["small"]) * 1000
    return Figure(
        case,
        what,
        "ms",
        million,
        thousand,
        f"the same at {small.rows:,} rows",
        million / thousand,
        AIM,
        is_better_low=True,
        rounds=rounds[warm_turns:],
        cpu_ratio=cpu["big"] / cpu["small"],
        more={"rows": big.rows, "baseline_rows": small.rows},
    )


def run(ground: Ground) -> Iterator[Figure]:
    """Every page of the table."""
    small, big = open_console(ground, SMALL_ROWS), open_console(ground, ground.size.big_rows)
    for what, address in PAGES:
        yield compared(ground, "table", what, address, NOTHING if "nothing" in what else "</table>", small, big)
