"""What a copy of the database cannot know: after a restore whatever ran in a hall is void, and no number and no seed is used again.

Lines of the log that were written after the copy are lost, but people have seen them, and some were paid for them: a selection that
the copy knows as revealed may have been confirmed since, a game that runs in it may be settled and played out. So each hall that is
not closed gets one line `restored`: selections that were not settled are void, games begin anew from their next seed, and
guests and selections go on behind a gap. A copy knows nothing of what was made from it before: where it takes the place of a
database, that one is asked how far its halls had come (`used`), so that the same copy restored twice reaches no seed twice, to
what two people had put their ends later, who has won a code, and which prizes of the evening itself there were.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from sqlalchemy import delete, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.db import changed
from wxbot.hall import added_lost, ends_lost, journal, known, told
from wxbot.hall.added_lost import LostPrize
from wxbot.hall.ends_lost import LostEnd
from wxbot.hall.evening import Evening
from wxbot.hall.log import RESTORED
from wxbot.hall.models import (
    ROUND_NEXT,
    SELECTION_NEXT,
    WINNER_NEXT,
    Game,
    Hall,
    HallEvent,
    RaceCount,
    RainHit,
    Selection,
    Winner,
)
from wxbot.hall.select import RUNNING
from wxbot.hall.void import void_winners
from wxbot.instant.codes_lost import PutAside
from wxbot.logs import get_logger
from wxbot.runtime import Runtime
from wxbot.transitions import moving

log = get_logger(__name__)
T = TypeVar("T")

LEAP = 100
"""More selections than a hall makes between a copy and its restore; the chain has a thousand seeds."""

LEAP_NO = 5_000
"""More guests than sign in between a copy and its restore: phones that signed in then still show their number."""

REASON = str(RESTORED)


class UsedNumbers(NamedTuple):
    """How far a hall had come in a database that a copy takes the place of."""

    next_d: int
    next_no: int
    restores: int = 0
    """Lines `restored` of its log: a rain that began anew used one seed for each."""
    ends: Sequence[LostEnd] = ()
    """To what two people had put its end later."""
    added: Sequence[LostPrize] = ()
    """Prizes of the evening itself, in the order of its log."""
    lost: Sequence[LostPrize] = ()
    """Those that a restore before had lost."""


def used(session: Session) -> dict[str, UsedNumbers]:
    """Commitment of each hall of this database → what it has used."""
    restores = select(func.count()).where(HallEvent.campaign_id == Hall.campaign_id, HallEvent.kind == "restored")
    columns = (Hall.campaign_id, Hall.commitment, Hall.next_d, Hall.next_no, restores.scalar_subquery())
    halls = session.execute(select(*columns)).all()
    later, added = _if_whole(session, ends_lost.agreed), _if_whole(session, added_lost.added)
    lost = _if_whole(session, added_lost.lost)  # the last one: a database of an older version has no such column
    return {
        commitment: UsedNumbers(
            next_d, next_no, n, later.get(campaign_id, ()), added.get(campaign_id, ()), lost.get(campaign_id, ())
        )
        for campaign_id, commitment, next_d, next_no, n in halls
    }


def _if_whole(session: Session, read: Callable[[Session], Mapping[int, Sequence[T]]]) -> Mapping[int, Sequence[T]]:
    """None of a database that is too damaged to say them, for that may be why it is replaced; its numbers count all the same."""
    try:
        return read(session)
    except (SQLAlchemyError, ValueError, KeyError, TypeError) as error:
        log.warning("replaced_hall_not_read", what=read.__name__, error=type(error).__name__)
        return {}


def leap(
    session: Session,
    why: str,
    now: datetime,
    before: Mapping[str, UsedNumbers] | None = None,
    aside: Mapping[int, Sequence[PutAside]] | None = None,
) -> Sequence[int]:
    """End what runs in every hall that is not closed, and let it go on behind a gap; the halls that did, to be told after the
    commit (`tell`). `why`: restored, thawed. `before`: what was used in the database that this one takes the place of; `aside`: codes of campaigns that it
    had given: whoever won them has won them here as well."""
    query = select(Hall).join(Campaign, Campaign.id == Hall.campaign_id).where(Campaign.status != "closed")
    halls = session.scalars(query.order_by(Hall.campaign_id).with_for_update(of=Hall)).all()
    leapt: list[int] = []
    for hall in halls:
        if _leap(session, hall, (before or {}).get(hall.commitment), now, (aside or {}).get(hall.campaign_id, ())):
            leapt.append(hall.campaign_id)
    session.flush()
    if leapt:
        log.warning("hall_numbers_leapt", halls=len(leapt), why=why)
    return leapt


def tell(runtime: Runtime, campaign_ids: Iterable[int]) -> None:
    """Let screens and phones see what has become of these halls."""
    for campaign_id in campaign_ids:
        told.tell(runtime, campaign_id)


def _leap(session: Session, hall: Hall, before: UsedNumbers | None, now: datetime, aside: Sequence[PutAside]) -> bool:
    """One hall, which is locked; False when its evening is over."""
    evening = journal.evening(session, hall.campaign_id)
    if evening.is_closed:
        return False
    if before is None:
        before = UsedNumbers(0, 0)
    else:
        added_lost.keep(session, hall, before.added, before.lost)
    hall.next_no = max(hall.next_no, before.next_no) + LEAP_NO
    hall.next_d = min(max(hall.next_d, before.next_d) + LEAP, hall.chain_length + 1)
    if not evening.hall_id:
        return True  # nothing of it was published: a row without a log must not keep a database shut
    for _ in range(before.restores - _restores(session, hall)):  # each line is one seed of a rain that is passed over
        _say_restored(session, hall, evening, evening.signed_in + 2, evening.next_d, now)
    _say_restored(session, hall, evening, hall.next_no, hall.next_d, now)
    _void(session, hall.campaign_id, evening, now)
    _take_back_games(session, hall.campaign_id)
    known.give_codes_back(session, hall, evening, aside, now)
    ends_lost.put_back(session, hall, evening, before.ends, now)
    if hall.scene in ("selection", "rain", "race"):
        hall.scene, hall.scene_at = "wall", now
    return True


def _restores(session: Session, hall: Hall) -> int:
    mine = (HallEvent.campaign_id == hall.campaign_id) & (HallEvent.kind == "restored")
    return session.scalar(select(func.count()).where(mine)) or 0


def _say_restored(session: Session, hall: Hall, evening: Evening, next_no: int, next_d: int, now: datetime) -> None:
    body = {"reason": REASON, "last_no": evening.signed_in, "next_no": next_no, "next_d": next_d}
    journal.require_and_append(session, hall, "restored", body, now, evening)


def _void(session: Session, campaign_id: int, evening: Evening, now: datetime) -> None:
    """The rows say what the log says: selections that ran are void, and so is the win of whoever was not confirmed with others."""
    ds = [each.d for each in evening.selections.values() if each.is_voided]
    ran = moving(Selection, SELECTION_NEXT, RUNNING, "voided", void_reason=REASON, void_asked_by=None, settled_at=now)
    changed(session, ran.where(Selection.campaign_id == campaign_id, Selection.d.in_(ds)))
    void_winners(session, (Winner.campaign_id == campaign_id) & Winner.d.in_(ds))
    for each in evening.selections.values():
        lapsed = (Winner.campaign_id == campaign_id) & (Winner.d == each.d) & Winner.guest_no.in_(each.lapsed)
        if each.lapsed:
            changed(session, moving(Winner, WINNER_NEXT, ("won",), "voided").where(lapsed))


def _take_back_games(session: Session, campaign_id: int) -> None:
    """Nothing that fell or was counted in a game that ran is owed to anybody."""
    mine = Game.campaign_id == campaign_id
    taken = moving(Game, ROUND_NEXT, ("running",), "planned", begin_at=None, end_at=None)
    changed(session, taken.where(mine))
    anew = select(Game.id).where(mine, Game.status == "planned")
    for rows in (RainHit, RaceCount):
        session.execute(delete(rows).where(rows.game_id.in_(anew)))
