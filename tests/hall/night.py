"""An evening as the verbs write it, in memory: each event asked for, chained, and the winners really selected."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from wxbot.hall import allowed, log, rain_rule, selection
from wxbot.hall.evening import Evening, open_slots, pool_of
from wxbot.hall.log import Kind, LogLine
from wxbot.hall.rain_rule import RainTerms
from wxbot.hall.selection import EntropyKind, FrozenLine

HALL = "gala-2026"
BEGIN = 1_790_000_000
TWO = ["王丽", "陈强"]
"""Who agreed to what needs two people."""


def prize(number: int, slots: int, scope: str = "evening", absence: str = "slot", groups: Sequence[str] = ()) -> Any:
    """A prize as the log has it."""
    return {
        "prize": number,
        "name": f"{number}等奖",
        "slots": slots,
        "groups": list(groups),
        "scope": scope,
        "absence": absence,
    }


class Night:
    """One evening, which ends `lasts` seconds behind its commitment; each method is one thing that happens.

    With 0 its log does not say when it ends, as none did before version 0.8.
    """

    def __init__(
        self,
        prizes: Sequence[Any],
        mode: EntropyKind = "hall",
        length: int = 60,
        at: int = BEGIN,
        games: Sequence[Mapping[str, Any]] = (),
        lasts: int = 10**6,
    ) -> None:
        self.chain = selection.make_chain(HALL, hashlib.sha256(b"night").digest(), length)
        self.entries: list[LogLine] = []
        self.evening = Evening()
        self.people: list[FrozenLine] = []
        self.rosters: list[str] = []
        self.at = at
        self.say(
            "committed",
            hall_id=HALL,
            chain_length=length,
            commitment=self.chain[0].hex(),
            mode=mode,
            prizes=list(prizes),
        )
        if lasts:
            self.say("scheduled", until=at + lasts)
            self.at = at + 1  # said with the commitment
        for game in games:
            self.say("game_fixed", **game)
        self.say("opened")

    def say(self, kind: Kind, /, **body: Any) -> LogLine:
        """One line more, if it may come."""
        entry = log.append(HALL, self.entries[-1] if self.entries else None, kind, body, self.at)
        allowed.require(self.evening, entry)
        self.entries.append(entry)
        self.evening.take(entry)
        self.at += 1
        return entry

    def sign_in(self, count: int, groups: Sequence[str] = ("A", "B"), weight: int = 1) -> None:
        """So many people come; their groups take turns."""
        first = self.evening.signed_in + 1
        for no in range(first, first + count):
            id = selection.person_id(salt_of(no), HALL, openid_of(no))
            self.people.append(FrozenLine(no, weight, groups[no % len(groups)], id))
            self.say("signed_in", no=no)

    def freeze(self) -> None:
        """Everybody who is here stands in the next roster."""
        lines = [line for line in self.people if line.no not in self.evening.excluded]
        content = selection.roster_bytes(HALL, len(self.rosters) + 1, lines)
        self.rosters.append(content.decode())
        self.say("frozen", version=len(self.rosters), count=len(lines), roster_hash=selection.roster_hash(content))

    @property
    def roster(self) -> tuple[FrozenLine, ...]:
        """The lines that were frozen last."""
        return selection.read_roster(self.rosters[-1]).lines

    def pool(self, number: int) -> list[int]:
        """Who may win a prize now, by the log alone."""
        return pool_of(self.entries, self.roster, number)

    def left(self, number: int) -> int:
        """How many of a prize are open, by the log alone."""
        return open_slots(self.entries, number)

    def arm(self, number: int, k: int) -> int:
        """Fix the next selection; its number."""
        d = self.evening.next_d
        self.say(
            "armed",
            d=d,
            prize=number,
            k=k,
            roster_version=len(self.rosters),
            pool_hash=selection.pool_hash(self.pool(number)),
        )
        return d

    def late(self, text: str | None = None, signature: str = "") -> None:
        """The late entropy of the selection that is armed: bank notes if nothing else is said."""
        d, mode = self.evening.next_d - 1, self.evening.mode
        if text is None:
            text = f"AB{d:08d} CD{d * 7:08d} {d * 13:08d}EF" if mode == "hall" else ""
        self.say("entropy", d=d, kind=mode, text=text, signature=signature)

    def draw(self) -> list[int]:
        """Select the winners of what is armed and ready."""
        chosen = self.evening.selections[self.evening.next_d - 1]
        assert chosen.entropy is not None
        seed, pool = self.chain[chosen.d], self.pool(chosen.prize)
        roster_hash = selection.roster_hash(self.rosters[-1].encode())
        late = selection.entropy(*chosen.entropy)
        key = selection.selection_key(seed, HALL, chosen.d, chosen.k, roster_hash, chosen.pool_hash, late)
        winners = selection.select(key, pool, chosen.k, {line.no: line.weight for line in self.roster})
        self.say(
            "drawn",
            d=chosen.d,
            prize=chosen.prize,
            k=chosen.k,
            winners=winners,
            seed=seed.hex(),
            pool_hash=chosen.pool_hash,
        )
        return winners

    def select(self, number: int, k: int) -> list[int]:
        """One selection from arming to the reveal."""
        d = self.arm(number, k)
        self.late()
        winners = self.draw()
        self.say("revealed", d=d)
        return winners

    def settle(self, *, is_paid: bool = False) -> None:
        """Confirm whoever is left of the last selection."""
        chosen = self.evening.selections[self.evening.next_d - 1]
        nos = chosen.undecided
        self.say("confirmed", d=chosen.d, nos=nos)
        for no in nos if is_paid else ():
            self.say("paid", d=chosen.d, no=no)

    def void(self, reason: str = "念错了奖项") -> None:
        """Two people declare the last selection void."""
        d = self.evening.next_d - 1
        self.say("voided", d=d, reason=reason, names=TWO, seed=self.chain[d].hex())

    @property
    def present(self) -> list[int]:
        """Who plays a game that begins now."""
        return [line.no for line in self.people if line.no not in self.evening.excluded]

    def begin(self, game: Mapping[str, Any]) -> None:
        """A game begins among everybody who is here."""
        body = {"prize": game["prize"], "nos": self.present}
        if self.evening.games[game["prize"]].takes_d:
            self.say("rain_begun", d=self.evening.next_d, **body)
        else:
            self.say("game_begun", **body)

    def rain(self, game: Mapping[str, Any], seed: bytes | None = None) -> None:
        """A rain from its beginning to its end, in which everybody catches all that is theirs; without a seed it is that of its number."""
        seed = seed or self.chain[self.evening.next_d]
        nos = self.present
        terms = RainTerms(*(game[name] for name in RainTerms._fields))
        caught = rain_rule.sums_of(rain_rule.packets_of(rain_rule.rain_key(seed, HALL, game["prize"], nos), nos, terms))
        self.play(game, caught, seed.hex())

    def play(self, game: Mapping[str, Any], reached: Mapping[int, int], seed: str = log.GENESIS) -> None:
        """A game from its beginning to its end; number → how much or how far."""
        self.begin(game)
        order = sorted(reached.items(), key=lambda one: (-one[1], one[0]))
        nos, sums = [no for no, _ in order], [n for _, n in order]
        self.say("game_ended", prize=game["prize"], seed=seed, nos=nos, sums=sums)

    def restore(self) -> None:
        """The database is put back to this moment: numbers go on behind a gap."""
        last_no, next_d = self.evening.signed_in, self.evening.next_d + 10
        self.say("restored", reason="恢复", last_no=last_no, next_no=last_no + 101, next_d=next_d)

    def record(self) -> dict[str, Any]:
        """The evening's record as it is published, in values of its own."""
        made = {
            "hall_id": HALL,
            "commitment": self.chain[0].hex(),
            "chain_length": len(self.chain) - 1,
            **({"end": self.evening.until} if self.evening.until else {}),
            "rosters": self.rosters,
            "log": [entry._asdict() for entry in self.entries],
        }
        copied: dict[str, Any] = json.loads(json.dumps(made))
        return copied


def salt_of(no: int) -> bytes:
    """The salt on somebody's phone."""
    return hashlib.sha256(f"salt {no}".encode()).digest()[:16]


def openid_of(no: int) -> str:
    """Somebody's openid."""
    return f"oTESTguest{no:018d}"
