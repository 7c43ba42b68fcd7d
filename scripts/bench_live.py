"""The pages beside a running campaign of instant draws, at five thousand draws and at a million, each asked in turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from bench_instant import ENDLESS, STOCK
from bench_stage import BenchProblem, Figure, Ground
from bench_table import compared, open_console
from sqlalchemy import func, insert, select

from tests.instant.stage import set_wheel
from wxbot.db import Database
from wxbot.draws.counts import PAGE, VISITOR
from wxbot.draws.models import DrawCount
from wxbot.instant import sums
from wxbot.instant.models import Award, AwardStatus, InstantDraw, InstantTerms, Prize
from wxbot.runtime import Runtime
from wxbot.settings import Settings

SMALL_ROWS = 5_000
"""More than the latest draws that the runway of stock goes by, so that both sizes read as many."""

CHUNK = 20_000
ONE_WINS = 5
DAYS = 6
"""One draw in so many wins, over so many days."""

CHANNELS = ("", "poster", "menu", "shared")
STATUSES: tuple[AwardStatus, ...] = ("open", "collecting", "paid", "paid", "forfeited")

PAGES = (
    ("stock and awards", "/figures", "已到账</dt>"),
    ("people and refusals", "/funnel", "<b>{rows:,}</b>"),
    ("chart by hour", "/draws.json", '"labels":["'),
    ("ways in, hours, latest awards", "/awards", "</table>"),
)
"""What the page beside a campaign asks for again by itself, and the page of its awards; and what stands there only when it is not empty."""


def fill(settings: Settings, rows: int) -> int:
    """A campaign that is on, with `rows` draws by four ways in over some days, and awards in every status; returns its id."""
    with closing(Runtime(settings)) as runtime:
        stage = set_wheel(runtime, {"odds_ppm": 1_000_000 // ONE_WINS, "stock": STOCK}, **ENDLESS)
        campaign_id, now = stage.campaign_id, runtime.clock.now()
        begin, step = now - timedelta(days=DAYS), timedelta(days=DAYS) / rows
        counted = Counter[tuple[datetime, str, str]]()
        prize_id = stage.prizes()[0].id
        for first in range(1, rows + 1, CHUNK):
            with runtime.database.transaction() as session:
                draws, awards = list[dict[str, Any]](), list[dict[str, Any]]()
                for k in range(first, min(first + CHUNK, rows + 1)):
                    is_won, drawn_at, channel = k % ONE_WINS == 0, begin + step * k, CHANNELS[k % len(CHANNELS)]
                    openid = f"o{k:027}"
                    whose = {"campaign_id": campaign_id, "k": k, "openid": openid}
                    won = ("won", 1, 100) if is_won else ("lost", None, None)
                    draws.append(
                        whose
                        | dict(zip(("outcome", "prize_ordinal", "amount_fen"), won, strict=True))
                        | {"nonce": f"{k:040x}", "dice": k % 1_000_000, "rule_version": 1, "drawn_at": drawn_at}
                        | {"channel_code": channel}
                    )
                    hour = drawn_at.replace(minute=0, second=0, microsecond=0)
                    counted.update((hour, each, channel) for each in (PAGE, VISITOR, won[0]))
                    of_draw = (session, campaign_id, drawn_at, channel)
                    sums.add(*of_draw, "draws")
                    sums.add(*of_draw, "people")
                    if is_won:
                        status = STATUSES[k // ONE_WINS % len(STATUSES)]
                        made = {"public_id": f"a{k}", "prize_id": prize_id, "kind": "money", "amount_fen": 100}
                        when = {"won_at": drawn_at, "channel_code": channel, "deadline_at": now + timedelta(days=1)}
                        awards.append(whose | made | when | {"status": status})
                        sums.add(*of_draw, status, 1, 100)
                        person = sums.Participant(campaign_id, openid)
                        sums.reach(session, person, status, sums.Came(drawn_at, channel), is_first=True)
                session.execute(insert(InstantDraw), draws)
                session.execute(insert(Award), awards)
                session.get_one(InstantTerms, campaign_id).next_k = min(first + CHUNK, rows + 1)
                session.get_one(Prize, prize_id).left -= len(awards)
        chart(runtime.database, campaign_id, counted)
        check(runtime.database, campaign_id, rows)
        with runtime.database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")
        return campaign_id


def chart(database: Database, campaign_id: int, counted: Counter[tuple[datetime, str, str]]) -> None:
    """What each hour had of every outcome by every way in, as the web processes write it."""
    names = ("campaign_id", "hour", "outcome", "channel_code", "n")
    rows = [dict(zip(names, (campaign_id, *key, n), strict=True)) for key, n in counted.items()]
    with database.transaction() as session:
        session.execute(insert(DrawCount), rows)


def check(database: Database, campaign_id: int, rows: int) -> None:
    """What is added up is what the rows count."""
    with database.reading() as session:
        mine = sums.of(session, campaign_id)
        counted = select(func.count()).where(InstantDraw.campaign_id == campaign_id)
        won = select(func.count(), func.sum(Award.amount_fen)).where(Award.campaign_id == campaign_id)
        found = (session.scalar(counted), tuple(session.execute(won).one()))
    if (mine["draws"][0], sums.wins(mine)) != found or found[0] != rows:
        raise BenchProblem(f"added up: {mine}, counted: {found}, wanted: {rows}")


def run(ground: Ground) -> Iterator[Figure]:
    """Every page at both sizes."""
    small, big = open_console(ground, SMALL_ROWS, fill), open_console(ground, ground.size.big_rows, fill)
    for what, address, contains in PAGES:
        yield compared(ground, "live", what, address, contains, small, big)
