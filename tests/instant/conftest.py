"""Fixtures of the stories about instant draws and awards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.conftest import Cast
from tests.draws.stage import Phone
from tests.instant.added import check_sums
from tests.servers import SimulatedWeChat
from tests.staff.consoles import PASSWORD, Browser
from wxbot.app import create_app
from wxbot.runtime import Runtime
from wxbot.staff import accounts


@pytest.fixture
def app(runtime: Runtime, simulator: SimulatedWeChat) -> Flask:
    """The web application against the simulator, whose console knows our domain and whose bank has money."""
    domains = ["127.0.0.1:8000"]
    simulator.control("PUT", "account", {"oauth_domains": domains, "js_domains": domains})
    simulator.control("POST", "bank/topup", {"amount_fen": 10_000_000})
    return create_app(runtime)


@pytest.fixture
def added_up(runtime: Runtime) -> Iterator[None]:
    """However a story ends: what was added up of draws and awards is what their rows count."""
    yield
    check_sums(runtime.database)


@pytest.fixture
def ming(app: Flask, runtime: Runtime, cast: Cast) -> Phone:
    """阿明's phone."""
    return Phone(app, runtime, cast.ming.id)


@pytest.fixture
def hong(app: Flask, runtime: Runtime, cast: Cast) -> Phone:
    """小红's phone."""
    return Phone(app, runtime, cast.hong.id)


@pytest.fixture
def marketer(app: Flask, runtime: Runtime) -> Browser:
    """A marketer's browser."""
    accounts.hire(runtime.database, "li.test", "li", "marketer", PASSWORD, runtime.clock.now())
    return Browser(app, "li")
