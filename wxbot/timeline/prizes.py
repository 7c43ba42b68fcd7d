"""What a person's newest prize or draw of an instant campaign says in the sentence on top of their page."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from wxbot.instant.models import Award, InstantDraw
from wxbot.money import yuan
from wxbot.payouts.models import COLLECT, Payout
from wxbot.text import Text, moment_text

Matter = tuple[datetime, int, Callable[[], Text | None]]
"""When it was, its rank among matters of that moment, and what it says."""


def matters(session: Session, openid: str) -> list[Matter]:
    """The newest award and the newest draw; of one that is on its way its payout speaks."""
    found: list[Matter] = []
    award = session.scalar(select(Award).where(Award.openid == openid).order_by(Award.id.desc()).limit(1))
    if award is not None:
        draw = session.get(InstantDraw, (award.campaign_id, award.k))
        at = max(filter(None, (draw.drawn_at if draw else None, award.tapped_at, award.settled_at)), default=None)
        if at is not None:
            found.append((at, 1, partial(_award, session, award)))
    query = select(InstantDraw).where(InstantDraw.openid == openid).order_by(InstantDraw.drawn_at.desc()).limit(1)
    newest = session.scalar(query)
    if newest is not None and newest.outcome != "won":
        found.append((newest.drawn_at, 0, partial(_draw, newest)))
    return found


def _award(session: Session, award: Award) -> Text | None:
    money = f"¥{yuan(award.amount_fen)}"
    payout = session.get(Payout, award.payout_id) if award.payout_id is not None else None
    is_waiting = award.status == "open" or (payout is not None and payout.hold == COLLECT)
    until = moment_text(award.deadline_at)
    if award.status == "given":
        return Text("中了一个兑换码，在本人的“我的奖品”里。", "Won a code; it stands on their page of prizes.")
    if award.status == "forfeited":
        return Text(
            f"中奖 {money}，到 {until.zh} 没有领取，已收回。",
            f"Won {money}, did not collect it by {until.en}, and it went back.",
        )
    if is_waiting:
        again = "上一次没有领成，" if payout is not None else ""
        return Text(
            f"中奖 {money}，{again}等本人在 {until.zh} 前点领取。",
            f"Won {money}; it waits for the person to collect it by {until.en}.",
        )
    return None


def _draw(draw: InstantDraw) -> Text:
    at = moment_text(draw.drawn_at)
    if draw.outcome == "gone":
        return Text(
            f"{at.zh} 抽奖抽到的奖品已经没有了，所以没有中奖。",
            f"Drew at {at.en} a prize that had run out, and so won nothing.",
        )
    return Text(f"{at.zh} 参加了抽奖，没有中奖。", f"Drew at {at.en}: no luck.")
