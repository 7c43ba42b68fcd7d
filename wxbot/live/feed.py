"""What Redis says of halls, taken to the streams and races of this process: one subscription for all of them."""

import asyncio
import json
import os
import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import redis.asyncio as redis
from redis.exceptions import RedisError

from wxbot.ground import Ground
from wxbot.hall.wire import CHANNELS, SLUG, race_key, read_guest, state_key
from wxbot.live.hub import Hub, Room
from wxbot.live.race import TELL_S, HallRaces
from wxbot.logs import get_logger, worked

log = get_logger(__name__)

GATHER_S = 0.05
"""So long after the first word of a change the state is read: a hundred people who sign in within a second are twenty changes."""

LOOK_AGAIN_S = 5.0
"""How often states are read without having been told to: a word that was lost on the way is made good."""


class Feed:
    """The subscription, and what is known through it."""

    def __init__(self, ground: Ground, connection: "redis.Redis", hub: Hub) -> None:
        self._ground, self._redis, self._hub = ground, connection, hub
        self.races: dict[str, HallRaces] = {}
        self.is_connected = False
        self._thread = ThreadPoolExecutor(1, "rows")
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._finding: dict[str, asyncio.Task[None]] = {}

    # --- halls --------------------------------------------------------------------------------------------------------

    async def find(self, slug: str) -> Room | None:
        """The hall of this address; None where nothing was told of one. Raises RedisError."""
        if slug not in self._hub.rooms and SLUG.fullmatch(slug):
            # One reading for all who come at once; its failure is everybody's, and the next one tries again.
            if slug not in self._finding:
                self._finding[slug] = asyncio.get_running_loop().create_task(self._read(slug))
                self._finding[slug].add_done_callback(lambda _: self._finding.pop(slug, None))
            await asyncio.shield(self._finding[slug])
        return self._hub.rooms.get(slug)

    def races_of(self, slug: str) -> HallRaces:
        """Where the races of a hall are counted."""
        if slug not in self.races:
            self.races[slug] = HallRaces(self._ground, self._redis, slug, self._thread)
        return self.races[slug]

    async def _read(self, slug: str) -> None:
        """Read the state, and the ranks of its race, and tell what is new."""
        said, said_ranks = await asyncio.gather(
            self._redis.get(state_key(slug)),
            self._redis.hget(race_key(slug), "ranks"),
        )
        if said is None:
            return
        state = json.loads(said)
        room = self._hub.room(slug)
        if room.state == state:
            return
        self.races_of(slug).follow(state)
        if room.tell_state(state):
            await self.file(room)
        if room.ranks is None and said_ranks:
            room.tell_ranks(json.loads(said_ranks))

    def for_polling(self, room: Room) -> dict[str, Any]:
        """What phones see, and when it was said: who polls a file sees by it that somebody goes on writing it."""
        return {**room.for_phones, "written": int(self._ground.clock.unix())}

    async def file(self, room: Room) -> None:
        """Write what phones see for nginx, where there is a folder for it."""
        folder = self._ground.settings.live_state_dir
        if folder is None:
            return
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, write_file, folder, room.slug, self.for_polling(room))
        except OSError as error:
            log.warning("state_file_not_written", folder=str(folder), reason=str(error))

    async def keep_files(self) -> None:
        """Write every file again and again, so that a phone can tell one that nobody writes any more."""
        while True:
            await asyncio.sleep(LOOK_AGAIN_S)
            for room in list(self._hub.rooms.values()):
                await self.file(room)

    # --- the subscription ---------------------------------------------------------------------------------------------

    async def follow(self) -> None:
        """Listen as long as the process lives; while Redis is away, ask again and again."""
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                log.warning("redis_lost", exc_info=error)
            self.is_connected = False
            await asyncio.sleep(random.uniform(0.2, 0.8))  # noqa: S311 - a pause

    async def _listen(self) -> None:
        async with self._redis.pubsub() as words:
            await words.psubscribe(CHANNELS)
            self.is_connected = True
            worked(kind="redis")
            self._read_all()
            read_s = asyncio.get_running_loop().time()
            while True:
                word = await words.get_message(ignore_subscribe_messages=True, timeout=1.0)
                if word is not None:
                    await self._heed(word["channel"], word["data"])
                if asyncio.get_running_loop().time() - read_s > LOOK_AGAIN_S:
                    read_s = asyncio.get_running_loop().time()
                    self._read_all()

    def _read_all(self) -> None:
        for slug in list(self._hub.rooms):
            self._read_soon(slug)

    async def _heed(self, name: str, said: str) -> None:
        _, slug, *kind = name.split(":")
        if not kind:
            self._read_soon(slug)
            return
        room = self._hub.rooms.get(slug)
        if room is None:
            return
        try:
            await self._heed_race(room, kind[0], json.loads(said))
        except (ValueError, KeyError, TypeError, RedisError) as error:
            log.warning("word_not_heeded", channel=name, reason=f"{type(error).__name__}: {error}"[:200])

    async def _heed_race(self, room: Room, kind: str, told: Mapping[str, Any]) -> None:
        races = self.races_of(room.slug)
        if kind == "ranks" and races.heed(told):
            room.tell_ranks(told)
        elif kind == "reports":
            await races.take_handed_on(told, read_guest)
        elif kind == "acks":
            await races.take_acks(told)

    def _read_soon(self, slug: str) -> None:
        if slug not in self._reading and SLUG.fullmatch(slug):
            self._reading[slug] = asyncio.get_running_loop().create_task(self._read_gathered(slug))

    async def _read_gathered(self, slug: str) -> None:
        try:
            await asyncio.sleep(GATHER_S)
            # From here on a further word makes a further reading: it may tell of what this one has not seen.
            del self._reading[slug]
            await self._read(slug)
        except (RedisError, ValueError) as error:
            log.warning("state_not_read", hall=slug, exc_info=error)

    # --- races --------------------------------------------------------------------------------------------------------

    async def run_races(self) -> None:
        """In each TELL_S each hall with a race gets its ranks, and its rows when it is time; one that is slow holds up no other."""
        loop = asyncio.get_running_loop()
        next_s, ticking = loop.time(), dict[str, asyncio.Task[None]]()
        while True:
            for slug, races in list(self.races.items()):
                if slug not in ticking or ticking[slug].done():
                    ticking[slug] = loop.create_task(races.tick())
            next_s = max(next_s + TELL_S, loop.time())
            await asyncio.sleep(next_s - loop.time())

    @property
    def is_race_near(self) -> bool:
        """Whether a race of any hall is on or begins soon."""
        return any(races.is_race_near for races in self.races.values())

    @property
    def counting(self) -> int:
        """In how many halls this process counts."""
        return sum(races.lease.is_held for races in self.races.values())

    async def leave(self) -> None:
        """This process ends: races go to another one at once."""
        for races in self.races.values():
            await races.leave()
        self._thread.shutdown(wait=True)


def write_file(folder: Path, slug: str, told: Mapping[str, Any]) -> None:
    """What phones see of a hall as a file that nginx serves: whole at any moment, and readable by everybody, for it names nobody."""
    scratch = folder / f".{slug}.{os.getpid()}"
    with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o644)
        json.dump(told, file, ensure_ascii=False, separators=(",", ":"))
    scratch.replace(folder / f"{slug}.json")
