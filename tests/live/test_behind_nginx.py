"""Streams of a hall through the nginx of deploy/nginx/wxbot.conf, a real one: nothing is held back, and no hall is too many."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.live.stage import LiveServer, LiveStage, ack_of
from tests.nginx_server import DOMAIN, NARROW, NEEDS_NGINX, Nginx, starting
from wxbot.private_servers import free_port

pytestmark = [pytest.mark.proof, NEEDS_NGINX]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Nginx]]:
    with starting(tmp_path) as start:
        yield start


def test_streams_sockets_and_files_pass(
    live_stage: LiveStage,
    live: LiveServer,
    start: Callable[..., Nginx],
) -> None:
    places = {
        "127.0.0.1:8001": f"127.0.0.1:{live.port}",
        "/run/wxbot-live": str(live_stage.folder / "states"),
        "rate=3000r/s": "rate=1r/m",
        "burst=12000": "burst=1",
    }
    nginx = start(free_port(), {**NARROW, **places})
    live_stage.tell("proxy", 1)
    openid = live_stage.guest("proxy", 1)
    with ExitStack() as open_:
        for number in range(30):  # all from one address
            connection = nginx.connect()
            open_.callback(connection.close)
            cookie = live_stage.cookie(f"oBehind{number:03d}")
            connection.request("GET", "/live/proxy/events", headers={"Host": DOMAIN, "Cookie": cookie})
            answer = connection.getresponse()
            assert answer.status == 200
            while answer.readline().strip() != b"event: state":
                pass
        told = json.loads(answer.readline().partition(b":")[2])
        assert told["v"] == 1
        answer.readline()
        live_stage.tell("proxy", 2, scene="rain")
        lines = [answer.readline() for _ in range(3)]
        assert b'"scene":"rain"' in lines[2], "it was handed on at once"
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        with connect(
            f"wss://{DOMAIN}/live/proxy/race",
            ssl=trusting,
            sock=socket.create_connection(("127.0.0.1", nginx.https_port)),
            additional_headers={"Cookie": live_stage.cookie(openid)},
            compression=None,
        ) as runner:
            assert ack_of(runner)["count"] == 0
    for _ in range(5):
        file = nginx.ask("/live/proxy/state.json")
        assert (file.status, file.getheader("Cache-Control")) == (200, "no-cache")
    assert nginx.ask("/live/none/state.json").status == 404
    assert [nginx.ask("/h5/hall/x").status == 429 for _ in range(4)] == [False, False, True, True]
