"""The public log of an evening: what each kind of event says, its canonical JSON, and the chain of hashes. Pure.

Appended to, never changed: counts, pools and open slots are worked out from it (`evening`), what may follow what is said in
`allowed`, and the verifier reads the same lines. The bytes are published (docs/verifying.md) and never change.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, get_args

from wxbot.hall.prize_rules import Absence, Forfeit, Scope
from wxbot.hall.selection import VERSION, EntropyKind, is_group, is_hall_id
from wxbot.text import Text

Kind = Literal[
    "committed",
    "scheduled",
    "opened",
    "signed_in",
    "prize_added",
    "prolonged",
    "frozen",
    "excluded",
    "armed",
    "entropy_fallback",
    "entropy",
    "drawn",
    "revealed",
    "absent",
    "forfeited",
    "undone",
    "confirmed",
    "voided",
    "paid",
    "game_fixed",
    "game_added",
    "game_begun",
    "rain_begun",
    "game_ended",
    "restored",
    "found",
    "returned",
    "closed",
]

Exclusion = Literal["staff", "duplicate", "ineligible", "left", "own_wish"]
"""Why somebody may not win: works on the evening, stands there twice, was not invited, has left, asked for it."""

GameKind = Literal["rain", "race"]
"""What all phones do together: catch packets that fall, or shake as often as they can."""

RESTORED = Text("数据库从备份恢复，之后的记录已经丢失", "restored from a backup: what was written after it is lost")
"""Why a restore declares something void; the log has it in both languages."""

LineBody = Mapping[str, Any]

GENESIS = "0" * 64
"""What the first line has as the hash before it."""

GREATEST = 2**53 - 1
"""Above it the verifier's page would not read the same number."""

MAX_TEXT = 300
_HEX = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(r"(?:[0-9a-f]{96})?")


class LoggedPrize(NamedTuple):
    """A prize as it stands in the log, with its rules; `prize` is its number in the programme, no groups means everybody."""

    prize: int
    name: str
    slots: int
    groups: tuple[str, ...]
    scope: Scope
    absence: Absence

    def body(self) -> dict[str, Any]:
        """As the log writes it."""
        return {**self._asdict(), "groups": list(self.groups)}

    @classmethod
    def read(cls, body: LineBody) -> "LoggedPrize":
        """From the log."""
        return cls(**{**body, "groups": tuple(body["groups"])})


class LogLine(NamedTuple):
    """One line of the log; `at` in Unix seconds, hashes in hex."""

    seq: int
    at: int
    kind: Kind
    body: LineBody
    prev_hash: str
    hash: str


Shape = Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return type(value) is int and 1 <= value <= GREATEST


def _is_text(value: Any) -> bool:
    """Not empty; controls only where drand's text has its zero bytes."""
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT and is_group(value)


def _is_late(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT and is_group(value.replace("\0", ""))


def _matches(pattern: re.Pattern[str]) -> Shape:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _of(words: Any) -> Shape:
    """One of a Literal's words."""
    known = get_args(words)
    return lambda value: value in known


def _is_nos(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_number, value)) and len(set(value)) == len(value)


def _is_amount(value: Any) -> bool:
    return type(value) is int and 0 <= value <= GREATEST


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_number, value))


def _is_groups(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) and is_group(each) for each in value)


def _is_prize(value: Any) -> bool:
    return isinstance(value, dict) and _fits(PRIZE, value)


def _is_prizes(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_prize, value)) and _differ(each["prize"] for each in value)


def _is_two_names(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_text, value)) and _differ(value)


def _differ(values: Iterable[Any]) -> bool:
    listed = list(values)
    return len(set(listed)) == len(listed)


def _fits(fields: Mapping[str, Shape], value: Mapping[str, Any]) -> bool:
    return value.keys() == fields.keys() and all(is_right(value[name]) for name, is_right in fields.items())


is_hash = _matches(_HEX)

PRIZE: Mapping[str, Shape] = {
    "prize": _is_number,
    "name": _is_text,
    "slots": _is_number,
    "groups": _is_groups,
    "scope": _of(Scope),
    "absence": _of(Absence),
}
"""The fields of a prize, in `committed` and `prize_added`."""

GAME: Mapping[str, Shape] = {
    "prize": _is_number,
    "kind": _of(GameKind),
    "name": _is_text,
    "seconds": _is_number,
    "packets": _is_number,
    "total_fen": _is_amount,
    "min_fen": _is_amount,
    "max_fen": _is_amount,
    "cap": _is_number,
}
"""The fields of a game, in `game_fixed` and `game_added`."""

FIELDS: Mapping[Kind, Mapping[str, Shape]] = {
    "committed": {
        "hall_id": lambda value: isinstance(value, str) and is_hall_id(value),
        "chain_length": _is_number,
        "commitment": is_hash,
        "mode": _of(EntropyKind),
        "prizes": _is_prizes,
    },
    "scheduled": {"until": _is_number},
    "opened": {},
    "signed_in": {"no": _is_number},
    "prize_added": {"prize": _is_prize, "names": _is_two_names},
    "prolonged": {"from": _is_number, "until": _is_number, "names": _is_two_names},
    "frozen": {"version": _is_number, "count": _is_number, "roster_hash": is_hash},
    "excluded": {"no": _is_number, "reason": _of(Exclusion)},
    "armed": {
        "d": _is_number,
        "prize": _is_number,
        "k": _is_number,
        "roster_version": _is_number,
        "pool_hash": is_hash,
    },
    "entropy_fallback": {"d": _is_number, "reason": _is_text},
    "entropy": {"d": _is_number, "kind": _of(EntropyKind), "text": _is_late, "signature": _matches(_SIGNATURE)},
    "drawn": {
        "d": _is_number,
        "prize": _is_number,
        "k": _is_number,
        "winners": _is_nos,
        "seed": is_hash,
        "pool_hash": is_hash,
    },
    "revealed": {"d": _is_number},
    "absent": {"d": _is_number, "no": _is_number},
    "forfeited": {"d": _is_number, "no": _is_number, "slot": _of(Forfeit)},
    "undone": {"d": _is_number, "no": _is_number},
    "confirmed": {"d": _is_number, "nos": _is_nos},
    "voided": {"d": _is_number, "reason": _is_text, "names": _is_two_names, "seed": is_hash},
    "paid": {"d": _is_number, "no": _is_number},
    "game_fixed": {**GAME, "seed_hash": is_hash},
    "game_added": {"game": lambda value: isinstance(value, dict) and _fits(GAME, value), "names": _is_two_names},
    "game_begun": {"prize": _is_number, "nos": _is_nos},
    "rain_begun": {"prize": _is_number, "d": _is_number, "nos": _is_nos},
    "game_ended": {"prize": _is_number, "seed": is_hash, "nos": _is_nos, "sums": _are_numbers},
    "restored": {"reason": _is_text, "last_no": _is_amount, "next_no": _is_number, "next_d": _is_number},
    "found": {"prize": _is_number, "no": _is_amount},
    "returned": {"prize": _is_number, "no": _is_number},
    "closed": {},
}
"""Kind → its fields, exactly these, and what each may be. `d` is a selection, `no` a person, `prize` a number of the programme.

`scheduled` is the end that the rules say (Unix seconds), published before the doors open; logs that were begun before version 0.8 have none.
`prize_added` is a prize of the evening itself and `prolonged` its end before and from now on (Unix seconds); `names` are the two people
who agreed to it.
`armed` fixes everything about a selection before its late entropy exists, `entropy` adds that, `drawn` reveals its seed.
`signature` is drand's, in hex, and empty for the other kinds. `undone` takes back an absence or a forfeit. `voided` names
the two people who decided, and reveals the seed also where nothing was drawn: each d is used once.
`game_fixed` commits to a rain (its seed's hash) or a race (zeros) before the doors open, `game_begun` names who was there, and
`game_ended` reveals the seed: `sums` are the fen that each of `nos` caught, or how far they came, the first one first.
`game_added` is a game of the evening itself, with the two people who agreed; a rain of them has no seed of its own: it takes the next one
of the chain, which was committed to before anybody signed in, under the number `d` of its `rain_begun`. That number is used like one of a selection.
`restored` says that the database is a copy: lines that were written after it are lost, and whatever ran ends void. `last_no` is the
last number of a guest in the copy; guests go on at `next_no`, selections at `next_d`, games with their next seed.
`found` is a winner of the lost lines whose payment WeChat knows; `no` is 0 when their sign-in was lost, too. `returned` is one of those
who has signed in again: from here on `no` has won that prize.
"""


def is_body(kind: str, body: Any) -> bool:
    """Whether these are the fields of this kind, each of its shape."""
    fields = next((fields for known, fields in FIELDS.items() if known == kind), None)
    return fields is not None and isinstance(body, dict) and _fits(fields, body)


def canonical(value: Any) -> str:
    """JSON of whole numbers, strings, lists and objects with one way to write each: keys sorted, no spaces, letters as they are.

    Raises ValueError for anything else (fractions, true, null).
    """
    _require_plain(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _require_plain(value: Any) -> None:
    kind = type(value)
    if kind is str or (kind is int and -GREATEST <= value <= GREATEST):
        return
    if isinstance(value, list):
        for each in value:
            _require_plain(each)
    elif isinstance(value, dict) and all(type(key) is str for key in value):
        for each in value.values():
            _require_plain(each)
    else:
        raise ValueError(f"not for the log: {value!r}")


def entry_hash(hall_id: str, seq: int, at: int, kind: str, body: LineBody, prev_hash: str) -> str:
    """The hash of a line: over the hash before it and the canonical JSON of everything else it says, the hall included."""
    said = canonical({"hall_id": hall_id, "seq": seq, "at": at, "kind": kind, "body": body})
    tagged = f"{VERSION}/log".encode() + b"\0"
    return hashlib.sha256(tagged + bytes.fromhex(prev_hash) + said.encode()).hexdigest()


def append(hall_id: str, last: LogLine | None, kind: Kind, body: LineBody, at: int) -> LogLine:
    """The line that follows `last`, None for the first. Raises ValueError when the body is not one of its kind.

    What may happen at this moment is asked of `allowed.require` before.
    """
    if not is_body(kind, body):
        raise ValueError(f"not the fields of {kind}: {body!r}")
    seq, prev_hash = (last.seq + 1, last.hash) if last else (1, GENESIS)
    return LogLine(seq, at, kind, body, prev_hash, entry_hash(hall_id, seq, at, kind, body, prev_hash))


def broken(hall_id: str, entries: Iterable[LogLine]) -> Iterator[LogLine]:
    """The lines whose number, link or hash is not what it must be; an edited line is the first of them."""
    seq, prev_hash = 0, GENESIS
    for entry in entries:
        seq += 1
        if (entry.seq, entry.prev_hash) != (seq, prev_hash) or not _has_its_hash(hall_id, entry):
            yield entry
        seq, prev_hash = entry.seq, entry.hash


def _has_its_hash(hall_id: str, entry: LogLine) -> bool:
    try:
        return entry.hash == entry_hash(hall_id, entry.seq, entry.at, entry.kind, entry.body, entry.prev_hash)
    except ValueError:  # what no log can say
        return False


def reason_within(reason: str, language: str) -> str:
    """Why something was declared void, for a reader: two people's own words as they are, the program's in this language."""
    return RESTORED.within(language) if reason == str(RESTORED) else reason
