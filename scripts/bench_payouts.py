"""Payouts through a real worker process: 10,000 against the 25 a second that WeChat Pay is asked at most, then with lost replies."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from bench_orders import settings_for
from bench_stage import ROOT, BenchProblem, Figure, Ground, cpu_of_family, stop, variables_of
from sqlalchemy import func, select

from tests.servers import SimulatedWeChat
from wxbot import budget, invariants, ledger
from wxbot.ledger import Posting
from wxbot.orders.models import Order
from wxbot.payouts.create import PayoutRequest, request
from wxbot.payouts.models import Programme
from wxbot.runtime import Runtime

PER_SECOND = 25
"""WXBOT_PAY_PER_SECOND's default; WeChat's own limit is 30 (wechat-protocol §3.1)."""

AIM = 0.95
PER_PERSON = 10
LOST = 0.05
SEND, ASK = "mmpaymkttransfers/sendredpack", "mmpaymkttransfers/gethbinfo"
SLOWEST = 3.0
"""A drain that takes this many times as long as the rate allows has failed."""
STALLED_S = 60
"""So has one in which nothing more was placed for so long."""


def prepare(runtime: Runtime, wechat: SimulatedWeChat, wanted: int) -> list[str]:
    """Money, and as many people as a day's limit asks for; their openids."""
    wechat.control("POST", "bank/topup", {"amount_fen": 100_000_000_00})
    # The rate stays WeChat's own: 30 a second are taken, more is refused.
    wechat.control("PUT", "bank/limits", {"cash_per_minute": 10_000_000, "cash_fen_per_day": 10_000_000_00})
    people = wechat.control("POST", "people", {"count": -(-wanted // PER_PERSON)})["people"]
    return [person["openid"] for person in people]


def owe(runtime: Runtime, openids: Sequence[str], wanted: int, first: int) -> int:
    """A programme that owes `wanted` payouts of one yuan, all approved by a second person and due."""
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        programme_id = budget.create(session, "programme", f"bench {first}")
        session.add(
            Programme(
                id=programme_id,
                department="bench",
                name=str(first),
                channel="sendredpack",
                send_name="示例小店",
                act_name="地推奖励",
                wishing="辛苦了",
                remark="地推奖励",
                created_by=1,
                created_at=now,
                updated_at=now,
            )
        )
        session.flush()
        budget.change_budget(session, programme_id, wanted * 100)
        posting = Posting("reserved", f"bench:{first}", "merchant", "reserved", wanted * 100, programme_id)
        ledger.post(session, [posting], now)
    for start in range(0, wanted, 500):
        with runtime.database.transaction() as session:
            for n in range(start, min(start + 500, wanted)):
                openid = openids[n // PER_PERSON]
                claim = PayoutRequest("manual", first + n, programme_id, openid, 100, created_by=1, approved_by=2)
                request(session, runtime.settings, claim, now)
    return programme_id


@contextmanager
def working(ground: Ground, runtime: Runtime, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker as a process of its own, whose log is `<name>.log` in the scratch folder."""
    with (ground.folder / f"{name}.log").open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "wxbot", "worker"],
            cwd=ROOT,
            env=_environment(runtime),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield child
    finally:
        stop(child)


def drain(ground: Ground, runtime: Runtime, programme_id: int, wanted: int) -> tuple[float, float]:
    """Run a worker until every order is placed with WeChat: (seconds from the first sending to the last answer, CPU s)."""
    name = f"worker{programme_id}"
    with working(ground, runtime, name) as child:
        placed, moved = 0, time.monotonic()
        deadline = moved + STALLED_S + SLOWEST * wanted / PER_SECOND
        while (now_placed := _placed(runtime, programme_id)) < wanted:
            if now_placed > placed:
                placed, moved = now_placed, time.monotonic()
            if time.monotonic() > min(deadline, moved + STALLED_S) or child.poll() is not None:
                said = (ground.folder / f"{name}.log").read_text()[-500:]
                raise BenchProblem(f"{placed} of {wanted} payouts were placed; see {said}")
            time.sleep(0.5)
        cpu_s = cpu_of_family(child.pid)
    with runtime.database.reading() as session:
        query = select(func.min(Order.sent_at), func.max(Order.accepted_at)).where(Order.budget_id == programme_id)
        first, last = session.execute(query).one()
    assert first is not None and last is not None
    return (last - first).total_seconds(), cpu_s


def _environment(runtime: Runtime) -> dict[str, str]:
    return variables_of(runtime.settings) | {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


def _placed(runtime: Runtime, programme_id: int) -> int:
    with runtime.database.reading() as session:
        query = select(func.count()).where(Order.budget_id == programme_id, Order.status == "accepted")
        return int(session.execute(query).scalar_one())


def outcome(runtime: Runtime, wechat: SimulatedWeChat, programme_id: int, wanted: int) -> dict[str, int]:
    """Our numbers beside the bank's: what is there twice, what is missing, what the invariants find."""
    with runtime.database.reading() as session:
        rows = session.execute(
            select(Order.mch_billno, Order.reason_id, Order.sends).where(Order.budget_id == programme_id)
        ).all()
    known: set[str] = set()
    after = 0
    while True:
        page: dict[str, Any] = wechat.control("GET", f"bank/orders?limit=500&after={after}")
        known |= {order["mch_billno"] for order in page["orders"]}
        if not page["has_more"]:
            break
        after = page["orders"][-1]["n"]
    ours = {row.mch_billno for row in rows}
    return {
        "payouts": wanted,
        "requests": sum(row.sends for row in rows),
        "double_paid": len(ours & known) - len({row.reason_id for row in rows}),
        "lost": wanted - len(ours & known),
        "broken_rules": sum(invariants.check(runtime.database).values()),
    }


def run(ground: Ground) -> Iterator[Figure]:
    """The drain of many payouts, then of fewer while replies are lost."""
    wechat = ground.simulator()
    settings = settings_for(ground, wechat, 8).model_copy(update={"pay_per_second": PER_SECOND})
    with closing(Runtime(settings)) as runtime:
        first = 1
        for wanted, lost in ((ground.size.payouts, 0.0), (max(100, ground.size.payouts // 10), LOST)):
            openids = prepare(runtime, wechat, wanted)
            for call in (SEND, ASK):
                wechat.control("DELETE", f"faults/{call}")
                if lost:
                    wechat.control("PUT", f"faults/{call}", {"kind": "drop_reply", "rate": lost})
            programme_id = owe(runtime, openids, wanted, first)
            first += wanted
            seconds, cpu_s = drain(ground, runtime, programme_id, wanted)
            found = outcome(runtime, wechat, programme_id, wanted)
            if found["double_paid"] or found["lost"] or found["broken_rules"]:
                raise BenchProblem(f"the books disagree: {found}")
            said = f", {lost:.0%} of replies lost" if lost else ""
            yield Figure(
                "payouts",
                f"{wanted} payouts through the worker{said}",
                "payouts/s",
                wanted / seconds,
                PER_SECOND,
                f"the rate of {PER_SECOND}/s",
                wanted / seconds / PER_SECOND,
                None if lost else AIM,
                more=found | {"drain_s": seconds, "cpu_ms_each": cpu_s / wanted * 1000},
            )
