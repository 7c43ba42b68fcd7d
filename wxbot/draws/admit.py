"""Decide whether this openid may draw now. Every gate is decided here, on the server, at the signing request.

A refusal or a repeated draw costs one Redis round trip and no SQL; an admitted draw adds one short transaction.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Asking:
    """One request to draw at the gates, at one moment; `refusal` is why nobody may draw then, or None."""

    snapshot: CampaignSnapshot
    asked: DrawRequest
    now_unix: float
    hashed: str
    refusal: Outcome | None


def at_gates(snapshot: CampaignSnapshot, asked: DrawRequest, now_unix: float) -> Asking:
    """A request to draw at this moment."""
    return Asking(snapshot, asked, now_unix, ticket_hash(asked.ticket), snapshot.refusal(now_unix))


def _commands(asking: Asking) -> list[tuple[str | int, ...]]:
    """Count this request for the person and the address, fetch the proof and the person's draw."""
    asked, mechanic = asking.asked, asking.snapshot.mechanic
    minute = int(asking.now_unix) // 60
    # A proxy on this machine whose header is not trusted would make everybody one address: no address bucket then.
    counted = "" if addresses.is_loopback(asked.ip) else addresses.counted(asked.ip)
    known = (
        mechanic.proof_key(asking.hashed),
        mechanic.drawn_key(asking.snapshot.campaign_id, asked.openid, asking.hashed),
    )
    commands: list[tuple[str | int, ...]] = [("MGET", *known)]
    for one in (asked.openid, counted) if counted else (asked.openid,):
        key = f"rate:draw:{one}:{minute}"
        commands += [("INCR", key), ("EXPIRE", key, COUNT_KEPT_S)]
    return commands


def look(draw_state: DrawState, asking: Sequence[Asking]) -> list[GateState]:
    """Ask Redis once for all of these.

    Plain commands in one piece: a script costs Redis twice as much. When Redis is gone the counts are lost and SQL decides alone.
    """
    asked = [_commands(one) for one in asking]
    try:
        answers = iter(draw_state.line.call_all(*chain.from_iterable(asked)))
    except redis_client.RedisError as error:
        log.warning("draw_without_redis", error=type(error).__name__)
        return [GateState() for _ in asking]
    return [_state(list(islice(answers, len(commands)))) for commands in asked]


def _state(answers: Sequence[Any]) -> GateState:
    (proof, drawn), person, _, *of_address = answers
    from_address = of_address[0] if of_address else 0
    return GateState(person, from_address, proof.decode() if proof else None, drawn.decode() if drawn else None)


def asks_others(asking: Asking, seen: GateState) -> bool:
    """Whether `judge` may have to wait for the database or for WeChat."""
    return asking.refusal is not None or (seen.proof is None and not asking.snapshot.mechanic.proves_alone)


def judge(runtime: Runtime, asking: Asking, seen: GateState) -> GateDecision | Admission:
    """What Redis and the gates say of this request: its end, or what is to be booked.

    Repeating an admitted request hands out the same again (S34).
    """
    if seen.person > DRAWS_PER_MINUTE or seen.address > IP_DRAWS_PER_MINUTE:
        return GateDecision(Outcome.TOO_OFTEN)
    snapshot, asked, mechanic = asking.snapshot, asking.asked, asking.snapshot.mechanic
    earlier, is_final = mechanic.recall(seen.drawn) if seen.drawn is not None else (None, False)
    if earlier is not None and is_final:
        return GateDecision(earlier.outcome, earlier.handed_out)
    entrant = Entrant(asked.openid, asked.ticket, asked.password)
    if asking.refusal is not None:
        earlier = mechanic.stored(runtime, snapshot, entrant)
        return GateDecision(asking.refusal) if earlier is None else GateDecision(earlier.outcome, earlier.handed_out)
    proven = mechanic.prove(runtime, snapshot.stock, entrant, seen.proof, asking.now_unix)
    if isinstance(proven, Outcome):
        return GateDecision(proven)
    if earlier is not None:
        return GateDecision(earlier.outcome, earlier.handed_out)
    return _admission(asking, proven)


def finish(draw_state: DrawState, asking: Asking, found: GateDecision | Admission) -> GateDecision:
    """What `judge` found, booked when it is to be: waits for the commit."""
    if isinstance(found, GateDecision):
        return found
    try:
        return decided(draw_state.bookings.write(found))
    except (SQLAlchemyError, TimeoutError):
        return not_booked(asking)


def decided(booked: Booked) -> GateDecision:
    """What the commit made of it."""
    return GateDecision(booked.outcome, booked.handed_out)


def not_booked(asking: Asking, error: BaseException | None = None) -> GateDecision:
    """There was no commit; `error` says why where it is not the one being handled."""
    log.error("draw_not_booked", campaign_id=asking.snapshot.campaign_id, exc_info=error or True)
    return GateDecision(Outcome.TRY_AGAIN)


def _admission(asking: Asking, proven: Proven) -> Admission:
    """The durable part, which the mechanic's `book` decides in the commit that others share."""
    snapshot, asked, mechanic = asking.snapshot, asking.asked, asking.snapshot.mechanic
    now = from_unix(asking.now_unix)
    return Admission(
        campaign_id=snapshot.campaign_id,
        openid=asked.openid,
        handed_out=mechanic.hand_out(snapshot.stock, asked.openid),
        ticket_hash=asking.hashed,
        device_id=proven.device_id,
        ip=asked.ip,
        day=f"{shanghai_day(now):%Y%m%d}",
        tries_per_person=snapshot.tries_per_person,
        tries_per_day=snapshot.tries_per_day,
        now=now,
        book=mechanic.book,
        drawn_key=mechanic.drawn_key(snapshot.campaign_id, asked.openid, asking.hashed),
        stock=snapshot.stock,
        ticket=asked.ticket,
        channel_code=asked.channel_code,
    )
