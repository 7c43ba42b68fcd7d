"""Consoles for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.staff.consoles import NOON, console, seed_story


@pytest.fixture
def console_app(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    """A console with four people and nothing else, on both databases."""
    with console(database_url, redis_url, tmp_path, NOON) as app:
        yield app


@pytest.fixture
def story_app(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    """A console with two campaigns and 400 packets in every status (campaigns 1 and 2)."""
    with console(database_url, redis_url, tmp_path, NOON) as app:
        seed_story(app.extensions["wxbot"].database, NOON, packets=400)
        yield app
