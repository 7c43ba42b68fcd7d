"""Passive replies: what wxbot may answer to a push, and its XML (wechat-protocol §5.7, §8.5).

wechatpy's replies are not used: they put texts into CDATA without splitting `]]>`, so a nickname could add fields.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from wxbot.wechat import limits, xml


@dataclass(frozen=True, slots=True)
class TextReply:
    """Text, links allowed. What is longer than WeChat takes is cut at a whole character."""

    content: str


@dataclass(frozen=True, slots=True)
class ImageReply:
    media_id: str


@dataclass(frozen=True, slots=True)
class VoiceReply:
    media_id: str


@dataclass(frozen=True, slots=True)
class VideoReply:
    media_id: str
    title: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class MusicReply:
    thumb_media_id: str
    music_url: str = ""
    hq_music_url: str = ""
    title: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Article:
    """One card of a news reply."""

    title: str
    description: str = ""
    pic_url: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class NewsReply:
    """Cards: one in answer to a message, up to eight in answer to an event; WeChat drops the rest, and so does wxbot."""

    articles: tuple[Article, ...]


@dataclass(frozen=True, slots=True)
class TransferReply:
    """Hands the person over to a human agent; only in answer to a message, never to an event."""

    kf_account: str = ""


_PLAIN_OPENID = re.compile(r"[A-Za-z0-9_-]{1,64}")

Reply = TextReply | ImageReply | VoiceReply | VideoReply | MusicReply | NewsReply | TransferReply

_ONE_ARTICLE_AFTER = frozenset({"text", "image", "voice", "video", "shortvideo", "location", "link", "news"})


def cut_to_bytes(text: str, max_bytes: int) -> str:
    """The longest beginning of a text that fits, ending in … when something was cut, never inside a character."""
    raw = text.encode()
    if len(raw) <= max_bytes:
        return text
    return raw[: max_bytes - 3].decode("utf-8", "ignore") + "…"


def _clean(text: str) -> str:
    """Line ends as XML reads them back; other control characters have no place in a chat and are dropped."""
    if text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in text if c in "\n\t" or (c >= " " and not "\ud800" <= c <= "\udfff" and c < "\ufffe"))


def _present(**fields: str) -> dict[str, str]:
    return {name: _clean(value) for name, value in fields.items() if value}


def body_of(reply: Reply, answered_type: str) -> Mapping[str, object] | None:
    """The fields below the common ones, MsgType first; None when there is nothing WeChat would show."""
    match reply:
        case TextReply():
            content = cut_to_bytes(_clean(reply.content), limits.TEXT_REPLY_BYTES)
            return {"MsgType": "text", "Content": content} if content else None
        case ImageReply():
            return {"MsgType": "image", "Image": {"MediaId": reply.media_id}}
        case VoiceReply():
            return {"MsgType": "voice", "Voice": {"MediaId": reply.media_id}}
        case VideoReply():
            video = _present(MediaId=reply.media_id, Title=reply.title, Description=reply.description)
            return {"MsgType": "video", "Video": video}
        case MusicReply():
            music = _present(
                Title=reply.title,
                Description=reply.description,
                MusicUrl=reply.music_url,
                HQMusicUrl=reply.hq_music_url,
                ThumbMediaId=reply.thumb_media_id,
            )
            return {"MsgType": "music", "Music": music}
        case NewsReply():
            return _news(reply, answered_type)
        case TransferReply():
            if answered_type == "event":
                raise ValueError("an event cannot be handed over to an agent (wechat-protocol §5.7)")
            account = {"TransInfo": {"KfAccount": reply.kf_account}} if reply.kf_account else {}
            return {"MsgType": "transfer_customer_service", **account}


def _news(reply: NewsReply, answered_type: str) -> Mapping[str, object] | None:
    most = limits.NEWS_AFTER_MESSAGE_MAX if answered_type in _ONE_ARTICLE_AFTER else limits.NEWS_AFTER_EVENT_MAX
    cards = [
        {
            "Title": _clean(article.title),
            "Description": _clean(article.description),
            "PicUrl": _clean(article.pic_url),
            "Url": _clean(article.url),
        }
        for article in reply.articles[:most]
    ]
    if not cards:
        return None
    return {"MsgType": "news", "ArticleCount": len(cards), "Articles": {"item": cards}}


def render(reply: Reply, *, openid: str, account_id: str, answered_type: str, now_s: int) -> bytes | None:
    """The reply's XML with sender and receiver swapped; None when the answer should be `success`."""
    if _PLAIN_OPENID.fullmatch(openid) and now_s >= 0:
        parts = _around(reply, account_id, answered_type)
        return None if parts is None else b"%b%b%b%d%b" % (parts[0], openid.encode(), parts[1], now_s, parts[2])
    return _built(reply, openid, account_id, answered_type, now_s)


def _built(reply: Reply, openid: str, account_id: str, answered_type: str, now_s: int) -> bytes | None:
    body = body_of(reply, answered_type)
    if body is None:
        return None
    return xml.build({"ToUserName": openid, "FromUserName": account_id, "CreateTime": now_s, **body})


@functools.lru_cache(maxsize=512)
def _around(reply: Reply, account_id: str, answered_type: str) -> tuple[bytes, bytes, bytes] | None:
    """What stands before the openid, between it and the time, and after the time.

    A rule answers thousands of people with one text, so its document is built and proven once; letters, digits, `-`
    and `_` in the openid's place and digits in the time's cannot change what it means.
    """
    document = _built(reply, "o", account_id, answered_type, 0)
    if document is None:
        return None
    head, middle = b"<xml><ToUserName><![CDATA[", b"]]></FromUserName><CreateTime>"
    at = document.index(middle) + len(middle)
    return head, document[len(head) + 1 : at], document[at + 1 :]
