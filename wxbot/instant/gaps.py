"""Numbers of draws that a copy of the database may have lost: after a restore no draw gets one of them again.

A draw that was made after the copy is gone with its number, but somebody may have seen it, and the dice of a number must be thrown
once. So each campaign goes on far above whatever it can have given, and the gap is written down for the archive and its verifier.
A copy knows nothing of what was made from it before: where it takes the place of a database, that one is asked (`used`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.instant.codes_lost import PutAside, take_pieces
from wxbot.instant.models import InstantTerms, NumberGap
from wxbot.logs import get_logger

log = get_logger(__name__)

LEAP = 1_000_000_000
"""More draws than a campaign makes between a copy and its restore."""


def used(session: Session) -> dict[str, int]:
    """Hash of each campaign's seed → the next number that this database would give."""
    rows = session.execute(select(InstantTerms.seed_sha256, InstantTerms.next_k).where(InstantTerms.seed_sealed != ""))
    return {each.seed_sha256: each.next_k for each in rows}


def leap(
    session: Session,
    why: str,
    now: datetime,
    before: Mapping[str, int] | None = None,
    aside: Mapping[int, Sequence[PutAside]] | None = None,
) -> int:
    """Let every campaign that has drawn, or could have, go on behind a gap; returns how many did. `why`: restored, thawed.
    `before`: what was `used` in the database that this one takes the place of; `aside`: codes of campaigns that it had given (codes_lost)."""
    could_draw = (InstantTerms.seed_sealed != "") & InstantTerms.seed.is_(None)
    query = select(InstantTerms).where(could_draw).order_by(InstantTerms.campaign_id).with_for_update()
    leaping = session.scalars(query).all()
    for terms in leaping:
        next_k = max(terms.next_k, (before or {}).get(terms.seed_sha256, 0)) + LEAP
        gap = {"from_k": terms.next_k, "to_k": next_k - 1}
        given = take_pieces(session, (aside or {}).get(terms.campaign_id, ()))
        session.add(NumberGap(campaign_id=terms.campaign_id, **gap, given=given, why=why, at=now))
        terms.next_k = next_k
    session.flush()
    if leaping:
        log.warning("instant_numbers_leapt", campaigns=len(leaping), why=why)
    return len(leaping)
