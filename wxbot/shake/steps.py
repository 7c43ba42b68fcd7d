"""The steps of a campaign that gives by WeChat's lottery; each commits, so any worker can run the same step again.

plan packets → shake page at WeChat → lottery with onoff=0 → orders → buckets of 100 → switch on.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns import close, lease
from wxbot.campaigns.launch import end, plan
from wxbot.campaigns.mechanic import LaunchStep
from wxbot.campaigns.models import CAMPAIGN_NEXT, Campaign
from wxbot.campaigns.settle import settle
from wxbot.campaigns.trouble import write_error
from wxbot.db import changed
from wxbot.logs import get_logger
from wxbot.runtime import Runtime
from wxbot.shake import pool
from wxbot.shake.load import load_bucket
from wxbot.shake.lotteries import current_lottery, ensure_lottery, ensure_page, switch_lotteries, take_page_down
from wxbot.shake.models import BUCKET_NEXT, Bucket, Lottery
from wxbot.transitions import move, moving
from wxbot.wechat.errors import WeChatError

log = get_logger(__name__)


def _fill(runtime: Runtime, campaign: Campaign) -> int:
    """Order what the pool needs now."""
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
            write_error(session, campaign, error)
        log.warning("lottery_still_on", campaign_id=campaign.id, reason=str(error))
        return 0


def _leave_beacons(runtime: Runtime, campaign: Campaign) -> int:
    """Take the page off the beacons; when WeChat refuses, the books still go on to their rest."""
    try:
        return take_page_down(runtime, campaign)
    except WeChatError as error:
        log.warning("page_still_up", campaign_id=campaign.id, reason=str(error))
        return 0


def _finish(runtime: Runtime, campaign: Campaign) -> int:
    return close.finish(runtime, campaign, _end_buckets)


def _end_buckets(session: Session, campaign: Campaign, now: datetime) -> bool:
    """Buckets whose answer never came get their end; packets say for themselves whether they are open."""
    lotteries = select(Lottery.id).where(Lottery.campaign_id == campaign.id)
    outcome = {"rejected": {"unanswered_at_close": 1}, "settled_at": now}
    unanswered = moving(Bucket, BUCKET_NEXT, ("sending",), "refused", **outcome)
    changed(session, unanswered.where(Bucket.lottery_id.in_(lotteries)))
    return True


STEPS: dict[str, tuple[LaunchStep, ...]] = {
    "launching": (end, plan, settle, ensure_page, ensure_lottery, _fill, _load, _switch_on),
    "on": (end, settle, ensure_lottery, _fill, _load, _switch_on),
    "off": (end, _switch_off, settle),
    "closing": (_switch_off, _leave_beacons, settle, _finish),
}
"""Campaign status → the steps a worker takes, in order."""
