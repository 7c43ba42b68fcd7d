"""How the packets of a red-packet rain [红包雨] are handed to people before it begins: who, at which moment, how much. Pure.

All of it follows from a seed whose hash is in the public log before the doors open, from the people who are there when it
begins, and from the terms: whoever has the seed, which the log reveals at the end, comes to the same packets. A phone learns its
own moments alone, and gains nothing by knowing them early: they are its person's already.
"""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from wxbot.hall.selection import VERSION, below, pool_hash, words

FIRST_MS = 1000
"""Nothing falls before, nor in the last LAST_MS: a hand needs that long."""
LAST_MS = 2000


PACKETS_MAX = 20_000
"""Packets of one rain: the host's press lays them all, and whoever checks the record hands them out once more."""


RESTORES_MAX = 100
"""How often a rain may begin anew because the database was restored; each time it has another seed."""


class RainTerms(NamedTuple):
    """What a rain gives; amounts in fen."""

    seconds: int
    packets: int
    total_fen: int
    cap: int
    """Packets of one person at most."""
    min_fen: int
    max_fen: int


class RainPacket(NamedTuple):
    """One packet: `no` is its person's number, `at_ms` milliseconds after the beginning."""

    slot: int
    no: int
    at_ms: int
    amount_fen: int


def seed_hash(seed: bytes) -> str:
    """What the log says of a seed before anybody can sign in, in hex."""
    return hashlib.sha256(f"{VERSION}/rain-seed".encode() + b"\0" + seed).hexdigest()


def first_seed(last_seed: bytes) -> bytes:
    """The seed that a rain is fixed with. Each one is the hash of the next, down to the last one: what the log says of the first
    commits to all of them."""
    return _back(last_seed, RESTORES_MAX)


def seed_after(last_seed: bytes, fixed: str, restores: int) -> bytes:
    """The seed of a rain that began anew so many times, where `fixed` is what the log says of the first one.

    Raises ValueError when there are no more of them.
    """
    seeds = [last_seed]
    while seed_hash(seeds[-1]) != fixed:
        if len(seeds) > RESTORES_MAX:
            raise ValueError("this is not the end of the chain that was fixed")
        seeds.append(_back(seeds[-1], 1))
    if restores >= len(seeds):
        raise ValueError("the seeds of this rain are used up")
    return seeds[-1 - restores]


def is_fixed(seed: bytes, fixed: str, restores: int) -> bool:
    """Whether this is the seed of a rain that began anew so many times."""
    return restores <= RESTORES_MAX and seed_hash(_back(seed, restores)) == fixed


def _back(seed: bytes, steps: int) -> bytes:
    """The seed so many steps before this one."""
    for _ in range(steps):
        seed = bytes.fromhex(seed_hash(seed))
    return seed


def rain_key(seed: bytes, hall_id: str, prize: int, nos: Sequence[int]) -> bytes:
    """The key of the stream that decides everything about a rain among the people `nos`."""
    said = f"{VERSION}/rain\0{hall_id}\0{prize}\0".encode() + bytes.fromhex(pool_hash(nos))
    return hmac.digest(seed, said, "sha256")


def packets_of(key: bytes, nos: Sequence[int], terms: RainTerms) -> list[RainPacket]:
    """The packets of a rain, in the order of their slots from 1. Amounts add up to the total exactly; where the cap lets fewer people
    take fewer packets than there are, what is left over is given to nobody and stays in the budget.

    Raises ValueError for terms that no split can fulfil.
    """
    stream = words(key)
    amounts = list(_amounts(stream, terms))
    left = dict.fromkeys(sorted(nos), terms.cap)
    people, found = list(left), []
    span = max(1, terms.seconds * 1000 - FIRST_MS - LAST_MS)
    for slot, amount_fen in enumerate(amounts, 1):
        if not people:
            break
        place = below(stream, len(people))
        no = people[place]
        found.append(RainPacket(slot, no, FIRST_MS + below(stream, span), amount_fen))
        left[no] -= 1
        if not left[no]:
            people[place] = people[-1]
            people.pop()
    return found


def _amounts(stream: Iterator[int], terms: RainTerms) -> Iterator[int]:
    """Each packet between the bounds, at most twice the mean of what is left [二倍均值法]; the last one takes the rest."""
    n, low, high = terms.packets, terms.min_fen, terms.max_fen
    if not (1 <= low <= high and 1 <= n <= PACKETS_MAX and n * low <= terms.total_fen <= n * high):
        raise ValueError("no split gives this total")
    rest = terms.total_fen
    for behind in range(n - 1, -1, -1):
        least = max(low, rest - behind * high)
        most = min(high, rest - behind * low, max(least, 2 * rest // (behind + 1) - low))
        amount_fen = least + below(stream, most - least + 1)
        rest -= amount_fen
        yield amount_fen


def sums_of(packets: Sequence[RainPacket]) -> dict[int, int]:
    """Number of a person → fen of all their packets: what they have when they catch every one."""
    found: dict[int, int] = {}
    for packet in packets:
        found[packet.no] = found.get(packet.no, 0) + packet.amount_fen
    return found
