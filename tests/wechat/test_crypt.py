"""Message encryption: round trips, and one clean refusal for any garbage (security.md S17)."""

import base64
import os
import random
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import many
from wxbot.wechat.crypt import MessageCrypt
from wxbot.wechat.errors import BadMessage

KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
APPID = "wx0123456789abcdef"
crypt = MessageCrypt("mytoken123", KEY, APPID)


def encrypt_raw(padded: bytes) -> str:
    """Encrypt bytes that are already padded, however wrongly."""
    key = base64.b64decode(KEY + "=")
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def plain(message: bytes = b"<xml/>", *, length: int | None = None, appid: bytes = APPID.encode()) -> bytes:
    return b"r" * 16 + (len(message) if length is None else length).to_bytes(4, "big") + message + appid


def padded(content: bytes, pad: int | None = None, *, last: bytes | None = None) -> bytes:
    pad = pad or 32 - len(content) % 32
    return content + (last or bytes((pad,)) * pad)


@many()
@given(st.binary(max_size=500))
def test_whatever_is_sealed_opens_again(message: Any) -> None:
    assert crypt.decrypt(crypt.encrypt(message)) == message


def test_every_pad_length_from_1_to_32_occurs_and_opens() -> None:
    pads = set()
    for size in range(64):
        encrypted = crypt.encrypt(b"x" * size)
        assert crypt.decrypt(encrypted) == b"x" * size
        pads.add(32 - (16 + 4 + size + len(APPID)) % 32)
    assert pads == set(range(1, 33))


@pytest.mark.parametrize(
    "encrypted",
    [
        "",
        "====",
        "不是base64",
        "a",
        base64.b64encode(b"short").decode(),
        base64.b64encode(b"x" * 33).decode(),
        encrypt_raw(padded(plain(appid=b"wxANOTHERACCOUNT00"))),
        encrypt_raw(padded(plain(appid=b""))),
        encrypt_raw(padded(plain(appid=APPID.encode() + b"x"))),
        encrypt_raw(padded(plain(length=0xFFFFFFFF))),
        encrypt_raw(padded(plain(length=7))),
        encrypt_raw(padded(plain(length=5))),
        encrypt_raw(b"x" * 31 + b"\x00"),
        encrypt_raw(b"x" * 31 + b"\x21"),
        encrypt_raw(b"x" * 31 + b"\xff"),
        encrypt_raw(padded(plain() + b"x" * 4, last=b"\x09\x08\x10\x04")[:16]),
        encrypt_raw(b"\x20" * 32),
        encrypt_raw(b"\x10" * 16),
        "\n" + crypt.encrypt(b"<xml/>") + "!",
    ],
)
def test_confusions_are_one_clean_refusal_S17(encrypted: Any) -> None:
    with pytest.raises(BadMessage):
        crypt.decrypt(encrypted)


def test_padding_bytes_must_all_agree_S17() -> None:
    content = plain(b"x" * 20)
    pad = 32 - len(content) % 32
    assert pad > 2
    good = padded(content)
    assert crypt.decrypt(encrypt_raw(good)) == b"x" * 20
    bad = bytearray(good)
    bad[-2] ^= 1
    with pytest.raises(BadMessage):
        crypt.decrypt(encrypt_raw(bytes(bad)))


@pytest.mark.parametrize("pad", [33, 48, 64, 255])
def test_a_pad_over_32_is_refused_even_when_everything_else_is_right_S17(pad: int) -> None:
    content = plain(b"x" * ((-16 - 4 - len(APPID) - pad) % 16))
    with pytest.raises(BadMessage) as caught:
        crypt.decrypt(encrypt_raw(content + bytes((pad,)) * pad))
    assert caught.value.reason == "padding"


def test_twenty_thousand_random_ciphertexts_raise_bad_message_only_S17() -> None:
    dice = random.Random(20260315)
    opened = 0
    for _ in range(20_000):
        ciphertext = base64.b64encode(dice.randbytes(16 * dice.randint(1, 12))).decode()
        try:
            crypt.decrypt(ciphertext)
            opened += 1
        except BadMessage:
            pass
    assert opened == 0


def test_the_signature_is_checked_before_anything_is_decrypted_S17() -> None:
    encrypted = crypt.encrypt(b"<xml/>")
    right = crypt.sign("1700000000", "n", encrypted)
    assert crypt.open(right, "1700000000", "n", encrypted) == b"<xml/>"
    for wrong in ("", right.upper(), right[:-1], "0" * 40, right + "0", "é" * 40):
        with pytest.raises(BadMessage) as caught:
            crypt.open(wrong, "1700000000", "n", encrypted)
        assert caught.value.reason == "msg_signature"
    with pytest.raises(BadMessage) as caught:
        crypt.open("0" * 40, "1700000000", "n", "not even base64 !!")
    assert caught.value.reason == "msg_signature"


@pytest.mark.parametrize("key", ["", "short", "x" * 44, KEY[:-1] + "=", "中" * 43])
def test_a_wrong_aes_key_is_refused_with_a_sentence(key: Any) -> None:
    with pytest.raises(ValueError, match="EncodingAESKey"):
        MessageCrypt("t", key, APPID)


def test_sealing_the_same_twice_gives_different_ciphertexts() -> None:
    assert crypt.encrypt(b"same") != crypt.encrypt(b"same")
    assert len(os.urandom(1)) == 1
