"""The stage of a demo with its web and its worker in threads of the tests' process, which have read and compiled all of it already."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from tests.schema import copied
from tests.servers import LoopbackServer, SimulatedWeChat
from wxbot import worker
from wxbot.app import create_app
from wxbot.demo import run
from wxbot.demo.stage import Stage
from wxbot.runtime import Runtime
from wxbot.schedule import Schedule


class NearWorker:
    """A worker in threads: the schedule and the tasks' bodies are those of `wxbot worker`, a queue stands for its broker."""

    def __init__(self, runtime: Runtime, intervals: Mapping[str, float], threads: int = 2) -> None:
        self._ticks: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._schedule = Schedule(runtime.redis, intervals, self._ticks.put)
        self._tasks = worker.make_celery(runtime, self._schedule).tasks
        self._threads = [threading.Thread(target=self._work, name="near worker") for _ in range(threads)]

    def start(self) -> None:
        """Work from now on."""
        self._schedule.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Returns when the last task has ended."""
        self._schedule.stop()
        for _ in self._threads:
            self._ticks.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (name := self._ticks.get()) is not None:
            self._tasks[name]()


class NearStage(Stage):
    """A stage whose web and worker are threads of the tests' process, whose WeChat is the tests' own."""

    wechat: ClassVar[SimulatedWeChat]
    template: ClassVar[Path]
    intervals: ClassVar[Mapping[str, float]] = worker.INTERVALS

    def start_simulator(self) -> None:
        """It runs already."""
        self.ports = replace(self.ports, wechat=self.wechat.http_port, pay=self.wechat.https_port)
        if not (self.folder / "wechat").exists():
            (self.folder / "wechat").symlink_to(self.wechat.folder)

    def start_database(self) -> None:
        """A copy of an empty one."""
        if not (self.folder / "wxbot.db").exists():
            copied(self.template, self.folder / "wxbot.db")

    def start_services(self) -> None:
        """Web and worker in threads, beside them what `start_beside` starts."""
        self._web = LoopbackServer()
        self.ports = replace(self.ports, web=int(self._web.url.rpartition(":")[2]))
        self._runtime = Runtime(self.settings())
        host = f"127.0.0.1:{self.ports.web}"
        account = {"callback_url": f"{self.public_url}/wechat", "oauth_domains": [host], "js_domains": [host]}
        self.wechat.control("PUT", "account", account)
        self._web.serve(create_app(self._runtime).wsgi_app)
        self._worker = NearWorker(self._runtime, self.intervals)
        self._worker.start()
        self.start_beside()

    def start_beside(self) -> None:
        """The open streams of halls, a process as ever."""
        self.start_live()

    def stop(self) -> None:
        """The threads first."""
        if hasattr(self, "_worker"):
            self._worker.stop()
            self._web.__exit__(None, None, None)
            self._runtime.close()
        super().stop()


def play_on(monkeypatch: pytest.MonkeyPatch, stage: type[NearStage], wechat: SimulatedWeChat, template: Path) -> None:
    """`wxbot demo` plays on this kind of stage in this test: `template` is a file of SQLite with our schema and nothing else."""
    monkeypatch.setattr(NearStage, "wechat", wechat, raising=False)
    monkeypatch.setattr(NearStage, "template", template, raising=False)
    monkeypatch.setattr(run, "Stage", stage)
