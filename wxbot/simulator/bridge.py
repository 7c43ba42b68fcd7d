"""jweixin and the bridges."""

from __future__ import annotations

from wxbot.simulator.door import Door, Route

ROUTES: list[Route] = []

DOOR = Door("bridge", ROUTES)
