"""What a person can do with the account: follow, write, tap the menu, scan; each act pushes what WeChat would push
(wechat-protocol §5.5, §5.6, §8)."""

from __future__ import annotations

import hashlib
import io
from typing import Any
from urllib.parse import quote

from PIL import Image, ImageDraw

from wxbot.simulator.media import Media, decoded
from wxbot.simulator.menus import ALLOWING
from wxbot.simulator.people import Person
from wxbot.simulator.world import World

MESSAGE_TYPES = ("text", "image", "voice", "video", "shortvideo", "location", "link")


class CannotAct(ValueError):
    """The person cannot do that now; the text says why."""


def follow(world: World, person: Person, scene: str = "", ticket: str = "") -> None:
    """Follows, perhaps through a scene code: event subscribe."""
    world.people.follow(person, scene)
    fields: dict[str, Any] = {"EventKey": f"qrscene_{scene}" if scene else ""}
    if scene:
        fields["Ticket"] = ticket or "gQ" + world.chance.letters(94)
    world.people.say(person, "system", "text", content=f"你已关注 {world.account.name}")
    world.push.event(person.openid, "subscribe", fields)


def unfollow(world: World, person: Person) -> None:
    """Event unsubscribe; replies to it reach nobody (§5.6)."""
    world.people.unfollow(person)
    world.people.say(person, "system", "text", content=f"你已取消关注 {world.account.name}")
    world.push.event(person.openid, "unsubscribe", {"EventKey": ""})


def scan(world: World, person: Person, scene: str = "", ticket: str = "", url: str = "") -> None:
    """Scans a scene code: SCAN for a follower, else a follow with the scene (§5.6, §5.12). Raises CannotAct when a
    ticket or url is unknown or over; a bare scene needs no code."""
    code = world.qrcodes.find(ticket=ticket, url=url, scene=scene)
    if code is None and not scene:
        raise CannotAct("this code is unknown or its time is over")
    scene, ticket = (code.scene, code.ticket) if code else (scene, "gQ" + world.chance.letters(94))
    if not person.is_followed:
        follow(world, person, scene, ticket)
        return
    world.people.allow(person, "tap")
    world.push.event(person.openid, "SCAN", {"EventKey": scene, "Ticket": ticket})


def report_location(world: World, person: Person, body: dict[str, Any]) -> None:
    """Event LOCATION, as on entering the chat (§5.6)."""
    fields = {
        "Latitude": number(body, "latitude", 30.274085),
        "Longitude": number(body, "longitude", 120.155070),
        "Precision": number(body, "precision", 65.0),
    }
    world.push.event(person.openid, "LOCATION", {name: f"{value:.6f}" for name, value in fields.items()})


def say(world: World, person: Person, body: dict[str, Any]) -> int:
    """Sends one message to the account; returns the number of its chat line. Raises CannotAct, ValueError (§5.5)."""
    kind = body.get("type", "text")
    if kind not in MESSAGE_TYPES:
        raise ValueError(f"type: must be one of {', '.join(MESSAGE_TYPES)}")
    if not person.is_followed:
        raise CannotAct("only a follower can write; follow first")
    fields, seen = message_fields(world, person, kind, body)
    is_tap = "bizmsgmenuid" in fields  # a tap in a menu message counts as a menu tap (§5.8)
    world.people.allow(person, "tap" if is_tap else "message")
    line = world.people.say(person, "person", kind, **seen)
    world.push.message(person.openid, kind, fields)
    return line.n


def message_fields(
    world: World, person: Person, kind: str, body: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of the callback, and what the chat shows."""
    if kind == "text":
        content = body.get("content")
        if not isinstance(content, str) or not content:
            raise ValueError("content: must be a text")
        fields: dict[str, Any] = {"Content": content}
        if "bizmsgmenuid" in body:
            fields["bizmsgmenuid"] = str(body["bizmsgmenuid"])
        return fields, {"content": content}
    if kind == "location":
        label = str(body.get("label", "示例市示例路1号"))
        x, y = number(body, "latitude", 30.274085), number(body, "longitude", 120.155070)
        scale = int(number(body, "scale", 16))
        return {"Location_X": x, "Location_Y": y, "Scale": scale, "Label": label}, {
            "latitude": x,
            "longitude": y,
            "label": label,
        }
    if kind == "link":
        texts = {name: str(body.get(name, "")) for name in ("title", "description", "url")}
        return {name.capitalize(): text for name, text in texts.items()}, texts
    media = attach(world, person, kind, body)
    seen = {"media_id": media.media_id, "url": f"/_sim/media/{quote(media.media_id)}"}
    if kind == "image":
        picture_url = f"{world.http_url}/_sim/media/{quote(media.media_id)}"
        return {"PicUrl": picture_url, "MediaId": media.media_id}, seen
    if kind == "voice":
        fields = {"MediaId": media.media_id, "Format": str(body.get("format", "amr"))}
        if body.get("recognition"):
            fields["Recognition"] = str(body["recognition"])
        return fields, seen
    thumb = world.media.keep("thumb", "thumb.jpg", drawn_picture(f"{person.id} thumb"))
    return {"MediaId": media.media_id, "ThumbMediaId": thumb.media_id}, seen


def attach(world: World, person: Person, kind: str, body: dict[str, Any]) -> Media:
    """The file a person sends: base64 or a data: URL in a field of the type's name (with `filename`), else made up."""
    stored_as = "video" if kind == "shortvideo" else kind
    made_up = {"image": "photo.jpg", "voice": "voice.amr", "video": "video.mp4"}[stored_as]
    filename = str(body.get("filename", made_up))
    if body.get(kind):
        content = decoded(str(body[kind]))
    elif kind == "image":
        content = drawn_picture(f"{person.id} {len(person.chat)}")
    else:
        content = b"#!AMR\n" + bytes(64) if kind == "voice" else b"\x00\x00\x00\x18ftypmp42" + bytes(64)
    return world.media.keep(stored_as, filename, content)


def drawn_picture(seed: str) -> bytes:
    """A small cheerful JPEG, the same for the same seed."""
    colours = hashlib.sha256(seed.encode()).digest()
    image = Image.new("RGB", (320, 240), (colours[0], colours[1], colours[2]))
    pen = ImageDraw.Draw(image)
    for place in range(4):
        x, y, size = colours[3 + place] + 20, colours[8 + place] * 200 // 255, 30 + colours[12 + place] // 4
        pen.ellipse((x, y, x + size, y + size), fill=(colours[16 + place], colours[20 + place], colours[24 + place]))
    written = io.BytesIO()
    image.save(written, "JPEG", quality=80)
    return written.getvalue()


def tap_menu(world: World, person: Person, body: dict[str, Any]) -> dict[str, Any]:
    """Taps a menu entry by `key` (also url) or `path` of places: the entry's events (§5.6, §5.11). Returns the entry's
    kind, and the url it opens. Raises CannotAct when there is no such entry."""
    if not person.is_followed:
        raise CannotAct("only a follower sees the menu; follow first")
    path = body.get("path")
    if path is not None and not (isinstance(path, list) and all(isinstance(place, int) for place in path)):
        raise ValueError("path: must be a list of whole numbers")
    entry = world.menu.find(body.get("key"), path)
    if entry is None:
        raise CannotAct("the menu has no such entry")
    kind = entry["type"]
    if kind in ALLOWING:
        world.people.allow(person, "tap")
    send_tap(world, person, entry, body)
    return {"kind": kind, **({"url": entry["url"]} if "url" in entry else {})}


def send_tap(world: World, person: Person, entry: dict[str, Any], body: dict[str, Any]) -> None:
    """Pushes what this entry's tap pushes."""
    kind, openid, push = entry["type"], person.openid, world.push
    if kind == "click":
        push.event(openid, "CLICK", {"EventKey": entry["key"]})
    elif kind == "view":
        push.event(openid, "VIEW", {"EventKey": entry["url"], "MenuId": world.menu.menu_id})
    elif kind == "miniprogram":
        push.event(openid, "view_miniprogram", {"EventKey": entry["pagepath"], "MenuId": world.menu.menu_id})
    elif kind in ("scancode_push", "scancode_waitmsg"):
        scanned = {"ScanType": "qrcode", "ScanResult": str(body.get("scan_result", "CODE-0042"))}
        push.event(openid, kind, {"EventKey": entry["key"], "ScanCodeInfo": scanned})
    elif kind in ("pic_sysphoto", "pic_photo_or_album", "pic_weixin"):
        digest = hashlib.md5(f"{person.id} {len(person.chat)}".encode()).hexdigest()
        pictures = {"Count": 1, "PicList": {"item": [{"PicMd5Sum": digest}]}}
        push.event(openid, kind, {"EventKey": entry["key"], "SendPicsInfo": pictures})
        say(world, person, {**body, "type": "image"})
    elif kind == "location_select":
        place = {"Location_X": "30", "Location_Y": "120", "Scale": "15", "Label": "示例市示例路1号", "Poiname": ""}
        push.event(openid, kind, {"EventKey": entry["key"], "SendLocationInfo": place})
        say(world, person, {**body, "type": "location"})
    elif "media_id" in entry:
        found = world.media.find(entry["media_id"])
        world.people.say(person, "account", found.type if found else "image", media_id=entry["media_id"], way="menu")


def number(body: dict[str, Any], name: str, default: float) -> float:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name}: must be a number")
    return float(value)
