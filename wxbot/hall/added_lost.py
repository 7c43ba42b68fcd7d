"""Prizes, rains and races of the evening itself that a restore has lost: read out of the database that a copy takes the place of, for the host.

Two people had agreed to rows that are gone, so nothing comes back by itself: the desk says what there was until it was asked for
and agreed to once more.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.hall import journal
from wxbot.hall.log import LineBody
from wxbot.hall.models import Game, Hall, HallEvent, HallPrize

KINDS = ("prize_added", "game_added")
"""Lines of the log that say such a prize."""


class LostPrize(TypedDict):
    """What the desk says of one."""

    kind: Literal["prize", "rain", "race"]
    name: str
    pieces: int
    """Of a rain its packets."""
    names: list[str]
    """The two people who had agreed to it, as the log names them."""


def added(session: Session) -> Mapping[int, Sequence[LostPrize]]:
    """Campaign → the prizes of its evening itself, as its log says them."""
    found: defaultdict[int, list[LostPrize]] = defaultdict(list)
    halls = select(HallEvent.campaign_id).where(HallEvent.kind.in_(KINDS)).distinct()
    for campaign_id in session.scalars(halls).all():
        found[campaign_id] = [_read(line.body) for line in journal.entries(session, campaign_id) if line.kind in KINDS]
    return found


def _read(body: LineBody) -> LostPrize:
    if "game" in body:
        game = body["game"]
        return LostPrize(kind=game["kind"], name=game["name"], pieces=game["packets"], names=list(body["names"]))
    prize = body["prize"]
    return LostPrize(kind="prize", name=prize["name"], pieces=prize["slots"], names=list(body["names"]))


def lost(session: Session) -> Mapping[int, Sequence[LostPrize]]:
    """Campaign → what this database itself had lost and nobody asked for since."""
    rows = session.execute(select(Hall.campaign_id, Hall.lost_prizes))
    return {campaign_id: prizes for campaign_id, prizes in rows if prizes}


def keep(session: Session, hall: Hall, were: Sequence[LostPrize], lost_before: Sequence[LostPrize]) -> None:
    """Keep for the desk which of the prizes that `were` added the copy does not know, behind those that had been lost before."""
    mine = (HallEvent.campaign_id == hall.campaign_id, HallEvent.kind.in_(KINDS))
    known = session.scalar(select(func.count()).select_from(HallEvent).where(*mine)) or 0
    hall.lost_prizes = [dict(each) for each in (*lost_before, *were[known:])]


def is_there_again(hall: Hall, name: str, rules: HallPrize | Game) -> None:
    """Two people have agreed to a prize: the desk asks for the one that was lost under this name no more. `hall` is locked."""
    kind = rules.kind if isinstance(rules, Game) else "prize"
    left = list(hall.lost_prizes)
    for each in left:
        if (each["kind"], each["name"]) == (kind, name):
            left.remove(each)
            break
    hall.lost_prizes = left
