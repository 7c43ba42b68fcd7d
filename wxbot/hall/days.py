"""The figures of one day of a hall: who signed in, what was drawn, and what became of the prizes (draws/days.py).

No draw is a person's own here, so what was won is counted by the awards, which a confirmation leaves owed; what was asked for,
received and taken back is counted as after any draw.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from wxbot.campaigns.mechanic import DaysPart
from wxbot.hall.models import Guest, Selection
from wxbot.instant import days as awards
from wxbot.instant.models import Award
from wxbot.instant.versions import prizes_of


def figures(session: Session, campaign_id: int, begin: datetime, end: datetime) -> Mapping[str, int | None]:
    """People who signed in, selections that were drawn (void ones too), wins, taps on 领取, and how awards ended, from `begin` to before `end`."""
    came = select(func.count()).where(Guest.campaign_id == campaign_id)
    drawn = select(func.count()).where(Selection.campaign_id == campaign_id)
    won = select(func.count(), func.sum(Award.amount_fen)).where(Award.campaign_id == campaign_id)
    wins, won_fen = session.execute(won.where(Award.won_at >= begin, Award.won_at < end)).one()
    return {
        **awards.figures(session, campaign_id, begin, end),
        "people": session.scalar(came.where(Guest.signed_in_at >= begin, Guest.signed_in_at < end)),
        "draws": session.scalar(drawn.where(Selection.drawn_at >= begin, Selection.drawn_at < end)),
        "wins": wins,
        "won_fen": won_fen,
    }


def prizes(session: Session, campaign_id: int, begin: datetime, end: datetime) -> list[dict[str, Any]]:
    """Of each prize: how many were won from `begin` to before `end`, and how many were left then. An award that ends gives no piece back."""
    within = func.sum(case((Award.won_at < end, 1), else_=0))
    query = select(Award.prize_id, within, func.count()).where(Award.campaign_id == campaign_id, Award.won_at >= begin)
    found = {prize_id: (int(n), int(later)) for prize_id, n, later in session.execute(query.group_by(Award.prize_id))}
    lines = []
    for prize in prizes_of(session, campaign_id):
        given, since = found.get(prize.id, (0, 0))
        lines.append({"name": prize.name, "stock": prize.stock, "given": given, "left": prize.left + since - given})
    return lines


PART = DaysPart(figures=figures, prizes=prizes, owes=awards.owes, settled_at=awards.settled_at)
