"""Logs: one JSON object per line from every part of every process, and an outage that is told instead of repeated."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
import requests
from sqlalchemy.exc import OperationalError

from tests.conftest import simulator_settings
from tests.servers import PrivatePostgres, SimulatedWeChat, running
from tests.test_worker import environment_of
from tests.waiting import until
from wxbot.outages import EVERY_S, Repeats, outage_of
from wxbot.private_servers import PrivateRedis, free_port
from wxbot.runtime import Runtime
from wxbot.settings import Settings


class Hand:
    """A clock that is moved by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_line_that_repeats_itself_is_told_once_a_minute_with_its_count() -> None:
    clock = Hand()
    repeats = Repeats(clock)
    assert repeats.tell("orders.send") == 0
    assert [repeats.tell("orders.send") for _ in range(59)] == [None] * 59
    assert repeats.tell("orders.bill") == 0, "another line has a minute of its own"
    clock.now += EVERY_S
    assert repeats.tell("orders.send") == 59
    assert repeats.tell("orders.send") is None


def test_the_end_of_an_outage_is_told_once_and_only_by_whom_it_had_hit() -> None:
    clock = Hand()
    repeats = Repeats(clock)
    assert repeats.ended(source="orders.send") == []
    for _ in range(3):
        repeats.tell(("task_failed", "orders.send"), "database", "orders.send")
        clock.now += 1
    assert repeats.ended(source="worker.beat") == [], "this one does not use the database, and shows nothing"
    over = repeats.ended(source="orders.send")
    assert [(one.kind, one.failures, one.seconds) for one in over] == [("database", 3, 3.0)]
    assert repeats.ended(source="orders.send") == []


def test_what_comes_and_goes_fills_no_log() -> None:
    clock = Hand()
    repeats = Repeats(clock)
    told = 0
    for _ in range(100):
        told += repeats.tell("x", "redis", "orders.send") is not None
        told += len(repeats.ended(source="orders.send"))
        clock.now += 0.1
    assert told <= 4


def _raised(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OperationalError("SELECT", {}, Exception("connection refused")), "database"),
        (OperationalError("SELECT", {}, Exception("no such table: orders")), None),
        (redis.ConnectionError("refused"), "redis"),
        (redis.ResponseError("WRONGTYPE"), None),
        (_raised(ValueError("x"), redis.TimeoutError("slow")), "redis"),
        (ValueError("x"), None),
        (None, None),
    ],
)
def test_only_what_is_away_is_an_outage(error: BaseException | None, kind: str | None) -> None:
    assert outage_of(error) == kind


TELL = """
import logging, sys, threading, warnings
import redis
from wxbot import logs
logs.configure("INFO", sys.argv[1])
log = logs.get_logger("t")
for n in range(50):
    try:
        raise redis.ConnectionError("refused")
    except redis.RedisError:
        log.warning("drawn_not_kept", n=n)
    logging.getLogger("kombu").error("cannot connect to %s: %s", "redis", n)
    log.error("order_alarm", order=n)
warnings.warn("old")
logging.getLogger("celery").info("hello\\nthere password=geheim12345")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise RuntimeError("pay_key=geheim12345 at\\nthe end")
"""


def test_everything_that_speaks_is_one_object_a_line() -> None:
    told = subprocess.run([sys.executable, "-c", TELL, "json"], capture_output=True, text=True, timeout=60, check=False)
    lines = [json.loads(line) for line in told.stderr.splitlines()]
    by_event: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        by_event.setdefault(line["event"], []).append(line)
        assert {"level", "timestamp", "module"} <= line.keys()
    assert len(by_event["drawn_not_kept"]) == 1
    assert by_event["drawn_not_kept"][0]["reason"] == "ConnectionError: refused"
    assert len(by_event["order_alarm"]) == 50, "alarms about different things are all told"
    said = [line["message"] for line in by_event["library"]]
    assert len([text for text in said if text.startswith("cannot connect")]) == 1
    assert any("UserWarning: old" in text for text in said)
    assert [line.get("thread", "") != "" for line in by_event["uncaught"]] == [True, False]
    assert "ZeroDivisionError" in by_event["uncaught"][0]["exception"]
    assert "geheim" not in told.stderr


STOPPED_WITHIN_A_LINE = """
import signal
from wxbot import logs, worker
logs.configure("INFO", "json")
signal.signal(signal.SIGTERM, lambda *_: worker._say_stopping("SIGTERM", "Warm"))
for _ in range(3):
    logs.get_logger("long").info("long", text="x" * 200_000)
"""


def test_a_worker_told_to_stop_within_a_line_of_its_log_says_so_and_stops() -> None:
    """Nobody reads the log, so the signal comes while its thread holds the lock of the line it cannot finish.

    Unbuffered, Python itself drops the rest of a line that a signal interrupts.
    """
    command = [sys.executable, "-c", STOPPED_WITHIN_A_LINE]
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"PYTHONUNBUFFERED": ""},
    ) as script:
        try:
            assert script.stderr is not None
            begun = script.stderr.read(10)
            script.terminate()
            time.sleep(1)
            lines = (begun + script.stderr.read()).splitlines()
            assert script.wait(60) == 0
        finally:
            script.kill()
    assert sorted(json.loads(line)["event"] for line in lines) == ["long"] * 3 + ["worker_stopping"]


@contextmanager
def process(settings: Settings, log: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """`wxbot COMMAND` with everything that it says in `log`; killed with its children at the end."""
    environment = environment_of(Runtime(settings)) | {"WXBOT_LOG_FORMAT": "json", "WXBOT_WEB_THREADS": "4"}
    with log.open("wb") as out:
        started = subprocess.Popen(
            [sys.executable, "-m", "wxbot", *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield started
    finally:
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def events(log: Path) -> list[dict[str, Any]]:
    """Every line of a log; a line that is no JSON object fails."""
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.mark.timeout(300)
def test_every_line_of_web_and_worker_is_json(
    simulator: SimulatedWeChat, sqlite_url: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Both for real: they start, meet a broken table, a broken request and the end of Redis, and stop."""
    port, web_log, worker_log = free_port(), tmp_path / "web.log", tmp_path / "worker.log"
    with running(PrivateRedis(tmp_path_factory.mktemp("redis"))) as broker:
        settings = simulator_settings(
            simulator, sqlite_url, broker.url, tmp_path, public_url=f"http://127.0.0.1:{port}"
        )

        def answers(path: str) -> int:
            try:
                return requests.get(f"http://127.0.0.1:{port}{path}", timeout=60).status_code
            except requests.RequestException:
                return 0

        web_command = ("run", "web", "--bind", f"127.0.0.1:{port}", "--workers", "1")
        with process(settings, web_log, *web_command) as web, process(settings, worker_log, "worker") as worker:
            until(lambda: answers("/healthz") == 200, web_log.read_text)
            until(lambda: "worker_ready" in worker_log.read_text(), worker_log.read_text)
            with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
                connection.execute("ALTER TABLE sms_out RENAME TO gone")
                connection.execute("ALTER TABLE campaigns RENAME TO lost")
                connection.commit()
            until(lambda: "no such table: sms_out" in worker_log.read_text(), worker_log.read_text)
            assert answers("/h5/c/none/rules") in (302, 404, 500, 503)
            broker.stop()
            assert answers("/readyz") in (200, 503)
            until(lambda: "kombu" in worker_log.read_text() or "celery" in worker_log.read_text(), worker_log.read_text)
            for part in (worker, web):
                part.terminate()
            worker.wait(60)
            web.wait(60)
    assert {"worker_ready", "task_failed", "worker_stopping", "library"} <= {
        line["event"] for line in events(worker_log)
    }
    assert any(line["module"] == "gunicorn.error" for line in events(web_log))
    assert any(line["event"] == "not_ready" for line in events(web_log))


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_an_outage_of_postgresql_is_a_line_for_each_task(
    simulator: SimulatedWeChat, redis_url: str, tmp_path: Path
) -> None:
    """The real server is stopped under a real worker for half a minute: no traceback, no line twice, one line at the end."""
    from tests.schema import lay_schema

    log = tmp_path / "worker.log"
    with running(PrivatePostgres(outlives_kill=True)) as server:
        url = server.url_of(server.create(name="outage"))
        lay_schema(url)
        settings = simulator_settings(simulator, url, redis_url, tmp_path)

        def told(event: str) -> list[dict[str, Any]]:
            return [line for line in events(log) if line["event"] == event]

        with process(settings, log, "worker"):
            until(lambda: told("worker_ready"), log.read_text)
            server.kill()
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(url, connect_timeout=2)
            until(lambda: len({line["task"] for line in told("task_failed")}) >= 12, log.read_text)
            time.sleep(20)
            server.restart()
            until(lambda: told("outage_over"), log.read_text)
        failed = told("task_failed")
        assert all("exception" not in line and "reason" in line for line in failed)
        tasks = [line["task"] for line in failed]
        assert len(tasks) <= 2 * len(set(tasks)), "one line for each task and minute"
        assert len(told("outage_over")) == 1
        assert told("outage_over")[0]["failures"] > len(tasks)
        assert log.stat().st_size < 40_000
