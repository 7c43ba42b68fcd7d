"""The funnel of a campaign: of how many people came, drew, won, asked for their prize and have it; in all, and by way in and hour.

Everybody is counted once for each step. A visit stands where its person came first, the steps behind it where they drew first:
what a line says of those who drew narrows from step to step, and lines add up to the campaign.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.db import shanghai_text
from wxbot.draws.counts import VISITOR
from wxbot.draws.mechanic import DrawMechanic, FunnelPart
from wxbot.draws.models import DrawCount

STEPS: Final = ("visited", "drew", "won", "collected", "paid")
"""What people come to, in this order: they opened the page, drew, won, asked for their prize, have it."""


def _visitors(session: Session, campaign_id: int, by: Any, channel_code: str | None) -> dict[str, int]:
    query = select(by, func.sum(DrawCount.n)).where(DrawCount.campaign_id == campaign_id, DrawCount.outcome == VISITOR)
    if channel_code is not None:
        query = query.where(DrawCount.channel_code == channel_code)
    return {part: int(n) for part, n in session.execute(query.group_by(by))}


def lines(
    session: Session, campaign_id: int, way: DrawMechanic, part: FunnelPart, channel_code: str | None = None
) -> list[dict[str, Any]]:
    """A line of STEPS for each way in, the busiest first, or for each Shanghai hour (`2026-03-01 14:00`), the newest first; of one
    way in alone where one is given. None where the mechanic does not tell."""
    if way.people_by is None:
        return []
    by = DrawCount.channel_code if part == "channel_code" else shanghai_text(session, DrawCount.hour)
    visited = _visitors(session, campaign_id, by, channel_code)
    reached: Mapping[str, Mapping[str, int]] = way.people_by(session, campaign_id, part, channel_code)
    found: list[dict[str, Any]] = [
        {"by": each, **dict.fromkeys(STEPS, 0), **reached.get(each, {}), "visited": visited.get(each, 0)}
        for each in sorted({*visited, *reached})
    ]
    found = [line for line in found if any(line[step] for step in STEPS)]
    if part == "hour":
        return found[::-1]
    return sorted(found, key=lambda line: [-line["drew"], *(-line[step] for step in STEPS)])
