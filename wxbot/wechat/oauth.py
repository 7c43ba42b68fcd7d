"""Web OAuth: where to send the phone, and what a code says about the person (wechat-protocol §7)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from wxbot.wechat import limits
from wxbot.wechat.api import plain_text, read_json, refuse_errcode
from wxbot.wechat.errors import Unanswered
from wxbot.wechat.http import Transport

Scope = Literal["snsapi_base", "snsapi_userinfo"]

_STATE = re.compile(rf"[a-zA-Z0-9]{{1,{limits.OAUTH_STATE_BYTES}}}")
_OPENID = re.compile(r"[0-9A-Za-z_\-]{1,64}")


@dataclass(frozen=True, slots=True)
class OAuthAnswer:
    """Who holds the phone. A snapshot user is a virtual account: never bind money to it (wechat-protocol §7.4)."""

    openid: str
    is_snapshot: bool
    scope: str
    oauth_access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in_s: int
    unionid: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """What snsapi_userinfo reveals; texts are whatever the person typed."""

    openid: str
    nickname: str
    avatar_url: str
    unionid: str = ""


def authorize_url(
    appid: str,
    redirect_uri: str,
    state: str,
    *,
    scope: Scope = "snsapi_base",
    open_base: str = "https://open.weixin.qq.com",
    force_snapshot: bool = False,
) -> str:
    """The authorize page's URL, built by hand: WeChat insists on this very order and fragment (wechat-protocol §7.1)."""
    if not _STATE.fullmatch(state):
        raise ValueError("state must be 1-128 letters and digits")
    extra = "&forceSnapShot=true" if force_snapshot else ""
    return (
        f"{open_base}/connect/oauth2/authorize?appid={quote(appid, safe='')}"
        f"&redirect_uri={quote(redirect_uri, safe='')}&response_type=code&scope={scope}&state={state}{extra}"
        "#wechat_redirect"
    )


class OAuth:
    """Exchanges codes for openids. Codes are single use: a second exchange of one is Refused with 40163."""

    def __init__(self, transport: Transport, api_base: str, open_base: str, appid: str, appsecret: str) -> None:
        self._transport = transport
        self._api_base = api_base
        self._open_base = open_base
        self._appid = appid
        self._appsecret = appsecret

    def authorize_url(
        self, redirect_uri: str, state: str, *, scope: Scope = "snsapi_base", force_snapshot: bool = False
    ) -> str:
        """Where to send the phone; it comes back to `redirect_uri` with code and state."""
        return authorize_url(
            self._appid,
            redirect_uri,
            state,
            scope=scope,
            open_base=self._open_base,
            force_snapshot=force_snapshot,
        )

    def exchange(self, code: str) -> OAuthAnswer:
        """Code to openid (wechat-protocol §7.2). Refused with row.retry == "refresh" means: start OAuth again."""
        params = {"appid": self._appid, "secret": self._appsecret, "code": code, "grant_type": "authorization_code"}
        return self._answer("/sns/oauth2/access_token", params, (self._appsecret, code))

    def refresh(self, refresh_token: str) -> OAuthAnswer:
        """A fresh web token from a refresh token (wechat-protocol §7.3)."""
        params = {"appid": self._appid, "grant_type": "refresh_token", "refresh_token": refresh_token}
        return self._answer("/sns/oauth2/refresh_token", params, (refresh_token,))

    def profile(self, answer: OAuthAnswer) -> Profile:
        """Nickname and avatar, only after scope snsapi_userinfo (wechat-protocol §7.3)."""
        params = {"access_token": answer.oauth_access_token, "openid": answer.openid, "lang": "zh_CN"}
        fields = self._get("/sns/userinfo", params, (answer.oauth_access_token,))
        return Profile(
            openid=plain_text(fields.get("openid")),
            nickname=plain_text(fields.get("nickname")),
            avatar_url=plain_text(fields.get("headimgurl")),
            unionid=plain_text(fields.get("unionid")),
        )

    def is_valid(self, answer: OAuthAnswer) -> bool:
        """Whether the web token still works for this openid (wechat-protocol §7.3); other refusals are raised."""
        from_wechat = self._read("/sns/auth", {"access_token": answer.oauth_access_token, "openid": answer.openid})
        if from_wechat.get("errcode") in (40001, 40003, 42001):
            return False
        refuse_errcode(from_wechat, "oauth")
        return True

    def _answer(self, path: str, params: dict[str, str], secrets: tuple[str, ...]) -> OAuthAnswer:
        fields = self._get(path, params, secrets)
        openid = fields.get("openid")
        if not isinstance(openid, str) or not _OPENID.fullmatch(openid):
            raise Unanswered(f"GET {path}: no openid in the reply", reason="unreadable", status=200)
        life = fields.get("expires_in", limits.OAUTH_TOKEN_LIFE_S)
        return OAuthAnswer(
            openid=openid,
            is_snapshot=str(fields.get("is_snapshotuser", 0)) not in ("0", "", "None", "False"),
            scope=plain_text(fields.get("scope")),
            oauth_access_token=plain_text(fields.get("access_token")),
            refresh_token=plain_text(fields.get("refresh_token")),
            expires_in_s=life if isinstance(life, int) else limits.OAUTH_TOKEN_LIFE_S,
            unionid=plain_text(fields.get("unionid")),
        )

    def _get(self, path: str, params: dict[str, str], secrets: tuple[str, ...]) -> dict[str, Any]:
        fields = self._read(path, params, secrets)
        refuse_errcode(fields, "oauth", secrets)
        return fields

    def _read(self, path: str, params: dict[str, str], secrets: tuple[str, ...] = ()) -> dict[str, Any]:
        reply = self._transport.send("GET", self._api_base + path, params=params, secrets=secrets)
        return read_json(reply, f"GET {path}", secrets)
