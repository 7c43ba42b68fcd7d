"""Numbers of draws that a copy of the database may have lost: after a restore no draw gets one of them again.

A draw that was made after the copy is gone with its number, but somebody may have seen it, and the dice of a number must be thrown
once. So each campaign goes on far above whatever it can have given, and the gap is written down for the archive and its verifier.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.instant.models import InstantTerms, NumberGap
from wxbot.logs import get_logger

log = get_logger(__name__)

LEAP = 1_000_000_000
"""More draws than a campaign makes between a copy and its restore."""


def leap(session: Session, why: str, now: datetime) -> int:
    """Let every campaign that has drawn, or could have, go on behind a gap; returns how many did. `why`: restored, thawed."""
    could_draw = (InstantTerms.seed_sealed != "") & InstantTerms.seed.is_(None)
    query = select(InstantTerms).where(could_draw).order_by(InstantTerms.campaign_id).with_for_update()
    leaping = session.scalars(query).all()
    for terms in leaping:
        gap = {"from_k": terms.next_k, "to_k": terms.next_k + LEAP - 1}
        session.add(NumberGap(campaign_id=terms.campaign_id, **gap, why=why, at=now))
        terms.next_k += LEAP
    session.flush()
    if leaping:
        log.warning("instant_numbers_leapt", campaigns=len(leaping), why=why)
    return len(leaping)
