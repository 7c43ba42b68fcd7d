"""A whole stage for stories: private Redis, simulator, gunicorn and worker, each a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wxbot.demo import seed
from wxbot.demo.stage import Ports, Stage
from wxbot.private_servers import free_port


@pytest.fixture
def empty_stage(tmp_path: Path) -> Iterator[Stage]:
    """Everything running on free ports, and nobody in it."""
    made = Stage(tmp_path / "stage", Ports(*(free_port() for _ in range(4))))
    try:
        made.prepare()
        made.start_redis()
        made.start_simulator()
        made.start_database()
        made.start_web()
        made.start_worker()
        yield made
    finally:
        made.stop()


@pytest.fixture
def stage(empty_stage: Stage) -> Stage:
    """Everything running, with the demo's staff and nothing else in it."""
    database, clock = empty_stage.parts()
    seed.hire(database, clock.now())
    database.close()
    return empty_stage
