"""The simulator's own certificate authority, server certificate and merchant client certificate (wechat-protocol §3.7)."""

from __future__ import annotations

import datetime
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wxbot.simulator import pay_v3_keys
from wxbot.simulator.hosts import CERTIFIED

LIFE = datetime.timedelta(days=3650)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Certificates:
    """Paths of the files; the keys are readable by their owner only."""

    ca: Path
    server_cert: Path
    server_key: Path
    client_cert: Path
    client_key: Path
    client_p12: Path
    pay_public_key: Path
    pay_private_key: Path
    platform_cert: Path
    platform_key: Path


def ensure(folder: Path, mch_id: str, host: str = "127.0.0.1") -> Certificates:
    """The certificates in `folder`, made on the first call. A set that is not whole, or of an earlier version whose
    server was not called by all of WeChat's names, is made anew."""
    files = Certificates(
        ca=folder / "ca.pem",
        server_cert=folder / "server_cert.pem",
        server_key=folder / "server_key.pem",
        client_cert=folder / "apiclient_cert.pem",
        client_key=folder / "apiclient_key.pem",
        client_p12=folder / "apiclient_cert.p12",
        **pay_v3_keys.paths(folder),
    )
    everything = (files.ca, files.server_cert, files.server_key, files.client_cert, files.client_key, files.client_p12)
    if not all(path.is_file() for path in everything) or not is_for_all_hosts(files.server_cert):
        folder.mkdir(parents=True, exist_ok=True)
        make(files, mch_id, host)
    if not all(path.is_file() for path in pay_v3_keys.paths(folder).values()):
        for name, content in pay_v3_keys.make().items():
            write = write_private if b"PRIVATE KEY" in content else Path.write_bytes
            write(getattr(files, name), content)
    return files


def make(files: Certificates, mch_id: str, host: str) -> None:
    """Writes a new authority and both certificates it signs. The merchant's key is RSA, as WeChat Pay's are."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = named("wxbot simulator CA")
    ca_cert = build(ca_name, ca_name, ca_key.public_key(), ca_key, is_ca=True)
    server_key = ec.generate_private_key(ec.SECP256R1())
    server = build(named("api.mch.weixin.qq.com"), ca_name, server_key.public_key(), ca_key, host=host)
    client_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    client = build(named(mch_id), ca_name, client_key.public_key(), ca_key, is_client=True)
    write_private(files.server_key, pem_key(server_key))
    write_private(files.client_key, pem_key(client_key))
    sealed = serialization.BestAvailableEncryption(mch_id.encode())  # the merchant's number, as WeChat's is (§3.7)
    write_private(
        files.client_p12, pkcs12.serialize_key_and_certificates(mch_id.encode(), client_key, client, None, sealed)
    )
    files.server_cert.write_bytes(pem_cert(server))
    files.client_cert.write_bytes(pem_cert(client))
    files.ca.write_bytes(pem_cert(ca_cert))


def is_for_all_hosts(server_cert: Path) -> bool:
    """Does the server's certificate name every host that is served now?"""
    certificate = x509.load_pem_x509_certificate(server_cert.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(CERTIFIED) <= set(names.get_values_for_type(x509.DNSName))


def named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def build(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    ca_key: ec.EllipticCurvePrivateKey,
    *,
    is_ca: bool = False,
    is_client: bool = False,
    host: str = "",
) -> x509.Certificate:
    """One certificate signed by `ca_key`, valid from yesterday on, so that a slow clock does not refuse it."""
    begins = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + LIFE)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=0 if is_ca else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .add_extension(key_usage(is_ca), critical=True)
    )
    if is_client:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    if host:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        builder = builder.add_extension(x509.SubjectAlternativeName(reachable_as(host)), critical=False)
    return builder.sign(ca_key, hashes.SHA256())


def key_usage(is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        content_commitment=False,
        key_encipherment=not is_ca,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def reachable_as(host: str) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        *(x509.DNSName(name) for name in CERTIFIED),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    if host not in ("127.0.0.1", "localhost", "::1"):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    return names


def pem_cert(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def pem_key(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_private(path: Path, content: bytes) -> None:
    """Writes with 0600 from the first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(stream.fileno(), 0o600)
        stream.write(content)
