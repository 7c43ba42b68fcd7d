"""access_token and jsapi_ticket, shared by all processes through Redis, refreshed by one process at a time.

Redis holds the token, a lock and a counter; nothing in it may be missed (money.md I18). When it is emptied, the next
fetch goes to stable_token, which hands the same token to everybody (wechat-protocol §6.2); when it cannot be reached,
each process keeps its own copy from the same call. A write carries the lock's number, so a slow refresher never
overwrites a newer token (money.md F53).
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis as redis_client

from wxbot.wechat import limits
from wxbot.wechat.api import JSON_TYPE, read_json, refuse_errcode
from wxbot.wechat.errors import NotSent, Refused, Unanswered
from wxbot.wechat.http import Transport, json_body

log = logging.getLogger(__name__)

RENEW_BEFORE_S = limits.TOKEN_OVERLAP_S - 60
"""A token this close to its end is renewed by whoever notices first, while the others go on using it. Inside the last
five minutes, because before them stable_token hands out the old token again (wechat-protocol §6.2)."""

EARLY_GAP_S = 20
"""Early renewals are tried this often at most: one that fails or brings nothing new must not slow down every call."""

LOCK_S = 30
"""Longer than a fetch can take (25 s in all); a dead refresher blocks the others no longer than this."""

WAIT_S = 8.0
"""How long a caller without any token waits for the refresher."""

_LOOK_AGAIN_S = 0.03
_SAFETY_S = 5
_OWN_SAFETY_S = 60

_STORE = """
local known = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if known > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'token', ARGV[2], 'expires_at', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
"""
"""Compare and set: only a refresher that took the lock later may replace what is stored."""

_UNLOCK = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A token fresh from WeChat and its remaining life in seconds."""

    token: str
    expires_in_s: int


@dataclass(frozen=True, slots=True)
class _Held:
    token: str
    expires_at: float
    """Unix seconds."""

    def life_s(self, now_s: float) -> float:
        return self.expires_at - now_s


Fetch = Callable[[bool], Fetched]
"""fetch(is_forced): ask WeChat; forced only when the normal answer is a token WeChat itself has just refused."""


class SharedToken:
    """One secret of one account that every process uses and one process at a time renews."""

    def __init__(
        self,
        redis: redis_client.Redis,
        key: str,
        fetch: Fetch,
        *,
        clock: Callable[[], float] = time.time,
        wait_s: float = WAIT_S,
    ) -> None:
        self._redis: Any = redis
        self._key = key
        self._fetch = fetch
        self._clock = clock
        self._wait_s = wait_s
        self._store = redis.register_script(_STORE)
        self._unlock = redis.register_script(_UNLOCK)
        self._own: _Held | None = None
        self._own_lock = threading.Lock()

    def get(self) -> str:
        """The token to use now, renewed early and by one process only."""
        try:
            held = self._read()
            life_s = held.life_s(self._clock()) if held else 0.0
            if held is not None and life_s > RENEW_BEFORE_S:
                return held.token
            return self._renewed(held, refused=None)
        except redis_client.RedisError:
            log.warning("wechat_token_redis_unreachable")
            return self._from_own_memory(refused=None)

    def renewed(self, refused: str) -> str:
        """A token other than the one WeChat has just refused: re-read first, fetch only if it is still the same (F52)."""
        try:
            held = self._read()
            if held is not None and held.token != refused and held.life_s(self._clock()) > _SAFETY_S:
                return held.token
            return self._renewed(None, refused=refused)
        except redis_client.RedisError:
            log.warning("wechat_token_redis_unreachable")
            return self._from_own_memory(refused=refused)

    def _read(self) -> _Held | None:
        token, expires_at = (_text(value) for value in self._redis.hmget(self._key, "token", "expires_at"))
        if not token:
            return None
        try:
            return _Held(token, float(expires_at))
        except ValueError:
            return None

    def _renewed(self, usable: _Held | None, refused: str | None) -> str:
        """Renew under the lock; who does not get it uses the old token while it lives, or waits for the new one."""
        is_usable = usable is not None and usable.life_s(self._clock()) > _SAFETY_S
        if is_usable and usable and not self._redis.set(f"{self._key}:early", "1", nx=True, ex=EARLY_GAP_S):
            return usable.token
        lock = f"{self._key}:lock"
        give_up_at = time.monotonic() + self._wait_s
        while True:
            mark = secrets.token_hex(8)
            if self._redis.set(lock, mark, nx=True, ex=LOCK_S):
                try:
                    return self._renew_as_holder(usable, refused)
                finally:
                    self._unlock(keys=[lock], args=[mark])
            if usable is not None and usable.life_s(self._clock()) > _SAFETY_S:
                return usable.token
            if time.monotonic() > give_up_at:
                raise NotSent("no token: another process is fetching it and has not finished")
            time.sleep(_LOOK_AGAIN_S)
            held = self._read()
            if held is not None and held.token != refused and held.life_s(self._clock()) > _SAFETY_S:
                return held.token

    def _renew_as_holder(self, usable: _Held | None, refused: str | None) -> str:
        epoch = int(self._redis.incr(f"{self._key}:epoch"))
        held = self._read()  # somebody may have renewed between our look and our lock
        if held is not None and held.token != refused and held.life_s(self._clock()) > RENEW_BEFORE_S:
            return held.token
        try:
            fetched = self._fetched(refused)
        except (NotSent, Unanswered):
            if usable is not None and usable.life_s(self._clock()) > _SAFETY_S:
                log.warning("wechat_token_early_renewal_failed")
                return usable.token
            raise
        self._own = _Held(fetched.token, self._clock() + fetched.expires_in_s)
        self._store(
            keys=[self._key],
            args=[epoch, fetched.token, self._own.expires_at, max(1, fetched.expires_in_s)],
        )
        log.info("wechat_token_renewed")
        return fetched.token

    def _fetched(self, refused: str | None) -> Fetched:
        """Fetch; when WeChat hands out the very token it has refused, force a new one, at most every 30 s (§6.2)."""
        fetched = self._fetch(False)
        if refused is None or fetched.token != refused:
            return fetched
        may_force = self._redis.set(f"{self._key}:forced", "1", nx=True, ex=2 * limits.STABLE_TOKEN_FORCED_GAP_S)
        return self._fetch(True) if may_force else fetched

    def _from_own_memory(self, refused: str | None) -> str:
        """Without Redis: this process's own copy, from the call that gives everybody the same token."""
        with self._own_lock:
            own = self._own
            if own is not None and own.token != refused and own.life_s(self._clock()) > _OWN_SAFETY_S:
                return own.token
            fetched = self._fetch(False)
            self._own = _Held(fetched.token, self._clock() + fetched.expires_in_s)
            return fetched.token


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode()
    return value if isinstance(value, str) else ""


class Tokens:
    """The access_token and the jsapi_ticket of one official account."""

    def __init__(
        self,
        redis: redis_client.Redis,
        transport: Transport,
        api_base: str,
        appid: str,
        appsecret: str,
        *,
        clock: Callable[[], float] = time.time,
        wait_s: float = WAIT_S,
    ) -> None:
        self._transport = transport
        self._api_base = api_base
        self._appid = appid
        self._appsecret = appsecret
        self._access = SharedToken(
            redis, f"wechat:{appid}:access_token", self._fetch_access_token, clock=clock, wait_s=wait_s
        )
        self._ticket = SharedToken(
            redis, f"wechat:{appid}:jsapi_ticket", self._fetch_jsapi_ticket, clock=clock, wait_s=wait_s
        )

    def access_token(self) -> str:
        """The token for `/cgi-bin` and `/shakearound` calls (wechat-protocol §6.1)."""
        return self._access.get()

    def renewed_access_token(self, refused: str) -> str:
        """A token other than `refused`, which WeChat answered with 40001, 40014 or 42001."""
        return self._access.renewed(refused)

    def jsapi_ticket(self) -> str:
        """The ticket that signs wx.config (wechat-protocol §6.3)."""
        return self._ticket.get()

    def _fetch_access_token(self, is_forced: bool) -> Fetched:
        """stable_token: the same token for every caller until it nears its end (wechat-protocol §6.2)."""
        hidden = (self._appsecret,)
        reply = self._transport.send(
            "POST",
            f"{self._api_base}/cgi-bin/stable_token",
            body=json_body(
                {
                    "grant_type": "client_credential",
                    "appid": self._appid,
                    "secret": self._appsecret,
                    "force_refresh": is_forced,
                }
            ),
            content_type=JSON_TYPE,
            secrets=hidden,
        )
        answer = read_json(reply, "POST /cgi-bin/stable_token", hidden)
        refuse_errcode(answer, "mp", hidden)
        return _fetched_from(answer, "access_token", "stable_token")

    def _fetch_jsapi_ticket(self, _is_forced: bool) -> Fetched:
        token = self.access_token()
        for is_last in (False, True):
            reply = self._transport.send(
                "GET",
                f"{self._api_base}/cgi-bin/ticket/getticket",
                params={"access_token": token, "type": "jsapi"},
                secrets=(token,),
            )
            answer = read_json(reply, "GET /cgi-bin/ticket/getticket", (token,))
            try:
                refuse_errcode(answer, "mp", (token,))
            except Refused as refusal:
                if is_last or refusal.row.retry != "refresh":
                    raise
                token = self.renewed_access_token(token)
                continue
            return _fetched_from(answer, "ticket", "getticket")
        raise AssertionError("unreachable")  # the second round returns or raises


def _fetched_from(answer: dict[str, Any], name: str, label: str) -> Fetched:
    token, life_s = answer.get(name), answer.get("expires_in")
    if not isinstance(token, str) or not token or isinstance(life_s, bool) or not isinstance(life_s, int):
        raise Unanswered(f"{label}: no {name} in the reply", reason="unreadable", status=200)
    return Fetched(token, min(max(life_s, 0), 2 * limits.TOKEN_LIFE_S))
