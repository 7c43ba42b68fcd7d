"""The application on a port of its own, as phones of the simulated WeChat find it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from tests.conftest import simulator_settings
from tests.servers import LoopbackServer, SimulatedWeChat
from wxbot.app import create_app
from wxbot.runtime import Runtime
from wxbot.settings import Settings

Beside = Callable[[Settings], AbstractContextManager[Mapping[str, Any]]]
"""Something that runs with the site's settings, and what the site must know of it."""

Front = Callable[[str], AbstractContextManager[str]]
"""Something that stands before the application, whose address it is given, and where people find the site then."""


@contextmanager
def site_at(
    simulator: SimulatedWeChat,
    database_url: str,
    redis_url: str,
    folder: Path,
    beside: Beside = lambda _settings: nullcontext({}),
    front: Front = nullcontext,
    **changes: Any,
) -> Iterator[Runtime]:
    """A site that WeChat knows; its merchant has money."""
    with LoopbackServer() as server, front(server.url) as url:
        domains = [url.removeprefix("http://")]
        simulator.control("PUT", "account", {"oauth_domains": domains, "js_domains": domains})
        simulator.control("POST", "bank/topup", {"amount_fen": 1_000_000})
        settings = simulator_settings(simulator, database_url, redis_url, folder, public_url=url, **changes)
        with beside(settings) as more, closing(Runtime(settings.model_copy(update=more))) as runtime:
            server.serve(create_app(runtime).wsgi_app)
            yield runtime
