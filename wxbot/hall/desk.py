"""What the host's desk shows of an evening: the public state, and beside it what only the host handles. Reads only.

A result that was not revealed is in none of it: the host learns the winners with the room.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.hall import ends, journal, pairing, rosters, seeds, simulated, unjudged
from wxbot.hall.evening import Evening, Selected
from wxbot.hall.models import Danmaku, Game, Guest, Hall, Roster, Selection, Winner
from wxbot.hall.state import public_state
from wxbot.instant.changes import SUBJECT
from wxbot.instant.models import Award, Prize
from wxbot.payouts import rule_changes

GUESTS_SHOWN = 30
WORDS_SHOWN = 20

ENDS_SOON = timedelta(minutes=15)
"""So long before the end the desk says that it comes: a second person can still be found who agrees to a later one."""


@dataclass(frozen=True)
class RosterShown:
    """A frozen roster with its first and last number."""

    roster: Roster
    first: int
    last: int


class Ending(NamedTuple):
    """What is left of an evening whose end is near."""

    prizes: int
    """How many of the programme were not given whole; games that have not begun are among them."""
    is_asked: bool
    """Whether a later end waits for the second person."""
    doubted_until: datetime | None = None
    """After a restore that may have lost a later end: until when two people may agree to it once more."""


def mark_of(session: Session, hall: Hall) -> str:
    """Changes whenever the desk must be shown anew: another selection, another status, another roster, a request to void, what two people
    changed of the hall."""
    mine = select(Selection).where(Selection.campaign_id == hall.campaign_id).order_by(Selection.d.desc()).limit(1)
    last = session.scalar(mine)
    selected = "" if last is None else f"{last.d}.{last.status}.{bool(last.entropy_text)}.{last.void_asked_by}"
    marked = ""
    if last is not None and last.status in ("revealed", "confirmed"):
        of_last = (Winner.campaign_id == hall.campaign_id) & (Winner.d == last.d)
        statuses = session.scalars(select(Winner.status).where(of_last).order_by(Winner.place))
        marked = ",".join(status[:2] for status in statuses)
    playing = select(Game.status).where(Game.campaign_id == hall.campaign_id).order_by(Game.ordinal)
    played = ",".join(status[:2] for status in session.scalars(playing))
    content = session.scalar(select(Campaign.version).where(Campaign.id == hall.campaign_id))
    shown = f"{hall.scene}|{hall.language}|{hall.screen_epoch}"
    return f"{selected}|{marked}|{played}|{hall.roster_version}|{shown}|{content}"


def signed_in(session: Session, hall: Hall) -> int:
    """How many have signed in; numbers that a restore passed over are nobody's."""
    return session.scalar(select(func.count()).select_from(Guest).where(Guest.campaign_id == hall.campaign_id)) or 0


def _simulated(session: Session, hall: Hall) -> int:
    """How many of them are simulated; a hall that can pay has none."""
    mine = select(func.count()).select_from(Guest).where(simulated.these(hall.campaign_id))
    return (session.scalar(mine) or 0) if hall.is_rehearsal else 0


def waiting_words(session: Session, hall: Hall) -> int:
    """How many words of guests nobody has looked at."""
    mine = (Danmaku.campaign_id == hall.campaign_id) & (Danmaku.status == "waiting")
    return session.scalar(select(func.count()).select_from(Danmaku).where(mine)) or 0


def shown(session: Session, hall: Hall, sought: str, now: datetime) -> dict[str, Any]:
    """Everything on the desk's page; `sought` is a name or a number of a guest."""
    running = session.scalars(
        select(Selection).where(Selection.campaign_id == hall.campaign_id).order_by(Selection.d.desc()).limit(1)
    ).one_or_none()
    evening = journal.evening(session, hall.campaign_id)
    fixed = evening.selections.get(running.d) if running is not None else None
    return {
        "state": public_state(session, hall, evening),
        "roster": _roster(session, hall),
        "selected": running,
        "is_ready": fixed is not None and fixed.entropy is not None,
        "undecided": _undecided(running, fixed),
        "goods": _goods(session, hall),
        "games": _games(session, hall),
        "signed_in": signed_in(session, hall),
        "words": _words(session, hall),
        "guests": _guests(session, hall, sought),
        "simulated": _simulated(session, hall),
        "is_offered": pairing.is_offered(hall, now),
        "since_freeze": since_freeze(session, hall),
        "mark": mark_of(session, hall),
        "unjudged": len(unjudged.of_evening(session, hall, evening)),
        "ending": ending(session, session.get_one(Campaign, hall.campaign_id), now, evening),
        "has_waiting_change": rule_changes.open_one(session, SUBJECT, hall.campaign_id) is not None,
        "seeds": seeds.of(evening),
        "struck": len(evening.excluded),
    }


def ending(session: Session, campaign: Campaign, now: datetime, evening: Evening | None = None) -> Ending | None:
    """What is left when the end is near, behind which the hall cannot be prolonged any more; None before, behind it, and when
    nothing is left. After a restore that may have lost a later end, whatever is left. `evening` is that of whoever has read it."""
    doubted = ends.doubted_until(session, campaign)
    if doubted is None and (campaign.is_over(now) or campaign.end_at - now > ENDS_SOON):
        return None
    known = evening or journal.evening(session, campaign.id)
    planned = (Game.campaign_id == campaign.id) & (Game.status == "planned")
    prizes = sum(known.open_slots(prize) > 0 for prize in known.prizes)
    prizes += session.scalar(select(func.count()).select_from(Game).where(planned)) or 0
    change = rule_changes.open_one(session, SUBJECT, campaign.id)
    is_asked = change is not None and "end" in change.asked
    return Ending(prizes, is_asked, doubted) if prizes or doubted else None


def _games(session: Session, hall: Hall) -> list[tuple[Game, str]]:
    """Rains and races with what they are called, in the order of the programme."""
    query = select(Game, Prize.name).join(Prize, Prize.id == Game.prize_id)
    rows = session.execute(query.where(Game.campaign_id == hall.campaign_id).order_by(Game.ordinal))
    return [(game, name) for game, name in rows]


def _undecided(running: Selection | None, fixed: Selected | None) -> int:
    """How many winners would be confirmed now; also when somebody was taken back after the others were confirmed."""
    is_shown = running is not None and running.status in ("revealed", "confirmed")
    return len(fixed.undecided) if fixed is not None and is_shown else 0


def _roster(session: Session, hall: Hall) -> RosterShown | None:
    roster = rosters.newest(session, hall)
    if roster is None:
        return None
    lines = rosters.lines_of(roster)
    return RosterShown(roster, lines[0].no, lines[-1].no)


def since_freeze(session: Session, hall: Hall) -> int:
    """How many came, and how many of its people were struck, after the last freeze: what a new one would change."""
    roster = rosters.newest(session, hall)
    last, count = (0, 0) if roster is None else (rosters.last_no(roster), roster.count)
    came = func.count(case((Guest.no > last, 1)))
    mine = (Guest.campaign_id == hall.campaign_id) & ~Guest.is_struck
    here, late = session.execute(select(func.count(), came).select_from(Guest).where(mine)).one()
    return int(late + count - (here - late))


def _goods(session: Session, hall: Hall) -> list[tuple[Winner, Guest, str]]:
    """Confirmed winners of things that were not handed over yet."""
    of_guest = (Guest.campaign_id == Winner.campaign_id) & (Guest.no == Winner.guest_no)
    query = select(Winner, Guest, Prize.name).join(Guest, of_guest).join(Prize, Prize.id == Winner.prize_id)
    query = query.outerjoin(Award, Award.id == Winner.award_id)
    is_due = (Winner.status == "confirmed") & Winner.handed_at.is_(None) & (Prize.kind == "goods")
    is_open = or_(Award.id.is_(None), Award.status == "open")
    query = query.where(Winner.campaign_id == hall.campaign_id, is_due, is_open).order_by(Winner.d, Winner.place)
    return [(winner, guest, name) for winner, guest, name in session.execute(query)]


def _words(session: Session, hall: Hall) -> list[tuple[Danmaku, str]]:
    of_guest = (Guest.campaign_id == Danmaku.campaign_id) & (Guest.no == Danmaku.guest_no)
    query = select(Danmaku, Guest.name).join(Guest, of_guest).where(Danmaku.campaign_id == hall.campaign_id)
    waiting = query.where(Danmaku.status == "waiting").order_by(Danmaku.id).limit(WORDS_SHOWN)
    return [(words, name) for words, name in session.execute(waiting)]


def _guests(session: Session, hall: Hall, sought: str) -> list[Guest]:
    """The newest, or those whom somebody seeks by number or by part of a name."""
    query = select(Guest).where(Guest.campaign_id == hall.campaign_id).order_by(Guest.no.desc()).limit(GUESTS_SHOWN)
    if sought.isascii() and sought.isdigit() and len(sought) < 9:
        query = query.where(Guest.no == int(sought))
    elif sought:
        query = query.where(Guest.name.contains(sought, autoescape=True))
    return list(session.scalars(query))
