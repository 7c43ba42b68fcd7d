"""What passes between the crowd's door, the mechanic and the thread that writes: one request, and what became of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from wxbot.draws.outcomes import Outcome

BOUND = "bound"
"""What Redis remembers of somebody who has won for good; it is kept longer than the rest."""


@dataclass(frozen=True, slots=True)
class Booked:
    """What was decided, durably. `handed_out` is the mechanic's line for this person, `kept` what Redis remembers of it."""

    outcome: Outcome
    handed_out: str | None = None
    is_new: bool = False
    kept: str | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """One request to draw that passed every gate outside the database."""

    campaign_id: int
    openid: str
    handed_out: str | None
    """What the mechanic would give; None when its odds said no."""
    ticket_hash: str
    device_id: str
    ip: str
    day: str
    tries_per_person: int
    tries_per_day: int
    now: datetime
    book: "BookDraws"
    """How the mechanic writes it."""
    drawn_key: str = ""
    """The Redis key under which `Booked.kept` is remembered."""
    stock: Any = None
    """What the mechanic's `read_stock` returned."""
    ticket: str = ""
    """What the page sent with the request: a proof of entrance, or the nonce of one draw."""
    channel_code: str = ""
    """By which way in the person came."""


BookDraws = Callable[[Session, Sequence[Admission]], list[Booked]]
"""Decide and write admissions of different people and tickets inside the caller's transaction; what became of each, in their
order. It commits nothing, calls nobody outside the database, and may run again after a lost commit."""
