"""What an evening has come to: a fold over the log from which pools, open slots and each selection's standing are worked out.

Nothing is counted down anywhere: who may win next is the roster without whom the log excludes under the prize's rule. The host's
pages and the verifier ask the same functions.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from wxbot.hall.log import Exclusion, Kind, LineBody, LoggedPrize
from wxbot.hall.prize_rules import Forfeit
from wxbot.hall.selection import EntropyKind, FrozenLine

Phase = Literal["armed", "ready", "drawn", "revealed", "settled", "voided"]
"""Of a selection: everything is fixed; its late entropy is there; its winners are stored; they were shown; each of them is
confirmed, absent or has given up; it is void."""


class LogEvent(Protocol):
    """What of a line of the log the fold reads."""

    @property
    def kind(self) -> Kind: ...
    @property
    def body(self) -> LineBody: ...
    @property
    def at(self) -> int: ...


@dataclass
class Selected:
    """One selection and what became of its winners."""

    d: int
    prize: int = 0
    k: int = 0
    roster_version: int = 0
    pool_hash: str = ""
    armed_at: int = 0
    entropy: tuple[EntropyKind, str] | None = None
    winners: list[int] = field(default_factory=list)
    is_revealed: bool = False
    absent: set[int] = field(default_factory=set)
    forfeited: dict[int, Forfeit] = field(default_factory=dict)
    confirmed: set[int] = field(default_factory=set)
    paid: set[int] = field(default_factory=set)
    lapsed: set[int] = field(default_factory=set)
    """Winners who were not confirmed when the database was restored, of a selection in which others were."""
    is_voided: bool = False

    @property
    def phase(self) -> Phase:
        """Where it stands."""
        if self.is_voided:
            return "voided"
        if not self.winners:
            return "armed" if self.entropy is None else "ready"
        if not self.is_revealed:
            return "drawn"
        return "revealed" if self.undecided else "settled"

    @property
    def undecided(self) -> list[int]:
        """Winners who are neither confirmed nor absent, and have not given up."""
        decided = self.confirmed | self.absent | self.lapsed | self.forfeited.keys()
        return [no for no in self.winners if no not in decided]

    @property
    def holding(self) -> int:
        """How many slots of its prize it takes."""
        if self.is_voided:
            return 0
        out = self.absent | self.lapsed
        return sum(no not in out and self.forfeited.get(no) != "refill" for no in self.winners)

    def end_in_restore(self) -> None:
        """The database turned out to be a copy: what was not settled in it is void, for it may have been settled since."""
        if self.phase in ("settled", "voided"):
            return
        if self.confirmed:
            self.lapsed.update(self.undecided)
        else:
            self.is_voided = True


@dataclass
class GameStanding:
    """One game of all phones, as the log fixed it, and who took part."""

    fixed: LineBody
    nos: list[int] | None = None
    """Who was there when it began; None before."""
    is_ended: bool = False
    won: list[int] = field(default_factory=list)
    """Who has its prizes, the first before the others."""
    sums: list[int] = field(default_factory=list)
    """What each of them reached: fen of a rain, shakes of a race."""
    restores: int = 0
    """How often the database was restored before its end: it begins anew with the seed that many steps behind the fixed one."""
    d: int = 0
    """Under which number a rain of the evening itself falls from a seed of the chain; 0 before it begins, and of every other game."""

    @property
    def takes_d(self) -> bool:
        """Whether it falls from the next seed of the chain, as a rain that was added does."""
        return self.fixed["kind"] == "rain" and "seed_hash" not in self.fixed


@dataclass
class Evening:
    """The state after some events. `take` believes them: whether an event may come at all is `allowed.require`."""

    hall_id: str = ""
    chain_length: int = 0
    commitment: str = ""
    mode: EntropyKind = "hall"
    """How the next selection gets its late entropy; a fallback changes it for the rest of the evening."""
    prizes: dict[int, LoggedPrize] = field(default_factory=dict)
    added: set[int] = field(default_factory=set)
    """Prizes that were not committed to: two people added them in the evening."""
    until: int = 0
    """The end that holds, Unix seconds; 0 while a log that was begun before version 0.8 tells of none (`scheduled`)."""
    is_prolonged: bool = False
    """Whether two people have put it later."""
    is_end_doubted: bool = False
    """Whether it was restored since its end was said last: it may have been prolonged in what was lost."""
    is_opened: bool = False
    is_closed: bool = False
    signed_in: int = 0
    """The number of the last person who signed in, or that a restore passed over."""
    passed_nos: list[range] = field(default_factory=list)
    """Numbers of guests that a restore passed over."""
    found: list[tuple[int, int]] = field(default_factory=list)
    """(prize, number) of winners whose selection a restore has lost and whose payment was found, in the order of their lines; 0 for
    a number that is lost, until its person signs in again."""
    passed_d: int = 0
    """The last number of a selection that a restore passed over."""
    roster_version: int = 0
    excluded: dict[int, Exclusion] = field(default_factory=dict)
    selections: dict[int, Selected] = field(default_factory=dict)
    games: dict[int, GameStanding] = field(default_factory=dict)
    """Prize → its rain or race."""
    used_numbers: set[str] = field(default_factory=set)
    """Numbers held up before: they are no news any more."""
    at: int = 0

    @classmethod
    def of(cls, events: Iterable[LogEvent]) -> "Evening":
        """The state after these events of a log that is our own; `signed_in` may be left out for pools and slots."""
        evening = cls()
        for event in events:
            evening.take(event)
        return evening

    @property
    def next_d(self) -> int:
        """The number of the next selection, or rain of the evening itself; aborted ones keep theirs."""
        return max(self.passed_d, self.last_d, *(game.d for game in self.games.values())) + 1

    @property
    def last_d(self) -> int:
        """The number of the last selection; 0 before the first."""
        return max(self.selections, default=0)

    @property
    def rains_to_come(self) -> int:
        """How many rains will still take a number of their own."""
        return sum(game.takes_d and not game.d and not game.is_ended for game in self.games.values())

    @property
    def people(self) -> int:
        """How many signed in; numbers that a restore passed over are nobody's."""
        return self.signed_in - sum(map(len, self.passed_nos))

    def is_passed(self, no: int) -> bool:
        """Whether a restore passed over this number of a guest."""
        return any(no in passed for passed in self.passed_nos)

    @property
    def running(self) -> Selected | None:
        """The selection that must be settled before another one may begin."""
        last = self.selections.get(self.last_d)
        return last if last is not None and last.phase not in ("settled", "voided") else None

    def take(self, event: LogEvent) -> None:
        """Go on by one event."""
        self.at = event.at
        _TAKES[event.kind](self, event.body)

    def of_prize(self, prize: int) -> Iterator[Selected]:
        """The selections of a prize that count."""
        return (each for each in self.selections.values() if each.prize == prize and not each.is_voided)

    def open_slots(self, prize: int) -> int:
        """How many of a prize are still to be given: none is taken by who was absent, or gave up and lets it be refilled."""
        held = sum(each.holding for each in self.of_prize(prize)) + sum(each == prize for each, _ in self.found)
        return self.prizes[prize].slots - held

    def out_of(self, prize: int) -> set[int]:
        """Who may not win this prize now: excluded, won before (its `scope`), or absent (the `absence` of what they missed).

        Who gave up has had their turn and counts as one who won; a void selection has never been.
        """
        is_evening = self.prizes[prize].scope == "evening"
        selected = [(won, no) for won, no in self.found if won in self.prizes]  # what a game gave keeps nobody out
        out = {*self.excluded, *(no for won, no in selected if is_evening or won == prize)}
        for each in self.selections.values():
            if each.is_voided:
                continue
            is_same = each.prize == prize
            if is_same or is_evening:
                out.update(no for no in each.winners if no not in each.absent | each.lapsed)
            absence = self.prizes[each.prize].absence if each.prize in self.prizes else "pool"
            if absence == "evening" or (absence == "slot" and is_same):
                out |= each.absent
        return out

    def pool(self, roster: Iterable[FrozenLine], prize: int) -> list[int]:
        """Among whom the next selection of a prize is made, ascending."""
        out, groups = self.out_of(prize), self.prizes[prize].groups
        return [line.no for line in roster if line.no not in out and (not groups or line.group in groups)]


def numbers_of(text: str) -> list[str]:
    """The numbers that were held up, in a line of late entropy: blanks stand between them."""
    return [number for number in text.split(" ") if number]


def pool_of(events: Iterable[LogEvent], roster: Iterable[FrozenLine], prize: int) -> list[int]:
    """Among whom the next selection of a prize is made, after these events, from the lines of the newest roster."""
    return Evening.of(events).pool(roster, prize)


def open_slots(events: Iterable[LogEvent], prize: int) -> int:
    """How many of a prize are still to be given, after these events."""
    return Evening.of(events).open_slots(prize)


def _committed(evening: Evening, body: LineBody) -> None:
    evening.hall_id, evening.chain_length = body["hall_id"], body["chain_length"]
    evening.commitment, evening.mode = body["commitment"], body["mode"]
    evening.prizes = {each["prize"]: LoggedPrize.read(each) for each in body["prizes"]}


def _added(evening: Evening, body: LineBody) -> None:
    prize = LoggedPrize.read(body["prize"])
    evening.prizes[prize.prize] = prize
    evening.added.add(prize.prize)


def _scheduled(evening: Evening, body: LineBody) -> None:
    evening.until = body["until"]


def _prolonged(evening: Evening, body: LineBody) -> None:
    evening.until, evening.is_prolonged, evening.is_end_doubted = body["until"], True, False


def _armed(evening: Evening, body: LineBody) -> None:
    evening.selections[body["d"]] = Selected(**body, armed_at=evening.at)


def _ready(evening: Evening, body: LineBody) -> None:
    evening.selections[body["d"]].entropy = body["kind"], body["text"]
    evening.used_numbers.update(numbers_of(body["text"]))


def _voided(evening: Evening, body: LineBody) -> None:
    evening.selections.setdefault(body["d"], Selected(body["d"])).is_voided = True


def _undone(evening: Evening, body: LineBody) -> None:
    selected = evening.selections[body["d"]]
    selected.absent.discard(body["no"])
    selected.forfeited.pop(body["no"], None)


def _frozen(evening: Evening, body: LineBody) -> None:
    evening.roster_version = body["version"]


def _opened(evening: Evening, body: LineBody) -> None:
    evening.is_opened = True


def _closed(evening: Evening, body: LineBody) -> None:
    evening.is_closed = True


def _signed_in(evening: Evening, body: LineBody) -> None:
    evening.signed_in = body["no"]


def _excluded(evening: Evening, body: LineBody) -> None:
    evening.excluded[body["no"]] = body["reason"]


def _fallen_back(evening: Evening, body: LineBody) -> None:
    evening.mode = "hall"


def _drawn(evening: Evening, body: LineBody) -> None:
    evening.selections[body["d"]].winners = list(body["winners"])


def _revealed(evening: Evening, body: LineBody) -> None:
    evening.selections[body["d"]].is_revealed = True


def _absent(evening: Evening, body: LineBody) -> None:
    evening.selections[body["d"]].absent.add(body["no"])


def _forfeited(evening: Evening, body: LineBody) -> None:
    evening.selections[body["d"]].forfeited[body["no"]] = body["slot"]


def _confirmed(evening: Evening, body: LineBody) -> None:
    evening.selections[body["d"]].confirmed.update(body["nos"])


def _game_fixed(evening: Evening, body: LineBody) -> None:
    evening.games[body["prize"]] = GameStanding(body)


def _game_added(evening: Evening, body: LineBody) -> None:
    fixed = body["game"]
    evening.games[fixed["prize"]] = GameStanding(fixed)
    evening.added.add(fixed["prize"])


def _game_begun(evening: Evening, body: LineBody) -> None:
    game = evening.games[body["prize"]]
    game.nos, game.d = body["nos"], body.get("d", 0)


def _game_ended(evening: Evening, body: LineBody) -> None:
    game = evening.games[body["prize"]]
    game.is_ended, game.won, game.sums = True, body["nos"], body["sums"]


def _restored(evening: Evening, body: LineBody) -> None:
    for selected in evening.selections.values():
        selected.end_in_restore()
    for game in evening.games.values():
        if not game.is_ended:
            game.nos, game.d, game.restores = None, 0, game.restores + 1
    evening.passed_nos.append(range(body["last_no"] + 1, body["next_no"]))
    evening.signed_in, evening.passed_d = body["next_no"] - 1, body["next_d"] - 1
    evening.is_end_doubted = True


def _found(evening: Evening, body: LineBody) -> None:
    evening.found.append((body["prize"], body["no"]))
    if body["prize"] in evening.games:
        evening.games[body["prize"]].is_ended = True


def _returned(evening: Evening, body: LineBody) -> None:
    nameless = body["prize"], 0
    if nameless in evening.found:
        evening.found[evening.found.index(nameless)] = body["prize"], body["no"]


def _paid(evening: Evening, body: LineBody) -> None:
    evening.selections[body["d"]].paid.add(body["no"])


_TAKES: Mapping[Kind, Callable[[Evening, LineBody], None]] = {
    "committed": _committed,
    "scheduled": _scheduled,
    "opened": _opened,
    "signed_in": _signed_in,
    "prize_added": _added,
    "prolonged": _prolonged,
    "frozen": _frozen,
    "excluded": _excluded,
    "armed": _armed,
    "entropy_fallback": _fallen_back,
    "entropy": _ready,
    "drawn": _drawn,
    "revealed": _revealed,
    "absent": _absent,
    "forfeited": _forfeited,
    "undone": _undone,
    "confirmed": _confirmed,
    "voided": _voided,
    "paid": _paid,
    "game_fixed": _game_fixed,
    "game_added": _game_added,
    "game_begun": _game_begun,
    "rain_begun": _game_begun,
    "game_ended": _game_ended,
    "restored": _restored,
    "found": _found,
    "returned": _returned,
    "closed": _closed,
}
