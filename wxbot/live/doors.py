"""The addresses of `wxbot live`, all under /live: events, race, the polling fallback, and whether it lives."""

import asyncio
import json
import random
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from wxbot.ground import Ground
from wxbot.hall import screen_pass
from wxbot.hall.wire import KnownGuest, guest_key, read_guest
from wxbot.live.feed import Feed
from wxbot.live.hub import PING, Audience, Event, Hub, Stream
from wxbot.live.screens import name_of
from wxbot.live.straight import straight
from wxbot.logs import get_logger
from wxbot.own_page import origin_of
from wxbot.phone_session import read_session, session_cookie

log = get_logger(__name__)

STREAMS_OF_ONE = 6
"""Streams that one person or screen may have open. Nothing is counted by address: a hall is one."""

MESSAGES_PER_S = 5
"""Messages of one socket that are looked at within a second; a phone sends one."""

FLOOD_PER_S = 50
"""A socket that sends so many is closed."""

VERSION = re.compile(r"[0-9]{1,16}")
"""What a page may say of the state that it has seen."""

RETRY_MS = (500, 4_000)
"""After how long a stream that was lost comes back, drawn for each: two thousand shall not come at once."""

NO_GUEST, FLOOD, NONSENSE, FULL, LEAVING = 4403, 4429, 4400, 1013, 1012
"""Why a socket is closed; the page reads it."""


@dataclass(frozen=True)
class Parts:
    """What the addresses work with."""

    ground: Ground
    redis: Any
    hub: Hub
    feed: Feed

    @property
    def origin(self) -> str:
        """The origin of our pages."""
        return origin_of(self.ground.settings.public_url)

    def person(self, connection: HTTPConnection) -> str | None:
        """The openid of a signed-in phone."""
        session = read_session(self.ground, connection.cookies.get(session_cookie(self.ground)))
        return session.openid if session else None

    def watcher(self, connection: HTTPConnection, slug: str) -> tuple[Audience, str] | None:
        """As what somebody may look on, and who it is; `?as=` says it where a browser is both a screen and a phone."""
        asked = connection.query_params.get("as")
        name = screen_pass.cookie_name(self.ground, slug)
        epoch = screen_pass.read(self.ground, slug, connection.cookies.get(name))
        if asked == "screen" or (asked != "phone" and epoch is not None):
            return None if epoch is None else ("screen", name_of(slug, epoch))
        openid = self.person(connection)
        return None if openid is None else ("phone", openid)

    def is_foreign(self, connection: HTTPConnection) -> bool:
        """Whether a page of somebody else's asks, with the cookies of ours."""
        return connection.headers.get("origin", self.origin) != self.origin

    def headers(self, connection: HTTPConnection) -> dict[str, str]:
        """Of every answer; our own pages may read it where `live` has an address of its own (the demo)."""
        fixed = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Vary": "Origin"}
        if connection.headers.get("origin") == self.origin:
            fixed |= {"Access-Control-Allow-Origin": self.origin, "Access-Control-Allow-Credentials": "true"}
        return fixed

    def refusal(self, connection: HTTPConnection, status: int, outcome: str) -> Response:
        """A short answer with a word that pages know."""
        headers = self.headers(connection) | ({"Retry-After": "5"} if status in (429, 503) else {})
        return JSONResponse({"outcome": outcome}, status, headers)


class Events:
    """GET /live/<slug>/events: server-sent events [SSE], the whole state first and then each newer one."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        request = Request(scope)
        stream = await self._admitted(request, send)
        if isinstance(stream, Response):
            await stream(scope, receive, send)
            return
        hub = self._parts.hub
        headers = self._parts.headers(request) | {
            "Content-Type": "text/event-stream; charset=utf-8",
            "X-Accel-Buffering": "no",
        }
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        hello = f"retry: {random.randint(*RETRY_MS)}\n\n".encode()  # noqa: S311 - a pause
        await send({"type": "http.response.body", "body": hello, "more_body": True})
        hub.enter(stream)
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        except asyncio.CancelledError:
            if not hub.is_leaving:
                raise
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            hub.leave(stream)

    async def _admitted(self, request: Request, send: Send) -> Stream | Response:
        parts, slug = self._parts, request.path_params["slug"]
        if parts.is_foreign(request):
            return parts.refusal(request, 403, "foreign")
        watcher = parts.watcher(request, slug)
        if watcher is None:
            return parts.refusal(request, 401, "sign_in")
        audience, who = watcher
        if parts.hub.is_full:
            return parts.refusal(request, 503, "full")
        if parts.hub.open_of(who) >= STREAMS_OF_ONE:
            return parts.refusal(request, 429, "too_many")
        try:
            room = await parts.feed.find(slug)
        except RedisError:
            return parts.refusal(request, 503, "try_again")
        if room is None:
            return parts.refusal(request, 404, "gone")

        async def say(event: Event | None) -> None:
            body = PING if event is None else event.sse
            await send({"type": "http.response.body", "body": body, "more_body": True})

        stream = Stream(room, audience, who, say, write=straight(request.scope))
        # A page that opens a new stream cannot set the header; one that comes back by itself sends it, and it is newer.
        seen = request.headers.get("last-event-id") or request.query_params.get("last", "")
        if VERSION.fullmatch(seen):
            stream.knows(int(seen))
        return stream


class Pace:
    """How fast one socket sends, by whole seconds."""

    def __init__(self) -> None:
        self._second, self.count = 0, 0

    def note(self, now: float) -> int:
        """A message; how many came in this second."""
        if int(now) != self._second:
            self._second, self.count = int(now), 0
        self.count += 1
        return self.count


def report_of(message: Mapping[str, Any]) -> tuple[int, int] | None:
    """What a phone says: the number of its message, and how often it was shaken in all. None for anything else."""
    try:
        said = json.loads(message.get("text") or "")
        seq, count = said["seq"], said["count"]
    except (ValueError, TypeError, KeyError):
        return None
    if type(seq) is not int or type(count) is not int or not (0 < seq < 10**6 and 0 <= count < 10**9):
        return None
    return seq, count


async def race(socket: WebSocket, parts: Parts) -> None:
    """/live/<slug>/race: `{"seq", "count"}` comes in, `{"ack"}` and `{"state"}` go out."""
    slug = socket.path_params["slug"]
    openid = parts.person(socket)
    if parts.is_foreign(socket) or openid is None:
        await socket.close()  # before it was accepted: an answer 403
        return
    await socket.accept()
    is_too_many = parts.hub.is_full or parts.hub.open_of(openid) >= STREAMS_OF_ONE
    try:
        room = None if is_too_many else await parts.feed.find(slug)
        guest = read_guest(await parts.redis.get(guest_key(slug, openid))) if room else None
    except RedisError:
        is_too_many, room, guest = True, None, None
    if room is None or guest is None:
        await socket.close(FULL if is_too_many else NO_GUEST)
        return

    async def say(event: Event | None) -> None:
        if event is not None:  # the server itself pings sockets
            await socket.send_text(event.text)

    stream = Stream(room, "phone", openid, say, is_socket=True)
    parts.hub.enter(stream)
    try:
        await _take_reports(socket, parts, slug, guest)
    except WebSocketDisconnect:
        pass
    except asyncio.CancelledError:
        if not parts.hub.is_leaving:
            raise
        await socket.close(LEAVING)
    finally:
        parts.hub.leave(stream)


async def _take_reports(socket: WebSocket, parts: Parts, slug: str, guest: KnownGuest) -> None:
    races, pace = parts.feed.races_of(slug), Pace()

    async def ack(answer: Mapping[str, Any]) -> None:
        try:
            await socket.send_text(json.dumps({"ack": answer}, separators=(",", ":")))
        except (WebSocketDisconnect, RuntimeError, OSError) as error:
            log.debug("ack_lost", reason=type(error).__name__)

    races.sit(guest.no, ack)
    try:
        # What is known of this guest, so that a page that was loaded again goes on from there.
        if (known := await races.report(guest, 0, 0)) is not None:
            await ack(known)
        while True:
            message: MutableMapping[str, Any] = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            report, count = report_of(message), pace.note(parts.ground.clock.unix())
            if report is None or count > FLOOD_PER_S:
                await socket.close(NONSENSE if report is None else FLOOD)
                return
            if count <= MESSAGES_PER_S and (answer := await races.report(guest, *report)) is not None:
                await ack(answer)
    finally:
        races.rise(guest.no, ack)


def application(parts: Parts) -> Starlette:
    """Every address there is."""

    async def state(request: Request) -> Response:
        """What phones see of a hall, for whoever polls; in production nginx serves the same from a file."""
        try:
            room = await parts.feed.find(request.path_params["slug"])
        except RedisError:
            return parts.refusal(request, 503, "try_again")
        if room is None:
            return parts.refusal(request, 404, "gone")
        headers = parts.headers(request) | {"Cache-Control": "no-cache"}
        return JSONResponse(parts.feed.for_polling(room), headers=headers)

    async def alive(request: Request) -> Response:
        """200 while this process hears what is said of halls."""
        is_well = parts.feed.is_connected and not parts.hub.is_leaving
        return PlainTextResponse("ok" if is_well else "no", 200 if is_well else 503, headers=parts.headers(request))

    async def race_here(socket: WebSocket) -> None:
        await race(socket, parts)

    routes: list[BaseRoute] = [
        Route("/live/healthz", alive),
        Route("/live/{slug}/events", Events(parts), methods=["GET"]),
        Route("/live/{slug}/state.json", state),
        WebSocketRoute("/live/{slug}/race", race_here),
    ]
    return Starlette(routes=routes)
