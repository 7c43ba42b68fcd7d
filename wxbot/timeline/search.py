"""Finding a person by whatever a colleague has in hand: besides openid, phone and name any number of ours, and a time.

Somebody on the roster who never bound has no openid and no story; they are found all the same (`listed`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import PACKET_REASON, Campaign, Packet
from wxbot.clock import SHANGHAI
from wxbot.draws.models import Draw
from wxbot.instant.models import Award, InstantDraw, InstantTerms
from wxbot.orders.listing import first_since
from wxbot.orders.models import Order
from wxbot.payouts import people_search
from wxbot.payouts.models import Payout
from wxbot.payouts.people_search import FOUND_AT_MOST, OPENID, PersonMatch
from wxbot.people import phones, roster
from wxbot.timeline.sources import cut
from wxbot.vault import Vault
from wxbot.vouchers.models import Voucher

NUMBER = re.compile(r"#?([0-9]{1,12})")
"""The number of a payout or a voucher, as the console shows it."""
LONG_NUMBER = re.compile(r"[0-9]{10,32}")
"""An order's number, ours or WeChat's."""
PUBLIC_ID = re.compile(r"[A-Za-z0-9_-]{8,24}")
"""How a person's own page names a voucher or a payout."""
MOMENT = re.compile(r"(?:(?:(\d{4})-)?(\d{1,2})-(\d{1,2})\s+)?(\d{1,2})[:：](\d{2})(?::(\d{2}))?")
"""A time of day, today's or with its date."""

LOOKED_AT = 500
"""Rows of one kind from the time that is asked for."""


@dataclass(frozen=True)
class ListedPerson:
    """Somebody on the roster who is bound to no openid."""

    name: str
    phone: str
    """Masked."""
    department: str
    is_active: bool


def find(session: Session, vault: Vault, text: str, now: datetime) -> list[PersonMatch]:
    """The people with a story that a text may mean, the surest first; at most FOUND_AT_MOST."""
    wanted = text.strip()
    if not wanted:
        return []
    found = [person.openid for person in people_search.search(session, vault, wanted)]
    more = (*_by_long_number(session, wanted), *_by_number(session, wanted), *_by_public_id(session, wanted))
    if has_drawn(session, wanted):
        more = (*more, wanted)
    span = span_of(wanted, now)
    if span is not None:
        more = (*more, *_at(session, *span))
    known = dict.fromkeys([*found, *more])
    return people_search.describe(session, vault, list(known)[:FOUND_AT_MOST])


def listed(session: Session, vault: Vault, text: str) -> list[ListedPerson]:
    """Who stands on the roster by this whole phone or part of a name, and is bound to no openid."""
    wanted = text.strip()
    rows = roster.page(session, vault, wanted, limit=FOUND_AT_MOST) if wanted else []
    return [
        ListedPerson(entry.name, phones.masked(vault.open(entry.phone_sealed)), entry.department, entry.is_active)
        for entry, openid in rows[:FOUND_AT_MOST]
        if openid is None and entry.phone_sealed
    ]


def has_drawn(session: Session, openid: str) -> bool:
    """Whether this openid ever had a try in a campaign."""
    if not OPENID.fullmatch(openid):
        return False
    return any(
        session.scalar(select(column).where(column == openid).limit(1)) is not None
        for column in (Draw.openid, InstantDraw.openid)
    )


def masked(person: PersonMatch) -> PersonMatch:
    """A person as those may see them who only look after campaigns."""
    return replace(person, name=cut(person.name))


def masked_listed(person: ListedPerson) -> ListedPerson:
    """Somebody on the roster, for the same eyes."""
    return replace(person, name=cut(person.name))


def _by_long_number(session: Session, text: str) -> Iterable[str]:
    """Whose order this is: the order knows, or the packet that it pays."""
    if not LONG_NUMBER.fullmatch(text):
        return []
    order = session.scalars(
        select(Order).where(or_(Order.mch_billno == text, Order.detail_id == text)).limit(1)
    ).first()
    if order is None:
        return []
    if order.openid is None and order.reason_kind == PACKET_REASON:
        return filter(None, [session.scalar(select(Packet.openid).where(Packet.id == order.reason_id))])
    return filter(None, [order.openid])


def _by_number(session: Session, text: str) -> Iterable[str]:
    fitting = NUMBER.fullmatch(text)
    if fitting is None:
        return []
    number = int(fitting[1])
    owners = [session.scalar(select(model.openid).where(model.id == number)) for model in (Payout, Voucher)]
    return filter(None, owners)


def _by_public_id(session: Session, text: str) -> Iterable[str]:
    if not PUBLIC_ID.fullmatch(text):
        return []
    owners = [session.scalar(select(model.openid).where(model.public_id == text)) for model in (Payout, Voucher, Award)]
    return filter(None, owners)


def span_of(text: str, now: datetime) -> tuple[datetime, datetime] | None:
    """The minute (or, with seconds, ten of them) that a text names in Shanghai's time; None when it names no time."""
    fitting = MOMENT.fullmatch(text)
    if fitting is None:
        return None
    year, month, day, hour, minute, second = fitting.groups()
    today = now.astimezone(SHANGHAI)
    try:
        at = today.replace(
            year=int(year or today.year),
            month=int(month or today.month),
            day=int(day or today.day),
            hour=int(hour),
            minute=int(minute),
            second=int(second or 0),
            microsecond=0,
        )
    except ValueError:
        return None
    if month and not year and at > now:  # 12-31, asked in January
        at = at.replace(year=at.year - 1)
    return (at, at + timedelta(minutes=1)) if second is None else (at - timedelta(seconds=5), at + timedelta(seconds=5))


DATED: tuple[tuple[Any, Any], ...] = (
    (Draw, Draw.admitted_at),
    (Voucher, Voucher.submitted_at),
    (Payout, Payout.created_at),
)
"""What tells of somebody at a time, written in the order of time."""


def _at(session: Session, since: datetime, until: datetime) -> Iterable[str]:
    for model, at in DATED:
        first = first_since(session, model.id, at, since)
        rows = select(model.openid, at).where(model.id >= first).order_by(model.id).limit(LOOKED_AT)
        yield from (openid for openid, moment in session.execute(rows) if since <= moment < until)
    yield from _drew_at(session, since, until)


def _drew_at(session: Session, since: datetime, until: datetime) -> Iterable[str]:
    """Who drew in campaigns of instant draws, whose rows are numbered within their campaign."""
    running = select(InstantTerms.campaign_id).join(Campaign, Campaign.id == InstantTerms.campaign_id)
    for campaign_id in session.scalars(running.where(Campaign.begin_at < until, Campaign.end_at >= since)):
        own = InstantDraw.campaign_id == campaign_id
        first = first_since(session, InstantDraw.k, InstantDraw.drawn_at, since, own)
        rows = select(InstantDraw.openid, InstantDraw.drawn_at).where(own, InstantDraw.k >= first)
        found = session.execute(rows.order_by(InstantDraw.k).limit(LOOKED_AT))
        yield from (openid for openid, moment in found if since <= moment < until)
