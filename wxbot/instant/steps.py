"""The steps of an instant campaign. Nothing is ordered beforehand: rules are published, then people draw; the close waits for what
is owed, or leaves it to its deadline, and reveals the seed. Each commits, so any worker can run the same step again.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns import close, lease
from wxbot.campaigns.launch import end
from wxbot.campaigns.mechanic import LaunchStep
from wxbot.campaigns.models import CAMPAIGN_NEXT, Campaign
from wxbot.campaigns.trouble import write_trouble
from wxbot.instant import article, versions
from wxbot.instant.codes import counts
from wxbot.instant.decide import COST, most_fen
from wxbot.instant.models import Award, InstantTerms, Prize
from wxbot.instant.stock import opened
from wxbot.instant.terms import lay
from wxbot.logs import get_logger
from wxbot.plurals import plural
from wxbot.runtime import Runtime
from wxbot.text import Refusal, Text
from wxbot.transitions import move
from wxbot.vault import Vault

log = get_logger(__name__)


def _open(runtime: Runtime, campaign: Campaign) -> int:
    """Lay the approved terms into their rows, make the seed, publish rules and the seed's hash, and let people draw."""
    with runtime.database.transaction() as session:
        now = runtime.database.now(session)
        lease.keep(session, campaign, now)
        row = session.get_one(Campaign, campaign.id)
        terms = lay(session, row)
        prizes = versions.prizes_of(session, row.id)
        fault = uncovered(session, row, prizes)
        if fault is not None:
            write_trouble(session, campaign, fault)
            return 0
        _seal_seed(runtime.vault, terms)
        config = versions.config_of(row, prizes)
        text = article.text_of(row, terms, prizes, config)
        fault = next(article.missing(text["facts"], config), None)
        if fault is not None:
            write_trouble(session, campaign, fault)
            return 0
        versions.publish(session, row, text, now)
        move(session, Campaign, campaign.id, CAMPAIGN_NEXT, "launching", "on", updated_at=now)
    campaign.status = "on"
    log.info("instant_campaign_on", campaign_id=campaign.id)
    return 1


def _seal_seed(vault: Vault, terms: InstantTerms) -> None:
    """Make the seed once; its hash goes into the rules before the first draw, the seed itself stays sealed until the close."""
    if not terms.seed_sealed:
        seed = secrets.token_hex(32)
        terms.seed_sealed = vault.seal(seed)
        terms.seed_sha256 = hashlib.sha256(seed.encode()).hexdigest()


def uncovered(session: Session, campaign: Campaign, prizes: Sequence[Prize]) -> Refusal | None:
    """Why these prizes of a campaign are not covered by its budget and its codes, or None."""
    if not prizes:
        return Refusal("prizes", Text("活动没有奖品", "the campaign has no prize"))
    if sum(most_fen(*attrgetter(*COST)(prize)) for prize in prizes) > campaign.budget_fen:
        return Refusal("budget", Text("奖品最多要花的钱超过预算", "the prizes can cost more than the budget"))
    codes = counts(session, campaign.id)
    for prize in prizes:
        if prize.kind == "code" and codes.get(prize.ordinal, 0) < prize.stock:
            missing = prize.stock - codes.get(prize.ordinal, 0)
            zh, en = (
                f"奖品“{prize.name}”还缺 {missing} 个卡密",
                f"the prize “{prize.name}” lacks {missing} {plural(missing, 'code', 'codes')}",
            )
            return Refusal("codes", Text(zh, en))
    return None


def _finish(runtime: Runtime, campaign: Campaign) -> int:
    def end_own(session: Session, campaign: Campaign, now: datetime) -> bool:
        return reveal(runtime.vault, session, campaign, now)

    return close.finish(runtime, campaign, end_own)


def reveal(vault: Vault, session: Session, campaign: Campaign, _now: datetime) -> bool:
    """Reveal the seed, when nobody is owed anything, or the rules say that awards are carried to their deadline.

    The lock waits for a draw that is being written; whoever comes later sees that the campaign is closing.
    """
    query = select(InstantTerms).where(InstantTerms.campaign_id == campaign.id).with_for_update()
    terms = session.scalars(query).one_or_none()
    if terms is None:
        return True  # closed before it was ever open
    is_open = Award.status.in_(("open", "collecting"))
    if not terms.carry and session.scalar(select(Award.id).where(Award.campaign_id == campaign.id, is_open).limit(1)):
        return False
    if terms.seed_sealed and terms.seed is None:
        terms.seed = opened(vault, terms.seed_sealed)
    return True


STEPS: dict[str, tuple[LaunchStep, ...]] = {
    "launching": (end, _open),
    "on": (end,),
    "off": (end,),
    "closing": (_finish,),
}
"""Campaign status → the steps a worker takes, in order."""
