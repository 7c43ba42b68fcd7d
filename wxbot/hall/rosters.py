"""The freeze: from here on it is fixed who may win. Who comes later stands in the next version."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.hall import journal, selection
from wxbot.hall.models import Guest, Hall, Roster
from wxbot.hall.selection import FrozenLine
from wxbot.text import Refusal, Text

NOBODY = Text("还没有人签到，先请大家扫码签到", "Nobody has signed in yet; have people scan the code first")


def freeze(session: Session, campaign_id: int, now: datetime) -> Roster:
    """Publish everybody who signed in and was not struck as the next roster. Raises Refusal between the arming and the result of
    a selection, and when there is nobody."""
    hall = journal.lock(session, campaign_id)
    here = (Guest.campaign_id == campaign_id) & ~Guest.is_struck
    guests = session.scalars(select(Guest).where(here).order_by(Guest.no)).all()
    if not guests:
        raise Refusal("nobody", NOBODY)
    lines = [FrozenLine(guest.no, guest.weight, guest.group, guest.person) for guest in guests]
    version = hall.roster_version + 1
    content = selection.roster_bytes(journal.hall_id(session, campaign_id), version, lines)
    sha256 = selection.roster_hash(content)
    body = {"version": version, "count": len(lines), "roster_hash": sha256}
    journal.require_and_append(session, hall, "frozen", body, now)
    hall.roster_version = version
    roster = Roster(campaign_id=campaign_id, version=version, count=len(lines), sha256=sha256, frozen_at=now)
    roster.content = content.decode()
    session.add(roster)
    session.flush()
    return roster


def newest(session: Session, hall: Hall) -> Roster | None:
    """The roster from which the next selection is made; None before the first freeze."""
    return session.get(Roster, (hall.campaign_id, hall.roster_version))


def last_no(roster: Roster) -> int:
    """The number of its last person; whoever has a greater one came after the freeze."""
    return int(roster.content.removesuffix("\n").rpartition("\n")[2].partition("\t")[0])


def lines_of(roster: Roster) -> tuple[FrozenLine, ...]:
    """Its people."""
    return selection.read_roster(roster.content).lines
