"""Signing in: one number for each WeChat, dense and in the order of the commits, and a line of the log that says no more than it.

The lock of the hall's row makes the numbers dense. Whoever comes again gets the number they have, whatever holds by then.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.hall import journal, steps
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
class Entry:
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


def of(session: Session, campaign_id: int, openid: str) -> Guest | None:
    """The guest who this person is in a hall."""
    mine = (Guest.campaign_id == campaign_id) & (Guest.openid == openid)
    return session.scalars(select(Guest).where(mine)).one_or_none()


def sign_in(session: Session, campaign_id: int, openid: str, entry: Entry, now: datetime) -> Guest:
    """The guest with their number, new or as before. Raises Refusal when they may not come in now."""
    known = of(session, campaign_id, openid)
    if known is not None:
        return known
    hall = journal.lock(session, campaign_id)
    campaign = session.get_one(Campaign, campaign_id, populate_existing=True)
    known = of(session, campaign_id, openid)  # they may have come twice at the same moment
    if known is not None:
        return known
    require_open(campaign, now)
    if not steps.open_doors(session, hall, campaign.begin_at, now):
        raise Refusal("not_open", NOT_OPEN)
    require_guest(session, openid)
    if entry.invited_id is not None and is_taken(session, campaign_id, entry.invited_id):
        raise Refusal("taken", TAKEN, "key")
    salt = secrets.token_bytes(SALT_BYTES)
    guest = Guest(
        campaign_id=campaign_id,
        no=hall.next_no,
        openid=openid,
        person=person_id(salt, campaign.slug, openid),
        salt=salt.hex(),
        name=f"{entry.name}·{hall.next_no}" if entry.is_name_shared else entry.name,
        group=entry.group,
        weight=entry.weight,
        invited_id=entry.invited_id,
        has_shared=entry.has_shared,
        face_from=entry.face_from,
        signed_in_at=now,
    )
    session.add(guest)
    hall.next_no += 1
    journal.append(session, hall, "signed_in", {"no": guest.no}, now)
    return guest


def is_taken(session: Session, campaign_id: int, invited_id: int) -> bool:
    """Whether somebody has signed in by this line of the list."""
    mine = (Guest.campaign_id == campaign_id) & (Guest.invited_id == invited_id)
    return session.scalar(select(Guest.no).where(mine)) is not None


def require_open(campaign: Campaign, now: datetime) -> None:
    """Raise Refusal while nobody can sign in: before the beginning, in a pause, after the end."""
    if campaign.status in ("closing", "closed") or now >= campaign.end_at:
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
