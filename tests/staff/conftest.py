"""Consoles for the tests of this folder."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from tests.schema import copied
from tests.staff.consoles import NOON, console, hire_people, seed_story
from wxbot.db import Database

PACKETS = 400


@pytest.fixture
def console_app(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    """A console with four people and nothing else, on both databases."""
    with console(database_url, redis_url, tmp_path, NOON) as app:
        yield app


@pytest.fixture(scope="session")
def story_file(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story of `story_app` as a SQLite file, to be copied: telling it takes longer than most pages."""
    path = tmp_path_factory.mktemp("story") / "wxbot.db"
    shutil.copy(sqlite_template, path)
    with closing(Database(f"sqlite:///{path}")) as database:
        hire_people(database, NOON)
        seed_story(database, NOON, packets=PACKETS)
    return path


@pytest.fixture
def story_app(request: pytest.FixtureRequest, database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    """A console with two campaigns and 400 packets in every status (campaigns 1 and 2)."""
    is_file = database_url.startswith("sqlite")
    if is_file:
        copied(request.getfixturevalue("story_file"), tmp_path / "wxbot.db")
    with console(database_url, redis_url, tmp_path, NOON, are_hired=is_file) as app:
        if not is_file:
            seed_story(app.extensions["wxbot"].database, NOON, packets=PACKETS)
        yield app
