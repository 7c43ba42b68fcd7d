"""Which `live` counts in a hall: a key in Redis that its holder renews, and a number that grows with each holder.

Another process has it at most LIFE_S and one look after the holder fell silent. A holder that was only stopped for a while learns
at its next renewal that it is none any more; what it says in between carries a smaller number and is not taken.
"""

import secrets
import time

import redis.asyncio as redis

from wxbot.hall.wire import KEEP_S, epoch_key, lease_key

LIFE_S = 3.0
"""How long a lease lives without being renewed."""

_TAKE = """
if not redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
redis.call('set', KEYS[2], redis.call('time')[1], 'NX')
local epoch = redis.call('incr', KEYS[2])
redis.call('expire', KEYS[2], ARGV[3])
return epoch
"""
"""Begins with the time, so that the number goes on growing when Redis was emptied."""

_RENEW = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('pexpire', KEYS[1], ARGV[2]) or 0"
_GIVE = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('del', KEYS[1]) or 0"


class Lease:
    """The lease of one hall, as one process sees it."""

    def __init__(self, connection: "redis.Redis", slug: str) -> None:
        self._redis = connection
        self._key, self._epoch_key = lease_key(slug), epoch_key(slug)
        self._mine = secrets.token_hex(8)
        self._until_s = 0.0
        self.epoch = 0

    @property
    def is_held(self) -> bool:
        """Whether it is ours; by our own steady clock, from before it was asked for."""
        return time.monotonic() < self._until_s

    async def hold(self) -> bool:
        """Renew it or take it; says whether it is ours. Raises RedisError."""
        asked_s = time.monotonic()
        life_ms = int(LIFE_S * 1000)
        if self.epoch and await self._eval(_RENEW, 1, self._key, self._mine, life_ms):
            self._until_s = asked_s + LIFE_S
            return True
        self._until_s, self.epoch = 0.0, 0
        self.epoch = int(await self._eval(_TAKE, 2, self._key, self._epoch_key, self._mine, life_ms, KEEP_S))
        if self.epoch:
            self._until_s = asked_s + LIFE_S
        return self.is_held

    async def give_back(self) -> None:
        """Let another one have it at once. Raises RedisError."""
        self._until_s, self.epoch = 0.0, 0
        await self._eval(_GIVE, 1, self._key, self._mine)

    async def _eval(self, script: str, keys: int, *values: str | int) -> int:
        answer = self._redis.eval(script, keys, *map(str, values))
        return int(await answer)
