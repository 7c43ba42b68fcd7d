"""What the console's page of a campaign shows of its lottery."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns import listing
from wxbot.campaigns.draft import tiers_of
from wxbot.campaigns.models import Campaign
from wxbot.shake.models import Lottery, Wave
from wxbot.shake.terms import terms_of
from wxbot.text import Text

WORD = Text("微信摇一摇 · 周边", "WeChat shake-around")
WAVES_SHOWN = 8


def shown(session: Session, campaign: Campaign) -> Mapping[str, Any]:
    """Its tiers, its lotteries at WeChat, and the latest waves of orders."""
    lotteries = select(Lottery).where(Lottery.campaign_id == campaign.id).order_by(Lottery.ordinal)
    waves = select(Wave).where(Wave.campaign_id == campaign.id).order_by(Wave.ordinal.desc()).limit(WAVES_SHOWN)
    return {
        "tiers": tiers_of(campaign),
        "own": terms_of(campaign),
        "lotteries": session.scalars(lotteries).all(),
        "waves": session.scalars(waves).all(),
    }


def given(session: Session, campaigns: Sequence[Campaign]) -> Mapping[int, tuple[int, int]]:
    """(packets that were drawn, packets of the draft) of each."""
    tallies = listing.tallies(session, [campaign.id for campaign in campaigns])
    return {each.id: (tallies[each.id].reached("bound"), each.packet_count) for each in campaigns}
