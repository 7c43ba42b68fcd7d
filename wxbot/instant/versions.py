"""Rules as they are published: the configuration a draw is decided by, its hash, and the version a draw names."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.db import changed
from wxbot.instant.models import InstantTerms, Prize, RuleVersion


def config_of(campaign: Campaign, prizes: Sequence[Prize]) -> dict[str, Any]:
    """What decisions read: hours and prizes, in plain values (Rules.read)."""
    return {
        "campaign_id": campaign.id,
        "begin": int(campaign.begin_at.timestamp()),
        "end": int(campaign.end_at.timestamp()),
        "daily_from": campaign.daily_from,
        "daily_until": campaign.daily_until,
        "prizes": [
            {
                "ordinal": prize.ordinal,
                "kind": prize.kind,
                "name": prize.name,
                "odds_ppm": prize.odds_ppm,
                "stock": prize.stock,
                "split": prize.split,
                "min_fen": prize.min_fen,
                "max_fen": prize.max_fen,
                "total_fen": prize.total_fen,
                "release": {"way": prize.release.get("way", "once"), "weights": prize.release.get("weights") or []},
                "when_gone": prize.when_gone,
            }
            for prize in sorted(prizes, key=lambda prize: prize.ordinal)
        ],
    }


def digest(text: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """SHA-256 (64 hex) of published rules: of {"config", "text"} as JSON with sorted keys and no spaces, in UTF-8."""
    plain = {"config": config, "text": text}
    return hashlib.sha256(
        json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


def prizes_of(session: Session, campaign_id: int) -> list[Prize]:
    """A campaign's prizes in the order of their ordinals."""
    return list(session.scalars(select(Prize).where(Prize.campaign_id == campaign_id).order_by(Prize.ordinal)))


def newest(session: Session, campaign_id: int) -> RuleVersion:
    """The rules that hold."""
    return session.get_one(RuleVersion, (campaign_id, session.get_one(InstantTerms, campaign_id).rule_version))


def publish(session: Session, campaign: Campaign, text: Mapping[str, Any], now: datetime) -> RuleVersion:
    """Write the rules of a campaign as its next version, if anything differs from the last; draws follow it from now on."""
    terms = session.scalars(select(InstantTerms).where(InstantTerms.campaign_id == campaign.id).with_for_update()).one()
    config = config_of(campaign, prizes_of(session, campaign.id))
    sha256 = digest(text, config)
    last = session.get(RuleVersion, (campaign.id, terms.rule_version))
    if last is not None and last.sha256 == sha256:
        return last
    made = RuleVersion(
        campaign_id=campaign.id,
        version=terms.rule_version + 1,
        text=dict(text),
        config=config,
        sha256=sha256,
        published_at=now,
    )
    session.add(made)
    changed(
        session,
        update(InstantTerms).where(InstantTerms.campaign_id == campaign.id).values(rule_version=made.version),
    )
    session.flush()
    session.refresh(terms)
    return made
