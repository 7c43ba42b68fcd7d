"""Phone and bank pages."""

from __future__ import annotations

from wxbot.simulator.door import Door, Route

ROUTES: list[Route] = []

DOOR = Door("pages", ROUTES)
