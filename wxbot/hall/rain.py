"""Catching the packets of a rain that falls: each is one person's from the beginning (`rain_rule`), the server's clock says when.

Whoever is struck while it falls catches nothing more; what their phone was told they caught stays theirs.
"""

from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from wxbot.hall.models import Game, Guest, RainHit
from wxbot.text import Refusal, Text

CATCH_MS = (300, 4000)
"""A packet can be caught so many milliseconds before and after its moment: clocks and networks differ."""

MISSED = Text("没有接到", "Missed")


_MOMENTS = (
    select(RainHit)
    .where(RainHit.game_id == bindparam("of_game"), RainHit.guest_no == bindparam("of_no"))
    .order_by(RainHit.at_ms, RainHit.slot)
)


def moments(session: Session, game: Game, no: int) -> list[RainHit]:
    """The packets of a rain that are one guest's, in their order."""
    return list(session.scalars(_MOMENTS, {"of_game": game.id, "of_no": no}))


def claim(session: Session, campaign_id: int, no: int, slot: int, now: datetime) -> int:
    """Catch a packet of the rain that runs, once; its fen, also when it was caught before. Raises Refusal for anybody else's, and
    outside of its moment by the server's clock."""
    query = select(Game).where(Game.campaign_id == campaign_id, Game.kind == "rain", Game.status == "running")
    # Shared: phones do not wait for one another, but the end of the rain waits for them, or they see that it is over.
    game = session.scalars(query.with_for_update(read=True)).one_or_none()
    hit = session.get(RainHit, (game.id, slot)) if game is not None else None
    if game is None or game.begin_at is None or hit is None or hit.guest_no != no:
        raise Refusal("missed", MISSED)
    if hit.claimed_at is not None:
        return hit.amount_fen
    since_ms = (now - game.begin_at).total_seconds() * 1000 - hit.at_ms
    is_struck = session.scalar(select(Guest.is_struck).where(Guest.campaign_id == campaign_id, Guest.no == no))
    if is_struck or not -CATCH_MS[0] <= since_ms <= CATCH_MS[1]:
        raise Refusal("missed", MISSED)
    still = (RainHit.game_id == game.id) & (RainHit.slot == slot) & RainHit.claimed_at.is_(None)
    session.execute(update(RainHit).where(still).values(claimed_at=now))
    return hit.amount_fen
