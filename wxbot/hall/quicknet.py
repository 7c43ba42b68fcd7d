"""drand's network quicknet: a public random value every three seconds, signed, that nobody knows beforehand. Pure.

Its parameters are published by the League of Entropy (chain 52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971).
"""

import hashlib
import importlib
import importlib.util
import re
from typing import NamedTuple

from wxbot.hall.selection import drand_text
from wxbot.text import Text

CHAIN = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
PERIOD = 3
GENESIS = 1692803367
PUBLIC_KEY = (
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451"
    "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
)
TAG = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
"""RFC 9380's domain separation of quicknet's signatures, which lie in G1."""

LIBRARY = "py_arkworks_bls12381"

LEAD = 15
"""Seconds between the fixing of a selection and its round: no clock is so wrong, and no relay so early."""

_SIGNATURE = re.compile(r"[0-9a-f]{96}")
_TEXT = re.compile(r"quicknet\0([1-9][0-9]{0,14})\0([0-9a-f]{64})")


class DrandRound(NamedTuple):
    """One round as a relay gives it: randomness is the SHA-256 of the signature, both in hex."""

    round: int
    randomness: str
    signature: str

    @property
    def text(self) -> str:
        """As the log and the entropy have it."""
        return drand_text(self.round, self.randomness)


def of_signature(round_: int, signature: str) -> DrandRound:
    """A round from its signature in hex. Raises ValueError when that is none."""
    if not _SIGNATURE.fullmatch(signature):
        raise ValueError("not a signature of quicknet")
    return DrandRound(round_, hashlib.sha256(bytes.fromhex(signature)).hexdigest(), signature)


def published_at(round_: int) -> int:
    """When a round is published, in Unix seconds."""
    return GENESIS + (round_ - 1) * PERIOD


def first_round(armed_at: int) -> int:
    """The round of a selection that was fixed at this second: the first one at least LEAD seconds after it."""
    return max(0, -((GENESIS - armed_at - LEAD) // PERIOD)) + 1


def read(text: str, signature: str) -> DrandRound | None:
    """The round in a line of the log, or None."""
    found = _TEXT.fullmatch(text)
    return DrandRound(int(found[1]), found[2], signature) if found else None


def fault(text: str, signature: str, armed_at: int, at: int) -> Text | None:
    """What is wrong with the late entropy of a selection that was fixed at `armed_at` and had it at `at`, signature apart."""
    beacon = read(text, signature)
    if beacon is None:
        return Text("不是 quicknet 的一轮", "It is no round of quicknet")
    due = first_round(armed_at)
    if beacon.round != due:
        return Text(f"应取 quicknet 第 {due} 轮", f"It should be round {due} of quicknet")
    if hashlib.sha256(bytes.fromhex(signature)).hexdigest() != beacon.randomness:
        return Text("随机值与 drand 的签名不符", "The random value does not belong to drand's signature")
    if at < published_at(due):
        return Text("早于该轮公布的时间", "It is earlier than that round was published")
    return None


def can_check() -> bool:
    """Whether the library that checks signatures is installed (extra `drand`)."""
    return importlib.util.find_spec(LIBRARY) is not None


def is_signed(beacon: DrandRound) -> bool:
    """Whether the signature is quicknet's for this round. Raises ImportError where the extra `drand` is not installed."""
    curves = importlib.import_module(LIBRARY)
    said = curves.G1Point.hash_to_curve(hashlib.sha256(beacon.round.to_bytes(8, "big")).digest(), TAG)
    try:
        signature = curves.G1Point.from_compressed_bytes(bytes.fromhex(beacon.signature))
    except ValueError:
        return False
    key = curves.G2Point.from_compressed_bytes(bytes.fromhex(PUBLIC_KEY))
    return bool(curves.GT.pairing_check([signature, -said], [curves.G2Point(), key]))
