"""Decide whether this openid may draw now. Every gate is decided here, on the server, at the signing request.

A refusal or a repeated draw costs one Redis round trip and no SQL; an admitted draw adds one short transaction.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import redis as redis_client
from sqlalchemy.exc import SQLAlchemyError

from wxbot import addresses, oauth, own_page
from wxbot.clock import from_unix, shanghai_day
from wxbot.draws.admission import Admission, Booked
from wxbot.draws.draw_state import DrawState
from wxbot.draws.mechanic import Entrant, Proven, ticket_hash
from wxbot.draws.outcomes import Outcome
from wxbot.draws.snapshot import CampaignSnapshot
from wxbot.logs import get_logger
from wxbot.runtime import Runtime

log = get_logger(__name__)

DRAWS_PER_MINUTE = 10
"""Draw requests of one person in a minute (S34)."""

IP_DRAWS_PER_MINUTE = 600
"""Draw requests from one address in a minute: a full shop behind one router is fine, a script is not (S37)."""

PAGE_TOKEN_LIFE_S = 60

COUNT_KEPT_S = 90
"""A count is of one minute, and its key holds that minute's number."""


@dataclass(frozen=True, slots=True)
class GateDecision:
    """The outcome, and what is handed out when it is `admitted`."""

    outcome: Outcome
    handed_out: str | None = None


@dataclass(frozen=True, slots=True)
class DrawRequest:
    """Who asks to draw: openid, session and address from the session and the connection, the rest from the page."""

    openid: str
    session_id: str
    ticket: str
    ip: str
    channel_code: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class GateState:
    """What Redis said; without Redis the counts are 0 and the rest is unknown."""

    person: int = 0
    address: int = 0
    proof: str | None = None
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


def _look(
    draw_state: DrawState, snapshot: CampaignSnapshot, asked: DrawRequest, hashed: str, now_unix: float
) -> GateState:
    """Ask Redis once: count this request for the person and the address, fetch the proof and the person's draw.

    Plain commands in one piece: a script costs Redis twice as much. When Redis is gone the counts are lost and SQL decides alone.
    """
    minute = int(now_unix) // 60
    # A proxy on this machine whose header is not trusted would make everybody one address: no address bucket then.
    counted = "" if addresses.is_loopback(asked.ip) else addresses.counted(asked.ip)
    known = (
        snapshot.mechanic.proof_key(hashed),
        snapshot.mechanic.drawn_key(snapshot.campaign_id, asked.openid, hashed),
    )
    commands: list[tuple[str | int, ...]] = [("MGET", *known)]
    for one in (asked.openid, counted) if counted else (asked.openid,):
        key = f"rate:draw:{one}:{minute}"
        commands += [("INCR", key), ("EXPIRE", key, COUNT_KEPT_S)]
    try:
        (proof, drawn), person, _, *of_address = draw_state.line.call_all(*commands)
    except redis_client.RedisError as error:
        log.warning("draw_without_redis", error=type(error).__name__)
        return GateState()
    from_address = of_address[0] if of_address else 0
    return GateState(person, from_address, proof.decode() if proof else None, drawn.decode() if drawn else None)


def admit(runtime: Runtime, draw_state: DrawState, snapshot: CampaignSnapshot, asked: DrawRequest) -> GateDecision:
    """Whether this person may draw from this campaign now; when so, with what the mechanic hands out.

    Repeating an admitted request hands out the same again (S34).
    """
    now_unix = runtime.clock.unix()
    hashed = ticket_hash(asked.ticket)
    seen = _look(draw_state, snapshot, asked, hashed, now_unix)
    if seen.person > DRAWS_PER_MINUTE or seen.address > IP_DRAWS_PER_MINUTE:
        return GateDecision(Outcome.TOO_OFTEN)
    earlier, is_final = snapshot.mechanic.recall(seen.drawn) if seen.drawn is not None else (None, False)
    if earlier is not None and is_final:
        return GateDecision(earlier.outcome, earlier.handed_out)
    refusal = snapshot.refusal(now_unix)
    entrant = Entrant(asked.openid, asked.ticket, asked.password)
    if refusal is not None:
        earlier = snapshot.mechanic.stored(runtime, snapshot, entrant)
        return GateDecision(refusal) if earlier is None else GateDecision(earlier.outcome, earlier.handed_out)
    proven = snapshot.mechanic.prove(runtime, snapshot.stock, entrant, seen.proof, now_unix)
    if isinstance(proven, Outcome):
        return GateDecision(proven)
    if earlier is not None:
        return GateDecision(earlier.outcome, earlier.handed_out)
    return _book(draw_state, snapshot, asked, hashed, proven, now_unix)


def _book(
    draw_state: DrawState, snapshot: CampaignSnapshot, asked: DrawRequest, hashed: str, proven: Proven, now_unix: float
) -> GateDecision:
    """The durable part, decided by the mechanic's `book` in the commit that others share."""
    now, mechanic = from_unix(now_unix), snapshot.mechanic
    admission = Admission(
        campaign_id=snapshot.campaign_id,
        openid=asked.openid,
        handed_out=mechanic.hand_out(snapshot.stock, asked.openid),
        ticket_hash=hashed,
        device_id=proven.device_id,
        ip=asked.ip,
        day=f"{shanghai_day(now):%Y%m%d}",
        tries_per_person=snapshot.tries_per_person,
        tries_per_day=snapshot.tries_per_day,
        now=now,
        book=mechanic.book,
        drawn_key=mechanic.drawn_key(snapshot.campaign_id, asked.openid, hashed),
        stock=snapshot.stock,
        ticket=asked.ticket,
        channel_code=asked.channel_code,
    )
    try:
        booked: Booked = draw_state.bookings.write(admission)
    except (SQLAlchemyError, TimeoutError):
        log.exception("draw_not_booked", campaign_id=snapshot.campaign_id)
        return GateDecision(Outcome.TRY_AGAIN)
    return GateDecision(booked.outcome, booked.handed_out)
