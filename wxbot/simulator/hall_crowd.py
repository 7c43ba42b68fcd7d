"""Guests by the hundred in one hall: they come, tap, shake, leave, lose the network and come back, by themselves once asked.

One event loop waits (for a packet's moment, a second of a race, a network that is back), a few threads speak HTTP. Both start with the
first guest. Nothing of this is saved: who holds the world's lock may call everything here, and no thread here takes that lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Origin

from wxbot.simulator.hall_guest import BROWSER, Guest, Place, Row, Turned
from wxbot.simulator.people import Person

log = logging.getLogger(__name__)

MOST = 1000
THREADS = 12
LOOK_S = 1.0
STATES = ("coming", "here", "offline", "left", "turned_away")
SUMS = ("caught", "caught_fen", "missed", "shaken", "prizes")
TRIES = 3
FINAL_S = 1.5
"""A phone goes on saying how often it was shaken for so long after a race."""

NETWORK = (requests.RequestException, OSError, ValueError, WebSocketException, TimeoutError)


class Crowd:
    """The guests of one hall."""

    def __init__(self) -> None:
        self.guests: dict[int, Guest] = {}
        self.place: Place | None = None
        self.taps = 0.0
        """The share of falling packets that guests tap."""
        self.shakes_per_s = 0.0
        self.is_closed = False
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._looks = 0

    # --- what they are asked to do ------------------------------------------------------------------------------

    def come(self, people: Iterable[Person], place: Place, wechat_url: str, rows: Iterable[Row] = ()) -> list[Guest]:
        """So many people come to the address, the first ones with a row of its list each. All open the page first, since a code
        lives half a minute; then they type."""
        self.place = place
        lines = iter(rows)
        made = [Guest.of(person, place, wechat_url, next(lines, None)) for person in people]
        with self._lock:
            self.guests.update((guest.person_id, guest) for guest in made)
        self._start()
        for guest in made:
            self._submit(self._arrive, guest)
        return made

    def pick(self, state: str, count: int | None = None, ids: Iterable[int] = ()) -> list[Guest]:
        """Guests in a state: those of `ids`, else the newest `count`, else all."""
        wanted = set(ids)
        found = [guest for guest in self.everyone() if guest.state == state]
        if wanted:
            return [guest for guest in found if guest.person_id in wanted]
        return found if count is None else found[max(0, len(found) - count) :]

    def leave(self, guests: Iterable[Guest]) -> None:
        """Close the page."""
        for guest in guests:
            guest.state = "left"

    def lose_network(self, guests: Iterable[Guest], seconds: float) -> None:
        """No byte goes out or in for so long; then the page is opened again."""
        for guest in guests:
            guest.until = time.monotonic() + seconds
            guest.state = "offline"

    def come_back(self, guests: Iterable[Guest]) -> None:
        """Open the page again."""
        for guest in guests:
            guest.state = "coming"
            self._submit(self._return, guest)

    # --- what is seen -------------------------------------------------------------------------------------------

    def everyone(self) -> list[Guest]:
        """In the order in which they came."""
        with self._lock:
            return list(self.guests.values())

    def shown(self) -> dict[str, Any]:
        """How many are in each state, what they have caught and shaken, and why some were turned away."""
        guests = self.everyone()
        by_state = Counter[str](guest.state for guest in guests)
        return {
            "guests": len(guests),
            "states": {name: by_state[name] for name in STATES},
            "racing": sum(guest.is_racing for guest in guests),
            **{name: sum(getattr(guest, name) for guest in guests) for name in SUMS},
            "taps": self.taps,
            "shakes_per_s": self.shakes_per_s,
            "turned_away": dict(
                Counter(guest.reason for guest in guests if guest.state == "turned_away").most_common(5)
            ),
            "url": self.place.url if self.place else "",
            "screen": self.place.screen if self.place else "",
        }

    # --- in threads ---------------------------------------------------------------------------------------------

    def _arrive(self, guest: Guest) -> None:
        if self._tried(guest, guest.read_form):
            self._submit(self._enter, guest)

    def _enter(self, guest: Guest) -> None:
        if self._tried(guest, guest.sign_in):
            self._is_in(guest)

    def _return(self, guest: Guest) -> None:
        if self._tried(guest, guest.come_back):
            self._is_in(guest)

    def _is_in(self, guest: Guest) -> None:
        if guest.state == "coming":
            guest.state, guest.reason = "here", ""

    def _tried(self, guest: Guest, step: Callable[[], None]) -> bool:
        """One step of the way in, again when the network fails. False: turned away, with the page's sentence."""
        for n in range(TRIES):
            if self.is_closed:
                return False
            try:
                step()
                return True
            except Turned as turned:
                guest.state, guest.reason = "turned_away", str(turned)
                return False
            except NETWORK as error:
                guest.reason = f"{type(error).__name__}: the page did not answer"
                time.sleep(0.3 * (n + 1))
        guest.state = "turned_away"
        return False

    def _submit(self, act: Callable[[Guest], None], guest: Guest) -> None:
        if self._pool is not None and not self.is_closed:
            with contextlib.suppress(RuntimeError):  # closed in this moment
                self._pool.submit(act, guest)

    # --- in the loop --------------------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._loop is not None:
            return
        self._pool = ThreadPoolExecutor(THREADS, "hall-guests")
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, args=(self._loop,), name="hall-crowd", daemon=True).start()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(self._watch())
        loop.close()

    def close(self) -> None:
        """Everybody goes home; waits for nobody."""
        self.is_closed = True
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def _watch(self) -> None:
        """Once a second: whose network is back, and whether a game runs that somebody does not play yet."""
        while not self.is_closed:
            for guest in self.everyone():
                if guest.state == "offline" and time.monotonic() >= guest.until:
                    self.come_back([guest])
            if self.taps or self.shakes_per_s:
                with contextlib.suppress(*NETWORK, RuntimeError):
                    await self._join_games()
            await asyncio.sleep(LOOK_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _join_games(self) -> None:
        here = self.pick("here")
        if not here:
            return
        self._looks += 1
        game = (await self._in_thread(here[self._looks % len(here)].own)).get("game")
        if not game or not (self.taps if game["kind"] == "rain" else self.shakes_per_s):
            return
        play = self._catch_all if game["kind"] == "rain" else self._race
        for guest in here:
            if guest.game != game["id"]:
                guest.game = game["id"]
                self._spawn(play(guest))

    def _spawn(self, play: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(play)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _in_thread(self, act: Callable[..., Any], *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, act, *given)

    async def _own_game(self, guest: Guest) -> dict[str, Any] | None:
        """This guest's part of the game; None: it could not be had, and the next look tries again."""
        with contextlib.suppress(*NETWORK, RuntimeError):
            own = await self._in_thread(guest.own)
            if own.get("game"):
                return {**own["game"], "off_s": own["off_s"]}
        guest.game = 0
        return None

    async def _catch_all(self, guest: Guest) -> None:
        """Tap each packet at its moment, with the share that is asked for; who is not here taps nothing."""
        game = await self._own_game(guest)
        for hit in sorted((game or {}).get("moments", ()), key=lambda each: int(each["at_ms"])):
            if game is None or hit.get("fen") is not None:
                continue
            moment = game["begin"] + hit["at_ms"] / 1000 - game["off_s"]
            await asyncio.sleep(max(0.0, moment - time.time()) + random.uniform(0.05, 0.6))
            if not guest.is_here or random.random() >= self.taps:
                guest.missed += 1
                continue
            with contextlib.suppress(*NETWORK, RuntimeError):
                await self._in_thread(guest.catch, hit["slot"])

    async def _race(self, guest: Guest) -> None:
        """Shake until the race is over; a lost socket is opened again, and the count goes on."""
        game = await self._own_game(guest)
        if game is None:
            return
        guest.shaken = guest.seq = 0
        end = game["end"] - game["off_s"]
        begin = game["begin"] - game["off_s"]
        await asyncio.sleep(max(0.0, begin - time.time() - random.uniform(0, 1)))
        while time.time() < end + FINAL_S and guest.state not in ("left", "turned_away"):
            if guest.is_here:
                with contextlib.suppress(*NETWORK):
                    await self._shake(guest, begin, end)
            await asyncio.sleep(random.uniform(0.2, 0.6))

    async def _shake(self, guest: Guest, begin: float, end: float) -> None:
        headers = {"Cookie": guest.cookies(guest.race_url), "User-Agent": BROWSER}
        origin = Origin(guest.place.base)
        async with connect(
            guest.race_url, origin=origin, additional_headers=headers, user_agent_header=None, compression=None
        ) as socket:
            guest.is_racing = True
            try:
                while time.time() < end + FINAL_S and guest.is_here:
                    if begin <= time.time() < end:
                        guest.shaken += round(self.shakes_per_s * random.uniform(0.7, 1.1))
                    guest.seq += 1
                    await socket.send(json.dumps({"seq": guest.seq, "count": guest.shaken}))
                    await self._hear(socket, guest, 1.0)
            finally:
                guest.is_racing = False

    @staticmethod
    async def _hear(socket: Any, guest: Guest, seconds: float) -> None:
        """Take what is said for so long. Another page of this phone may shake, too, and then the count goes on from there."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for said in socket:
                    ack = json.loads(said).get("ack")
                    if ack:
                        guest.seq = max(guest.seq, int(ack.get("seq") or 0))
                        guest.shaken = max(guest.shaken, int(ack.get("count") or 0))
