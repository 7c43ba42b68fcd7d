"""The witnesses outside the database, in Redis and in the sender's data folder, of how far it had come: raised, never lowered."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis.exceptions import RedisError

from wxbot.logs import get_logger
from wxbot.runtime import Runtime

log = get_logger(__name__)


@dataclass(frozen=True)
class Witness:
    """How far a database had come when something left last."""

    generation: int = 0
    serial: int = 0

    def with_other(self, other: "Witness | None") -> "Witness":
        """The higher of both, in each number: a witness is never lowered."""
        if other is None:
            return self
        return Witness(max(self.generation, other.generation), max(self.serial, other.serial))


_RAISE = """
local seen = redis.call('HMGET', KEYS[1], 'generation', 'serial')
local generation = math.max(tonumber(seen[1] or '0'), tonumber(ARGV[1]))
local serial = math.max(tonumber(seen[2] or '0'), tonumber(ARGV[2]))
redis.call('HSET', KEYS[1], 'generation', string.format('%d', generation), 'serial', string.format('%d', serial))
return {string.format('%d', generation), string.format('%d', serial)}
"""
"""One round trip: raise the witness, never lower it, and tell what it says now."""


def redis_key(database_id: str) -> str:
    """Where Redis keeps the witness of a database."""
    return f"wxbot:witness:{database_id}"


def file_path(runtime: Runtime, database_id: str) -> Path:
    """Where this box keeps the witness of a database."""
    return Path(runtime.settings.data_dir) / f"witness-{database_id}.json"


@dataclass(frozen=True)
class WitnessView:
    """What both places said: `redis` and `file` are None where there is no witness, or the place does not answer."""

    redis: Witness | None
    file: Witness | None
    does_redis_answer: bool

    @property
    def highest(self) -> Witness | None:
        """The highest witness of both; None when there is none."""
        return self.redis.with_other(self.file) if self.redis is not None else self.file

    @property
    def lacks_some(self) -> bool:
        """Whether a place that answers has not what the other knows."""
        return self.file != self.highest or (self.does_redis_answer and self.redis != self.highest)


def look(runtime: Runtime, database_id: str) -> WitnessView:
    """Read the witnesses of Redis and of this box. Read them before the database: what it says afterwards can then not be
    older than what it said when a witness was written."""
    kept = _from_file(file_path(runtime, database_id))
    try:
        generation, serial = runtime.redis.hmget(redis_key(database_id), ["generation", "serial"])
    except RedisError:
        return WitnessView(None, kept, does_redis_answer=False)
    told = Witness(int(generation), int(serial or 0)) if generation is not None else None
    return WitnessView(told, kept, does_redis_answer=True)


def _from_file(path: Path) -> Witness | None:
    try:
        kept = json.loads(path.read_text("ascii"))
        return Witness(int(kept["generation"]), int(kept["serial"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.error("witness_not_read", place="file", error=type(error).__name__)
        return None


def record(runtime: Runtime, database_id: str, witness: Witness) -> Witness | None:
    """Raise both witnesses to this; the highest that either knows afterwards, None when neither could be written."""
    told = _raise_redis(runtime, database_id, witness)
    kept = _raise_file(file_path(runtime, database_id), witness.with_other(told))
    if told is None or kept is None:
        log.error("witness_not_written", place="redis" if told is None else "file", is_other_written=told is not kept)
    return told.with_other(kept) if told is not None else kept


def _raise_redis(runtime: Runtime, database_id: str, witness: Witness) -> Witness | None:
    try:
        generation, serial = runtime.redis.eval(
            _RAISE, 1, redis_key(database_id), str(witness.generation), str(witness.serial)
        )
    except RedisError:
        return None
    return Witness(int(generation), int(serial))


def _raise_file(path: Path, witness: Witness) -> Witness | None:
    """Whole and on the disk before it counts; several senders of one folder do not lower each other's."""
    try:
        with _alone(path):
            raised = witness.with_other(_from_file(path))
            new = path.with_suffix(".new")  # one name: what a full disk or a kill left of it is written over
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
                json.dump({"generation": raised.generation, "serial": raised.serial}, file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
    except OSError:
        return None
    return raised


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
