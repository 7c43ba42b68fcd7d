"""Keys and cryptography of WeChat Pay v3 as the platform has them (wechat-protocol §4.9). Shared with no client.

Two key pairs of the platform: one that only has an id (`PUB_KEY_ID_…`, the public-key mode), one inside a platform
certificate. They differ, so that a client which takes one for the other is found out.
"""

from __future__ import annotations

import base64
import binascii
import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

LIFE = datetime.timedelta(days=5 * 365)
OAEP_SHA1 = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), label=None)  # noqa: S303 - the wire's choice (§4.9)


def sign(text: str | bytes, key: rsa.RSAPrivateKey) -> str:
    """RSA-SHA256 with PKCS#1 v1.5, base64 (§4.9)."""
    content = text.encode() if isinstance(text, str) else text
    return base64.b64encode(key.sign(content, padding.PKCS1v15(), hashes.SHA256())).decode()


def is_signed(text: bytes, signature: str, key: rsa.RSAPublicKey) -> bool:
    """Is this base64 signature the key's over exactly these bytes?"""
    try:
        key.verify(base64.b64decode(signature, validate=True), text, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def seal(content: bytes, api_v3_key: str, nonce: str, associated: str) -> str:
    """AES-256-GCM under the APIv3 key: base64 of the ciphertext with its tag behind it (§4.9, vector A.6)."""
    return base64.b64encode(AESGCM(api_v3_key.encode()).encrypt(nonce.encode(), content, associated.encode())).decode()


@dataclass(frozen=True)
class PlatformKeys:
    """What the platform signs and decrypts with, and what it knows of the merchant's key."""

    public_key: rsa.RSAPrivateKey
    """The pair of the public-key mode; the public half is `pub_key.pem`."""
    certificate_key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    merchant_key: rsa.RSAPublicKey
    merchant_serial: str

    @property
    def certificate_serial(self) -> str:
        """The platform certificate's serial number as headers carry it: hex, upper case."""
        return f"{self.certificate.serial_number:040X}"

    def is_merchant_serial(self, given: str) -> bool:
        """Is this the serial of the merchant's certificate, in either case, leading zeros or not?"""
        return given.upper().lstrip("0") == self.merchant_serial.lstrip("0")

    def reveal(self, sealed: str, is_certificate: bool) -> str | None:
        """A sensitive field in clear: RSA-OAEP with SHA-1 under one of the platform's keys (§4.9). None: not ours."""
        key = self.certificate_key if is_certificate else self.public_key
        try:
            return key.decrypt(base64.b64decode(sealed, validate=True), OAEP_SHA1).decode()
        except (binascii.Error, ValueError):
            return None

    def conceal(self, text: str) -> str:
        """A sensitive field of a reply, for the merchant's certificate."""
        return base64.b64encode(self.merchant_key.encrypt(text.encode(), OAEP_SHA1)).decode()


FILES = ("pay_public_key", "pay_private_key", "platform_cert", "platform_key")


def paths(folder: Path) -> dict[str, Path]:
    """Where the platform's own keys lie: `pub_key.pem` is what a merchant downloads."""
    names = ("pub_key.pem", "pub_key_private.pem", "platform_cert.pem", "platform_key.pem")
    return {name: folder / file for name, file in zip(FILES, names, strict=True)}


def make() -> dict[str, bytes]:
    """The content of the four files: a new pair of each kind, the certificate signed by itself."""
    public, inside = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    begins = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "wxbot simulator platform")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(inside.public_key())
        .serial_number(x509.random_serial_number() | 1 << 156)  # always 40 hex digits, as WeChat Pay's are
        .not_valid_before(begins)
        .not_valid_after(begins + LIFE)
        .sign(inside, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    public_pem = public.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    keys = [
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        for key in (public, inside)
    ]
    contents = (public_pem, keys[0], certificate.public_bytes(encoding), keys[1])
    return dict(zip(FILES, contents, strict=True))


def load(files: Mapping[str, Path]) -> PlatformKeys:
    """Reads what `make` wrote, and the merchant's certificate (`client_cert`) for its key and serial."""
    merchant = x509.load_pem_x509_certificate(files["client_cert"].read_bytes())
    merchant_key = merchant.public_key()
    private = [
        serialization.load_pem_private_key(files[name].read_bytes(), None)
        for name in ("pay_private_key", "platform_key")
    ]
    if not isinstance(merchant_key, rsa.RSAPublicKey):
        raise ValueError("the merchant's certificate must hold an RSA key")
    if not isinstance(private[0], rsa.RSAPrivateKey) or not isinstance(private[1], rsa.RSAPrivateKey):
        raise ValueError("the platform's keys must be RSA keys")
    certificate = x509.load_pem_x509_certificate(files["platform_cert"].read_bytes())
    return PlatformKeys(private[0], private[1], certificate, merchant_key, f"{merchant.serial_number:040X}")
