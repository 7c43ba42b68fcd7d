"""Replay a campaign from its archive: every draw in the order of k, stock and release included, and name each that differs.

The file is text, one JSON value a line. First the header: {"archive": 1, "campaign_id", "seed", "seed_sha256", "next_k", "rules":
[{"version", "text", "config", "sha256", "published_at"}], "gaps": [[from_k, to_k]]}, and where pieces are known to have been given by the numbers of a gap
"lost": [[from_k, {ordinal: how many}]]. Then a line per draw: {"k", "nonce", "dice",
"prize" (ordinal or null), "amount_fen", "outcome", "rule_version", "released", "left", "at" (Unix seconds), "person" (masked)}.
Lines with "award" are for the archive's other readers.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from wxbot.instant.decide import Amounts, Rules, decide, dice
from wxbot.instant.versions import digest

FORMAT = 1
DECIDED = ("dice", "prize", "amount_fen", "outcome", "released", "left")


@dataclass(frozen=True, slots=True)
class ReplayFault:
    """One thing that does not agree: the line (from 1), the draw if it is one, which field, what the rules give, what is there."""

    line: int
    k: int | None
    what: str
    expected: Any = None
    found: Any = None


@dataclass
class Replayed:
    """What a replay saw."""

    draws: int = 0
    wins: int = 0
    amount_fen: int = 0
    findings: list[ReplayFault] = field(default_factory=list)

    @property
    def is_true(self) -> bool:
        """Whether every line is what the published rules and the seed give."""
        return not self.findings


def verify(lines: Iterable[str]) -> Replayed:
    """Replay an archive. What is no archive at all is a finding too, never an exception."""
    seen = Replayed()
    numbered = enumerate(lines, 1)
    _, first = next(numbered, (1, ""))
    try:
        replay = _Replay(json.loads(first))
    except (ValueError, KeyError, TypeError, AttributeError):
        seen.findings.append(ReplayFault(1, None, "header"))
        return seen
    seen.findings.extend(replay.header_faults())
    for number, line in numbered:
        try:
            row = json.loads(line)
            if "k" not in row or "award" in row:
                continue
            seen.findings.extend(ReplayFault(number, *fault) for fault in replay.faults(row))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            seen.findings.append(ReplayFault(number, None, "unreadable", found=line[:80]))
            continue
        seen.draws += 1
        seen.wins += row["outcome"] == "won"
        seen.amount_fen += row["amount_fen"] or 0
    seen.findings.extend(replay.end_faults())
    return seen


Fault = tuple[int | None, str, Any, Any]


class _Replay:
    """The state of a replay: how many of each prize are given, and which number is next."""

    def __init__(self, header: Mapping[str, Any]) -> None:
        self._header = header
        self._seed = str(header["seed"])
        self._campaign_id = int(header["campaign_id"])
        self._rules = {int(each["version"]): Rules.read(each["config"]) for each in header["rules"]}
        self._amounts = {version: Amounts(rules, self._seed) for version, rules in self._rules.items()}
        self._gaps = {int(from_k): int(to_k) for from_k, to_k in header.get("gaps", ())}
        self._lost = {int(from_k): dict[str, int](given) for from_k, given in header.get("lost", ())}
        self._given: dict[int, int] = {}
        self._nonces: set[str] = set()
        self._next_k = self._behind_gaps(1)
        self._version = 0

    def _behind_gaps(self, k: int) -> int:
        while k in self._gaps:
            k = self._gaps[k] + 1
        return k

    def _lose(self, k: int) -> None:
        """Take out what the numbers of the gaps in front of draw k have given."""
        for from_k in [each for each in self._lost if each < k]:
            for ordinal, n in self._lost.pop(from_k).items():
                self._given[int(ordinal)] = self._given.get(int(ordinal), 0) + int(n)

    def header_faults(self) -> Iterator[ReplayFault]:
        if self._header["archive"] != FORMAT:
            yield ReplayFault(1, None, "format", FORMAT, self._header["archive"])
        of_seed = hashlib.sha256(self._seed.encode()).hexdigest()
        for from_k in self._lost.keys() - self._gaps.keys():
            yield ReplayFault(1, None, "lost", "a gap", from_k)
        if self._header["seed_sha256"] != of_seed:
            yield ReplayFault(1, None, "seed_sha256", of_seed, self._header["seed_sha256"])
        for each in self._header["rules"]:
            of_rules = digest(each["text"], each["config"])
            if each["sha256"] != of_rules:
                yield ReplayFault(1, None, f"rules {each['version']}", of_rules, each["sha256"])

    def faults(self, row: Mapping[str, Any]) -> Iterator[Fault]:
        """What of a draw differs from what the rules give; the replay goes on with what they give."""
        k, nonce, version = int(row["k"]), str(row["nonce"]), int(row["rule_version"])
        if k != self._next_k:
            yield k, "k", self._next_k, k
        self._next_k = self._behind_gaps(max(k, self._next_k) + (k >= self._next_k))
        if nonce in self._nonces:
            yield k, "nonce", "another", nonce
        self._nonces.add(nonce)
        if version not in self._rules or version < self._version:
            yield k, "rule_version", self._version, version
            return
        self._version = version
        expected = self._decided(self._rules[version], version, k, nonce, int(row["at"]))
        for name in DECIDED:
            if row[name] != expected[name]:
                yield k, name, expected[name], row[name]

    def _decided(self, rules: Rules, version: int, k: int, nonce: str, at: int) -> dict[str, Any]:
        self._lose(k)
        rolled = dice(self._seed, self._campaign_id, k, nonce)
        given = [self._given.get(prize.ordinal, 0) for prize in rules.prizes]
        decision = decide(rules, given, rules.released_at(at), rolled)
        ordinal, amount_fen = None, None
        if decision.place is not None:
            ordinal = rules.prizes[decision.place].ordinal
            amount_fen = self._amounts[version].of(decision.place, given[decision.place], k, nonce)
            self._given[ordinal] = given[decision.place] + 1
        return {
            "dice": rolled,
            "prize": ordinal,
            "amount_fen": amount_fen,
            "outcome": decision.outcome,
            "released": decision.released,
            "left": decision.left,
        }

    def end_faults(self) -> Iterator[ReplayFault]:
        """Draws that are missing at the end of the file."""
        if self._next_k != self._header["next_k"]:
            yield ReplayFault(1, None, "next_k", self._header["next_k"], self._next_k)
