"""Applications that people write to: one or several processes of one deployment, on SQLite or on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.deployments import close
from tests.replies.chats import chat_app

MakeApp = Callable[..., Flask]


@pytest.fixture
def make_sqlite(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[MakeApp]:
    """Makes processes of one deployment on SQLite."""
    yield from _maker(sqlite_url, redis_url, tmp_path)


@pytest.fixture
def make(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[MakeApp]:
    """Makes processes of one deployment, on both databases."""
    yield from _maker(database_url, redis_url, tmp_path)


def _maker(database_url: str, redis_url: str, folder: Path) -> Iterator[MakeApp]:
    made: list[Flask] = []

    def one(**changes: Any) -> Flask:
        made.append(chat_app(database_url, changes.pop("redis_url", redis_url), folder, **changes))
        return made[-1]

    yield one
    for app in made:
        close(app)


@pytest.fixture
def app(make_sqlite: MakeApp) -> Flask:
    return make_sqlite()


@pytest.fixture
def both(make: MakeApp) -> Flask:
    return make()
