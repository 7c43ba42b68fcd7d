"""Instant draws a second, lost and won, beside admissions to the shake and a bare Flask view that gets the same POST."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from bench_callbacks import beside, checked
from bench_draws import SLUG, Draws, Guest, gather, post, signed_in
from bench_load import Volley
from bench_stage import BenchProblem, Figure, Ground
from sqlalchemy import func, select

from tests.instant.stage import InstantStage, set_wheel
from wxbot import budget, ledger
from wxbot.draws import admit
from wxbot.instant import nonces
from wxbot.instant.models import Award, InstantDraw, Prize
from wxbot.runtime import Runtime

LOST_AIM, WON_AIM = 0.6, 0.5
STOCK = 10_000_000
ENDLESS: dict[str, Any] = {"budget_fen": STOCK * 100, "tries_per_person": 3, "tries_per_day": 3}


def guests(runtime: Runtime, wanted: int) -> list[Guest]:
    """People who signed in."""
    return [signed_in(runtime) for _ in range(wanted)]


def tapped(stage: InstantStage, people: Sequence[Guest], path: str = "") -> list[bytes]:
    """What each person's page sends, with a nonce of their own; page tokens are good for 60 s, so make this just before."""
    runtime, now_unix = stage.runtime, stage.runtime.clock.unix()

    def body(who: Guest) -> dict[str, str]:
        token = admit.page_token(runtime, who.session_id, stage.campaign_id, now_unix)
        return {"page_token": token, "nonce": nonces.fresh(runtime.vault, stage.campaign_id, who.openid)}

    return [post(path or f"{stage.path}/draw", who, body(who)) for who in people]


def wheel(runtime: Runtime, slug: str, odds_ppm: int) -> InstantStage:
    """A campaign that is on, with more to win than anyone here can draw."""
    prize = {"odds_ppm": odds_ppm, "stock": STOCK}
    return set_wheel(runtime, prize, slug=slug, **ENDLESS)


def check(stage: InstantStage, drawn: int, won: int) -> None:
    """Every answer stands in the database as one draw, every win as one award that its budget and the ledger hold."""
    with stage.runtime.database.reading() as session:
        draws, last = session.execute(
            select(func.count(), func.max(InstantDraw.k)).where(InstantDraw.campaign_id == stage.campaign_id)
        ).one()
        awards, owed = session.execute(
            select(func.count(), func.coalesce(func.sum(Award.amount_fen), 0)).where(
                Award.campaign_id == stage.campaign_id
            )
        ).one()
        left = session.scalar(select(Prize.left).where(Prize.campaign_id == stage.campaign_id))
        kept = session.get_one(budget.Budget, stage.campaign_id).committed_fen
        posted = ledger.balances(session, stage.campaign_id).get("owed", 0)
    found = {"draws": draws, "last number": last, "awards": awards, "given": STOCK - (left or 0)}
    wanted = {"draws": drawn, "last number": drawn, "awards": won, "given": won}
    if found != wanted or not owed == kept == posted:
        raise BenchProblem(f"{found}, wanted {wanted}; owed {owed}, committed {kept}, in the ledger {posted}")


def run(ground: Ground) -> Iterator[Figure]:
    """The bare view, a lost draw, a won one and an admission to the shake, A B C D A B C D …, another person each time."""
    with closing(Draws(ground)) as case:
        runtime, n, rounds = case.runtime, ground.size.requests, ground.size.rounds
        losing, winning = wheel(runtime, "losing", 0), wheel(runtime, "winning", 1_000_000)

        def bare(n: int) -> Volley:
            return checked(ground, case.bare, tapped(losing, guests(runtime, n)), b"200", b"success")

        def lost(n: int) -> Volley:
            return checked(ground, case.web, tapped(losing, guests(runtime, n)), b"200", b'"lost"')

        def won(n: int) -> Volley:
            return checked(ground, case.web, tapped(winning, guests(runtime, n)), b"200", b'"won"')

        def admitted(n: int) -> Volley:
            return case.volley(case.web, gather(runtime, n), f"/h5/c/{SLUG}/draw", b"200", b'"admitted"')

        ways = (bare, lost, won, admitted)
        for way in ways:
            way(n // 4)
        taken = [[way(n) for way in ways] for _ in range(rounds)]
        base, of_lost, of_won, of_shake = (list(series) for series in zip(*taken, strict=True))
        drawn = n // 4 + n * rounds
        check(losing, drawn, 0)
        check(winning, drawn, drawn)
        case.check(drawn)
        yield beside("instant", "lost draw", of_lost, base, "bare Flask view", LOST_AIM, is_cpu=True)
        yield beside("instant", "won draw", of_won, base, "bare Flask view", WON_AIM, is_cpu=True)
        yield beside("instant", "lost draw", of_lost, of_shake, "admission to the shake", None)
        yield beside("instant", "won draw", of_won, of_shake, "admission to the shake", None)
