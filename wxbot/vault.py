"""Secrets at rest: what is worth money (sp_ticket, lottery_key) is stored encrypted, and found by a keyed hash."""

import base64
import hmac
import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Vault:
    """Seals and opens short texts with keys derived from the deployment's secret_key."""

    def __init__(self, secret_key: str) -> None:
        root = secret_key.encode()
        self._cipher = AESGCM(self._derive(root, b"wxbot seal"))
        self._index_key = self._derive(root, b"wxbot index")

    @staticmethod
    def _derive(root: bytes, purpose: bytes) -> bytes:
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose).derive(root)

    def seal(self, text: str) -> str:
        """Encrypt a text (AES-256-GCM, random nonce), base64."""
        nonce = os.urandom(12)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, text.encode(), None)).decode()

    def open(self, sealed: str) -> str:
        """Decrypt what seal() made. Raises cryptography's InvalidTag when it was changed or sealed with another key."""
        raw = base64.b64decode(sealed)
        return self._cipher.decrypt(raw[:12], raw[12:], None).decode()

    def index(self, text: str) -> str:
        """A keyed hash (64 hex) by which a sealed text can be found without being readable."""
        return hmac.digest(self._index_key, text.encode(), "sha256").hex()
