"""Access tokens, JS tickets and quotas of the account (wechat-protocol §6)."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from wxbot.simulator.ground import Ground, Switch

BEIJING = timezone(timedelta(hours=8))

TOKEN_LIFE_S = 7200
OVERLAP_S = 300
FORCED_A_DAY = 20
FORCED_APART_S = 30
CLEARS_A_MONTH = 10

#: Calls a day (§6.5; the follower-list and media figures are the documented defaults of a new account).
DAILY = {
    "/cgi-bin/token": 2000,
    "/cgi-bin/stable_token": 500_000,
    "/cgi-bin/menu/create": 1000,
    "/cgi-bin/menu/get": 10_000,
    "/cgi-bin/menu/delete": 1000,
    "/cgi-bin/media/upload": 5000,
    "/cgi-bin/media/get": 10_000,
    "/cgi-bin/message/custom/send": 500_000,
    "/cgi-bin/qrcode/create": 100_000,
    "/cgi-bin/user/get": 500,
    "/cgi-bin/user/info": 5_000_000,
}
#: Calls a minute (§6.2, §6.5).
PER_MINUTE = {"/cgi-bin/stable_token": 10_000, "/sns/oauth2/access_token": 50_000}

SWITCHES = (
    Switch(
        "escapes_refused", r"Every JSON body with \uXXXX escapes gets 40033, not only menus and messages.", True, "§0.2"
    ),
    Switch(
        "force_refresh_too_soon_refused",
        "A second force_refresh within 30 s is refused with 45009; off: the current token comes back.",
        False,
        "§6.2",
    ),
    Switch(
        "jsapi_ticket_repeats",
        "getticket gives the same ticket while it lives; off: a new one each time.",
        True,
        "§6.3",
    ),
    Switch("wrong_secret_code", "errcode for a wrong appsecret: 40125 (new) or 40001 (old).", 40125, "§6.1"),
)


@dataclass
class Token:
    """One access_token ever given out. `was_replaced` tells 40001 from 42001."""

    value: str
    kind: str
    issued_at: float
    expires_at: float
    was_replaced: bool = False


class Accounts:
    """What the account holds at WeChat: tokens, tickets, the day's counts."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.reset()

    def reset(self) -> None:
        self.tokens: dict[str, Token] = {}
        self.current: dict[str, str] = {}
        self.tickets: dict[str, list[Any]] = {}
        self.counts: Counter[str] = Counter()
        self.counted_on = ""
        self.minute = 0
        self.minute_counts: Counter[str] = Counter()
        self.forced_at: list[float] = []
        self.cleared_in: list[str] = []
        self.limits = dict(DAILY)

    # -- tokens -------------------------------------------------------------------------------------------------

    def fetch(self) -> tuple[str, int]:
        """GET /cgi-bin/token: a new token; the old one lives five more minutes (§6.1)."""
        return self._replace("plain", OVERLAP_S), TOKEN_LIFE_S

    def fetch_stable(self, is_forced: bool) -> tuple[str, int] | None:
        """POST /cgi-bin/stable_token (§6.2). None: forced too often (45009). Never touches the tokens of `fetch`."""
        now = self.ground.clock.now()
        current = self.tokens.get(self.current.get("stable", ""))
        if current is not None and current.expires_at <= now:
            current = None
        if not is_forced:
            if current is not None and current.expires_at - now > OVERLAP_S:
                return current.value, int(current.expires_at - now)
            return self._replace("stable", OVERLAP_S), TOKEN_LIFE_S
        today = beijing_day(now)
        self.forced_at = [at for at in self.forced_at if beijing_day(at) == today]
        if current is not None and self.forced_at and now - self.forced_at[-1] < FORCED_APART_S:
            if self.ground.switches["force_refresh_too_soon_refused"]:
                return None
            return current.value, int(current.expires_at - now)
        if len(self.forced_at) >= FORCED_A_DAY:
            return None
        self.forced_at.append(now)
        return self._replace("stable", 0), TOKEN_LIFE_S

    def _replace(self, kind: str, overlap_s: int) -> str:
        now = self.ground.clock.now()
        old = self.tokens.get(self.current.get(kind, ""))
        if old is not None:
            if now < old.expires_at:
                old.was_replaced = True
            old.expires_at = min(old.expires_at, now + overlap_s)
        value = "81_" + self.ground.chance.letters(133)
        self.tokens[value] = Token(value, kind, now, now + TOKEN_LIFE_S)
        self.current[kind] = value
        if len(self.tokens) > 500:
            self.tokens = {v: t for v, t in self.tokens.items() if t.expires_at > now - 86_400}
        return value

    def check_token(self, value: str) -> int:
        """0 when the token is alive, else 41001 (none), 42001 (its time is over), 40001 (unknown or replaced) (§6.6)."""
        if not value:
            return 41001
        token = self.tokens.get(value)
        if token is None:
            return 40001
        if self.ground.clock.now() < token.expires_at:
            return 0
        return 40001 if token.was_replaced else 42001

    def invalidate(self) -> None:
        """Every living token stops working at once, as after a fetch by another program: 40001."""
        now = self.ground.clock.now()
        for token in self.tokens.values():
            if token.expires_at > now:
                token.expires_at = now
                token.was_replaced = True

    def is_ip_allowed(self, ip: str) -> bool:
        """An empty whitelist allows everyone (§6.1: 40164 otherwise)."""
        allowed = self.ground.account.ip_whitelist
        return not allowed or ip in allowed

    # -- tickets ------------------------------------------------------------------------------------------------

    def fetch_ticket(self, kind: str) -> tuple[str, int]:
        """getticket: lives 7200 s (§6.3)."""
        now = self.ground.clock.now()
        living = [pair for pair in self.tickets.get(kind, []) if pair[1] > now]
        if living and self.ground.switches["jsapi_ticket_repeats"]:
            value, expires_at = living[-1]
            return value, int(expires_at - now)
        value = "kgt8" + self.ground.chance.letters(82)
        self.tickets[kind] = [*living[-50:], [value, now + TOKEN_LIFE_S]]
        return value, TOKEN_LIFE_S

    def living_tickets(self, kind: str = "jsapi") -> list[str]:
        """Every ticket a page may be signed with now (§6.4)."""
        now = self.ground.clock.now()
        return [value for value, expires_at in self.tickets.get(kind, []) if expires_at > now]

    # -- quotas -------------------------------------------------------------------------------------------------

    def spend(self, path: str) -> int:
        """Counts one call: 0, or 45009 over the day's limit, 45011 over the minute's (§6.5)."""
        limit = self.limits.get(path)
        per_minute = PER_MINUTE.get(path)
        if limit is None and per_minute is None:
            return 0
        now = self.ground.clock.now()
        if per_minute is not None:
            if self.minute != int(now // 60):
                self.minute, self.minute_counts = int(now // 60), Counter()
            self.minute_counts[path] += 1
            if self.minute_counts[path] > per_minute:
                return 45011
        if limit is not None:
            today = beijing_day(now)
            if self.counted_on != today:
                self.counted_on, self.counts = today, Counter()
            if self.counts[path] >= limit:
                return 45009
            self.counts[path] += 1
        return 0

    def clear_quota(self) -> bool:
        """Sets the day's counts to zero, ten times a month; False: 48006 (§6.5)."""
        month = beijing_day(self.ground.clock.now())[:7]
        self.cleared_in = [each for each in self.cleared_in if each == month]
        if len(self.cleared_in) >= CLEARS_A_MONTH:
            return False
        self.cleared_in.append(month)
        self.counts = Counter()
        return True

    # -- saved --------------------------------------------------------------------------------------------------

    def to_state(self) -> dict[str, Any]:
        return {
            "tokens": [dataclasses.asdict(token) for token in self.tokens.values()],
            "current": dict(self.current),
            "tickets": {kind: [list(pair) for pair in pairs] for kind, pairs in self.tickets.items()},
            "counts": dict(self.counts),
            "counted_on": self.counted_on,
            "forced_at": list(self.forced_at),
            "cleared_in": list(self.cleared_in),
            "limits": dict(self.limits),
        }

    def load_state(self, saved: dict[str, Any]) -> None:
        self.reset()
        self.tokens = {each["value"]: Token(**each) for each in saved["tokens"]}
        self.current = dict(saved["current"])
        self.tickets = {kind: [list(pair) for pair in pairs] for kind, pairs in saved["tickets"].items()}
        self.counts = Counter(saved["counts"])
        self.counted_on = saved["counted_on"]
        self.forced_at = list(saved["forced_at"])
        self.cleared_in = list(saved["cleared_in"])
        self.limits = dict(saved["limits"])


def beijing_day(at: float) -> str:
    """The day in Beijing, as quotas count it."""
    return datetime.fromtimestamp(at, UTC).astimezone(BEIJING).strftime("%Y-%m-%d")
