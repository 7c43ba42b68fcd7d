"""Fixtures of the stories about halls: those of instant draws, and a running hall with who changes it."""

import pytest
from flask import Flask

from tests.hall.office import Office
from tests.instant.conftest import app, hong, marketer, ming
from tests.staff.consoles import Browser
from wxbot.runtime import Runtime

__all__ = ["app", "hong", "marketer", "ming"]


@pytest.fixture
def office(app: Flask, runtime: Runtime, marketer: Browser) -> Office:
    return Office(app, runtime, marketer)
