"""Check the record of an evening: the chain of its log, its rosters, and each selection worked out once more. Pure.

The record is one JSON object: {"hall_id", "commitment", "chain_length", "rosters": [the file of version 1, 2, …], "log": [{"seq",
"at", "kind", "body", "prev_hash", "hash"}]}, and "end" where the rules say it (Unix seconds); what else stands in it is not read. Nothing in it is believed that can be worked out.
The page for browsers (templates/hall/verify.html) finds the same faults under the same reasons.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from wxbot.hall import allowed, log, quicknet, rain_rule, selection
from wxbot.hall.evening import Evening
from wxbot.hall.log import LineBody, LogLine
from wxbot.hall.selection import FrozenRoster
from wxbot.text import Refusal, Text, listed

ENTRY_TYPES = {"seq": int, "at": int, "kind": str, "body": dict, "prev_hash": str, "hash": str}


class RecordFault(NamedTuple):
    """One thing that does not agree: the line of the log (from 1; None for the record as a whole), a word for it, the sentence."""

    line: int | None
    reason: str
    text: Text


@dataclass
class Verified:
    """What a check saw."""

    hall_id: str = ""
    people: int = 0
    selections: int = 0
    winners: int = 0
    until: int = 0
    """When the evening ends or has ended by its log, Unix seconds; 0 where the log does not say it (`scheduled`)."""
    unsigned: int = 0
    """Rounds of drand whose signature this installation cannot check."""
    findings: list[RecordFault] = field(default_factory=list)

    @property
    def is_true(self) -> bool:
        """Whether everything follows from what was published."""
        return not self.findings


def verify(record: Any, commitment: str | None = None) -> Verified:
    """Check a record; `commitment` is what somebody noted that evening. What is no record at all is a finding, never an exception.

    Without a commitment from elsewhere a record only proves that it agrees with itself. Spaces in it do not count: people copy it in
    groups.
    """
    seen = Verified()
    entries = _entries(record)
    if entries is None:
        seen.findings.append(
            RecordFault(None, "record", Text("这不是现场抽奖的记录文件", "This is not the record of a hall"))
        )
        return seen
    check = _Check(record, seen)
    if commitment is not None and "".join(commitment.split()).lower() != record["commitment"]:
        check.find(
            None, "noted", Text("承诺值与你记下的不同，这不是那场活动的记录", "The commitment is not the one you noted")
        )
    edited = {id(entry) for entry in log.broken(record["hall_id"], entries)}
    for line, entry in enumerate(entries, 1):
        if id(entry) in edited:
            check.find(
                line,
                "log",
                Text(
                    "这一行被改过、移动过，或它前面缺了行",
                    "This line was changed or moved, or one before it is missing",
                ),
            )
        check.entry(line, entry)
    check.end()
    return seen


def own_lines(rosters: list[FrozenRoster], salt: bytes, openid: str) -> list[tuple[int, int]]:
    """In which versions a person stands, and under which number, by the salt on their phone."""
    return [
        (roster.version, line.no)
        for roster in rosters
        for line in roster.lines
        if line.id == selection.person_id(salt, roster.hall_id, openid)
    ]


def _entries(record: Any) -> list[LogLine] | None:
    """The log of a record, or None when it has no such shape."""
    if not isinstance(record, dict) or not isinstance(record.get("rosters"), list):
        return None
    named = isinstance(record.get("hall_id"), str) and isinstance(record.get("commitment"), str)
    if not named or not all(isinstance(each, str) for each in record["rosters"]):
        return None
    lines = record.get("log")
    if not isinstance(lines, list) or not lines:
        return None
    if not all(isinstance(each, dict) and _has_types(each) for each in lines):
        return None
    return [LogLine(**{name: each[name] for name in ENTRY_TYPES}) for each in lines]


def _has_types(line: Mapping[str, Any]) -> bool:
    """Whether this is a line with its types, and its hashes are some."""
    has_types = all(type(line.get(name)) is wanted for name, wanted in ENTRY_TYPES.items())
    return has_types and log.is_hash(line["prev_hash"]) and log.is_hash(line["hash"])


class _Check:
    """The state of a check: the evening as the log tells it, the newest roster, the pool that is fixed, and the last seed."""

    def __init__(self, record: Mapping[str, Any], seen: Verified) -> None:
        self._record, self._seen = record, seen
        self._evening = Evening()
        self._roster: FrozenRoster | None = None
        self._roster_hash = log.GENESIS
        self._weights: dict[int, int] = {}
        self._pool: list[int] = []
        self._pool_hash = ""
        self._seed, self._seed_d = record["commitment"], 0

    def find(self, line: int | None, reason: str, text: Text) -> None:
        """Note a fault."""
        self._seen.findings.append(RecordFault(line, reason, text))

    def entry(self, line: int, entry: LogLine) -> None:
        """Go on by one line; what is not allowed is taken all the same if it can be, so that one fault is one finding."""
        try:
            allowed.require(self._evening, entry)
        except Refusal as refusal:
            self.find(line, refusal.reason, refusal.text)
            if refusal.reason == "body":
                return
        looks = _LOOKS.get(entry.kind)
        if looks is not None:
            for reason, text in looks(self, entry):
                self.find(line, reason, text)
        try:
            self._evening.take(entry)
        except KeyError:  # of a selection or a prize that is not there, which was found above
            return

    def end(self) -> None:
        """What is missing behind the last line, and the counts."""
        seen, evening = self._seen, self._evening
        if len(self._record["rosters"]) != evening.roster_version:
            self.find(
                None, "rosters", Text("名单文件与冻结的次数不一致", "There are not as many rosters as were frozen")
            )
        if "end" in self._record and 0 < evening.until != self._record["end"]:
            self.find(
                None,
                "end",
                Text("规则里的结束时间与日志不同", "The end that the rules say is not that of the log"),
            )
        seen.until = evening.until
        seen.hall_id, seen.people = evening.hall_id, len(self._roster.lines) if self._roster else 0
        drawn = [each for each in evening.selections.values() if each.winners and not each.is_voided]
        seen.selections, seen.winners = len(drawn), sum(len(each.confirmed) for each in drawn)

    def committed(self, entry: LogLine) -> "Faults":
        """The head of the record is what the log's first line commits to."""
        for name in ("hall_id", "commitment", "chain_length"):
            if entry.body[name] != self._record.get(name):
                yield (
                    "head",
                    Text("记录开头与日志第一行不一致", "The head of the record differs from the log's first line"),
                )
                return

    def frozen(self, entry: LogLine) -> "Faults":
        """The roster is the file, and has everybody who signed in as they were in the version before."""
        version, before = entry.body["version"], self._roster
        files = self._record["rosters"]
        text = files[version - 1] if version <= len(files) else ""
        try:
            roster = selection.read_roster(text)
        except ValueError:
            yield (
                "roster",
                Text(f"第 {version} 版名单缺失或格式不对", f"Roster {version} is missing or not well-formed"),
            )
            return
        self._roster, self._roster_hash = roster, selection.roster_hash(text.encode())
        self._weights = {line.no: line.weight for line in roster.lines}
        of = (roster.hall_id, roster.version, len(roster.lines), self._roster_hash)
        if of != (self._record["hall_id"], version, entry.body["count"], entry.body["roster_hash"]):
            yield "roster", Text(f"第 {version} 版名单与冻结时公布的不同", f"Roster {version} is not what was frozen")
        if not self._is_everybody(self._weights.keys()):
            yield (
                "people",
                Text(f"第 {version} 版名单上的人与签到者不符", f"Roster {version} is not of the people who signed in"),
            )
        if before is not None:
            kept = {line for line in before.lines if line.no not in self._evening.excluded}
            if not kept <= set(roster.lines):
                yield (
                    "people",
                    Text(
                        f"第 {version} 版名单改动了已冻结的人",
                        f"Roster {version} changes people who were frozen before",
                    ),
                )

    def _is_everybody(self, nos: Collection[int]) -> bool:
        """Whether these are people who signed in, and nobody is missing who was not excluded. Never counts up to a number that
        a record merely claims."""
        evening, known = self._evening, {*nos, *self._evening.excluded}
        is_one = all(no <= evening.signed_in and not evening.is_passed(no) for no in nos)
        return is_one and sum(no <= evening.signed_in for no in known) == evening.people

    def armed(self, entry: LogLine) -> "Faults":
        """The pool follows from roster, log and the prize's rules."""
        prize, lines = entry.body["prize"], self._roster.lines if self._roster else ()
        self._pool = self._evening.pool(lines, prize) if prize in self._evening.prizes else []
        self._pool_hash = selection.pool_hash(self._pool)
        if self._pool_hash != entry.body["pool_hash"]:
            yield "pool", Text("候选名单与规则算出的不同", "The pool is not what the rules give")

    def entropy(self, entry: LogLine) -> "Faults":
        """A round of drand is the first one that nobody could know when the selection was fixed."""
        if entry.body["kind"] != "drand":
            return
        text, signature = entry.body["text"], entry.body["signature"]
        chosen = self._evening.selections.get(entry.body["d"])
        fault = quicknet.fault(text, signature, chosen.armed_at if chosen else 0, entry.at)
        beacon = quicknet.read(text, signature)
        if fault is not None or beacon is None:
            yield "drand", fault or Text("不是 quicknet 的一轮", "It is no round of quicknet")
        elif not quicknet.can_check():
            self._seen.unsigned += 1
        elif not quicknet.is_signed(beacon):
            yield "signature", Text("drand 的签名是假的", "The signature is not drand's")

    def drawn(self, entry: LogLine) -> "Faults":
        """The seed continues the chain, and the winners follow."""
        yield from self.seed(entry)
        body, chosen = entry.body, self._evening.selections.get(entry.body["d"])
        if chosen is None or chosen.entropy is None or not 1 <= chosen.k <= len(self._pool):
            yield "winners", Text("这次抽取无法重算", "This selection cannot be worked out")
            return
        winners = self._winners(body, chosen.k, selection.entropy(*chosen.entropy))
        if winners != body["winners"]:
            numbers = listed(winners)
            yield "winners", Text(f"中奖者与算出的不同，应为 {numbers.zh}", f"The winners should be {numbers.en}")

    def _winners(self, body: LineBody, k: int, late: bytes) -> list[int]:
        seed, hall_id = bytes.fromhex(body["seed"]), self._record["hall_id"]
        key = selection.selection_key(seed, hall_id, body["d"], k, self._roster_hash, self._pool_hash, late)
        return selection.select(key, self._pool, k, self._weights)

    def seed(self, entry: LogLine) -> "Faults":
        """The seed leads back to the one before it, and so to the commitment."""
        if not self._leads_back(entry.body["seed"], entry.body["d"]):
            yield "seed", Text("公布的种子与承诺值不符", "The seed does not lead back to the commitment")

    def _leads_back(self, seed: str, d: int) -> bool:
        """Whether this is the seed of number `d`; the next one is looked for behind it."""
        steps = d - self._seed_d
        # No step: what was drawn is declared void, and reveals the same seed.
        if not 0 <= steps <= selection.CHAIN_LENGTH or self._back(seed, steps) != self._seed:
            return False
        self._seed, self._seed_d = seed, d
        return True

    def _back(self, seed: str, steps: int) -> str:
        """The seed so many steps before this one."""
        at = bytes.fromhex(seed)
        for _ in range(steps):
            at = selection.seed_before(self._record["hall_id"], at)
        return at.hex()

    def present(self, entry: LogLine) -> "Faults":
        """A game is among everybody who signed in and was not excluded, nobody picked and nobody left out."""
        nos, excluded = entry.body["nos"], self._evening.excluded
        if not (excluded.keys().isdisjoint(nos) and self._is_everybody(nos)):
            yield (
                "present",
                Text("游戏的参加者与在场的人不符", "The people of a game are not those who were there"),
            )

    def returned(self, entry: LogLine) -> "Faults":
        """Who was found without a number is told when they sign in, not when somebody of the roster is to be kept out."""
        if entry.body["no"] in self._weights:
            yield "no", Text("这个签到号早已在名单上", "This number stood in the roster before")

    def game(self, entry: LogLine) -> "Faults":
        """The seed of a rain is the one of before, or of one that was added the next of the chain, and nobody has more than their packets."""
        game = self._evening.games.get(entry.body["prize"])
        if game is None or game.nos is None or game.fixed["kind"] != "rain":
            return
        seed, fixed = bytes.fromhex(entry.body["seed"]), game.fixed
        if not (
            self._leads_back(entry.body["seed"], game.d)
            if game.takes_d
            else rain_rule.is_fixed(seed, fixed["seed_hash"], game.restores)
        ):
            yield "seed", Text("红包雨的种子与事先公布的不符", "The seed of the rain is not the one fixed before")
            return
        terms = rain_rule.RainTerms(*(fixed[name] for name in rain_rule.RainTerms._fields))
        key = rain_rule.rain_key(seed, self._record["hall_id"], entry.body["prize"], game.nos)
        try:
            mine = rain_rule.sums_of(rain_rule.packets_of(key, game.nos, terms))
        except ValueError:
            mine = {}
        if any(fen > mine.get(no, 0) for no, fen in zip(entry.body["nos"], entry.body["sums"], strict=False)):
            yield "winners", Text("有人得到的比分给他的红包多", "Somebody has more than the packets that were theirs")


Faults = Iterator[tuple[str, Text]]

_LOOKS = {
    "committed": _Check.committed,
    "frozen": _Check.frozen,
    "armed": _Check.armed,
    "entropy": _Check.entropy,
    "drawn": _Check.drawn,
    "voided": _Check.seed,
    "game_begun": _Check.present,
    "rain_begun": _Check.present,
    "game_ended": _Check.game,
    "returned": _Check.returned,
}
