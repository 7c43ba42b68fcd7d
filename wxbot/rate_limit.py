"""How often somebody may ask for what costs no money: counted in Redis for a while, and nobody is turned away without it.

A window begins with the first time and ends by Redis's clock. What costs money or messages is counted in the database (quotas,
people/limits); a draw counts its tries in the trip that it makes anyhow (draws/admit).
"""

from typing import NamedTuple

from redis.exceptions import RedisError

from wxbot.ground import Ground
from wxbot.logs import get_logger

log = get_logger(__name__)


class Rate(NamedTuple):
    """At most so many in so many seconds."""

    most: int
    window_s: int


def counted(ground: Ground, name: str, window_s: int) -> int | None:
    """Count one more under this name; returns how many since the window began, None without Redis."""
    key = f"rate:{name}"
    try:
        with ground.redis.pipeline() as pipe:
            pipe.set(key, 0, ex=window_s, nx=True)
            pipe.incr(key)
            return int(pipe.execute()[1])
    except RedisError as error:
        log.warning("rates_without_redis", error=type(error).__name__)
        return None


def is_over(ground: Ground, name: str, rate: Rate) -> bool:
    """Count one more under this name, and say whether that is too many."""
    return (counted(ground, name, rate.window_s) or 0) > rate.most
