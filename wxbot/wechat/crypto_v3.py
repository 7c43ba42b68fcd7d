"""The cryptography of WeChat Pay's API v3: signatures, sealed fields, sealed callbacks (wechat-protocol §4.9).

`cryptography` does the mathematics. wechatpayv3 is not used: it has no user_recv_style, no deadline for its requests,
and it hands back a reply's text without saying whether the signature was right.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SCHEMA = "WECHATPAY2-SHA256-RSA2048"
API_V3_KEY_BYTES = 32
PUBLIC_KEY_PREFIX = "PUB_KEY_ID_"
PROBE_PREFIX = "WECHATPAY/SIGNTEST/"
"""Begins the wrong signatures with which WeChat checks that we look at signatures at all."""
_NONCE_BYTES = 12
_TAG_BYTES = 16


class BadSeal(ValueError):
    """A ciphertext that the APIv3 key does not open."""


@dataclass(frozen=True, slots=True)
class MerchantKey:
    """The merchant's private key and the serial number of the certificate that belongs to it."""

    key: RSAPrivateKey
    serial: str

    @classmethod
    def read(cls, private_key_file: str | Path, cert_file: str | Path) -> MerchantKey:
        """Read apiclient_key.pem and apiclient_cert.pem; ValueError when they are not an RSA pair, OSError when absent."""
        key = serialization.load_pem_private_key(Path(private_key_file).read_bytes(), password=None)
        certificate = x509.load_pem_x509_certificate(Path(cert_file).read_bytes())
        if not isinstance(key, RSAPrivateKey) or certificate.public_key() != key.public_key():
            raise ValueError("the merchant's API certificate and private key do not belong together")
        return cls(key, f"{certificate.serial_number:X}")

    def sign(self, text: bytes) -> str:
        """RSA-SHA256 with PKCS#1 v1.5 padding, base64."""
        return base64.b64encode(self.key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()


@dataclass(frozen=True, slots=True)
class PlatformKey:
    """One key of WeChat Pay: its public key [微信支付公钥], or that of a platform certificate with its time of use."""

    serial: str
    key: RSAPublicKey
    begins: datetime | None = None
    ends: datetime | None = None

    @classmethod
    def of_public_key(cls, key_id: str, pem: str) -> PlatformKey:
        """WeChat Pay's public key, known by its `PUB_KEY_ID_…`; ValueError when the PEM holds no RSA key."""
        key = serialization.load_pem_public_key(pem.encode())
        if not isinstance(key, RSAPublicKey):
            raise ValueError("WeChat Pay's public key is not an RSA key")
        return cls(key_id, key)

    @classmethod
    def of_certificate(cls, pem: bytes) -> PlatformKey:
        """A platform certificate [平台证书]; ValueError when the PEM holds no certificate with an RSA key."""
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise ValueError("the platform certificate has no RSA key")
        serial = f"{certificate.serial_number:X}"
        return cls(serial, key, certificate.not_valid_before_utc, certificate.not_valid_after_utc)

    def is_valid_at(self, now: datetime) -> bool:
        """Whether a certificate is within its time; a public key has none."""
        return (self.begins is None or self.begins <= now) and (self.ends is None or now <= self.ends)

    def has_signed(self, text: bytes, signature: str) -> bool:
        """Whether `signature` (base64) is this key's RSA-SHA256 over `text`; garbage is simply not a signature."""
        try:
            raw = base64.b64decode(signature, validate=True)
            self.key.verify(raw, text, padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True

    def seal(self, text: str) -> str:
        """A field only WeChat can read, such as user_name: RSA-OAEP with SHA-1 and MGF1-SHA-1, base64."""
        oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 - the protocol's choice
        return base64.b64encode(self.key.encrypt(text.encode(), oaep)).decode()


def request_text(method: str, target: str, timestamp: int, nonce: str, body: bytes) -> bytes:
    """What a request's signature covers; `target` is the path with its query, as it stands in the request line."""
    return f"{method}\n{target}\n{timestamp}\n{nonce}\n".encode() + body + b"\n"


def reply_text(timestamp: str, nonce: str, body: bytes) -> bytes:
    """What the signature of a response or callback covers: the raw bytes, before anything is parsed."""
    return f"{timestamp}\n{nonce}\n".encode() + body + b"\n"


def authorization(merchant: MerchantKey, mch_id: str, timestamp: int, nonce: str, signature: str) -> str:
    """The Authorization header of a request."""
    return (
        f'{SCHEMA} mchid="{mch_id}",nonce_str="{nonce}",signature="{signature}",'
        f'timestamp="{timestamp}",serial_no="{merchant.serial}"'
    )


def same_serial(left: str, right: str) -> bool:
    """Whether two serials name one key; certificates' are numbers, so leading zeros and the case do not matter."""
    if left.startswith(PUBLIC_KEY_PREFIX) or right.startswith(PUBLIC_KEY_PREFIX):
        return left == right
    return left.lstrip("0").upper() == right.lstrip("0").upper()


def open_seal(api_v3_key: bytes, nonce: str, associated: str, ciphertext: str) -> bytes:
    """Open AES-256-GCM: `ciphertext` is base64 of the bytes followed by a 16-byte tag. Raises BadSeal."""
    if len(nonce.encode()) != _NONCE_BYTES:
        raise BadSeal("the nonce does not have 12 bytes")
    try:
        sealed = base64.b64decode(ciphertext, validate=True)
        if len(sealed) < _TAG_BYTES:
            raise BadSeal("the ciphertext is too short")
        return AESGCM(api_v3_key).decrypt(nonce.encode(), sealed, associated.encode())
    except (binascii.Error, ValueError, InvalidTag) as error:
        raise BadSeal("the APIv3 key does not open the ciphertext") from error


def key_bytes(api_v3_key: str) -> bytes:
    """The APIv3 key as AES key; ValueError unless it has 32 bytes."""
    raw = api_v3_key.encode()
    if len(raw) != API_V3_KEY_BYTES:
        raise ValueError("the APIv3 key has 32 characters")
    return raw
