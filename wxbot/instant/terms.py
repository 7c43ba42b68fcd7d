"""What a campaign of instant draws decides beyond the columns of every campaign: `Campaign.terms`, and the rows it becomes.

{"prizes": [{"kind", "name", "split", "min_fen", "max_fen", "total_fen", "value_fen", "odds_ppm", "stock", "release", "when_gone"}],
and the columns of `instant_terms` in OWN}; what is left out has the column's default. The draft and its approval know only this;
the rows follow it at the launch, or earlier where codes are imported.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.instant.models import InstantTerms, Prize, PrizeCode

OWN = (
    *("wins_per_person", "wins_per_day", "winners_per_day", "gap_s", "claim_s", "channel", "needs_binding"),
    *("is_allow_only", "skin", "look", "carry", "password"),
)
"""Keys of the terms that are columns of `instant_terms`."""

PRIZE = (
    *("kind", "name", "split", "min_fen", "max_fen", "total_fen", "value_fen", "odds_ppm", "stock", "release"),
    "when_gone",
)
"""Keys of one prize that are columns of `prizes`."""


def most_fen(prize: Mapping[str, Any]) -> int:
    """What all of a prize's stock can cost at most, in fen: 0 for codes."""
    if prize.get("kind") != "money":
        return 0
    if prize.get("split") == "exact":
        return int(prize.get("total_fen", 0))
    return int(prize.get("stock", 0)) * int(prize.get("max_fen", 0))


def lay(session: Session, campaign: Campaign) -> InstantTerms:
    """Write a campaign's terms into its rows, again if need be; stock is whole again. Only before its first rules are published.

    Codes stay with the prize of their ordinal; those of a prize that is gone go with it.
    """
    row = session.get(InstantTerms, campaign.id)
    if row is None:
        row = InstantTerms(campaign_id=campaign.id)
        session.add(row)
    for name in OWN:
        if name in campaign.terms:
            setattr(row, name, campaign.terms[name])
    known = {prize.ordinal: prize for prize in session.scalars(select(Prize).where(Prize.campaign_id == campaign.id))}
    for ordinal, terms in enumerate(campaign.terms.get("prizes", ()), 1):
        prize = known.pop(ordinal, None)
        values = {name: terms[name] for name in PRIZE if name in terms}
        if prize is None:
            session.add(Prize(campaign_id=campaign.id, ordinal=ordinal, **values, left=terms["stock"]))
            continue
        for name, value in (values | {"left": terms["stock"]}).items():
            setattr(prize, name, value)
    for prize in known.values():
        session.execute(delete(PrizeCode).where(PrizeCode.prize_id == prize.id))
        session.delete(prize)
    session.flush()
    return row
