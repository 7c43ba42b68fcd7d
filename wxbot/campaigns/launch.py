"""A launch goes step by step. Each step commits and leaves its result in rows, so any worker can run the same step again.

launch (console) → plan packets → the steps of the campaign's mechanic → on.
"""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from wxbot import lineage
from wxbot.campaigns import lease, mechanic
from wxbot.campaigns.draft import amounts_of, values_of
from wxbot.campaigns.lease import ACTIVE, LeaseLost
from wxbot.campaigns.models import CAMPAIGN_NEXT, Campaign, Packet
from wxbot.campaigns.packets import plan_packets
from wxbot.campaigns.trouble import write_error, write_trouble
from wxbot.db import Database, changed
from wxbot.logs import get_logger
from wxbot.runtime import Runtime
from wxbot.text import Faulty, Refusal, Text
from wxbot.transitions import move, moved_on, moving
from wxbot.wechat.errors import WeChatError

log = get_logger(__name__)

PLAN_BATCH = 2000
"""Packets inserted in one transaction."""


def launch(session: Session, campaign_id: int, staff_id: int, now: datetime) -> None:
    """Start an approved campaign: one status change; the worker does the rest. Raises Refusal."""
    require_launchable(session, session.get(Campaign, campaign_id), now)
    if not move(
        session, Campaign, campaign_id, CAMPAIGN_NEXT, "approved", "launching", launched_at=now, updated_at=now
    ):
        raise moved_on()


def require_launchable(session: Session, campaign: Campaign | None, now: datetime) -> None:
    """Raise Refusal when a campaign cannot be started now: what the button asks before it is offered, too."""
    lineage.require_unfrozen(session)
    if campaign is None or campaign.status != "approved":
        raise Refusal("status", Text("活动还没有通过审批，不能启动", "the campaign is not approved yet"))
    if now >= campaign.end_at:
        raise Refusal(
            "window", Text("活动时间已经结束，请复制活动并修改时间", "its window is over; copy it with new dates")
        )
    if faults := list(mechanic.way_of(campaign.mechanic).entrance(values_of(campaign), now)):
        raise Faulty(faults)  # approved by a version that did not ask


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
        for step in mechanic.way_of(campaign.mechanic).steps[campaign.status]:
            done += step(runtime, campaign)
        if known and campaign.trouble is None:  # this run got to its end without meeting it again
            done += 1
            with runtime.database.transaction() as session:
                write_trouble(session, campaign, None)
    except WeChatError as error:
        with runtime.database.transaction() as session:
            write_error(session, campaign, error)
        log.warning("advance_stopped", campaign_id=campaign_id, reason=str(error))
    except LeaseLost:
        log.info("advance_ended", campaign_id=campaign_id, status=campaign.status)
    finally:
        lease.drop(runtime, campaign)
    return done


def plan(runtime: Runtime, campaign: Campaign) -> int:
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
        )
    campaign.are_packets_planned = True
    return 1


def _next_ordinal(session: Session, campaign_id: int) -> int:
    last = session.execute(
        select(Packet.ordinal).where(Packet.campaign_id == campaign_id).order_by(Packet.ordinal.desc()).limit(1)
    ).scalar_one_or_none()
    return (last or 0) + 1


def end(runtime: Runtime, campaign: Campaign) -> int:
    """A campaign whose window is over closes itself, first of all: whatever else keeps failing must not hinder it."""
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        if now < campaign.end_at:
            return 0
        closing = moving(Campaign, CAMPAIGN_NEXT, (campaign.status,), "closing", updated_at=now)
        is_over = Campaign.end_at <= now  # the row's: its end may have been put off since this run began
        return changed(session, closing.where(Campaign.id == campaign.id, is_over))
