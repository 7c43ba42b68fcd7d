"""Forget what names guests (worker task hall.erase): those who asked WeChat for it, and a week after the end whatever was shared.

The line of a roster and the log stay: they hold a code that only the person could tie to themselves, by a salt that goes with
them. While the hall is open their openid stays as well, so that nobody has two numbers.
"""

from datetime import datetime, timedelta

from redis.exceptions import RedisError
from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.db import changed
from wxbot.hall import told, wire
from wxbot.hall.models import Danmaku, Guest, GuestFace, Hall
from wxbot.logs import get_logger
from wxbot.people.models import Withdrawal
from wxbot.runtime import Runtime

log = get_logger(__name__)

SHARED_DAYS = 7
"""Days after the close for which shared names and pictures are kept: what people were told when they agreed."""

BATCH = 200
ERASED = "erased-"
"""What an openid of somebody erased begins with; their number follows."""


def erase_due(runtime: Runtime) -> int:
    """Forget what is due; returns how many guests and halls were changed."""
    with runtime.database.reading() as session:
        gone = session.execute(_gone().limit(BATCH)).all()
        old = session.scalars(_old(runtime.clock.now()).limit(BATCH)).all()
    for campaign_id, no, slug, openid, is_closed in gone:
        with runtime.database.transaction() as session:
            _forget(session, campaign_id, no, is_closed=is_closed)
        _unsay(runtime, wire.guest_key(slug, openid), wire.race_key(slug))
        log.info("guest_erased", campaign_id=campaign_id)
    for campaign_id in old:
        with runtime.database.transaction() as session:
            let_go(session, campaign_id, runtime.database.now(session))
        log.info("hall_faces_deleted", campaign_id=campaign_id)
    for campaign_id in {row[0] for row in gone} | set(old):
        told.tell(runtime, campaign_id)  # what screens were told last names them
    return len(gone) + len(old)


def _unsay(runtime: Runtime, *keys: str) -> None:
    """Without Redis the name there ends by itself, after wire.KEEP_S. The ranks of a race that is on are said again at once."""
    try:
        runtime.redis.delete(*keys)
    except RedisError as error:
        log.warning("hall_without_redis", error=type(error).__name__)


def _gone() -> Select[int, int, str, str, bool]:
    """Guests who were erased and still have something here: (hall, number, slug, openid, whether it is closed)."""
    erased = select(Withdrawal.openid).where(Withdrawal.erased_at.is_not(None))
    is_closed = Campaign.status == "closed"
    has_something = (Guest.name != "") | (Guest.face != "") | (Guest.face_from != "") | is_closed
    query = select(Guest.campaign_id, Guest.no, Campaign.slug, Guest.openid, is_closed).join(
        Campaign, Campaign.id == Guest.campaign_id
    )
    return query.where(Guest.openid.in_(erased), has_something)


def _forget(session: Session, campaign_id: int, no: int, *, is_closed: bool) -> None:
    mine = (Guest.campaign_id == campaign_id) & (Guest.no == no)
    face = session.scalar(select(Guest.face).where(mine))
    blank: dict[str, object] = {"name": "", "face": "", "face_from": "", "is_hidden": True}
    if is_closed:
        blank |= {"salt": "", "openid": f"{ERASED}{no}", "invited_id": None}
    changed(session, update(Guest).where(mine).values(**blank))
    changed(session, delete(Danmaku).where(Danmaku.campaign_id == campaign_id, Danmaku.guest_no == no))
    others = (Guest.campaign_id == campaign_id) & (Guest.face == face)
    if face and session.scalar(select(Guest.no).where(others).limit(1)) is None:
        changed(session, delete(GuestFace).where(GuestFace.campaign_id == campaign_id, GuestFace.sha256 == face))


def _old(now: datetime) -> Select[int]:
    """Halls that ended so long ago that what was shared goes."""
    is_due = Campaign.closed_at < now - timedelta(days=SHARED_DAYS)
    return select(Hall.campaign_id).join(Campaign).where(Hall.faces_deleted_at.is_(None), is_due)


def let_go(session: Session, campaign_id: int, now: datetime) -> None:
    """Delete the pictures of a hall and the names that came from WeChat; names that were typed stay in its record."""
    changed(session, delete(GuestFace).where(GuestFace.campaign_id == campaign_id))
    mine = Guest.campaign_id == campaign_id
    changed(session, update(Guest).where(mine).values(face="", face_from=""))
    changed(session, update(Guest).where(mine, Guest.has_shared.is_(True)).values(name=""))
    changed(session, update(Hall).where(Hall.campaign_id == campaign_id).values(faces_deleted_at=now))
