"""Ordering packets with a WeChat Pay that takes 50 ms, against the limit that so many calls at once allow."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_stage import BenchProblem, Figure, Ground, middle
from sqlalchemy import func, select

from tests.servers import SimulatedWeChat
from wxbot import budget, ledger
from wxbot.ledger import Posting
from wxbot.orders.channels import PaymentRequest
from wxbot.orders.models import Order
from wxbot.orders.plan import plan_orders
from wxbot.orders.send import send_due
from wxbot.runtime import Runtime
from wxbot.settings import Settings

SLOW_S = 0.05
ENDPOINT = "mmpaymkttransfers/hbpreorder"
TEXTS = {"send_name": "示例小店", "act_name": "开业有礼", "wishing": "恭喜发财", "remark": "到店有礼"}
AIM = 0.9
CONCURRENCIES = (8, 16)
"""The default of WXBOT_PAY_CONCURRENCY, and twice that."""


def settings_for(ground: Ground, wechat: SimulatedWeChat, concurrency: int) -> Settings:
    """A deployment against the simulator whose own limits never hold it back."""
    account = wechat.control("GET", "account")
    names = ("appid", "appsecret", "original_id", "callback_token", "aes_key", "callback_mode", "mch_id", "pay_key")
    values: dict[str, Any] = {name: account[name] for name in names}
    values |= {f"{host}_base": wechat.base for host in ("api", "open", "mp", "res", "zb")}
    certs: Path = wechat.certs
    return ground.settings(
        **values,
        profile="simulator",
        mch_base=wechat.pay_base,
        public_url="http://127.0.0.1:8000",
        pay_cert_file=certs / "apiclient_cert.pem",
        pay_cert_key_file=certs / "apiclient_key.pem",
        pay_ca_file=certs / "ca.pem",
        pay_quiet_hours=False,
        pay_per_second=100_000,
        pay_per_day=10_000_000,
        pay_concurrency=concurrency,
    )


def prepare_bank(wechat: SimulatedWeChat) -> None:
    """Money and limits for as many orders as are wanted here."""
    wechat.control("PUT", "bank/limits", {"per_minute": 10_000_000, "per_day": 10_000_000})
    wechat.control("POST", "bank/topup", {"amount_fen": 10_000_000_00})


def set_delay(wechat: SimulatedWeChat, seconds: float) -> None:
    """Every hbpreorder takes this much longer from now on."""
    wechat.control("DELETE", f"faults/{ENDPOINT}")
    if seconds:
        wechat.control("PUT", f"faults/{ENDPOINT}", {"kind": "slow", "seconds": seconds})


def plan(runtime: Runtime, campaign_id: int, wanted: int) -> None:
    """Orders with numbers, frozen parameters and reserved money, as the launch leaves them for the sender."""
    now = runtime.clock.now()
    with runtime.database.transaction() as session:
        budget.open_budget(session, campaign_id, wanted * 100)
        ledger.post(
            session, [Posting("approved", f"c{campaign_id}", "merchant", "reserved", wanted * 100, campaign_id)], now
        )
        first = campaign_id * 1_000_000
        payment_requests = [PaymentRequest("packet", first + n, campaign_id, 100, TEXTS) for n in range(wanted)]
        plan_orders(session, runtime.settings, "hbpreorder", payment_requests, now)


@dataclass(frozen=True)
class Took:
    """Seconds on the clock and of this process's processor time."""

    seconds: float
    cpu_seconds: float


def by_sender(runtime: Runtime, campaign_id: int, wanted: int) -> Took:
    """How long wxbot takes from the first claim to the last committed outcome."""
    plan(runtime, campaign_id, wanted)
    began, cpu = time.perf_counter(), time.process_time()
    report = send_due(runtime, seconds=600)
    took = Took(time.perf_counter() - began, time.process_time() - cpu)
    with runtime.database.reading() as session:
        query = select(func.count()).where(Order.budget_id == campaign_id, Order.status == "accepted")
        accepted = session.execute(query).scalar_one()
        broken = ledger.unbalanced_accounts(session)
    if accepted != wanted or report.accepted != wanted or broken:
        raise BenchProblem(
            f"{wanted} orders were sent, {accepted} stand as accepted ({report.statuses}), broken: {broken}"
        )
    return took


def by_threads(runtime: Runtime, numbers: Sequence[str]) -> Took:
    """The same calls by as many threads with nothing around them: what client and simulator allow."""
    frozen = {
        "mch_id": runtime.settings.mch_id,
        "wxappid": runtime.settings.appid,
        "hb_type": "NORMAL",
        "total_amount": "100",
        "total_num": "1",
        "amt_type": "ALL_RAND",
        "auth_mchid": runtime.settings.shake_auth_mchid,
        "auth_appid": runtime.settings.shake_auth_appid,
        "risk_cntl": "NORMAL",
        **TEXTS,
    }
    params = [json.loads(json.dumps(frozen | {"mch_billno": number})) for number in numbers]
    with ThreadPoolExecutor(runtime.settings.pay_concurrency) as pool:
        began, cpu = time.perf_counter(), time.process_time()
        answers = list(pool.map(runtime.pay.hbpreorder, params))
        took = Took(time.perf_counter() - began, time.process_time() - cpu)
    if not all(answer.is_success for answer in answers):
        raise BenchProblem(f"the simulator refused: {next(a.raw for a in answers if not a.is_success)}")
    return took


class Numbers:
    """Order numbers nobody has used yet, for calls without wxbot's own bookkeeping."""

    def __init__(self, mch_id: str) -> None:
        self._prefix = f"{mch_id}20200101"
        self._next = 0

    def take(self, wanted: int) -> list[str]:
        """The next ones, 28 digits each."""
        first, self._next = self._next, self._next + wanted
        return [f"{self._prefix}{n:010d}" for n in range(first, self._next)]


def run(ground: Ground) -> Iterator[Figure]:
    """At each concurrency: sender and bare threads in turn, and what the simulator can do without the delay."""
    wechat = ground.simulator()
    prepare_bank(wechat)
    numbers, campaign_id, wanted = Numbers("1900000001"), 0, ground.size.orders
    for concurrency in CONCURRENCIES:
        with closing(Runtime(settings_for(ground, wechat, concurrency))) as runtime:
            set_delay(wechat, 0)
            by_threads(runtime, numbers.take(200))
            ceiling = wanted / by_threads(runtime, numbers.take(wanted)).seconds
            set_delay(wechat, SLOW_S)
            limit = concurrency / SLOW_S
            bare, sender = [], []
            for _ in range(min(3, ground.size.rounds)):
                bare.append(by_threads(runtime, numbers.take(wanted)))
                campaign_id += 1
                sender.append(by_sender(runtime, campaign_id, wanted))
        ours, threads = [wanted / took.seconds for took in sender], [wanted / took.seconds for took in bare]
        more = {
            "orders": wanted,
            "concurrency": concurrency,
            "simulator_without_delay_per_s": ceiling,
            "bare_threads_per_s": middle(threads),
            "of_bare_threads": middle(ours) / middle(threads),
            "cpu_ms": middle([took.cpu_seconds for took in sender]) / wanted * 1000,
            "baseline_cpu_ms": middle([took.cpu_seconds for took in bare]) / wanted * 1000,
        }
        yield Figure(
            "orders",
            f"{wanted} orders, {concurrency} at once, 50 ms each",
            "orders/s",
            middle(ours),
            limit,
            f"limit {concurrency}/50 ms",
            middle(ours) / limit,
            AIM,
            rounds=[rate / limit for rate in ours],
            more=more,
        )
        yield Figure(
            "orders",
            f"{wanted} orders, {concurrency} at once, 50 ms each",
            "orders/s",
            middle(ours),
            middle(threads),
            "bare threads, same client",
            middle(ours) / middle(threads),
            None,
            more=more,
            rounds=[our / bare for our, bare in zip(ours, threads, strict=True)],
        )
