"""The nginx of deploy/nginx/wxbot.conf, a real one: nothing secret in its logs, no stranger's name, no full shop turned away."""

from __future__ import annotations

import http.client
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests import deployments
from tests.servers import ROOT, LoopbackServer, with_us
from wxbot.private_servers import free_port

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")
DOMAIN = "shop.example.com"
SECRET = "071SECRETcode6f0e"
CODE = f"/h5/c/spring?code={SECRET}&signature={SECRET}&ticket={SECRET}"
NARROW = {"rate=300r/s": "rate=1r/m", "burst=3000": "burst=1"}
REFERER = {"Referer": f"https://{DOMAIN}/oauth/back?code={SECRET}"}

pytestmark = [
    pytest.mark.proof,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        NGINX is None, reason="LEFT OUT: no nginx on this machine (Debian, Ubuntu: apt-get install nginx)"
    ),
]


class Nginx:
    """The documented configuration on free ports, its logs in a folder; `changes` are made to its text."""

    def __init__(self, folder: Path, upstream: int, changes: dict[str, str]) -> None:
        self.folder = folder
        self.http_port, self.https_port = free_port(), free_port()
        self._lay_certificate()
        text = (ROOT / "deploy" / "nginx" / "wxbot.conf").read_text(encoding="utf-8")
        here = {
            "listen 80": f"listen 127.0.0.1:{self.http_port}",
            "listen 443": f"listen 127.0.0.1:{self.https_port}",
            "127.0.0.1:8000": f"127.0.0.1:{upstream}",
            f"/etc/letsencrypt/live/{DOMAIN}": str(folder),
            "/var/log/nginx": str(folder),
        }
        for old, new in (here | changes).items():
            assert old in text, f"wxbot.conf no longer says {old}"
            text = text.replace(old, new)
        (folder / "wxbot.conf").write_text(text)
        kept = "".join(
            f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        # As a distribution has it: logs of its own, which keep whole requests, stand around what we include.
        (folder / "nginx.conf").write_text(
            f"user root;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log info;\n"
            "events { worker_connections 4096; }\n"
            f"http {{\n{kept}access_log {folder}/access.log;\ninclude {folder}/wxbot.conf;\n}}\n"
        )
        command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
        self._process = subprocess.Popen(with_us(command, "TERM"), stderr=subprocess.DEVNULL)
        self._wait()

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        name: str = DOMAIN,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> http.client.HTTPResponse:
        """Ask over TLS as a visitor of `name`; the answer is read to its end."""
        with closing(self.connect(name)) as connection:
            connection.request(method, path, body=body or None, headers={"Host": name, **(headers or {})})
            answer = connection.getresponse()
            answer.read()
            return answer

    def connect(self, name: str = DOMAIN) -> http.client.HTTPConnection:
        """A TLS connection that says `name`; raises ssl.SSLError when it is refused."""
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        plain = socket.create_connection(("127.0.0.1", self.https_port), timeout=60)
        connection = http.client.HTTPConnection("127.0.0.1", self.https_port)
        connection.sock = trusting.wrap_socket(plain, server_hostname=name)
        return connection

    def ask_plainly(self, path: str, name: str) -> http.client.HTTPResponse:
        """Ask port 80; raises RemoteDisconnected when it closes without an answer."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=60)) as connection:
            connection.request("GET", path, headers={"Host": name, **REFERER})
            answer = connection.getresponse()
            answer.read()
            return answer

    def logs(self) -> str:
        """Everything it has written, wherever."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def wait_for_line(self, pattern: str) -> None:
        """Wait until the access log says so; requests are logged when they end."""
        deadline = time.monotonic() + 30
        while not re.search(pattern, self.logs()):
            assert time.monotonic() < deadline, f"no line with {pattern} in:\n{self.logs()}"
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(30)

    def _lay_certificate(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DOMAIN)])
        now = datetime.now(UTC)
        made = x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
        )
        (self.folder / "fullchain.pem").write_bytes(
            made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )
        plain = serialization.NoEncryption()
        form = serialization.PrivateFormat.PKCS8
        (self.folder / "privkey.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(OSError), closing(socket.create_connection(("127.0.0.1", self.https_port), 1)):
                return
            time.sleep(0.05)
        raise AssertionError(f"nginx did not start: {self.logs()}")


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
    """Start nginx before an upstream; it is stopped at the end."""
    running: list[Nginx] = []

    def started(upstream: int, changes: dict[str, str] | None = None) -> Nginx:
        folder = tmp_path / "nginx"
        folder.mkdir()
        running.append(Nginx(folder, upstream, changes or {}))
        return running[-1]

    yield started
    for nginx in running:
        nginx.stop()


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
