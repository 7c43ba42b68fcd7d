"""A real socket that answers what a test tells it to, plain or over TLS with a throwaway authority."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[["Heard", socket.socket], None]


@dataclass
class Heard:
    """One request as it came over the wire."""

    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode()

    def header(self, name: str) -> str:
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name.lower().encode():
                return value.strip().decode()
        return ""


def http_reply(body: bytes, *, status: str = "200 OK", headers: dict[str, str] | None = None) -> bytes:
    """The bytes of a whole HTTP/1.1 reply."""
    lines = {"Content-Type": "application/json; encoding=utf-8", "Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def saying(*replies: bytes) -> Answer:
    """Answer with these replies in turn, the last one for ever."""
    left = list(replies)

    def answer(_heard: Heard, connection: socket.socket) -> None:
        connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    return answer


def dripping(reply: bytes, *, step: int = 1, pause_s: float = 0.02) -> Answer:
    """Answer a few bytes at a time."""

    def answer(_heard: Heard, connection: socket.socket) -> None:
        for start in range(0, len(reply), step):
            connection.sendall(reply[start : start + step])
            time.sleep(pause_s)

    return answer


def silent(_heard: Heard, connection: socket.socket) -> None:
    """Take the request and say nothing, until the other side gives up."""
    connection.settimeout(10)
    try:
        while connection.recv(4096):
            pass
    except OSError:
        pass


def resetting(_heard: Heard, connection: socket.socket) -> None:
    """Take the request and reset the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()


@dataclass
class Wire:
    """A listening socket; `heard` holds what it was asked. Use it as a context manager."""

    answer: Answer
    tls: ssl.SSLContext | None = None
    closes: bool = True
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Wire:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._listener.close()
        self._thread.join(5)

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                continue
            self.connections += 1
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        try:
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection:
                while heard := self._hear(connection):
                    self.heard.append(heard)
                    self.answer(heard, connection)
                    if self.closes:
                        break
        except (OSError, ssl.SSLError):
            pass

    @staticmethod
    def _hear(connection: socket.socket) -> Heard | None:
        received = b""
        while b"\r\n\r\n" not in received:
            chunk = connection.recv(65536)
            if not chunk:
                return None
            received += chunk
        head, _, body = received.partition(b"\r\n\r\n")
        heard = Heard(head, body)
        length = int(heard.header("Content-Length") or 0)
        while len(heard.body) < length:
            chunk = connection.recv(65536)
            if not chunk:
                break
            heard.body += chunk
        return heard


# --- a throwaway authority ----------------------------------------------------------------------------------------


class Authority:
    """A certificate authority that lives for one test run."""

    def __init__(self, folder: Path, name: str = "throwaway authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.ca_file = str(folder / f"{name.replace(' ', '-')}.pem")
        Path(self.ca_file).write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *, host: str = "127.0.0.1", is_expired: bool = False) -> tuple[str, str]:
        """(certificate file, key file) for a server at `host`, or for a client."""
        import ipaddress

        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        begin, end = (
            (now - timedelta(days=3), now - timedelta(days=2)) if is_expired else (now, now + timedelta(days=1))
        )
        try:
            subject: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            subject = x509.DNSName(host)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin - timedelta(hours=1))
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([subject]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        paths = (self._folder / f"{name}.crt", self._folder / f"{name}.key")
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return str(paths[0]), str(paths[1])

    def server_context(
        self, pair: tuple[str, str], *, wants_client: bool = False, newest: ssl.TLSVersion | None = None
    ) -> ssl.SSLContext:
        """A server's side of TLS; with `wants_client` a client certificate of this authority is required."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        if wants_client:
            context.load_verify_locations(self.ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
        if newest is not None:
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = newest
            context.set_ciphers("ALL:@SECLEVEL=0")
        return context
