"""The control API for sharing: a person passes a page on, and the cards that a person sees (wechat-protocol §9.4)."""

from __future__ import annotations

import dataclasses
from typing import Any

from wxbot.simulator.control_people import NotFound, careful, person_of, whole
from wxbot.simulator.door import Reply, Request, Route, json_reply
from wxbot.simulator.people import Person
from wxbot.simulator.shares import Passed, card_of, is_address
from wxbot.simulator.world import World

TIMELINE = "timeline"


def seen(world: World, passed: Passed) -> dict[str, Any]:
    """A card as the phone shows it: from whom, to whom (null: 朋友圈), and what a tap opens."""

    def shown(number: int) -> dict[str, Any] | None:
        person = world.people.by_id(number)
        return {"id": number, "nickname": person.nickname, "avatar": person.avatar} if person else None

    fields = dataclasses.asdict(passed)
    return {"from": shown(fields.pop("from_id")), "to": shown(fields.pop("to_id")), **fields}


def receiver(world: World, person: Person, to: object) -> int:
    """The friend's number, 0 for 朋友圈. Raises NotFound, ValueError."""
    if to == TIMELINE:
        return 0
    if isinstance(to, bool) or not isinstance(to, int):
        raise ValueError(f"to: must be the number of a person, or {TIMELINE}")
    if world.people.by_id(to) is None:
        raise NotFound(f"there is no person {to}")
    if to == person.id:
        raise ValueError("to: must be somebody else")
    return to


def share(world: World, request: Request) -> Reply:
    """{"to": a person's number or "timeline", "url": the page's address, "title"?}: the card as the page set it on this
    phone, else from its title and address. "card" ({title, desc, link, imgUrl}) is what an old page sends by itself."""
    person, body = person_of(world, request), request.json()
    to_id = receiver(world, person, body.get("to"))
    if not is_address(body.get("url")):
        raise ValueError("url: must be the address of a page")
    page = body["url"].split("#")[0]
    card = world.shares.card(person.id, page, "friend" if to_id else "timeline", str(body.get("title") or "")[:200])
    if isinstance(body.get("card"), dict):
        own = {name: value for name, value in dataclasses.asdict(card_of(body["card"])).items() if value}
        card = dataclasses.replace(card, **own)
    return json_reply(seen(world, world.shares.pass_on(person.id, to_id, card)))


def show_cards(world: World, request: Request) -> Reply:
    """The cards that this person sees after card ?after=N: from and to friends, and 朋友圈."""
    found = world.shares.seen_by(person_of(world, request).id, whole(request, "after", 0))
    return json_reply({"cards": [seen(world, one) for one in found], "last": world.shares.last})


ROUTES: list[Route] = [
    ("POST", "/_sim/people/<id>/share", careful(share)),
    ("GET", "/_sim/people/<id>/cards", careful(show_cards)),
]
