"""An evening in the middle of which the database is restored, at a terminal and line by line as docs/operations.md says; then the host's desk."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.deployments import environment
from tests.hall.office import MORE, Office, words
from tests.servers import SimulatedWeChat
from tests.staff.consoles import PASSWORD, Browser
from wxbot import invariants, lineage
from wxbot.app import create_app
from wxbot.clock import SHANGHAI
from wxbot.db import sqlite_file
from wxbot.hall import gaps
from wxbot.instant import awards, codes
from wxbot.instant.models import Award
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.staff import accounts
from wxbot.worker import run_until_quiet

CODES = MORE | {"prize_kind": "code", "prize_name": "月卡", "prize_amount": "15", "prize_stock": "3"}
RACE = MORE | {"prize_way": "race", "prize_name": "再跑一次", "prize_seconds": "20"}
TOLD_LOST = "备份以后批准的加奖没有了"
DOUBTED = "备份以后批准的延期可能不在这里"


class Terminal:
    """A shell of the machine, in a folder of its own."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        self.folder, self.env = folder, os.environ | environment(settings)

    def run(self, *arguments: str, said: str = "") -> tuple[int, str]:
        """`wxbot …` as a process: its exit code, and what stands on the screen."""
        command = [sys.executable, "-m", "wxbot", "db", *arguments]
        done = subprocess.run(command, cwd=self.folder, env=self.env, input=said, text=True, capture_output=True)
        return done.returncode, done.stdout + done.stderr

    def ok(self, *arguments: str, said: str = "") -> str:
        code, told = self.run(*arguments, said=said)
        assert code == 0, told
        return told


def begin(settings: Settings) -> Office:
    """A hall of six people with a prize of money; three codes lie ready for another one, and one award was asked for."""
    with closing(Runtime(settings)) as runtime:
        accounts.hire(runtime.database, "li.test", "li", "marketer", PASSWORD, runtime.clock.now())
        lineage.look_at_start(runtime)
        app = create_app(runtime)
        office = Office(app, runtime, Browser(app, "li"))
        office.li.post(f"{office.path}/codes", {"codes": "KEY-1\nKEY-2\nKEY-3"})
        office.host.freeze()
        return office


def go_on(settings: Settings, office: Office) -> str:
    """What nobody will find in the copy: a later end, a prize of codes and who has won it, a race, and a payment. The end, as a desk says it."""
    with closing(Runtime(settings)) as runtime:
        office = office.in_(create_app(runtime), runtime)
        office.ask(end_at=office.later(2))
        office.agree()
        office.ask(**CODES)
        office.agree()
        host = office.host
        host.show(prize=2, k=2)
        host.confirm(1)
        host.show(k=1)
        host.confirm(2)
        office.ask(**RACE)
        assert "新规则已公布" in office.agree()
        with runtime.database.transaction() as session:
            (money,) = (each.id for each in host.stage.awards() if each.kind == "money")
            awards.collect(session, session.get_one(Award, money), runtime.database.now(session))
        run_until_quiet(runtime)
        return f"{host.stage.campaign().end_at.astimezone(SHANGHAI):%H:%M}"


@pytest.mark.proof
@pytest.mark.on_both
def test_a_restore_in_the_middle_of_an_evening_and_what_the_desk_says_of_it(
    settings: Settings, simulator: SimulatedWeChat, tmp_path: Path
) -> None:
    terminal = Terminal(settings, tmp_path / "shell")
    office = begin(settings)
    assert "备份已写入并核对" in terminal.ok("backup", "copy.tar")
    assert "备份完好" in terminal.ok("verify", "copy.tar")
    until = go_on(settings, office)

    code, told = terminal.run("restore", "copy.tar")
    assert code == 1 and "--replace" in told and "Traceback" not in told
    assert terminal.run("restore", "copy.tar", "--replace", said="n\n")[0] == 1
    told = terminal.ok("restore", "copy.tar", "--replace", said="y\n")
    assert "备份以后发出的卡密有 2 个" in told and "2 个停用" in told and "恢复之后" in told
    place = sqlite_file(settings.database_url)
    assert place is None or len([*place.parent.glob("*.before-restore-*")]) >= 1

    with closing(Runtime(settings)) as runtime:
        app = create_app(runtime)
        lineage.look_at_start(runtime)
        again = office.in_(app, runtime)
        address = f"/admin/halls/{again.host.id}"
        desk = words(again.li.get(address).text)
        assert "数据库已冻结" in desk, "more was sent than the copy knows"
        assert f"{until} 结束，到点以后不能再签到" in desk and DOUBTED not in desk
        assert f"{TOLD_LOST}。" in desk and "月卡 × 3 当时批准： li（li.test） 、 wang（wang.test）" in desk
        assert "再跑一次 × 2 · 摇一摇竞速" in desk
        with runtime.database.transaction() as session:
            lineage.open_again(session)
            gaps.leap(session, "thawed", runtime.database.now(session))
        again.li.post("/admin/language", {"locale": "en"})
        assert "what was added on the spot since that copy is gone" in words(again.li.get(address).text)
        assert "2 more codes are set aside" in words(again.li.get(f"{again.path}/codes").text)
        again.li.post("/admin/language", {"locale": "zh_CN"})

        assert "还缺 2 个卡密" in again.ask(**CODES), "two of the three that lay ready are somebody's"
        again.li.post(f"{again.path}/codes", {"codes": "KEY-9", "replace": "1"})
        told = words(again.li.post(f"{again.path}/codes", {"codes": "KEY-1\nKEY-2\nKEY-3\nKEY-8"}).text)
        assert "新增 2 个，重复 2 行" in told, "KEY-1 and KEY-2 stay put aside"
        again.ask(**CODES)
        again.agree()
        desk = words(again.li.get(address).text)
        assert "月卡 × 3 当时批准" not in desk and "再跑一次" in desk
        again.host.freeze()
        again.host.show(prize=2, k=3)
        again.host.confirm(again.host.selections()[-1].d)
        with runtime.database.reading() as session:
            given = {awards.code_of(session, runtime.vault, each) for each in again.host.stage.awards()}
            assert given == {"KEY-3", "KEY-8", "KEY-9"} and codes.ready(session, again.host.id) == 0
        assert again.host.verified() == []
        assert {name: n for name, n in invariants.check(runtime.database).items() if n} == {}
