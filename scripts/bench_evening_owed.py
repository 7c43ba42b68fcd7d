"""What a rain has left behind: every packet that a phone was told it caught is owed once, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from bench_evening_stage import PACKETS, RAIN, Evening
from bench_stage import BenchProblem
from sqlalchemy import func, select

from wxbot import invariants
from wxbot.hall.models import Game, RainHit
from wxbot.instant.models import Award
from wxbot.payouts.models import Payout


def told_of(answers: Iterable[tuple[str, bytes]]) -> dict[str, int]:
    """Fen that each phone was told it caught, by openid."""
    sums: dict[str, int] = {}
    for openid, answer in answers:
        said = json.loads(answer.rpartition(b"\r\n\r\n")[2])
        if said["outcome"] == "caught":
            sums[openid] = sums.get(openid, 0) + said["fen"]
    return sums


def require_owed(evening: Evening, game: Game, caught: Mapping[str, int]) -> dict[str, int]:
    """Let the worker end the rain; what it came to. Raises BenchProblem when an award or a sum is not what phones were told.

    A claim that was carried out and whose answer said something else would be found here, too.
    """
    evening.hall.over(game)
    with evening.runtime.database.reading() as session:
        of_rain = (Award.campaign_id == game.campaign_id) & (Award.prize_id == game.prize_id)
        paid_by = Payout.id == Award.payout_id
        asked = select(Award.openid, Award.amount_fen, Payout.openid, Payout.amount_fen).outerjoin(Payout, paid_by)
        awards = session.execute(asked.where(of_rain)).tuples().all()
        fixed = select(func.count(), func.sum(RainHit.amount_fen)).where(RainHit.game_id == game.id)
        rain = session.execute(fixed).tuples().one()
        claimed = session.execute(fixed.where(RainHit.claimed_at.is_not(None))).tuples().one()
    owed = {openid: fen for openid, fen, _, _ in awards}
    unlike = sum((openid, fen) != (to, sum_) for openid, fen, to, sum_ in awards)
    broken = {name: count for name, count in invariants.check(evening.runtime.database).items() if count}
    found = {"awards": len(awards), "owed_fen": sum(owed.values()), "caught": claimed[0], "caught_fen": claimed[1] or 0}
    is_fixed = rain == (PACKETS, RAIN["total_fen"])
    if owed != caught or len(owed) != len(awards) or unlike or not is_fixed or broken:
        raise BenchProblem(
            f"a rain of {rain} owes something else than phones were told ({sum(caught.values())} fen to {len(caught)}): "
            f"{found}; {unlike} payouts are unlike their awards; broken rules: {broken}"
        )
    return found
