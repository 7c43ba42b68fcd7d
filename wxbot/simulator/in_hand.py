"""What a person's phone gives to a page that asks through the JS bridge: codes, places, pictures, the network (§9.4).

Everybody's phone has an `in_hand`: what its person would scan, where they are, which pictures they pick. The phone's sheets
and the control API set it; one answer is made from it, in the phone as on a page that stands on its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from wxbot.simulator.control_people import careful, person_of
from wxbot.simulator.door import Door, Reply, Request, Route, json_reply
from wxbot.simulator.media import PICTURE_STARTS, decoded
from wxbot.simulator.world import World

Answer = dict[str, Any]

NETWORKS = ("wifi", "2g", "3g", "4g", "5g", "none")
MOST_PICTURES = 9
HERE = {"latitude": 23.12911, "longitude": 113.264385}
"""Where a person is who was put nowhere: Guangzhou."""
LOCAL_ID = "wxLocalResource://imageid"


def is_number(value: object, most: float) -> bool:
    """Is this a coordinate of at most so many degrees?"""
    return isinstance(value, int | float) and not isinstance(value, bool) and -most <= value <= most


def is_place(value: object) -> bool:
    """Has it a latitude and a longitude in degrees?"""
    return isinstance(value, dict) and is_number(value.get("latitude"), 90) and is_number(value.get("longitude"), 180)


def is_pictures(value: object) -> bool:
    """One to nine pictures, base64 or data: URLs."""
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_PICTURES:
        return False
    return all(isinstance(one, str) and decoded(one).startswith(PICTURE_STARTS) for one in value)


#: Name → what it may be, and the sentence otherwise. null takes a thing out of the hand again.
FIELDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "scan": (lambda value: isinstance(value, str) and 0 < len(value) <= 4096, "a text of 1 to 4096 characters"),
    "location": (is_place, "{latitude, longitude} in degrees"),
    "images": (is_pictures, "1 to 9 pictures (PNG, JPEG, GIF) as base64 or data: URLs"),
    "network": (lambda value: value in NETWORKS, f"one of {', '.join(NETWORKS)}"),
}


def show(world: World, request: Request) -> Reply:
    """What this person's phone would give to a page."""
    return json_reply(person_of(world, request).in_hand)


def put(world: World, request: Request) -> Reply:
    """{"scan"?, "location"?, "images"?, "network"?}: what the phone gives from now on; null: nothing, the person cancels."""
    person, sent = person_of(world, request), request.json()
    for name, value in sent.items():
        if name not in FIELDS:
            raise ValueError(f"{name}: unknown; known are {', '.join(FIELDS)}")
        check, wanted = FIELDS[name]
        if value is not None and not check(value):
            raise ValueError(f"{name}: must be {wanted}")
    person.in_hand = {name: value for name, value in (person.in_hand | sent).items() if value is not None}
    return json_reply(person.in_hand)


# -- the answers ---------------------------------------------------------------------------------------------------------


def scan_code(world: World, hand: Answer, args: Answer, agent: str) -> Answer:
    """scanQRCode: with needResult 1 the text; on an iPhone it comes wrapped, and jweixin unwraps it."""
    text = hand.get("scan")
    if text is None:
        return {"err_msg": "scanQRCode:cancel"}
    if args.get("needResult") != 1:
        return {"err_msg": "scanQRCode:ok"}  # WeChat itself deals with the code
    if re.search("iphone|ipad", agent, re.I):
        text = json.dumps({"scan_code": {"scan_result": text}}, ensure_ascii=False)
    return {"err_msg": "scanQRCode:ok", "resultStr": text}


def locate(world: World, hand: Answer, args: Answer, agent: str) -> Answer:
    """getLocation, whose name at the bridge is geoLocation; wgs84 and gcj02 are one here."""
    place = hand.get("location", HERE)
    return {"err_msg": "geoLocation:ok", **place, "speed": 0, "accuracy": 30}


def open_map(world: World, hand: Answer, args: Answer, agent: str) -> Answer:
    """openLocation: numbers, not texts, or it fails."""
    return {"err_msg": "openLocation:ok" if is_place(args) else "openLocation:fail"}


def choose_images(world: World, hand: Answer, args: Answer, agent: str) -> Answer:
    """chooseImage: at most `count` ids of this phone; on Android the list is a text."""
    images, count = hand.get("images", []), args.get("count", MOST_PICTURES)
    if not images or not isinstance(count, int) or count < 1:
        return {"err_msg": "chooseImage:cancel"}
    found = [f"{LOCAL_ID}{number}" for number in range(len(images[:count]))]
    is_text = re.search("android", agent, re.I)
    return {"err_msg": "chooseImage:ok", "localIds": json.dumps(found) if is_text else found}


def upload_image(world: World, hand: Answer, args: Answer, agent: str) -> Answer:
    """uploadImage: the picture is temporary media of the account, three days, under `serverId` (§5.13)."""
    number = str(args.get("localId", "")).removeprefix(LOCAL_ID)
    images = hand.get("images", [])
    if not (re.fullmatch("[0-8]", number) and int(number) < len(images)):
        return {"err_msg": "uploadImage:fail"}
    content = decoded(images[int(number)])
    ending = ("png", "jpg", "gif", "gif")[[content.startswith(start) for start in PICTURE_STARTS].index(True)]
    media = world.media.keep("image", f"picture.{ending}", content)
    return {"err_msg": "uploadImage:ok", "serverId": media.media_id}


def network(world: World, hand: Answer, args: Answer, agent: str) -> Answer:
    """getNetworkType: no `ok`, but what jweixin reads (§9.4)."""
    kind = hand.get("network", "wifi")
    if kind in ("wifi", "none"):
        return {"err_msg": f"network_type:{'wifi' if kind == 'wifi' else 'fail'}"}
    return {"err_msg": "network_type:wwan", "subtype": kind}


#: (world, what is in hand, arguments, User-Agent) → answer. Names at the bridge, and jweixin's where they differ.
ANSWERS: dict[str, Callable[[World, Answer, Answer, str], Answer]] = {
    "scanQRCode": scan_code,
    "geoLocation": locate,
    "getLocation": locate,
    "openLocation": open_map,
    "chooseImage": choose_images,
    "uploadImage": upload_image,
    "getNetworkType": network,
}

ROUTES: list[Route] = [
    ("GET", "/_sim/people/<id>/in_hand", careful(show)),
    ("PUT", "/_sim/people/<id>/in_hand", careful(put)),
]

DOOR = Door("control", ROUTES, is_logged=False)
