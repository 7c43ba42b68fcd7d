"""Whether a screen is there: each place where one hears the state says so in Redis, for a few seconds (`wire.screen_key`).

A screen listens at `wxbot live`, which says it with every beat, or asks the application each second while it has no stream.
"""

from redis.exceptions import RedisError

from wxbot.ground import Ground
from wxbot.hall import wire
from wxbot.hall.models import Hall


def note(ground: Ground, slug: str, epoch: int) -> None:
    """The screen of this pairing has just asked. Never raises for Redis."""
    try:
        ground.redis.set(wire.screen_key(slug, epoch), 1, ex=wire.SCREEN_S)
    except RedisError:
        return


def is_there(ground: Ground, slug: str, hall: Hall) -> bool | None:
    """Whether the screen of the newest pairing, which alone starts and stops, was heard of just now; None when Redis cannot tell."""
    try:
        return bool(ground.redis.exists(wire.screen_key(slug, hall.screen_epoch)))
    except RedisError:
        return None
