"""What the thaw's page and command show: how far the asking is, found orders, what waits, and what may have been decided since."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot import lineage
from wxbot.campaigns.models import Campaign
from wxbot.lineage import Lineage
from wxbot.orders import found, lost
from wxbot.orders.found import HAS_MONEY, UNJUDGED, FoundOrder, Thaw
from wxbot.payouts.models import PayList, Payout, Release
from wxbot.vouchers.models import Voucher

PAGE_ROWS = 50
SHOWN = 20


@dataclass(frozen=True)
class ThawStanding:
    """Where the thaw stands. Amounts in fen."""

    line: Lineage
    thaw: Thaw | None
    awaited_days: Sequence[str]
    """Shanghai days whose fund bill is still to be read."""
    counts: dict[str, tuple[int, int]]
    """Status of found orders → how many, how much; `without` stands for those whose money came back by itself."""

    @property
    def unjudged(self) -> int:
        """Found orders that hold something."""
        return sum(self.counts.get(name, (0, 0))[0] for name in ("open", "proposed"))


def standing(session: Session, now: datetime) -> ThawStanding:
    """How far it is."""
    thaw = found.current(session)
    days = lost.awaited_days(session, thaw, now) if thaw is not None and thaw.bills_read_at is None else []
    query = select(FoundOrder.status, HAS_MONEY, func.count(), func.sum(FoundOrder.amount_fen))
    counts: dict[str, tuple[int, int]] = {}
    for status, has_money, n, fen in session.execute(query.group_by(FoundOrder.status, HAS_MONEY)):
        name = status if has_money or status in ("adopted", "apart") else "without"
        before = counts.get(name, (0, 0))
        counts[name] = (before[0] + int(n), before[1] + int(fen))
    return ThawStanding(lineage.found(session), thaw, days, counts)


def found_page(session: Session, status: str, after: int = 0) -> Sequence[FoundOrder]:
    """Found orders of one status, oldest first; one more than a page when there are more."""
    query = select(FoundOrder).where(FoundOrder.status == status, FoundOrder.id > after)
    if status in ("open", "proposed"):
        query = query.where(UNJUDGED, HAS_MONEY)
    return session.scalars(query.order_by(FoundOrder.id).limit(PAGE_ROWS + 1)).all()


@dataclass(frozen=True)
class Since:
    """What may have been decided after the copy was made, for nobody but people can know: decide it again with care."""

    lists: Sequence[PayList]
    campaigns: Sequence[Campaign]
    vouchers: int


def decided_since(session: Session) -> Since:
    """Lists that wait, vouchers that wait, and campaigns that run or may have been launched."""
    lists = select(PayList).where(PayList.status.in_(("draft", "submitted"))).order_by(PayList.id.desc()).limit(SHOWN)
    running = Campaign.status.in_(("submitted", "approved", "launching", "on"))
    vouchers = select(func.count()).select_from(Voucher).where(Voucher.status.in_(("submitted", "claimed")))
    return Since(
        session.scalars(lists).all(),
        session.scalars(select(Campaign).where(running).order_by(Campaign.id.desc()).limit(SHOWN)).all(),
        int(session.execute(vouchers).scalar_one()),
    )


def releases(session: Session) -> Sequence[tuple[Release, Payout]]:
    """Payouts that one cashier wants paid before the bill is there, and no second one has agreed to yet."""
    query = select(Release, Payout).join(Payout, Payout.id == Release.payout_id).where(Release.decided_by.is_(None))
    return [(asked, payout) for asked, payout in session.execute(query.order_by(Release.id).limit(PAGE_ROWS))]


def waiting(session: Session) -> tuple[int, int]:
    """How many payouts wait for a fund bill or a judgement, and how much they are."""
    query = select(func.count(), func.sum(Payout.amount_fen)).where(
        Payout.status == "approved", Payout.hold.in_(("bill", "found"))
    )
    n, fen = session.execute(query).one()
    return int(n), int(fen or 0)
