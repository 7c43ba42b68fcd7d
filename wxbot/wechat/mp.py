"""The official-account API: people, messages, menu, media, QR codes, quotas (wechat-protocol §5, §6). Methods are named after WeChat's paths."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from urllib3.filepost import encode_multipart_formdata

from wxbot.wechat import limits
from wxbot.wechat.api import ApiCaller, TokenSource, is_object, plain_text, read_json, whole_number
from wxbot.wechat.errors import Refused, Unanswered
from wxbot.wechat.http import Transport
from wxbot.wechat.redaction import evidence

MediaType = Literal["image", "voice", "video", "thumb"]
_MEDIA_BYTES: dict[str, int] = {
    "image": limits.MEDIA_IMAGE_BYTES,
    "voice": limits.MEDIA_VOICE_BYTES,
    "video": limits.MEDIA_VIDEO_BYTES,
    "thumb": limits.MEDIA_THUMB_BYTES,
}
_FILE_NAME = re.compile(r'filename="?([^";]+)"?')


@dataclass(frozen=True, slots=True)
class Person:
    """What user/info still tells (no nickname or avatar since 2021-12-27, wechat-protocol §5.14)."""

    openid: str
    is_subscribed: bool
    subscribed_at_s: int
    subscribe_scene: str
    qr_scene: str
    unionid: str
    tag_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Media:
    """A downloaded file of a person; `url` instead of content for a video."""

    content: bytes
    file_name: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class QrCode:
    """A QR code with a scene. `url` may be drawn by oneself; the picture is at OfficialAccount.showqrcode_url."""

    qr_ticket: str
    url: str
    expires_in_s: int | None


def multipart(name: str, file_name: str, content: bytes, content_type: str) -> tuple[bytes, str]:
    """(body, Content-Type) of a form with one file."""
    return encode_multipart_formdata({name: (file_name, content, content_type)})


_BEGINS_IN_LETTERS = (b"GIF8", b"RIFF", b"ID3", b"#!AMR")


def _is_only_text(body: bytes) -> bool:
    """Whether a reply is words and no picture, sound or film: those begin with bytes that no text holds, or by a name."""
    begin = body[:256]
    if begin.startswith(_BEGINS_IN_LETTERS):
        return False
    try:
        text = begin.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end < len(begin) - 3:
            return False
        text = begin[: error.start].decode("utf-8")  # cut within a character
    return all(letter.isprintable() or letter in "\t\r\n" for letter in text)


class OfficialAccount:
    """Calls of one official account."""

    def __init__(
        self,
        transport: Transport,
        tokens: TokenSource,
        api_base: str = "https://api.weixin.qq.com",
        mp_base: str = "https://mp.weixin.qq.com",
    ) -> None:
        self._api = ApiCaller(transport, tokens, api_base, "mp")
        self._mp_base = mp_base

    def user_info(self, openid: str) -> Person:
        """Whether somebody follows the account, and since when (wechat-protocol §5.14)."""
        fields = self._api.get("/cgi-bin/user/info", openid=openid, lang="zh_CN")
        return Person(
            openid=plain_text(fields.get("openid")) or openid,
            is_subscribed=str(fields.get("subscribe", 0)) == "1",
            subscribed_at_s=whole_number(fields.get("subscribe_time")),
            subscribe_scene=plain_text(fields.get("subscribe_scene")),
            qr_scene=plain_text(fields.get("qr_scene_str") or fields.get("qr_scene") or ""),
            unionid=plain_text(fields.get("unionid")),
            tag_ids=tuple(whole_number(tag) for tag in fields.get("tagid_list") or ()),
        )

    def custom_send(self, openid: str, msgtype: str, content: Mapping[str, Any], kf_account: str = "") -> None:
        """A customer-service message inside its window and allowance, else Refused 45015 or 45047 (§5.8)."""
        body: dict[str, Any] = {"touser": openid, "msgtype": msgtype, msgtype: dict(content)}
        if kf_account:
            body["customservice"] = {"kf_account": kf_account}
        self._api.post("/cgi-bin/message/custom/send", body)

    def custom_send_text(self, openid: str, text: str) -> None:
        """A customer-service text message (wechat-protocol §5.8)."""
        self.custom_send(openid, "text", {"content": text})

    def typing(self, openid: str, *, is_typing: bool = True) -> None:
        """Show or end "typing…"; needs an interaction in the last 30 s (wechat-protocol §5.8)."""
        self._api.post(
            "/cgi-bin/message/custom/typing",
            {"touser": openid, "command": "Typing" if is_typing else "CancelTyping"},
        )

    def menu_create(self, buttons: Sequence[Mapping[str, Any]]) -> None:
        """Replace the menu: one to three entries (wechat-protocol §5.11)."""
        self._api.post("/cgi-bin/menu/create", {"button": list(buttons)})

    def menu_get(self) -> list[dict[str, Any]]:
        """The menu's entries, empty when none is set (wechat-protocol §5.11)."""
        try:
            fields = self._api.get("/cgi-bin/menu/get")
        except Refused as refusal:
            if refusal.code == "46003":
                return []
            raise
        menu = fields.get("menu")
        buttons = menu.get("button") if isinstance(menu, dict) else None
        return [button for button in buttons or [] if isinstance(button, dict)]

    def menu_delete(self) -> None:
        """Remove the menu (wechat-protocol §5.11)."""
        self._api.get("/cgi-bin/menu/delete")

    def media_upload(self, kind: MediaType, content: bytes, file_name: str, content_type: str) -> str:
        """Upload a file for three days; returns its media_id (wechat-protocol §5.13)."""
        if len(content) > _MEDIA_BYTES[kind]:
            raise ValueError(f"{kind} is larger than the {_MEDIA_BYTES[kind]} bytes WeChat takes")
        body, form_type = multipart("media", file_name, content, content_type)
        fields = self._api.call(
            "POST", "/cgi-bin/media/upload", params={"type": kind}, body=body, content_type=form_type
        )
        media_id = fields.get("thumb_media_id") or fields.get("media_id")
        if not isinstance(media_id, str):
            raise Unanswered("media/upload: no media_id in the reply", reason="unreadable", status=200)
        return media_id

    def media_get(self, media_id: str, *, max_bytes: int = limits.MEDIA_VIDEO_BYTES) -> Media:
        """Download a person's file within its three days; Refused 40007 afterwards (wechat-protocol §5.13).

        The bytes decide what came. Unanswered when it is neither a file nor a JSON object: nothing, or a gateway's page.
        """
        reply = self._api.raw("GET", "/cgi-bin/media/get", params={"media_id": media_id}, max_bytes=max_bytes)
        if is_object(reply.body):
            fields = read_json(reply, "GET /cgi-bin/media/get")
            return Media(b"", "", plain_text(fields.get("video_url") or fields.get("down_url")))
        if _is_only_text(reply.body):
            raise Unanswered(
                "media/get: no file in the reply",
                reason="unreadable",
                status=reply.status,
                evidence=evidence(reply.body),
            )
        named = _FILE_NAME.search(reply.headers.get("content-disposition", ""))
        return Media(reply.body, named.group(1) if named else "")

    def qrcode_create(self, scene: str | int, *, expires_in_s: int | None = None) -> QrCode:
        """A QR code with a scene: temporary with `expires_in_s` (up to 30 days), else permanent (§5.12)."""
        is_text = isinstance(scene, str)
        if is_text and not 1 <= len(str(scene)) <= limits.QR_SCENE_STR_CHARS:
            raise ValueError("a scene text has 1 to 64 characters")
        name = ("QR_STR_SCENE" if is_text else "QR_SCENE") if expires_in_s else "QR_LIMIT_SCENE"
        if not expires_in_s and is_text:
            name = "QR_LIMIT_STR_SCENE"
        body: dict[str, Any] = {
            "action_name": name,
            "action_info": {"scene": {"scene_str" if is_text else "scene_id": scene}},
        }
        if expires_in_s:
            body["expire_seconds"] = min(expires_in_s, limits.QR_LIFE_MAX_S)
        fields = self._api.post("/cgi-bin/qrcode/create", body)
        life_s = fields.get("expire_seconds")
        return QrCode(plain_text(fields.get("ticket")), plain_text(fields.get("url")), life_s if life_s else None)

    def showqrcode_url(self, qr_ticket: str) -> str:
        """Where the picture of a QR code is; needs no login (wechat-protocol §5.12)."""
        return f"{self._mp_base}/cgi-bin/showqrcode?ticket={quote(qr_ticket, safe='')}"

    def getcallbackip(self) -> tuple[str, ...]:
        """The addresses WeChat's pushes come from (wechat-protocol §5.4)."""
        return tuple(str(address) for address in self._api.get("/cgi-bin/getcallbackip").get("ip_list") or ())

    def clear_quota(self, appid: str) -> None:
        """Reset the day's call quotas, ten times a month (wechat-protocol §6.5)."""
        self._api.post("/cgi-bin/clear_quota", {"appid": appid})

    def getticket(self, kind: str = "jsapi") -> tuple[str, int]:
        """(ticket, seconds of life) straight from WeChat; pages use tokens.Tokens.jsapi_ticket (§6.3)."""
        fields = self._api.get("/cgi-bin/ticket/getticket", type=kind)
        return plain_text(fields.get("ticket")), whole_number(fields.get("expires_in"))
