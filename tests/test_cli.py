"""The operator's door: what each command prints, changes and returns, in a process's own terms."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
import redis
from click.testing import CliRunner, Result
from sqlalchemy import select, text

from tests.deployments import environment, settings_for
from tests.instant.stage import approved
from tests.orders.test_bill import FOREIGN, bill
from tests.replies.test_answers import write_campaign
from tests.sources import ROOT
from wxbot import heartbeat
from wxbot.campaigns.models import Campaign
from wxbot.cli import COMMANDS, cli
from wxbot.cli.desk import BUSY, friendly
from wxbot.cli.serve import gunicorn_settings
from wxbot.db import Database
from wxbot.instant.models import AllowedPerson, RuleVersion
from wxbot.ledger import Balance
from wxbot.orders.bill import book_bill, parse_bill
from wxbot.private_servers import free_port
from wxbot.runtime import Runtime
from wxbot.staff.models import AuditEvent, Staff


class Operator:
    """A person at a terminal of one deployment."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env

    def run(self, *arguments: str, said: str | None = None) -> Result:
        return CliRunner(env=self.env).invoke(cli, list(arguments), input=said)

    def ok(self, *arguments: str, said: str | None = None) -> str:
        result = self.run(*arguments, said=said)
        assert result.exit_code == 0, result.output
        return result.output

    def json(self, *arguments: str) -> Any:
        return json.loads(self.ok(*arguments, "--json"))

    def refused(self, *arguments: str, said: str | None = None) -> str:
        result = self.run(*arguments, said=said)
        assert result.exit_code == 1, result.output
        assert "Traceback" not in result.output
        assert not result.exception or isinstance(result.exception, SystemExit)
        return result.output


def test_texts_are_linted_a_line_each_without_a_deployment(tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_bytes("分享不增加次数\n转 发 得 红 包\n人人有奖\n分享到\\n朋友圈\\n领奖".encode("gb18030"))
    told = CliRunner().invoke(cli, ["campaign", "lint", str(file)])
    assert told.exit_code == 1
    assert re.findall(r"^([EW]-\d\d)  (\d+:\d+) ", told.output, re.MULTILINE) == [
        ("E-02", "2:1"),
        ("W-01", "3:1"),
        ("E-02", "4:1"),
    ]
    file.write_text("分享不增加次数，也不提高中奖率\n人人有奖", encoding="utf-8-sig")
    told = CliRunner().invoke(cli, ["campaign", "lint", str(file), "--json"])
    assert told.exit_code == 0
    assert [(row["line"], row["rule"], row["start"], row["end"]) for row in json.loads(told.output)] == [
        (2, "W-01", 0, 4)
    ]


@pytest.fixture
def operator(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    monkeypatch.chdir(tmp_path)  # no .env of the developer's
    return Operator(environment(settings_for("encrypted", database_url, redis_url, tmp_path)))


def loaded(*arguments: str, folder: Path, loads_none_of: Sequence[str]) -> str:
    """Run wxbot as somebody without settings; what it printed. Fails when it loaded one of these libraries."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WXBOT_")}
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "wxbot", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environ | {"PYTHONPATH": str(ROOT)},
    )
    for heavy in loads_none_of:
        assert not re.search(rf"\| +{heavy}$", told.stderr, re.MULTILINE), f"{' '.join(arguments)} loads {heavy}"
    return told.stdout


def test_help_names_every_command_and_answers_at_once(tmp_path: Path) -> None:
    told = loaded("--help", folder=tmp_path, loads_none_of=("sqlalchemy", "flask", "celery"))
    for name in COMMANDS:
        assert re.search(rf"^  {name}\s", told, re.MULTILINE)


def test_a_record_is_checked_by_somebody_without_settings_and_at_once(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("{}", encoding="utf-8")
    told = loaded(
        "hall", "verify", "record.json", folder=tmp_path, loads_none_of=("sqlalchemy", "redis", "flask", "rich")
    )
    assert "Checking the selections needs no key" in told


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert len(result.output.splitlines()) >= 4


def test_a_mistyped_command_is_answered_with_the_nearest() -> None:
    result = CliRunner().invoke(cli, ["campain", "list"])
    assert result.exit_code == 2
    assert "campaign" in result.output


def test_missing_settings_are_all_named_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner(env={"WXBOT_APPID": "wrong"}).invoke(cli, ["staff", "list"])
    assert result.exit_code == 1
    for name in ("WXBOT_SECRET_KEY", "WXBOT_APPID", "WXBOT_PAY_KEY"):
        assert name in result.output
    assert "Traceback" not in result.output


def test_a_database_without_schema_is_explained_and_upgraded(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    operator = Operator(environment(settings_for("encrypted", f"sqlite:///{tmp_path}/new.db", redis_url, tmp_path)))
    assert "wxbot db upgrade" in operator.refused("staff", "list")
    assert "wxbot db upgrade" in operator.refused("db", "status")
    assert "已升级" in operator.ok("db", "upgrade")
    assert "已是最新" in operator.ok("db", "upgrade")
    assert operator.json("db", "status")["is_current"] is True
    assert "还没有账号" in operator.ok("staff", "list")


def test_a_database_that_is_away_is_a_sentence(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    address = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    operator = Operator(environment(settings_for("encrypted", address, redis_url, tmp_path)))
    assert "WXBOT_DATABASE_URL" in operator.refused("staff", "list")


def test_a_database_in_which_somebody_holds_the_row_is_busy_and_not_away(database: Database) -> None:
    """Two as they meet in a deployment, but that the second waits 50 ms, not ten seconds."""
    wait = "PRAGMA busy_timeout = 50" if database.is_sqlite else "SET LOCAL lock_timeout = '50ms'"

    @friendly
    def second() -> None:
        with database.engine.connect() as connection:
            if database.is_sqlite:  # a statement of the engine's would wait for its BEGIN already
                connection.connection.execute(wait)
            else:
                connection.exec_driver_sql(wait)
            connection.exec_driver_sql("UPDATE quotas SET n = 3")

    with database.transaction() as session:
        session.execute(text("INSERT INTO quotas (name, period, n, fen) VALUES ('a', 'b', 1, 1)"))
    with database.transaction() as session:
        session.execute(text("UPDATE quotas SET n = 2"))
        with pytest.raises(click.ClickException) as told:
            second()
    assert told.value.message == f"{BUSY.zh}\n{BUSY.en}"


def test_staff_are_hired_listed_locked_out_and_let_in_again(operator: Operator, database: Database) -> None:
    told = operator.ok("staff", "add", "ming", "--name", "阿明", "--role", "marketer")
    assert re.search(r": \S{12,}$", told.strip()), "a password was made up and shown"
    operator.ok("staff", "add", "hong", "--role", "cashier", "--password-stdin", said="correct-horse-battery-9\n")
    assert [(each["login"], each["name"], each["role"]) for each in operator.json("staff", "list")] == [
        ("ming", "阿明", "marketer"),
        ("hong", "hong", "cashier"),
    ]
    assert "阿明" in operator.ok("staff", "list")
    assert "已经有人使用" in operator.refused("staff", "add", "ming", "--role", "admin")
    assert "没有账号" in operator.refused("staff", "disable", "nobody")
    operator.ok("staff", "disable", "ming")
    assert operator.json("staff", "list")[-1]["is_active"] is False
    operator.ok("staff", "enable", "ming")
    operator.ok("staff", "password", "ming")
    with database.reading() as session:
        assert all(person.is_active for person in session.scalars(select(Staff)))
        events = [
            (event.action, event.actor[:4]) for event in session.scalars(select(AuditEvent).order_by(AuditEvent.id))
        ]
    expected = ["staff_add", "staff_add", "staff_disable", "staff_enable", "staff_reset"]
    assert events == [(action, "cli:") for action in expected]


def test_a_weak_password_is_refused(operator: Operator) -> None:
    operator.refused("staff", "add", "ming", "--role", "marketer", "--password-stdin", said="123456\n")
    assert operator.json("staff", "list") == []


def test_campaigns_are_listed_shown_and_steered(operator: Operator, database: Database) -> None:
    assert "还没有活动" in operator.ok("campaign", "list")
    campaign_id = write_campaign(database, "on")
    other = write_campaign(database, "draft", slug="other", name="", half_written={"odds": "x"})
    assert [each["id"] for each in operator.json("campaign", "list")] == [other, campaign_id]
    assert [each["id"] for each in operator.json("campaign", "list", "--status", "on")] == [campaign_id]
    assert operator.json("campaign", "show", "other")["begin_at"] is None
    assert "没写完" in operator.ok("campaign", "show", "other") and "未命名" in operator.ok("campaign", "list")
    shown = operator.json("campaign", "show", "autumn")
    assert (shown["status"], shown["url"]) == ("on", "https://shop.example.com/h5/c/autumn")
    assert "进行中" in operator.ok("campaign", "show", str(campaign_id))
    assert "已暂停" in operator.ok("campaign", "pause", "autumn")
    assert "只有进行中" in operator.refused("campaign", "pause", "autumn")
    assert "已恢复" in operator.ok("campaign", "resume", "autumn")
    assert operator.run("campaign", "close", "autumn", said="n\n").exit_code == 1
    operator.ok("campaign", "close", "autumn", "--yes")
    assert "没有通过审批" in operator.refused("campaign", "launch", "other")
    assert "没有活动" in operator.refused("campaign", "show", "999")
    with database.reading() as session:
        found = session.get(Campaign, campaign_id)
        assert found is not None
        assert found.status == "closing"
        outcomes = [
            (event.action, event.outcome) for event in session.scalars(select(AuditEvent).order_by(AuditEvent.id))
        ]
    assert outcomes == [
        ("campaign_pause", "done"),
        ("campaign_pause", "refused"),
        ("campaign_resume", "done"),
        ("campaign_close", "done"),
        ("campaign_launch", "refused"),
    ]


def test_a_draft_is_linted_by_what_no_text_alone_can_show_too(
    operator: Operator, database: Database, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    with closing(Runtime(settings_for("encrypted", database_url, redis_url, tmp_path))) as runtime:
        night = {"release": {"way": "hours", "weights": [1] * 24}, "value_fen": 6_000_000}
        faulty = approved(
            *(runtime, night), status="draft", rules="关注领红包，人人有奖。", daily_from=600, daily_until=1200
        ).campaign_id
        good = approved(runtime, slug="good", status="draft", begin_at=runtime.clock.now()).campaign_id
    told = operator.run("campaign", "lint", "--draft", str(faulty))
    assert told.exit_code == 1
    found = set(re.findall(r"^([EW]-\d\d)  (\w+) ", told.output, re.MULTILINE))
    assert {("E-03", "rules"), ("W-01", "rules"), ("E-06", "prizes"), ("W-02", "prizes")} <= found
    assert all(name == "draft" for name in [row["rule"] for row in rows_of(operator, good)])
    operator.env["WXBOT_TRANSFER_REPORTS"] = "活动名称={act_name}" + "长" * 32 + ";奖励说明={remark}"
    reported = [row for row in rows_of(operator, good) if row["rule"] == "E-09"]
    assert [(row["field"], "有 35 个字" in row["zh"]) for row in reported] == [("act_name", True)]
    assert operator.run("campaign", "lint", "--draft", "99").exit_code == 1
    assert operator.run("campaign", "lint").exit_code == 2


def rows_of(operator: Operator, campaign_id: int) -> list[dict[str, Any]]:
    """What is found in a draft."""
    rows: list[dict[str, Any]] = json.loads(
        operator.run("campaign", "lint", "--draft", str(campaign_id), "--json").output
    )
    return rows


def test_who_may_draw_is_read_from_a_file_with_a_report_of_each_line(
    operator: Operator, database: Database, tmp_path: Path
) -> None:
    campaign_id = write_campaign(database, "draft")
    people = tmp_path / "people.txt"
    people.write_text("oMing_0123456789\n138 0013 8000\n\n老王\noMing_0123456789\n+8613800138000\n12\n", "utf-8")
    report = operator.json("campaign", "allow", "autumn", str(people))
    assert report == {"added": 2, "known": 0, "faults": 2, "faulty": [[4, "老王"], [7, "12"]]}
    assert "已在名单 2 人" in operator.ok("campaign", "allow", "autumn", str(people))
    people.write_bytes("oHong_0123456789".encode("gb18030"))
    assert operator.json("campaign", "allow", "autumn", str(people), "--replace")["added"] == 1
    with database.transaction() as session:
        rows = session.scalars(select(AllowedPerson)).all()
        assert [(row.kind, row.subject) for row in rows] == [("openid", "oHong_0123456789")]
        published = {"text": {}, "config": {}, "sha256": "", "published_at": datetime.now(UTC)}
        session.add(RuleVersion(campaign_id=campaign_id, version=1, **published))
    assert "只能加人" in operator.refused("campaign", "allow", "autumn", str(people), "--replace")


def test_an_approved_campaign_is_launched(operator: Operator, database: Database) -> None:
    nobody = write_campaign(database, "approved", slug="door", end_at=datetime.now(UTC) + timedelta(days=30))
    assert "没有入口" in operator.run("campaign", "launch", str(nobody)).output
    campaign_id = write_campaign(
        database,
        "approved",
        end_at=datetime.now(UTC) + timedelta(days=30),
        terms={"device_ids": [10_011], "title": "秋日", "description": "摇一摇"},
    )
    assert "已启动" in operator.ok("campaign", "launch", str(campaign_id))
    assert operator.json("campaign", "show", str(campaign_id))["status"] == "launching"


def test_the_ledger_is_shown_and_a_broken_rule_is_an_exit_code(operator: Operator, database: Database) -> None:
    assert operator.json("ledger", "balances")["paid"] == 0
    assert "商户余额" in operator.ok("ledger", "balances")
    assert "全部成立" in operator.ok("ledger", "check")
    with database.transaction() as session:
        session.add(Balance(budget_id=1, account="paid", balance_fen=1))  # a hand edit (money F72)
    result = operator.run("ledger", "check", "--json")
    assert result.exit_code == 1
    assert json.loads(result.output)["ok"] is False


def test_replies_are_added_listed_and_removed(operator: Operator) -> None:
    operator.ok("reply", "add", "equal", "红包", "--text", "摇一摇")
    operator.ok("reply", "add", "default", "--text", "你好")
    found = operator.json("reply", "list")
    assert [(each["trigger"], each["pattern"], each["text"]) for each in found] == [
        ("equal", "红包", "摇一摇"),
        ("default", "", "你好"),
    ]
    assert "摇一摇" in operator.ok("reply", "list")
    assert "关键词" in operator.refused("reply", "add", "equal", "--text", "x")
    operator.ok("reply", "remove", str(found[0]["id"]))
    operator.refused("reply", "remove", str(found[0]["id"]))


def test_the_web_server_has_its_settings_in_a_tree_and_in_a_wheel() -> None:
    assert gunicorn_settings().name == "gunicorn.conf.py"
    assert gunicorn_settings().exists()


@pytest.mark.parametrize("problem", ["debug", "key file"])
def test_an_unsafe_start_is_refused_with_a_sentence_S61_S80(operator: Operator, problem: str, tmp_path: Path) -> None:
    if problem == "debug":
        operator.env["FLASK_DEBUG"] = "1"
    else:
        (tmp_path / "apiclient_key.pem").write_text("key")
        (tmp_path / "apiclient_key.pem").chmod(0o644)
    for part in (("run", "web"), ("worker",)):
        told = operator.refused(*part)
        assert "FLASK_DEBUG" in told or "chmod 600" in told


def answers(port: int, path: str, started: subprocess.Popen[bytes], within_s: float = 120) -> bool:
    """Whether the address answers 200 before the process ends or the time is up."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and started.poll() is None:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            try:
                connection.request("GET", path)
                if connection.getresponse().status == 200:
                    return True
            except OSError:
                pass
        time.sleep(0.2)
    return False


PROOF = pytest.mark.proof


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("part", "number"),
    [
        ("run both", signal.SIGINT),
        pytest.param("run both", signal.SIGTERM, marks=PROOF),
        pytest.param("run web", signal.SIGINT, marks=PROOF),
        pytest.param("worker", signal.SIGINT, marks=PROOF),
        pytest.param("simulator", signal.SIGINT, marks=PROOF),
    ],
)
def test_services_end_on_a_signal_though_they_were_started_with_interrupts_ignored(
    part: str, number: signal.Signals, sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    """As `wxbot run &` in a script is: the shell has SIGINT ignored for what it starts in the background."""
    port = free_port()
    settings = settings_for("plain", sqlite_url, redis_url, tmp_path, public_url=f"http://127.0.0.1:{port}")
    if part.startswith("run"):  # it brings the schema along; a worker by itself wants one that is there
        (tmp_path / "wxbot.db").unlink()
    more = {
        "run": ["--bind", f"127.0.0.1:{port}", "--workers", "1"],
        "simulator": ["--http-port", str(port), "--https-port", "0"],
    }
    command = [sys.executable, "-m", "wxbot", *part.split(), *more.get(part.split()[0], [])]
    env = {**os.environ, **environment(settings), "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # what a child inherits
    try:
        with (tmp_path / "log").open("wb") as log:
            started = subprocess.Popen(command, env=env, cwd=tmp_path, stderr=log)
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        if part == "worker":
            wait_for_beat(redis_url, started)
        else:
            assert answers(port, "/_sim/health" if part == "simulator" else "/readyz", started), (
                tmp_path / "log"
            ).read_text()
        started.send_signal(number)
        assert started.wait(120) == 0, (tmp_path / "log").read_text()[-2000:]
    finally:
        started.kill()
        started.wait()


AT_THE_WORST_MOMENT = """
import os, signal, sys, threading
from wxbot.simulator.__main__ import main

def look(frame, event, _):
    if frame.f_code.co_name == "wait" and frame.f_code.co_filename == threading.__file__:
        caller = frame.f_back.f_back
        if caller is not None and caller.f_code.co_name == "serve":  # it holds the lock of what it waits for
            sys.settrace(None)
            os.kill(os.getpid(), signal.SIGTERM)

sys.settrace(look)
sys.exit(main(sys.argv[1:]))
"""


def test_a_simulator_ends_on_a_signal_that_comes_just_as_it_begins_to_wait_for_one(tmp_path: Path) -> None:
    command = ["--http-port", "0", "--https-port", "0", "--state-dir", str(tmp_path)]
    started = subprocess.Popen([sys.executable, "-c", AT_THE_WORST_MOMENT, *command], stdout=subprocess.PIPE, text=True)
    try:
        assert started.stdout is not None and started.stdout.readline().startswith("ready")
        started.terminate()
        assert started.wait(60) == 0
    finally:
        started.kill()
        started.communicate()


def wait_for_beat(redis_url: str, started: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    with redis.Redis.from_url(redis_url, decode_responses=True) as connection:
        while time.monotonic() < deadline and started.poll() is None:
            if any(worker.is_alive for worker in heartbeat.workers(connection)):
                return
            time.sleep(0.2)
    raise AssertionError("no worker lives")


def test_money_in_suspense_is_no_good_end_of_a_check_I17(operator: Operator, database: Database) -> None:
    from datetime import UTC, datetime

    with database.transaction() as session:
        book_bill(session, "20260315", parse_bill(bill(FOREIGN)), datetime(2026, 3, 16, tzinfo=UTC))
    told = operator.refused("ledger", "check")
    assert "待查科目有 5.00 元" in told and "wxbot payout stop" in told and "9999" in told
    assert "全部成立" not in told
    result = operator.run("ledger", "check", "--json")
    found = json.loads(result.output)
    assert (result.exit_code, found["ok"], [each["kind"] for each in found["bill"]]) == (
        1,
        False,
        ["suspense", "not_ours"],
    )
