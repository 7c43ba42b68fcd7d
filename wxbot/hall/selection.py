"""Who wins, to the byte: seed chain, roster, pool, late entropy and the winners that follow from them. Pure.

The screen, the verifier and its page in the browser work from these bytes, which are published (docs/verifying.md): they
never change. Every hash starts with a tag `wxbot-draw-v1/<name>` and a zero byte; text is UTF-8, numbers are decimal.
"""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, islice, pairwise
from typing import Literal, NamedTuple

VERSION = "wxbot-draw-v1"
CHAIN_LENGTH = 1000
"""How many selections the seeds of one hall suffice for, aborted ones included."""
SEED_BYTES = 32
SALT_BYTES = 16
WORD_BYTES = 8
MAX_WEIGHT = 1_000_000
"""The sum of all weights of a roster stays far below a word."""

EntropyKind = Literal["seed", "hall", "drand"]
"""What a selection depends on besides the seed: nothing, numbers held up in the hall, a round of drand's quicknet."""

_HALL_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ID = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"[1-9][0-9]*")


def _hash(name: str, *parts: bytes) -> bytes:
    return hashlib.sha256(_tagged(name, *parts)).digest()


def _tagged(name: str, *parts: bytes) -> bytes:
    return b"".join((f"{VERSION}/{name}".encode(), b"\0", *parts))


def _ended(*texts: str | int) -> bytes:
    """Each text with a zero byte behind it; a zero inside of one would let two different rows of texts look alike."""
    written = [str(text) for text in texts]
    if any("\0" in text for text in written):
        raise ValueError("a zero byte in a name")
    return b"".join(text.encode() + b"\0" for text in written)


def is_hall_id(hall_id: str) -> bool:
    """Whether this may name a hall in the bytes: letters, digits, dot, dash and underline, at most 64."""
    return _HALL_ID.fullmatch(hall_id) is not None


def seed_before(hall_id: str, seed: bytes) -> bytes:
    """The seed before this one in the chain; before the first one lies the commitment."""
    return _hash("chain", _ended(hall_id), seed)


def make_chain(hall_id: str, last_seed: bytes, n: int = CHAIN_LENGTH) -> list[bytes]:
    """Seeds 0 … n that end in `last_seed`, 32 bytes from the system: number 0 is the commitment, number d is for selection d.

    A seed gives away all before it and none behind it. Raises ValueError for a seed of another length.
    """
    return [*_back(hall_id, last_seed, n)][::-1]


def seed_of(hall_id: str, last_seed: bytes, n: int, d: int) -> bytes:
    """Seed `d` of `make_chain`, for which only the links behind it are worked out."""
    return next(islice(_back(hall_id, last_seed, n), n - d, None))


def _back(hall_id: str, last_seed: bytes, n: int) -> Iterator[bytes]:
    """The seeds of a chain from the last one on."""
    if len(last_seed) != SEED_BYTES or n < 1 or not is_hall_id(hall_id):
        raise ValueError("a chain needs a hall, 32 bytes and at least one link")
    seed = last_seed
    for _ in range(n):
        yield seed
        seed = seed_before(hall_id, seed)
    yield seed


def person_id(salt: bytes, hall_id: str, openid: str) -> str:
    """How a person stands in the roster: 64 hex digits that only they can tie to themselves, by their salt of 16 bytes."""
    if len(salt) != SALT_BYTES:
        raise ValueError("a salt has 16 bytes")
    return hmac.digest(salt, _tagged("person", _ended(hall_id), openid.encode()), "sha256").hex()


class FrozenLine(NamedTuple):
    """One person of a frozen roster: number of the sign-in, weight (1 as a rule), group (may be empty), `person_id`."""

    no: int
    weight: int
    group: str
    id: str


class FrozenRoster(NamedTuple):
    """A frozen roster as it was published."""

    hall_id: str
    version: int
    lines: tuple[FrozenLine, ...]


def is_group(group: str) -> bool:
    """Whether a group may stand in a roster: in Unicode's composed form (NFC), without tabs, line breaks and other controls."""
    is_line = not any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in group)
    return is_line and unicodedata.is_normalized("NFC", group)


def roster_bytes(hall_id: str, version: int, lines: Sequence[FrozenLine]) -> bytes:
    """The file of a frozen roster. Raises ValueError unless numbers rise, weights are positive, and groups and ids are well-formed."""
    if not is_hall_id(hall_id) or version < 1:
        raise ValueError("a roster needs a hall and a version from 1")
    if any(one.no >= other.no for one, other in pairwise(lines)):
        raise ValueError("people stand in a roster in the order of their numbers, each once")
    for line in lines:
        if line.no < 1 or not 1 <= line.weight <= MAX_WEIGHT or not is_group(line.group) or not _ID.fullmatch(line.id):
            raise ValueError(f"no line of a roster: {line.no}")
    rows = (f"{line.no}\t{line.weight}\t{line.group}\t{line.id}\n" for line in lines)
    return f"{VERSION}\t{hall_id}\t{version}\n{''.join(rows)}".encode()


def read_roster(text: str) -> FrozenRoster:
    """A roster from its file. Raises ValueError for anything but the exact bytes that `roster_bytes` writes."""
    head, *rows = text.split("\n")
    try:
        version_of, hall_id, version = head.split("\t")
        split = [row.split("\t") for row in rows[:-1]]
        lines = tuple(FrozenLine(_number(no), _number(weight), group, id) for no, weight, group, id in split)
        roster = FrozenRoster(hall_id, _number(version), lines)
    except ValueError as error:
        raise ValueError("not the file of a roster") from error
    if version_of != VERSION or roster_bytes(*roster) != text.encode():
        raise ValueError("not the file of a roster")
    return roster


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError("no number")
    return int(text)


def roster_hash(roster: bytes) -> str:
    """What the freeze shows of a roster's file, in hex."""
    return _hash("roster", roster).hex()


def pool_hash(nos: Iterable[int]) -> str:
    """The people among whom a selection was made, in hex: the order in which they are given does not matter."""
    people = sorted(nos)
    return _hash("pool", b"%d\n" * len(people) % tuple(people)).hex()


def drand_text(round_: int, randomness: str) -> str:
    """What kind `drand` has as its text: the round of quicknet and its randomness in lower-case hex."""
    return f"quicknet\0{round_}\0{randomness}"


def entropy(kind: EntropyKind, text: str) -> bytes:
    """What came after the freeze, as 32 bytes: `hall` takes the text as typed, `drand` takes `drand_text`, `seed` has none."""
    if kind == "seed":
        return bytes(32)
    return _hash("entropy", _ended(kind), text.encode())


def selection_key(seed: bytes, hall_id: str, d: int, k: int, roster_hash: str, pool_hash: str, entropy: bytes) -> bytes:
    """The key of selection `d` of `k` people; hashes in hex. Nothing that decides is outside of it."""
    hashes = bytes.fromhex(roster_hash) + bytes.fromhex(pool_hash)
    return hmac.digest(seed, _tagged("draw", _ended(hall_id, d, k), hashes, entropy), "sha256")


def words(key: bytes, size: int = WORD_BYTES) -> Iterator[int]:
    """The endless stream of a key as big-endian words of `size` bytes (8; 1 in tests, where a word is dropped now and then)."""
    for number in count():
        block = hmac.digest(key, _tagged("block", number.to_bytes(4, "big")), "sha256")
        for start in range(0, len(block), size):
            yield int.from_bytes(block[start : start + size], "big")


def below(stream: Iterator[int], n: int, size: int = WORD_BYTES) -> int:
    """A number in 0 … n-1, each as likely: words that would favour small ones are dropped. n is at most 256 ** size."""
    space = 1 << (8 * size)
    if not 1 <= n <= space:
        raise ValueError("no number is below this")
    limit = space - space % n
    return next(word for word in stream if word < limit) % n


def select(
    key: bytes, pool: Iterable[int], k: int, weights: Mapping[int, int] | None = None, *, size: int = WORD_BYTES
) -> list[int]:
    """`k` different people of the pool (numbers of the roster), in the order in which they won.

    Where all weights are 1, or none are given, it is a partial Fisher–Yates shuffle; else each is chosen by weight among those
    left. Raises ValueError when the pool has fewer than `k`, or names somebody twice: a selection never comes up short.
    """
    people = sorted(pool)
    if len(set(people)) != len(people) or not 1 <= k <= len(people):
        raise ValueError("a selection needs a pool of different people, and 1 to all of them")
    stream = words(key, size)
    weighed = [*map(weights.__getitem__, people)] if weights is not None else []
    if weighed.count(1) != len(weighed):
        return _by_weight(stream, people, k, weighed, size)
    for i in range(k):
        other = i + below(stream, len(people) - i, size)
        people[i], people[other] = people[other], people[i]
    return people[:k]


def _by_weight(stream: Iterator[int], people: Sequence[int], k: int, weights: Sequence[int], size: int) -> list[int]:
    if min(weights) < 1:
        raise ValueError("a weight is a positive number")
    left, total, winners = _Sums(weights), sum(weights), []
    for _ in range(k):
        place = left.place_of(below(stream, total, size))
        left.take(place, weights[place])
        total -= weights[place]
        winners.append(people[place])
    return winners


class _Sums:
    """Sums of a row of numbers that change (a Fenwick tree): a walk over ten thousand people takes fourteen steps."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._sums = [0, *numbers]
        for at in range(1, len(self._sums)):
            above = at + (at & -at)
            if above < len(self._sums):
                self._sums[above] += self._sums[at]

    def take(self, place: int, amount: int) -> None:
        """Make the number at a place smaller."""
        at = place + 1
        while at < len(self._sums):
            self._sums[at] -= amount
            at += at & -at

    def place_of(self, r: int) -> int:
        """In whose interval `r` falls when the numbers are laid end to end."""
        at, step = 0, 1 << len(self._sums).bit_length()
        while step:
            if at + step < len(self._sums) and self._sums[at + step] <= r:
                at += step
                r -= self._sums[at]
            step >>= 1
        return at
