"""One `wxbot live` for all tests of a file that only listen to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import simulator_settings
from tests.live.stage import LiveServer, LiveStage
from tests.schema import copied
from tests.servers import SimulatedWeChat
from wxbot.private_servers import PrivateRedis


@pytest.fixture(scope="module")
def live_stage(
    simulator_server: SimulatedWeChat,
    sqlite_template: Path,
    redis_server: PrivateRedis,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LiveStage]:
    """Settings, Redis and database; halls of different tests have different names."""
    folder = tmp_path_factory.mktemp("live")
    (folder / "states").mkdir()
    settings = simulator_settings(
        simulator_server,
        copied(sqlite_template, folder / "wxbot.db"),
        redis_server.url,
        folder,
        live_state_dir=folder / "states",
        live_streams=41,  # the one of test_events.py that says nothing is among them
        log_format="console",
    )
    with closing(LiveStage(settings, folder)) as stage:
        yield stage


@pytest.fixture(scope="module")
def live(live_stage: LiveStage) -> LiveServer:
    """A running process."""
    return live_stage.start()[0]
