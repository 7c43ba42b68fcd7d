"""Customer-service messages: what each type must hold, and what the person then sees (wechat-protocol §5.8)."""

from __future__ import annotations

from typing import Any

from wxbot.simulator.ground import Switch
from wxbot.simulator.media import MediaStore
from wxbot.simulator.people import People, Person

TYPING_S = 15
TYPING_WINDOW_S = 30

SWITCHES = (
    Switch("text_limit_bytes", "Longest text of a reply or customer message in bytes; beyond: 45002.", 2048, "§5.7"),
    Switch("news_articles", "Articles in one customer news message: 1 (now) or 8 (older); more: 45008.", 1, "§5.8"),
)

#: msgtype → fields that must be non-empty texts (beyond media, text, news and msgmenu, which have rules of their own).
PLAIN_FIELDS = {
    "music": ("musicurl", "hqmusicurl", "thumb_media_id"),
    "mpnews": ("media_id",),
    "mpnewsarticle": ("article_id",),
    "wxcard": ("card_id",),
    "miniprogrampage": ("title", "appid", "pagepath", "thumb_media_id"),
}
MEDIA_TYPES = ("image", "voice", "video")
MSGTYPES = ("text", "news", "msgmenu", *MEDIA_TYPES, *PLAIN_FIELDS)


class MessageRefused(Exception):
    """The message cannot be sent; `errcode` says why."""

    def __init__(self, errcode: int) -> None:
        super().__init__(errcode)
        self.errcode = errcode


def send(people: People, media: MediaStore, body: dict[str, Any]) -> None:
    """message/custom/send: checks the person, the type, the content, then the window; shows it in the chat.

    Raises MessageRefused: 40003 openid, 40008 type, 44003/44004/45002/45008/40007/41006/40097 content, 50002 frozen,
    48002 blocked, 45015 no window, 45047 count used up.
    """
    person = find_person(people, body)
    kind = body.get("msgtype")
    if kind not in MSGTYPES:
        raise MessageRefused(40008)
    content = body.get(kind)
    if not isinstance(content, dict):
        raise MessageRefused(44004 if kind == "text" else 44003 if kind == "news" else 40097)
    switches = people.ground.switches
    shown = read_content(kind, content, media, switches["text_limit_bytes"], switches["news_articles"])
    if person.is_frozen:
        raise MessageRefused(50002)
    if person.is_blocking:
        raise MessageRefused(48002)
    code = people.spend_reply(person)
    if code:
        raise MessageRefused(code)
    person.typing_until = 0.0  # a message ends the typing mark
    people.say(person, "account", kind, **shown, way="custom")


def find_person(people: People, body: dict[str, Any]) -> Person:
    openid = body.get("touser")
    person = people.by_openid(openid) if isinstance(openid, str) else None
    if person is None:
        raise MessageRefused(40003)
    return person


def read_content(kind: str, content: dict[str, Any], media: MediaStore, most_bytes: int, most: int) -> dict[str, Any]:
    """What the person will see. Raises MessageRefused."""
    if kind == "text":
        text = content.get("content")
        if not isinstance(text, str) or not text:
            raise MessageRefused(44004)
        if len(text.encode()) > most_bytes:
            raise MessageRefused(45002)
        return {"content": text}
    if kind in MEDIA_TYPES:
        return {**texts(content), "media_id": living_media(media, content, kind)}
    if kind == "news":
        return {"articles": read_articles(content.get("articles"), most)}
    if kind == "msgmenu":
        entries = content.get("list")
        if not isinstance(entries, list) or not entries:
            raise MessageRefused(40097)
        if not all(isinstance(e, dict) and e.get("id") and e.get("content") for e in entries):
            raise MessageRefused(40097)
        kept = [{"id": str(e["id"]), "content": str(e["content"])} for e in entries]
        return {**texts(content), "list": kept}
    for name in PLAIN_FIELDS[kind]:
        if not isinstance(content.get(name), str) or not content[name]:
            raise MessageRefused(41006 if name == "media_id" else 40097)
    return texts(content)


def read_articles(articles: Any, most: int) -> list[dict[str, str]]:
    if not isinstance(articles, list) or not articles:
        raise MessageRefused(44003)
    if len(articles) > most:
        raise MessageRefused(45008)
    if not all(isinstance(article, dict) for article in articles):
        raise MessageRefused(47001)
    return [texts(article) for article in articles]


def living_media(media: MediaStore, content: dict[str, Any], kind: str) -> str:
    media_id = content.get("media_id")
    if not isinstance(media_id, str) or not media_id:
        raise MessageRefused(41006)
    found = media.find(media_id)
    if found is None or found.type != kind:
        raise MessageRefused(40007)
    return media_id


def texts(content: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in content.items() if isinstance(value, str)}


def type_mark(people: People, body: dict[str, Any]) -> None:
    """message/custom/typing. Raises MessageRefused: 40003, 45072 command, 45080 no act in 30 s, 45081 already shown."""
    person = find_person(people, body)
    command, now = body.get("command"), people.ground.clock.now()
    if command not in ("Typing", "CancelTyping"):
        raise MessageRefused(45072)
    if now - person.acted_at > TYPING_WINDOW_S:
        raise MessageRefused(45080)
    if command == "CancelTyping":
        person.typing_until = 0.0
        return
    if person.typing_until > now:
        raise MessageRefused(45081)
    person.typing_until = now + TYPING_S
