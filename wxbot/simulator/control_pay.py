"""Control of bank and shake."""

from __future__ import annotations

from wxbot.simulator.door import Door, Route

ROUTES: list[Route] = []

DOOR = Door("control_pay", ROUTES)
