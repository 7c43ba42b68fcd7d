"""What every part of the world stands on: the simulated clock, the switches, the account, one source of chance."""

from __future__ import annotations

import random
import string
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from wxbot.simulator.config import Account

ALPHANUMERIC = string.ascii_letters + string.digits


class Clock:
    """The simulated time: the machine's clock plus an offset. `advance` runs what has become due."""

    def __init__(self) -> None:
        self.offset_s = 0.0
        self.on_advance: list[Callable[[float], object]] = []

    def now(self) -> float:
        """Unix seconds of the simulated world."""
        return time.time() + self.offset_s

    def advance(self, seconds: float) -> float:
        """Moves the clock (also backwards), runs every due expiry, returns the new time."""
        self.offset_s += seconds
        return self.run_due()

    def run_due(self) -> float:
        now = self.now()
        for due in self.on_advance:
            due(now)
        return now


@dataclass(frozen=True)
class Switch:
    """One point the protocol reference leaves UNCONFIRMED (or gives twice), with the choice made here."""

    name: str
    meaning: str
    default: bool | int | str
    section: str


class Switches:
    """Values of the switches by name; `switches["name"]` reads one."""

    def __init__(self, table: Iterable[Switch]) -> None:
        self.table = {switch.name: switch for switch in table}
        self.values: dict[str, Any] = {name: switch.default for name, switch in self.table.items()}

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def change(self, changes: dict[str, Any]) -> None:
        """Sets some. Raises ValueError on an unknown name or another type than the default's."""
        for name, value in changes.items():
            if name not in self.table:
                raise ValueError(f"{name}: no such switch; known are {', '.join(self.table)}")
            wanted = type(self.table[name].default)
            if type(value) is not wanted:
                raise ValueError(f"{name}: must be a {wanted.__name__}")
        self.values.update(changes)

    def reset(self) -> None:
        self.values = {name: switch.default for name, switch in self.table.items()}

    def to_state(self) -> dict[str, Any]:
        return dict(self.values)

    def load_state(self, saved: dict[str, Any]) -> None:
        self.reset()
        self.change({name: value for name, value in saved.items() if name in self.table})

    def described(self) -> list[dict[str, Any]]:
        return [
            {
                "name": s.name,
                "value": self.values[s.name],
                "default": s.default,
                "meaning": s.meaning,
                "section": s.section,
            }
            for s in self.table.values()
        ]


class Chance:
    """The world's dice. The same seed and the same calls give the same ids."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def letters(self, count: int, alphabet: str = ALPHANUMERIC) -> str:
        return "".join(self.random.choices(alphabet, k=count))

    def hex(self, count: int) -> str:
        return f"{self.random.getrandbits(count * 4):0{count}x}"


@dataclass
class Ground:
    """Handed to every subject when it is built."""

    clock: Clock
    account: Account
    switches: Switches
    chance: Chance
    balance_fen: int = 0
    """What the merchant has at the bank when the world begins."""
    http_url: str = ""
    """Where the simulator's own pages are, e.g. http://127.0.0.1:9000, without a slash at the end. Known once it listens."""
    https_url: str = ""
