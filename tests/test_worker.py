"""The clock's door: its two tables, every task on empty books, and the real worker as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.campaigns.stories import campaign_of, launched
from wxbot import heartbeat
from wxbot.runtime import Runtime
from wxbot.worker import INTERVALS, TASKS, make_celery, run_task, run_until_quiet


def test_the_tables_know_the_same_tasks(runtime: Runtime) -> None:
    """Every task has an interval, every interval a task, and Celery knows them all."""
    assert set(TASKS) == set(INTERVALS)
    assert set(TASKS) <= set(make_celery(runtime).tasks)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_may_run_on_empty_books_and_twice_F76(runtime: Runtime, name: str) -> None:
    assert run_task(runtime, name) >= 0
    assert run_task(runtime, name) >= 0


def test_a_campaign_is_launched_by_the_tasks_alone(runtime: Runtime) -> None:
    campaign_id = launched(runtime)
    assert run_until_quiet(runtime) < 50
    assert campaign_of(runtime, campaign_id).status == "on"
    assert run_task(runtime, "invariants.check") == 0


def environment_of(runtime: Runtime) -> dict[str, str]:
    """The settings of a runtime as the environment of a process of its own."""
    values: dict[str, Any] = runtime.settings.model_dump()
    plain = {name: v.get_secret_value() if hasattr(v, "get_secret_value") else v for name, v in values.items()}
    return {**os.environ, **{f"WXBOT_{name.upper()}": str(v) for name, v in plain.items() if v is not None}}


@pytest.mark.timeout(400)
@pytest.mark.parametrize("database_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.proof)], indirect=True)
def test_the_worker_process_finds_the_work_and_stops_on_sigterm_F02(runtime: Runtime) -> None:
    """A real `wxbot worker` launches a campaign it was never told about, even when its broker is emptied, and ends."""
    campaign_id = launched(runtime)
    worker = subprocess.Popen(
        [sys.executable, "-m", "wxbot", "worker"],
        env=environment_of(runtime),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 240
        while campaign_of(runtime, campaign_id).status != "on" and time.monotonic() < deadline:
            runtime.redis.flushall()
            time.sleep(1.5)
        assert campaign_of(runtime, campaign_id).status == "on"
        while not heartbeat.workers(runtime.redis) and time.monotonic() < deadline:
            time.sleep(0.5)
        assert [known.pid for known in heartbeat.workers(runtime.redis)] == [worker.pid]
        worker.send_signal(signal.SIGTERM)
        worker.wait(90)
        assert heartbeat.workers(runtime.redis) == []  # it was stopped: nobody misses it
    finally:
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
        said = worker.communicate()[0].decode(errors="replace")
    assert "task_failed" not in said
