"""After a restore: payments that WeChat knows and nobody has judged yet, and which of them may have been a prize of a hall.

Until two cashiers have said what they were, somebody may have a prize of which this database knows nothing. A game does not begin
then; a selection is fixed only by a host who says that they do not wait; and who may have been paid is not confirmed.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.campaigns.models import Campaign
from wxbot.hall.evening import Evening
from wxbot.hall.models import Game, Guest, Hall
from wxbot.instant import awards
from wxbot.instant.models import InstantTerms, Prize
from wxbot.orders.channels import CHANNELS
from wxbot.orders.found import HAS_MONEY, UNJUDGED, FoundOrder, carries
from wxbot.plurals import plural
from wxbot.text import Refusal, Text


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


def of_hall(session: Session, campaign_id: int, game: Game | None = None) -> list[FoundOrder]:
    """The payments that nobody has judged yet and that may be of this game, or of any prize of a hall, in what a restore has lost.

    A red packet that nobody has taken yet has no person, and its texts all the same: where one of a rain was sent, the rain was
    played. It is taken, or goes back within a day; cashiers can say at once that it was something else.
    """
    unjudged = session.scalars(select(FoundOrder).where(UNJUDGED, HAS_MONEY)).all()
    if not unjudged:
        return []
    campaign, terms = session.get_one(Campaign, campaign_id), session.get_one(InstantTerms, campaign_id)
    query = select(Prize, Game).outerjoin(Game, Game.prize_id == Prize.id)
    query = query.where(Prize.campaign_id == campaign_id, Prize.kind == "money", Prize.left > 0)
    prizes = session.execute(query if game is None else query.where(Game.id == game.id)).all()
    return [
        each
        for each in unjudged
        if each.act_name is not None or is_guest(session, campaign_id, each.openid)
        if any(may_be_of(each, campaign, prize, terms, of_game) for prize, of_game in prizes)
    ]


def of_evening(session: Session, hall: Hall, evening: Evening, game: Game | None = None) -> list[FoundOrder]:
    """The same; nothing where no restore has lost anything, and in a rehearsal, which pays nobody."""
    return of_hall(session, hall.campaign_id, game) if evening.passed_nos and not hall.is_rehearsal else []


def is_guest(session: Session, campaign_id: int, openid: str | None) -> bool:
    """Whether this person has signed in to a hall, as far as this database knows."""
    mine = (Guest.campaign_id == campaign_id) & (Guest.openid == openid)
    return session.scalar(select(Guest.no).where(mine)) is not None


def require_judged(session: Session, hall: Hall, evening: Evening) -> None:
    """Raise Refusal while somebody may have a prize of this hall of which nobody knows: whoever is selected may then have two."""
    if n := len(of_evening(session, hall, evening)):
        raise Refusal(
            "unjudged",
            Text(
                f"恢复以前付出的 {n} 笔钱财务还没有认定，其中可能有这场的奖品：现在抽，已经得过奖的人可能再中一次。请等财务认定完；不等就勾选“不等认定”再锁定",
                f"{n} {plural(n, 'payment', 'payments')} of before the restore {plural(n, 'is', 'are')} not judged yet and may be {plural(n, 'a prize', 'prizes')} of this hall: who has one may win again. "
                "Wait for the cashiers, or tick “do not wait” and fix it again",
            ),
        )


def require_unpaid(session: Session, hall: Hall, evening: Evening, d: int, nos: Sequence[int]) -> None:
    """Raise Refusal, with their numbers, when somebody of these winners of selection `d` was found as a winner since it was fixed, so
    that the rules give them nothing more, or has been paid what may have been a prize of this hall and nobody has judged it."""
    if not evening.passed_nos:
        return
    prize = evening.prizes[evening.selections[d].prize]
    is_evening = prize.scope == "evening"
    won = {no for of, no in evening.found if of in evening.prizes and (is_evening or of == prize.prize)}
    if has := sorted(won.intersection(nos)):
        raise Refusal(
            "found",
            Text(
                f"{_listed(has, '、')} 号已经认定中过奖，照规则不能再中：请给他标“弃奖，名额重抽”，再确认其他人",
                f"Number {_listed(has, ', ')} was found to have won already, and the rules give nothing more: mark “declined, select again”, "
                "then confirm the others",
            ),
        )
    openids = {each.openid for each in of_evening(session, hall, evening)}
    mine = (Guest.campaign_id == hall.campaign_id) & Guest.no.in_(nos) & Guest.openid.in_(openids - {None})
    if maybe := session.scalars(select(Guest.no).where(mine).order_by(Guest.no)).all():
        raise Refusal(
            "unjudged",
            Text(
                f"{_listed(maybe, '、')} 号在恢复以前可能已经得过这场的奖，财务还没有认定：请等认定，或者给他标“弃奖，名额重抽”，再确认其他人",
                f"Number {_listed(maybe, ', ')} may have a prize of this hall of before the restore, which is not judged yet: wait for the cashiers, "
                "or mark “declined, select again”, then confirm the others",
            ),
        )


def _listed(nos: Collection[int], between: str) -> str:
    return between.join(map(str, nos))
