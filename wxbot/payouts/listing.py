"""Payouts as the console and a person's page show them: pages by key, counts that stop early."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from wxbot.orders.channels import CONFIRMED
from wxbot.orders.models import Order
from wxbot.payouts.models import COLLECT, PAYOUT_REASON, ListRow, ManualRequest, PayList, Payout
from wxbot.payouts.sources import MANUAL, REISSUE, ROW
from wxbot.vault import Vault

PAGE_ROWS = 50
EXPORT_BATCH = 1_000
COUNTED_AT_MOST = 1_000


def _by_order(*statuses: str) -> ColumnElement[bool]:
    return and_(Payout.status == "ordered", Order.status.in_(statuses))


TABS: dict[str, ColumnElement[bool]] = {
    "person": _by_order("manual"),
    "requested": Payout.status == "requested",
    "held": and_(Payout.status == "approved", Payout.hold.is_not(None), Payout.hold != COLLECT),
    "queued": and_(
        Payout.status.in_(("approved", "ordered")),  # said once more, so that the index on status is used
        or_(and_(Payout.status == "approved", Payout.hold.is_(None)), _by_order("planned")),
    ),
    "sending": _by_order("sending"),
    "unknown": _by_order("unknown"),
    "waiting": and_(
        Payout.status.in_(("approved", "ordered")),
        or_(_by_order("accepted"), and_(Payout.status == "approved", Payout.hold == COLLECT)),
    ),
    "failed": Payout.status == "failed",
    "returned": Payout.status == "returned",
    "paid": Payout.status == "paid",
    "cancelled": Payout.status == "cancelled",
}
"""The cashier's tabs, what needs a person first; together with what an answer has just settled they are all payouts."""

COUNTED = tuple(TABS)[:-2]
"""Tabs with a figure; how many were paid is the ledger's business."""


@dataclass(frozen=True)
class PayoutLine:
    """One payout with the order that pays it, None when it has none."""

    payout: Payout
    order: Order | None


@dataclass(frozen=True)
class Sought:
    """What to show; empty fields do not narrow it."""

    tab: str = ""
    programme_id: int | None = None
    openids: Sequence[str] = ()
    source: str = ""

    def narrow(self, query: Any) -> Any:
        """The query with these conditions."""
        if self.tab:
            query = query.where(TABS[self.tab])
        if self.programme_id:
            query = query.where(Payout.budget_id == self.programme_id)
        if self.openids:
            query = query.where(Payout.openid.in_(self.openids))
        return query.where(Payout.source_kind == self.source) if self.source else query


def _lines() -> Select[Payout, Order]:
    return select(Payout, Order).outerjoin(Order, Order.id == Payout.order_id)


def page(session: Session, sought: Sought, before_id: int | None = None) -> list[PayoutLine]:
    """The newest payouts below `before_id`; one more than a page when there are more."""
    query = sought.narrow(_lines()).order_by(Payout.id.desc()).limit(PAGE_ROWS + 1)
    if before_id is not None:
        query = query.where(Payout.id < before_id)
    return [PayoutLine(payout, order) for payout, order in session.execute(query)]


def batch(session: Session, sought: Sought, after_id: int) -> list[PayoutLine]:
    """The next payouts above `after_id`, oldest first, for an export."""
    query = sought.narrow(_lines()).where(Payout.id > after_id).order_by(Payout.id).limit(EXPORT_BATCH)
    return [PayoutLine(payout, order) for payout, order in session.execute(query)]


def counts(session: Session) -> dict[str, int]:
    """How many payouts stand in each tab; counting stops at a thousand."""
    found = {}
    for tab in COUNTED:
        some = Sought(tab).narrow(_lines().with_only_columns(Payout.id)).limit(COUNTED_AT_MOST).subquery()
        found[tab] = int(session.execute(select(func.count()).select_from(some)).scalar_one())
    return found


def of_person(session: Session, openid: str, limit: int = 20, before_id: int | None = None) -> list[PayoutLine]:
    """What one person was and is owed, the newest first."""
    query = _lines().where(Payout.openid == openid).order_by(Payout.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(Payout.id < before_id)
    return [PayoutLine(payout, order) for payout, order in session.execute(query)]


def find(session: Session, payout_id: int) -> PayoutLine | None:
    """One payout by its id."""
    row = session.execute(_lines().where(Payout.id == payout_id)).first()
    return PayoutLine(row[0], row[1]) if row else None


def by_public_id(session: Session, public_id: str, openid: str) -> PayoutLine | None:
    """One payout by the name on its person's page; None for anybody else's (S28)."""
    row = session.execute(_lines().where(Payout.public_id == public_id, Payout.openid == openid)).first()
    return PayoutLine(row[0], row[1]) if row else None


def by_billno(session: Session, mch_billno: str) -> int | None:
    """The payout that an order number pays, None when it pays none."""
    query = select(Order.reason_id).where(Order.mch_billno == mch_billno, Order.reason_kind == PAYOUT_REASON)
    return session.scalar(query)


def reissue_of(session: Session, payout_id: int) -> Payout | None:
    """The payout that replaced a returned or failed one."""
    return session.scalar(select(Payout).where(Payout.source_kind == REISSUE, Payout.source_id == payout_id))


@dataclass(frozen=True)
class PayoutSource:
    """Where a payout came from: what was asked by hand, the row of a list with its list, or an id of another page."""

    by_hand: ManualRequest | None = None
    row: ListRow | None = None
    pay_list: PayList | None = None
    link_id: int | None = None
    """What the page that SOURCES names for its kind shows."""


def source_of(session: Session, payout: Payout) -> PayoutSource:
    """What a payout is owed for, as far as this package knows it (vouchers know their own)."""
    if payout.source_kind == MANUAL:
        return PayoutSource(by_hand=session.get(ManualRequest, payout.source_id))
    if payout.source_kind == ROW:
        row = session.get(ListRow, payout.source_id)
        return PayoutSource(None, row, session.get(PayList, row.list_id), row.list_id) if row else PayoutSource()
    return PayoutSource(link_id=payout.source_id)


def package_of(vault: Vault, line: PayoutLine, now: datetime) -> str | None:
    """What WeChat's client needs to show the transfer, opened from its seal; None when there is nothing to take on our page now.

    Ask it for its own person alone, in a request of theirs.
    """
    order = line.order
    is_open = (
        order is not None
        and line.payout.status == "ordered"
        and order.status == "accepted"
        and order.channel in CONFIRMED
        and not order.is_cancel_wanted
        and (order.expires_at is None or order.expires_at > now)
    )
    if order is None or not is_open or not order.sp_ticket:
        return None
    return vault.open(order.sp_ticket)
