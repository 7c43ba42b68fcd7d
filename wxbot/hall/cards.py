"""Who rolls over the screen before a selection's result: people of its pool, with no word about who of them wins."""

import secrets
from typing import TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.hall import journal, rosters
from wxbot.hall.models import Guest, Roster, Selection

MOST = 400
"""So many names are enough for an eye, however big the pool is; which ones, chance says anew each time."""


class Shown(TypedDict):
    """One person as the screen shows them."""

    no: int
    name: str
    face: str


def of_pool(session: Session, selected: Selection) -> list[Shown]:
    """At most MOST people of the pool that a selection is made from, by number.

    The pool is that of the moment before: with its result counted in, whoever is missing from it would be the winners.
    """
    evening = journal.evening(session, selected.campaign_id)
    fixed = evening.selections.pop(selected.d)
    roster = session.get_one(Roster, (selected.campaign_id, selected.roster_version))
    pool = evening.pool(rosters.lines_of(roster), fixed.prize)
    if len(pool) > MOST:
        pool = sorted(secrets.SystemRandom().sample(pool, MOST))
    mine = (Guest.campaign_id == selected.campaign_id) & Guest.no.in_(pool)
    return [shown(*row) for row in session.execute(select(*COLUMNS).where(mine).order_by(Guest.no))]


COLUMNS = (Guest.no, Guest.name, Guest.face, Guest.is_hidden)
"""What `shown` takes: the state is made after each press, and whole guests of hundreds of winners would be most of its cost."""


def shown(no: int, name: str, face: str, is_hidden: bool) -> Shown:
    """A guest on the screen; of somebody whom the host took off it there is only the number."""
    return {"no": no, "name": "", "face": ""} if is_hidden else {"no": no, "name": name, "face": face}
