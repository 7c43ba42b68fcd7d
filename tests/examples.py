"""How many examples a property is tried with."""

from __future__ import annotations

from typing import Any

from hypothesis import settings


def many(times: int = 3, **others: Any) -> settings:
    """So many times the examples of the profile that is on (few in `make test`, ten times as many in `make proof`): for cheap rules."""
    profile = settings.default
    assert profile is not None
    return settings(max_examples=times * profile.max_examples, **others)
