"""The control API under /_sim/ for the world as a whole: clock, account, faults, log, worlds, switches."""

from __future__ import annotations

from typing import Any

from wxbot.simulator import control_hall, control_people, control_push, control_shares
from wxbot.simulator.control_people import careful, whole
from wxbot.simulator.door import Door, Reply, Request, Route, json_reply
from wxbot.simulator.oauth import lint
from wxbot.simulator.world import World


def show_health(world: World, request: Request) -> Reply:
    return json_reply({"ok": True})


def show_clock(world: World, request: Request) -> Reply:
    return json_reply({"now": world.clock.now(), "offset_s": world.clock.offset_s})


def move_clock(world: World, request: Request) -> Reply:
    """{"advance_s"} or {"offset_s"}; whatever becomes due by it happens before the reply."""
    body = request.json()
    name = "advance_s" if "advance_s" in body else "offset_s"
    seconds = body.get(name)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or abs(seconds) > 10 * 366 * 86_400:
        raise ValueError(f"{name}: must be a number of seconds, at most ten years")
    world.clock.advance(seconds if name == "advance_s" else seconds - world.clock.offset_s)
    return show_clock(world, request)


def show_account(world: World, request: Request) -> Reply:
    """Every value, secrets included: this is a simulator."""
    certificates = {name: str(path) for name, path in world.certificate_paths.items()}
    urls = dict.fromkeys(("api_base", "open_base", "mp_base", "res_base", "zb_base"), world.http_url)
    addresses = {
        "http_url": world.http_url,
        "https_url": world.https_url,
        "proxy_url": world.proxy_url,
        "urls": {**urls, "mch_base": world.https_url},
    }
    return json_reply({**world.account.to_dict(), **addresses, "certificates": certificates})


def change_account(world: World, request: Request) -> Reply:
    world.account.change(request.json())
    return show_account(world, request)


def list_faults(world: World, request: Request) -> Reply:
    return json_reply({"faults": world.faults.to_state()})


def put_fault(world: World, request: Request) -> Reply:
    return json_reply(world.faults.put(request.parts["endpoint"], request.json()).to_dict())


def remove_faults(world: World, request: Request) -> Reply:
    world.faults.remove(request.parts.get("endpoint"))
    return list_faults(world, request)


def show_log(world: World, request: Request) -> Reply:
    """Requests after ?after=N (negative: from the end), secrets masked."""
    rows = world.log.after(whole(request, "after", 0), whole(request, "limit", 500))
    return json_reply({"log": rows, "last": world.log.last})


def reset(world: World, request: Request) -> Reply:
    """An empty world with the same account; {"seed"?}."""
    seed = request.json().get("seed")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise ValueError("seed: must be a whole number")
    world.reset(seed)
    return json_reply({"ok": True, "seed": world.seed})


def show_world(world: World, request: Request) -> Reply:
    return json_reply(world.to_state())


def load_world(world: World, request: Request) -> Reply:
    world.load_state(request.json())
    return json_reply({"ok": True})


def show_switches(world: World, request: Request) -> Reply:
    """Every point that the protocol reference leaves open, with the choice made now."""
    return json_reply({"switches": world.switches.described()})


def change_switches(world: World, request: Request) -> Reply:
    world.switches.change(request.json())
    return show_switches(world, request)


def show_quotas(world: World, request: Request) -> Reply:
    return json_reply({"limits": world.accounts.limits, "counts": dict(world.accounts.counts)})


def change_quotas(world: World, request: Request) -> Reply:
    """{path: calls a day}."""
    changes: dict[str, Any] = request.json()
    for path, limit in changes.items():
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
            raise ValueError(f"{path}: must be a whole number from 0 on")
    world.accounts.limits.update(changes)
    return show_quotas(world, request)


def lint_link(world: World, request: Request) -> Reply:
    """{"url"}: everything wrong with an authorize address, the fragment included."""
    faults = lint(world, str(request.json().get("url", "")))
    return json_reply({"ok": not faults, "faults": faults})


def show_pinned(world: World, request: Request) -> Reply:
    """What the start page of every phone leads to."""
    return json_reply({"pinned": world.pinned.rows})


def put_pinned(world: World, request: Request) -> Reply:
    """{"pinned": [{"title", "note"?, "url" | "say" | "shake": true}]}: these ways in and no others from now on."""
    world.pinned.put(request.json().get("pinned"))
    return show_pinned(world, request)


ROUTES: list[Route] = [
    *(
        (method, path, careful(view))
        for method, path, view in (
            ("GET", "/_sim/health", show_health),
            ("GET", "/_sim/clock", show_clock),
            ("POST", "/_sim/clock", move_clock),
            ("GET", "/_sim/account", show_account),
            ("PUT", "/_sim/account", change_account),
            ("GET", "/_sim/faults", list_faults),
            ("PUT", "/_sim/faults/<path:endpoint>", put_fault),
            ("DELETE", "/_sim/faults", remove_faults),
            ("DELETE", "/_sim/faults/<path:endpoint>", remove_faults),
            ("GET", "/_sim/log", show_log),
            ("POST", "/_sim/reset", reset),
            ("GET", "/_sim/world", show_world),
            ("PUT", "/_sim/world", load_world),
            ("GET", "/_sim/switches", show_switches),
            ("PUT", "/_sim/switches", change_switches),
            ("GET", "/_sim/quotas", show_quotas),
            ("PUT", "/_sim/quotas", change_quotas),
            ("POST", "/_sim/lint", lint_link),
            ("GET", "/_sim/pinned", show_pinned),
            ("PUT", "/_sim/pinned", put_pinned),
        )
    ),
    *control_people.ROUTES,
    *control_hall.ROUTES,
    *control_push.ROUTES,
    *control_shares.ROUTES,
]

DOOR = Door("control", ROUTES, is_logged=False)
