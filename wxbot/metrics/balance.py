"""What the merchant's account holds, as far as it can be known: the last fund bill's closing balance and our movements since.

WeChat Pay's documents have no call for the balance of API v2, so this is a reckoning with a time beside it: what somebody else
moved since the bill (a top-up of this morning, say) is not in it. Where v3 tells the balance, that figure is taken instead.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from wxbot.clock import SHANGHAI
from wxbot.ledger import Entry
from wxbot.metrics.told_balance import ToldBalance
from wxbot.orders.listing import first_entry_since
from wxbot.orders.models import BillDay

OURS = ("merchant", "reserved", "owed", "in_flight")
"""Ledger accounts whose money is still in the merchant's account at WeChat Pay."""

PACE_OVER = timedelta(hours=2)
"""The pace is what left during the last hours."""

FAR_HOURS = 10_000
"""What lasts longer at this pace is as good as never empty; a calendar ends at the year 9999."""


@dataclass(frozen=True)
class Reckoned:
    """An account's balance in fen, where it comes from, and when it is empty at this pace (None: not for a year).

    as_of: the end of the bill it is reckoned from, or when WeChat Pay told it (is_told).
    """

    balance_fen: int
    as_of: datetime
    fen_per_hour: int
    empty_at: datetime | None
    is_told: bool = False


def reckon(session: Session, now: datetime, told: ToldBalance | None = None) -> Reckoned | None:
    """The balance now: what WeChat Pay has told, else from the last bill; None while no bill with a balance was read."""
    known = (told.available_fen, told.at) if told is not None else _from_bill(session)
    if known is None:
        return None
    balance_fen, as_of = known
    per_hour = max(0, _left_fen(session, now - PACE_OVER)) * 3600 // int(PACE_OVER.total_seconds())
    empty_at = None
    if per_hour > 0 and balance_fen < per_hour * FAR_HOURS:
        empty_at = now + timedelta(seconds=max(0, balance_fen) * 3600 // per_hour)
    return Reckoned(balance_fen, as_of, per_hour, empty_at, is_told=told is not None)


def _from_bill(session: Session) -> tuple[int, datetime] | None:
    """The closing balance of the last bill less what left since, and the end of that bill."""
    query = select(BillDay.day, BillDay.closing_fen).where(BillDay.closing_fen.is_not(None))
    newest = session.execute(query.order_by(BillDay.day.desc()).limit(1)).one_or_none()
    if newest is None:
        return None
    day = datetime.strptime(newest.day, "%Y%m%d").replace(tzinfo=SHANGHAI)
    bill_until = day + timedelta(days=1)
    return int(newest.closing_fen) - _left_fen(session, bill_until), bill_until


def _left_fen(session: Session, since: datetime) -> int:
    """How much left the merchant's account since then by our own orders, what came back taken off.

    Entries of the bill tell of days before: they are in its closing balance.
    """
    is_out = Entry.debit.in_(OURS) & Entry.credit.not_in(OURS)
    is_in = Entry.credit.in_(OURS) & Entry.debit.not_in(OURS)
    moved = func.coalesce(func.sum(case((is_out, Entry.amount_fen), (is_in, -Entry.amount_fen), else_=0)), 0)
    first = first_entry_since(session, since)
    return int(session.execute(select(moved).where(Entry.id >= first, Entry.kind != "bill")).scalar_one())
