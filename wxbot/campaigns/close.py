"""Closing: wait out what is loaded, then give back what is still reserved; the books of the campaign end at rest."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot import ledger
from wxbot.campaigns import lease
from wxbot.campaigns.models import CAMPAIGN_NEXT, Campaign, Packet
from wxbot.campaigns.packets import counts, move_packets
from wxbot.ledger import Posting
from wxbot.logs import get_logger
from wxbot.orders.plan import cancel_planned
from wxbot.runtime import Runtime
from wxbot.transitions import move

log = get_logger(__name__)

OPEN_PACKETS = ("planned", "ordered", "ticketed", "loaded", "bound")
DROP_BATCH = 1000


def finish(runtime: Runtime, campaign: Campaign, end_own: Callable[[Session, Campaign, datetime], bool]) -> int:
    """Drop what was never ordered; when nothing is open any more, release the reserve and close. Returns work done.

    `end_own` gives the mechanic's own rows their end, in the transaction that closes; False when somebody is still owed
    something: then the campaign waits.
    """
    done = 0
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        lease.keep(session, campaign, now)
        by_status = counts(session, campaign.id)
        if by_status.get("ordered"):
            done += cancel_planned(session, campaign.id, now)
        if by_status.get("planned"):
            planned = session.scalars(
                select(Packet.id).where(Packet.campaign_id == campaign.id, Packet.status == "planned").limit(DROP_BATCH)
            ).all()
            done += len(move_packets(session, planned, "planned", "dropped", now, settled_at=now))
            by_status = counts(session, campaign.id)
    if any(by_status.get(status, 0) for status in OPEN_PACKETS):
        return done
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        lease.keep(session, campaign, now)
        if not end_own(session, campaign, now):
            return done
        reserved_fen = ledger.balances(session, campaign.id)["reserved"]
        if reserved_fen > 0:
            ref = f"{campaign.id}:close"
            ledger.post(session, [Posting("released", ref, "reserved", "merchant", reserved_fen, campaign.id)], now)
        move(session, Campaign, campaign.id, CAMPAIGN_NEXT, "closing", "closed", closed_at=now, updated_at=now)
    log.info("campaign_closed", campaign_id=campaign.id, released_fen=reserved_fen)
    return done + 1
