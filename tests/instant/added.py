"""What is added up while people draw and collect, beside the same counted from the rows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.db import Database
from wxbot.instant.models import Award, InstantDraw, InstantSum, InstantTerms

Sums = dict[tuple[datetime, str, str], tuple[int, int]]
"""(hour, channel code, what) → (how many, fen)."""


def added(session: Session, campaign_id: int) -> Sums:
    """What the commits have added up."""
    rows = session.scalars(select(InstantSum).where(InstantSum.campaign_id == campaign_id))
    return {(row.hour, row.channel_code, row.what): (row.n, row.fen) for row in rows if row.n or row.fen}


def counted(session: Session, campaign_id: int) -> Sums:
    """The same, from the rows of draws and awards."""
    found: Sums = {}
    people: dict[str, tuple[datetime, str]] = {}
    steps: dict[str, set[str]] = {"winners": set(), "collectors": set(), "receivers": set()}

    def add(at: datetime, channel_code: str, what: str, fen: int = 0) -> None:
        key = (at.replace(minute=0, second=0, microsecond=0), channel_code, what)
        n, so_far = found.get(key, (0, 0))
        found[key] = (n + 1, so_far + fen)

    query = select(InstantDraw).where(InstantDraw.campaign_id == campaign_id).order_by(InstantDraw.k)
    for draw in session.scalars(query):
        for what in ("draws",) if draw.openid in people else ("draws", "people"):
            add(draw.drawn_at, draw.channel_code, what)
        people.setdefault(draw.openid, (draw.drawn_at, draw.channel_code))
    for award in session.scalars(select(Award).where(Award.campaign_id == campaign_id).order_by(Award.k)):
        has_it = award.status in ("paid", "given")
        for step, led_there in zip(steps, (True, has_it or award.tapped_at is not None, has_it), strict=True):
            if led_there and award.openid not in steps[step]:
                steps[step].add(award.openid)
                add(*_first(people, award), step)
        add(award.won_at, award.channel_code, award.status, award.amount_fen)
        if award.tapped_at is not None:
            add(award.won_at, award.channel_code, "tapped")
    return found


def _first(people: dict[str, tuple[datetime, str]], award: Award) -> tuple[datetime, str]:
    """Where somebody came from: in a hall nobody draws on a phone."""
    return people.get(award.openid, (award.won_at, award.channel_code))


def check_sums(database: Database) -> None:
    """Of every campaign."""
    with database.reading() as session:
        for campaign_id in session.scalars(select(InstantTerms.campaign_id)).all():
            assert added(session, campaign_id) == counted(session, campaign_id)
