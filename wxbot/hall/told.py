"""Telling a hall: after a commit that changed what people see, the public state goes to Redis, and a word of it to who listens.

Nothing is lost when Redis is: who asks for the state then has it made from the rows.
"""

import json
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import select

from wxbot.campaigns.models import Campaign
from wxbot.ground import Ground
from wxbot.hall import wire
from wxbot.hall.models import Hall
from wxbot.hall.state import public_state
from wxbot.logs import get_logger

log = get_logger(__name__)

SOON_MS = 500

_NEXT = """
local v = math.max(tonumber(redis.call('GET', KEYS[1]) or '0') + 1, tonumber(ARGV[1]))
redis.call('SET', KEYS[1], string.format('%.0f', v), 'EX', ARGV[2])
return string.format('%.0f', v)
"""
"""A number greater than every one before, also after Redis was emptied: it is never behind the clock's milliseconds."""

_KEEP = """
if tonumber(redis.call('GET', KEYS[2]) or '0') > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[4])
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[4])
redis.call('PUBLISH', ARGV[3], ARGV[1])
return 1
"""
"""Only what is newer than what is kept: the number was taken before the rows were read, so a greater one has seen as much."""


def tell(runtime: Ground, campaign_id: int) -> dict[str, Any] | None:
    """Make the state of a hall anew and tell it, after a commit and in no transaction; the state, None where there is no hall.

    Never raises for Redis.
    """
    with runtime.database.reading() as session:
        slug = session.scalar(select(Campaign.slug).where(Campaign.id == campaign_id))
    if slug is None:
        return None
    v = _next_v(runtime, slug)
    with runtime.database.reading() as session:
        hall = session.get(Hall, campaign_id)
        if hall is None:
            return None
        state = {"v": v, **public_state(session, hall)}
    if not state["at"]:
        state["at"] = int(runtime.clock.unix())
    text = json.dumps(state, ensure_ascii=False, separators=(",", ":"))
    try:
        keys = (wire.state_key(slug), f"{wire.state_key(slug)}:v")
        runtime.redis.eval(_KEEP, 2, *keys, str(v), text, wire.channel(slug), str(wire.KEEP_S))
    except RedisError as error:
        log.warning("hall_not_told", slug=slug, reason=type(error).__name__)
    return state


def tell_soon(runtime: Ground, slug: str, campaign_id: int) -> None:
    """The same for what happens many times a second: told once in SOON_MS, and by whatever comes next."""
    try:
        is_first = runtime.redis.set(f"{wire.state_key(slug)}:soon", 1, nx=True, px=SOON_MS)
    except RedisError:
        return
    if is_first:
        tell(runtime, campaign_id)


def has_running_game(runtime: Ground, slug: str) -> bool:
    """Whether what was told last has a game that runs; asks Redis alone."""
    kept = _kept(runtime, slug)
    game = json.loads(kept)["game"] if kept else None
    return game is not None and game["status"] == "running"


def _kept(runtime: Ground, slug: str) -> str | None:
    """What was told last, as JSON; None when Redis does not have it, or is away."""
    try:
        kept: Any = runtime.redis.get(wire.state_key(slug))
    except RedisError:
        return None
    return str(kept) if kept else None


def _next_v(runtime: Ground, slug: str) -> int:
    now_ms = int(runtime.clock.unix() * 1000)
    try:
        found: Any = runtime.redis.eval(_NEXT, 1, f"{wire.state_key(slug)}:next", str(now_ms), str(wire.KEEP_S))
        return int(found)
    except RedisError:
        return now_ms


def text_of(runtime: Ground, slug: str) -> str | None:
    """The state as JSON: from Redis without SQL; made anew when Redis does not have it. None where there is no such hall."""
    if not wire.SLUG.fullmatch(slug):
        return None
    if kept := _kept(runtime, slug):
        return kept
    with runtime.database.reading() as session:
        mine = select(Hall.campaign_id).join(Campaign, Campaign.id == Hall.campaign_id).where(Campaign.slug == slug)
        campaign_id = session.scalar(mine)
    state = tell(runtime, campaign_id) if campaign_id is not None else None
    return None if state is None else json.dumps(state, ensure_ascii=False, separators=(",", ":"))
