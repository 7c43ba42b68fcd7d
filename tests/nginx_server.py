"""The nginx of deploy/nginx/wxbot.conf, a real one, before whatever listens on a port."""

from __future__ import annotations

import http.client
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers import ROOT, with_us
from wxbot.private_servers import free_port

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")
DOMAIN = "shop.example.com"
SECRET = "071SECRETcode6f0e"
CODE = f"/h5/c/spring?code={SECRET}&signature={SECRET}&ticket={SECRET}"
NARROW = {"rate=300r/s": "rate=1r/m", "burst=3000": "burst=1"}
REFERER = {"Referer": f"https://{DOMAIN}/oauth/back?code={SECRET}"}

NEEDS_NGINX = pytest.mark.skipif(
    NGINX is None, reason="LEFT OUT: no nginx on this machine (Debian, Ubuntu: apt-get install nginx)"
)
"""nginx comes with the system alone, no package of Python brings it: `make proof` says where it was missing."""


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


@contextmanager
def starting(tmp_path: Path) -> Iterator[Callable[..., Nginx]]:
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
