"""Judging the application's answer to a callback as WeChat does (wechat-protocol §5.2-5.4, §5.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wxbot.simulator import wire
from wxbot.simulator.config import Account
from wxbot.simulator.media import MediaStore

CANNOT_SERVE = "该公众号暂时无法提供服务，请稍后再试"

MEDIA_REPLIES = {"image": "Image", "voice": "Voice", "video": "Video"}
USER_MESSAGES = ("text", "image", "voice", "video", "shortvideo", "location", "link")

#: Articles that an answer may hold: one to a message of these types, else eight; the rest is dropped (§5.7).
ONE_ARTICLE_FOR = ("text", "image", "voice", "video", "location", "news")


@dataclass
class Judgement:
    """`verdict`: silent (success or empty), reply, or invalid. `reason` says what is wrong; `shown` is the chat line."""

    verdict: str
    reason: str = ""
    type: str = ""
    shown: dict[str, Any] = field(default_factory=dict)


class Invalid(Exception):
    """WeChat would not understand the answer."""


def judge(answer: bytes, openid: str, kind: str, account: Account, media: MediaStore, most_bytes: int) -> Judgement:
    """Judges the body of an HTTP 200. `kind` is the MsgType pushed, or `event`."""
    if answer.strip() in (b"", b"success"):
        return Judgement("silent")
    try:
        fields = opened(answer, account)
        return read_reply(fields, openid, kind, account, media, most_bytes)
    except (Invalid, wire.WireError) as refused:
        return Judgement("invalid", str(refused))


def opened(answer: bytes, account: Account) -> dict[str, Any]:
    """The reply's fields: plain where the mode allows it, else decrypted and its signature checked (§5.2)."""
    fields = wire.read_xml(answer)
    if "Encrypt" not in fields:
        if account.callback_mode == "encrypted":
            raise Invalid("a plain reply in encrypted mode")
        return fields
    if account.callback_mode == "plain":
        raise Invalid("an encrypted reply in plain mode")
    encrypted, sign = text_of(fields, "Encrypt"), text_of(fields, "MsgSignature")
    timestamp, nonce = text_of(fields, "TimeStamp"), text_of(fields, "Nonce")
    if wire.sha1_of(account.callback_token, timestamp, nonce, encrypted) != sign:
        raise Invalid("MsgSignature is wrong")
    return wire.read_xml(wire.unseal(encrypted, account.aes_key, account.appid).encode())


def text_of(fields: Mapping[str, Any], name: str, *, is_required: bool = True) -> str:
    value = fields.get(name)
    if value is None and not is_required:
        return ""
    if not isinstance(value, str) or (is_required and not value):
        raise Invalid(f"{name} is missing" if not value else f"{name} must be one text")
    return value


def read_reply(
    fields: dict[str, Any], openid: str, kind: str, account: Account, media: MediaStore, most_bytes: int
) -> Judgement:
    """Checks the common fields and the type's own (§5.7). Raises Invalid."""
    if text_of(fields, "ToUserName") != openid:
        raise Invalid("ToUserName is not the person's openid")
    if text_of(fields, "FromUserName") != account.original_id:
        raise Invalid("FromUserName is not the account's original id")
    if not text_of(fields, "CreateTime").strip().isdigit():
        raise Invalid("CreateTime is no number")
    reply_type = text_of(fields, "MsgType")
    if reply_type == "text":
        content = text_of(fields, "Content")
        if len(content.encode()) > most_bytes:
            raise Invalid(f"Content is longer than {most_bytes} bytes")
        return Judgement("reply", "", "text", {"content": content})
    if reply_type in MEDIA_REPLIES:
        part = part_of(fields, MEDIA_REPLIES[reply_type])
        media_id = text_of(part, "MediaId")
        found = media.find(media_id)
        if found is None or found.type != reply_type:
            raise Invalid("MediaId is unknown, expired or of another type")
        shown = {"media_id": media_id}
        for name in ("Title", "Description"):
            shown[name.lower()] = text_of(part, name, is_required=False)
        return Judgement("reply", "", reply_type, shown)
    if reply_type == "music":
        part = part_of(fields, "Music")
        names = ("Title", "Description", "MusicUrl", "HQMusicUrl")
        shown = {name.lower(): text_of(part, name, is_required=False) for name in names}
        return Judgement("reply", "", "music", shown)
    if reply_type == "news":
        return Judgement("reply", "", "news", {"articles": read_articles(fields, kind)})
    if reply_type == "transfer_customer_service":
        if kind not in USER_MESSAGES:
            raise Invalid("transfer_customer_service answers messages only")
        return Judgement("reply", "", "transfer_customer_service", {"content": "已转接人工客服"})
    raise Invalid(f"MsgType {reply_type[:40]!r} is no reply")


def part_of(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = fields.get(name)
    if not isinstance(part, dict):
        raise Invalid(f"{name} is missing")
    return part


def read_articles(fields: Mapping[str, Any], kind: str) -> list[dict[str, str]]:
    """The articles that are shown: one after a message, else up to eight (§5.7)."""
    count = text_of(fields, "ArticleCount").strip()
    found = part_of(fields, "Articles").get("item")
    entries = [e for e in (found if isinstance(found, list) else [found]) if isinstance(e, dict)]
    if not entries or not count.isdigit() or int(count) != len(entries):
        raise Invalid("ArticleCount is not the number of items")
    shown = []
    for entry in entries[: 1 if kind in ONE_ARTICLE_FOR else 8]:
        names = {"title": "Title", "description": "Description", "picurl": "PicUrl", "url": "Url"}
        shown.append({ours: text_of(entry, theirs, is_required=False) for ours, theirs in names.items()})
    return shown
