"""The weather of a storm: carries out what was planned, brings everything back up, and counts.

It runs in the main thread, because parts are started there.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg
import redis as redis_client
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from tests.storm.boxes import READY_S, Box, Deployment, Part
from tests.storm.crowd import Crowd
from tests.storm.forecast import Event
from wxbot import heartbeat
from wxbot.demo.actors import StoryProblem
from wxbot.demo.faults import BILL, PACKET, Weather
from wxbot.orders.models import LaneState, Order
from wxbot.private_servers import ServerProblem

SENDS = (f"/{PACKET}", f"/{BILL}", "/mmpaymkttransfers/hbpreorder")
DUE_AT_LEAST = 60
"""Orders that must be due when the sender is killed, so that a silence means something."""

LONGEST_SILENCE_S = 90
LATELY_S = 6
"""A worker that ended a task so lately is at work."""

LOOK_S = 0.05
CHUNK, MOST_CHUNKS = 65_536, 20_000
"""More than the largest of the small file systems has room for."""


@dataclass
class Silence:
    """A killed sender, and how long nothing was sent although orders were due."""

    part: str
    due: int
    seconds: float


@dataclass
class Storm:
    """A plan that is carried out against a deployment."""

    deployment: Deployment
    crowd: Crowd
    events: Counter[str] = field(default_factory=Counter)
    silences: list[Silence] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    withdrawn_fen: list[int] = field(default_factory=list)
    """What was taken out of the merchant's account beside wxbot, each time."""
    moved_s: float = 0.0
    """How far the clock was moved on, in seconds."""

    def __post_init__(self) -> None:
        self.faults = Weather(self.crowd.world)
        self._log_n = 0

    def rage(self, plan: Sequence[Event], lasts_s: float, say: Callable[[str], None]) -> None:
        """Carry the plan out, then let the sun shine: no faults, every part running.

        What took longer than planned moves the rest on, so that events never fall together; what then would come after
        `lasts_s` does not come.
        """
        began, before_s = time.monotonic(), 0.0
        for event in plan:
            time.sleep(max(0.0, event.at_s - before_s))
            before_s = event.at_s + event.lasts_s
            now_s = time.monotonic() - began
            if now_s > lasts_s:
                break
            say(f"{now_s:6.1f} s  {event.kind}  {event.seconds:g}  {', '.join(event.sky or ())}")
            self._meet(event)
        self.faults.clear()
        self.deployment.heal()
        self.deployment.wait_ready()

    def _meet(self, event: Event) -> None:
        if event.sky is not None:
            self.faults.clear()
            for endpoint, fault in event.sky.items():
                self.crowd.world.call("PUT", f"faults/{endpoint}", fault)
        act: Callable[[Event, Box], bool | None] = getattr(self, f"_{event.kind}")
        if act(event, self.deployment.boxes[event.box]) is False:
            self.left_out[event.kind] += 1
        else:
            self.events[event.kind] += 1
        self._mend()

    def _mend(self) -> None:
        """Whatever ended by itself is started again, as systemd would; PostgreSQL may leave when its disk is full."""
        for attempt in range(10):
            try:
                self.deployment.heal()
                return
            except ServerProblem as problem:
                self.notes.append(f"attempt {attempt}: {problem}")
        raise AssertionError(self.notes[-1])

    # --- kills ----------------------------------------------------------------------------------------------------

    def _restart(self, parts: list[Part], after_s: float) -> None:
        for part in parts:
            part.kill()
        time.sleep(after_s)
        for part in parts:
            part.start()

    def _kill_worker(self, event: Event, box: Box) -> None:
        self._restart([box.worker], event.seconds)

    def _kill_web(self, event: Event, box: Box) -> None:
        self._restart([box.web], event.seconds)

    def _kill_box(self, event: Event, box: Box) -> None:
        self._restart([box.web, box.worker], event.seconds)

    def _kill_gunicorn(self, _event: Event, box: Box) -> bool:
        """One of gunicorn's processes dies; gunicorn itself brings it back."""
        return any(map(_kill, box.web_children()[:1]))

    def _kill_postgres(self, event: Event, _box: Box) -> None:
        self.deployment.postgres.kill()
        time.sleep(event.seconds)
        self.deployment.postgres.restart()

    def _kill_session(self, _event: Event, _box: Box) -> bool:
        """One session of PostgreSQL dies by SIGKILL: the server throws all others out and recovers."""
        with suppress(psycopg.OperationalError), psycopg.connect(self.deployment.settings().database_url) as connection:
            query = "SELECT pid FROM pg_stat_activity WHERE datname = 'wxbot' AND pid <> pg_backend_pid() ORDER BY pid"
            row = connection.execute(query).fetchone()
            return row is not None and _kill(int(row[0]))
        return False

    def _kill_redis(self, event: Event, _box: Box) -> None:
        self.deployment.redis.kill()
        time.sleep(event.seconds)
        self.deployment.redis.start()

    def _kill_sender(self, event: Event, _box: Box) -> bool:
        """In calm weather, with both workers at work and many orders due: kill the one that speaks with WeChat Pay, and see
        when the next request reaches the bank."""
        self.faults.clear()
        if not self._wait(self._all_workers_work, READY_S):
            self.notes.append("kill_sender: a worker was not at work")
            return False
        self._make_work()
        self._sends()
        if not self._wait(lambda: self._sends() > 0, LONGEST_SILENCE_S) or (due := self._due()) < DUE_AT_LEAST:
            self.notes.append(f"kill_sender: too little was being sent, {self._due()} orders were due")
            return False
        port = self.deployment.wechat.https_port
        sender = max((box.worker for box in self.deployment.boxes), key=lambda part: part.connections_to(port))
        sender.kill()
        self._sends()
        began = time.monotonic()
        self._wait(lambda: self._sends() > 0, LONGEST_SILENCE_S)
        self.silences.append(Silence(sender.name, due, round(time.monotonic() - began, 1)))
        time.sleep(event.seconds)
        sender.start()
        return True

    def _all_workers_work(self) -> bool:
        """Whether each worker has ended a task well within the last seconds."""
        try:
            with redis_client.Redis.from_url(self.deployment.redis.url, decode_responses=True) as connection:
                heard = {each.pid for each in heartbeat.workers(connection) if each.age_s < LATELY_S}
        except redis_client.RedisError:
            return False
        return heard >= {box.worker.pid for box in self.deployment.boxes}

    def _make_work(self) -> None:
        deadline = time.monotonic() + 30
        while self._due() < DUE_AT_LEAST and time.monotonic() < deadline:
            self.crowd.add_list("packets")
            self.crowd.add_list("transfers")
            with suppress(SQLAlchemyError, StoryProblem):
                self.crowd.further_lists(until=time.monotonic() + 8)
            time.sleep(1.5)

    def _due(self) -> int:
        """Orders that could be sent now; none while the lane is stopped, when one a minute is tried."""
        try:
            with self.crowd.database.reading() as session:
                if session.scalar(select(func.count()).where(LaneState.stopped_code.is_not(None))):
                    return 0
                now = self.crowd.clock.now()
                query = select(func.count(Order.id)).where(Order.status == "planned", Order.send_after <= now)
                return int(session.execute(query).scalar_one())
        except SQLAlchemyError:
            return 0

    def _sends(self) -> int:
        """How many requests to send the bank has had since it was last asked."""
        page = self.crowd.world.call("GET", f"log?after={self._log_n}&limit=5000")
        self._log_n = page["last"]
        return sum(row["method"] == "POST" and row["path"] in SENDS for row in page["log"])

    def _wait(self, is_so: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_S)
        return True

    # --- everything else ------------------------------------------------------------------------------------------

    def _flush_redis(self, _event: Event, _box: Box) -> None:
        with redis_client.Redis.from_url(self.deployment.redis.url) as connection:
            connection.flushall()

    def _held(self, pids: list[int], seconds: float, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Processes stand still for a while. A part that does not run has the number 0, which would be this process itself."""
        pids = [pid for pid in pids if pid]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        meanwhile()
        time.sleep(seconds)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def _hold_worker(self, event: Event, box: Box) -> None:
        self._held([box.worker.pid], event.seconds)

    def _hold_web(self, event: Event, box: Box) -> None:
        self._held([box.web.pid, *box.web_children()], event.seconds)

    def _hold_wechat(self, event: Event, _box: Box) -> None:
        """WeChat takes connections and says nothing."""
        self._held([self.deployment.wechat.pid], event.seconds)

    def _oversleep(self, event: Event, box: Box) -> None:
        """A worker stands still while its leases run out, and goes on as if nothing had been."""
        self._held([box.worker.pid], event.seconds, lambda: self._move_clock(300))

    def _move_clock(self, seconds: float) -> None:
        self.crowd.world.call("POST", "clock", {"advance_s": seconds})
        self.moved_s += seconds

    def _jump_clock(self, event: Event, _box: Box) -> None:
        self._move_clock(event.seconds)

    def _set_clock_back(self, event: Event, _box: Box) -> None:
        self._move_clock(-event.seconds)

    def _empty_bank(self, event: Event, _box: Box) -> None:
        """The merchant's account is empty; after a while there is money again, and more than a minute goes by."""
        left_fen = self._withdraw_all()
        self.withdrawn_fen += [left_fen] if left_fen else []
        time.sleep(event.seconds)
        self.crowd.world.call("POST", "bank/topup", {"amount_fen": left_fen + 500_000})
        self._move_clock(70)

    def _withdraw_all(self) -> int:
        """Take what is there; somebody who is paid between the look and the hand leaves less, and it is looked again."""
        for tries_left in reversed(range(20)):
            left_fen = int(self.crowd.world.call("GET", "bank")["balance_fen"])
            try:
                self.crowd.world.call("POST", "bank/topup", {"amount_fen": -left_fen})
                return left_fen
            except StoryProblem:
                if not tries_left:
                    raise
        raise AssertionError("unreachable")

    def _fill_box_disk(self, event: Event, _box: Box) -> bool:
        return self._filled("box", event.seconds)

    def _fill_postgres_disk(self, event: Event, _box: Box) -> bool:
        return self._filled("postgres", event.seconds)

    def _filled(self, name: str, seconds: float) -> bool:
        """A file takes all that is left on a small file system, and goes away again."""
        disk = self.deployment.disks.get(name)
        if disk is None:
            return False
        place = disk / "fills-the-disk"
        with place.open("wb", buffering=0) as filler, suppress(OSError):
            for _ in range(MOST_CHUNKS):
                filler.write(bytes(CHUNK))
        time.sleep(seconds)
        place.unlink()
        return True


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
