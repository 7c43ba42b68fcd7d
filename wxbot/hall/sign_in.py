"""Signing in: one number for each WeChat, dense and in the order of the commits, and a line of the log that says no more than it.

The lock of the hall's row makes the numbers dense. Whoever comes again gets the number they have, whatever holds by then.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from wxbot import lineage
from wxbot.campaigns.models import Campaign
from wxbot.hall import journal, known, simulated, steps
from wxbot.hall.models import Guest
from wxbot.hall.selection import SALT_BYTES, person_id
from wxbot.people import marks
from wxbot.staff.models import Staff
from wxbot.text import Refusal, Text

NOT_OPEN = Text("签到还没开始，到点再来", "Signing in is not open yet; come back when it begins")
PAUSED = Text("签到暂停了，请稍后再来", "Signing in is paused; please come back a little later")
OVER = Text("活动已经结束", "The evening is over")
STAFF = Text(
    "你是主办方的工作人员，不参加这次抽奖", "You are of the organiser's staff, who take no part in this lottery"
)
TAKEN = Text(
    "这个编号已经有人签到了。不是你的话，请找工作人员",
    "Somebody has signed in with this number already. Was it not you? Ask the staff",
)
BLOCKED = Text("现在不能签到，请联系主办方", "You cannot sign in now; please ask the organiser")


@dataclass(frozen=True, slots=True)
class GuestDetails:
    """What somebody signs in with: the name for the wall, their group, and what they stand on the list by."""

    name: str
    group: str = ""
    weight: int = 1
    invited_id: int | None = None
    is_name_shared: bool = False
    """Others of the list have the same name: the number behind it tells them apart on the wall."""
    has_shared: bool = False
    face_from: str = ""
    """Where the picture that they agreed to show lies at WeChat."""


_GUEST = select(Guest).where(Guest.campaign_id == bindparam("in_hall"), Guest.openid == bindparam("of_openid"))
"""Made once: every request of a phone begins with it, and making it takes longer than running it."""


def of(session: Session, campaign_id: int, openid: str) -> Guest | None:
    """The guest who this person is in a hall."""
    return session.scalars(_GUEST, {"in_hall": campaign_id, "of_openid": openid}).one_or_none()


class Comer(NamedTuple):
    """Who comes, and with what."""

    openid: str
    entry: GuestDetails


def sign_in(session: Session, campaign_id: int, openid: str, entry: GuestDetails, now: datetime) -> Guest:
    """The guest with their number, new or as before. Raises Refusal when they may not come in now."""
    here = of(session, campaign_id, openid)
    if here is not None:
        return here
    require_guest(session, openid)
    (found,) = sign_in_all(session, campaign_id, [Comer(openid, entry)], now)
    if isinstance(found, Refusal):
        raise found
    return found


def sign_in_all(session: Session, campaign_id: int, comers: Sequence[Comer], now: datetime) -> list[Guest | Refusal]:
    """What becomes of each who comes at one moment, in their order, behind one lock and with one commit.

    Who may take part at all (`require_guest`) was asked before. Raises Refusal when nobody may come in now.
    """
    hall = journal.lock(session, campaign_id)
    if lineage.is_frozen(session):
        raise Refusal("paused", PAUSED)
    campaign = session.get_one(Campaign, campaign_id, populate_existing=True)
    here = _here(session, campaign_id, [comer.openid for comer in comers])
    if all(comer.openid in here for comer in comers):
        return [here[comer.openid] for comer in comers]
    require_open(campaign, now)
    if not steps.open_doors(session, hall, campaign.begin_at, now):
        raise Refusal("not_open", NOT_OPEN)
    taken = _taken(session, campaign_id, [comer.entry.invited_id for comer in comers])
    new: list[Guest] = []
    found: list[Guest | Refusal] = []
    for openid, entry in comers:
        if openid not in here:
            if simulated.is_simulated(openid) and not hall.is_rehearsal:
                found.append(Refusal("real", simulated.REAL))
                continue
            if entry.invited_id is not None and entry.invited_id in taken:
                found.append(Refusal("taken", TAKEN, "key"))
                continue
            taken.add(entry.invited_id)
            here[openid] = _made(campaign, hall.next_no + len(new), openid, entry, now)
            new.append(here[openid])
        found.append(here[openid])
    session.add_all(new)
    hall.next_no += len(new)
    journal.append_all(session, hall, "signed_in", [{"no": guest.no} for guest in new], now)
    known.know_again(session, hall, new, now)
    return found


def _here(session: Session, campaign_id: int, openids: Sequence[str]) -> dict[str, Guest]:
    mine = (Guest.campaign_id == campaign_id) & Guest.openid.in_(openids)
    return {guest.openid: guest for guest in session.scalars(select(Guest).where(mine))}


def _taken(session: Session, campaign_id: int, invited: Sequence[int | None]) -> set[int | None]:
    asked = [line for line in invited if line is not None]
    if not asked:
        return set()
    mine = (Guest.campaign_id == campaign_id) & Guest.invited_id.in_(asked)
    return set(session.scalars(select(Guest.invited_id).where(mine)))


def _made(campaign: Campaign, no: int, openid: str, entry: GuestDetails, now: datetime) -> Guest:
    salt = secrets.token_bytes(SALT_BYTES)
    return Guest(
        campaign_id=campaign.id,
        no=no,
        openid=openid,
        person=person_id(salt, campaign.slug, openid),
        salt=salt.hex(),
        name=f"{entry.name}·{no}" if entry.is_name_shared else entry.name,
        group=entry.group,
        weight=entry.weight,
        face="",
        face_from=entry.face_from,
        has_shared=entry.has_shared,
        is_hidden=False,
        is_struck=False,
        invited_id=entry.invited_id,
        signed_in_at=now,
    )


def is_taken(session: Session, campaign_id: int, invited_id: int) -> bool:
    """Whether somebody has signed in by this line of the list."""
    mine = (Guest.campaign_id == campaign_id) & (Guest.invited_id == invited_id)
    return session.scalar(select(Guest.no).where(mine)) is not None


def require_open(campaign: Campaign, now: datetime) -> None:
    """Raise Refusal while nobody can sign in: before the beginning, in a pause, after the end."""
    if campaign.is_over(now):
        raise Refusal("over", OVER)
    if campaign.status == "off":
        raise Refusal("paused", PAUSED)
    if campaign.status != "on" or now < campaign.begin_at:
        raise Refusal("not_open", NOT_OPEN)


def require_guest(session: Session, openid: str) -> None:
    """Raise Refusal for whoever steers what is drawn, and for those on the block list."""
    if session.scalar(select(Staff.id).where(Staff.openid == openid).limit(1)) is not None:
        raise Refusal("staff", STAFF)
    if marks.is_blocked(session, openid):
        raise Refusal("blocked", BLOCKED)
