"""The custom menu: its size rules, and what an entry does when a person taps it (wechat-protocol §5.11, §5.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wxbot.simulator.ground import Ground, Switch

KEYED = (
    "click",
    "scancode_push",
    "scancode_waitmsg",
    "pic_sysphoto",
    "pic_photo_or_album",
    "pic_weixin",
    "location_select",
)
WITH_MEDIA = ("media_id", "view_limited")
WITH_ARTICLE = ("article_id", "article_view_limited")
TYPES = (*KEYED, "view", "miniprogram", *WITH_MEDIA, *WITH_ARTICLE)

#: Entries whose tap opens the allowance of three messages in a minute (§5.8).
ALLOWING = ("click", "scancode_push", "scancode_waitmsg")

KEY_BYTES = 128
URL_BYTES = 1024

SWITCHES = (
    Switch("miniprograms_linked", "Mini programs in a menu are linked to the account; off: 45064.", True, "§5.11"),
)


class MenuRefused(Exception):
    """The menu breaks a rule; `errcode` says which."""

    def __init__(self, errcode: int) -> None:
        super().__init__(errcode)
        self.errcode = errcode


@dataclass(frozen=True)
class Level:
    """Limits and error codes of one level of entries (§5.11, codes 40016-40027)."""

    most: int
    name_bytes: int
    count: int
    kind: int
    name: int
    key: int
    url: int
    domain: int
    media: int


TOP = Level(3, 16, 40016, 40017, 40018, 40019, 40020, 40055, 40117)
SUB = Level(5, 60, 40023, 40024, 40025, 40026, 40027, 40054, 40118)


class Menu:
    """The account's one default menu, or none."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.button: list[dict[str, Any]] | None = None
        self.menu_id = 0

    def create(self, body: dict[str, Any]) -> None:
        """Replaces the menu. Raises MenuRefused with the errcode of the first broken rule."""
        button = self._read_level(body.get("button"), TOP)
        self.button = button
        self.menu_id = 420_000_000 + self.ground.chance.random.randrange(1_000_000)

    def delete(self) -> None:
        self.button = None

    def _read_level(self, entries: Any, level: Level) -> list[dict[str, Any]]:
        if not isinstance(entries, list) or not 1 <= len(entries) <= level.most:
            raise MenuRefused(level.count)
        return [self._read_entry(entry, level) for entry in entries]

    def _read_entry(self, entry: Any, level: Level) -> dict[str, Any]:
        if not isinstance(entry, dict):
            raise MenuRefused(47001)
        name = sized(entry, "name", level.name_bytes, level.name)
        under = entry.get("sub_button")
        if under:
            if level is SUB:
                raise MenuRefused(40022)
            return {"name": name, "sub_button": self._read_level(under, SUB)}
        kind = entry.get("type")
        if kind not in TYPES:
            raise MenuRefused(level.kind)
        kept: dict[str, Any] = {"type": kind, "name": name}
        if kind in KEYED:
            kept["key"] = sized(entry, "key", KEY_BYTES, level.key)
        elif kind in WITH_MEDIA:
            kept["media_id"] = sized(entry, "media_id", KEY_BYTES, level.media)
        elif kind in WITH_ARTICLE:
            kept["article_id"] = sized(entry, "article_id", KEY_BYTES, level.media)
        else:
            kept["url"] = sized(entry, "url", URL_BYTES, level.url)
            if not kept["url"].startswith(("http://", "https://")):
                raise MenuRefused(level.domain)
        if kind == "miniprogram":
            kept["appid"] = sized(entry, "appid", 64, 40013)
            kept["pagepath"] = sized(entry, "pagepath", URL_BYTES, 41030)
            if not self.ground.switches["miniprograms_linked"]:
                raise MenuRefused(45064)
        return {**kept, "sub_button": []}

    def find(self, key: str | None, path: list[int] | None) -> dict[str, Any] | None:
        """The entry with this key (or url), or at this path of places; None when there is none."""
        if path is not None:
            level: Any = self.button or []
            entry: dict[str, Any] | None = None
            for place in path:
                if not 0 <= place < len(level):
                    return None
                entry = level[place]
                level = entry.get("sub_button") or []
            return entry if entry and entry.get("type") else None
        for entry in self.leaves():
            if key in (entry.get("key"), entry.get("url"), entry.get("pagepath")):
                return entry
        return None

    def leaves(self) -> list[dict[str, Any]]:
        """Every entry that does something."""
        found: list[dict[str, Any]] = []
        for entry in self.button or []:
            found += entry["sub_button"] or [entry]
        return found

    def to_state(self) -> dict[str, Any]:
        return {"button": self.button, "menu_id": self.menu_id}

    def load_state(self, saved: dict[str, Any]) -> None:
        self.button, self.menu_id = saved["button"], saved["menu_id"]


def sized(entry: dict[str, Any], name: str, most_bytes: int, errcode: int) -> str:
    """A text of 1 to `most_bytes` UTF-8 bytes, or MenuRefused."""
    value = entry.get(name)
    if not isinstance(value, str) or not 1 <= len(value.encode()) <= most_bytes:
        raise MenuRefused(errcode)
    return value
