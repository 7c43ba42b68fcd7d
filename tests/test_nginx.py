"""The nginx of deploy/nginx/wxbot.conf, a real one: nothing secret in its logs, no stranger's name, no full shop turned away."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests import deployments
from tests.nginx_server import CODE, DOMAIN, NARROW, NEEDS_NGINX, REFERER, SECRET, Nginx, starting
from tests.servers import LoopbackServer
from wxbot.private_servers import free_port

pytestmark = [pytest.mark.proof, pytest.mark.timeout(300), NEEDS_NGINX]


class Stage:
    """The application on a socket, with one address that answers only when it is told to."""

    def __init__(self, application: Callable[..., Any], server: LoopbackServer) -> None:
        self.port = int(server.url.rpartition(":")[2])
        self.release = threading.Event()
        self._application = application
        server.serve(self)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/static/slow":
            self.release.wait(30)
        return self._application(environ, start_response)


@pytest.fixture
def stage(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    (tmp_path / "data").mkdir()
    app = deployments.app_for(
        deployments.settings_for(
            "encrypted", sqlite_url, redis_url, tmp_path / "data", trusted_proxies=1, public_url=f"https://{DOMAIN}"
        )
    )
    with LoopbackServer() as server:
        made = Stage(app.wsgi_app, server)
        yield made
        made.release.set()
    deployments.close(app)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Nginx]]:
    with starting(tmp_path) as start:
        yield start


def test_no_code_and_no_signature_reaches_any_log(stage: Stage, start: Callable[..., Nginx]) -> None:
    nginx = start(stage.port, NARROW)
    assert nginx.ask(f"/healthz?code={SECRET}", headers=REFERER).status == 200
    assert {nginx.ask(CODE, headers=REFERER).status for _ in range(4)} >= {429}
    nginx.wait_for_line(r"429 .* limit=REJECTED")
    assert nginx.ask(f"/wechat?signature={SECRET}", method="POST", headers=REFERER, body=b"x" * 70_000).status == 413
    assert nginx.ask("/static/x?" + SECRET * 700, headers=REFERER).status == 414
    assert nginx.ask(f"/static/x?code={SECRET}", headers={"X-Long": SECRET * 700}).status in (400, 431)
    with closing(nginx.connect()) as connection:  # a visitor who leaves before the answer
        connection.request("GET", f"/static/slow?code={SECRET}", headers={"Host": DOMAIN, **REFERER})
        connection.close()
    nginx.wait_for_line("/static/slow 499 ")
    stage.release.set()
    for line in (f"GET /x?code={SECRET} HTTP/9.9", f"GET x?code={SECRET}", f"\x00{SECRET}"):
        with closing(nginx.connect()) as connection:
            connection.sock.sendall(f"{line}\r\nHost: {DOMAIN}\r\n\r\n".encode())
            with suppress(OSError):
                connection.sock.recv(4096)
    with suppress(http.client.HTTPException, OSError):
        nginx.ask_plainly(CODE, "evil.example.org")
    nginx.ask_plainly(CODE, DOMAIN)
    assert SECRET not in nginx.logs()


def test_an_upstream_that_is_down_is_told_without_the_request(start: Callable[..., Nginx]) -> None:
    port = free_port()  # nobody is there
    nginx = start(port)
    for path in (
        CODE,
        f"/wechat?signature={SECRET}",
        f"/pay/transfer-notify?a={SECRET}",
        f"/readyz?a={SECRET}",
        f"/static/x?a={SECRET}",
    ):
        assert nginx.ask(path, headers=REFERER).status == 502
    nginx.ask_plainly(f"/healthz?code={SECRET}", "127.0.0.1")
    nginx.wait_for_line(rf"GET {DOMAIN}/wechat 502 .* upstream=127.0.0.1:{port}:502")
    assert SECRET not in nginx.logs()


def test_no_other_name_is_served_and_none_is_sent_on(stage: Stage, start: Callable[..., Nginx]) -> None:
    nginx = start(stage.port)
    assert nginx.ask_plainly("/h5/c/spring", "").status == 400
    sent_on = nginx.ask_plainly("/h5/c/spring?ticket=1", DOMAIN)
    assert (sent_on.status, sent_on.getheader("Location")) == (301, f"https://{DOMAIN}/h5/c/spring?ticket=1")
    for name in ("evil.example.org", "127.0.0.1"):
        with pytest.raises(http.client.RemoteDisconnected):
            nginx.ask_plainly("/h5/c/spring", name)
    assert nginx.ask_plainly("/healthz", "10.0.0.7").status == 200, "a load balancer asks by address"
    with pytest.raises(ssl.SSLError):
        nginx.connect("evil.example.org")
    with closing(nginx.connect()) as connection:  # the right name for TLS, another one inside
        connection.request("GET", "/healthz", headers={"Host": "evil.example.org"})
        with pytest.raises(http.client.RemoteDisconnected):
            connection.getresponse()


def test_a_full_shop_behind_one_address_is_let_through_and_files_are_not_counted(
    stage: Stage, start: Callable[..., Nginx]
) -> None:
    nginx = start(stage.port)
    people, pages = 500, 5

    def visit(_: int) -> list[int]:
        found = []
        with closing(nginx.connect()) as connection:
            for _page in range(pages):
                connection.request("GET", "/MP_verify_none.txt", headers={"Host": DOMAIN})
                answer = connection.getresponse()
                answer.read()
                found.append(answer.status)
        return found

    with ThreadPoolExecutor(50) as crowd:
        statuses = {status for seen in crowd.map(visit, range(people)) for status in seen}
    assert statuses == {404}, "each reached the application"


def test_files_and_callbacks_are_not_counted_and_pages_are(stage: Stage, start: Callable[..., Nginx]) -> None:
    nginx = start(stage.port, NARROW)
    assert [nginx.ask("/").status == 429 for _ in range(4)] == [False, False, True, True]
    assert {nginx.ask("/static/h5/draw.js").status for _ in range(5)} == {200}
    assert 429 not in {nginx.ask("/wechat", method="POST", body=b"<xml/>").status for _ in range(5)}
    assert nginx.ask("/").status == 429
