"""How often one person may ask: by openid and never by address, because a hall is two thousand people behind one. Only the digits
that pair a screen, which no guest types, are counted by address.

Counted in Redis for a moment; without Redis nobody is turned away.
"""

from typing import Literal, NamedTuple

import redis as redis_client

from wxbot.logs import get_logger
from wxbot.runtime import Runtime

log = get_logger(__name__)

Asked = Literal["page", "look", "sign_in", "word", "words", "catch", "pair"]


class Rate(NamedTuple):
    """At most so many in so many seconds."""

    most: int
    window_s: int


RATES: dict[Asked, Rate] = {
    "page": Rate(60, 60),
    "look": Rate(150, 60),
    "sign_in": Rate(20, 60),
    "word": Rate(10, 300),
    "words": Rate(1, 5),
    "catch": Rate(120, 60),
    "pair": Rate(10, 300),
}
"""What a person asks for → how often: the page, how they stand, to sign in, a guess at the word of the day, danmaku, packets of a rain,
the digits of one offer."""


def is_too_often(runtime: Runtime, asked: Asked, campaign_id: int, asker: str) -> bool:
    """Count one more, and say whether that is too many."""
    rate = RATES[asked]
    key = f"hall:rate:{asked}:{campaign_id}:{asker}:{int(runtime.clock.unix()) // rate.window_s}"
    try:
        with runtime.redis.pipeline(transaction=False) as pipe:
            pipe.incr(key)
            pipe.expire(key, rate.window_s * 2)
            return int(pipe.execute()[0]) > rate.most
    except redis_client.RedisError as error:
        log.warning("hall_without_redis", error=type(error).__name__)
        return False
