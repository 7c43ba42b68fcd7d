"""A fresh simulated WeChat for every test, and a small client for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from wxbot.simulator.config import SimulatorConfig
from wxbot.simulator.server import Simulator


class Web(requests.Session):
    """requests with the simulator's address in front of every path."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.trust_env = False  # nobody's proxies and passwords, for which it would look at each request

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", 20)
        return super().request(method, url if "://" in url else self.base + url, *args, **kwargs)


@pytest.fixture(scope="session")
def running_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder: Path = tmp_path_factory.mktemp("simulator")
    config = SimulatorConfig(
        http_port=0,
        https_port=0,
        proxy_port=0,
        state_dir=folder,
        is_saved=False,
        app_urls=("http://shop.example.test",),
    )
    with Simulator(config) as simulator:
        yield simulator


@pytest.fixture
def simulator(running_simulator: Simulator) -> Simulator:
    """The running simulator with an empty world and the account as configured."""
    world = running_simulator.world
    with world.lock:
        world.account.change(running_simulator.config.account().to_dict())
        world.reset(1)
    return running_simulator


@pytest.fixture
def web(simulator: Simulator) -> Iterator[Web]:
    with Web(simulator.http_url) as session:
        yield session


@pytest.fixture
def token(web: Web, simulator: Simulator) -> str:
    """A living access_token."""
    account = simulator.world.account
    query = {"grant_type": "client_credential", "appid": account.appid, "secret": account.appsecret}
    return str(web.get("/cgi-bin/token", params=query).json()["access_token"])
