"""The control API for a hall's guests: POST /_sim/hall/… says what they do, GET /_sim/hall how many are in each state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wxbot.simulator.control_people import NotFound, careful
from wxbot.simulator.door import Reply, Request, Route, json_reply
from wxbot.simulator.hall_crowd import MOST
from wxbot.simulator.hall_guest import Guest, Place, Row
from wxbot.simulator.hall_wall import PHONES
from wxbot.simulator.shares import is_address
from wxbot.simulator.world import World

FASTEST = 50.0
LONGEST_S = 3600.0


def number(body: dict[str, Any], name: str, least: float, most: float, default: float | None = None) -> float:
    """A number of the body. Raises ValueError naming it."""
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{name}: must be a number from {least:g} to {most:g}")
    return value


def count_of(body: dict[str, Any], default: int | None) -> int | None:
    """How many guests are meant. Raises ValueError."""
    value = body.get("count", default)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST):
        raise ValueError(f"count: must be a whole number from 1 to {MOST}")
    return value


def rows_of(body: dict[str, Any]) -> list[Row]:
    """Lines of a list of invited people. Raises ValueError."""
    rows = body.get("rows", [])
    is_list = isinstance(rows, list) and len(rows) <= MOST
    if not is_list or not all(isinstance(row, list) and [*map(type, row)] == [str, str] for row in rows):
        raise ValueError(f"rows: must be at most {MOST} pairs of a number and a name")
    return [Row(key[:40], name[:40]) for key, name in rows]


def picked(world: World, body: dict[str, Any], state: str) -> list[Guest]:
    """Those in a state that the body names by `ids`, else the newest `count`, else all. Raises ValueError."""
    ids = body.get("ids", [])
    if not isinstance(ids, list) or not all(isinstance(each, int) for each in ids):
        raise ValueError("ids: must be a list of numbers of people")
    return world.hall.pick(state, count_of(body, None), ids)


def show_hall(world: World, request: Request) -> Reply:
    return json_reply(world.hall.shown())


def list_guests(world: World, request: Request) -> Reply:
    return json_reply({"guests": [guest.shown() for guest in world.hall.everyone()]})


def come(world: World, request: Request) -> Reply:
    """{"url", "count"?, "word"?, "rows"?}: new people open a sign-in address, from a screen's code or the door, and type a name.

    `rows` are lines of the list of invited people, [[number, name], …]: each guest is the next of them.
    """
    body = request.json()
    url, word = body.get("url"), body.get("word", "")
    if not isinstance(url, str) or not is_address(url):
        raise ValueError("url: must be the address behind a screen's code or of the door")
    if not isinstance(word, str) or len(word) > 40:
        raise ValueError("word: must be a text of at most 40 characters")
    rows = rows_of(body)
    count, known = count_of(body, len(rows) or 1) or 1, len(world.hall.everyone())
    if known + count > MOST:
        raise ValueError(f"count: a hall holds {MOST} guests, and {known} have come")
    people = [world.people.make() for _ in range(count)]
    made = world.hall.come(people, Place(url, word.strip()), world.http_url, rows)
    return json_reply({"guests": [guest.shown() for guest in made]})


def tap(world: World, request: Request) -> Reply:
    """{"share"?: 0–1}: from now on this share of the packets that fall on their phones is caught, in every rain."""
    world.hall.taps = number(request.json(), "share", 0, 1, 1)
    return show_hall(world, request)


def shake(world: World, request: Request) -> Reply:
    """{"per_s"?}: from now on everybody shakes that often in every race; 0: nobody."""
    world.hall.shakes_per_s = number(request.json(), "per_s", 0, FASTEST, 6)
    return show_hall(world, request)


def leave(world: World, request: Request) -> Reply:
    """{"count"?, "ids"?}: the newest so many, these, or all close the page."""
    world.hall.leave(picked(world, request.json(), "here"))
    return show_hall(world, request)


def lose_network(world: World, request: Request) -> Reply:
    """{"seconds", "count"?, "ids"?}: their network is gone for so long; they come back by themselves."""
    body = request.json()
    seconds = number(body, "seconds", 0.1, LONGEST_S)
    world.hall.lose_network(picked(world, body, "here"), seconds)
    return show_hall(world, request)


def come_back(world: World, request: Request) -> Reply:
    """{"count"?, "ids"?}: who has left, or has no network, opens the page again."""
    body = request.json()
    for state in ("left", "offline"):
        world.hall.come_back(picked(world, body, state))
    return show_hall(world, request)


def hang_wall(world: World, request: Request) -> Reply:
    """{"count"?}: an address for the phone of each of the first twelve guests, every one with cookies of its own."""
    count = count_of(request.json(), PHONES) or PHONES
    if world.hall.place is None:
        raise NotFound("nobody has come to a hall yet")
    known = [guest for guest in world.hall.everyone() if guest.no][: min(count, PHONES)]
    return json_reply({"phones": world.wall.hang(known, world.http_url), "screen": world.hall.place.screen})


VIEWS: tuple[tuple[str, str, Callable[[World, Request], Reply]], ...] = (
    ("GET", "/_sim/hall", show_hall),
    ("GET", "/_sim/hall/guests", list_guests),
    ("POST", "/_sim/hall/guests", come),
    ("POST", "/_sim/hall/tap", tap),
    ("POST", "/_sim/hall/shake", shake),
    ("POST", "/_sim/hall/leave", leave),
    ("POST", "/_sim/hall/lose_network", lose_network),
    ("POST", "/_sim/hall/come_back", come_back),
    ("POST", "/_sim/hall/wall", hang_wall),
)
ROUTES: list[Route] = [(method, path, careful(view)) for method, path, view in VIEWS]
