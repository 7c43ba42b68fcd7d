"""One look at everything an operator wants to know. All questions are answered by indexes or kept sums, so that it may be
asked every few seconds at a million orders."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from redis.exceptions import RedisError
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from wxbot import heartbeat, ledger, lineage
from wxbot.campaigns.models import Campaign, PacketCount
from wxbot.draws.counts import UNREADABLE
from wxbot.draws.models import DrawCount
from wxbot.hall.figures import HallFigures, figures
from wxbot.heartbeat import Worker
from wxbot.instant.watch import RunningLow, running_low
from wxbot.live.roll import LiveProcess, lives
from wxbot.metrics.balance import Reckoned, reckon
from wxbot.metrics.models import InvariantRun
from wxbot.metrics.told_balance import told
from wxbot.orders import bill_faults
from wxbot.orders.bill_faults import BillFinding
from wxbot.orders.models import LaneState, Mark, Order
from wxbot.orders.throttle import OPERATOR_STOP, lane_keys
from wxbot.payouts.models import BudgetChange, PayList, Payout, RuleChange
from wxbot.people.models import Notice, SmsOut
from wxbot.runtime import Runtime
from wxbot.vouchers.models import Photo, Voucher, VoucherDecision

OPEN = ("planned", "sending", "unknown", "accepted", "manual")
"""Orders whose way is not over; the others are only ever more, and their money is in the ledger."""

COUNTED_AT_MOST = 10_000
"""Counting stops here: how many more there are changes nothing for anybody."""

STUCK_AFTER = timedelta(hours=1)
"""An order whose outcome is unknown for longer wants a look: WeChat was asked half a dozen times."""

NEAR_START = timedelta(minutes=30)
"""A campaign without stock so shortly before its beginning is worth an alarm."""


@dataclass(frozen=True)
class Stop:
    """A stopped lane: `v2` (which a person's stop shares with v3) or `v3`, the code, since when."""

    lane: str
    code: str
    since: datetime | None

    @property
    def is_by_staff(self) -> bool:
        """Whether a person stopped it."""
        return self.code == OPERATOR_STOP


@dataclass(frozen=True)
class Snapshot:
    """The state of a deployment at one moment. `workers` is None when Redis cannot be asked."""

    at: datetime
    workers: list[Worker] | None
    due_s: dict[str, float]
    """Task → how many seconds ago its oldest due row became due; 0 when nothing is due."""
    orders: dict[str, int]
    """Status → orders; only the open ones, counted to COUNTED_AT_MOST."""
    orders_stuck: int
    stops: list[Stop]
    broken: dict[str, int]
    """Invariant → rows that break it, as the last runs found; empty when all hold."""
    checked_at: datetime | None
    accounts: dict[str, int]
    bill: list[BillFinding]
    balance: Reckoned | None
    certificates: dict[str, datetime]
    """File's name → when it ends."""
    frozen_why: str | None
    empty_campaigns: list[int] = field(default_factory=list)
    """Campaigns that people may draw from (or soon may) and that hold nothing to draw though packets are left."""
    low_campaigns: list[RunningLow] = field(default_factory=list)
    """Campaigns of instant draws whose prizes are nearly gone long before their end."""
    unreadable: int = 0
    """Callbacks of the last 24 hours that WeChat signed and nobody could read."""
    lives: list[LiveProcess] = field(default_factory=list)
    """The processes with the open streams of halls."""
    halls: list[HallFigures] = field(default_factory=list)
    """Halls that are launched and not closed."""
    waiting: dict[str, int] = field(default_factory=dict)
    """What a second person has to look at: campaigns, lists, payouts, budgets, order marks, vouchers."""


def take(runtime: Runtime) -> Snapshot:
    """Look once. Raises SQLAlchemyError when the database does not answer."""
    workers, told_balance, certificates = (
        workers_of(runtime),
        told(runtime, runtime.clock.now()),
        _certificates(runtime),
    )
    with runtime.database.reading() as session:
        now = runtime.database.now(session)
        runs = session.scalars(select(InvariantRun)).all()
        return Snapshot(
            at=now,
            workers=workers,
            lives=_lives(runtime),
            due_s=_due(session, now),
            orders={status: _count(session, Order.id, Order.status == status) for status in OPEN},
            orders_stuck=_count(session, Order.id, Order.status == "unknown", Order.sent_at < now - STUCK_AFTER),
            stops=_stops(session, runtime.settings.mch_id),
            broken={name: rows for run in runs for name, rows in run.broken.items()},
            checked_at=max((run.at for run in runs), default=None),
            accounts=ledger.balances(session),
            bill=bill_faults.findings(session, now),
            balance=reckon(session, now, told_balance),
            certificates=certificates,
            frozen_why=session.scalar(select(lineage.FROZEN_WHY)),
            empty_campaigns=_empty_campaigns(session, now),
            low_campaigns=running_low(session, now),
            unreadable=_unreadable(session, now),
            halls=figures(session),
            waiting=_waiting(session),
        )


def _lives(runtime: Runtime) -> list[LiveProcess]:
    """Every process of `wxbot live`; none when Redis cannot be asked, and then nobody hears of halls either."""
    try:
        return lives(runtime.redis)
    except RedisError:
        return []


def workers_of(runtime: Runtime) -> list[Worker] | None:
    """Every worker that was heard of lately; None when Redis cannot be asked."""
    try:
        return heartbeat.workers(runtime.redis)
    except RedisError:
        return None


def _count(session: Session, column: InstrumentedAttribute[int], *where: ColumnElement[bool]) -> int:
    some = select(column).where(*where).limit(COUNTED_AT_MOST).subquery()
    return int(session.execute(select(func.count()).select_from(some)).scalar_one())


DUE: dict[str, tuple[InstrumentedAttribute[datetime], ColumnElement[bool]]] = {
    "orders.send": (Order.send_after, Order.status == "planned"),
    "orders.recover": (Order.lease_until, Order.status == "sending"),  # type: ignore[dict-item]
    "orders.reconcile": (Order.next_check_at, Order.next_check_at.is_not(None)),  # type: ignore[dict-item]
    "payouts.order": (Payout.due_at, Payout.due_at.is_not(None)),  # type: ignore[dict-item]
    "people.tell": (Notice.due_at, Notice.status == "planned"),
    "people.sms": (SmsOut.created_at, SmsOut.status == "planned"),
    "vouchers.decide": (VoucherDecision.due_at, VoucherDecision.fault == ""),
    "vouchers.fetch": (Photo.next_try_at, Photo.status == "fetching"),  # type: ignore[dict-item]
}
"""Task → the column that says when a row is due, and which rows wait; each is a partial index or a small one."""


def _due(session: Session, now: datetime) -> dict[str, float]:
    ages = {}
    for task, (moment, is_waiting) in DUE.items():
        oldest = session.execute(select(func.min(moment)).where(is_waiting, moment <= now)).scalar_one()
        ages[task] = max(0.0, (now - oldest).total_seconds()) if oldest else 0.0
    return ages


def _stops(session: Session, mch_id: str) -> list[Stop]:
    keys = lane_keys(mch_id)
    query = select(LaneState).where(LaneState.mch_id.in_(keys), LaneState.stopped_code.is_not(None))
    return [Stop(keys[lane.mch_id], str(lane.stopped_code), lane.stopped_at) for lane in session.scalars(query)]


def _certificates(runtime: Runtime) -> dict[str, datetime]:
    """The end of each certificate that can be read; `wxbot doctor` tells of those that cannot."""
    found = {}
    for path in (runtime.settings.pay_cert_file, runtime.settings.pay_ca_file):
        if path is not None and (ends := _ends_at(path)) is not None:
            found[path.name] = ends
    return found


def _ends_at(path: Path) -> datetime | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None


def _empty_campaigns(session: Session, now: datetime) -> list[int]:
    """Campaigns in their window, or nearly, with nothing loaded though packets wait to be drawn."""
    query = select(Campaign.id).where(
        Campaign.status.in_(("launching", "on")),
        Campaign.begin_at <= now + NEAR_START,
        Campaign.end_at > now,
        Campaign.packet_count > 0,  # draws without packets have prizes instead (low_campaigns)
    )
    empty = []
    for campaign_id in session.scalars(query.order_by(Campaign.id).limit(50)):
        counts = dict(
            session.execute(
                select(PacketCount.status, PacketCount.n).where(PacketCount.campaign_id == campaign_id)
            ).all()
        )
        left = sum(counts.get(status, 0) for status in ("planned", "ordered", "ticketed"))
        if not counts.get("loaded", 0) and (left or not counts):
            empty.append(campaign_id)
    return empty


def _unreadable(session: Session, now: datetime) -> int:
    counted = select(func.sum(DrawCount.n)).where(
        DrawCount.campaign_id == 0, DrawCount.outcome == UNREADABLE, DrawCount.hour > now - timedelta(hours=24)
    )
    return int(session.scalar(counted) or 0)


def _waiting(session: Session) -> dict[str, int]:
    return {
        "campaigns": _count(session, Campaign.id, Campaign.status == "submitted"),
        "lists": _count(session, PayList.id, PayList.status == "submitted"),
        "payouts": _count(session, Payout.id, Payout.status == "requested"),
        "budgets": _count(session, BudgetChange.id, BudgetChange.status == "requested"),
        "rules": _count(session, RuleChange.id, RuleChange.status == "requested"),
        "marks": _count(session, Mark.id, Mark.status == "open"),
        "vouchers": _count(session, Voucher.id, Voucher.status == "submitted"),
    }
