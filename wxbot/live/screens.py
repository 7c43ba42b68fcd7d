"""Which screens listen here, said in Redis for the host's desk (wxbot/hall/screens)."""

import redis.asyncio as async_redis

from wxbot.hall.wire import SCREEN_S, screen_key
from wxbot.live.hub import Hub


def name_of(slug: str, epoch: int) -> str:
    """A screen, as the hub calls who listens."""
    return f"screen {slug} {epoch}"


async def say_screens(connection: "async_redis.Redis", hub: Hub) -> None:
    """Say for SCREEN_S of every screen that listens that it does. Raises RedisError."""
    listening = {stream.person for stream in hub.streams if stream.audience == "screen"}
    if not listening:
        return
    async with connection.pipeline(transaction=False) as pipeline:
        for person in listening:
            _, slug, epoch = person.split(" ")
            pipeline.set(screen_key(slug, int(epoch)), 1, ex=SCREEN_S)
        await pipeline.execute()
