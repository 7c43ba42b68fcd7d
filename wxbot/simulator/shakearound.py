"""The shake-around API."""

from __future__ import annotations

from wxbot.simulator.door import Door, Route

ROUTES: list[Route] = []

DOOR = Door("shakearound", ROUTES)
