"""The account's menu: what WeChat allows (wechat-protocol §5.11), the draft, and how it differs from what WeChat shows.

A menu is a list of buttons in WeChat's own shape. What is read from a form or from WeChat is brought into one form first,
so that two menus are the same when they do the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import update
from sqlalchemy.orm import Session

from wxbot import typed
from wxbot.db import changed, insert_into
from wxbot.linter.check import findings
from wxbot.replies.models import MenuDraft
from wxbot.text import Text
from wxbot.wechat import limits

KEYED = (
    "click",
    "scancode_push",
    "scancode_waitmsg",
    "pic_sysphoto",
    "pic_photo_or_album",
    "pic_weixin",
    "location_select",
)
TYPES = ("view", *KEYED, "miniprogram")
"""What the editor offers; entries of other types (media_id …) are kept as WeChat gave them."""

EXTERNAL_DOMAINS_AT_MOST = 3
"""WeChat refuses more with 65316."""

Button = dict[str, Any]
MenuPlace = tuple[int, int | None]
"""Which of the buttons, and which entry under it."""


class Stale(Exception):
    """Somebody else has saved the draft meanwhile."""


@dataclass(frozen=True)
class EntryFault:
    """Why an entry will be refused: its place, the field, and the sentence."""

    place: MenuPlace
    field: str
    text: Text


def _kept(entry: Mapping[str, Any]) -> Button:
    trimmed = {name: typed.line(value) if isinstance(value, str) else value for name, value in entry.items()}
    return {name: value for name, value in trimmed.items() if value not in ("", None, []) and name != "sub_button"}


def tidy(buttons: Sequence[Mapping[str, Any]]) -> list[Button]:
    """Buttons without what means nothing: empty lists, empty fields, the action of a button that opens others."""
    tidied = []
    for button in buttons:
        under = [_kept(entry) for entry in button.get("sub_button") or () if isinstance(entry, Mapping)]
        name = typed.line(button.get("name", ""))
        tidied.append({"name": name, "sub_button": under} if under else _kept(button))
    return tidied


def of_form(form: Mapping[str, str]) -> list[Button]:
    """The buttons of the editor's form: fields `name-0`, `type-0`, `value-0`, and `name-0-2` … for the entries under it."""
    buttons = []
    for n in range(limits.MENU_BUTTONS_MAX):
        under = [_entry(form, f"{n}-{m}") for m in range(limits.MENU_SUB_BUTTONS_MAX)]
        under = [entry for entry in under if entry]
        own = _entry(form, str(n))
        if under:
            buttons.append({"name": own.get("name", ""), "sub_button": under})
        elif own:
            buttons.append(own)
    return tidy(buttons)


def _entry(form: Mapping[str, str], place: str) -> Button:
    name, kind, value = (form.get(f"{field}-{place}", "").strip() for field in ("name", "type", "value"))
    if not name and not value:
        return {}
    if kind == "miniprogram":
        page = {field: form.get(f"{field}-{place}", "").strip() for field in ("appid", "pagepath")}
        return {"type": kind, "name": name, "url": value, **page}
    return {"type": kind, "name": name, "url" if kind == "view" else "key": value}


def places(buttons: Sequence[Button]) -> Iterator[tuple[MenuPlace, Button]]:
    """Every entry with its place, those that open others included."""
    for n, button in enumerate(buttons):
        yield (n, None), button
        for m, entry in enumerate(button.get("sub_button", ())):
            yield (n, m), entry


def faults_of(buttons: Sequence[Button], public_url: str) -> list[EntryFault]:
    """Everything WeChat, or we, will refuse; empty when the menu may be published."""
    found: list[EntryFault] = []
    if len(buttons) > limits.MENU_BUTTONS_MAX:
        found.append(EntryFault((0, None), "name", Text("最多三个一级菜单。", "At most three buttons.")))
    own, foreign = urlsplit(public_url), set[str]()
    for place, entry in places(buttons):
        found += _name_faults(place, entry)
        found += [EntryFault(place, "name", each.text) for each in findings(entry.get("name", "")) if each.is_error]
        if "sub_button" in entry:
            if len(entry["sub_button"]) > limits.MENU_SUB_BUTTONS_MAX:
                found.append(
                    EntryFault(place, "name", Text("每个菜单下最多五项。", "At most five entries under a button."))
                )
            continue
        found += _action_faults(place, entry, own.netloc)
        host = _host(entry.get("url", ""))
        if entry.get("type") == "view" and host and host != own.hostname:
            foreign.add(host)
            if len(foreign) == EXTERNAL_DOMAINS_AT_MOST + 1:
                found.append(
                    EntryFault(
                        place, "value", Text("菜单里外部网站最多三个。", "At most three external sites in a menu.")
                    )
                )
    return found


def cautions_of(buttons: Sequence[Button]) -> list[EntryFault]:
    """What may be said and may surprise, as the linter names it."""
    return [
        EntryFault(place, "name", each.text)
        for place, entry in places(buttons)
        for each in findings(entry.get("name", ""))
        if not each.is_error
    ]


def _name_faults(place: MenuPlace, entry: Button) -> Iterator[EntryFault]:
    most = limits.MENU_NAME_BYTES if place[1] is None else limits.MENU_SUB_NAME_BYTES
    name = entry.get("name", "")
    if not name:
        yield EntryFault(place, "name", Text("请填写名称。", "Give it a name."))
    elif limits.byte_length(name) > most:
        letters = most // 3
        yield EntryFault(
            place, "name", Text(f"名称太长，最多约 {letters} 个汉字。", f"The name has more than {most} bytes.")
        )


def _action_faults(place: MenuPlace, entry: Button, own_host: str) -> Iterator[EntryFault]:
    kind = entry.get("type", "")
    if kind in KEYED:
        if not entry.get("key"):
            yield EntryFault(place, "value", Text("请填写点击后相当于发送的文字。", "What does a tap count as?"))
        elif limits.byte_length(entry["key"]) > limits.MENU_KEY_BYTES:
            yield EntryFault(place, "value", Text("文字太长，最多约 42 个汉字。", "That is more than 128 bytes."))
    elif kind in ("view", "miniprogram"):
        yield from _url_faults(place, entry.get("url", ""), own_host)
        if kind == "miniprogram" and not (entry.get("appid") and entry.get("pagepath")):
            yield EntryFault(
                place, "appid", Text("请填写小程序的 AppID 和页面。", "Give the mini program's AppID and page.")
            )
    elif kind not in ("media_id", "view_limited", "article_id", "article_view_limited"):
        yield EntryFault(place, "type", Text("请选择点击后做什么。", "Choose what a tap does."))


def _host(url: str) -> str:
    """The host of an address; empty when it has none, or hides it behind a user name."""
    try:
        parts = urlsplit(url)
        return "" if "@" in parts.netloc else parts.hostname or ""
    except ValueError:
        return ""


def _url_faults(place: MenuPlace, url: str, own_host: str) -> Iterator[EntryFault]:
    host, scheme = _host(url), url.partition(":")[0].lower()
    if not host or any(ord(character) <= 32 for character in url) or scheme not in ("http", "https"):
        yield EntryFault(
            place, "value", Text("请填写完整网址，例如 https://…", "Give a whole address, such as https://…")
        )
    elif scheme != "https" and urlsplit(url).netloc != own_host:
        yield EntryFault(
            place, "value", Text("外部网址要以 https:// 开头。", "An address elsewhere must begin with https://.")
        )
    elif limits.byte_length(url) > limits.MENU_URL_BYTES:
        yield EntryFault(place, "value", Text("网址太长，最多 1024 字节。", "The address has more than 1024 bytes."))


@dataclass(frozen=True)
class Change:
    """One place that is not the same: added, removed, changed or same; entries as they are now and as they will be."""

    kind: str
    place: MenuPlace
    before: Button | None
    after: Button | None


def diff(now: Sequence[Button], after: Sequence[Button]) -> list[Change]:
    """Both menus place by place, in the order in which a person reads them."""
    old, will = ({place: _face(entry) for place, entry in places(each)} for each in (tidy(now), tidy(after)))
    order = sorted(set(old) | set(will), key=lambda place: (place[0], -1 if place[1] is None else place[1]))
    changes = []
    for place in order:
        was, will_be = old.get(place), will.get(place)
        kind = "same" if was == will_be else "added" if was is None else "removed" if will_be is None else "changed"
        changes.append(Change(kind, place, was, will_be))
    return changes


def _face(entry: Button) -> Button:
    """An entry without those under it, which have places of their own."""
    return {name: value for name, value in entry.items() if name != "sub_button"}


# --- the draft ----------------------------------------------------------------------------------------------------


def draft(session: Session) -> MenuDraft | None:
    """The draft, or None while nobody has saved one."""
    return session.get(MenuDraft, 1)


def save(session: Session, buttons: Sequence[Button], version: int, who: str, now: datetime) -> int:
    """Write the draft over the version that was read (0 for none) and return its new version. Raises Stale."""
    values = {"buttons": list(buttons), "updated_by": who[:60], "updated_at": now}
    if version == 0:
        statement = insert_into(session, MenuDraft).values(
            id=1, version=1, published_version=0, published_by="", **values
        )
        if session.scalar(statement.on_conflict_do_nothing(index_elements=["id"]).returning(MenuDraft.id)) is None:
            raise Stale
        return 1
    guarded = update(MenuDraft).where(MenuDraft.id == 1, MenuDraft.version == version)
    if not changed(session, guarded.values(version=version + 1, **values)):
        raise Stale
    return version + 1


def note_published(session: Session, version: int, who: str, now: datetime) -> None:
    """WeChat has taken this version; a newer one that was saved meanwhile stays a draft."""
    statement = update(MenuDraft).where(MenuDraft.id == 1, MenuDraft.published_version <= version)
    changed(session, statement.values(published_version=version, published_by=who[:60], published_at=now))
