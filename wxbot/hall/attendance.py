"""Who came to an evening and what became of its selections, in numbers. Reads only; tells of nobody and of nothing unrevealed."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.hall.models import Guest, Hall, Invited, Roster, Selection, Winner
from wxbot.hall.standing import SHOWN


@dataclass(frozen=True)
class Attendance:
    """The numbers of one hall."""

    guests: int
    struck: int
    invited: int
    rosters: int
    """Versions that were frozen."""
    on_roster: int
    """Of the newest one; 0 before the first."""
    selections: int
    """Revealed, void ones apart."""
    void: int
    winners: dict[str, int]
    """Status of a winner → how many, of selections that count."""


def of_hall(session: Session, hall: Hall) -> Attendance:
    """Count them."""
    mine = hall.campaign_id
    came, struck = session.execute(
        select(func.count(), func.count().filter(Guest.is_struck)).where(Guest.campaign_id == mine)
    ).one()
    of_status = select(Selection.status, func.count()).where(Selection.campaign_id == mine).group_by(Selection.status)
    selections: dict[str, int] = {status: int(n) for status, n in session.execute(of_status)}
    is_newest = (Roster.campaign_id == mine) & (Roster.version == hall.roster_version)
    of_selection = (Selection.campaign_id == Winner.campaign_id) & (Selection.d == Winner.d)
    won = select(Winner.status, func.count()).join(Selection, of_selection).where(Winner.campaign_id == mine)
    won = won.where(Selection.status.in_(SHOWN), Selection.status != "voided").group_by(Winner.status)
    return Attendance(
        guests=came,
        struck=struck,
        invited=session.scalar(select(func.count()).where(Invited.campaign_id == mine)) or 0,
        rosters=hall.roster_version,
        on_roster=session.scalar(select(Roster.count).where(is_newest)) or 0,
        selections=sum(selections.get(status, 0) for status in SHOWN if status != "voided"),
        void=selections.get("voided", 0),
        winners={status: int(n) for status, n in session.execute(won)},
    )
