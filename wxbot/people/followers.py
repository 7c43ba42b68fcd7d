"""Who follows the account, as its events tell it; late, repeated and shuffled events end in the same table (money F33)."""

from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from wxbot.db import insert_into
from wxbot.people.models import Follower, Withdrawal

SCENE_PREFIX = "qrscene_"
"""subscribe through a QR code carries its scene with this prefix, SCAN without it (wechat-protocol §5.6)."""


def follow(session: Session, openid: str, event_key: str, event_at: datetime) -> bool:
    """Apply a subscribe event; `event_key` is WeChat's EventKey. False when a newer event was applied before."""
    scene = event_key.removeprefix(SCENE_PREFIX)[:64]
    return _apply(session, openid, event_at, is_subscribed=True, scene=scene, subscribed_at=event_at)


def unfollow(session: Session, openid: str, event_at: datetime) -> bool:
    """Apply an unsubscribe event. False when a newer event was applied before."""
    return _apply(session, openid, event_at, is_subscribed=False, unsubscribed_at=event_at)


def _apply(session: Session, openid: str, event_at: datetime, is_subscribed: bool, **values: Any) -> bool:
    """Insert or change the row unless it already knows a newer event.

    Two events of one second have no order of their own: unsubscribe wins, so that every order of arrival ends alike.
    """
    event_unix = int(event_at.timestamp())
    values |= {"is_subscribed": is_subscribed, "event_unix": event_unix}
    newer = Follower.event_unix < event_unix
    if not is_subscribed:
        newer = or_(newer, and_(Follower.event_unix == event_unix, Follower.is_subscribed))
    first = {"scene": "", "subscribed_at": None, "unsubscribed_at": None} | values
    statement = insert_into(session, Follower).values(openid=openid, **first)
    applied = statement.on_conflict_do_update(index_elements=["openid"], set_=values, where=newer)
    return session.scalar(applied.returning(Follower.openid)) is not None


def is_following(session: Session, openid: str) -> bool:
    """Whether the newest event we know says that this person follows the account."""
    return bool(session.scalar(select(Follower.is_subscribed).where(Follower.openid == openid)))


def note_withdrawal(session: Session, openid: str, event: str, event_at: datetime) -> bool:
    """Keep that a person wants their data erased (user_authorization_revoke or …_cancellation, wechat-protocol §5.6).

    True when this is new; a repeat changes nothing. Who came back after an erasure and leaves again is erased again.
    """
    statement = insert_into(session, Withdrawal).values(openid=openid, event=event, asked_at=event_at)
    noted = statement.on_conflict_do_update(
        index_elements=["openid"],
        set_={"event": event, "asked_at": event_at, "erased_at": None},
        where=Withdrawal.erased_at < event_at,
    )
    return session.scalar(noted.returning(Withdrawal.openid)) is not None
