"""What a shake campaign decides beyond the columns of every campaign: `Campaign.terms`, which is part of what is approved.

How many packets it holds and what each is worth stays in columns: packets belong to campaigns, whatever hands them out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from wxbot.campaigns.models import Campaign


@dataclass(frozen=True)
class ShakeTerms:
    """The odds of a try, the card of a shake, and where it can be shaken for."""

    odds_ppm: int = 1_000_000
    title: str = ""
    description: str = ""
    jump_url: str = ""
    """Where WeChat's packet page leads; '' for our own page."""
    device_ids: tuple[int, ...] = ()
    """The numbers of its beacons."""

    @classmethod
    def read(cls, terms: Mapping[str, Any]) -> "ShakeTerms":
        """From the terms of a campaign; a half-written draft has none. Raises TypeError for a term that is none of a shake's."""
        return cls(**{**terms, "device_ids": tuple(terms.get("device_ids", ()))})


NAMES = tuple(each.name for each in fields(ShakeTerms))


def terms_of(campaign: Campaign) -> ShakeTerms:
    """The terms of a stored shake campaign."""
    return ShakeTerms.read(campaign.terms)
