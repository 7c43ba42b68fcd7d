"""Found orders that paid what somebody had won: an award that nobody had asked for yet in the copy, or a prize of a hall whose
winner the copy does not know at all. Both end as every award does, one payout with one order.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.hall import known, unjudged
from wxbot.hall.models import Game, Hall
from wxbot.instant import awards
from wxbot.instant.models import Award, InstantTerms, Prize
from wxbot.orders.channels import CHANNELS
from wxbot.orders.found import FoundOrder, may_be
from wxbot.orders.models import Order
from wxbot.settings import Settings
from wxbot.text import Refusal, Text
from wxbot.thaw.adopt import adopt_payout
from wxbot.transitions import moved_on

LIMIT = 200

NOBODY = Text(
    "还不知道收款人：等本人领取以后，微信会说出是谁",
    "It is not known yet who has it: WeChat says so once they have taken it",
)


def awards_of(session: Session, found: FoundOrder) -> Sequence[Award]:
    """Awards that nobody had asked for in the copy and that this payment may be of, the oldest first."""
    fits = (Award.status == "open") & Award.payout_id.is_(None) & (Award.amount_fen == found.amount_fen)
    query = select(Award, Campaign, Prize, InstantTerms).join(Campaign, Campaign.id == Award.campaign_id)
    query = query.join(Prize, Prize.id == Award.prize_id).join(InstantTerms, InstantTerms.campaign_id == Campaign.id)
    query = query.where(fits, Award.kind == "money").order_by(Award.id).limit(LIMIT)
    if found.openid is not None:
        query = query.where(Award.openid == found.openid)
    return [
        award
        for award, campaign, prize, terms in session.execute(query)
        if _may_be(found, award.openid, campaign, prize, terms)
    ]


def prizes_of(session: Session, found: FoundOrder) -> Sequence[Prize]:
    """Prizes of halls that may have been won, and paid by this, in what was lost; none while nobody knows who has the money."""
    if found.openid is None:
        return ()
    query = select(Prize, Campaign, InstantTerms, Game).join(Campaign, Campaign.id == Prize.campaign_id)
    query = query.join(Hall, Hall.campaign_id == Campaign.id).join(
        InstantTerms, InstantTerms.campaign_id == Campaign.id
    )
    query = query.outerjoin(Game, Game.prize_id == Prize.id)
    may_give = Campaign.status.in_(("on", "off", "closing")) & ~Hall.is_rehearsal
    query = query.where(may_give, Prize.kind == "money", Prize.left > 0, Prize.min_fen <= found.amount_fen)
    return [
        prize
        for prize, campaign, terms, game in session.execute(query.order_by(Prize.id).limit(LIMIT))
        if unjudged.may_be_of(found, campaign, prize, terms, game)
    ]


def _may_be(found: FoundOrder, openid: str, campaign: Campaign, prize: Prize, terms: InstantTerms) -> bool:
    texts = awards.payment_texts(campaign, prize, terms.channel)
    return may_be(found, openid, found.amount_fen, CHANNELS[terms.channel].version, texts)


def adopt_award(
    session: Session, settings: Settings, found: FoundOrder, award_id: int, people: tuple[int, int], now: datetime
) -> Order:
    """This payment was that award's, which somebody had asked for in what was lost. Raises Refusal."""
    payout = awards.asked_before(session, award_id, now)
    return adopt_payout(session, settings, found, payout.id, people, now)


def adopt_prize(
    session: Session, settings: Settings, found: FoundOrder, prize_id: int, people: tuple[int, int], now: datetime
) -> Order:
    """Who has this payment had won that prize of a hall, in what was lost. Raises Refusal."""
    if found.openid is None:
        raise Refusal("nobody", NOBODY)
    if prize_id not in {prize.id for prize in prizes_of(session, found)}:
        raise moved_on()
    award = known.win(session, prize_id, found.openid, found.amount_fen, now)
    return adopt_award(session, settings, found, award.id, people, now)
