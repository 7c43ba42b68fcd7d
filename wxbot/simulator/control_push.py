"""The control API for callbacks: what was sent and answered, pushes by hand, settings, the URL check."""

from __future__ import annotations

import time
from typing import Any

import urllib3

from wxbot.simulator import wire
from wxbot.simulator.control_people import NotFound, careful, whole
from wxbot.simulator.door import Reply, Request, Route, json_reply, unlocked
from wxbot.simulator.push import shown
from wxbot.simulator.world import World

MOST_COPIES = 1000


def list_pushes(world: World, request: Request) -> Reply:
    """Callbacks after ?after=N (negative: from the end), each with its attempts and judgement."""
    rows = world.push.after(whole(request, "after", 0), whole(request, "limit", 500))
    return json_reply({"pushes": rows, "last": world.push.last_n})


def push_by_hand(world: World, request: Request) -> Reply:
    """{"openid", "event", "fields"}, {"openid", "message", "fields"} or {"xml"}; "copies" sends it more than once."""
    body = request.json()
    copies = body.get("copies", 1)
    if isinstance(copies, bool) or not isinstance(copies, int) or not 1 <= copies <= MOST_COPIES:
        raise ValueError(f"copies: must be a whole number from 1 to {MOST_COPIES}")
    first = push_once(world, body)
    again = [world.push.repeat(first) for _ in range(copies - 1)]
    return json_reply({"n": first, "copies": [pushed.n for pushed in again if pushed]})


def push_once(world: World, body: dict[str, Any]) -> int:
    openid, fields = body.get("openid", ""), body.get("fields", {})
    if not isinstance(openid, str) or not isinstance(fields, dict):
        raise ValueError("openid must be a text and fields an object")
    if "xml" in body:
        xml = str(body["xml"])
        try:
            read = wire.read_xml(xml.encode())
        except wire.WireError:
            read = {}  # garbage by hand is allowed
        openid = openid or str(read.get("FromUserName", ""))
        kind = str(read.get("MsgType", "event"))
        return world.push.put(openid, kind, str(read.get("Event", kind)), xml).n
    if not openid:
        raise ValueError("openid: is missing")
    if "event" in body:
        return world.push.queue_event(openid, str(body["event"]), fields).n
    if "message" in body:
        return world.push.message(openid, str(body["message"]), fields).n
    raise ValueError("give event, message or xml")


def repeat_push(world: World, request: Request) -> Reply:
    """The same body once more, freshly signed."""
    number = request.parts["n"]
    pushed = world.push.repeat(int(number)) if number.isdigit() else None
    if pushed is None:
        raise NotFound(f"there is no push {number}")
    return json_reply(shown(pushed))


@unlocked
def settle(world: World, request: Request) -> Reply:
    """Waits until every callback that is due was delivered: {"timeout_s"?} → {"settled": bool}."""
    timeout_s = request.json().get("timeout_s", 30)
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or not 0 <= timeout_s <= 300:
        raise ValueError("timeout_s: must be a number from 0 to 300")
    until = time.monotonic() + timeout_s
    is_settled = world.push.settle(timeout_s) and world.notices.settle(max(0.1, until - time.monotonic()))
    return json_reply({"settled": is_settled})


def show_settings(world: World, request: Request) -> Reply:
    return json_reply(vars(world.push.settings))


def change_settings(world: World, request: Request) -> Reply:
    world.push.settings.change(request.json())
    return json_reply(vars(world.push.settings))


@unlocked
def verify_callback(world: World, request: Request) -> Reply:
    """What the console does when the server configuration is saved: GET with echostr, always the plain form (§5.1)."""
    with world.lock:
        account, now = world.account, int(world.clock.now())
        nonce, echostr = str(world.chance.random.randrange(10**9)), str(world.chance.random.randrange(10**18))
    if not account.callback_url:
        raise ValueError("callback_url: is not set")
    query = {
        "signature": wire.sha1_of(account.callback_token, str(now), nonce),
        "timestamp": str(now),
        "nonce": nonce,
        "echostr": echostr,
    }
    began = time.perf_counter()
    try:
        with urllib3.PoolManager(retries=False) as http:
            answer = http.request("GET", account.callback_url, fields=query, timeout=5.0, redirect=False)
        status, text, reason = answer.status, answer.data[:1000].decode("utf-8", "replace"), ""
    except urllib3.exceptions.HTTPError as error:
        status, text, reason = 0, "", str(error)[:300]
    is_ok = status == 200 and text == echostr
    if not is_ok and not reason:
        reason = "the answer must be the echostr and nothing else, with HTTP 200"
    took_ms = round((time.perf_counter() - began) * 1000, 1)
    return json_reply({"ok": is_ok, "http_status": status, "answer": text, "reason": reason, "took_ms": took_ms})


ROUTES: list[Route] = [
    (method, path, careful(view))
    for method, path, view in (
        ("GET", "/_sim/pushes", list_pushes),
        ("POST", "/_sim/pushes", push_by_hand),
        ("POST", "/_sim/pushes/settle", settle),
        ("POST", "/_sim/pushes/<n>/repeat", repeat_push),
        ("GET", "/_sim/push_settings", show_settings),
        ("POST", "/_sim/push_settings", change_settings),
        ("POST", "/_sim/verify_callback", verify_callback),
    )
]
