"""Which `live` processes there are: each says so in Redis every few seconds, with what it carries (docs/operations.md)."""

import json
import os
import resource
import secrets
import socket
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version

import redis
import redis.asyncio as async_redis

BEAT_S = 2.0
"""How often a process says that it is there."""

SILENT_S = 15
"""A process that has not been heard of for this long is gone."""

ROLL_KEY = "wxbot:lives"
"""Redis set of the processes; each has a key of its own, which ends SILENT_S after its last word."""


@dataclass(frozen=True)
class LiveProcess:
    """One process as it was last heard of."""

    id: str
    host: str
    pid: int
    version: str
    streams: int
    """Open now: phones and screens, by SSE and WebSocket."""
    sockets: int
    """Those by WebSocket, in a race."""
    halls: int
    """With somebody listening."""
    counting: int
    """Halls in which this process counts a race."""
    memory_mb: int
    late_ms: int = 0
    """How late it came to something that was due, at the worst since it spoke last: every answer of a race waits as long."""


def memory_mb() -> int:
    """The most memory this process has had so far, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most // (1 << 20 if sys.platform == "darwin" else 1 << 10)


class Roll:
    """The place of this process on the roll."""

    def __init__(self, connection: "async_redis.Redis") -> None:
        self._redis = connection
        self._version = version("wxbot")  # read once: it is in a file
        self._id = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"

    async def say(self, *, streams: int, sockets: int, halls: int, counting: int, late_ms: int) -> None:
        """Say that this process is there. Raises RedisError."""
        said = LiveProcess(
            id=self._id,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=self._version,
            streams=streams,
            sockets=sockets,
            halls=halls,
            counting=counting,
            memory_mb=memory_mb(),
            late_ms=late_ms,
        )
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.sadd(ROLL_KEY, self._id)
            pipeline.set(_key(self._id), json.dumps(asdict(said)), ex=SILENT_S)
            await pipeline.execute()

    async def end(self) -> None:
        """This process was told to stop. Raises RedisError."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.srem(ROLL_KEY, self._id)
            pipeline.delete(_key(self._id))
            await pipeline.execute()


def lives(connection: "redis.Redis") -> list[LiveProcess]:
    """Every process that was heard of within SILENT_S. Raises RedisError when Redis cannot be asked."""
    known = sorted(str(each) for each in connection.smembers(ROLL_KEY))
    if not known:
        return []
    said = dict(zip(known, connection.mget([_key(each) for each in known]), strict=True))
    gone = [each for each in known if said[each] is None]
    if gone:
        connection.srem(ROLL_KEY, *gone)
    return [LiveProcess(**json.loads(told)) for told in said.values() if told is not None]


def _key(each: str) -> str:
    return f"wxbot:live:{each}"
