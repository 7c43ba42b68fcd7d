"""What persons allowed to pages: OAuth codes, web tokens, refresh tokens (wechat-protocol §7.2-7.4)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from wxbot.simulator.ground import Ground, Switch
from wxbot.simulator.people import Person

CODE_LIFE_S = 300
TOKEN_LIFE_S = 7200
REFRESH_LIFE_S = 30 * 86_400

SWITCHES = (
    Switch("expired_code_errcode", "errcode for an OAuth code older than five minutes: 42003 or 40029.", 42003, "§7.2"),
    Switch(
        "snapshot_only_userinfo",
        "Snapshot mode shows only when snsapi_userinfo is asked; off: a snapshot person is virtual under both scopes.",
        False,
        "§7.4",
    ),
    Switch(
        "userinfo_silent_for_followers",
        "snsapi_userinfo asks nothing of a follower (documented for pages opened from the chat or menu).",
        True,
        "§7.1",
    ),
    Switch(
        "refusal_comes_back", "Refusing consent comes back with the state only; off: the page closes.", True, "§7.1"
    ),
    Switch("fragment_checked", "A browser's authorize page refuses an address without #wechat_redirect.", True, "§7.1"),
    Switch(
        "callback_opened_twice", "A browser opens the OAuth callback twice, as clients that prefetch do.", False, "§7.1"
    ),
    Switch(
        "snapshot_flag_missing", "The token reply leaves is_snapshotuser out, as reports say it may.", False, "§7.4"
    ),
    Switch("snapshot_userinfo_refused", "sns/userinfo answers 48001 to a snapshot person's token.", False, "§6.6"),
)


class GrantRefused(Exception):
    """A code or token does not work; `errcode` says why."""

    def __init__(self, errcode: int) -> None:
        super().__init__(errcode)
        self.errcode = errcode


@dataclass
class Grant:
    """One consent: a person (perhaps virtual), a scope. The same shape for code, token and refresh token."""

    person_id: int
    openid: str
    scope: str
    is_snapshot: bool
    expires_at: float
    is_used: bool = False


class Grants:
    """Codes, tokens and refresh tokens by their text."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.codes: dict[str, Grant] = {}
        self.tokens: dict[str, Grant] = {}
        self.refreshes: dict[str, Grant] = {}

    def issue_code(self, person: Person, scope: str, is_forced_snapshot: bool = False) -> str:
        """A code for five minutes and one use (§7.1)."""
        is_snapshot = person.is_snapshot or is_forced_snapshot
        if is_snapshot and scope == "snsapi_base" and self.ground.switches["snapshot_only_userinfo"]:
            is_snapshot = False
        openid = person.snapshot_openid if is_snapshot else person.openid
        code = "021" + self.ground.chance.letters(29)
        now = self.ground.clock.now()
        self.codes[code] = Grant(person.id, openid, scope, is_snapshot, now + CODE_LIFE_S)
        self._forget(self.codes, now)
        return code

    def exchange(self, code: str) -> tuple[Grant, dict[str, Any]]:
        """Code for token. Raises GrantRefused: 40029 unknown, 40163 used, 42003 too old (§7.2)."""
        grant = self.codes.get(code)
        if grant is None:
            raise GrantRefused(40029)
        if grant.is_used:
            raise GrantRefused(40163)
        now = self.ground.clock.now()
        if now >= grant.expires_at:
            raise GrantRefused(self.ground.switches["expired_code_errcode"])
        grant.is_used = True
        refresh = self._put(self.refreshes, grant, now + REFRESH_LIFE_S)
        return grant, self._token(grant, refresh)

    def refresh(self, refresh_token: str) -> dict[str, Any]:
        """A new web token. Raises GrantRefused: 40030 unknown, 42002 older than 30 days (§7.3)."""
        grant = self.refreshes.get(refresh_token)
        if grant is None:
            raise GrantRefused(40030)
        if self.ground.clock.now() >= grant.expires_at:
            raise GrantRefused(42002)
        return self._token(grant, refresh_token)

    def check(self, token: str, openid: str) -> Grant:
        """The grant behind a web token. Raises GrantRefused: 41001, 41009, 40001, 42001, 40003 (§7.3)."""
        if not token:
            raise GrantRefused(41001)
        if not openid:
            raise GrantRefused(41009)
        grant = self.tokens.get(token)
        if grant is None:
            raise GrantRefused(40001)
        if self.ground.clock.now() >= grant.expires_at:
            raise GrantRefused(42001)
        if grant.openid != openid:
            raise GrantRefused(40003)
        return grant

    def _token(self, grant: Grant, refresh_token: str) -> dict[str, Any]:
        now = self.ground.clock.now()
        self._forget(self.tokens, now)
        return {
            "access_token": self._put(self.tokens, grant, now + TOKEN_LIFE_S),
            "expires_in": TOKEN_LIFE_S,
            "refresh_token": refresh_token,
            "openid": grant.openid,
            "scope": grant.scope,
        }

    def _put(self, shelf: dict[str, Grant], grant: Grant, expires_at: float) -> str:
        value = "82_" + self.ground.chance.letters(86)
        shelf[value] = Grant(grant.person_id, grant.openid, grant.scope, grant.is_snapshot, expires_at)
        return value

    def _forget(self, shelf: dict[str, Grant], now: float) -> None:
        """Keeps the shelf from growing without end; the dead stay known for an hour."""
        if len(shelf) < 20_000:
            return
        for value in [value for value, grant in shelf.items() if grant.expires_at < now - 3600]:
            del shelf[value]

    def to_state(self) -> dict[str, Any]:
        shelves = {"codes": self.codes, "tokens": self.tokens, "refreshes": self.refreshes}
        return {name: {value: asdict(grant) for value, grant in shelf.items()} for name, shelf in shelves.items()}

    def load_state(self, saved: dict[str, Any]) -> None:
        for name in ("codes", "tokens", "refreshes"):
            setattr(self, name, {value: Grant(**fields) for value, fields in saved[name].items()})
