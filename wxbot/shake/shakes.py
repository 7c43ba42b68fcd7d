"""Proof of a shake: WeChat tells once who shook and where, Redis keeps the answer for the ticket's 30 minutes (S35)."""

import re
from dataclasses import dataclass

import redis as redis_client

from wxbot import rate_limit
from wxbot.draws.mechanic import Entrant, ticket_hash
from wxbot.draws.outcomes import Outcome
from wxbot.logs import get_logger
from wxbot.rate_limit import Rate
from wxbot.runtime import Runtime
from wxbot.shake.stock import LotteryStock
from wxbot.text import Text
from wxbot.wechat.errors import Refused, WeChatError
from wxbot.wechat.limits import SHAKE_TICKET_LIFE_S

log = get_logger(__name__)

SHAKE_TICKET = re.compile(r"[A-Za-z0-9_.+/=-]{8,512}")

ARRIVAL = Text("摇一摇进来", "Came by shaking")

SHAKES_ASKED = Rate(20, 60)
"""Shake tickets of one person that a page load may ask WeChat about in a minute."""


class NoShake(Exception):
    """WeChat does not know the ticket, or no longer: it is made up or past its 30 minutes."""


class CannotAsk(Exception):
    """WeChat could not be asked; nobody draws on an unproven shake."""


@dataclass(frozen=True, slots=True)
class Shake:
    """Who shook, which page the shake opened, at which beacon, and when we first saw it (Unix seconds)."""

    openid: str
    page_id: int
    device_id: str
    seen_unix: int

    def is_too_old(self, now_unix: float) -> bool:
        """Past the 30 minutes that WeChat gives a shake ticket (wechat-protocol §2.9)."""
        return now_unix - self.seen_unix > SHAKE_TICKET_LIFE_S

    def packed(self) -> str:
        """One line for Redis."""
        return f"{self.openid}|{self.page_id}|{self.device_id}|{self.seen_unix}"


def unpacked(line: str) -> Shake:
    """What `packed` made."""
    openid, page_id, device_id, seen_unix = line.split("|")
    return Shake(openid, int(page_id), device_id, int(seen_unix))


def shake_key(hashed: str) -> str:
    """The Redis key under which a proven shake stands."""
    return f"shake:{hashed}"


def ask(runtime: Runtime, shake_ticket: str, now_unix: float) -> Shake:
    """Ask WeChat about a shake ticket and keep the answer. Raises NoShake or CannotAsk."""
    try:
        found = runtime.shakearound.getshakeinfo(shake_ticket)
    except Refused as error:
        if error.code == "9001003":
            raise NoShake from error
        log.warning("getshakeinfo_refused", err_code=error.code)
        raise CannotAsk from error
    except (WeChatError, redis_client.RedisError) as error:
        log.warning("getshakeinfo_unanswered", error=type(error).__name__)
        raise CannotAsk from error
    shake = Shake(found.openid, found.page_id, f"{found.major}:{found.minor}", int(now_unix))
    keep(runtime, shake_ticket, shake)
    return shake


def keep(runtime: Runtime, shake_ticket: str, shake: Shake) -> None:
    """Remember a proven shake; the first sight stays, so that a repeated look never makes it younger."""
    try:
        runtime.redis.set(shake_key(ticket_hash(shake_ticket)), shake.packed(), ex=SHAKE_TICKET_LIFE_S, nx=True)
    except redis_client.RedisError:
        log.warning("shake_not_kept")


def look(runtime: Runtime, shake_ticket: str, now_unix: float) -> Shake:
    """The proven shake behind a ticket, from Redis or from WeChat. Raises NoShake or CannotAsk."""
    if not SHAKE_TICKET.fullmatch(shake_ticket):
        raise NoShake
    try:
        line = runtime.redis.get(shake_key(ticket_hash(shake_ticket)))
    except redis_client.RedisError:
        line = None
    return unpacked(line) if isinstance(line, str) else ask(runtime, shake_ticket, now_unix)


def prove(
    runtime: Runtime, stock: LotteryStock, entrant: Entrant, kept: str | None, now_unix: float
) -> Shake | Outcome:
    """The proven shake, or the refusal when there is none; WeChat out of reach means no (S35)."""
    if not SHAKE_TICKET.fullmatch(entrant.ticket):
        return Outcome.NOT_BY_SHAKING
    try:
        shake = unpacked(kept) if kept is not None else ask(runtime, entrant.ticket, now_unix)
    except NoShake:
        return Outcome.TICKET_TOO_OLD
    except CannotAsk:
        return Outcome.TRY_AGAIN
    return judge(shake, stock, entrant.openid, now_unix) or shake


def judge(shake: Shake, stock: LotteryStock, openid: str, now_unix: float) -> Outcome | None:
    """Why a proven shake does not open this campaign to this person, or None."""
    if shake.openid != openid:
        return Outcome.FOREIGN_TICKET
    if stock.page_id is None or shake.page_id != stock.page_id:
        return Outcome.NOT_BY_SHAKING
    if shake.is_too_old(now_unix):
        return Outcome.TICKET_TOO_OLD
    return None


def welcome(runtime: Runtime, stock: LotteryStock, entrant: Entrant, now_unix: float) -> Outcome | None:
    """What is wrong with the way this person came in, or None; asked here so that the draw itself finds it in Redis."""
    if not SHAKE_TICKET.fullmatch(entrant.ticket):
        return Outcome.NOT_BY_SHAKING
    if rate_limit.is_over(runtime, f"look:{entrant.openid}", SHAKES_ASKED):
        return Outcome.TOO_OFTEN
    try:
        shake = look(runtime, entrant.ticket, now_unix)
    except NoShake:
        return Outcome.TICKET_TOO_OLD
    except CannotAsk:
        return None  # the page opens; the draw asks again and decides
    return judge(shake, stock, entrant.openid, now_unix)
