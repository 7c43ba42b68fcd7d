"""The control API for persons: make them, let them follow, write, tap and scan, read their chat."""

from __future__ import annotations

import colorsys
import re
import struct
import zlib
from typing import Any

from wxbot.simulator import acts
from wxbot.simulator.door import Reply, Request, Route, View, json_reply
from wxbot.simulator.people import Person
from wxbot.simulator.shares import is_address
from wxbot.simulator.world import World

MOST_AT_ONCE = 5000
PHONE = re.compile(r"\+[1-9][0-9]{6,14}")


class NotFound(Exception):
    """Nothing of that number or name."""


def careful(view: View) -> View:
    """Turns a wrong value into HTTP 400, an unknown number into 404, each with a sentence."""

    def guarded(world: World, request: Request) -> Reply:
        try:
            return view(world, request)
        except NotFound as missing:
            return json_reply({"error": str(missing)}, 404)
        except (ValueError, TypeError) as wrong:
            return json_reply({"error": str(wrong)}, 400)

    guarded.__doc__ = view.__doc__
    guarded.is_unlocked = getattr(view, "is_unlocked", False)  # type: ignore[attr-defined]
    return guarded


def whole(request: Request, name: str, default: int) -> int:
    """A whole number from the query. Raises ValueError naming it."""
    try:
        return int(request.query.get(name, default))
    except ValueError:
        raise ValueError(f"{name}: must be a whole number") from None


def person_of(world: World, request: Request) -> Person:
    person = world.people.by_id(request.parts["id"])
    if person is None:
        raise NotFound(f"there is no person {request.parts['id']}")
    return person


def make_people(world: World, request: Request) -> Reply:
    """{"nickname"?, "count"?, "is_followed"?, …}: new persons. is_followed follows in silence, without an event."""
    body = request.json()
    count = body.get("count", 1)
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_AT_ONCE:
        raise ValueError(f"count: must be a whole number from 1 to {MOST_AT_ONCE}")
    made = [world.people.make(str(body.get("nickname", ""))) for _ in range(count)]
    for person in made:
        change(person, body)
        if body.get("is_followed") is True:
            world.people.follow(person)
    return json_reply({"people": [person.shown() for person in made]})


def come(world: World, request: Request) -> Reply:
    """{"url", "nickname"?, "is_snapshot"?, …}: somebody new taps a link. They do not follow, and this browser is their
    phone from now on (cookie sim_person): opened with it, the page asks for their openid and gets it without a word."""
    body = request.json()
    url = body.get("url")
    if not is_address(url):
        raise ValueError("url: must be the address of a page")
    person = world.people.make(str(body.get("nickname", "")))
    change(person, body)
    return holding(person, {"person": person.shown(), "url": url})


def list_people(world: World, request: Request) -> Reply:
    return json_reply({"people": [person.shown() for person in world.people.everyone.values()]})


def show_person(world: World, request: Request) -> Reply:
    return json_reply(person_of(world, request).shown())


def change_person(world: World, request: Request) -> Reply:
    person = person_of(world, request)
    change(person, request.json())
    return json_reply(person.shown())


def change(person: Person, body: dict[str, Any]) -> None:
    """Sets what may be set. Raises ValueError for a value of another type."""
    for name in Person.CHANGEABLE:
        if name not in body:
            continue
        wanted = type(getattr(person, name))
        if not isinstance(body[name], wanted):
            raise ValueError(f"{name}: must be a {wanted.__name__}")
        if name == "phone" and not PHONE.fullmatch(body[name]):
            raise ValueError("phone: must be a number like +8619900000001")
        setattr(person, name, body[name])


def follow(world: World, request: Request) -> Reply:
    person, scene = person_of(world, request), str(request.json().get("scene", ""))
    if scene and not person.is_followed:
        acts.scan(world, person, scene)
    else:
        acts.follow(world, person, scene)
    return json_reply(person.shown())


def unfollow(world: World, request: Request) -> Reply:
    person = person_of(world, request)
    acts.unfollow(world, person)
    return json_reply(person.shown())


def send_message(world: World, request: Request) -> Reply:
    return json_reply({"n": acts.say(world, person_of(world, request), request.json())})


def tap_menu(world: World, request: Request) -> Reply:
    return json_reply(acts.tap_menu(world, person_of(world, request), request.json()))


def scan(world: World, request: Request) -> Reply:
    body, person = request.json(), person_of(world, request)
    acts.scan(world, person, *(str(body.get(name, "")) for name in ("scene", "ticket", "url")))
    return json_reply(person.shown())


def report_location(world: World, request: Request) -> Reply:
    acts.report_location(world, person_of(world, request), request.json())
    return json_reply({"ok": True})


def show_chat(world: World, request: Request) -> Reply:
    """Lines after ?after=N, whether the account is typing (§5.8), the menu (null: none) and the person."""
    person, after = person_of(world, request), whole(request, "after", 0)
    lines = [line.shown() for line in person.chat if line.n > after]
    menu = {"button": world.menu.button} if world.menu.button and person.is_followed else None
    is_typing = person.typing_until > world.clock.now()
    return json_reply({"messages": lines, "is_typing": is_typing, "menu": menu, "person": person.shown()})


def hold_phone(world: World, request: Request) -> Reply:
    """From now on this browser is the phone of this person (cookie sim_person)."""
    person = person_of(world, request)
    return holding(person, person.shown())


def holding(person: Person, shown: dict[str, Any]) -> Reply:
    """This answer, and the browser that gets it is the phone of this person."""
    reply = json_reply(shown)
    reply.headers.append(("Set-Cookie", f"sim_person={person.id}; Path=/; SameSite=Lax; HttpOnly"))
    return reply


def show_menu(world: World, request: Request) -> Reply:
    """The account's menu as the phone shows it."""
    return json_reply({"button": world.menu.button or []})


def show_avatar(world: World, request: Request) -> Reply:
    """A face on a coloured ground, as SVG."""
    person = world.people.by_id(request.parts["id"])
    face, hue = (person.avatar, person.id * 47 % 360) if person else ("👤", 0)
    face = face if len(face) <= 8 and "<" not in face and "&" not in face else "👤"
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 132 132">'
        f'<rect width="132" height="132" fill="hsl({hue} 60% 82%)"/>'
        f'<text x="66" y="92" font-size="76" text-anchor="middle">{face}</text></svg>'
    )
    return Reply(svg.encode(), "image/svg+xml; charset=utf-8")


FACE_SIDE = 132
"""WeChat's pictures of people come in this size (§7.3)."""


def show_face(world: World, request: Request) -> Reply:
    """The picture that `headimgurl` names: a head on a coloured ground, as PNG."""
    number = int(request.parts["id"]) if request.parts["id"].isdigit() else 0
    ground, head = (_colour(number * 47 % 360, light) for light in (0.82, 0.45))
    half = FACE_SIDE / 2
    rows = bytearray()
    for y in range(FACE_SIDE):
        rows.append(0)  # no filter
        for x in range(FACE_SIDE):
            is_head = (x - half) ** 2 + (y - 50) ** 2 < 26**2
            is_body = ((x - half) / 44) ** 2 + ((y - 132) / 46) ** 2 < 1
            rows += head if is_head or is_body else ground
    shape = struct.pack(">IIBBBBB", FACE_SIDE, FACE_SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", shape), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b""))
    png = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return Reply(b"\x89PNG\r\n\x1a\n" + png, "image/png")


def _colour(hue: int, light: float) -> bytes:
    return bytes(round(255 * part) for part in colorsys.hls_to_rgb(hue / 360, light, 0.6))


def show_media(world: World, request: Request) -> Reply:
    media = world.media.find(request.parts["media_id"])
    if media is None:
        raise NotFound("this file is unknown or older than three days")
    is_shown = media.content_type.startswith(("image/", "audio/", "video/"))
    headers = [("X-Content-Type-Options", "nosniff")]
    return Reply(media.content, media.content_type if is_shown else "application/octet-stream", headers=headers)


ROUTES: list[Route] = [
    (method, path, careful(view))
    for method, path, view in (
        ("POST", "/_sim/people", make_people),
        ("GET", "/_sim/people", list_people),
        ("POST", "/_sim/strangers", come),
        ("GET", "/_sim/people/<id>", show_person),
        ("PATCH", "/_sim/people/<id>", change_person),
        ("POST", "/_sim/people/<id>/follow", follow),
        ("POST", "/_sim/people/<id>/unfollow", unfollow),
        ("POST", "/_sim/people/<id>/messages", send_message),
        ("POST", "/_sim/people/<id>/menu", tap_menu),
        ("POST", "/_sim/people/<id>/scan", scan),
        ("POST", "/_sim/people/<id>/location", report_location),
        ("GET", "/_sim/people/<id>/chat", show_chat),
        ("POST", "/_sim/people/<id>/session", hold_phone),
        ("GET", "/_sim/menu", show_menu),
        ("GET", "/_sim/avatar/<id>/<size>", show_avatar),
        ("GET", "/mmopen/<id>/132", show_face),
        ("GET", "/_sim/media/<media_id>", show_media),
    )
]
