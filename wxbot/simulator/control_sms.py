"""DOOR of the SMS provider that everybody's phone hears, and the inboxes (fault endpoint `sms`)."""

from __future__ import annotations

from wxbot.simulator.control_people import careful, person_of, whole
from wxbot.simulator.door import Door, Reply, Request, Route, json_reply
from wxbot.simulator.world import World


def send(world: World, request: Request) -> Reply:
    """{"phone", "text"}: one short message. Tells whom of the simulated people it reached; any number has an inbox."""
    body = request.json()
    phone, text = body.get("phone"), body.get("text")
    if not isinstance(phone, str) or not isinstance(text, str):
        raise ValueError("phone and text: must be texts")
    message = world.sms.deliver(phone, text)
    reached = [person.id for person in world.people.everyone.values() if person.phone == message.phone]
    return json_reply({"n": message.n, "id": str(message.n), "phone": message.phone, "people": reached})


def show_inbox(world: World, request: Request) -> Reply:
    """The inbox of ?phone= (without it everybody's), after message ?after=N."""
    found = world.sms.inbox(request.query.get("phone", "").replace(" ", "+"), whole(request, "after", 0))
    return json_reply({"messages": [one.shown() for one in found], "last": world.sms.last})


def show_inbox_of(world: World, request: Request) -> Reply:
    """What this person's phone got, after message ?after=N."""
    found = world.sms.inbox(person_of(world, request).phone, whole(request, "after", 0))
    return json_reply({"messages": [one.shown() for one in found], "last": world.sms.last})


def is_down(world: World, request: Request, err_code: str) -> Reply:
    """The provider does not answer for its network: HTTP 503."""
    return json_reply({"error": "短信服务暂不可用 / the SMS provider is down", "err_code": err_code}, 503)


ROUTES: list[Route] = [
    ("POST", "/_sim/sms", careful(send)),
    ("GET", "/_sim/sms", careful(show_inbox)),
]
INBOX_ROUTES: list[Route] = [("GET", "/_sim/people/<id>/sms", careful(show_inbox_of))]

DOOR = Door("sms", ROUTES, refuse=is_down, endpoint="sms")
#: The phone page looks here every second: not worth a line in the log.
INBOX_DOOR = Door("control", INBOX_ROUTES, is_logged=False)
