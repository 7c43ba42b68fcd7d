"""A winner whom a restored database had lost: cashiers have found the payment at WeChat, and say which prize it was.

Whoever has it already has won it: the piece is taken out of the prize, its money out of the budget, and the log says so, so that
nobody is selected for it once more. A game of which one payment was found has been played. Whoever was lost with their number
is known by their openid when they sign in again, and wins nothing that the rules give them once.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.hall import journal
from wxbot.hall.confirm import Owed, owe_people
from wxbot.hall.models import Game, Guest, Hall, HallEvent
from wxbot.instant import awards
from wxbot.instant.models import Award, InstantTerms, Prize
from wxbot.instant.owe import NotCovered
from wxbot.orders.channels import CHANNELS
from wxbot.orders.found import HAS_MONEY, UNJUDGED, FoundOrder, carries
from wxbot.orders.models import Order
from wxbot.payouts.models import PAYOUT_REASON, Payout
from wxbot.text import Refusal, Text

NOT_COVERED = Text(
    "这个奖项或预算已经不够：请先追加并批准预算，或认定为别的付款",
    "Prize or budget do not cover it: ask for and approve more first, or say that it was something else",
)


AWARDS = (
    select(Award, Prize)
    .join(Prize, Prize.id == Award.prize_id)
    .join(Payout, Payout.id == Award.payout_id)
    .join(Order, (Order.reason_kind == PAYOUT_REASON) & (Order.reason_id == Payout.id))
    .join(FoundOrder, FoundOrder.mch_billno == Order.mch_billno)
    .where(FoundOrder.reason_kind == "prize", FoundOrder.status == "adopted")
    .order_by(Award.k)
)
"""Awards of winners whom a restored database had lost, with their prizes; in a hall in the order of the lines `found`."""


def is_restored(session: Session, campaign_id: int) -> bool:
    """Whether a hall goes on behind a restore; before, its log takes no winner who was found."""
    mine = (HallEvent.campaign_id == campaign_id) & (HallEvent.kind == "restored")
    return session.scalar(select(HallEvent.seq).where(mine).limit(1)) is not None


def may_be_of(found: FoundOrder, campaign: Campaign, prize: Prize, terms: InstantTerms, game: Game | None) -> bool:
    """Whether a found order may have paid this prize to somebody. What carries the texts of something else was paid for that,
    whoever has it."""
    if (
        not prize.min_fen <= found.amount_fen <= _most_fen(prize, game)
        or found.version != CHANNELS[terms.channel].version
    ):
        return False
    return carries(found, awards.payment_texts(campaign, prize, terms.channel))


def _most_fen(prize: Prize, game: Game | None) -> int:
    """What one person gets of a prize at most."""
    if game is None or game.kind == "race":
        return prize.min_fen
    return min(int(game.terms["total_fen"]), prize.max_fen * int(game.terms["cap_per_person"]))


def is_unjudged(session: Session, campaign_id: int, game: Game | None = None) -> bool:
    """Whether a payment that nobody has judged yet may be of this game, or of any prize of a hall, in what a restore has lost.

    A red packet that nobody has taken yet has no person, and its texts all the same: where one of a rain was sent, the rain was
    played. It is taken, or goes back within a day; cashiers can say at once that it was something else.
    """
    unjudged = session.scalars(select(FoundOrder).where(UNJUDGED, HAS_MONEY)).all()
    if not unjudged:
        return False
    campaign, terms = session.get_one(Campaign, campaign_id), session.get_one(InstantTerms, campaign_id)
    query = select(Prize, Game).outerjoin(Game, Game.prize_id == Prize.id)
    query = query.where(Prize.campaign_id == campaign_id, Prize.kind == "money", Prize.left > 0)
    prizes = session.execute(query if game is None else query.where(Game.id == game.id)).all()
    return any(
        may_be_of(each, campaign, prize, terms, of_game)
        for each in unjudged
        if each.act_name is not None or is_guest(session, campaign_id, each.openid)
        for prize, of_game in prizes
    )


def is_guest(session: Session, campaign_id: int, openid: str | None) -> bool:
    """Whether this person has signed in to a hall, as far as this database knows."""
    mine = (Guest.campaign_id == campaign_id) & (Guest.openid == openid)
    return session.scalar(select(Guest.no).where(mine)) is not None


def win(session: Session, prize_id: int, openid: str, amount_fen: int, now: datetime) -> Award:
    """The award of this person, who was paid that much for a prize of a hall. Raises Refusal when the log does not allow it: a
    selection is fixed just now, nothing of the prize is open, or the game was played again."""
    prize = session.get_one(Prize, prize_id)
    hall = journal.lock(session, prize.campaign_id)
    mine = (Guest.campaign_id == prize.campaign_id) & (Guest.openid == openid)
    no = session.scalar(select(Guest.no).where(mine)) or 0
    journal.require_and_append(session, hall, "found", {"prize": prize.ordinal, "no": no}, now)
    try:
        (award,) = owe_people(session, hall, [(openid, Owed(no, prize_id, amount_fen))], now)
    except NotCovered as error:
        raise Refusal("not_covered", NOT_COVERED) from error
    return award


def know_again(session: Session, hall: Hall, guests: Sequence[Guest], now: datetime) -> None:
    """Say in the log who of these guests, who sign in just now, was found as a winner before they had a number."""
    no_of = {guest.openid: guest.no for guest in guests}
    mine = (Award.campaign_id == hall.campaign_id) & Award.openid.in_(no_of)
    won = session.execute(AWARDS.where(mine)).all()
    bodies = [{"prize": prize.ordinal, "no": no_of[award.openid]} for award, prize in won]
    if bodies:
        journal.require_and_append_all(session, hall, "returned", bodies, now)
