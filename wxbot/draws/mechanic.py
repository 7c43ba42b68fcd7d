"""What the crowd's door asks of the way a campaign gives. The table of the ways is wxbot/mechanics.py, far above; a snapshot
carries its campaign's way.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.orm import Session

from wxbot.campaigns.mechanic import table
from wxbot.campaigns.models import Campaign
from wxbot.draws.outcomes import Outcome
from wxbot.runtime import Runtime
from wxbot.vault import Vault


class Stock(Protocol):
    """What can be handed out now, as a snapshot keeps it; further fields are the mechanic's own."""

    @property
    def packets(self) -> int:
        """How many packets wait to be drawn."""

    @property
    def is_open(self) -> bool:
        """Whether the other side hands them out."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """Who asks, and the ticket their page came with."""

    openid: str
    ticket: str


class Proven(Protocol):
    """A person was where the campaign is."""

    @property
    def device_id(self) -> str:
        """At which place."""


@dataclass(frozen=True, kw_only=True)
class DrawMechanic:
    """One way to give, as the crowd meets it. A `stock` that is passed is what `read_stock` returned."""

    read_stock: Callable[[Session, Vault, Campaign, int, datetime], Stock]
    """What can be handed out of so many loaded packets; asked twice a second per campaign and process, never in a draw."""
    proof_key: Callable[[str], str]
    """The Redis key under which a proven ticket stands, from the ticket's hash: fetched in the one look of a draw."""
    prove: Callable[[Runtime, Any, Entrant, str | None, float], Proven | Outcome]
    """The proof behind a request to draw (what Redis holds, Unix seconds), or the refusal."""
    welcome: Callable[[Runtime, Any, Entrant, float], Outcome | None]
    """What is wrong with the way a person came to the page, or None: what WeChat says is kept, the draw finds it in Redis."""
    hand_out: Callable[[Any, str], str]
    """What an openid gets, as one line that is kept with the draw and handed out again (S34)."""
    parameters: Callable[[str], Mapping[str, str]]
    """That line as the page needs it: parameter → value, without the openid."""


def way_of(name: str) -> DrawMechanic:
    """The way with this name. Raises KeyError."""
    way: DrawMechanic = table()[name]
    return way


def ticket_hash(ticket: str) -> str:
    """How an entrance ticket is named in our tables and in Redis: 64 hex characters, whatever a stranger sends."""
    return hashlib.sha256(ticket.encode(errors="surrogatepass")).hexdigest()
