"""A campaign that was drawn and has ended, as rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from tests.instant.plays import SEED, config, played
from tests.replies.test_answers import write_campaign
from wxbot.campaigns.models import Campaign
from wxbot.db import Database
from wxbot.instant import versions
from wxbot.instant.article import text_of
from wxbot.instant.decide import Rules
from wxbot.instant.models import Award, InstantDraw, InstantTerms, Prize


def lay(session: Session, campaign: Campaign, rules: Rules, times: Sequence[int], seed: str | None = SEED) -> None:
    """Terms, prizes, published rules, a draw at each of these moments, an award for each win."""
    terms = InstantTerms(
        campaign_id=campaign.id,
        seed=seed,
        seed_sha256=hashlib.sha256(SEED.encode()).hexdigest(),
        next_k=len(times) + 1,
        claim_s=86_400,
    )
    session.add(terms)
    for prize in config(rules)["prizes"]:
        session.add(Prize(campaign_id=campaign.id, left=prize["stock"], value_fen=prize["max_fen"] or 2800, **prize))
    session.flush()
    prizes = versions.prizes_of(session, campaign.id)
    text = text_of(campaign, terms, prizes, versions.config_of(campaign, prizes))
    versions.publish(session, campaign, text, datetime.fromtimestamp(times[0], UTC))
    by_ordinal = {prize.ordinal: prize for prize in prizes}
    for row in played(rules, times):
        at = datetime.fromtimestamp(row["at"], UTC)
        openid = f"oPerson{row['k']:06d}"
        session.add(_draw(campaign.id, openid, at, row))
        if row["outcome"] == "won":
            prize = by_ordinal[row["prize"]]
            session.add(
                Award(
                    public_id=f"a{campaign.id}-{row['k']}",
                    campaign_id=campaign.id,
                    k=row["k"],
                    openid=openid,
                    prize_id=prize.id,
                    kind=prize.kind,
                    amount_fen=row["amount_fen"] or 0,
                    status="paid" if prize.kind == "money" else "given",
                    won_at=at,
                    deadline_at=at + timedelta(days=1),
                )
            )


def _draw(campaign_id: int, openid: str, at: datetime, row: dict[str, Any]) -> InstantDraw:
    return InstantDraw(
        campaign_id=campaign_id,
        openid=openid,
        drawn_at=at,
        prize_ordinal=row["prize"],
        **{
            name: row[name]
            for name in ("k", "nonce", "dice", "amount_fen", "outcome", "rule_version", "released", "left")
        },
    )


def ended(database: Database, rules: Rules, times: Sequence[int], seed: str | None = SEED) -> Campaign:
    """Such a campaign; `seed` None is one whose seed is not revealed yet."""
    campaign_id = write_campaign(database, "closed", slug="ended")
    with database.transaction() as session:
        campaign = session.get_one(Campaign, campaign_id)
        campaign.mechanic = "instant"
        campaign.organiser, campaign.contact, campaign.rules = "某某超市", "0571-1234567", "请文明参加。"
        campaign.begin_at = datetime.fromtimestamp(rules.window.begin, UTC)
        campaign.end_at = datetime.fromtimestamp(rules.window.end, UTC)
        campaign.daily_from, campaign.daily_until = rules.window.daily_from, rules.window.daily_until
        session.flush()
        own = Rules(campaign.id, rules.window, rules.prizes)
        lay(session, campaign, own, times, seed)
    return campaign
