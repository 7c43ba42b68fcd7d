"""What a campaign of instant draws decides beyond the columns of every campaign: `Campaign.terms`, and the rows it becomes.

{"prizes": [{"kind", "name", "split", "min_fen", "max_fen", "total_fen", "value_fen", "odds_ppm", "stock", "release", "when_gone"}],
and the columns of `instant_terms` in OWN}; what is left out has the column's default. The draft and its approval know only this;
the rows follow it at the launch, or earlier where codes are imported.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import case, delete, select, update
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.instant.models import AllowedPerson, CampaignPicture, InstantTerms, Prize, PrizeCode
from wxbot.instant.release import DAY_S
from wxbot.orders.channels import CONFIRMED

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

CLAIM_S = 7 * DAY_S
"""How long a win can be collected where nothing else was said."""


def channel_of(terms: Mapping[str, Any]) -> str:
    """The channel that pays the prizes of a draft."""
    return str(terms.get("channel") or CONFIRMED[0])


def claim_s_of(terms: Mapping[str, Any]) -> int:
    """How many seconds a win can be collected, by a draft."""
    return int(terms.get("claim_s") or CLAIM_S)


def lay(session: Session, campaign: Campaign) -> InstantTerms:
    """Write a campaign's terms into its rows, again if need be; stock is whole again. Only before its first rules are published.

    Codes follow the name of their prize to another line, else they stay with a prize of codes on their line; those of a prize
    that is gone go with it.
    """
    row = session.get(InstantTerms, campaign.id)
    if row is None:
        row = InstantTerms(campaign_id=campaign.id)
        session.add(row)
    for name in OWN:
        if name in campaign.terms:
            setattr(row, name, campaign.terms[name])
    known = {prize.ordinal: prize for prize in session.scalars(select(Prize).where(Prize.campaign_id == campaign.id))}
    before = [(prize.id, prize.ordinal, prize.name) for prize in known.values() if prize.kind == "code"]
    for ordinal, terms in enumerate(campaign.terms.get("prizes", ()), 1):
        prize = known.pop(ordinal, None)
        values = {name: terms[name] for name in PRIZE if name in terms}
        if prize is None:
            session.add(Prize(campaign_id=campaign.id, ordinal=ordinal, **values, left=terms["stock"]))
            continue
        for name, value in (values | {"left": terms["stock"]}).items():
            setattr(prize, name, value)
    session.flush()
    _move_codes(session, campaign.id, before, {prize.id for prize in known.values()})
    for prize in known.values():
        session.delete(prize)
    session.flush()
    return row


def _move_codes(
    session: Session, campaign_id: int, before: Sequence[tuple[int, int, str]], gone: Collection[int]
) -> None:
    """Give the codes of what were prizes of codes (id, ordinal, name) to the prizes that they belong to now."""
    mine = (Prize.campaign_id == campaign_id, Prize.kind == "code", Prize.id.not_in(gone))
    rows = session.execute(select(Prize.id, Prize.ordinal, Prize.name).where(*mine)).all()
    by_name, by_ordinal = {row.name: row.id for row in rows}, {row.ordinal: row.id for row in rows}
    is_lost = PrizeCode.lost_k.is_not(None)  # somebody has it: it must not be read in again
    goes_to = {old: by_name.get(name, by_ordinal.get(ordinal)) for old, ordinal, name in before}
    for old, new in goes_to.items():
        if new is None:
            session.execute(update(PrizeCode).where(PrizeCode.prize_id == old, is_lost).values(prize_id=None))
            session.execute(delete(PrizeCode).where(PrizeCode.prize_id == old))
    moved = {old: new for old, new in goes_to.items() if new is not None and new != old}
    if moved:
        column = PrizeCode.prize_id
        session.execute(
            update(PrizeCode).where(column.in_(list(moved))).values(prize_id=case(moved, value=column, else_=column))
        )


def forget(session: Session, campaign_id: int) -> None:
    """Delete what a draft that is deleted has in the rows of this room; nothing was drawn from it."""
    tables: tuple[Any, ...] = (PrizeCode, Prize, InstantTerms, AllowedPerson, CampaignPicture)
    for table in tables:
        session.execute(delete(table).where(table.campaign_id == campaign_id))
