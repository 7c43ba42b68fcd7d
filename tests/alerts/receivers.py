"""Servers that receive alerts as their real targets do: a webhook, and the robots' fixed hosts behind a proxy that ends TLS."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOSTS = ("qyapi.weixin.qq.com", "oapi.dingtalk.com", "open.feishu.cn")


@dataclass
class Received:
    """One request as it came."""

    host: str
    path: str
    content: Any


@dataclass
class Receiver:
    """What has come, and what is answered: host → (status, JSON)."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)

    @property
    def texts(self) -> list[str]:
        """What webhooks were told, in their order."""
        return [one.content["message"] for one in self.received]


class _Quiet(BaseHTTPRequestHandler):
    receiver: Receiver
    context: ssl.SSLContext

    def do_CONNECT(self) -> None:
        self.send_response(200)
        self.end_headers()
        host = self.path.partition(":")[0]
        inner: socket.socket = self.context.wrap_socket(self.connection, server_side=True)
        self.connection, self.rfile, self.wfile = inner, inner.makefile("rb"), inner.makefile("wb")
        self.tunnel = host
        self.handle_one_request()
        self.close_connection = True
        self.rfile.close()
        self.wfile.close()
        inner.close()

    def finish(self) -> None:
        if not self.wfile.closed:  # a tunnel has closed its own
            super().finish()

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        host = getattr(self, "tunnel", "")
        self.receiver.received.append(Received(host, self.path, json.loads(content)))
        status, answer = self.receiver.answers.get(host, (200, {"errcode": 0, "errmsg": "ok", "code": 0}))
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Say nothing: the tests look at what came."""


@contextmanager
def receiver(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A server on loopback that keeps what it is sent; with a context it is also a proxy that ends TLS."""
    made = Receiver()
    handler = type("_Handler", (_Quiet,), {"receiver": made, "context": context})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    made.url = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def certificate_for(hosts: tuple[str, ...], folder: Path) -> tuple[Path, ssl.SSLContext]:
    """(file to trust, a server's context) of a certificate for these hosts that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alerts of the tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = folder / "robots.pem", folder / "robots.key"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    return trusted, context
