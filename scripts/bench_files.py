"""The files of a hall at their full size: a list of 10,000 invited people, and the record of 10,000 people and 200 selections."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import requests
from bench_screen import FLAGS, chromium, driver
from bench_stage import HOST, ROOT, BenchProblem, Figure, Ground, Web, middle
from bench_table import PASSWORD, Console
from sqlalchemy import func, select

from tests.hall.night import Night, prize
from tests.hall.stage import open_hall
from wxbot import sheets
from wxbot.hall.models import Invited
from wxbot.hall.selection import FrozenLine, read_roster
from wxbot.runtime import Runtime
from wxbot.staff import accounts

PEOPLE, SELECTIONS, WINNERS = 10_000, 200, 5
GROUPS = ("销售部", "技术部", "财务部")
FAULTY = 50
"""One row in so many has a fault."""

DOUBLES = PEOPLE // FAULTY // 3
"""A number that stands there twice with two names is a fault of both rows."""

GOOD = PEOPLE - PEOPLE // FAULTY - DOUBLES
READ_S, CHECK_S = 5.0, 2.0
TURNS = 3
PATIENCE_MS = 60_000
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def figure(what: str, ours: float, most: float, more: dict[str, Any] | None = None) -> Figure:
    """So many seconds beside what it may be at most."""
    return Figure("files", what, "s", ours, most, "at most", ours / most, aim=1.0, is_better_low=True, more=more or {})


def turns(ground: Ground) -> int:
    """How often each is measured."""
    return 1 if ground.size.is_quick else TURNS


class Desk:
    """A hall for invited people, its console, and a marketer who is signed in."""

    def __init__(self, ground: Ground) -> None:
        settings = ground.settings(profile="simulator", public_url=f"http://{HOST}")
        self.runtime = Runtime(settings)
        terms = {"is_invited_only": True, "groups": list(GROUPS), "mode": "seed"}
        campaign_id = open_hall(self.runtime, terms=terms).campaign_id
        accounts.hire(self.runtime.database, "cashier", "运营", "marketer", PASSWORD, self.runtime.clock.now())
        self.console = Console(ground.gunicorn("files-web", "wsgi:app", settings), campaign_id, PEOPLE)
        self.console.sign_in()

    def listed(self) -> int:
        """How many people are on the list."""
        with self.runtime.database.reading() as session:
            return session.scalar(select(func.count()).select_from(Invited)) or 0

    def close(self) -> None:
        """Let go of Redis and the database."""
        self.runtime.close()


# --- the list ---------------------------------------------------------------------------------------------------------


def people(turn: int) -> bytes:
    """A sheet of everybody; some rows have no name, some a group that the hall has not, some stand there twice."""
    rows: list[tuple[str, str, str]] = []
    for n in range(1, PEOPLE + 1):
        key, name, group = f"{turn}{n:06d}", f"来宾{n}", GROUPS[n % len(GROUPS)]
        if n % FAULTY == 0:
            fault = n // FAULTY % 3
            key = rows[-1][0] if fault == 0 else key
            name, group = ("" if fault == 1 else name), ("没有这一组" if fault == 2 else group)
        rows.append((key, name, group))
    return sheets.xlsx_bytes("名单", ("工号", "姓名", "分组"), [rows])


def invited(ground: Ground, desk: Desk) -> Iterator[Figure]:
    """A marketer sends the file, reads what is wrong with it, and takes over the rest; each turn another list."""
    looks, takes, cpu = list[float](), list[float](), list[float]()
    for turn in range(1, turns(ground) + 1):
        raw, before = people(turn), ground.cpu_seconds(desk.console.web)
        looks.append(sent(desk.console, "invited", {"file": ("名单.xlsx", raw)}))
        takes.append(sent(desk.console, "invited/take"))
        cpu.append(ground.cpu_seconds(desk.console.web) - before)
        if (found := desk.listed()) != turn * GOOD:
            raise BenchProblem(f"{found} people are on the list after {turn} files with {GOOD} each")
    both = [look + take for look, take in zip(looks, takes, strict=True)]
    more = {"look_s": middle(looks), "take_s": middle(takes), "cpu_s": middle(cpu), "worst_s": max(both)}
    yield figure(f"a list of {PEOPLE:,} rows is read, each fault said, and taken over", middle(both), READ_S, more)


def sent(console: Console, path: str, files: Any = None) -> float:
    """Send a form of the page of invited people, as a browser does; the seconds it took."""
    base = f"http://127.0.0.1:{console.web.port}/admin/campaigns/{console.campaign_id}"
    browser = requests.Session()
    for each in console.cookie.split("; "):
        name, _, value = each.partition("=")
        browser.cookies.set(name, value, domain="127.0.0.1", path="/")
    token = _TOKEN.search(browser.get(f"{base}/invited", timeout=60).text)
    if token is None:
        raise BenchProblem("the page of invited people has no form")
    began = time.monotonic()
    form = {"csrf_token": token[1]}
    answer = browser.post(f"{base}/{path}", data=form, files=files, timeout=60, allow_redirects=False)
    seconds = time.monotonic() - began
    if answer.status_code not in (200, 302):
        raise BenchProblem(f"{path}: {answer.status_code} {answer.text[-600:]}")
    return seconds


# --- the record -------------------------------------------------------------------------------------------------------


class BigNight(Night):
    """An evening of many people: what the roster and the log so far give is kept instead of read anew each time."""

    _lines: tuple[FrozenLine, ...] = ()

    def freeze(self) -> None:
        """Everybody who is here, read once."""
        super().freeze()
        self._lines = read_roster(self.rosters[-1]).lines

    @property
    def roster(self) -> tuple[FrozenLine, ...]:
        """The lines that were frozen last."""
        return self._lines

    def pool(self, number: int) -> list[int]:
        """Who may win a prize now."""
        return self.evening.pool(self._lines, number)


def record() -> dict[str, Any]:
    """What such an evening publishes."""
    night = BigNight([prize(1, SELECTIONS * WINNERS)], length=1000)
    night.sign_in(PEOPLE)
    night.freeze()
    for _ in range(SELECTIONS):
        night.select(1, WINNERS)
        night.settle(is_paid=True)
    return night.record()


def checked(ground: Ground, desk: Desk) -> Iterator[Figure]:
    """The command as a process, its start included, and the page in a browser, from the press to the verdict."""
    made = record()
    file = ground.folder / "record.json"
    file.write_text(json.dumps(made, ensure_ascii=False), encoding="utf-8")
    command = [sys.executable, "-m", "wxbot", "hall", "verify", str(file), "--commitment", made["commitment"], "--json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WXBOT_")}
    seconds, cpu = list[float](), list[float]()
    for _ in range(turns(ground)):
        began, before = time.monotonic(), os.times()
        done = subprocess.run(
            command, cwd=ground.folder, env=environment | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
        )
        seconds.append(time.monotonic() - began)
        after = os.times()
        cpu.append(after.children_user + after.children_system - before.children_user - before.children_system)
        said = json.loads(done.stdout) if done.returncode == 0 else {}
        if (said.get("people"), said.get("selections")) != (PEOPLE, SELECTIONS):
            raise BenchProblem(f"it was not found true: {done.stdout[:300]!r} {done.stderr[-300:]!r}")
    what = f"{PEOPLE:,} people and {SELECTIONS} selections"
    yield figure(f"`wxbot hall verify`, a record of {what}", middle(seconds), CHECK_S, {"cpu_s": middle(cpu)})
    path = chromium(ground, "the page that verifies a record")
    if path is not None:
        page = saved(ground, desk.console.web)
        pressed = in_browser(path, page, file, turns(ground))
        yield figure(f"the page that verifies, in a browser, {what}", pressed, CHECK_S)


def saved(ground: Ground, web: Web) -> Path:
    """The page as somebody has downloaded it."""
    address = f"http://127.0.0.1:{web.port}/h5/hall/verify?download"
    answer = requests.get(address, headers={"Host": HOST}, timeout=60)
    if answer.status_code != 200:
        raise BenchProblem(f"the page that verifies: {answer.status_code}")
    file = ground.folder / "verify.html"
    file.write_bytes(answer.content)
    return file


def in_browser(path: str, page_file: Path, record_file: Path, times: int) -> float:
    """Seconds from the press to the verdict, the middle of a few."""
    seconds = list[float]()
    with driver() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        for _ in range(times):
            page = browser.new_page()
            page.goto(page_file.as_uri())
            page.locator("#self[data-ok=true]").wait_for(timeout=PATIENCE_MS)
            page.locator("#file").set_input_files(record_file)
            began = time.monotonic()
            page.locator("#check").click()
            page.locator("#verdict[data-true=true]").wait_for(timeout=PATIENCE_MS)
            seconds.append(time.monotonic() - began)
            page.close()
        browser.close()
    return middle(seconds)


def run(ground: Ground) -> Iterator[Figure]:
    """The list, then the record."""
    with closing(Desk(ground)) as desk:
        yield from invited(ground, desk)
        yield from checked(ground, desk)
