"""What an operator sees of the halls that are on: how many came, and where selections and games stand. Reads only."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.hall.models import Game, Guest, Hall, Selection


@dataclass(frozen=True)
class HallFigures:
    """One hall."""

    campaign_id: int
    guests: int
    """Who signed in."""
    selections: Mapping[str, int]
    """Status → selections."""
    games: Mapping[str, int]
    """Status → rains and races."""


def figures(session: Session) -> list[HallFigures]:
    """Every hall that is launched and not closed, by its campaign."""
    is_on = Campaign.status.in_(("on", "off", "closing"))
    query = select(Hall.campaign_id, func.count(Guest.no)).join(Campaign, Campaign.id == Hall.campaign_id).where(is_on)
    query = query.outerjoin(Guest, Guest.campaign_id == Hall.campaign_id).group_by(Hall.campaign_id)
    guests = {row[0]: row[1] for row in session.execute(query.order_by(Hall.campaign_id))}
    if not guests:
        return []
    selections, games = Counter[tuple[int, str]](), Counter[tuple[int, str]]()
    for row, found in ((Selection, selections), (Game, games)):
        counted = select(row.campaign_id, row.status, func.count()).where(row.campaign_id.in_(guests))
        for campaign_id, status, n in session.execute(
            counted.group_by(row.campaign_id, row.status).order_by(row.status)
        ):
            found[(campaign_id, status)] = n
    return [HallFigures(key, n, _of(selections, key), _of(games, key)) for key, n in guests.items()]


def _of(counted: Mapping[tuple[int, str], int], campaign_id: int) -> dict[str, int]:
    return {status: n for (key, status), n in counted.items() if key == campaign_id}
