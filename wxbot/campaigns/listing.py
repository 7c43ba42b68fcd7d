"""What the console shows of campaigns and packets: pages by key, never by offset, and counts that are kept, not counted.

A page of packets costs the same at a thousand rows as at a million: every query walks an index from a key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from wxbot import typed
from wxbot.campaigns import mechanic
from wxbot.campaigns.models import PACKET_REASON, PACKET_STATUSES, Campaign, Packet, PacketCount
from wxbot.clock import SHANGHAI
from wxbot.db import shanghai_text
from wxbot.ledger import Balance, Entry
from wxbot.orders.models import Order

PAGE_ROWS = 50
CAMPAIGN_ROWS = 20
REACHED: dict[str, tuple[str, ...]] = {
    "ordered": ("ordered", "ticketed", "loaded", "bound", "received", "returned"),
    "ticketed": ("ticketed", "loaded", "bound", "received", "returned"),
    "loaded": ("loaded", "bound", "received", "returned"),
    "bound": ("bound", "received", "returned"),
    "received": ("received",),
    "returned": ("returned",),
}
"""Step of a launch → statuses of the packets that have reached it."""


@dataclass(frozen=True)
class Tally:
    """How many packets, and fen, stand in each status."""

    n: dict[str, int]
    amount_fen: dict[str, int]

    @property
    def total(self) -> int:
        """All packets."""
        return sum(self.n.values())

    def reached(self, step: str) -> int:
        """How many packets have come at least to this step."""
        return sum(self.n.get(status, 0) for status in REACHED[step])


def tallies(session: Session, campaign_ids: Sequence[int]) -> dict[int, Tally]:
    """The kept counts of some campaigns."""
    found = {campaign_id: Tally({}, {}) for campaign_id in campaign_ids}
    for row in session.scalars(select(PacketCount).where(PacketCount.campaign_id.in_(campaign_ids))):
        found[row.campaign_id].n[row.status] = row.n
        found[row.campaign_id].amount_fen[row.status] = row.amount_fen
    return found


@dataclass(frozen=True)
class HowFar:
    """How far a campaign is, whatever it gives."""

    won: int
    in_all: int
    paid_fen: int


def standings(session: Session, shown: Sequence[Campaign]) -> dict[int, HowFar]:
    """How far some campaigns are, by id: packets or prizes as their mechanics count them, money as the ledger does."""
    ids = [campaign.id for campaign in shown]
    query = select(Balance.budget_id, Balance.balance_fen).where(Balance.budget_id.in_(ids), Balance.account == "paid")
    paid = {budget_id: int(fen) for budget_id, fen in session.execute(query)}
    found = {}
    for name in {campaign.mechanic for campaign in shown}:
        own = [campaign for campaign in shown if campaign.mechanic == name]
        for campaign_id, (won, in_all) in mechanic.way_of(name).given(session, own).items():
            found[campaign_id] = HowFar(won, in_all, paid.get(campaign_id, 0))
    return found


def campaigns(
    session: Session,
    *,
    owner_id: int | None,
    statuses: Sequence[str] = (),
    before_id: int | None = None,
    sought: str = "",
    limit: int = CAMPAIGN_ROWS,
) -> Sequence[Campaign]:
    """The newest campaigns, of one marketer (`owner_id`) or of all; one more than `limit` when there are more.

    `sought` is a part of a name, of the name that people read or of a keyword, or a campaign's number.
    """
    query = select(Campaign).order_by(Campaign.id.desc()).limit(limit + 1)
    if owner_id is not None:
        query = query.where(Campaign.created_by == owner_id)
    if statuses:
        query = query.where(Campaign.status.in_(statuses))
    if before_id is not None:
        query = query.where(Campaign.id < before_id)
    if sought:
        columns = (Campaign.name, Campaign.act_name, Campaign.keyword)
        found = [column.icontains(sought, autoescape=True) for column in columns]
        if sought.removeprefix("#").isascii() and sought.removeprefix("#").isdigit() and len(sought) <= 15:
            found.append(Campaign.id == int(sought.removeprefix("#")))
        query = query.where(or_(*found))
    return session.scalars(query).all()


@dataclass(frozen=True)
class PacketPage:
    """One page of packets in the order of their ordinals, and whether there is more on either side."""

    rows: Sequence[Packet]
    has_before: bool
    has_after: bool


def _from_key(query: Select[Any], key: Any, after: Any, before: Any, limit: int) -> Select[Any]:
    if before is not None:
        return query.where(key < before).order_by(key.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(key > after)
    return query.order_by(key).limit(limit + 1)


def packets(
    session: Session,
    campaign_id: int,
    *,
    status: str = "",
    after: int | None = None,
    before: int | None = None,
    limit: int = PAGE_ROWS,
) -> PacketPage:
    """A page after or before an ordinal. Packets are numbered as they are made, so ordinals and ids run alike.

    Without a status the page walks (campaign, ordinal); with one it walks (campaign, status, id).
    """
    query = select(Packet).where(Packet.campaign_id == campaign_id)
    key: Any = Packet.ordinal
    if status:
        query, key = query.where(Packet.status == status), Packet.id
        after, before = (
            _id_at(session, campaign_id, bound, side) for bound, side in ((after, "after"), (before, "before"))
        )
    found = list(session.scalars(_from_key(query, key, after, before, limit)))
    more, rows = len(found) > limit, found[:limit]
    if before is not None:
        return PacketPage(rows[::-1], has_before=more, has_after=True)
    return PacketPage(rows, has_before=after is not None and after > 0, has_after=more)


def _id_at(session: Session, campaign_id: int, ordinal: int | None, side: str) -> int | None:
    """The id that stands for an ordinal as a bound, also when no packet has that ordinal."""
    if ordinal is None:
        return None
    query = select(Packet.id).where(Packet.campaign_id == campaign_id)
    if side == "after":
        query = query.where(Packet.ordinal <= ordinal).order_by(Packet.ordinal.desc())
        return session.execute(query.limit(1)).scalar_one_or_none() or 0
    query = query.where(Packet.ordinal >= ordinal).order_by(Packet.ordinal)
    return session.execute(query.limit(1)).scalar_one_or_none() or 2**62


def search_packets(session: Session, campaign_id: int, text: str) -> Sequence[Packet]:
    """Packets by ordinal ('#12' or '12'), openid, or mch_billno; at most a page."""
    text = typed.line(text)
    if text.removeprefix("#").isascii() and text.removeprefix("#").isdigit() and len(text) <= 8:
        query = select(Packet).where(Packet.campaign_id == campaign_id, Packet.ordinal == int(text.removeprefix("#")))
        return session.scalars(query).all()
    order = session.execute(
        select(Order.reason_id).where(
            Order.mch_billno == text, Order.reason_kind == PACKET_REASON, Order.budget_id == campaign_id
        )
    ).scalar_one_or_none()
    if order is not None:
        return session.scalars(select(Packet).where(Packet.id == order, Packet.campaign_id == campaign_id)).all()
    query = select(Packet).where(Packet.openid == text, Packet.campaign_id == campaign_id)
    return session.scalars(query.order_by(Packet.id).limit(PAGE_ROWS)).all()


def billnos(session: Session, order_ids: Sequence[int]) -> dict[int, str]:
    """The number of each order."""
    rows = session.execute(select(Order.id, Order.mch_billno).where(Order.id.in_(order_ids)))
    return {row.id: row.mch_billno for row in rows}


def money_by_hour(
    session: Session, campaign_ids: Sequence[int] | None, first_id: int
) -> list[tuple[datetime, str, int]]:
    """(hour, kind of entry, fen) of the ledger entries from `first_id` on, of some campaigns or of all."""
    hour = shanghai_text(session, Entry.at)
    query = (
        select(hour, Entry.kind, func.sum(Entry.amount_fen))
        .where(Entry.id >= first_id, Entry.kind.in_(("ordered", "bound", "received", "returned")))
        .group_by(hour, Entry.kind)
        .order_by(hour)
    )
    if campaign_ids is not None:
        query = query.where(Entry.budget_id.in_(campaign_ids))
    found = session.execute(query)
    return [(datetime.fromisoformat(at).replace(tzinfo=SHANGHAI), kind, int(amount)) for at, kind, amount in found]


def is_packet_status(text: str) -> bool:
    """Whether a filter names a status."""
    return text in PACKET_STATUSES
