"""What a campaign asks of the way it gives. The table of the ways is wxbot/mechanics.py, above."""

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.runtime import Runtime
from wxbot.settings import Settings
from wxbot.text import Refusal

Values = Mapping[str, Any]
"""A draft, or what could be read of one."""

DraftCheck = Callable[[Values, datetime], Iterator[Refusal]]

Caution = Callable[[Session, Settings, Values, int | None], Iterator[Refusal]]
"""What is allowed and may surprise, beside the field of the draft; the number is the campaign's own, if it has one."""

LaunchStep = Callable[[Runtime, Campaign], int]
"""Does what can be done now and commits it; returns how much that was."""


@dataclass(frozen=True, kw_only=True)
class CampaignMechanic:
    """One way to give, as a campaign's life meets it."""

    faults: tuple[DraftCheck, ...]
    """What it cannot do, beside the field of the draft."""
    entrance: DraftCheck
    """Names it when nobody could come in; asked once more at the launch."""
    cautions: tuple[Caution, ...]
    steps: Mapping[str, tuple[LaunchStep, ...]]
    """Campaign status → the steps a worker takes, in order."""
    lead: timedelta
    """Nothing is ordered earlier than this before the window opens."""
    console_part: str
    """The template with its part of the campaign's page in the console."""
    console: Callable[[Session, int], Mapping[str, Any]]
    """What that part shows, by campaign."""


def table() -> Mapping[str, Any]:
    """wxbot.mechanics.MECHANICS. It imports this module, so it is looked up by its name when somebody asks, as a plug-in is:
    no door can forget to bring it."""
    found: Mapping[str, Any] = importlib.import_module("wxbot.mechanics").MECHANICS
    return found


def way_of(name: str) -> CampaignMechanic:
    """The way with this name. Raises KeyError."""
    way: CampaignMechanic = table()[name]
    return way
