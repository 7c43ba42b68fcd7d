"""The push engine: signed callbacks to the application, three attempts, the answer judged (wechat-protocol §5.2-5.7)."""

from __future__ import annotations

import threading
from typing import Any

from wxbot.simulator.faults import Faults
from wxbot.simulator.ground import Ground, Switch
from wxbot.simulator.people import People

SWITCHES: tuple[Switch, ...] = ()


class Push:
    def __init__(self, ground: Ground, people: People, faults: Faults, lock: Any) -> None:
        self.ground = ground
        self.people = people
        self.faults = faults
        self.lock = lock

    def event(self, openid: str, name: str, fields: dict[str, Any]) -> None:
        """Queues an event of this person for the callback URL."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def reset(self) -> None: ...

    def to_state(self) -> dict[str, Any]:
        return {}

    def load_state(self, saved: dict[str, Any]) -> None: ...
