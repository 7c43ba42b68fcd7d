"""Decide whether this openid may draw now. Every gate is decided here, on the server, at the signing request.

A refusal or a repeated draw costs one Redis round trip and no SQL; an admitted draw adds one short transaction.
"""

import functools
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import redis as redis_client
from sqlalchemy.exc import SQLAlchemyError

from wxbot import oauth, own_page
from wxbot.clock import from_unix, shanghai_day
from wxbot.draws import shakes
from wxbot.draws.admission_writer import Admission, Booked, drawn_key
from wxbot.draws.draw_state import DrawState
from wxbot.draws.outcomes import Outcome
from wxbot.draws.shakes import Shake
from wxbot.draws.signing import Jump, jump
from wxbot.draws.snapshot import CampaignSnapshot
from wxbot.logs import get_logger
from wxbot.runtime import Runtime

log = get_logger(__name__)

DRAWS_PER_MINUTE = 10
"""Draw requests of one person in a minute (S34)."""

IP_DRAWS_PER_MINUTE = 600
"""Draw requests from one address in a minute: a full shop behind one router is fine, a script is not (S37)."""

PAGE_TOKEN_LIFE_S = 60
ODDS_OF = 1_000_000

_LOOK = """
local person = redis.call('INCR', KEYS[1])
if person == 1 then redis.call('EXPIRE', KEYS[1], 90) end
local address = 0
if KEYS[2] ~= '' then
  address = redis.call('INCR', KEYS[2])
  if address == 1 then redis.call('EXPIRE', KEYS[2], 90) end
end
return {person, address, redis.call('GET', KEYS[3]), redis.call('GET', KEYS[4])}
"""
"""One round trip: count this request for the person and the address, fetch the shake and the person's draw."""


_LOOK_SHA = hashlib.sha1(_LOOK.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class GateDecision:
    """The outcome, and the signed parameters when it is `admitted`."""

    outcome: Outcome
    jump: Jump | None = None


@dataclass(frozen=True, slots=True)
class DrawRequest:
    """Who asks to draw: all of it from the session and the connection, only the shake ticket from the page."""

    openid: str
    session_id: str
    shake_ticket: str
    ip: str


@dataclass(frozen=True, slots=True)
class GateState:
    """What Redis said; without Redis the counts are 0 and the rest is unknown."""

    person: int = 0
    address: int = 0
    shake: str | None = None
    drawn: str | None = None


def page_token(runtime: Runtime, session_id: str, campaign_id: int, now_unix: float) -> str:
    """Proof that the page was served to this session less than 60 s ago (S37)."""
    return own_page.mark(_signer(runtime), f"{session_id}|{campaign_id}", now_unix)


def is_page_token(runtime: Runtime, token: str, session_id: str, campaign_id: int, now_unix: float) -> bool:
    """Whether a page token is ours, for this session and campaign, and fresh."""
    bound_to = f"{session_id}|{campaign_id}"
    return own_page.is_fresh(token, _signer(runtime), bound_to, now_unix, PAGE_TOKEN_LIFE_S)


def _signer(runtime: Runtime) -> Callable[[str], str]:
    return functools.partial(oauth.signature, runtime, "page")


def _is_loopback(ip: str) -> bool:
    return ip.startswith("127.") or ip == "::1"


def _look(draw_state: DrawState, campaign_id: int, asked: DrawRequest, hashed: str, now_unix: float) -> GateState:
    """Ask Redis once. When Redis is gone the counts are lost and SQL decides alone."""
    minute = int(now_unix) // 60
    # A proxy on this machine whose header is not trusted would make everybody one address: no address bucket then.
    address = "" if _is_loopback(asked.ip) else f"rate:draw:{asked.ip}:{minute}"
    keys = (
        f"rate:draw:{asked.openid}:{minute}",
        address,
        shakes.shake_key(hashed),
        drawn_key(campaign_id, asked.openid),
    )
    try:
        try:
            found = draw_state.line.call("EVALSHA", _LOOK_SHA, 4, *keys)
        except redis_client.exceptions.NoScriptError:
            found = draw_state.line.call("EVAL", _LOOK, 4, *keys)
    except redis_client.RedisError as error:
        log.warning("draw_without_redis", error=type(error).__name__)
        return GateState()
    person, from_address, shake, drawn = found
    return GateState(person, from_address, shake.decode() if shake else None, drawn.decode() if drawn else None)


def admit(runtime: Runtime, draw_state: DrawState, snapshot: CampaignSnapshot, asked: DrawRequest) -> GateDecision:
    """Whether this person may draw from this campaign now; when so, with the signed parameters.

    Repeating an admitted request hands out the same parameters again (S34).
    """
    now_unix = runtime.clock.unix()
    hashed = shakes.ticket_hash(asked.shake_ticket)
    seen = _look(draw_state, snapshot.campaign_id, asked, hashed, now_unix)
    if seen.person > DRAWS_PER_MINUTE or seen.address > IP_DRAWS_PER_MINUTE:
        return GateDecision(Outcome.TOO_OFTEN)
    if seen.drawn == "bound":
        return GateDecision(Outcome.ALREADY_DRAWN)
    refusal = snapshot.refusal(now_unix)
    if refusal is not None:
        return GateDecision(refusal)
    shake = _shake(runtime, asked, seen, now_unix)
    if isinstance(shake, Outcome):
        return GateDecision(shake)
    refusal = judge(shake, snapshot, asked.openid, now_unix)
    if refusal is not None:
        return GateDecision(refusal)
    if seen.drawn is not None:
        return GateDecision(Outcome.ADMITTED, Jump(*seen.drawn.split("|")[1:]))
    return _book(draw_state, snapshot, asked, hashed, shake, now_unix)


def _shake(runtime: Runtime, asked: DrawRequest, seen: GateState, now_unix: float) -> Shake | Outcome:
    """The proven shake, or the refusal when there is none; WeChat out of reach means no (S35)."""
    if not shakes.SHAKE_TICKET.fullmatch(asked.shake_ticket):
        return Outcome.NOT_BY_SHAKING
    if seen.shake is not None:
        return shakes.unpacked(seen.shake)
    try:
        return shakes.ask(runtime, asked.shake_ticket, now_unix)
    except shakes.NoShake:
        return Outcome.TICKET_TOO_OLD
    except shakes.CannotAsk:
        return Outcome.TRY_AGAIN


def judge(shake: Shake, snapshot: CampaignSnapshot, openid: str, now_unix: float) -> Outcome | None:
    """Why a proven shake does not open this campaign to this person, or None."""
    if shake.openid != openid:
        return Outcome.FOREIGN_TICKET
    if snapshot.page_id is None or shake.page_id != snapshot.page_id:
        return Outcome.NOT_BY_SHAKING
    if shake.is_too_old(now_unix):
        return Outcome.TICKET_TOO_OLD
    return None


def _book(
    draw_state: DrawState, snapshot: CampaignSnapshot, asked: DrawRequest, hashed: str, shake: Shake, now_unix: float
) -> GateDecision:
    """The durable part: one row per draw, decided by unique indexes (I8)."""
    now = from_unix(now_unix)
    admission = Admission(
        campaign_id=snapshot.campaign_id,
        openid=asked.openid,
        jump=jump(snapshot, asked.openid),
        shake_ticket_hash=hashed,
        device_id=shake.device_id,
        ip=asked.ip,
        day=f"{shanghai_day(now):%Y%m%d}",
        tries_per_person=snapshot.tries_per_person,
        tries_per_day=snapshot.tries_per_day,
        has_luck=secrets.randbelow(ODDS_OF) < snapshot.odds_ppm,
        now=now,
    )
    try:
        booked: Booked = draw_state.bookings.write(admission)
    except (SQLAlchemyError, TimeoutError):
        log.exception("draw_not_booked", campaign_id=snapshot.campaign_id)
        return GateDecision(Outcome.TRY_AGAIN)
    return GateDecision(booked.outcome, booked.jump)
