"""Closing: wait out what is loaded, then give back what is still reserved; the books of the campaign end at rest."""

from sqlalchemy import select

from wxbot import ledger
from wxbot.campaigns import lease, pool
from wxbot.campaigns.models import BUCKET_NEXT, CAMPAIGN_NEXT, Bucket, Campaign, Lottery, Packet
from wxbot.campaigns.packets import move_packets
from wxbot.db import changed
from wxbot.ledger import Posting
from wxbot.logs import get_logger
from wxbot.orders.plan import cancel_planned
from wxbot.runtime import Runtime
from wxbot.transitions import move, moving

log = get_logger(__name__)

OPEN_PACKETS = ("planned", "ordered", "ticketed", "loaded", "bound")
DROP_BATCH = 1000


def finish(runtime: Runtime, campaign: Campaign) -> int:
    """Drop what was never ordered; when nothing is open any more, release the reserve and close. Returns work done."""
    done = 0
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        lease.keep(session, campaign, now)
        by_status = pool.counts(session, campaign.id)
        if by_status.get("ordered"):
            done += cancel_planned(session, campaign.id, now)
        if by_status.get("planned"):
            planned = session.scalars(
                select(Packet.id).where(Packet.campaign_id == campaign.id, Packet.status == "planned").limit(DROP_BATCH)
            ).all()
            done += len(move_packets(session, planned, "planned", "dropped", now, settled_at=now))
            by_status = pool.counts(session, campaign.id)
    if any(by_status.get(status, 0) for status in OPEN_PACKETS):
        return done
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        lease.keep(session, campaign, now)
        reserved_fen = ledger.balances(session, campaign.id)["reserved"]
        if reserved_fen > 0:
            ref = f"{campaign.id}:close"
            ledger.post(session, [Posting("released", ref, "reserved", "merchant", reserved_fen, campaign.id)], now)
        lotteries = select(Lottery.id).where(Lottery.campaign_id == campaign.id)
        end = {"rejected": {"unanswered_at_close": 1}, "settled_at": now}
        unanswered = moving(Bucket, BUCKET_NEXT, ("sending",), "refused", **end)
        changed(session, unanswered.where(Bucket.lottery_id.in_(lotteries)))
        move(session, Campaign, campaign.id, CAMPAIGN_NEXT, "closing", "closed", closed_at=now, updated_at=now)
    log.info("campaign_closed", campaign_id=campaign.id, released_fen=reserved_fen)
    return done + 1
