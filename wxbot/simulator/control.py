"""The control API under /_sim/: clock, account, people, faults, log, pushes, worlds, switches."""

from __future__ import annotations

from wxbot.simulator.door import Door, Reply, Request, Route, json_reply
from wxbot.simulator.world import World


def show_health(world: World, request: Request) -> Reply:
    return json_reply({"ok": True})


ROUTES: list[Route] = [("GET", "/_sim/health", show_health)]

DOOR = Door("control", ROUTES, is_logged=False)
