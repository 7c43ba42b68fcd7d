"""Encryption of callback messages (wechat-protocol §5.3).

wechatpy's crypto is not used: 99.4 % of random ciphertexts make it raise exceptions of other libraries, it compares
signatures in variable time and builds a new cipher for every message. Here every failure is the same BadMessage, and
nothing is decrypted before its signature is right.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from wxbot.wechat import limits, sign
from wxbot.wechat.errors import BadMessage

_BLOCK = limits.CRYPT_BLOCK_BYTES
_PREFIX_BYTES = 16
_LENGTH_BYTES = 4
_KEY_SHAPE = re.compile(r"[A-Za-z0-9+/]{43}")


class MessageCrypt:
    """Opens and seals the messages of one official account."""

    def __init__(self, callback_token: str, aes_key: str, appid: str) -> None:
        """`aes_key` is the EncodingAESKey of 43 characters; its last one may carry spare bits (wechat-protocol §5.3)."""
        if not _KEY_SHAPE.fullmatch(aes_key):
            raise ValueError("EncodingAESKey must be 43 letters and digits, as shown in the console")
        raw_key = base64.b64decode(aes_key + "=")
        self._token = callback_token
        self._appid = appid.encode()
        self._cipher = Cipher(algorithms.AES(raw_key), modes.CBC(raw_key[:16]))

    def open(self, msg_signature: str, timestamp: str, nonce: str, encrypted: str) -> bytes:
        """The message inside `Encrypt`; the signature is compared before anything is decrypted (security.md S17)."""
        if not sign.same(sign.msg_signature(self._token, timestamp, nonce, encrypted), msg_signature):
            raise BadMessage("msg_signature")
        return self.decrypt(encrypted)

    def decrypt(self, encrypted: str) -> bytes:
        """Decrypt without a signature check; any garbage raises BadMessage and nothing else."""
        try:
            ciphertext = base64.b64decode(encrypted, validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadMessage("base64") from error
        if not ciphertext or len(ciphertext) % 16:
            raise BadMessage("ciphertext length")
        decryptor = self._cipher.decryptor()
        padded = decryptor.update(ciphertext) + decryptor.finalize()
        pad = padded[-1]
        if not 1 <= pad <= _BLOCK or pad > len(padded) or padded[-pad:] != bytes((pad,)) * pad:
            raise BadMessage("padding")
        plain = padded[:-pad]
        head = _PREFIX_BYTES + _LENGTH_BYTES
        if len(plain) < head:
            raise BadMessage("too short")
        length = int.from_bytes(plain[_PREFIX_BYTES:head], "big")
        if head + length > len(plain):
            raise BadMessage("length field")
        if not hmac.compare_digest(plain[head + length :], self._appid):
            raise BadMessage("appid")
        return plain[head : head + length]

    def encrypt(self, message: bytes, *, prefix: bytes | None = None) -> str:
        """`Encrypt` of a message; the 16 random bytes in front may be given to repeat a published vector."""
        plain = b"".join(
            (prefix or os.urandom(_PREFIX_BYTES), len(message).to_bytes(_LENGTH_BYTES, "big"), message, self._appid)
        )
        pad = _BLOCK - len(plain) % _BLOCK
        encryptor = self._cipher.encryptor()
        return base64.b64encode(encryptor.update(plain + bytes((pad,)) * pad) + encryptor.finalize()).decode()

    def sign(self, timestamp: str, nonce: str, encrypted: str) -> str:
        """`msg_signature` over a ciphertext with this account's token."""
        return sign.msg_signature(self._token, timestamp, nonce, encrypted)
