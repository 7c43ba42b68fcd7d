"""What would happen if a list were approved now: who is paid, what the budget says, who waits, how long it takes. Writes nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot import quotas
from wxbot.clock import shanghai_day
from wxbot.orders import throttle
from wxbot.orders.models import LaneState, Order
from wxbot.payouts import programmes
from wxbot.payouts.models import ListRow, PayList, Payout, Programme
from wxbot.payouts.programmes import Standing
from wxbot.quotas import Quota
from wxbot.settings import Settings


@dataclass(frozen=True)
class ListForecast:
    """The forecast of one list. Money in fen."""

    rows: int
    total_fen: int
    standing: Standing
    waits_for_budget: int
    """Rows, in their order, that the free budget would not reach."""
    waits_for_day: int
    """Rows whose person has reached the limit of today: they go on tomorrow."""
    ahead: int
    """Orders and payouts that are sent before them."""
    seconds: int
    """How long sending takes at the configured rate, those ahead included."""
    days: int
    """Merchant days that are needed in all, by number and by sum."""
    is_stopped: bool
    is_quiet: bool
    begins_at: datetime
    ends_at: datetime

    @property
    def short_fen(self) -> int:
        """How much budget is missing."""
        return max(0, self.total_fen - self.standing.unspoken_fen)


def forecast(session: Session, settings: Settings, pay_list: PayList, now: datetime) -> ListForecast:
    """Forecast a list as things stand now; reads only."""
    good = select(ListRow.openid, ListRow.amount_fen).where(ListRow.list_id == pay_list.id, ListRow.fault == "")
    rows = [(openid, int(fen or 0)) for openid, fen in session.execute(good.order_by(ListRow.row_number))]
    standing = programmes.standings(session, now, [pay_list.programme_id])[0]
    left_fen, waits_for_budget = standing.unspoken_fen, 0
    for _, fen in rows:
        if fen <= left_fen:
            left_fen -= fen
        else:
            waits_for_budget += 1
    planned = int(session.execute(select(func.count(Order.id)).where(Order.status == "planned")).scalar_one())
    owed = int(session.execute(select(func.count(Payout.id)).where(Payout.status == "approved")).scalar_one())
    total_fen = sum(fen for _, fen in rows)
    programme = session.get_one(Programme, pay_list.programme_id)
    channel = pay_list.channel or programme.channel or settings.payout_channel
    is_quiet = throttle.is_quiet(settings, now, channel)
    lane = session.get(LaneState, settings.mch_id)
    is_today = lane is not None and lane.day == f"{shanghai_day(now):%Y%m%d}"
    sent, sent_fen = (lane.sent_in_day, lane.fen_in_day) if lane is not None and is_today else (0, 0)
    n = planned + owed + len(rows)
    days = max(-(-(sent + n) // settings.pay_per_day), -(-(sent_fen + total_fen) // settings.pay_fen_per_day), 1)
    begins_at = throttle.quiet_until(now).astimezone(now.tzinfo) if is_quiet else now
    seconds = -(-n // settings.pay_per_second)
    return ListForecast(
        rows=len(rows),
        total_fen=total_fen,
        standing=standing,
        waits_for_budget=waits_for_budget,
        waits_for_day=_over_today(session, settings, pay_list.id, now),
        ahead=planned + owed,
        seconds=seconds,
        days=days,
        is_stopped=lane is not None and lane.stopped_code is not None,
        is_quiet=is_quiet,
        begins_at=begins_at,
        ends_at=begins_at + timedelta(seconds=seconds, days=days - 1),
    )


def _over_today(session: Session, settings: Settings, list_id: int, now: datetime) -> int:
    """Rows whose person would pass the limit of today: by number or by sum, what is approved and not yet sent counted in."""
    owed = (
        select(Payout.openid, func.count().label("n"), func.sum(Payout.amount_fen).label("fen"))
        .where(Payout.status == "approved")
        .group_by(Payout.openid)
        .subquery()
    )
    used_n = func.coalesce(Quota.n, 0) + func.coalesce(owed.c.n, 0)
    used_fen = func.coalesce(Quota.fen, 0) + func.coalesce(owed.c.fen, 0)
    today = f"{shanghai_day(now):%Y%m%d}"
    query = (
        select(func.count())
        .select_from(ListRow)
        .outerjoin(Quota, (Quota.name == quotas.person("") + ListRow.openid) & (Quota.period == today))
        .outerjoin(owed, owed.c.openid == ListRow.openid)
        .where(ListRow.list_id == list_id, ListRow.fault == "")
        .where(
            (used_n >= settings.person_packets_per_day) | (used_fen + ListRow.amount_fen > settings.person_fen_per_day)
        )
    )
    return int(session.execute(query).scalar_one())
