"""A race as `wxbot live` carries it: reports come in on sockets, one process counts, ranks go out to the screens twice a second.

Every process takes sockets. The one with the hall's lease counts what its own phones send, and what the others hand on; they get
the answers back the same way. Who takes over reads the rows, which are a second old at most, and the next message of each phone
says the rest, since it says how often it was shaken in all.
"""

import asyncio
import json
import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redis.asyncio as redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from wxbot.ground import Ground
from wxbot.hall.race_rule import LATE_S, Runner, Span, after_report, ranking, team_ranking
from wxbot.hall.wire import KEEP_S, TOP, KnownGuest, Rank, Ranks, acks_channel, race_key, ranks_channel, reports_channel
from wxbot.live import rows
from wxbot.live.lease import Lease
from wxbot.logs import get_logger

log = get_logger(__name__)

HAND_ON_S = 0.2
"""How often a process that does not count hands on what it was sent."""

TELL_S = 0.5
"""How often ranks are said: one that is on the screen is then never older than a second."""

WRITE_S = 1.0
"""How often rows are written, at most."""

SLACK_S = 2 * HAND_ON_S
"""What was handed on may be so much on its way when a race is over."""

EARLY_S = 15.0
"""How long before a race somebody holds the lease."""

Ack = Callable[[Mapping[str, Any]], Awaitable[None]]
"""Tells one phone what is counted of what it sent."""

_SAY = """
local known = redis.call('hget', KEYS[1], 'epoch')
if known and tonumber(known) > tonumber(ARGV[1]) then return 0 end
redis.call('hset', KEYS[1], 'epoch', ARGV[1], 'ranks', ARGV[2])
redis.call('expire', KEYS[1], ARGV[3])
redis.call('publish', ARGV[4], ARGV[2])
return 1
"""
"""Ranks of a holder that has been followed by another one are not said."""


class Race:
    """One race: when it runs, and where everybody is."""

    def __init__(self, game_id: int, span: Span) -> None:
        self.game_id, self.span = game_id, span
        self.runners: dict[int, Runner] = {}
        self.guests: dict[int, KnownGuest] = {}
        self.places: dict[int, int] = {}
        self.unwritten: set[int] = set()
        self.is_loaded = False
        """Whether the rows were read since we hold the lease; until then nobody is counted or answered."""
        self.is_final = False

    def report(self, guest: KnownGuest, seq: int, counted: int, now: float) -> Runner:
        """Count what a phone sent."""
        before = self.runners.get(guest.no, Runner(at=self.span.begin))
        after = after_report(before, seq, counted, now, self.span)
        if after is not before:
            self.runners[guest.no] = after
            self.unwritten.add(guest.no)
        if guest.name or guest.no not in self.guests:
            self.guests[guest.no] = guest
        return after

    def take_in(self, known: Mapping[int, tuple[KnownGuest, Runner]]) -> None:
        """Go on from rows; what we know ourselves is kept where it is more."""
        for no, (guest, runner) in known.items():
            self.guests.setdefault(no, guest)
            ours = self.runners.get(no)
            if ours is None or (ours.counted, ours.seq) < (runner.counted, runner.seq):
                self.runners[no] = runner
        self.is_loaded = True

    def ranks(self, epoch: int, now: float, *, final: bool) -> Ranks:
        """How it stands, and the place of each for the answers until the next time."""
        order = [no for no in ranking(self.runners) if self.runners[no].counted]
        self.places = {no: place for place, no in enumerate(order, 1)}
        teams = team_ranking((self.guests[no].team, self.runners[no]) for no in order)
        return {
            "game": self.game_id,
            "epoch": epoch,
            "at": round(now, 3),
            "people": len(order),
            "final": final,
            "top": [self._rank(no) for no in order[:TOP]],
            "teams": [
                {"team": each.team, "people": each.people, "counted": each.counted, "mean": round(each.mean, 2)}
                for each in teams
            ],
        }

    def _rank(self, no: int) -> Rank:
        guest = self.guests[no]
        return {"no": no, "name": guest.name, "team": guest.team, "counted": self.runners[no].counted}

    def answer(self, no: int, runner: Runner) -> dict[str, Any]:
        """What a phone is told: the newest message that was taken, what is counted, and its place when ranks were last said."""
        return {"seq": runner.seq, "count": runner.counted, "place": self.places.get(no), "of": len(self.places)}


class HallRaces:
    """The races of one hall in one process."""

    def __init__(self, ground: Ground, connection: "redis.Redis", slug: str, writer: ThreadPoolExecutor) -> None:
        self.slug = slug
        self.lease = Lease(connection, slug)
        self.race: Race | None = None
        self._ground, self._redis, self._writer = ground, connection, writer
        self._me = secrets.token_hex(4)
        self._acks: defaultdict[int, set[Ack]] = defaultdict(set)
        self._unanswered: dict[int, KnownGuest] = {}
        """Whose newest message nobody has answered, because just then nobody counted or it was handed on."""
        self._unsent: list[tuple[str, int, int]] = []
        self._handing_on: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._write_s = 0.0
        """When rows may be written again, by the loop's clock."""

    # --- what is on ---------------------------------------------------------------------------------------------------

    def follow(self, state: Mapping[str, Any]) -> None:
        """See in the hall's state whether a race is on."""
        game = state.get("game")
        if not game or game.get("kind") != "race" or not game.get("begin") or not game.get("end"):
            return
        span = Span(float(game["begin"]), float(game["end"]))
        known = self.race
        if known is not None and (known.game_id, known.span.begin) == (game["id"], span.begin):
            known.span = span
        elif span.is_open(max(span.begin, self._ground.clock.unix())):
            self.race = Race(int(game["id"]), span)

    @property
    def is_race_near(self) -> bool:
        """Whether a race is on or begins soon."""
        race = self.race
        return race is not None and not race.is_final and self._ground.clock.unix() >= race.span.begin - EARLY_S

    def heed(self, ranks: Mapping[str, Any]) -> bool:
        """Take note of ranks that somebody said; False when they are of a holder that was followed by another one."""
        race = self.race
        if race is not None and ranks["game"] == race.game_id and ranks["at"] >= race.span.begin - EARLY_S:
            if self.lease.is_held and ranks["epoch"] < self.lease.epoch:
                return False
            race.is_final = race.is_final or bool(ranks["final"])
        return True

    # --- reports ------------------------------------------------------------------------------------------------------

    def sit(self, no: int, ack: Ack) -> None:
        """A phone is on a socket here."""
        self._acks[no].add(ack)

    def rise(self, no: int, ack: Ack) -> None:
        """And has left it."""
        self._acks[no].discard(ack)
        if not self._acks[no]:
            del self._acks[no]
            self._unanswered.pop(no, None)

    async def report(self, guest: KnownGuest, seq: int, counted: int) -> dict[str, Any] | None:
        """Count a message, or hand it on: then the answer comes later, by the `Ack` that sits here."""
        race = self.race
        if race is None:
            return {"seq": 0, "count": 0, "place": None, "of": 0}
        if race.is_final:
            known = race.runners.get(guest.no)
            return {**race.answer(guest.no, known), "final": True} if known else {"seq": 0, "final": True}
        if self.lease.is_held:
            answer = self._counted(race, guest, seq, counted)
        else:
            answer = None
            self._hand_on(guest, seq, counted)
        if answer is None:
            self._unanswered[guest.no] = guest
        else:
            self._unanswered.pop(guest.no, None)
        return answer

    def _counted(self, race: Race, guest: KnownGuest, seq: int, counted: int) -> dict[str, Any] | None:
        if not race.is_loaded:
            return None
        return race.answer(guest.no, race.report(guest, seq, counted, self._ground.clock.unix()))

    def _hand_on(self, guest: KnownGuest, seq: int, counted: int) -> None:
        self._unsent.append((f"{guest.no}|{guest.team}|{guest.name}", seq, counted))
        if self._handing_on is None:
            self._handing_on = asyncio.get_running_loop().create_task(self._send_on())

    async def _send_on(self) -> None:
        try:
            await asyncio.sleep(HAND_ON_S)
            sent, self._unsent = self._unsent, []
            said = json.dumps({"from": self._me, "reports": sent}, ensure_ascii=False)
            await self._redis.publish(reports_channel(self.slug), said)
        except RedisError as error:
            log.warning("reports_not_handed_on", hall=self.slug, exc_info=error)  # the next ones say it all again
        finally:
            self._handing_on = None

    async def take_handed_on(self, told: Mapping[str, Any], read: Callable[[str], KnownGuest | None]) -> None:
        """Another process hands on what its phones sent."""
        race = self.race
        if race is None or not self.lease.is_held:
            return
        answers = []
        for value, seq, counted in told["reports"]:
            guest = read(value)
            if guest is not None and (answer := self._counted(race, guest, seq, counted)) is not None:
                answers.append((guest.no, answer))
        await self._redis.publish(acks_channel(self.slug), json.dumps({"to": told["from"], "acks": answers}))

    async def take_acks(self, told: Mapping[str, Any]) -> None:
        """The process that counts answers what was handed on; or another one's, which is not for us."""
        if told["to"] != self._me:
            return
        for no, answer in told["acks"]:
            self._unanswered.pop(no, None)
            await self._answer(no, answer)

    async def _answer(self, no: int, answer: Mapping[str, Any]) -> None:
        for ack in list(self._acks.get(no, ())):
            await ack(answer)

    async def _ask_again(self) -> None:
        """Whoever was not answered is told how far they are, as soon as somebody counts; a message without a number counts nothing."""
        for guest in list(self._unanswered.values()):
            answer = await self.report(guest, 0, 0)
            if answer is not None:
                await self._answer(guest.no, answer)

    # --- in each TELL_S ------------------------------------------------------------------------------------------------

    async def tick(self) -> None:
        """Hold the lease while a race is near, say the ranks, write the rows; Redis and the database may be away."""
        race, now = self.race, self._ground.clock.unix()
        if race is None or not self.is_race_near:
            return
        await self._ask_again()
        try:
            was_held = self.lease.is_held
            if not await self.lease.hold():
                race.is_loaded = False
                return
            if not was_held or not race.is_loaded:
                await self._take_over(race)
            await self._say(race, now)
        except (RedisError, SQLAlchemyError) as error:
            log.warning("race_not_told", hall=self.slug, exc_info=error)

    async def _take_over(self, race: Race) -> None:
        known = await self._in_thread(rows.read, race.game_id)
        race.take_in(known)
        log.info("race_taken", hall=self.slug, game=race.game_id, epoch=self.lease.epoch, known=len(known))

    async def _say(self, race: Race, now: float) -> None:
        is_over = now > race.span.end + LATE_S + SLACK_S
        if is_over:
            await self.write()
            is_over = not race.unwritten
        else:
            self._write_soon()
        ranks = race.ranks(self.lease.epoch, now, final=is_over)
        said = json.dumps(ranks, ensure_ascii=False, separators=(",", ":"))
        values = (str(self.lease.epoch), said, str(KEEP_S), ranks_channel(self.slug))
        await self._redis.eval(_SAY, 1, race_key(self.slug), *values)
        if is_over:
            race.is_final = True
            await self.lease.give_back()
            log.info("race_over", hall=self.slug, game=race.game_id, people=ranks["people"])

    def _write_soon(self) -> None:
        """Write, unless that is being done or was just now. It is not waited for: the lease must not end meanwhile."""
        loop = asyncio.get_running_loop()
        if self._writing is None and loop.time() >= self._write_s:
            self._write_s = loop.time() + WRITE_S - TELL_S / 2
            self._writing = loop.create_task(self._write())

    async def write(self) -> None:
        """Write what is not written yet, after what is being written."""
        if self._writing is not None:
            await self._writing
        await self._write()

    async def _write(self) -> None:
        race = self.race
        try:
            if race is None or not race.unwritten or not race.is_loaded:
                return
            nos, race.unwritten = race.unwritten, set()
            batch = {no: (race.guests[no], race.runners[no]) for no in nos}
            try:
                await self._in_thread(rows.write, race.game_id, batch)
            except SQLAlchemyError as error:
                race.unwritten |= nos
                log.warning("race_not_written", hall=self.slug, exc_info=error)
        finally:
            self._writing = None

    async def leave(self) -> None:
        """This process ends: write everything, and let another one count at once."""
        if self.race is None or not self.lease.is_held:
            return
        try:
            await self.write()
            await self.lease.give_back()
        except RedisError as error:
            log.warning("lease_not_given_back", hall=self.slug, exc_info=error)

    async def _in_thread(self, verb: Callable[..., Any], *values: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._writer, verb, self._ground.database, *values)
