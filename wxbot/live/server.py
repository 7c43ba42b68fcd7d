"""`wxbot live` from its start to its end."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import redis.asyncio as redis
import uvicorn
from redis.exceptions import RedisError

from wxbot import logs
from wxbot.ground import Ground
from wxbot.live.doors import Parts, application
from wxbot.live.feed import Feed
from wxbot.live.hub import Hub
from wxbot.live.late import Lateness
from wxbot.live.roll import BEAT_S, Roll
from wxbot.live.screens import say_screens
from wxbot.live.straight import StreamProtocol
from wxbot.live.tidy import Tidy
from wxbot.logs import get_logger
from wxbot.settings import Settings

log = get_logger(__name__)

STOP_S = 5
"""How long connections may take to end after SIGTERM."""

STUCK_MS = 30_000
"""A connection that takes nothing for so long is closed by the kernel."""

BACKLOG = 4_096
"""Connections that may wait to be taken: all phones of a hall come back within seconds."""

CONNECTIONS = 16
"""To Redis."""

REDIS_S = 5
"""How long an answer of Redis, or a free connection to it, is waited for."""

MESSAGE_BYTES = 512
"""The largest message of a phone in a race; it needs 30."""


class _Server(uvicorn.Server):
    """uvicorn's server, which hands races over and ends the streams before it waits for them to end."""

    def __init__(self, config: uvicorn.Config, parts: Parts) -> None:
        super().__init__(config)
        self._parts = parts

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Both signals end this process in good order; uvicorn would send them to it once more at the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Told to stop."""
        log.info("live_stopping", streams=len(self._parts.hub.streams))
        self._parts.hub.is_leaving = True
        await self._parts.feed.leave()
        self._parts.hub.end_all()
        await asyncio.sleep(0.05)  # they say goodbye
        await super().shutdown(sockets)


async def _beat(connection: redis.Redis, parts: Parts, roll: Roll, lateness: Lateness) -> None:
    while True:
        hub = parts.hub
        try:
            await roll.say(
                streams=len(hub.streams),
                sockets=sum(stream.is_socket for stream in hub.streams),
                halls=sum(bool(room.streams) for room in hub.rooms.values()),
                counting=parts.feed.counting,
                late_ms=lateness.take_ms(),
            )
            await say_screens(connection, hub)
        except RedisError as error:
            log.warning("beat_not_said", exc_info=error)
        await asyncio.sleep(BEAT_S)


def _listening(host: str, port: int) -> socket.socket:
    """A socket whose connections the kernel closes when nobody at the other end takes anything any more."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STUCK_MS)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.bind((host, port))
    return listening


async def _serve(ground: Ground, listening: socket.socket) -> None:
    settings = ground.settings
    # Bounded: two thousand phones that come at once wait for one another and not for as many connections.
    pool = redis.BlockingConnectionPool.from_url(
        settings.redis_url,
        max_connections=CONNECTIONS,
        timeout=REDIS_S,
        decode_responses=True,
        socket_timeout=REDIS_S,
        socket_connect_timeout=REDIS_S,
        health_check_interval=10,
    )
    connection = redis.Redis(connection_pool=pool)
    hub = Hub(settings.live_streams)
    parts = Parts(ground, connection, hub, Feed(ground, connection, hub))
    roll, lateness = Roll(connection), Lateness()
    config = uvicorn.Config(
        application(parts),
        ws="websockets-sansio",
        ws_max_size=MESSAGE_BYTES,
        ws_per_message_deflate=False,  # a window for each socket is ten times what a socket needs
        http=StreamProtocol,
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=STOP_S,
    )
    feed = parts.feed
    background: list[Any] = [feed.follow(), feed.run_races(), feed.keep_files(), hub.keep_alive()]
    background += [lateness.watch(), _beat(connection, parts, roll, lateness), Tidy(lambda: feed.is_race_near).keep()]
    tasks = [asyncio.create_task(each) for each in background]
    host, port = listening.getsockname()[:2]
    log.info("live_started", host=host, port=port, most=hub.most)
    try:
        await _Server(config, parts).serve([listening])
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(RedisError):
            await roll.end()
        await connection.aclose()
        await pool.disconnect()
    log.info("live_stopped")


def run_live(settings: Settings) -> None:
    """Run `live` in this process until it is told to stop. Raises OSError where its address is taken."""
    logs.configure(settings.log_level, settings.log_format)
    with closing(Ground(settings)) as ground:
        ground.clock.unix()  # its first measurement, which is waited for, before anybody is
        listening = _listening(settings.live_host, settings.live_port)
        asyncio.run(_serve(ground, listening))
