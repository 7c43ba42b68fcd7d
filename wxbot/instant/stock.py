"""What a campaign of instant draws can give, as a snapshot keeps it for half a second: published rules, seed, what is left."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.instant.decide import Amounts, Rules
from wxbot.instant.models import InstantTerms, Prize, RuleVersion
from wxbot.vault import Vault

KEPT_SEEDS = 2000


@dataclass(frozen=True, slots=True)
class Published:
    """One version of the rules, and the seed it is played with, which never leaves the server before the close."""

    version: int
    rules: Rules
    seed: str = field(repr=False)
    amounts: Amounts = field(repr=False)
    values_fen: Mapping[str, int] = field(default_factory=dict)
    """Ordinal → what one piece is worth, as published."""


@dataclass(frozen=True, slots=True)
class InstantStock:
    """The stock of one campaign. `packets` is what is left of all prizes together."""

    campaign_id: int
    packets: int
    published: Published | None
    vault: Vault = field(repr=False)
    password: str = field(default="", repr=False)
    skin: str = "wheel"
    look: Mapping[str, Any] = field(default_factory=dict)
    claim_s: int = 0
    wins_per_person: int | None = None
    wins_per_day: int | None = None
    gap_s: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether rules are published; nobody draws before."""
        return self.published is not None


_published: dict[tuple[int, str, str], Published] = {}
"""(version, hash of the rules, sealed seed) → what was read; both never change."""


def published(session: Session, vault: Vault, campaign_id: int, version: int, sealed: str) -> Published | None:
    """A version of the rules, read from the database once per process; None when there is none yet."""
    if not version or not sealed:
        return None
    sha256 = session.scalar(
        select(RuleVersion.sha256).where(RuleVersion.campaign_id == campaign_id, RuleVersion.version == version)
    )
    if sha256 is None:
        return None
    found = _published.get((version, sha256, sealed))
    if found is None:
        row = session.get_one(RuleVersion, (campaign_id, version))
        rules, values_fen = Rules.read(row.config), row.text["facts"].get("values_fen", {})
        seed = opened(vault, sealed)
        if len(_published) >= KEPT_SEEDS:
            _published.clear()
        found = _published[version, sha256, sealed] = Published(version, rules, seed, Amounts(rules, seed), values_fen)
    return found


@lru_cache(maxsize=KEPT_SEEDS)
def opened(vault: Vault, sealed: str) -> str:
    """The opened seed; opened once per process and kept in memory only."""
    return vault.open(sealed)


def read_stock(session: Session, vault: Vault, campaign: Campaign, _loaded: int, _now: datetime) -> InstantStock:
    """What a campaign has left, by its rows."""
    left = select(func.coalesce(func.sum(Prize.left), 0)).where(Prize.campaign_id == campaign.id).scalar_subquery()
    query = select(InstantTerms, left.label("left")).where(InstantTerms.campaign_id == campaign.id)
    row = session.execute(query).one_or_none()
    if row is None:
        return InstantStock(campaign.id, 0, None, vault)
    terms = row.InstantTerms
    return InstantStock(
        campaign_id=campaign.id,
        packets=int(row.left),
        published=published(session, vault, campaign.id, terms.rule_version, terms.seed_sealed),
        vault=vault,
        password=terms.password or "",
        skin=terms.skin,
        look=terms.look,
        claim_s=terms.claim_s,
        wins_per_person=terms.wins_per_person,
        wins_per_day=terms.wins_per_day,
        gap_s=terms.gap_s,
    )
