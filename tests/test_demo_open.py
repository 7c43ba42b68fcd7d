"""What a demo that stands open shows and holds, with its web and worker in this process: people come by themselves, the desks fill."""

from __future__ import annotations

import os
import re
import shlex
import signal
import stat
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.near_stage import NearStage, play_on
from tests.servers import SimulatedWeChat
from tests.waiting import until
from wxbot.campaigns.draft import Draft
from wxbot.campaigns.models import Campaign
from wxbot.db import Database
from wxbot.demo import run, seed, setup, visitors
from wxbot.demo.stage import Ports
from wxbot.draws.models import Draw
from wxbot.hall.models import Guest as HallGuest
from wxbot.instant.models import InstantDraw
from wxbot.payouts.models import PayList, Payout
from wxbot.private_servers import free_port
from wxbot.replies import menu
from wxbot.replies.models import MenuDraft
from wxbot.staff.models import Staff
from wxbot.vouchers.models import Voucher

TASKS = ("campaigns.advance", "payouts.order", "orders.send", "people.sms", "vouchers.fetch")
"""What the demo's first minutes need of the worker."""


class WatchedStage(NearStage):
    """One process of it is there to be watched, and does nothing."""

    intervals = dict.fromkeys(TASKS, 1.0)

    def start_beside(self) -> None:
        """The process that is watched."""
        self._spawn("watched", ["-ISc", "import os, time; print('I am', os.getpid(), flush=True); time.sleep(600)"])


def small(plan: Callable[[datetime, int], Draft]) -> Callable[[datetime, int], Draft]:
    """The shake campaign with four packets: each is an order to WeChat."""
    return lambda now, device_id: replace(plan(now, device_id), packet_count=4, budget_fen=1_000)


@pytest.fixture
def near(monkeypatch: pytest.MonkeyPatch, simulator: SimulatedWeChat, sqlite_template: Path) -> None:
    """`wxbot demo` in this process, with few people who come at once."""
    play_on(monkeypatch, WatchedStage, simulator, sqlite_template)
    monkeypatch.setattr(seed, "plan_campaign", small(seed.plan_campaign))
    monkeypatch.setattr(visitors, "EVERY_S", 1)
    monkeypatch.setattr(visitors, "MOST", 3)
    monkeypatch.setattr(visitors, "HALL_GUESTS", 2)
    monkeypatch.setattr(setup, "REGULARS", 2)
    monkeypatch.setattr(setup, "NEWCOMERS", 1)
    monkeypatch.setenv("COLUMNS", "200")


Look = Callable[[threading.Event], object]
"""Waits for what there is to see, in vain where the event says that the demo is over."""


def visited(folder: Path, look: Look, *, then_interrupt: bool) -> int:
    """Run a demo while somebody looks at it, and interrupt it afterwards as Ctrl-C does; its exit code."""
    faults: list[BaseException] = []
    is_over = threading.Event()

    def come() -> None:
        try:
            look(is_over)
        except BaseException as fault:
            faults.append(fault)
        if (then_interrupt or faults) and not is_over.is_set():
            os.kill(os.getpid(), signal.SIGINT)

    visitor = threading.Thread(target=come)
    visitor.start()
    try:
        return run.run(folder=folder, ports=Ports(*(free_port() for _ in range(4))))
    finally:
        is_over.set()
        visitor.join()
        assert faults == []


def busy() -> set[str]:
    """What the demo does beside showing its addresses."""
    return {thread.name for thread in threading.enumerate()} & {"office", "visitors"}


def look_around(simulator: SimulatedWeChat, is_over: threading.Event) -> None:
    """Until everybody has come and the desks are full."""
    until(lambda: len(busy()) == 2 or is_over.is_set(), "the demo is open", pause_s=0.1)
    simulator.advance(5)  # the campaigns begin
    until(lambda: not busy() or is_over.is_set(), "everybody has come", pause_s=0.2)

    def are_guests_here() -> bool:
        states = simulator.control("GET", "hall")["states"]
        return {state: count for state, count in states.items() if count} == {"here": visitors.HALL_GUESTS}

    until(lambda: are_guests_here() or is_over.is_set(), "guests are in the hall", pause_s=0.1)
    assert len(simulator.control("POST", "hall/wall")["phones"]) == visitors.HALL_GUESTS


def all_of(database: Database, query: Any) -> list[Any]:
    with database.reading() as session:
        return list(session.scalars(query))


def the_desks_are_full(database: Database) -> None:
    """The first morning of two promoters: three vouchers with a copied photo, a list, a payout that waits for the second cashier."""
    assert all_of(database, select(Voucher.status)) == ["submitted"] * 3
    assert all_of(database, select(PayList.status)) == ["draft"]
    by_hand = select(Payout).where(Payout.source_kind == "manual").order_by(Payout.amount_fen)
    small, large = all_of(database, by_hand)
    assert (small.amount_fen, large.amount_fen) == (880, 20_000)
    assert (large.status, large.approved_by) == ("requested", None) and small.status in ("approved", "ordered")


def people_have_come(database: Database) -> None:
    """One spun the wheel and one scratched, as often as they may; one shook and was given a packet; two are in the hall."""
    draws = Counter(all_of(database, select(InstantDraw.campaign_id)))
    instant = all_of(database, select(Campaign.id).where(Campaign.mechanic == "instant"))
    assert draws == dict.fromkeys(instant, 3)
    assert all_of(database, select(Draw.status)) == ["bound"]
    assert len(all_of(database, select(HallGuest.no))) == 2
    staff = set(all_of(database, select(Staff.openid).where(Staff.openid.is_not(None))))
    assert len(staff) == 2, "those who write and approve draws"
    assert staff.isdisjoint(all_of(database, select(InstantDraw.openid)) + all_of(database, select(Draw.openid)))


@pytest.mark.usefixtures("near")
def test_people_come_to_a_new_demo_its_desks_fill_and_it_is_resumed_until_a_process_dies(
    tmp_path: Path, simulator: SimulatedWeChat, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo"
    assert visited(folder, lambda is_over: look_around(simulator, is_over), then_interrupt=True) == 0
    said = capsys.readouterr().out
    assert "新的数据" in said and "正在停止" in said and "✗" not in said
    with closing(Database(f"sqlite:///{folder / 'wxbot.db'}")) as database:
        assert Counter(all_of(database, select(Campaign.mechanic))) == {"instant": 2, "shake": 1, "hall": 1}
        assert set(all_of(database, select(Campaign.status))) == {"on"}
        the_desks_are_full(database)
        people_have_come(database)
        (hall,) = all_of(database, select(Campaign.slug).where(Campaign.mechanic == "hall"))
        (wheel,) = all_of(database, select(Campaign.slug).where(Campaign.name == "幸运大转盘"))
        (published,) = all_of(database, select(MenuDraft.buttons))
    env = dict(line.split("=", 1) for line in shlex.split((folder / "env").read_text()))
    assert stat.S_IMODE((folder / "env").stat().st_mode) == 0o600
    site = env["WXBOT_PUBLIC_URL"]
    assert env["WXBOT_DATABASE_URL"] == f"sqlite:///{folder / 'wxbot.db'}"
    for shown in (f"{site}/admin/", f"{site}/hall/{hall}/screen", f"{simulator.base}/phone", seed.PASSWORD):
        assert shown in said
    assert menu.tidy(simulator.control("GET", "menu")["button"]) == published == menu.tidy(seed.menu(site, wheel))
    assert simulator.control("GET", "pinned")["pinned"][3]["url"] == f"{site}/h5/hall/{hall}?door=1"

    def process_dies(is_over: threading.Event) -> None:
        log = folder / "logs" / "watched.log"
        until(lambda: log.read_text().count("I am") == 2 or is_over.is_set(), "a second start", pause_s=0.1)
        os.kill(int(log.read_text().split()[-1]), signal.SIGKILL)

    assert visited(folder, process_dies, then_interrupt=False) == 1
    said = capsys.readouterr().out
    assert "接着上次的数据" in said and f"/hall/{hall}/screen" in said and "办公室" not in said
    assert re.search(r"watched ended by itself.*I am \d+\nI am \d+", said, re.DOTALL), "the end of its log"
