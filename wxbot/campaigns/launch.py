"""The steps of a launch. Each step commits and leaves its result in rows, so any worker can run the same step again.

launch (console) → plan packets → shake page at WeChat → lottery with onoff=0 → orders → buckets of 100 → switch on.
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from wxbot import lineage
from wxbot.campaigns import close, lease, pool, settle
from wxbot.campaigns.draft import amounts_of
from wxbot.campaigns.lease import ACTIVE, LeaseLost
from wxbot.campaigns.load import campaign_trouble, load_bucket
from wxbot.campaigns.lotteries import current_lottery, ensure_lottery, ensure_page, switch_lotteries, take_page_down
from wxbot.campaigns.models import CAMPAIGN_NEXT, Campaign, Packet
from wxbot.campaigns.packets import plan_packets
from wxbot.db import Database, changed
from wxbot.logs import get_logger
from wxbot.runtime import Runtime
from wxbot.text import Refusal, Text
from wxbot.transitions import move
from wxbot.wechat.errors import WeChatError

log = get_logger(__name__)

PLAN_BATCH = 2000
"""Packets inserted in one transaction."""


def launch(database: Database, campaign_id: int, staff_id: int, now: datetime) -> None:
    """Start an approved campaign: one status change; the worker does the rest. Raises Refusal."""
    with database.transaction() as session:
        campaign = session.get(Campaign, campaign_id)
        if lineage.is_frozen(session):
            raise Refusal("frozen", lineage.FROZEN)
        if campaign is None or campaign.status != "approved":
            raise Refusal("status", Text("活动还没有通过审批，不能启动", "the campaign is not approved yet"))
        if now >= campaign.end_at:
            raise Refusal(
                "window", Text("活动时间已经结束，请复制活动并修改时间", "its window is over; copy it with new dates")
            )
        if not move(
            session, Campaign, campaign_id, CAMPAIGN_NEXT, "approved", "launching", launched_at=now, updated_at=now
        ):
            raise Refusal(
                "status", Text("活动刚刚被别人操作过，请刷新页面", "somebody else changed it, reload the page")
            )


def active_campaigns(database: Database) -> list[int]:
    """Ids of the campaigns that a worker has to look after."""
    with database.reading() as session:
        return list(session.scalars(select(Campaign.id).where(Campaign.status.in_(ACTIVE)).order_by(Campaign.id)))


def advance(runtime: Runtime, campaign_id: int) -> int:
    """Advance as far as possible now; returns how much was done (0: nothing to do).

    WeChat's refusals stop this run and are written on the campaign; the next call tries the same step again.
    """
    campaign = lease.take(runtime, campaign_id)
    if campaign is None:
        return 0
    done = 0
    known, campaign.trouble = campaign.trouble, None
    try:
        for step in STEPS[campaign.status]:
            done += step(runtime, campaign)
        if known and campaign.trouble is None:  # this run got to its end without meeting it again
            done += 1
            with runtime.database.transaction() as session:
                campaign_trouble(session, campaign, None)
    except WeChatError as error:
        with runtime.database.transaction() as session:
            campaign_trouble(session, campaign, error)
        log.warning("advance_stopped", campaign_id=campaign_id, reason=str(error))
    except LeaseLost:
        log.info("advance_ended", campaign_id=campaign_id, status=campaign.status)
    finally:
        lease.drop(runtime, campaign)
    return done


def _plan(runtime: Runtime, campaign: Campaign) -> int:
    """Insert the packets of the approved split, batch by batch; the seed makes a repeated batch the same."""
    if campaign.are_packets_planned:
        return 0
    amounts = amounts_of(campaign)
    with runtime.database.reading() as session:
        first = _next_ordinal(session, campaign.id)
    for start in range(first - 1, len(amounts), PLAN_BATCH):
        batch = [(planned.amount_fen, planned.tier) for planned in amounts[start : start + PLAN_BATCH]]
        with runtime.database.transaction() as session:
            now = runtime.database.now(session)
            lease.keep(session, campaign, now)
            plan_packets(session, campaign.id, start + 1, batch, now)
    with runtime.database.transaction() as session:
        changed(
            session,
            update(Campaign).where(Campaign.id == campaign.id).values(are_packets_planned=True),
        )  # fmt: skip
    campaign.are_packets_planned = True
    return 1


def _next_ordinal(session: Session, campaign_id: int) -> int:
    last = session.execute(
        select(Packet.ordinal).where(Packet.campaign_id == campaign_id).order_by(Packet.ordinal.desc()).limit(1)
    ).scalar_one_or_none()
    return (last or 0) + 1


def _absorb(runtime: Runtime, campaign: Campaign) -> int:
    total = 0
    while True:
        with runtime.database.transaction() as session:
            now = runtime.database.now(session)
            lease.keep(session, campaign, now)
            seen = settle.settle(session, campaign, now)
        total += seen
        if seen < 500:
            return total


def _fill(runtime: Runtime, campaign: Campaign) -> int:
    total = 0
    while True:
        with runtime.database.transaction() as session:
            now = runtime.database.now(session)
            lease.keep(session, campaign, now)
            planned = pool.fill(session, runtime.settings, campaign, now)
        total += planned
        if planned < pool.ORDER_BATCH:
            return total


def _load(runtime: Runtime, campaign: Campaign) -> int:
    total = 0
    while True:
        lottery = current_lottery(runtime, campaign)
        loaded = load_bucket(runtime, campaign, lottery) if lottery else None
        if not loaded:
            return total
        total += loaded


def _switch_on(runtime: Runtime, campaign: Campaign) -> int:
    """Switch the lottery on once something is loaded; the campaign is on from then."""
    with runtime.database.reading() as session:
        if not pool.has_stock(session, campaign.id, runtime.database.now(session)):
            return 0
    switched = switch_lotteries(runtime, campaign, True)
    if campaign.status == "launching":
        with runtime.database.transaction() as session:
            now = runtime.database.now(session)
            move(session, Campaign, campaign.id, CAMPAIGN_NEXT, "launching", "on", updated_at=now)
        campaign.status = "on"
        return switched + 1
    return switched


def _switch_off(runtime: Runtime, campaign: Campaign) -> int:
    """Switch the lotteries off. Our own gates are shut anyway: when WeChat refuses, the books still go on to their rest."""
    try:
        return switch_lotteries(runtime, campaign, False)
    except WeChatError as error:
        with runtime.database.transaction() as session:
            campaign_trouble(session, campaign, error)
        log.warning("lottery_still_on", campaign_id=campaign.id, reason=str(error))
        return 0


def _leave_beacons(runtime: Runtime, campaign: Campaign) -> int:
    """Take the page off the beacons; when WeChat refuses, the books still go on to their rest."""
    try:
        return take_page_down(runtime, campaign)
    except WeChatError as error:
        log.warning("page_still_up", campaign_id=campaign.id, reason=str(error))
        return 0


def _end(runtime: Runtime, campaign: Campaign) -> int:
    """A campaign whose window is over closes itself, first of all: whatever else keeps failing must not hinder it."""
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        if now < campaign.end_at:
            return 0
        return int(move(session, Campaign, campaign.id, CAMPAIGN_NEXT, campaign.status, "closing", updated_at=now))


LaunchStep = Callable[[Runtime, Campaign], int]

STEPS: dict[str, tuple[LaunchStep, ...]] = {
    "launching": (_end, _plan, _absorb, ensure_page, ensure_lottery, _fill, _load, _switch_on),
    "on": (_end, _absorb, ensure_lottery, _fill, _load, _switch_on),
    "off": (_end, _switch_off, _absorb),
    "closing": (_switch_off, _leave_beacons, _absorb, close.finish),
}
"""Campaign status → the steps a worker takes, in order."""
