"""Short messages that a provider would deliver: every number has an inbox, whoever holds it.

No HTTP and no lock: the caller holds `world.lock`.
"""

from __future__ import annotations

import dataclasses
import re
from collections import deque
from dataclasses import dataclass
from typing import Any

from wxbot.simulator.ground import Ground

KEPT = 5000
LONGEST = 500


@dataclass(slots=True)
class ShortMessage:
    """One delivered message."""

    n: int
    phone: str
    text: str
    at: float

    def shown(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


class Sms:
    """The last short messages, numbered from 1."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.delivered: deque[ShortMessage] = deque(maxlen=KEPT)
        self.last = 0

    def deliver(self, phone: str, text: str) -> ShortMessage:
        """Puts a text into the inbox of a number, E.164 or eleven Chinese digits. Raises ValueError."""
        number = normal(phone)
        if not text.strip() or len(text) > LONGEST:
            raise ValueError(f"text: must have 1 to {LONGEST} characters")
        self.last += 1
        message = ShortMessage(self.last, number, text, self.ground.clock.now())
        self.delivered.append(message)
        return message

    def inbox(self, phone: str = "", after: int = 0) -> list[ShortMessage]:
        """What a number got after message `after`, oldest first; without a number what all got. Raises ValueError."""
        number = normal(phone) if phone else ""
        return [one for one in self.delivered if one.n > after and (not number or one.phone == number)]

    def to_state(self) -> dict[str, Any]:
        return {"last": self.last, "delivered": [one.shown() for one in self.delivered]}

    def load_state(self, saved: dict[str, Any]) -> None:
        self.last = saved["last"]
        self.delivered = deque((ShortMessage(**one) for one in saved["delivered"]), maxlen=KEPT)


def normal(phone: str) -> str:
    """The number as E.164. Raises ValueError for what is no number."""
    digits = re.sub(r"[\s-]", "", phone)
    if re.fullmatch(r"1[0-9]{10}", digits):
        return f"+86{digits}"
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", digits):
        raise ValueError("phone: must be a number like +8619900000001")
    return digits
